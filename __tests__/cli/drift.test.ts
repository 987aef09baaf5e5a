import { drift } from "../../cli/drift";
import { commandOnNodes } from "../support/commandOnNodes";
import { stackNodes, writeDocuments, type Changes } from "../support/nodeStatus";

const terminal = commandOnNodes();

const asks = "smt-ha node/status --only 'drift files'";

/** Runs the command on nodes whose documents have these changes; an answer of a single node goes before its document. */
async function run(
  changes: Readonly<Record<string, Changes>> = {},
  { answers = {}, json = false }: { answers?: Readonly<Record<string, string>>; json?: boolean } = {},
): Promise<[number, string[]]> {
  writeDocuments(terminal.ssh.directory, changes);
  terminal.ssh.answer({ ...answers, "* smt-ha node/status *": "cat status-$node" });
  const signal = new AbortController().signal;
  const code = await drift({ stack: { name: "prod", nodes: stackNodes }, options: { json }, signal });
  return [code, terminal.stdout.split("\n")];
}

const changed: Readonly<Record<string, Changes>> = {
  node1: {
    drift: { parts: [{ name: "fencing", changes: ["missing: a", "found: b"] }], tieBreakerPending: true },
    steps: [],
  },
  node3: {
    files: {
      changed: [
        { file: "/etc/chrony.conf", how: "content", steps: ["node-time"] },
        { file: "/etc/key", how: "rights", steps: ["smt-install", "node-time"] },
        { file: "/etc/unit", how: "gone", steps: ["node-time"] },
        { file: "/etc/of-a-former-stack", how: "gone", steps: ["smt-install"] },
      ],
    },
  },
};

test("nothing was changed: one line, and exit code 0", async () => {
  const [code, [line, ...more]] = await run();
  expect([code, more]).toEqual([0, [""]]);
  expect(line).toMatch(/^stack prod, \d{4}-\d\d-\d\d \d\d:\d\d UTC: nothing was changed by hand$/);
  expect(terminal.ssh.calls.sort()).toEqual(["node1", "node2", "node3"].map((name) => `${name}: ${asks}`));
});

test("names what was changed, whose it is, and the commands that restore it", async () => {
  const [code, [line, ...more]] = await run(changed);
  expect([code, line]).toEqual([1, expect.stringMatching(/: 6 changes on 2 nodes$/)]);
  expect(more).toEqual([
    "",
    "node1: fencing of the cluster's configuration was changed by hand: missing: a; found: b",
    "  fix:   restore it: pulumi up --replace '**::node1-cluster-configure-fencing'",
    "",
    "node1: its corosync runs without the tie breaker",
    "  fix:   restart it on node1, once all nodes are online: systemctl stop pacemaker corosync && systemctl start pacemaker",
    "",
    "node1: it is not what the stack's state says: these failed, or ran last from another state or by hand: node-time",
    "  fix:   run them from this state, if it is the right one: pulumi up --replace '**::node1-node-time'",
    "",
    "node3: /etc/chrony.conf of node-time has another content: it was changed by hand",
    "node3: /etc/key of node-time has another owner or other rights: it was changed by hand",
    "node3: /etc/unit of node-time is gone: it was changed by hand",
    "  fix:   restore it: pulumi up --replace '**::node3-node-time'",
    "",
    "all at once: pulumi up --replace '**::node1-cluster-configure-fencing' --replace '**::node1-node-time' --replace '**::node3-node-time'",
    "",
  ]);
});

test("--json prints the changes, with the resources that restore them, and nothing else", async () => {
  const [code, lines] = await run(changed, { json: true });
  const { stack, changes, unknown } = JSON.parse(lines.join("\n")) as {
    stack: string;
    changes: { node: string; kind: string; restoredBy: string[] }[];
    unknown: unknown[];
  };
  expect([code, stack, unknown]).toEqual([1, "prod", []]);
  expect(changes.map(({ node, kind, restoredBy }) => [node, kind, ...restoredBy])).toEqual([
    ["node1", "cluster", "node1-cluster-configure-fencing"],
    ["node1", "tieBreaker"],
    ["node1", "step", "node1-node-time"],
    ...["", "", ""].map(() => ["node3", "file", "node3-node-time"]),
  ]);
});

const silent = { "node2 smt-ha *": "echo 'No route to host' >&2; exit 255" };

test("what a node can't tell is said, and is not taken for nothing: exit code 3", async () => {
  const [code, [line, ...more]] = await run(
    { node1: { drift: { unknown: "Connection refused" } } },
    { answers: silent },
  );
  expect([code, line]).toEqual([
    3,
    expect.stringMatching(/: nothing was changed by hand, as far as the nodes can tell$/),
  ]);
  expect(more).toEqual([
    "",
    "node1: it can't tell manual changes to the cluster's configuration: Connection refused",
    "  fix:   ask again; if it stays so, look on node1",
    "",
    expect.stringMatching(/^node2: node2 does not answer: No route to host/),
    expect.stringMatching(/^ {2}fix: {3}/),
    "",
  ]);
});

test("a change that is known counts more than a node that is not", async () => {
  const [code, lines] = await run(changed, { answers: silent });
  expect([code, lines.join("\n")]).toEqual([1, expect.stringContaining("node2 does not answer")]);
});

test("files of an older release tell nothing", async () => {
  const older = { "node2 smt-ha *": 'cat status-$node | sed \'s/"files"/"others"/\'' };
  const [code, lines] = await run({}, { answers: older });
  expect([code, lines.join("\n")]).toEqual([
    3,
    expect.stringContaining(
      "it can't tell manual changes to files: it answers in another form than this command knows",
    ),
  ]);
});
