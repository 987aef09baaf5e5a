import { eventually, must, onNode, report, run } from "./lab";

const nodes = ["node1", "node2", "node3"];
const realServers = ["node1", "node2"];
const sbd = "/dev/disk/by-path/ip-192.0.2.3:3260-iscsi-iqn.2026-01.lab.smt-ha:shared-lun-1-part1";

/** IPVS's real servers with weight, such as `80 192.0.2.11`. */
const table = (): string[] =>
  [...onNode("node3", "ipvsadm -Sn").matchAll(/-a -t 192\.0\.2\.10:(\d+) -r ([\d.]+):\d+ .*-w [1-9]/g)]
    .map(([, port, server]) => `${port} ${server}`)
    .sort();

const full = ["443 192.0.2.11", "443 192.0.2.12", "80 192.0.2.11", "80 192.0.2.12"];

/** Asks the service for its health page, as a client; throws where it does not answer. */
const ask = (scheme: "http" | "https"): string =>
  must("lab/client", "curl", "-skf", "--max-time", "5", `${scheme}://192.0.2.10/test.html`);

/** The state that every test must leave behind. */
function expectSteadyState(): void {
  const monitor = onNode("node1", "crm_mon -R -r -n -1");
  expect(monitor).toContain("partition with quorum");
  for (const node of nodes) {
    expect(monitor).toMatch(new RegExp(`Node ${node}( \\(\\d+\\))?: online`));
  }
  expect(monitor).not.toMatch(/FAILED|Failed|UNCLEAN/);
  expect(onNode("node1", "crm_verify -LV 2>&1")).toBe("");
  expect(onNode("node1", `sbd -d ${sbd} list`).match(/clear/g)).toHaveLength(3);
  for (const node of nodes) {
    expect(onNode(node, "grep -c ' /smt ocfs2 ' /proc/mounts || true")).toBe(realServers.includes(node) ? "1" : "0");
  }
  expect(table()).toEqual(full);
}

/** The cluster and the load balancer: their steady state, and their way back to it after a fault. */
export function cluster(): void {
  describe("the cluster", () => {
    test("is complete, with quorum, nothing failed, everything where it may be", () =>
      eventually(300, expectSteadyState));

    test("shares its files: what one node writes, the other reads", () => {
      onNode("node1", "mkdir -p /smt/tree && cp -r /etc/systemd /smt/tree && sync");
      const hash = "cd /smt/tree && find . -type f | sort | xargs sha256sum | sha256sum";
      expect(onNode("node2", hash)).toBe(onNode("node1", hash));
      onNode("node2", "rm -r /smt/tree");
    });

    test("answers on the service address from both real servers", () => {
      const requests = (node: string): number =>
        Number(onNode(node, "grep -c curl /var/log/apache2/access.log || true"));
      const before = realServers.map(requests);
      for (let request = 0; request < 10; request++) {
        expect(ask("http")).toBe("still alive");
        expect(ask("https")).toBe("still alive");
      }
      realServers.forEach((node, index) => expect(requests(node)).toBeGreaterThan(before[index]));
    });

    test("takes a real server whose Apache is stopped out, and in again", async () => {
      onNode("node1", "systemctl stop apache2");
      const stopped = Date.now();
      await eventually(90, () => expect(table()).toEqual(["443 192.0.2.12", "80 192.0.2.12"]));
      report("Apache stopped to real server out", `${Math.round((Date.now() - stopped) / 1000)} s`);
      for (let request = 0; request < 10; request++) {
        expect(ask("http")).toBe("still alive");
      }
      onNode("node1", "systemctl start apache2");
      const started = Date.now();
      await eventually(60, () => expect(table()).toEqual(full));
      report("Apache started to real server in", `${Math.round((Date.now() - started) / 1000)} s`);
    });

    test("fences a node, serves on without it, and takes it back without hands", async () => {
      const boot = onNode("node2", "cat /proc/sys/kernel/random/boot_id");
      const start = Date.now();
      expect(run("lab/ssh", "node1", "stonith_admin --reboot node2 --timeout 120").code).toBe(0);
      report("fencing", `${Math.round((Date.now() - start) / 1000)} s`);
      await eventually(120, () => expect(table()).toEqual(["443 192.0.2.11", "80 192.0.2.11"]));
      const answers = new Set<string>();
      await eventually(300, () => {
        answers.add(run("lab/client", "curl", "-sf", "--max-time", "5", "http://192.0.2.10/test.html").output.trim());
        expect(onNode("node2", "cat /proc/sys/kernel/random/boot_id")).not.toBe(boot);
        expectSteadyState();
      });
      expect([...answers]).toEqual(["still alive"]);
      report("fenced to steady state", `${Math.round((Date.now() - start) / 1000)} s`);
    });

    test("survives a pulled plug in the same way", async () => {
      const start = Date.now();
      must("lab/vcenter", "power-off", "node2");
      await eventually(120, () => expect(table()).toEqual(["443 192.0.2.11", "80 192.0.2.11"]));
      expect(ask("https")).toBe("still alive");
      must("lab/vcenter", "power-on", "node2");
      await eventually(300, expectSteadyState);
      report("plug pulled to steady state", `${Math.round((Date.now() - start) / 1000)} s`);
    });
  });
}
