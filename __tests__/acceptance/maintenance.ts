import { ChildProcess, spawn } from "child_process";
import { bootOf, Client, eachOnNode, eventually, must, onNode, outage, report, root, run, since, sleep } from "./lab";
import { activeDirector, expectSteadyState, moveTo, realServers, table, tableOf, threeNodes } from "./state";

/** The directory of a repository, as the clients see it, and a file in it that takes a slow client a while. */
const repository = "/var/www/html/repo/RPMMD/lab-updates";
const large = `${repository}/large`;

/** A client that downloads the large file, in a minute and a half. */
class Download {
  private readonly process: ChildProcess;
  private readonly sum: Promise<string>;

  constructor() {
    const url = "https://192.0.2.10/repo/RPMMD/lab-updates/large";
    this.process = spawn("lab/client", ["sh", "-c", `curl -skf --limit-rate 180k ${url} | sha256sum`], { cwd: root });
    this.sum = new Promise((resolve) => {
      this.process.stdout?.once("data", (text: Buffer) => resolve(text.toString().split(" ")[0]));
    });
  }

  /** The real server that it comes from. */
  server(): string {
    const from = realServers.find((node) =>
      onNode(node, "ss -tnH state established '( sport = :443 )' dst 192.0.2.0/24"),
    );
    if (from === undefined) {
      throw new Error("no real server has a connection of the download");
    }
    return from;
  }

  /** The checksum of what has come, once it has ended. */
  ended(): Promise<string> {
    return this.sum;
  }
}

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
      onNode("node1", `dd if=/dev/urandom of=${large} bs=1M count=16 2>/dev/null`);
      const wanted = onNode("node1", `sha256sum <${large}`).split(" ")[0];
      const clients = [new Client(), new Client(5, "https")];
      const download = new Download();
      const server = await eventually(20, () => download.server());
      const start = Date.now();
      onNode(server, "smt-ha node/maintain --drain 150");
      report(`${server} out of service, after its download`, since(start));
      expect(await download.ended()).toBe(wanted);
      expect(onNode("node1", "crm_mon -1 -n")).toMatch(new RegExp(`Node ${server}.*: standby`));
      await eventually(60, () => expect(table()).toEqual(tableOf(...realServers.filter((node) => node !== server))));

      const back = Date.now();
      onNode(server, "smt-ha node/resume");
      report(`${server} back in service`, since(back));
      await eventually(60, expectSteadyState);
      expect(failures(clients)).toEqual([]);
      onNode("node1", `rm ${large}`);
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
