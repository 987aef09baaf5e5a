import { findingsOf, type Finding } from "../../cli/findings";
import { parseNodeStatus, type NodeAnswer } from "../../cli/nodeStatus";
import { answers, cluster, now, without, type Changes } from "../support/nodeStatus";

const find = (all: readonly NodeAnswer[]): Finding[] => findingsOf(all, now, "npx smt-ha");
/** Findings in one line each, without their fixes. */
const linesOf = (all: readonly NodeAnswer[]): string[] =>
  find(all).map(({ level, nodes, cause }) => `${level}: ${nodes.join(" ")}: ${cause}`);
const lines = (changes: Readonly<Record<string, Changes>>): string[] => linesOf(answers(changes));

test("nothing is found where all is well", () => {
  expect(find(answers())).toEqual([]);
});

test("the tests' documents are as the program reads them", () => {
  for (const { status } of answers()) {
    expect(parseNodeStatus(JSON.stringify(status))).toEqual(status);
  }
});

const unknown = { unknown: "no answer within 30 seconds" };
const link = { follows: "192.0.2.12", receives: "Yes", applies: true, behind: 0, encrypted: true, error: "" };
const table = (port: number, ...weights: number[]): object => ({
  address: `192.0.2.10:${port}`,
  servers: weights.map((weight, index) => ({
    address: `192.0.2.1${index + 1}:${port}`,
    weight,
    active: 0,
    inactive: 0,
  })),
});
const space = (directory: string, free: number): object => ({ systems: [{ directory, free, size: 10_000 }] });
const certificate = (to: string): object => ({
  certificates: [{ file: "/etc/x.pem", from: "2025-10-02T00:00:00Z", to }],
});
const mirror = (ended: string, errors = 0, running = false): object => ({
  running,
  schedule: "02:30",
  last: { ended: Date.parse(ended) / 1000, files: 1, bytes: 1, errors },
});
const noDrain = { drained: [], resources: [], constraints: [] };

