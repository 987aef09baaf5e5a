import { spawn, spawnSync } from "child_process";
import * as fs from "fs";
import * as path from "path";
import { Client, configFile, eventually, labFolder, must, onNode, report, root, run, since, upWith } from "./lab";
import { changedBy, expectSteadyState, realServers, threeNodes } from "./state";

const { nodes } = threeNodes;
const peerOf = (node: string): string => (node === "node1" ? "node2" : "node1");

/** Registers a client on a node, as SMT does. */
const register = (node: string, guid: string): string =>
  onNode(node, `mysql smt -e "INSERT INTO Clients (GUID, HOSTNAME) VALUES ('${guid}', 'test')"`);
/** The clients of the tests that a node knows. */
const registered = (node: string): string =>
  onNode(node, "mysql -N smt -e \"SELECT GUID FROM Clients WHERE HOSTNAME = 'test' ORDER BY GUID\"").replace(
    /\n/g,
    " ",
  );
const replicates = (node: string): string =>
  onNode(node, "mysql -e 'SHOW SLAVE STATUS\\G' | sed -n 's/ *Slave_\\(IO\\|SQL\\)_Running: //p'").replace(/\n/g, " ");

/** Every value that the stack keeps encrypted. */
function secrets(): string[] {
  const state = must("sh", "-c", "lab/stack dev stack export --show-secrets 2>/dev/null");
  const found = new Set<string>();
  const collect = (value: unknown): void => {
    if (typeof value !== "object" || value === null) {
      return;
    }
    if ("plaintext" in value) {
      const text: unknown = JSON.parse(String(value.plaintext));
      // A step's input can hold a secret among much that is none: the generated values themselves are in the state as well.
      if (typeof text === "string" && !text.includes("\n")) {
        found.add(text);
      }
    }
    Object.values(value).forEach(collect);
  };
  collect(JSON.parse(state));
  return [...found].filter((text) => text.length > 7);
}

