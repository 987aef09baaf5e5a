import * as fs from "fs";
import * as path from "path";
import { parse } from "yaml";
import { Download } from "./download";
import { eventually, expectFailure, inLab, labFolder, must, onNode, report, root, run, since, upWith } from "./lab";
import { filesOf } from "../support/archive";
import { secrets } from "./secrets";
import {
  expectSteadyState,
  full,
  moveTo,
  realServers,
  sharedTarget,
  table,
  tableOf,
  threeNodes,
  trustService,
} from "./state";

const repositories = ["RPMMD/lab-updates", "$RCE/Lab-Pool/sles-11-x86_64"];
const url = (path: string): string => `https://smt.smt-ha.lab/${path}`;

/** Runs a command as a client of the service, which trusts only the CAs in its own directory. */
const client = (...command: string[]): string => must("lab/client", ...command);
const zypper = (...args: string[]): string => client("zypper", "--non-interactive", "--no-gpg-checks", ...args);

/** What the client has downloaded, with checksums, such as `1a2b…  ./lab-updates/noarch/lab-manual-1.2-1.noarch.rpm`. */
const downloads = (): string =>
  client("sh", "-c", "cd /var/cache/zypp/packages && find . -name '*.rpm' -exec sha256sum {} + | sort -k 2");

/** Forgets all that the client has got from the service, and gets it again. */
function downloadAnew(): string {
  zypper("clean", "--all");
  zypper("refresh", "--force");
  zypper("download", "lab-manual", "lab-release", "lab-base");
  return downloads();
}

/** The names of the repositories that a node lists as mirrored. */
const mirrored = (node: string): string[] =>
  [...onNode(node, "smt-catalogs -o -b").matchAll(/^\|(?:[^|]*\|){3} *([^ |]+) *\|/gm)].map(([, name]) => name).sort();

const configured = (
  parse(fs.readFileSync(path.join(root, "Pulumi.dev.yaml"), "utf8")) as {
    config: { "smt-ha:repositories": unknown[] };
  }
).config["smt-ha:repositories"];
const oneMore = {
  "smt-ha:repositories": [
    ...configured,
    {
      name: "lab-tools",
      productId: "SUSE_SLES/11.1/x86_64",
      description: "Lab tools",
      url: "http://192.0.2.4/lab-tools/",
    },
  ],
};

