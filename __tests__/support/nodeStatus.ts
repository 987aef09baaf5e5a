import * as fs from "fs";
import * as path from "path";
import type { NodeAnswer, NodeStatus } from "../../cli/nodeStatus";
import type { StackNode } from "../../cli/stack";

/** The time of the tests' documents. */
export const now = new Date("2026-10-02T12:00:00Z");

/** Changes of a document: an object changes the fields that it names, everything else replaces. */
export type Changes = { readonly [Field in keyof NodeStatus]?: unknown };

const clusterView = {
  runs: true as const,
  quorum: true,
  nodes: ["node1", "node2", "node3"].map((name) => ({ name, state: "online" })),
  resources: [
    ...["node1", "node2"].flatMap((node) => ["dlm", "fs"].map((name) => ({ name, node, state: "Started" }))),
    { name: "stonith-sbd", node: "node1", state: "Started" },
    ...["VirtIP", "Director", "Table"].map((name) => ({ name, node: "node3", state: "Started" })),
  ],
  failures: [],
};

const common = (name: string): Omit<NodeStatus, "serves"> => ({
  node: name,
  platform: "debian12",
  revision: "1234-567",
  system: "Debian GNU/Linux 12 (bookworm)",
  uptime: 86_400,
  balances: true,
  outOfService: false,
  steps: [{ name: "node-time", mark: "0123456789abcdef" }],
  cluster: clusterView,
  planned: { drained: [], resources: [], constraints: [] },
  drift: { parts: [], tieBreakerPending: false },
  files: { changed: [] },
  fencing: {
    device: "/dev/disk/by-path/lun-1-part1",
    slots: ["node1", "node2", "node3"].map((node) => ({ node, message: "clear", from: "" })),
  },
  disks: { systems: [{ directory: "/", free: 6000, size: 10_000 }] },
  address: { service: "192.0.2.10", interfaces: ["lo"] },
  table: { services: [] },
  certificates: {
    certificates: [{ file: "/etc/ssl/private/smt-ha.pem", from: "2026-01-01T00:00:00Z", to: "2027-01-01T00:00:00Z" }],
  },
  clock: { synchronised: true, ahead: 0.0001 },
  packages: { pending: 0, reboot: false },
});

const server = (name: string, follows: string): NodeStatus => ({
  ...common(name),
  serves: true,
  locking: { spaces: [{ name: "7DA412FE", waits: "" }] },
  shared: { systems: [{ directory: "/smt", free: 3000, size: 4000 }] },
  health: { status: 200, lines: ["still alive"] },
  database: { follows, receives: "Yes", applies: true, behind: 0, encrypted: true, error: "" },
  mirror:
    name === "node1"
      ? {
          running: false,
          schedule: "02:30",
          last: { ended: Date.parse("2026-10-02T02:44:00Z") / 1000, files: 12, bytes: 34_567, errors: 0 },
        }
      : { running: false },
});

const servers = [
  { address: "192.0.2.11", active: 5 },
  { address: "192.0.2.12", active: 3 },
];
const director: NodeStatus = {
  ...common("node3"),
  serves: false,
  address: { service: "192.0.2.10", interfaces: ["eth0"] },
  table: {
    services: [443, 80].map((port) => ({
      address: `192.0.2.10:${port}`,
      servers: servers.map(({ address, active }) => ({
        address: `${address}:${port}`,
        weight: 1,
        active,
        inactive: 9,
      })),
    })),
  },
};

const documents = [server("node1", "192.0.2.12"), server("node2", "192.0.2.11"), director];

/** The answers of a stack of two SMT nodes and a director, all well but for some changes, by the nodes' names. */
export function answers(changes: Readonly<Record<string, Changes>> = {}): NodeAnswer[] {
  return documents.map((document, index) => ({
    node: {
      name: document.node,
      address: `192.0.2.1${index + 1}`,
      role: document.serves ? "smt" : "director",
      steps: { "node-time": "0123456789abcdef" },
    },
    status: { ...structuredClone(document), ...changes["*"], ...changes[document.node] } as NodeStatus,
  }));
}

/** The answers, but one node is silent. */
export const without = (name: string, all: readonly NodeAnswer[]): NodeAnswer[] =>
  all.map((answer) =>
    answer.node.name === name
      ? { node: answer.node, failure: { cause: `${name} does not answer: timed out`, fix: `start ${name}` } }
      : answer,
  );

/** The cluster as the nodes see it, with other states and places. */
export const cluster = ({
  states = {},
  places = {},
  ...other
}: {
  readonly states?: Readonly<Record<string, string>>;
  /** Nodes of resources; none for a resource that runs nowhere. */
  readonly places?: Readonly<Record<string, string | undefined>>;
  readonly quorum?: boolean;
  readonly failures?: readonly string[];
}): { cluster: unknown } => ({
  cluster: {
    ...clusterView,
    nodes: clusterView.nodes.map(({ name, state }) => ({ name, state: states[name] ?? state })),
    resources: clusterView.resources.flatMap((resource) =>
      resource.name in places
        ? places[resource.name] === undefined
          ? []
          : [{ ...resource, node: places[resource.name] }]
        : [resource],
    ),
    ...other,
  },
});

/** How to reach the nodes of the tests' documents. */
export const stackNodes = answers().map(({ node }): StackNode => ({
  ...node,
  hostKey: "ssh-ed25519 AAAA",
  user: "root",
  port: 22,
  privateKey: `${node.name}-hush\n`,
}));

/** Writes the documents, as of today, into files `status-NODE`. */
export function writeDocuments(directory: string, changes: Readonly<Record<string, Changes>> = {}): void {
  const time = { ended: Math.floor(Date.now() / 1000), files: 1, bytes: 1, errors: 0 };
  const until = new Date(Date.now() + 300 * 24 * 60 * 60 * 1000).toISOString();
  for (const { node, status: document } of answers(changes)) {
    const { certificates, mirror, ...rest } = document!;
    const timely = {
      ...rest,
      certificates: { certificates: [{ file: "/x", from: "2026-01-01T00:00:00Z", to: until }] },
      ...(mirror && "schedule" in mirror && { mirror: { ...mirror, last: time } }),
      ...(changes[node.name]?.certificates !== undefined && { certificates }),
    };
    fs.writeFileSync(path.join(directory, `status-${node.name}`), JSON.stringify(timely));
  }
}
