import { aside, bootOf, Client, eventually, must, onNode, outage, report, run, since, sleep, upWith } from "./lab";
import {
  activeDirector,
  ask,
  expectSteadyState,
  full,
  moveTo,
  realServers,
  resourceHistory,
  table,
  tableOf,
} from "./state";

/** Runs what takes the service address away, until an SMT node balances with all real servers; reports the longest gap. */
export async function takenOver(what: string, by: string, cause: () => void): Promise<Client> {
  const client = new Client(1);
  await sleep(2);
  const start = Date.now();
  cause();
  const uninvolved = realServers.find((node) => node !== by);
  await eventually(180, () => expect(activeDirector(uninvolved)).toBe(by));
  await eventually(120, () => expect(table(by)).toEqual(full));
  report(`${what} to all real servers in the table`, since(start));
  await eventually(30, () => expect(client.answers().at(-1)?.status).toBe(200));
  const { start: last, end: first } = outage(client.answers());
  report(`${what}: longest gap of a client`, since(last, first));
  return client;
}

/** The only director goes and comes back. Some fifteen minutes. */
export function spares(): void {
  describe("an SMT node in place of the only director", () => {
    beforeAll(async () => {
      await eventually(300, expectSteadyState);
      moveTo("node3");
      await eventually(60, expectSteadyState);
    });

    test("takes over while the director is rebooted in order, and keeps the address when it is back", async () => {
      const boot = bootOf("node3");
      const client = await takenOver("director rebooted", "node1", () => aside("node3", "systemctl reboot"));
      await eventually(300, () => {
        expect(bootOf("node3")).not.toBe(boot);
        expectSteadyState();
      });
      expect(activeDirector()).toBe("node1");
      const { start, end } = outage(client.stop());
      // Nobody was fenced for it.
      expect(end - start).toBeLessThan(10_000);
    });

    test("hands over to the director in order", async () => {
      const client = new Client(1);
      await sleep(2);
      moveTo("node3");
      await eventually(60, expectSteadyState);
      const { start, end } = outage(client.stop());
      report("from an SMT node to the director: longest gap of a client", since(start, end));
    });

    test("takes over when the director's plug is pulled", async () => {
      const client = await takenOver("director off", "node1", () => must("lab/vcenter", "power-off", "node3"));
      const taken = Date.now();
      for (let request = 0; request < 10; request++) {
        expect(ask("http")).toBe("still alive");
        expect(ask("https")).toBe("still alive");
      }
      const answers = client.stop();
      expect(answers.filter(({ time, status }) => time > taken && status !== 200)).toEqual([]);
      const { start, end } = outage(answers);
      // The token's loss, msgwait, and the takeover.
      expect(end - start).toBeLessThan(75_000);
    });

    test("hands over to the other SMT node, and neither sends a packet round", async () => {
      const client = await takenOver("from one SMT node to the other", "node2", () => moveTo("node2"));
      client.stop();
      expect(onNode("node1", "ipvsadm -Sn; ip -o -4 address show to 192.0.2.10 dev eth0")).toBe("");
      expect(onNode("node1", "ip -o -4 address show to 192.0.2.10 dev lo")).toContain("192.0.2.10/32");
      expect(ask("https")).toBe("still alive");
    });

    test("loses the table of a killed ldirectord with the address, and gets no requests while it has one", async () => {
      onNode("node2", "pkill -9 -f 'ldirector[d] .* start'; crm_resource --move --resource LVS --node node1");
      onNode("node2", "crm_resource --wait && crm_resource --clear --resource LVS");
      expect(activeDirector()).toBe("node1");
      expect(onNode("node2", "ipvsadm -Sn")).toBe("");
      onNode("node2", "ipvsadm -A -t 192.0.2.10:80 -s wlc");
      await eventually(60, () => expect(table()).toEqual(tableOf("node1")));
      expect(onNode("node2", "curl -s http://127.0.0.1/test.html")).toMatch(/^it still balances, /);
      expect(ask("https")).toBe("still alive");
      onNode("node2", "ipvsadm -C");
      await eventually(60, () => expect(table()).toEqual(full));
    });

    test("keeps the address when the director comes back", async () => {
      const before = [activeDirector(), resourceHistory("node1").filter((operation) => /_start_/.test(operation))];
      const start = Date.now();
      must("lab/vcenter", "power-on", "node3");
      await eventually(300, expectSteadyState);
      report("director on to steady state", since(start));
      const after = [activeDirector(), resourceHistory("node1").filter((operation) => /_start_/.test(operation))];
      expect(after).toEqual(before);
    });

    test("gives it back by itself, if the configuration says so", async () => {
      expect(upWith("failback", { "smt-ha:directorFailback": true }).code).toBe(0);
      await eventually(120, () => {
        expect(activeDirector()).toBe("node3");
        expectSteadyState();
      });
      const client = await takenOver("director rebooted", "node1", () => aside("node3", "systemctl reboot"));
      await eventually(300, () => {
        expect(activeDirector()).toBe("node3");
        expectSteadyState();
      });
      const { start, end } = outage(client.stop());
      report("director rebooted and back: longest gap of a client", since(start, end));
      must("make", "up");
      await eventually(60, expectSteadyState);
      expect(activeDirector()).toBe("node3");
    });

    test("is none without spareDirectors: up takes them away and adds them in place", async () => {
      const running = (): unknown => [activeDirector(), resourceHistory("node3")];
      const before = running();
      const client = new Client();
      expect(upWith("no-spares", { "smt-ha:spareDirectors": "false" }).code).toBe(0);
      expect(onNode("node1", "crm configure show")).toContain("location LVS-not-on-node1 LVS -inf: node1");
      expect(running()).toEqual(before);
      expect(run("make", "up").code).toBe(0);
      expect(onNode("node1", "crm configure show")).not.toContain("LVS-not-on-node1");
      expect(running()).toEqual(before);
      expect(client.stop().filter(({ status }) => status !== 200)).toEqual([]);
      await eventually(60, expectSteadyState);
    });
  });
}
