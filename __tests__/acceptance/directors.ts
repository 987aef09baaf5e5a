import { Client, configFile, eventually, must, onNode, outage, report, run, since, sleep } from "./lab";
import {
  activeDirector,
  expectSteadyState,
  fourNodes,
  moveTo,
  resourceHistory,
  services,
  threeNodes,
  twoDirectors,
} from "./state";

const { nodes } = threeNodes;

/** When a node's journal first had a line like this since a time; both as of `Date.now()`. */
function logged(node: string, unit: string, line: RegExp, start: number): number {
  const journal = onNode(node, `journalctl -o short-unix -u ${unit} --since @${Math.floor(start / 1000) - 1}`);
  const found = journal.split("\n").find((entry) => line.test(entry));
  if (found === undefined) {
    throw new Error(`no ${String(line)} in the journal of ${unit} on ${node}:\n${journal}`);
  }
  return Number(found.split(" ")[0]) * 1000;
}

/** A second director comes, takes over, and goes. */
export function directors(): void {
  describe("a second director", () => {
    const four = (): string => configFile("two-directors", { "smt-ha:nodes": twoDirectors });

    test("joins the running cluster, nothing of which restarts", async () => {
      const running = (): unknown => nodes.map((node) => [services(node), resourceHistory(node)]);
      const before = running();
      const client = new Client();
      const start = Date.now();
      must("lab/stack", "dev", "up", "--config-file", four());
      report("a second director joins", since(start));
      expect(client.stop().filter(({ status }) => status !== 200)).toEqual([]);
      await eventually(60, () => expectSteadyState(fourNodes));
      expect(running()).toEqual(before);
      // Neither started nor even looked for where it may not run.
      expect(resourceHistory("node4").join()).not.toMatch(/\b(dlm|fs)[:_]/);
    });

    test("takes the service over when the first one's plug is pulled", async () => {
      moveTo("node3");
      await eventually(60, () => expectSteadyState(fourNodes));
      const client = new Client(1);
      await sleep(2);
      const start = Date.now();
      must("lab/vcenter", "power-off", "node3");
      // The first answer after the outage, and not the last one before it.
      await eventually(150, () => {
        const { start: last, end } = outage(client.answers());
        expect([last > start - 2000, end - last > 3000]).toEqual([true, true]);
      });
      const { start: last, end: first } = outage(client.stop());
      const lost = logged("node1", "corosync", /Sync left/, start);
      const fenced = logged("node1", "pacemaker", /Operation '\w+'.* targeting node3 .*: OK/, start);
      report("director off to detected", since(last, lost));
      report("detected to fenced", since(lost, fenced));
      report("fenced to taken over", since(fenced, first));
      report("director off to the other's first answer", since(last, first));
      expect(activeDirector()).toBe("node4");
    });

    test("and the whole cluster comes back from a power cut without hands", async () => {
      for (const node of ["node1", "node2", "node4"]) {
        must("lab/vcenter", "power-off", node);
      }
      const start = Date.now();
      for (const node of fourNodes.nodes) {
        must("lab/vcenter", "power-on", node);
      }
      await eventually(480, () => expectSteadyState(fourNodes));
      report("power on to steady state, four nodes", since(start));
    });

    test("can't be dropped while it is a member", () => {
      const before = fourNodes.nodes.map(services);
      const { code, output } = run("lab/stack", "dev", "up");
      expect(code).not.toBe(0);
      expect(output).toMatch(
        /step node\/preflight failed\n[^]*- node4 is no longer configured, but still in the cluster: run 'smt-ha cluster\/leave' on node4 first/,
      );
      expect(fourNodes.nodes.map(services)).toEqual(before);
    });

    test("leaves, and what it did moves to the first one; the cluster forgets it", async () => {
      moveTo("node4");
      await eventually(60, () => expectSteadyState(fourNodes));
      const before = nodes.map(services);

      const client = new Client(1);
      await sleep(2);
      must("lab/ssh", "node4", "smt-ha cluster/leave");
      await eventually(60, () => expect(activeDirector()).toBe("node3"));
      await eventually(60, () => expect(client.answers().at(-1)?.status).toBe(200));
      const { start, end } = outage(client.stop());
      report("service moved by hand", since(start, end));

      must("make", "up");
      await eventually(60, () => expectSteadyState());
      expect(must("lab/vcenter", "list")).not.toContain("node4");
      expect(onNode("node1", "crm configure show; cat /etc/corosync/corosync.conf /etc/hosts")).not.toContain("node4");
      expect(nodes.map(services)).toEqual(before);
    });
  });
}
