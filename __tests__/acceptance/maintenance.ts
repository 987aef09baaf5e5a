import { Download } from "./download";
import { bootOf, Client, eachOnNode, eventually, must, onNode, outage, report, run, since, sleep } from "./lab";
import { activeDirector, expectSteadyState, moveTo, realServers, table, tableOf, threeNodes } from "./state";

/** Planned work on the nodes, in service. Some fifteen minutes. */
export function maintenance(): void {
  describe("planned work", () => {
    const bootIds = (): string[] => threeNodes.nodes.map(bootOf);
    const failures = (clients: readonly Client[]): unknown[] =>
      clients.flatMap((client) => client.stop().filter(({ status }) => status !== 200));

    beforeAll(async () => {
      await eventually(300, expectSteadyState);
      moveTo("node3");
      await eventually(60, expectSteadyState);
    });

    test("on a real server lets a download end, and no request fails", async () => {
      const clients = [new Client(), new Client(5, "https")];
      const download = new Download();
      const server = await eventually(20, () => download.server());
      const start = Date.now();
      onNode(server, "smt-ha node/maintain --drain 150");
      report(`${server} out of service, after its download`, since(start));
      await download.expectWhole();
      expect(onNode("node1", "crm_mon -1 -n")).toMatch(new RegExp(`Node ${server}.*: standby`));
      await eventually(60, () => expect(table()).toEqual(tableOf(...realServers.filter((node) => node !== server))));

      const back = Date.now();
      onNode(server, "smt-ha node/resume");
      report(`${server} back in service`, since(back));
      await eventually(60, expectSteadyState);
      expect(failures(clients)).toEqual([]);
    });

    test("is refused while another node is out, and names it", async () => {
      onNode("node3", "crm node standby node2");
      const { code, output } = run("lab/ssh", "node1", "smt-ha node/maintain");
      onNode("node3", "crm node online node2");
      expect(code).toBe(1);
      expect(output).toContain("cause: node1 stays as it is: the service is not steady: node2 is standby");
      await eventually(120, expectSteadyState);
    });

    test("on all nodes, one after the other, with a reboot of each: no request fails", async () => {
      // The address moves once, and no client of a package manager gives up so soon.
      const clients = [new Client(30), new Client(30, "https")];
      const before = bootIds();
      const start = Date.now();
      const { code, output } = run("lab/smt-ha", "maintain", "--reboot", "always");
      report("all nodes updated and rebooted, one after the other", since(start));
      expect([code, output]).toEqual([0, expect.any(String)]);
      bootIds().forEach((boot, index) => expect(boot).not.toBe(before[index]));
      await eventually(60, expectSteadyState);
      for (const client of clients) {
        const { start: last, end: first } = outage(client.answers());
        report(`longest gap of a client, of ${client.answers().length} requests`, since(last, first));
      }
      expect(failures(clients)).toEqual([]);
      // Each stopped in order, so none waited for a fencing that nobody had asked for.
      for (const node of threeNodes.nodes) {
        expect(onNode(node, "journalctl -q -b -u corosync --grep 'waiting .* fencing' || true")).toBe("");
      }
      expect(activeDirector()).not.toBe("");
    });

    test("a node whose plug was pulled waits for its fencing, although it was stopped in order before", async () => {
      await sleep(1);
      must("lab/vcenter", "power-off", "node2");
      must("lab/vcenter", "power-on", "node2");
      await eventually(300, expectSteadyState);
      const [mark, fenced] = eachOnNode("node2", "ls /var/lib/smt-ha", "stonith_admin --history node2");
      expect(mark).not.toContain("stopped-in-order");
      report("node2 after its plug was pulled", fenced.split("\n")[0]);
    });
  });
}