test.each<[string, Readonly<Record<string, Changes>>, string[]]>([
  // The cluster.
  [
    "a node whose cluster is stopped",
    { node2: { cluster: { runs: false } }, ...offline("node2") },
    ["warning: node2: the cluster does not run on it"],
  ],
  [
    "a cluster that runs nowhere",
    { "*": { cluster: { runs: false }, planned: unknown, drift: unknown } },
    ["critical: node1 node2 node3: the cluster runs on no node that answers"],
  ],
  [
    "a lost quorum",
    { "*": cluster({ quorum: false }) },
    [
      "critical: node1 node2 node3: the cluster has no quorum there: it starts nothing, and the shared files may freeze",
    ],
  ],
  [
    "a node that is cut off, while the others are a majority",
    { node1: { ...cluster({ quorum: false, states: { node2: "UNCLEAN (offline)", node3: "UNCLEAN (offline)" } }) } },
    ["critical: node1: the cluster has no quorum there: it starts nothing, and the shared files may freeze"],
  ],
  [
    "a node to be fenced",
    { "*": cluster({ states: { node2: "UNCLEAN (offline)" } }) },
    ["critical: node2: it is UNCLEAN (offline): its resources stay where they are until it is fenced"],
  ],
  [
    "a node in standby",
    { "*": cluster({ states: { node2: "standby" } }) },
    ["warning: node2: the cluster says: standby"],
  ],
  [
    "a node in maintenance",
    { "*": cluster({ states: { node2: "maintenance" } }) },
    ["warning: node2: the cluster says: maintenance"],
  ],
  [
    "a failed resource",
    { "*": cluster({ failures: ["fs_monitor on node1"] }) },
    ["warning: : a resource failed: fs_monitor on node1"],
  ],
  // Fencing.
  [
    "fencing that runs nowhere",
    { "*": cluster({ places: { "stonith-sbd": undefined } }) },
    ["critical: : no node runs the fencing resource stonith-sbd: a node that hangs is not fenced"],
  ],
  [
    "a node without a slot, and a message in another",
    {
      "*": {
        fencing: {
          device: "/dev/x",
          slots: [
            { node: "node1", message: "clear", from: "" },
            { node: "node2", message: "reset", from: "node1" },
          ],
        },
      },
    },
    [
      "critical: node3: it has no slot on the fencing device /dev/x: the others can't fence it",
      "warning: node2: its slot on the fencing device says 'reset' from node1",
    ],
  ],
  // The address and the table.
  [
    "an address that no node holds",
    {
      "*": cluster({ places: { VirtIP: undefined, Director: undefined } }),
      node3: {
        ...cluster({ places: { VirtIP: undefined, Director: undefined } }),
        address: { service: "192.0.2.10", interfaces: [] },
        table: { services: [] },
      },
    },
    ["critical: : no node holds the service address"],
  ],
  [
    "an address that its holder does not have",
    { node3: { address: { service: "192.0.2.10", interfaces: [] } } },
    ["critical: node3: the cluster says that it holds the service address 192.0.2.10, and it does not have it"],
  ],
  [
    "an address on two nodes",
    { node1: { address: { service: "192.0.2.10", interfaces: ["lo", "eth0"] } } },
    ["critical: node1 node3: node1 and node3 have the service address on the network at the same time"],
  ],
  [
    "an empty table",
    { node3: { table: { services: [] } } },
    ["critical: node3: its table sends the ports 443 and 80 to no server"],
  ],
  [
    "a server without weight",
    { node3: { table: { services: [table(443, 1, 1), table(80, 1, 0)] } } },
    ["warning: node2: it gets no connections to port 80: it has no weight in the table of node3"],
  ],
  [
    "a second table",
    { node1: { table: { services: [table(80, 1)] } } },
    [
      "warning: node1: it has a balancer's table without the service address: two nodes could pass a packet back and forth",
    ],
  ],
  // The servers.
  [
    "a sick server, which is not in the table",
    {
      node2: { health: { status: 503, lines: ["the files are away", "the link too"] } },
      node3: { table: { services: [table(443, 1), table(80, 1)] } },
    },
    ["warning: node2: it can't serve: the files are away; the link too"],
  ],
  [
    "no healthy server",
    {
      node1: { health: { status: 0, lines: ["Apache does not answer"] } },
      node2: { health: { status: 503, lines: [] } },
    },
    [
      "critical: node1 node2: no real server that answers is healthy",
      "warning: node1: it can't serve: Apache does not answer",
      "warning: node2: it can't serve: status 503",
    ],
  ],
  [
    "a server without /smt",
    { node2: { shared: { systems: [] } } },
    ["warning: node2: the shared file system is not mounted on it"],
  ],
  [
    "locks that wait",
    { node1: { locking: { spaces: [{ name: "A", waits: "fencing" }] } } },
    ["critical: node1: the lock space A waits for fencing: the shared files are frozen until then"],
  ],
  // The databases.
  [
    "a link that has stopped, which the page says too",
    {
      node1: {
        database: { ...link, applies: false, behind: null, error: "Duplicate entry" },
        health: { status: 200, lines: ["still alive", "the replication link has stopped"] },
      },
    },
    ["critical: node1: its replication link to node2 has stopped: Duplicate entry"],
  ],
  ["no link", { node1: { database: { follows: "" } } }, ["critical: node1: its database follows no other one"]],
  [
    "a link that does not reach the other",
    { node1: { database: { ...link, receives: "Connecting", behind: null } } },
    ["warning: node1: its replication link does not reach node2"],
  ],
  [
    "a database that lags",
    { node1: { database: { ...link, behind: 61 } } },
    ["warning: node1: its database is 61 seconds behind that of node2"],
  ],
  [
    "a link that is not encrypted",
    { node1: { database: { ...link, encrypted: false } } },
    ["warning: node1: its replication link to node2 is not encrypted: it was changed by hand"],
  ],
  [
    "a database that went back in time",
    { node1: { health: { status: 200, lines: ["still alive", "the database went back in time"] } } },
    ["critical: node1: its health page says: the database went back in time"],
  ],
  [
    "storage that no server can read",
    { node1: { health: { status: 200, lines: ["still alive", "the check of the files takes longer than 4 s"] } } },
    ["critical: node1: its health page says: the check of the files takes longer than 4 s"],
  ],
  // Space, certificates, mirroring, time.
  ["scarce space", { node1: { disks: space("/", 999) } }, ["warning: node1: 999 of 10000 MiB are free on /"]],
  [
    "no space",
    { node1: { disks: space("/var/lib/mysql", 15) } },
    ["critical: node1: 15 of 10000 MiB are free on /var/lib/mysql"],
  ],
  [
    "scarce shared space, once",
    { "*": { shared: space("/smt", 999) } },
    ["warning: : 999 of 10000 MiB are free on /smt"],
  ],
  [
    "certificates that end",
    {
      node1: { certificates: certificate("2026-11-30T12:00:00Z") },
      node2: { certificates: certificate("2026-10-02T11:59:59Z") },
    },
    [
      "critical: node2: the certificate /etc/x.pem has expired on 2026-10-02",
      "warning: node1: the certificate /etc/x.pem ends in 59 days",
    ],
  ],
  [
    "an old mirror run with errors",
    { node1: { mirror: mirror("2026-09-30T11:00:00Z", 3) } },
    [
      "warning: node1: its last mirror run ended with 3 errors",
      "warning: node1: the last mirror run ended 2 days ago; it should run every night at 02:30",
    ],
  ],
  [
    "an old mirror run, while the node of a later one may be down",
    { node1: { mirror: mirror("2026-09-30T11:00:00Z", 3) }, node2: { mirror: unknown } },
    [
      "warning: node1: its last mirror run ended with 3 errors",
      "warning: node2: it can't tell mirroring: no answer within 30 seconds",
    ],
  ],
  [
    "an old mirror run of a node that has no jobs now",
    {
      node1: { mirror: mirror("2026-09-30T10:00:00Z") },
      node2: { mirror: { ...mirror("2026-09-30T11:00:00Z", 3), schedule: undefined } },
    },
    [
      "warning: node2: its last mirror run ended with 3 errors",
      "warning: node1: the last mirror run ended 2 days ago; it should run every night at 02:30",
    ],
  ],
  ["no schedule", { node1: { mirror: { running: false } } }, ["warning: : no node mirrors at night"]],
  [
    "a clock that follows no server",
    { node2: { clock: { synchronised: false } } },
    ["warning: node2: its clock follows no time server"],
  ],
  // Changes and planned work.
  [
    "manual changes",
    {
      node1: { drift: { parts: [{ name: "fencing", changes: ["missing: a", "found: b"] }], tieBreakerPending: true } },
    },
    [
      "warning: node1: fencing of the cluster's configuration was changed by hand: missing: a; found: b",
      "warning: node1: its corosync runs without the tie breaker",
    ],
  ],
  [
    "files that were changed by hand, counted",
    {
      node1: { files: { changed: [{ file: "/etc/a", how: "gone", steps: ["node-time"] }] } },
      node3: {
        files: {
          changed: [
            { file: "/etc/b", how: "content", steps: ["node-time"] },
            { file: "/etc/of-a-former-stack", how: "content", steps: ["smt-install"] },
          ],
        },
      },
    },
    ["warning: node1 node3: 2 files were changed by hand"],
  ],
  [
    "a step that ran last with something else",
    { node1: { steps: [{ name: "node-time", mark: "fedcba9876543210" }] } },
    [
      "warning: node1: it is not what the stack's state says: these failed, or ran last from another state or by hand: node-time",
    ],
  ],
  [
    "a step that has failed since",
    { node1: { steps: [{ name: "node-hosts", mark: "fedcba9876543210" }] } },
    [
      "warning: node1: it is not what the stack's state says: these failed, or ran last from another state or by hand: node-time",
    ],
  ],
  [
    "other files",
    { node2: { revision: "9-9" } },
    ["warning: node2: it has revision 9-9 of the program's files, other nodes have 1234-567"],
  ],
  [
    "a node out of service, with all that follows from it",
    {
      "*": cluster({ states: { node2: "standby" }, places: {} }),
      node2: {
        ...cluster({ states: { node2: "standby" } }),
        outOfService: true,
        shared: { systems: [] },
        locking: unknown,
        health: { status: 503, lines: ["the shared files can't be read"] },
      },
      node3: {
        ...cluster({ states: { node2: "standby" } }),
        table: { services: [table(443, 1, 0), table(80, 1, 0)] },
        planned: { ...noDrain, drained: ["192.0.2.12"], resources: ["drain-node2"] },
      },
    },
    ["warning: node2: it is out of service (node/maintain)"],
  ],
  [
    "what an interrupted node/maintain has left",
    { "*": { planned: { ...noDrain, drained: ["192.0.2.12"] } } },
    ["warning: node2: it is partly out of service: it gets no new connections, or may not balance"],
  ],
  [
    "what crm_resource has left",
    { "*": { planned: { ...noDrain, constraints: ["cli-prefer-LVS", "cli-ban-LVS-on-node1"] } } },
    [
      "warning: node1: it is partly out of service: it gets no new connections, or may not balance",
      "warning: : crm_resource has left a constraint: cli-prefer-LVS",
    ],
  ],
  [
    "what is not known",
    { node1: { cluster: unknown, database: unknown }, node2: { packages: unknown } },
    [
      "warning: node1: it can't tell the cluster's state: no answer within 30 seconds",
      "warning: node1: it can't tell the database: no answer within 30 seconds",
      "notice: node2: it can't tell the pending packages: no answer within 30 seconds",
    ],
  ],
  [
    "packages and a reboot, which are no fault",
    { node1: { packages: { pending: 3, reboot: true } }, node3: { packages: { pending: 0, reboot: true } } },
    ["notice: node1 node3: updates are due: 3 packages and a reboot on node1, a reboot on node3"],
  ],
])("finds %s", (_, changes, expected) => expect(lines(changes)).toEqual(expected));