/** The service as its clients see it, with the real zypper, and the repositories behind it. */
export function service(): void {
  describe("the service", () => {
    let packages: string;

    beforeAll(async () => {
      await eventually(300, () => expectSteadyState());
      fs.rmSync(path.join(labFolder, "client"), { recursive: true, force: true });
    });

    test("is not trusted by a client that does not have its CA", () => {
      const { code } = run("lab/client", "curl", "-sS", "--max-time", "20", url("test.html"));
      // 60: not verified; 77: nothing to verify with.
      expect([60, 77]).toContain(code);
    });

    test("is verified by its name, with the authority that it hands out", () => {
      trustService();
      expect(client("curl", "-fsS", "--max-time", "20", url("test.html"))).toBe("still alive");
      // Each real server by the same name.
      for (const server of realServers) {
        const direct = `smt.smt-ha.lab:443:192.0.2.1${server.slice(-1)}`;
        expect(client("curl", "-fsS", "--max-time", "20", "--resolve", direct, url("test.html"))).toBe("still alive");
      }
    });

    test("gives zypper what upstream has", () => {
      for (const repository of repositories) {
        zypper("addrepo", url(`repo/${repository}/`), repository.split("/")[1]);
      }
      packages = downloadAnew();
      const sums = inLab(
        `for file in lab-updates/noarch/lab-manual-1.2-1 lab-updates/noarch/lab-release-1.0-1; do
           curl -fsS "http://192.0.2.4/$file.noarch.rpm" | sha256sum | cut -d ' ' -f 1
         done`,
      ).split("\n");
      expect(packages.split("\n").map((line) => line.replace(/^\S+ +.*\//, ""))).toEqual([
        "lab-base-11.1-1.noarch.rpm",
        "lab-manual-1.2-1.noarch.rpm",
        "lab-release-1.0-1.noarch.rpm",
      ]);
      expect(packages).toContain(`${sums[0]}  ./lab-updates/noarch/lab-manual`);
      expect(packages).toContain(`${sums[1]}  ./lab-updates/noarch/lab-release`);
    });

    test.each(realServers)("goes on for zypper while Apache is stopped on %s", async (server) => {
      const other = realServers.find((node) => node !== server) ?? "";
      onNode(server, "systemctl stop apache2");
      try {
        const stopped = Date.now();
        await eventually(90, () => expect(table()).toEqual(tableOf(other)));
        report("Apache stopped to real server out", since(stopped));
        const start = Date.now();
        expect(downloadAnew()).toBe(packages);
        report(`refresh and download without ${server}`, since(start));
      } finally {
        onNode(server, "systemctl start apache2");
      }
      const started = Date.now();
      await eventually(90, () => expect(table()).toEqual(full));
      report("Apache started to real server in", since(started));
    });

    test("lets a download go on while the address moves to another node and back", async () => {
      const download = new Download(1200);
      const connection = await eventually(20, () => download.connection());
      moveTo(download.server());
      moveTo("node3");
      expect(download.connection()).toBe(connection);
      await download.expectWhole();
    });

    test("is diagnosed without a secret", () => {
      const archive = path.join(labFolder, "diagnose.tar.gz");
      const start = Date.now();
      const { code } = run("lab/smt-ha", "diagnose", "--output", archive);
      report("diagnose", since(start));
      // Pending packages and the like are no fault of this.
      expect([0, 1]).toContain(code);
      const files = filesOf(archive);
      for (const node of threeNodes.nodes) {
        expect(files[`${node}/cluster/crm_mon.txt`]).toMatch(/partition with quorum/);
        expect(files[`${node}/iscsi/sessions.txt`]).toContain(sharedTarget);
        expect(files[`${node}/logs/cluster.txt`].length).toBeGreaterThan(1000);
        expect(Object.keys(files).filter((file) => file.startsWith(`${node}/`) && file.includes("incomplete"))).toEqual(
          [],
        );
      }
      for (const node of realServers) {
        expect(files[`${node}/smt/smt.conf.txt`]).toMatch(/^pass=\[removed\]$/m);
        expect(files[`${node}/database/link.txt`]).toMatch(/Slave_SQL_Running: Yes/);
      }
      const known = secrets();
      expect(known.length).toBeGreaterThan(5);
      for (const [file, text] of Object.entries(files)) {
        expect([file, known.filter((secret) => text.includes(secret)).length]).toEqual([file, 0]);
      }
      fs.rmSync(archive);
    });

    test("lists on each node what was added on the other", async () => {
      const custom = "--description 'Lab tools' --exturl http://192.0.2.4/lab-tools/";
      const product = onNode("node1", "mysql -N smt -e 'SELECT ID FROM Products WHERE PRODUCTDATAID = 434'").trim();
      for (const [here, there] of [realServers, [...realServers].reverse()]) {
        onNode(here, `smt-setup-custom-repos --productid ${product} --name from-${here} ${custom}`);
        await eventually(30, () => expect(mirrored(there)).toContain(`from-${here}`));
        // Not only disabled: no client of the product could register.
        onNode(there, `echo y | smt-setup-custom-repos --delete $(printf from-${here} | sha1sum | cut -d ' ' -f 1)`);
        await eventually(30, () => expect(mirrored(here)).not.toContain(`from-${here}`));
      }
    });
  });

  describe("mirroring that fails names its cause, and the next up goes on", () => {
    const added = url("repo/RPMMD/lab-tools/repodata/repomd.xml");

    // What an earlier run has mirrored would not be fetched again.
    beforeAll(() => onNode("node1", "rm -rf /smt/repo/RPMMD/lab-tools"));

    test("upstream cannot be reached", () => {
      inLab("ip addr del 192.0.2.4/24 dev lab0");
      const { code, output } = upWith("unreachable", oneMore);
      must("lab/up");
      expect(code).not.toBe(0);
      expectFailure(output, "smt/mirror", /this node cannot reach upstream: .*192\.0\.2\.4/);
      expect(run("lab/client", "curl", "-fsS", added).code).toBe(22);
    });

    // Before anything of the new repository is there.
    test("the shared file system is full", () => {
      onNode(
        "node1",
        "fallocate -l $(df --output=avail -B1 /smt | tail -n 1) /smt/ballast; dd if=/dev/zero of=/smt/rest bs=4k || true",
      );
      const { code, output } = upWith("full", oneMore);
      onNode("node1", "rm -f /smt/ballast /smt/rest");
      expect(code).not.toBe(0);
      expectFailure(output, "smt/mirror", /the shared file system is full/);
    });

    test("upstream refuses the mirror credentials", () => {
      const { code, output } = upWith("credentials", { ...oneMore, "smt-ha:nuPassword": "wrong-secret" });
      expect(code).not.toBe(0);
      expectFailure(output, "smt/mirror", /upstream refuses the mirror credentials: .*401/);
    });

    test("and then it goes through, with one repository more", () => {
      const { code } = upWith("more", oneMore);
      expect(code).toBe(0);
      expect(client("curl", "-fsS", added)).toContain("<repomd");
      for (const node of realServers) {
        expect(mirrored(node)).toEqual(["Lab-Pool", "lab-tools", "lab-updates"]);
      }
    });

    test("and back again, when it is taken off the list", async () => {
      expect(run("make", "up").code).toBe(0);
      for (const node of realServers) {
        await eventually(30, () => expect(mirrored(node)).toEqual(["Lab-Pool", "lab-updates"]));
      }
    });
  });
}
