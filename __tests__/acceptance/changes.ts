import { spawnSync } from "child_process";
import { encryption, replicates } from "./database";
import { Download } from "./download";
import { Aside, Client, configFile, eventually, must, onNode, root, run, upWith } from "./lab";
import { generated, isPassword, secrets } from "./secrets";
import {
  activeDirector,
  changedBy,
  expectSteadyState,
  realServers,
  resourceHistory,
  services,
  sharedDisk,
  threeNodes,
} from "./state";

const { nodes } = threeNodes;

/** What must stay as it is while only the configuration of a running cluster changes. */
const running = (): unknown => nodes.map((node) => [services(node), resourceHistory(node)]);

/** Changes to the system while it serves: by its configuration and by hand. */
export function changes(): void {
  describe("a running system", () => {
    beforeAll(() => eventually(300, expectSteadyState));

    test("shows what was changed by hand in the cluster's configuration and in files, and what restores that and nothing else", () => {
      const drift = (): string => run("lab/smt-ha", "drift").output;
      const found = /(configuration|it) was changed by hand/;
      expect(drift()).not.toMatch(found);
      const timeout = (): string =>
        onNode("node1", "crm_attribute --type crm_config --name stonith-timeout --query --quiet");
      const configured = timeout();
      onNode("node1", "crm_attribute --type crm_config --name stonith-timeout --update 99s");
      onNode(
        "node3",
        "crm_resource --resource Director --meta --set-parameter migration-threshold --parameter-value 7",
      );
      onNode("node2", "sed -i 's/^# smt-ha end/# by hand\\n&/' /etc/hosts");
      const before = running();

      const status = drift();
      expect(status).toMatch(
        /^node1: fencing of the cluster's configuration was changed .*found: .*stonith-timeout.*99s/m,
      );
      expect(status).toMatch(
        /^node3: LVS of the cluster's configuration was changed .*found: .*migration-threshold.*7/m,
      );
      expect(status).toMatch(/^node2: \/etc\/hosts of node-hosts has another content: it was changed by hand$/m);

      const { changes } = JSON.parse(run("lab/smt-ha", "drift", "--json").stdout) as {
        changes: { kind: string; restoredBy: string[] }[];
      };
      // Earlier parts have run steps by hand.
      const restored = changes.filter(({ kind }) => kind !== "step").flatMap(({ restoredBy }) => restoredBy);
      const up = must("lab/stack", "dev", "up", ...restored.flatMap((step) => ["--replace", `**::${step}`]));
      expect(changedBy(up).sort()).toEqual([
        "node1-cluster-configure-fencing",
        "node2-node-hosts",
        "node3-cluster-configure-LVS",
      ]);
      expect(timeout()).toBe(configured);
      expect(onNode("node1", "crm configure show Director")).not.toContain("migration-threshold");
      expect(onNode("node2", "cat /etc/hosts")).not.toContain("by hand");
      expect(drift()).not.toMatch(found);
      expect(running()).toEqual(before);
      expectSteadyState();
    });

    describe("takes in new settings", () => {
      const changed = {
        "smt-ha:checkInterval": 10,
        "smt-ha:diskGiB": 9,
        "smt-ha:firewallAllow": [{ port: 9100, from: "192.0.2.0/28" }],
        "smt-ha:mirrorSources": "true",
      };
      const passwords = ["cluster-hacluster", "databases-replication"];
      const onEach = (names: readonly string[], ...steps: string[]): string[] =>
        names.flatMap((node) => steps.map((step) => `${node}-${step}`));
      const settings = [
        ...onEach(nodes, "node-firewall", "node-system-disk", "director-configure"),
        ...onEach(realServers, "smt-configure"),
      ];
      const ports = [9100, 9101];
      const answering = (): number[] =>
        ports.filter((port) => run("lab/client", "curl", "-s", "-m", "3", `http://192.0.2.11:${port}/`).code === 0);
      const sizes = (): number[] => nodes.map((node) => Number(onNode(node, "df --output=size -BM / | tr -dc 0-9")));
      const ldirectord = (): string => onNode(balancer, "pgrep -f 'ldirectord .* start'");
      const state = (): unknown => [running(), ldirectord()];
      const smtConf = (): string[] =>
        realServers.map((node) => onNode(node, "grep ^MirrorSRC= /etc/smt.conf; stat -c '%a %U:%G' /etc/smt.conf"));

      /** Runs an `up` that breaks no connection and fails no request; gives what it printed. */
      async function unnoticed(up: () => string): Promise<string> {
        const client = new Client();
        const download = new Download(1200);
        const connection = await eventually(20, () => download.connection());
        const printed = up();
        expect(download.connection()).toBe(connection);
        await download.expectWhole();
        expect(client.stop().filter(({ status }) => status !== 200)).toEqual([]);
        return printed;
      }

      let balancer: string;
      let before: { readonly state: unknown; readonly sizes: readonly number[] };
      let output: string;
      let processes: readonly string[];

      beforeAll(() => {
        balancer = activeDirector();
        onNode("node1", "mkdir -p /run/agent && echo agent >/run/agent/index.html");
        for (const port of ports) {
          onNode("node1", `systemd-run -q --unit agent-${port} busybox httpd -f -p ${port} -h /run/agent`);
        }
        const ask = (port: number): string => `curl -s --retry 9 --retry-connrefused http://127.0.0.1:${port}/`;
        expect(onNode("node1", ports.map(ask).join("; "))).toBe("agent\nagent");
        before = { state: state(), sizes: sizes() };
      });
      afterAll(() =>
        onNode("node1", `systemctl stop ${ports.map((port) => `agent-${port}`).join(" ")}; rm -r /run/agent`),
      );

      test("by the steps that the preview names, and no client notices", async () => {
        expect(answering()).toEqual([]);
        const file = configFile("changes", changed);
        const args = ["--config-file", file, ...passwords.flatMap((name) => ["--replace", `**::${name}`])];
        const steps = [
          ...settings,
          ...nodes,
          ...passwords,
          ...onEach(nodes, "cluster-password"),
          ...onEach(realServers, "database-seed", "database-replicate", "database-verify"),
        ].sort();
        expect(changedBy(must("lab/stack", "dev", "preview", ...args)).sort()).toEqual(steps);

        // What runs on the nodes meanwhile, as anyone there can list it. It ends by itself if the test is killed.
        const list =
          "for i in $(seq 3000); do cat /proc/[0-9]*/cmdline 2>/dev/null | tr '\\0' ' '; echo; sleep 0.2; done";
        output = await unnoticed(() => {
          const watching = realServers.map((node) => new Aside("lab/ssh", node, list));
          const printed = must("lab/stack", "dev", "up", ...args);
          processes = watching.map((aside) => aside.stop().join("\n"));
          return printed;
        });
        expect(changedBy(output).sort()).toEqual(steps);
        expect(state()).toEqual(before.state);
      });

      test("the balancer has read its new ones", () =>
        expect(onNode(balancer, "grep -c 'reread new configuration' /var/log/ldirectord.log")).not.toBe("0"));

      test("the firewall lets the allowed port in, and no other", () => expect(answering()).toEqual([9100]));

      test("the root file systems fill the larger disks", () => {
        expect(output).not.toMatch(/root file system/);
        sizes().forEach((size, index) => expect(size - before.sizes[index]).toBeGreaterThan(900));
      });

      test("SMT has its own", () =>
        expect(smtConf()).toEqual(realServers.map(() => "MirrorSRC=true\n640 root:www-data")));

      test("hacluster has a new password, which is in no file", () => {
        const password = generated("cluster-hacluster");
        expect(password).toHaveLength(24);
        for (const node of nodes) {
          expect([isPassword(node, password), isPassword(node, "another")]).toEqual([true, false]);
          const search = "grep -rlF -f - /etc /root /tmp /var/log /var/lib/smt-ha /run/log";
          expect(spawnSync("lab/ssh", [node, search], { cwd: root, input: password, encoding: "utf8" }).stdout).toBe(
            "",
          );
        }
      });

      test("the replication goes on with a new password, encrypted", async () => {
        for (const node of realServers) {
          await eventually(60, () => expect(replicates(node)).toBe("Yes Yes"));
          expect([node, encryption(node)]).toEqual([node, "Yes Yes ANY"]);
        }
      });

      test("no secret is in what the up and the processes said, in logs, readable files, state or preview", () => {
        const all = secrets();
        expect(all.length).toBeGreaterThan(5);
        for (const node of nodes) {
          const search =
            "f=$(mktemp); cat >$f; journalctl -b --no-pager | grep -cF -f $f; grep -rlF -f $f /var/log /tmp /root 2>/dev/null | grep -v ^$f; " +
            "find / -xdev -type f -perm -o=r -size -2M ! -path $f -print0 | xargs -0 grep -lF -f $f; rm $f";
          const { stdout } = spawnSync("lab/ssh", [node, search], {
            cwd: root,
            input: all.join("\n"),
            encoding: "utf8",
          });
          expect([node, stdout]).toEqual([node, "0\n"]);
        }
        const texts = [
          must("lab/stack", "dev", "stack", "export"),
          must("lab/stack", "dev", "preview", "--diff"),
          output,
          ...processes,
        ];
        for (const text of texts) {
          expect(text.length).toBeGreaterThan(1000);
          for (const secret of all) {
            expect(text).not.toContain(secret);
          }
        }
      });

      test("and takes the old ones back", async () => {
        // Without the key, the disks stay as they are.
        expect(changedBy(await unnoticed(() => must("make", "up"))).sort()).toEqual([...settings].sort());
        expect(answering()).toEqual([]);
        expect(smtConf()).toEqual(realServers.map(() => "MirrorSRC=false\n640 root:www-data"));
        expect(state()).toEqual(before.state);
        expectSteadyState();
      });
    });

    test("refuses what can't change while it runs, says what to do, and changes nothing", () => {
      const before = [running(), onNode("node1", `sbd -d ${sharedDisk}-part1 dump`)];
      const { code, output } = upWith("msgwait", { "smt-ha:msgwait": 40 });
      expect(code).not.toBe(0);
      expect(output).toMatch(/smt-ha: node1: step sbd\/create failed/);
      expect(output).toMatch(/msgwait 30 s, and is in use by: .*node1/);
      expect(output).toMatch(
        /fix: {3}stop the cluster on all nodes \(systemctl stop pacemaker corosync\), run 'sbd -d \S+ -1 15 -4 40 create'/,
      );

      const format = (cluster: string, slots: number): string => {
        const step = `smt-ha ocfs/format --device ${sharedDisk}-part2 --label smt --wipe no`;
        const result = run("lab/ssh", "node1", `${step} --cluster ${cluster} --slots ${slots}`);
        expect(result.code).toBe(cluster === "smtha" && slots === 8 ? 0 : 1);
        return result.output;
      };
      format("smtha", 8);
      expect(format("other", 8)).toContain("-part2 holds an OCFS2 file system 'smt' of the cluster 'smtha'");
      expect(format("smtha", 12)).toContain("-part2 is made for 8 nodes, not for 12");
      expect([running(), onNode("node1", `sbd -d ${sharedDisk}-part1 dump`)]).toEqual(before);
    });
  });
}
