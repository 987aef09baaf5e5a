import * as crypto from "crypto";
import * as fs from "fs";
import * as os from "os";
import * as path from "path";
import { parseSections } from "../../components/stepCommand";
import { Disk } from "../support/disk";
import { TestNode } from "../support/node";
import { runProgram } from "../support/program";
import { pem, type Recorded } from "../support/recorder";
import { labSecrets, stackValues } from "../support/stack";

// All steps of a node, in the program's order, on a SLES made of a tree of files and stand-ins for its
// commands that behave (support/sles): twice, of which the second time changes nothing.

// There is no service to ask.
jest.mock("../../report/serviceReport", () => ({ serviceReport: () => Promise.resolve("") }));

const folder = fs.mkdtempSync(path.join(os.tmpdir(), "smt-ha-sles-"));
const key = path.join(folder, "id_rsa");
fs.writeFileSync(
  key,
  crypto.generateKeyPairSync("rsa", { modulusLength: 2048 }).privateKey.export({ type: "pkcs1", format: "pem" }),
);
afterAll(() => fs.rmSync(folder, { recursive: true }));

const stack = (platform: string): Record<string, string> => ({
  ...stackValues("dev", labSecrets),
  "smt-ha:platform": platform,
  "smt-ha:machines": "existing",
  "smt-ha:sshPrivateKeyFile": key,
  "smt-ha:target": "iqn.2026-01.com.example:smt",
  "smt-ha:chapUser": "",
  "smt-ha:chapSecret": "",
  "smt-ha:caSubject": "/O=Example/CN=Example SMT CA",
});

const requestOf = (node: string): string =>
  `-----BEGIN CERTIFICATE REQUEST-----\n${node}\n-----END CERTIFICATE REQUEST-----\n`;

/** The results that the program's mocks give, each with the real one: known once its step has run. */
const real = new Map<string, string>([["cluster-authkey-hush", "authkey-hush".repeat(22).slice(0, 256)]]);
const withReal = (text: string): string =>
  [...real].reduce((result, [mock, value]) => result.split(mock).join(value), text);

/** The resources in an order in which Pulumi could make them: each after its dependencies, else by name. */
function inOrder(resources: readonly Recorded[]): Recorded[] {
  const byId = new Map(resources.map((resource) => [resource.id, resource]));
  const ordered = new Set<Recorded>();
  const add = (resource: Recorded | undefined): void => {
    if (resource && !ordered.has(resource)) {
      resource.after.forEach((id) => add(byId.get(id)));
      ordered.add(resource);
    }
  };
  // Not as they were created: that differs from run to run.
  [...byId.keys()].sort().forEach((id) => add(byId.get(id)));
  return [...ordered];
}

/** The steps of a node in their order, without those of the database, which need a real server. */
const stepsOf = (resources: readonly Recorded[], node: string): Recorded[] =>
  inOrder(resources).filter(
    ({ type, name, inputs }) =>
      type === "command:remote:Command" &&
      name.startsWith(`${node}-`) &&
      /^smt-ha (?!database\/)/.test(String(inputs.create)),
  );

interface Outcome {
  readonly step: string;
  readonly code: number | null;
  readonly stderr: string;
  readonly calls: readonly string[];
}

function runAll(node: TestNode, steps: readonly Recorded[]): Outcome[] {
  const outcomes: Outcome[] = [];
  for (const { name, inputs } of steps) {
    const stdin = inputs.stdin as string | { secret: string } | undefined;
    const text = typeof stdin === "object" ? stdin.secret : (stdin ?? "");
    const { code, stdout, stderr } = node.run(String(inputs.create), withReal(text));
    outcomes.push({ step: name.replace(/^node\d-/, ""), code, stderr: stderr.trim(), calls: node.calls() });
    if (code !== 0) {
      throw new Error(`${name}: exit code ${code}\n${stderr}\n${node.run("tail -n 40 /var/log/smt-ha/*.log").stdout}`);
    }
    if (name.endsWith("-certificate-authority")) {
      real.set(pem("root"), stdout);
    } else if (name.endsWith("-certificate-request")) {
      real.set(requestOf(name.split("-")[0]), stdout);
    } else if (name.endsWith("-certificate-sign")) {
      for (const [signed, certificate] of Object.entries(parseSections(stdout))) {
        real.set(pem(signed), certificate);
      }
    }
  }
  return outcomes;
}

