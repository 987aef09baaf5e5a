import { spawnSync } from "child_process";
import { Aside, Client, configFile, eventually, must, onNode, root, run, upWith } from "./lab";
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
    test("shows what was changed by hand in the cluster's configuration; the next up restores that and nothing else", () => {
      expect(must("lab/drift")).not.toContain("changed by hand");
      const timeout = (): string =>
        onNode("node1", "crm_attribute --type crm_config --name stonith-timeout --query --quiet");
      const configured = timeout();
      onNode("node1", "crm_attribute --type crm_config --name stonith-timeout --update 99s");
      onNode(
        "node3",
        "crm_resource --resource Director --meta --set-parameter migration-threshold --parameter-value 7",
      );
      const before = running();

      const status = must("lab/drift");
      expect(status).toMatch(/node1: cluster\/drift: fencing was changed by hand/);
      expect(status).toMatch(/found: .*stonith-timeout.*99s/);
      expect(status).toMatch(/node3: cluster\/drift: LVS was changed by hand/);
      expect(status).toMatch(/found: .*migration-threshold.*7/);

      const up = must("make", "up");
      expect(changedBy(up).sort()).toEqual(["node1-cluster-configure-fencing", "node3-cluster-configure-LVS"]);
      expect(timeout()).toBe(configured);
      expect(onNode("node1", "crm configure show Director")).not.toContain("migration-threshold");
      expect(must("lab/drift")).not.toContain("changed by hand");
      expect(running()).toEqual(before);
      expectSteadyState();
    });

    test("takes in a check interval and an allowed port: their steps alone, and no connection is lost", async () => {
      for (const node of realServers) {
        onNode(node, "seq 3000000 >/var/www/html/download");
      }
      const hash = must("sh", "-c", "seq 3000000 | sha256sum");
      const ports = [9100, 9101];
      const answering = (): number[] =>
        ports.filter((port) => run("lab/client", "curl", "-s", "-m", "3", `http://192.0.2.11:${port}/`).code === 0);
      onNode("node1", "mkdir -p /run/agent && echo agent >/run/agent/index.html");
      for (const port of ports) {
        onNode("node1", `systemd-run -q --unit agent-${port} busybox httpd -f -p ${port} -h /run/agent`);
      }
      const ask = (port: number): string => `curl -s --retry 9 --retry-connrefused http://127.0.0.1:${port}/`;
      expect(onNode("node1", ports.map(ask).join("; "))).toBe("agent\nagent");
      expect(answering()).toEqual([]);
      const balancer = activeDirector();
      const ldirectord = (): string => onNode(balancer, "pgrep -f 'ldirectord .* start'");
      const before = [running(), ldirectord()];
      const steps = nodes.flatMap((node) => [`${node}-node-firewall`, `${node}-director-configure`]).sort();
      const file = configFile("changes", {
        "smt-ha:checkInterval": 10,
        "smt-ha:firewallAllow": [{ port: 9100, from: "192.0.2.0/28" }],
      });
      expect(changedBy(must("lab/stack", "dev", "preview", "--config-file", file)).sort()).toEqual(steps);

      const client = new Client();
      const fetch = "curl -sf --limit-rate 200k http://192.0.2.10/download | sha256sum";
      const download = new Aside("lab/client", "sh", "-c", fetch);

      const up = must("lab/stack", "dev", "up", "--config-file", file);
      expect(changedBy(up).sort()).toEqual(steps);
      expect(onNode(balancer, "grep -c 'reread new configuration' /var/log/ldirectord.log")).not.toBe("0");
      expect(answering()).toEqual([9100]);
      // Of no use if it was over before.
      expect(download.lines()).toEqual([]);

      expect(changedBy(must("make", "up")).sort()).toEqual(steps);
      expect(answering()).toEqual([]);
      expect([running(), ldirectord()]).toEqual(before);
      await eventually(240, () => expect(download.lines()).toEqual([hash]));
      download.stop();
      expect(client.stop().filter(({ status }) => status !== 200)).toEqual([]);

      onNode("node1", `systemctl stop ${ports.map((port) => `agent-${port}`).join(" ")}; rm -r /run/agent`);
      for (const node of realServers) {
        onNode(node, "rm /var/www/html/download");
      }
      expectSteadyState();
    });

    test("gives the VMs larger disks, and their root file systems fill these, while all goes on", () => {
      const before = running();
      const sizes = (): number[] => nodes.map((node) => Number(onNode(node, "df --output=size -BM / | tr -dc 0-9")));
      const small = sizes();
      const up = upWith("disk", { "smt-ha:diskGiB": 9 });
      expect(up.output).not.toMatch(/root file system/);
      expect(changedBy(up.output).sort()).toEqual(nodes.flatMap((node) => [node, `${node}-node-system-disk`]).sort());
      sizes().forEach((size, index) => expect(size - small[index]).toBeGreaterThan(900));
      // Without the key, the disks stay as they are.
      expect(changedBy(must("make", "up")).sort()).toEqual(nodes.map((node) => `${node}-node-system-disk`));
      expect(running()).toEqual(before);
      expectSteadyState();
    });

    test("takes a new password for hacluster, and leaves it in no file", () => {
      const up = must("lab/stack", "dev", "up", "--replace", "**::cluster-hacluster");
      expect(changedBy(up).sort()).toEqual(["cluster-hacluster", ...nodes.map((node) => `${node}-cluster-password`)]);

      const { deployment } = JSON.parse(must("sh", "-c", "lab/stack dev stack export --show-secrets 2>/dev/null")) as {
        deployment: { resources: { urn: string; outputs?: { result?: { plaintext: string } } }[] };
      };
      const [result] = deployment.resources.flatMap(({ urn, outputs }) =>
        urn.endsWith("::cluster-hacluster") && outputs?.result ? [outputs.result] : [],
      );
      const password = JSON.parse(result.plaintext) as string;
      expect(password).toHaveLength(24);
      // Perl's getpwnam gives root the hash of the shadow file.
      const check = "perl -e '($p = <STDIN>) =~ s/\\n//; $h = (getpwnam q(hacluster))[1]; exit(crypt($p, $h) ne $h)'";
      for (const node of nodes) {
        expect(spawnSync("lab/ssh", [node, check], { cwd: root, input: password }).status).toBe(0);
        expect(spawnSync("lab/ssh", [node, check], { cwd: root, input: "another" }).status).toBe(1);
        const search = "grep -rlF -f - /etc /root /tmp /var/log /var/lib/smt-ha /run/log";
        expect(spawnSync("lab/ssh", [node, search], { cwd: root, input: password, encoding: "utf8" }).stdout).toBe("");
      }
      expect(up).not.toContain(password);
      expect(must("lab/stack", "dev", "stack", "export")).not.toContain(password);
    });

    test("refuses what can't change while it runs, says what to do, and changes nothing", () => {
      const before = [running(), onNode("node1", `sbd -d ${sharedDisk}-part1 dump`)];
      const { code, output } = upWith("msgwait", { "smt-ha:msgwait": 40 });
      expect(code).not.toBe(0);
      expect(output).toMatch(/smt-ha: node1: step sbd\/create failed/);
      expect(output).toMatch(/msgwait 30 s, and is in use by: .*node1/);
      expect(output).toMatch(/fix: {3}stop the cluster on all nodes, run 'sbd -d \S+ -1 15 -4 40 create'/);

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
