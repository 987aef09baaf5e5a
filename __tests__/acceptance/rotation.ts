import * as fs from "fs";
import * as path from "path";
import { replicates } from "./database";
import {
  bootOf,
  Client,
  configFile,
  eventually,
  killWhen,
  labFolder,
  must,
  onNode,
  outage,
  report,
  root,
  run,
  runWith,
  since,
  sleep,
} from "./lab";
import { generated, isPassword } from "./secrets";
import {
  changedBy,
  expectSteadyState,
  realServers,
  resourceHistory,
  services,
  threeNodes,
  trustService,
} from "./state";

const { nodes } = threeNodes;

/** Rotates something while clients ask; no request may fail. Gives what the command printed. */
async function served(rotated: string): Promise<string> {
  const clients = [new Client(), new Client(5, "https")];
  const start = Date.now();
  const { code, output } = run("lab/smt-ha", "rotate", rotated, "--yes");
  report(`${rotated} rotated`, since(start));
  // A node that is lost shows after some token timeouts.
  await sleep(20);
  const failures = clients.flatMap((client) => client.stop().filter(({ status }) => status !== 200));
  expect([code, failures, output]).toEqual([0, [], expect.stringContaining(`rotate ${rotated} of stack dev: `)]);
  expect(output).toContain("\nrotated: ");
  return output;
}

const keys = (): string[] => nodes.map((node) => onNode(node, "cat /etc/corosync/authkey"));
const pending = (): string[] => nodes.map((node) => onNode(node, "ls /var/lib/smt-ha | grep authkey || true"));

/** Runs a step on all nodes at the same time. */
function onEach(step: string): void {
  const each = nodes.map((node) => `lab/ssh ${node} smt-ha ${step} || echo ${node} failed & `).join("");
  expect(must("sh", "-c", `${each} wait`)).not.toContain("failed");
}

