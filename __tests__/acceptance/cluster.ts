import { aside, bootOf, Client, eventually, must, onNode, report, run, since, sleep, withoutStorage } from "./lab";
import { ask, expectSteadyState, realServers, table, tableOf, threeNodes } from "./state";

const { nodes } = threeNodes;
/** Rules of nft that take a node's path to the shared disk away, until its next boot. */
const withoutDisk =
  "add table inet away; add chain inet away in { type filter hook input priority -10; }; add rule inet away in tcp sport 3260 drop";

/** The cluster and the load balancer: their steady state, and their way back to it after a fault. */
export function cluster(): void {
  describe("the cluster", () => {
    test("is complete, with quorum, nothing failed, everything where it may be", () =>
      eventually(300, expectSteadyState));

    test("misses a node after the configured time, however many there are", () => {
      const token = "corosync-cmapctl -g runtime.config.totem.token";
      nodes.forEach((node) => expect(onNode(node, token)).toMatch(/= 5000$/));
    });

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
      // Of other clients than those of all other tests, who may stay with one of them.
      for (let client = 40; client < 50; client++) {
        expect(ask("http", client)).toBe("still alive");
        expect(ask("https", client)).toBe("still alive");
      }
      realServers.forEach((node, index) => expect(requests(node)).toBeGreaterThan(before[index]));
    });

    test("keeps a client with its real server", () => {
      const requests = (): number[] =>
        realServers.map((node) =>
          Number(onNode(node, "cat /var/log/apache2/*access.log | grep -c ' 192.0.2.178 - ' || true")),
        );
      const before = requests();
      for (let request = 0; request < 6; request++) {
        expect(ask("https", 50)).toBe("still alive");
      }
      expect(
        requests()
          .map((count, index) => count - before[index])
          .sort(),
      ).toEqual([0, 6]);
    });

    test("takes a real server without its file system out, and in again", async () => {
      // Two failed checks, each up to a check interval after what it is about, with both services' time to answer.
      const limit = 2 * 20 + 2 * 2 * 5;
      onNode("node1", "crm_resource --ban --resource base-services --node node1");
      await eventually(60, () => expect(onNode("node1", "grep -c ' /smt ' /proc/mounts || true")).toBe("0"));
      const unmounted = Date.now();
      const jobs = (): string[] =>
        realServers.filter((node) => onNode(node, "find /var/run/ -name smt-ha-jobs") !== "");
      await eventually(60, () => expect(jobs()).toEqual(["node2"]));
      await eventually(limit, () => expect(table()).toEqual(tableOf("node2")));
      report("file system gone to real server out", since(unmounted));
      const client = new Client();
      for (let request = 0; request < 10; request++) {
        expect(ask("https")).toBe("still alive");
      }
      expect(client.stop().filter(({ status }) => status !== 200)).toEqual([]);
      onNode("node1", "crm_resource --clear --resource base-services --node node1");
      const cleared = Date.now();
      await eventually(120, () => {
        expectSteadyState();
        expect(jobs()).toEqual(["node1"]);
      });
      report("file system allowed to real server in", since(cleared));
    });

    test("leaves nothing on a node in standby, and uses it again afterwards", async () => {
      onNode("node2", "crm node standby node2");
      await eventually(60, () => {
        const onNode2 = onNode("node1", "crm_mon -1 -n")
          .split("* Node ")
          .find((part) => part.startsWith("node2"));
        expect(onNode2).toContain("standby");
        expect(onNode2).not.toMatch(/(ocf|stonith):/);
        expect(onNode("node2", "grep -c ' /smt ' /proc/mounts || true")).toBe("0");
      });
      onNode("node2", "crm node online node2");
      await eventually(120, expectSteadyState);
    });

    test("fences a node that the others no longer hear; one side serves on", async () => {
      const boots = nodes.map(bootOf);
      const client = new Client();
      const start = Date.now();
      const rules = ["input", "output"].map(
        (hook) =>
          `add chain inet split ${hook} { type filter hook ${hook} priority -10; }; add rule inet split ${hook} udp dport 5405 drop`,
      );
      onNode("node2", `nft 'add table inet split; ${rules.join("; ")}'`);
      await eventually(120, () => expect(table()).toEqual(tableOf("node1")));
      const servedByOne = Date.now();
      await eventually(300, expectSteadyState);
      report("network split to steady state", since(start));
      const after = nodes.map(bootOf);
      expect([after[0], after[1] === boots[1], after[2]]).toEqual([boots[0], false, boots[2]]);
      const failed = client.stop().filter(({ time, status }) => time > servedByOne && status !== 200);
      expect(failed).toEqual([]);
    });

    test("has one configuration on all nodes after all that, and nothing has crashed", () => {
      const configurations = nodes.map((node) => onNode(node, "cibadmin --query --local --scope configuration"));
      expect(new Set(configurations).size).toBe(1);
      for (const node of nodes) {
        expect(onNode(node, "find /var/lib/pacemaker/cores /var/lib/corosync -name '*core*' -type f")).toBe("");
        // A node that hears of its own fencing has come back too soon.
        expect(onNode(node, "journalctl --no-pager --quiet -g 'segfault at|allegedly just fenced' || true")).toBe("");
      }
    });
  });
}