/** The databases lose nothing when a part of the system stops. Also: changes of the service while it serves. */
export function database(): void {
  describe("the databases", () => {
    beforeAll(async () => {
      await eventually(300, () => expectSteadyState());
      onNode("node1", "mysql smt -e \"DELETE FROM Clients WHERE HOSTNAME = 'test'\"");
    });

    test("catch up with what was written while one was stopped", async () => {
      onNode("node2", "systemctl stop mariadb");
      for (let number = 0; number < 10; number++) {
        register("node1", `stopped-${number}`);
      }
      onNode("node2", "systemctl start mariadb");
      const start = Date.now();
      await eventually(120, () => expect(registered("node2")).toBe(registered("node1")));
      report("database started to caught up", since(start));
      expect(registered("node2").split(" ")).toHaveLength(10);
      await eventually(120, () => expect(replicates("node1")).toBe("Yes Yes"));
    });

    test("have all that was written on either while they did not see each other", async () => {
      const cut =
        "table inet cut { chain input { type filter hook input priority -10; tcp dport 3306 drop; tcp sport 3306 drop; }; }";
      for (const node of realServers) {
        onNode(node, `nft '${cut}'`);
      }
      for (const node of realServers) {
        register(node, `cut-${node}`);
      }
      for (const node of realServers) {
        expect(registered(node)).toContain(`cut-${node}`);
        expect(registered(node)).not.toContain(`cut-${peerOf(node)}`);
        onNode(node, "nft delete table inet cut");
      }
      const start = Date.now();
      for (const node of realServers) {
        await eventually(180, () => expect(registered(node)).toContain(`cut-${peerOf(node)}`));
      }
      report("databases see each other to both have all", since(start));
      expect(registered("node1")).toBe(registered("node2"));
    });
  });

  describe("while it serves", () => {
    /** Runs an `up` that changes something, which no client must notice; gives what it changed. */
    function serving(...args: string[]): string[] {
      const client = new Client();
      const { code, output } = run("lab/stack", "dev", "up", ...args);
      expect([code, client.stop().filter(({ status }) => status !== 200)]).toEqual([0, []]);
      return changedBy(output).sort();
    }

    test("takes a new password for the replication, which nobody can see", async () => {
      // What runs on the nodes meanwhile, as anyone there can list it; until nobody reads it any more.
      const watch = "while cat /proc/[0-9]*/cmdline 2>/dev/null | tr '\\0' ' '; do sleep 0.2; done";
      // Into files, since what runs meanwhile leaves this process no time to read.
      const watching = realServers.map((node) => {
        const file = path.join(labFolder, `processes-${node}.log`);
        const out = fs.openSync(file, "w");
        const child = spawn("lab/ssh", [node, watch], { cwd: root, stdio: ["ignore", out, "ignore"] });
        fs.closeSync(out);
        return { file, end: () => child.kill() };
      });
      const changed = serving("--replace", "**::databases-replication");
      watching.forEach(({ end }) => end());

      expect(changed).toEqual(
        [
          "databases-replication",
          ...["seed", "replicate", "verify"].flatMap((step) => realServers.map((node) => `${node}-database-${step}`)),
        ].sort(),
      );
      for (const node of realServers) {
        await eventually(60, () => expect(replicates(node)).toBe("Yes Yes"));
      }
      for (const secret of secrets()) {
        for (const { file } of watching) {
          const text = fs.readFileSync(file, "utf8");
          expect(text.length).toBeGreaterThan(1000);
          expect(text).not.toContain(secret);
        }
      }
    });

    test("takes another setting of SMT: its file, and nothing else", () => {
      const file = configFile("sources", { "smt-ha:mirrorSources": "true" });
      expect(serving("--config-file", file)).toEqual(realServers.map((node) => `${node}-smt-configure`));
      for (const node of realServers) {
        expect(onNode(node, "grep ^MirrorSRC= /etc/smt.conf; stat -c '%a %U:%G' /etc/smt.conf")).toBe(
          "MirrorSRC=true\n640 root:www-data",
        );
      }
      expect(serving()).toEqual(realServers.map((node) => `${node}-smt-configure`));
    });

    test("takes another authority: clients that trust it are served throughout", async () => {
      const before = onNode("node1", "openssl x509 -noout -serial -in /var/www/html/smt.crt");
      const file = configFile("authority", { "smt-ha:caSubject": "/O=smt-ha/CN=another root CA" });
      const changed = serving("--config-file", file);
      expect(changed.every((name) => /-certificate-/.test(name))).toBe(true);
      expect(changed).toContain("node1-certificate-authority");
      expect(changed).toContain("node2-certificate-install");
      expect(onNode("node1", "openssl x509 -noout -serial -in /var/www/html/smt.crt")).not.toBe(before);
      must(
        "lab/client",
        "curl",
        "-fsS",
        "-o",
        "/usr/local/share/ca-certificates/smt.crt",
        "http://smt.smt-ha.lab/smt.crt",
      );
      must("lab/client", "update-ca-certificates");
      expect(must("lab/client", "curl", "-fsS", "https://smt.smt-ha.lab/test.html")).toBe("still alive");
      await eventually(90, () => expectSteadyState());
      serving();
    });
  });

  test("no secret is in the nodes' logs and readable files, or in the state", () => {
    const all = secrets();
    expect(all.length).toBeGreaterThan(5);
    for (const node of nodes) {
      const search =
        "f=$(mktemp); cat >$f; journalctl -b --no-pager | grep -cF -f $f; grep -rlF -f $f /var/log /tmp /root 2>/dev/null | grep -v ^$f; " +
        "find / -xdev -type f -perm -o=r -size -2M ! -path $f -print0 | xargs -0 grep -lF -f $f; rm $f";
      const { stdout } = spawnSync("lab/ssh", [node, search], { cwd: root, input: all.join("\n"), encoding: "utf8" });
      expect([node, stdout]).toEqual([node, "0\n"]);
    }
    const state = must("lab/stack", "dev", "stack", "export");
    const preview = must("lab/stack", "dev", "preview", "--diff");
    for (const secret of all) {
      expect(state).not.toContain(secret);
      expect(preview).not.toContain(secret);
    }
  });

  test("an up while a node is down names the node, and the next one finishes the work", async () => {
    must("lab/vcenter", "power-off", "node2");
    const { code, output } = upWith("node-down", { "smt-ha:mirrorSources": "true" });
    expect(code).not.toBe(0);
    expect(output).toMatch(/node2-smt-configure/);
    expect(output).toMatch(/192\.0\.2\.12/);
    must("lab/vcenter", "power-on", "node2");
    await eventually(300, () => onNode("node2", "true"));
    expect(upWith("node-up", { "smt-ha:mirrorSources": "true" }).code).toBe(0);
    expect(onNode("node2", "grep ^MirrorSRC= /etc/smt.conf")).toBe("MirrorSRC=true");
    must("make", "up");
    await eventually(300, () => expectSteadyState());
  });
}