/** Secrets are replaced by new ones. Some thirty minutes. */
export function rotation(): void {
  describe("a secret is rotated while the service serves:", () => {
    beforeAll(() => eventually(300, expectSteadyState));
    afterEach(() => eventually(120, expectSteadyState));

    test("the password of hacluster", async () => {
      const before = generated("cluster-hacluster");
      nodes.forEach((node) => expect([node, isPassword(node, before)]).toEqual([node, true]));
      const output = await served("hacluster");
      const after = generated("cluster-hacluster");
      expect(after).toHaveLength(24);
      expect(output).not.toContain(after);
      nodes.forEach((node) =>
        expect([node, isPassword(node, after), isPassword(node, before)]).toEqual([node, true, false]),
      );
    });

    test("the password of the replication", async () => {
      const before = generated("databases-replication");
      /** Logs in on the other server's database, as the link does. */
      const login = (password: string): { code: number | null; output: string } =>
        runWith(
          `[client]\nuser=smt_replication\npassword="${password}"\n`,
          "lab/ssh",
          "node2",
          "f=$(mktemp); cat >$f; mysql --defaults-file=$f --ssl -h 192.0.2.11 -N -e 'SELECT 1'; code=$?; rm $f; exit $code",
        );
      expect(login(before)).toMatchObject({ code: 0, output: "1\n" });
      await served("replication");
      expect(login(generated("databases-replication"))).toMatchObject({ code: 0, output: "1\n" });
      expect(login(before)).toMatchObject({ code: 1, output: expect.stringContaining("Access denied") as string });
      for (const node of realServers) {
        // A link that connects again has to use the new one.
        onNode(node, "mysql -e 'STOP SLAVE; START SLAVE'");
        await eventually(60, () => expect([node, replicates(node)]).toEqual([node, "Yes Yes"]));
        onNode(node, `mysql smt -e "INSERT INTO Clients (GUID, HOSTNAME) VALUES ('rotated-${node}', 'test')"`);
      }
      const both = realServers.map((node) => `rotated-${node}`).join("\n");
      const found = `mysql -N smt -e "SELECT GUID FROM Clients WHERE GUID LIKE 'rotated-%' ORDER BY GUID"`;
      for (const node of realServers) {
        await eventually(60, () => expect(onNode(node, found)).toBe(both));
      }
      onNode("node1", `mysql smt -e "DELETE FROM Clients WHERE GUID LIKE 'rotated-%'"`);
    });

    describe("the key of the cluster's traffic", () => {
      let before: string;

      test("at once on all nodes, of which none restarts or leaves", async () => {
        before = generated("cluster-authkey");
        expect(keys()).toEqual(nodes.map(() => before));
        const state = (): unknown => nodes.map((node) => [services(node), resourceHistory(node)]);
        const running = state();
        const since = onNode("node1", "date '+%F %T'");
        await served("authkey");
        const after = generated("cluster-authkey");
        expect(after).not.toBe(before);
        expect(keys()).toEqual(nodes.map(() => after));
        expect(pending()).toEqual(nodes.map(() => ""));
        expect(state()).toEqual(running);
        for (const node of nodes) {
          const journal = onNode(node, `journalctl -q -u corosync --since '${since}'`);
          expect([node, journal.match(/crypto reconfigured/g)]).toEqual([node, ["crypto reconfigured"]]);
          expect([node, journal]).toEqual([
            node,
            expect.not.stringMatching(/processor failed|left: [1-9]|token was lost/i),
          ]);
        }
      });

      test("so that a node with the old one is no member", async () => {
        onNode("node2", "smt-ha node/maintain --drain 30 && systemctl stop pacemaker corosync");
        const members = (node: string): string =>
          onNode(node, "corosync-quorumtool -s | sed -n 's/^Nodes: *//p' || true");
        expect(
          runWith(before, "lab/ssh", "node2", "cp -p /etc/corosync/authkey /root && cat >/etc/corosync/authkey").code,
        ).toBe(0);
        try {
          onNode("node2", "systemctl start corosync");
          // Longer than a member takes to be found.
          await sleep(30);
          expect([members("node1"), members("node2")]).toEqual(["2", "1"]);
        } finally {
          onNode("node2", "systemctl stop corosync; mv /root/authkey /etc/corosync/authkey");
        }
        onNode("node2", "smt-ha node/resume");
        expect(members("node1")).toBe("3");
      });

      test("also if the command is killed in its middle: the next up goes on from there", async () => {
        const boots = nodes.map(bootOf);
        const [first] = keys();
        const client = new Client();
        const rotate = ["rotate", "authkey", "--yes"];
        await killWhen(() => onNode("node1", "cat /etc/corosync/authkey") !== first, "lab/smt-ha", ...rotate);
        report("nodes that had not taken the key when the command was killed", pending().filter(Boolean).length);
        await sleep(20);
        must("lab/stack", "dev", "up");
        await sleep(20);
        expect(client.stop().filter(({ status }) => status !== 200)).toEqual([]);
        expect(keys()).toEqual(nodes.map(() => generated("cluster-authkey")));
        expect(keys()[0]).not.toBe(first);
        expect([pending(), nodes.map(bootOf)]).toEqual([nodes.map(() => ""), boots]);
      });
    });

    test("the CA", async () => {
      const file = path.join(root, "Pulumi.dev.yaml");
      const config = fs.readFileSync(file, "utf8");
      const serial = (): string => onNode("node1", "openssl x509 -noout -serial -in /var/www/html/smt.crt");
      const verified = (): number | null => run("lab/client", "curl", "-fsS", "https://smt.smt-ha.lab/test.html").code;
      const before = serial();
      trustService();
      try {
        await served("ca");
        expect(serial()).not.toBe(before);
        expect(fs.readFileSync(file, "utf8")).toMatch(/caSubject: \/O=smt-ha\/CN=smt-ha root CA \d{4}-\d\d-\d\d$/m);
        // The client still trusts the old one alone.
        expect(verified()).not.toBe(0);
        trustService();
        expect(verified()).toBe(0);
      } finally {
        fs.writeFileSync(file, config);
      }
      must("lab/stack", "dev", "up");
      expect(serial()).toBe(before);
      trustService();
    });

    test("the key of the logins, as the document says", () => {
      const key = path.join(labFolder, "rotated-key");
      const former = path.join(labFolder, "ssh/id_ed25519");
      const logins = "/root/.ssh/authorized_keys";
      const login = (file: string, node: string, command = "true"): number | null =>
        run(
          "lab/exec",
          ...["ssh", "-i", file, "-o", "IdentitiesOnly=yes", "-o", "BatchMode=yes", "-o", "StrictHostKeyChecking=no"],
          ...["-o", "UserKnownHostsFile=/dev/null", "-o", "LogLevel=ERROR", `root@192.0.2.1${node.slice(-1)}`, command],
        ).code;
      fs.rmSync(key, { force: true });
      must("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "rotated", "-f", key);
      nodes.forEach((node) =>
        onNode(
          node,
          `cp -p ${logins} /root/before && echo '${fs.readFileSync(`${key}.pub`, "utf8").trim()}' >>${logins}`,
        ),
      );
      try {
        const file = configFile("login", { "smt-ha:sshPrivateKeyFile": key });
        const start = Date.now();
        must("lab/stack", "dev", "up", "--config-file", file);
        report("every step once more, with another key of the logins", since(start));
        nodes.forEach((node) => {
          expect(login(key, node, `grep ' rotated$' ${logins} >/root/after && cat /root/after >${logins}`)).toBe(0);
          expect([login(former, node), login(key, node)]).toEqual([255, 0]);
        });
        expect(changedBy(must("lab/stack", "dev", "preview", "--config-file", file))).toEqual([]);
      } finally {
        nodes.forEach((node) => login(key, node, `cat /root/before >${logins}; rm -f /root/before /root/after`));
      }
      must("lab/stack", "dev", "up");
      nodes.forEach((node) => expect([login(former, node), login(key, node)]).toEqual([0, 255]));
    });
  });

  describe("a planned stop of the whole cluster", () => {
    test("ends what it runs before its members go, so none is fenced, and all come back", async () => {
      await eventually(300, expectSteadyState);
      const boots = nodes.map(bootOf);
      const client = new Client();
      onEach("cluster/stop");
      for (const node of nodes) {
        expect(onNode(node, "systemctl is-active pacemaker corosync; grep -c ocfs2 /proc/mounts; true")).toBe(
          "inactive\ninactive\n0",
        );
      }
      onEach("cluster/start");
      const answers = client.stop();
      const { start, end } = outage(answers);
      report("no answer during a planned stop", since(start, end));
      expect(answers.pop()?.status).toBe(200);
      expect(nodes.map(bootOf)).toEqual(boots);
      await eventually(60, expectSteadyState);
    });
  });
}
