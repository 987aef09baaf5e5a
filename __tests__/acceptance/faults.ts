import * as fs from "fs";
import * as path from "path";
import { aside, bootOf, eventually, hung, must, onNode, report, root, sleep, withoutStorage } from "./lab";
import { Load, type LoadResult } from "./load";
import { activeDirector, expectSteadyState, moveTo, threeNodes } from "./state";
import { Watch } from "./watch";

/** Something that fails, and how to tell that it has: no fault ends by an administrator's hands. */
interface Fault {
  readonly name: string;
  /** Makes it fail; what lasts for a time ends by itself. */
  readonly inflict: () => void | Promise<void>;
  /** The nodes that boot because of it, to be waited for. */
  readonly boots?: readonly string[];
  /** What else has to hold once the service is steady again; `start` is the fault's time, as of `Date.now()`. */
  readonly check?: (load: Load, start: number) => void;
}

/** One line of docs/results.md. Times in seconds. */
interface Outcome extends LoadResult {
  readonly fault: string;
  /** From the fault until a node that does not boot misses a node or a real server; unset if none does. */
  readonly detectedAfter?: number;
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

/** Stops the processes of a service on a node for a time: they hang. */
async function hang(node: string, service: string, seconds: number): Promise<void> {
  hung(node, service, seconds);
  await sleep(seconds + 1);
}

/** Cuts packets that nft describes off from a node for a time, in one direction. */
async function cut(node: string, hook: "input" | "output", packets: string, seconds: number): Promise<void> {
  const rules = `add table inet cut; add chain inet cut c { type filter hook ${hook} priority -10; }; add rule inet cut c ${packets} drop`;
  aside(node, `nft '${rules}'; sleep ${seconds}; nft delete table inet cut`);
  await sleep(seconds + 1);
}

/** Takes the SAN away from one node for a time. */
const withoutPath = (node: string, seconds: number): Promise<void> => cut(node, "input", "tcp sport 3260", seconds);

/** Leaves no byte free in a directory of a node for a time. */
async function fill(node: string, directory: string, seconds: number): Promise<void> {
  const free = `$(($(stat -f -c '%f * %S' ${directory})))`;
  aside(
    node,
    `fallocate -l ${free} ${directory}/fill; dd if=/dev/zero of=${directory}/rest bs=4k; sleep ${seconds}; rm ${directory}/fill ${directory}/rest`,
  );
  await sleep(seconds + 10);
}

/**
 * Runs again what the update of a package runs on a node: its scripts before and after, which restart its services. As an
 * unattended update does, one package after the other.
 */
function update(node: string, ...packages: string[]): void {
  const each = `for package in ${packages.join(" ")}; do DEBIAN_FRONTEND=noninteractive dpkg-reconfigure $package; done`;
  onNode(node, each);
}

/** What a node wrote to the shared files after it was taken for dead, and before it booted: that would be damage. */
function expectNoLateWrite(load: Load, start: number, node: string, deadAfter: number): void {
  const booted = Number(onNode(node, 'date -d "$(uptime -s)" +%s')) * 1000;
  const late = load.filesOf(node).filter((time) => time > start + deadAfter * 1000 && time < booted);
  expect(late).toEqual([]);
}

/** Delays or drops a node's packets for a time. */
async function network(node: string, how: string, seconds: number): Promise<void> {
  aside(node, `tc qdisc add dev eth0 root netem ${how}; sleep ${seconds}; tc qdisc del dev eth0 root`);
  await sleep(seconds + 1);
}

/** With the lab's settings, the others take a node for dead when so many seconds have passed: 2.2 token timeouts and msgwait. */
const deadAfter = 2.2 * 5 + 30;

const faults: readonly Fault[] = [
  { name: "SMT node rebooted in order", inflict: () => void aside("node2", "systemctl reboot"), boots: ["node2"] },
  { name: "director rebooted in order", inflict: () => void aside("node3", "systemctl reboot"), boots: ["node3"] },
  {
    name: "all nodes rebooted in order, at once",
    inflict: () => nodes.forEach((node) => aside(node, "systemctl reboot")),
    boots: nodes,
  },
  { name: "SMT node: power lost", inflict: () => void power("reset", "node2"), boots: ["node2"] },
  { name: "director: power lost", inflict: () => void power("reset", "node3"), boots: ["node3"] },
  { name: "all nodes: power lost", inflict: () => nodes.forEach((node) => power("reset", node)), boots: nodes },
  {
    name: "SMT node: kernel panic",
    inflict: () => void aside("node2", "echo c >/proc/sysrq-trigger"),
    boots: ["node2"],
  },
  { name: "SMT node: corosync killed", inflict: () => void onNode("node2", "pkill -9 -x corosync") },
  {
    name: "SMT node: fenced by an administrator",
    inflict: () => void aside("node1", "stonith_admin --reboot node2"),
    boots: ["node2"],
  },
  { name: "SMT node: sbd killed", inflict: () => void aside("node2", "pkill -9 sbd"), boots: ["node2"] },
  { name: "SMT node: pacemakerd killed", inflict: () => void onNode("node2", "pkill -9 -x pacemakerd") },
  {
    name: "SMT node: Apache stopped for 90 s",
    inflict: async () => {
      aside("node2", "systemctl stop apache2; sleep 90; systemctl start apache2");
      await sleep(91);
    },
  },
  { name: "SMT node: Apache hangs for 90 s", inflict: () => hang("node2", "apache2", 90) },
  { name: "SMT node: MariaDB hangs for 90 s", inflict: () => hang("node2", "mariadb", 90) },
  { name: "SMT node: MariaDB killed", inflict: () => void onNode("node2", "pkill -9 -x mariadbd") },
  { name: "SMT node paused for 5 s", inflict: () => pause("node2", 5) },
  { name: "SMT node paused for 20 s", inflict: () => pause("node2", 20), boots: ["node2"] },
  {
    name: "SMT node paused for 60 s",
    inflict: () => pause("node2", 60),
    boots: ["node2"],
    check: (load, start) => expectNoLateWrite(load, start, "node2", deadAfter),
  },
  { name: "director paused for 60 s", inflict: () => pause("node3", 60), boots: ["node3"] },
  { name: "storage away for 5 s", inflict: () => withoutStorage(() => sleep(5)) },
  { name: "storage away for 20 s", inflict: () => withoutStorage(() => sleep(20)) },
  { name: "storage away for 60 s", inflict: () => withoutStorage(() => sleep(60)) },
  { name: "storage away for 200 s", inflict: () => withoutStorage(() => sleep(200)) },
  { name: "SMT node: its path to the storage lost for 5 s", inflict: () => withoutPath("node2", 5) },
  { name: "SMT node: its path to the storage lost for 20 s", inflict: () => withoutPath("node2", 20) },
  { name: "SMT node: its path to the storage lost for 60 s", inflict: () => withoutPath("node2", 60) },
  {
    name: "SMT node: its path to the storage lost for 200 s",
    inflict: () => withoutPath("node2", 200),
    boots: ["node2"],
  },
  {
    name: "SMT node hears the others no longer, and they hear it",
    inflict: () => cut("node2", "input", "udp dport 5405", 120),
    boots: ["node2"],
  },
  {
    name: "SMT node is heard by the others no longer, and it hears them",
    inflict: () => cut("node2", "output", "udp dport 5405", 120),
    boots: ["node2"],
  },
  {
    name: "director: its network lost for 120 s",
    inflict: () => network("node3", "loss 100%", 120),
    boots: ["node3"],
  },
  {
    name: "SMT node: its database cut off from the other one for 60 s",
    inflict: () => cut("node2", "input", "tcp sport 3306", 60),
  },
  { name: "SMT node: 30 % of its packets dropped for 60 s", inflict: () => network("node2", "loss 30%", 60) },
  { name: "SMT node: its packets delayed by 500 ms for 60 s", inflict: () => network("node2", "delay 500ms", 60) },
  { name: "SMT node: disk of the system and the database full for 60 s", inflict: () => fill("node2", "/var/tmp", 60) },
  { name: "shared file system full for 60 s", inflict: () => fill("node2", "/smt", 60) },
  {
    name: "SMT node: clock an hour ahead for 60 s",
    inflict: async () => {
      aside("node2", "date -s '+1 hour'; sleep 60; date -s '-1 hour'");
      await sleep(65);
    },
  },
  {
    name: "SMT node: clock an hour behind for 60 s",
    inflict: async () => {
      aside("node2", "date -s '-1 hour'; sleep 60; date -s '+1 hour'");
      await sleep(65);
    },
  },
  { name: "SMT node: the cluster's packages updated", inflict: () => update("node2", "corosync", "pacemaker", "sbd") },
  {
    name: "SMT node: the packages of the disk, the database and the web server updated",
    inflict: () => update("node2", "open-iscsi", "mariadb-server", "apache2"),
  },
  {
    name: "SMT node: power lost while it mirrors",
    inflict: async () => {
      aside("node1", "smt-mirror");
      await sleep(4);
      power("reset", "node1");
    },
    boots: ["node1"],
  },
  {
    name: "director: power lost while an SMT node is fenced",
    inflict: async () => {
      power("reset", "node2");
      await sleep(15);
      power("reset", "node3");
    },
    boots: ["node2", "node3"],
  },
  {
    name: "director: power lost, and an SMT node paused for 5 s meanwhile",
    inflict: async () => {
      power("reset", "node3");
      await sleep(15);
      await pause("node1", 5);
    },
    boots: ["node3"],
  },
];

/** What a fault needs at most to show, in seconds, unless nodes boot because of it: a server that hangs is the slowest. */
const shows = 75;

/**
 * Waits for the steady state once a fault has shown: before, it says nothing. Gives when that state began to last, as of
 * `Date.now()`.
 */
async function steadyAgain(hasShown: () => boolean): Promise<number> {
  let since: number | undefined;
  return eventually(900, () => {
    let shown = false;
    try {
      // A node that is down can't be asked.
      shown = hasShown();
      expectSteadyState();
    } catch (error) {
      since = undefined;
      throw error;
    }
    since ??= Date.now();
    expect(shown).toBe(true);
    return since;
  });
}

/** One of each kind: a server, the balancer, a database, the storage. */
const some = [
  "SMT node: power lost",
  "director: power lost",
  "SMT node: MariaDB hangs for 90 s",
  "storage away for 20 s",
];

/** Some faults under load: nothing is lost, and nobody helps. Some ten minutes. */
export const someFaults = (): void => underLoad(faults.filter(({ name }) => some.includes(name)));

/** Every fault under load, with its figures in docs/results.md. Some two hours. */
export const everyFault = (): void => underLoad(faults, writeResult);

/** @param written what is done with each outcome */
function underLoad(inflicted: readonly Fault[], written: (outcome: Outcome) => void = () => {}): void {
  describe("under load", () => {
    beforeEach(async () => {
      await eventually(300, expectSteadyState);
      moveTo("node3");
      await eventually(120, expectSteadyState);
    });

    test.each(inflicted)("$name", async ({ name, inflict, boots = [], check }) => {
      const before = boots.map(bootOf);
      const load = new Load();
      const watch = new Watch(nodes.filter((node) => !boots.includes(node)));
      await sleep(10);
      const start = Date.now();
      await inflict();
      const hasShown = (): boolean =>
        boots.length === 0
          ? Date.now() > start + shows * 1000
          : boots.every((node, index) => bootOf(node) !== before[index]);
      const steadyAfter = ((await steadyAgain(hasShown)) - start) / 1000;
      check?.(load, start);
      const detected = watch.stop(start);
      const detectedAfter = detected && (detected - start) / 1000;
      const outcome = { fault: name, detectedAfter, steadyAfter, ...(await load.stop()) };
      written(outcome);
      report(name, JSON.stringify(outcome));
      expect(outcome.lost).toEqual([]);
      expect(activeDirector()).not.toBe("");
    });
  });
}

/** Writes docs/results.md and its JSON, after each fault: a run that ends early, or of some faults, leaves the other results. */
function writeResult(outcome: Outcome): void {
  const known = new Map([...readResults(), outcome].map((each) => [each.fault, each]));
  const all = faults.flatMap(({ name }) => known.get(name) ?? []);
  fs.writeFileSync(`${results}.json`, `${JSON.stringify(all, undefined, 2)}\n`);
  fs.writeFileSync(`${results}.md`, resultsTable(all));
}

/** What earlier runs have measured. */
function readResults(): Outcome[] {
  const file = `${results}.json`;
  return fs.existsSync(file) ? (JSON.parse(fs.readFileSync(file, "utf8")) as Outcome[]) : [];
}

/** docs/results.md. */
function resultsTable(outcomes: readonly Outcome[]): string {
  const rows = outcomes.map(
    ({ fault, detectedAfter, steadyAfter, longestGap, failed, requests, acknowledged, lost }) =>
      `| ${fault} | ${detectedAfter === undefined ? "" : `${detectedAfter.toFixed(1)} s`} | ${longestGap.toFixed(1)} s | ${failed} of ${requests} | ${lost.length} of ${acknowledged} | ${steadyAfter.toFixed(0)} s |`,
  );
  return `# Results

Written by \`make faults\`, on the lab's emulated nodes. Nobody helped: each row ends with the whole service steady. A fault is
noticed when another node misses a member of the cluster, or the balancer takes a real server out.

| fault | noticed after | longest gap of a client | failed requests | lost writes | steady after |
|---|---|---|---|---|---|
${rows.join("\n")}
`;
}
