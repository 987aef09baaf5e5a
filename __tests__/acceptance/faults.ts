import * as fs from "fs";
import * as path from "path";
import { aside, bootOf, eventually, must, onNode, report, root, sleep, withoutStorage } from "./lab";
import { Load, type LoadResult } from "./load";
import { activeDirector, expectSteadyState, moveTo, threeNodes } from "./state";

/** Something that fails, and how to tell that it has: no fault ends by an administrator's hands. */
interface Fault {
  readonly name: string;
  /** Makes it fail; what lasts for a time ends by itself. */
  readonly inflict: () => void | Promise<void>;
  /** The nodes that boot because of it, to be waited for. */
  readonly boots?: readonly string[];
}

/** One line of docs/results.md. Times in seconds. */
interface Outcome extends LoadResult {
  readonly fault: string;
  /** From the fault to the steady state. */
  readonly steadyAfter: number;
}

const { nodes } = threeNodes;
const results = path.join(root, "docs/results");

const power = (action: "power-off" | "power-on" | "reset", node: string): string => must("lab/vcenter", action, node);

/** Stops a VM's processor for a time, as a snapshot or vMotion does. */
async function pause(node: string, seconds: number): Promise<void> {
  const signal = (name: string): string => must("pkill", `-${name}`, "-f", `qemu-system.* -name ${node} `);
  signal("STOP");
  try {
    await sleep(seconds);
  } finally {
    signal("CONT");
  }
}

/** Stops the processes of a program on a node for a time: they hang. */
async function hang(node: string, program: string, seconds: number): Promise<void> {
  aside(node, `pkill -STOP -x ${program}; sleep ${seconds}; pkill -CONT -x ${program}`);
  await sleep(seconds + 1);
}

/** Delays or drops a node's packets for a time. */
async function network(node: string, how: string, seconds: number): Promise<void> {
  aside(node, `tc qdisc add dev eth0 root netem ${how}; sleep ${seconds}; tc qdisc del dev eth0 root`);
  await sleep(seconds + 1);
}

const faults: readonly Fault[] = [
  { name: "SMT node rebooted in order", inflict: () => void aside("node2", "systemctl reboot"), boots: ["node2"] },
  { name: "director rebooted in order", inflict: () => void aside("node3", "systemctl reboot"), boots: ["node3"] },
  { name: "SMT node: power lost", inflict: () => void power("reset", "node2"), boots: ["node2"] },
  { name: "director: power lost", inflict: () => void power("reset", "node3"), boots: ["node3"] },
  { name: "all nodes: power lost", inflict: () => nodes.forEach((node) => power("reset", node)), boots: nodes },
  {
    name: "SMT node: kernel panic",
    inflict: () => void aside("node2", "echo c >/proc/sysrq-trigger"),
    boots: ["node2"],
  },
  { name: "SMT node: corosync killed", inflict: () => void onNode("node2", "pkill -9 -x corosync") },
  { name: "SMT node: sbd killed", inflict: () => void aside("node2", "pkill -9 sbd"), boots: ["node2"] },
  { name: "SMT node: pacemakerd killed", inflict: () => void onNode("node2", "pkill -9 -x pacemakerd") },
  { name: "SMT node: Apache hangs for 90 s", inflict: () => hang("node2", "apache2", 90) },
  { name: "SMT node: MariaDB hangs for 90 s", inflict: () => hang("node2", "mariadbd", 90) },
  { name: "SMT node paused for 5 s", inflict: () => pause("node2", 5) },
  { name: "SMT node paused for 60 s", inflict: () => pause("node2", 60), boots: ["node2"] },
  { name: "storage away for 20 s", inflict: () => withoutStorage(() => sleep(20)) },
  { name: "storage away for 60 s", inflict: () => withoutStorage(() => sleep(60)) },
  { name: "storage away for 200 s", inflict: () => withoutStorage(() => sleep(200)) },
  { name: "SMT node: 30 % of its packets dropped for 60 s", inflict: () => network("node2", "loss 30%", 60) },
  { name: "SMT node: its packets delayed by 500 ms for 60 s", inflict: () => network("node2", "delay 500ms", 60) },
  {
    name: "director: power lost while an SMT node is fenced",
    inflict: async () => {
      power("reset", "node2");
      await sleep(15);
      power("reset", "node3");
    },
    boots: ["node2", "node3"],
  },
];

/** Every fault under load, with its figures in docs/results.md: nothing is lost, and nobody helps. Some two hours. */
export function everyFault(): void {
  describe("under load", () => {
    const outcomes: Outcome[] = [];

    beforeEach(async () => {
      await eventually(300, expectSteadyState);
      moveTo("node3");
      await eventually(120, expectSteadyState);
    });

    test.each(faults)("$name", async ({ name, inflict, boots = [] }) => {
      const before = boots.map(bootOf);
      const load = new Load();
      await sleep(10);
      const start = Date.now();
      await inflict();
      await eventually(900, () => {
        boots.forEach((node, index) => expect(bootOf(node)).not.toBe(before[index]));
        expectSteadyState();
      });
      const steadyAfter = (Date.now() - start) / 1000;
      const outcome = { fault: name, steadyAfter, ...(await load.stop()) };
      outcomes.push(outcome);
      report(name, JSON.stringify(outcome));
      expect(outcome.lost).toEqual([]);
      expect(activeDirector()).not.toBe("");
    });

    afterAll(() => {
      // The results of a part of them would take the others' place.
      if (outcomes.length === faults.length) {
        fs.writeFileSync(`${results}.json`, `${JSON.stringify(outcomes, undefined, 2)}\n`);
        fs.writeFileSync(`${results}.md`, resultsTable(outcomes));
      }
    });
  });
}

/** docs/results.md. */
function resultsTable(outcomes: readonly Outcome[]): string {
  const rows = outcomes.map(
    ({ fault, steadyAfter, longestGap, failed, requests, acknowledged, lost }) =>
      `| ${fault} | ${longestGap.toFixed(1)} s | ${failed} of ${requests} | ${lost.length} of ${acknowledged} | ${steadyAfter.toFixed(0)} s |`,
  );
  return `# Results

Written by \`make faults\`, on the lab's emulated nodes. Nobody helped: each row ends with the whole service steady.

| fault | longest gap of a client | failed requests | lost writes | steady after |
|---|---|---|---|---|
${rows.join("\n")}
`;
}
