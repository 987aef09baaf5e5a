import * as fs from "fs";
import * as path from "path";
import { Failure } from "../../cli/failure";
import { parseNodeStatus } from "../../cli/nodeStatus";
import { exitCodeOf, status, type StatusOptions } from "../../cli/status";
import { parseExposition } from "../support/exposition";
import { commandOnNodes } from "../support/commandOnNodes";
import { answers, stackNodes, writeDocuments, type Changes } from "../support/nodeStatus";

const terminal = commandOnNodes();

/** What the nodes answer: the tests' documents, with changes. */
function documents(changes: Readonly<Record<string, Changes>> = {}): void {
  writeDocuments(terminal.ssh.directory, changes);
  terminal.ssh.answer({ "* smt-ha node/status": "cat status-$node" });
}

const run = (options: StatusOptions = {}, signal = new AbortController().signal): Promise<number> =>
  status({ stack: { name: "prod", nodes: stackNodes }, options, command: "npx smt-ha", signal });

test.each<[string, Readonly<Record<string, Changes>>, number]>([
  ["all is well", {}, 0],
  ["packages are due", { node1: { packages: { pending: 1, reboot: true } } }, 0],
  ["something is wrong", { node1: { clock: { synchronised: false } } }, 1],
  ["clients or data are at risk", { node1: { database: { follows: "" }, clock: { synchronised: false } } }, 2],
])("ends where %s with %#", async (_, changes, code) => {
  documents(changes);
  expect(await run()).toBe(code);
});

test("asks each node once, with one command", async () => {
  documents();
  await run();
  expect(terminal.ssh.calls.sort()).toEqual(["node1", "node2", "node3"].map((name) => `${name}: smt-ha node/status`));
});

test("asks all nodes at the same time", async () => {
  documents();
  // Each waits until the others have been asked.
  terminal.ssh.answer({
    "* smt-ha node/status": "until [ $(wc -l <calls) = 3 ]; do sleep 0.1; done; cat status-$node",
  });
  expect(await run()).toBe(0);
});

const refusal = (text: string): string => `echo "${text}" >&2; exit 2`;
test.each([
  ["ssh fails", "echo 'No route to host' >&2; exit 255", "does not answer: No route to host"],
  [
    "it shows another host key",
    "echo 'Host key verification failed.' >&2; exit 255",
    "shows another host key than the stack knows",
  ],
  [
    "its files are older",
    refusal("smt-ha: node2: step node/status not started\n  cause: there is no step 'node/status'"),
    "lacks the step node/status",
  ],
  ["it has no files", "echo 'bash: smt-ha: command not found' >&2; exit 127", "lacks the step node/status"],
  [
    "the step fails",
    "echo 'smt-ha: node2: step node/status failed' >&2; exit 1",
    "can't tell its state: smt-ha: node2: step node/status failed",
  ],
  ["it answers something else", "echo '{\"node\":1}'", 'answers in another form than this command knows: {"node":1}'],
])("a node is a row, and a warning, where %s", async (_, command, cause) => {
  documents();
  terminal.ssh.answer({ "node2 smt-ha node/status": command, "* smt-ha node/status": "cat status-$node" });
  expect(await run()).toBe(1);
  expect(terminal.stdout).toContain(`warning: node2: ${cause}`);
  expect(terminal.stdout).toMatch(/^node2 +smt +online +\? /m);
  expect(terminal.stdout).toMatch(/^node1 +smt +online +healthy /m);
});

test("nothing is known where no node answers", async () => {
  terminal.ssh.answer({ "* smt-ha node/status": "echo 'No route to host' >&2; exit 255" });
  expect(await run()).toBe(3);
  expect(terminal.stdout).toMatch(/^stack prod, .*: no node answers$/m);
});

test("--json prints the nodes' documents and the findings, and nothing else", async () => {
  documents({ node1: { clock: { synchronised: false } } });
  expect(await run({ json: true })).toBe(1);
  const printed = JSON.parse(terminal.stdout) as { nodes: { node: object; status: unknown }[]; [key: string]: unknown };
  expect(printed).toMatchObject({
    stack: "prod",
    findings: [{ level: "warning", nodes: ["node1"], cause: "its clock follows no time server" }],
  });
  expect(printed.nodes.map(({ node }) => node)).toEqual(answers().map(({ node }) => node));
  for (const { status: document } of printed.nodes) {
    expect(parseNodeStatus(JSON.stringify(document))).toEqual(document);
  }
});