/** The other nodes see a node as offline. */
function offline(name: string): Readonly<Record<string, Changes>> {
  const seen = cluster({ states: { [name]: "OFFLINE" } });
  return Object.fromEntries(
    ["node1", "node2", "node3"].filter((other) => other !== name).map((other) => [other, seen]),
  );
}

describe("what is well, finds nothing", () => {
  test.each<[string, Readonly<Record<string, Changes>>]>([
    [
      "a link to a node that is out of service",
      {
        "*": cluster({ states: { node2: "standby" } }),
        node1: {
          ...cluster({ states: { node2: "standby" } }),
          database: { ...link, receives: "Connecting", behind: null },
        },
        node2: { ...cluster({ states: { node2: "standby" } }), outOfService: true },
      },
    ],
    [
      "a certificate of a short life, before its half",
      {
        node1: {
          certificates: { certificates: [{ file: "/x", from: "2026-09-30T00:00:00Z", to: "2026-10-10T00:00:00Z" }] },
        },
      },
    ],
    ["an old run while the next one is at work", { node1: { mirror: mirror("2026-09-01T00:00:00Z", 3, true) } }],
    [
      "a plain link where the platform has no other",
      { "*": { platform: "sles12" }, node1: { platform: "sles12", database: { ...link, encrypted: false } } },
    ],
  ])("%s", (_, changes) =>
    expect(lines(changes).filter((line) => !line.includes("out of service (node/maintain)"))).toEqual([]),
  );
});