/** The changing commands of a run, in order, without what differs from run to run. */
const transcript = (outcomes: readonly Outcome[]): string =>
  outcomes
    .flatMap(({ step, calls }) => [
      `== ${step}`,
      ...calls.map((call) => call.replace(/\/dev\/shm\/smt-ha\.\w+/g, "STEP").replace(/loop\d+/g, "loop")),
    ])
    .join("\n");

const changingFiles = [
  "/etc/hosts",
  "/etc/ntp.conf",
  "/etc/sysconfig/*",
  "/etc/sysctl.conf",
  "/etc/sysctl.d/*",
  "/etc/init.d/*",
  "/etc/modules-load.d/*",
  "/etc/systemd/system/*.d/*",
  "/etc/systemd/system/smt-ha-*",
  "/etc/iscsi/initiatorname.iscsi",
  "/etc/corosync/corosync.conf",
  "/etc/ha.d/*",
  "/etc/smt.conf",
  "/etc/smt.d/*",
  "/etc/smt-ha/health.*",
  "/etc/cron.d/*",
  "/etc/apache2/default-server.conf",
  "/etc/apache2/conf.d/*",
];

/** Files whose whole text the program renders: snapshots of the components hold it. */
const renderedFiles = [
  "/etc/sysconfig/sbd",
  "/etc/corosync/corosync.conf",
  "/etc/ha.d/ldirectord.cf",
  "/etc/apache2/conf.d/smt-ha-health.conf",
];

/** Names, modes and owners of the files that the program writes, with their text, or its checksum if it is rendered. */
const filesOf = (node: TestNode): string =>
  node.check(
    `for file in ${changingFiles.join(" ")}; do
       [ -f $file ] || continue
       about="=== $file $(stat -c '%a %U:%G' $file)"
       case " ${renderedFiles.join(" ")} " in
       *" $file "*) echo "$about $(cksum <$file)" ;;
       *) echo "$about"; cat $file ;;
       esac
     done
     find /srv/www/htdocs -type l -printf '=== %p -> %l %u:%g\\n' | sort`,
  );
/** Every file of the system's and the program's own, with owner, mode and checksum; a password has a new salt each time. */
const everyFile = (node: TestNode): string =>
  node.check(
    `places='/etc /srv /usr/lib/SMT /var/lib/smt-ha'
     find $places -xdev \\( -type f -o -type l \\) ! -name 'shadow*' -printf '%p %m %u:%g %l\\n' | sort
     find $places -xdev -type f ! -name 'shadow*' -exec cksum {} + | sort -k 3`,
  );

const hosts = {
  node1: { role: "smt", address: "192.0.2.11" },
  node3: { role: "director", address: "192.0.2.13" },
} as const;

const run = (platform: string): ReturnType<typeof runProgram> =>
  runProgram(stack(platform), {
    results: Object.fromEntries(["node1", "node2"].map((node) => [`${node}-certificate-request`, requestOf(node)])),
  });
// One after the other: each loads the program's modules again.
const programs = (async () => ({ sles11: await run("sles11"), sles12: await run("sles12") }))();