test("--html writes the page as a whole, beside the text", async () => {
  documents();
  const file = path.join(terminal.ssh.directory, "status.html");
  fs.writeFileSync(file, "before");
  expect(await run({ html: file })).toBe(0);
  expect(fs.readFileSync(file, "utf8")).toMatch(/^<!doctype html>[^]*prod: all is well[^]*<\/html>\n$/);
  expect(terminal.stdout).toContain("all is well");
  expect(fs.readdirSync(terminal.ssh.directory).filter((name) => name.endsWith(".new"))).toEqual([]);
  const failure: unknown = await run({ html: "/nowhere/status.html" }).catch((error: unknown) => error);
  expect(failure).toBeInstanceOf(Failure);
  expect(String(failure)).toMatch(/smt-ha: status not written\n {2}cause: ENOENT.*\n {2}fix: {3}name a file/);
});

test("--prometheus writes the metrics as a whole, beside the text, also of a stack that is not well", async () => {
  documents({ node1: { clock: { synchronised: false } } });
  const file = path.join(terminal.ssh.directory, "smt-ha.prom");
  fs.writeFileSync(file, "before");
  expect(await run({ prometheus: file })).toBe(1);
  const { smt_ha_problems: problems } = parseExposition(fs.readFileSync(file, "utf8"));
  expect(problems.samples).toMatchObject({ 'stack="prod",level="warning"': 1 });
  expect(terminal.stdout).toContain("1 warning");
  // The collector runs as another user, and takes what ends with .prom.
  expect(fs.statSync(file).mode & 0o777).toBe(0o644);
  expect(fs.readdirSync(terminal.ssh.directory).filter((name) => name.endsWith(".prom"))).toEqual(["smt-ha.prom"]);
  const failure: unknown = await run({ prometheus: "/nowhere/smt-ha.prom" }).catch((error: unknown) => error);
  expect(String(failure)).toMatch(/smt-ha: status not written\n {2}cause: ENOENT.*\n {2}fix: {3}name a file/);
});

test("--watch asks again until the signal comes", async () => {
  documents();
  const controller = new AbortController();
  const ended = run({ watch: true }, controller.signal);
  while (terminal.ssh.calls.length < 6) {
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  controller.abort();
  expect([0, 3]).toContain(await ended);
  expect(terminal.stdout.split("\x1b[H\x1b[2J").length).toBeGreaterThan(1);
});

test("a node has five seconds to let this machine in", async () => {
  documents();
  await run();
  expect(terminal.ssh.read("config")).toContain("\n  ConnectTimeout 5\n");
});

test("shows no secret", async () => {
  documents();
  const file = path.join(terminal.ssh.directory, "status.html");
  await run({ json: true, html: file });
  await run();
  const shown = terminal.stdout + fs.readFileSync(file, "utf8") + terminal.ssh.read("arguments");
  expect(shown).toContain("node1");
  expect(shown).not.toContain("hush");
});

test("an answer in another form is unknown, and the others are known", () => {
  const [{ status: document }] = answers();
  const parsed = parseNodeStatus(JSON.stringify({ ...document, clock: { synchronised: "" }, more: 1 }));
  expect(parsed).toEqual({ ...document, clock: { unknown: "it answers in another form than this command knows" } });
  expect(parseNodeStatus("[]")).toBeUndefined();
  expect(parseNodeStatus("not JSON")).toBeUndefined();
});

test("a notice is no fault", () => {
  const report = { stack: "prod", time: new Date(), answers: answers() };
  const finding = { nodes: [], cause: "", fix: "" };
  expect(exitCodeOf({ ...report, findings: [{ ...finding, level: "notice" }] })).toBe(0);
  expect(exitCodeOf({ ...report, findings: [{ ...finding, level: "critical" }] })).toBe(2);
});