describe("a node that does not answer", () => {
  test("is one finding, with the cluster's view of it", () => {
    const others = offline("node2");
    const all = without(
      "node2",
      answers({ ...others, node1: { ...others.node1, database: { ...link, receives: "Connecting" } } }),
    );
    expect(find(all)).toEqual([
      {
        level: "warning",
        nodes: ["node2"],
        cause: "does not answer: timed out; the cluster says: OFFLINE",
        fix: "start node2",
      },
    ]);
  });

  test("leaves the rest to the others, also if none is left", () => {
    const silent = ["node1", "node2", "node3"].reduce((all, name) => without(name, all), answers());
    expect(linesOf(silent)).toEqual(
      ["node1", "node2", "node3"].map((name) => `warning: ${name}: does not answer: timed out`),
    );
  });
});

test("the worst comes first, and every finding says what to do", () => {
  const found = find(
    answers({
      node1: { packages: { pending: 1, reboot: false }, clock: { synchronised: false } },
      node2: { database: { follows: "" } },
    }),
  );
  expect(found.map(({ level }) => level)).toEqual(["critical", "warning", "notice"]);
  expect(found.map(({ fix }) => fix)).toEqual([
    "see SHOW SLAVE STATUS on every SMT node, and docs/operations/databases.md",
    "let a time server answer to it (UDP port 123), or name another in ntpServers",
    "update them, one after the other: npx smt-ha maintain node1",
  ]);
});