/** More of what a node is fenced for, and outages of the storage. Some half an hour. */
export function fencing(): void {
  describe("the cluster", () => {
    beforeAll(() => eventually(300, expectSteadyState));

    test("fences a node whose kernel has panicked, serves on without it, and takes it back without hands", async () => {
      const boot = bootOf("node2");
      const start = Date.now();
      aside("node2", "echo c >/proc/sysrq-trigger");
      await eventually(120, () => expect(table()).toEqual(tableOf("node1")));
      report("kernel panic to real server out", since(start));
      const client = new Client();
      await eventually(300, () => {
        expect(bootOf("node2")).not.toBe(boot);
        expectSteadyState();
      });
      report("kernel panic to steady state", since(start));
      expect(client.stop().filter(({ status }) => status !== 200)).toEqual([]);
    });

    test("takes a node back whose corosync was killed", async () => {
      const start = Date.now();
      onNode("node2", "pkill -9 -x corosync");
      await eventually(60, () => expect(onNode("node1", "crm_mon -1 -n")).not.toMatch(/Node node2[^\n]*online/));
      await eventually(300, expectSteadyState);
      report("corosync killed to steady state", since(start));
    });

    test("fences a node by hand", async () => {
      const boot = bootOf("node2");
      const start = Date.now();
      expect(run("lab/ssh", "node1", "stonith_admin --reboot node2 --timeout 120").code).toBe(0);
      report("fencing", since(start));
      await eventually(300, () => {
        expect(bootOf("node2")).not.toBe(boot);
        expectSteadyState();
      });
      report("fenced to steady state", since(start));
    });

    test("takes a node that has lost only its path to the disk out, fences it, and takes it back", async () => {
      const boots = nodes.map(bootOf);
      const start = Date.now();
      onNode("node1", `nft '${withoutDisk}'`);
      // Two failed checks, each up to a check interval after what it is about, with all services' time to answer.
      await eventually(120, () => expect(table()).toEqual(tableOf("node2")));
      report("path lost to real server out", since(start));
      const why = "curl -s -m 20 http://127.0.0.1/test.html";
      expect(onNode("node1", why)).toMatch(/^the check of the files takes longer/);
      const client = new Client();
      await eventually(300, () => expect(bootOf("node1")).not.toBe(boots[0]));
      const up = Date.now();
      report("path lost to node fenced and up", since(start));
      await eventually(300, expectSteadyState);
      // Until it is fenced, it keeps the locks of files that it wrote last.
      const failed = client.stop().filter(({ status }) => status !== 200);
      report("requests that failed until the node was fenced", failed.length);
      expect(failed.filter(({ time }) => time > up)).toEqual([]);
      report("path lost to steady state", since(start));
      expect(nodes.slice(1).map(bootOf)).toEqual(boots.slice(1));
    });

    test("waits for storage that is away for a minute", async () => {
      const boots = nodes.map(bootOf);
      const away = `nft '${withoutDisk}'; sleep 60; nft delete table inet away`;
      const client = new Client();
      for (const node of nodes) {
        onNode(node, `(${away}) >/dev/null 2>&1 &`);
      }
      await sleep(65);
      await eventually(60, () =>
        onNode("node1", "timeout 10 sh -c 'date >/smt/away && sync /smt/away && rm /smt/away'"),
      );
      await eventually(60, expectSteadyState);
      expect(nodes.map(bootOf)).toEqual(boots);
      expect(client.stop().filter(({ status }) => status !== 200)).toEqual([]);
    });

    test("starts by itself when the SAN boots long after the nodes", async () => {
      nodes.forEach((node) => must("lab/vcenter", "power-off", node));
      await withoutStorage(async () => {
        nodes.forEach((node) => must("lab/vcenter", "power-on", node));
        // Until the initiator's own service has given up.
        await eventually(420, () =>
          nodes.forEach((node) => expect(onNode(node, "systemctl is-failed open-iscsi || true")).toBe("failed")),
        );
      });
      const start = Date.now();
      await eventually(420, expectSteadyState);
      report("SAN back to steady state", since(start));
    });

    test("comes back by itself after the storage was away for five minutes", async () => {
      onNode("node2", "date >/smt/before && sync /smt/before");
      await withoutStorage(() => sleep(300));
      const start = Date.now();
      await eventually(600, expectSteadyState);
      report("storage back to steady state", since(start));
      expect(onNode("node1", "cat /smt/before && rm /smt/before")).not.toBe("");
    });
  });
}