describe.each(["sles11", "sles12"] as const)("%s", (platform) => {
  test("warns of the plain replication, and of nothing else", async () => {
    expect((await programs)[platform].warnings).toEqual([
      expect.stringMatching(/^the replication between the databases is not encrypted: /),
    ]);
  });

  test.each(Object.entries(hosts))(
    "all steps of %s, twice",
    async (name, { role, address }) => {
      const { recording, outputs } = (await programs)[platform];
      expect(outputs.error).toBeUndefined();
      const steps = stepsOf(recording.resources, name);
      const node = await TestNode.start({ name, address, platform });
      const disk = new Disk(node);
      try {
        prepare(node, disk, platform, role);
        const first = runAll(node, steps);
        expect(transcript(first)).toMatchSnapshot("transcript");
        expect(filesOf(node)).toMatchSnapshot("files");
        expect(node.run("cat /run/doubles/refused").stdout).toBe("");

        // No step takes the work of another one for a change by hand.
        const { files } = JSON.parse(node.step("node/status", { only: "files" }).stdout) as { files: unknown };
        expect(files).toEqual({ changed: [] });

        const before = everyFile(node);
        const second = runAll(node, steps);
        expect(everyFile(node)).toBe(before);
        // Only steps that report a state say something.
        expect(
          second.filter(({ step, stderr }) => stderr && !/preflight|director-verify|smt-mirror/.test(step)),
        ).toEqual([]);
        expect(transcript(second.filter(({ calls }) => calls.length > 0))).toMatchSnapshot("second transcript");
        expect(node.run("cat /run/doubles/refused").stdout).toBe("");
        expect(
          node
            .filesWith("hush")
            .filter((file) => !/^\/(run|etc\/(smt\.conf|smt-ha\/health\.cnf|corosync\/authkey)|root)/.test(file)),
        ).toEqual([]);
      } finally {
        await node.stop();
        disk.detach();
      }
    },
    300_000,
  );

  test("the preflight lists all that the node lacks at once", async () => {
    const { recording } = (await programs)[platform];
    const [preflight] = stepsOf(recording.resources, "node1");
    const node = await TestNode.start({ platform });
    try {
      node.addDefaultRoute();
      node.write("/run/doubles/archive", "ntp\nparted\nopen-iscsi\nopenssl\napache2\n");
      node.write("/run/doubles/packages", "ntp\n");
      const { code, stderr } = node.run(String(preflight.inputs.create));
      expect(code).toBe(1);
      expect(stderr).toMatchSnapshot();
    } finally {
      await node.stop();
    }
  }, 60_000);
});

/** What a node of this role has before the program comes: an SSH server, package sources, the target, and a kernel. */
function prepare(node: TestNode, disk: Disk, platform: string, role: "smt" | "director"): void {
  const target = "/run/doubles/targets/iqn.2026-01.com.example:smt";
  node.write("/run/doubles/packages", "");
  node.write("/run/doubles/cib-nothing", platform === "sles11" ? "22" : "6");
  node.write(
    "/run/doubles/archive",
    node.check(
      'PATH=/usr/local/sbin:$PATH SMT_HA=/usr/local/lib/smt-ha; . $SMT_HA/platform.sh; echo $(packages_of smt) $(packages_of director) $SMT_PACKAGES | tr " " "\\n"',
    ),
  );
  // Another portal's record, which must stay.
  node.write("/etc/iscsi/nodes/iqn.2020-01.com.example:other/198.51.100.3,3260,1/default", "node.startup = manual\n");
  node.write(`${target}/portal`, "192.0.2.3:3260,1");
  node.write(`${target}/luns`, "1\n");
  node.write(`${target}/device`, node.check(`readlink ${disk.device}`));
  node.check("ip address add 192.0.2.3/32 dev lo");
  node.addDefaultRoute();
  for (const port of [22, 3260]) {
    const listen = `IO::Socket::INET->new(LocalPort => ${port}, Listen => 5)`;
    node.start(`exec perl -MIO::Socket::INET -e '$s = ${listen} or die; while ($c = $s->accept) { close $c }'`);
  }
  // SUSE's catalogue, and the request of the other SMT node.
  node.write("/run/doubles/upstream", "N|nu|Lab-Pool|sles-11-x86_64|Lab pool|Y|http://192.0.2.4/pool\n");
  node.write("/run/doubles/upstream-products", "100001|434|suse_sles/11.1/x86_64|\n");
  real.set(
    requestOf("node2"),
    node.check("openssl req -new -newkey rsa:2048 -nodes -keyout /dev/null -subj /CN=node2 2>/dev/null"),
  );
  // The cluster has the service address on the director.
  if (role === "smt") {
    node.write("/run/doubles/lvs-on", "node3");
  }
  if (role === "director") {
    // As the first SMT node has left it.
    disk.change("parted -s $disk mklabel gpt mkpart smtha-sbd 1MiB 17MiB mkpart smtha-data 17MiB 100%");
  }
}
