import * as fs from "fs";
import * as path from "path";
import { archiveName, diagnose } from "../../cli/diagnose";
import { Failure } from "../../cli/failure";
import { filesOf } from "../support/archive";
import { commandOnNodes } from "../support/commandOnNodes";
import { stackNodes, writeDocuments, type Changes } from "../support/nodeStatus";

const terminal = commandOnNodes();
let output: string;
beforeEach(() => {
  output = path.join(terminal.ssh.directory, "found.tar.gz");
});

const unreachable = "echo 'No route to host' >&2; exit 255";

/** What the nodes answer. */
function answer(sections: string, changes: Readonly<Record<string, Changes>> = {}, others = {}): void {
  writeDocuments(terminal.ssh.directory, changes);
  fs.writeFileSync(path.join(terminal.ssh.directory, "sections"), sections);
  terminal.ssh.answer({
    ...others,
    "* smt-ha node/status": "cat status-$node",
    "* smt-ha node/diagnose": "cat sections",
  });
}

const run = (secrets: readonly string[] = [], signal = new AbortController().signal): Promise<number> =>
  diagnose({ stack: { name: "prod", nodes: stackNodes }, secrets, output, command: "npx smt-ha", signal });

const sections = "@@ cluster/crm_mon\n $ crm_mon -1\n Online: node1\n@@ smt/smt.conf\n # /etc/smt.conf\n @@ x/y\n";

test("packs what each node tells, with an index that begins with what is wrong", async () => {
  answer(sections, { node2: { clock: { synchronised: false } } });
  expect(await run()).toBe(1);
  const { "index.html": index, "status.html": page, "status.json": json, ...files } = filesOf(output);
  expect(files).toEqual(
    Object.fromEntries(
      ["node1", "node2", "node3"].flatMap((node) => [
        [`${node}/cluster/crm_mon.txt`, "$ crm_mon -1\nOnline: node1\n"],
        // A line of a file is no section.
        [`${node}/smt/smt.conf.txt`, "# /etc/smt.conf\n@@ x/y\n"],
      ]),
    ),
  );
  expect(index).toMatch(/^<!doctype html>[^]*prod: 1 warning[^]*its clock follows no time server[^]*<h2>Nodes<\/h2>/);
  const links = [...index.matchAll(/href="([^"]*)"/g)].map(([, link]) => link);
  expect(links.sort()).toEqual([...Object.keys(files), "status.html"].sort());
  expect(page).toContain("<svg");
  expect(JSON.parse(json)).toMatchObject({ stack: "prod", findings: [{ level: "warning" }] });
  expect(fs.statSync(output).mode & 0o777).toBe(0o600);
  expect(terminal.stdout).toContain(`stack prod: 1 warning\n${output}: begin with found/index.html\n`);
  expect(fs.readdirSync(terminal.ssh.directory).filter((name) => name.endsWith(".new"))).toEqual([]);
});

test("the index loads nothing and runs nothing, and shows texts of the nodes as texts", async () => {
  const evil = `<script>alert("1")</script>`;
  answer(`@@ cluster/crm_mon\n [exit code ${evil}]\n@@ cluster/${evil}\n x\n`, { node1: { clock: { unknown: evil } } });
  await run();
  const { "index.html": index } = filesOf(output);
  expect(index).toContain("exit code &lt;script&gt;");
  expect(index).not.toMatch(
    /<(script|link|img|iframe|object|embed|use|image)\b|\s(src|on\w+)=|https?:\/\/|@import|url\(/i,
  );
  expect(index).toContain(`content="default-src 'none'; style-src 'unsafe-inline'"`);
});

test("asks each node once for its state and once for the rest, all nodes at the same time", async () => {
  answer(
    sections,
    {},
    {
      "* smt-ha node/diagnose": "until [ $(grep -c diagnose calls) = 3 ]; do sleep 0.1; done; cat sections",
    },
  );
  expect(await run()).toBe(0);
  expect(terminal.ssh.calls.sort()).toEqual(
    ["node1", "node2", "node3"].flatMap((name) => [`${name}: smt-ha node/diagnose`, `${name}: smt-ha node/status`]),
  );
});

test("a node that does not answer is an entry", async () => {
  answer(sections, {}, { "node2 *": unreachable });
  expect(await run()).toBe(1);
  const files = filesOf(output);
  expect(files["index.html"]).toMatch(/ node2<\/h3>\s*<p>node2 does not answer: No route to host<\/p>/);
  expect(Object.keys(files).filter((file) => file.startsWith("node"))).toEqual(
    ["node1", "node3"].flatMap((node) => [`${node}/cluster/crm_mon.txt`, `${node}/smt/smt.conf.txt`]),
  );
  expect(terminal.stdout).toContain("node2: nothing: does not answer: No route to host\n  fix:   start node2");
});

test.each([
  ["has no such step", `echo "cause: there is no step 'node/diagnose'" >&2; exit 2`, "lacks the step node/diagnose"],
  ["answers in another form", "echo hello", "answers in another form than this command knows: hello"],
])("a node that %s is an entry", async (_, command, cause) => {
  answer(sections, {}, { "node2 smt-ha node/diagnose": command });
  expect(await run()).toBe(0);
  expect(filesOf(output)["index.html"]).toContain(cause);
});

test("nothing is known where no node answers, and the archive says why", async () => {
  answer(sections, {}, { "* *": unreachable });
  expect(await run()).toBe(3);
  expect(filesOf(output)["index.html"].match(/does not answer: No route to host/g)).toHaveLength(6);
});

describe("a secret that the stack knows", () => {
  const key = `-----BEGIN OPENSSH PRIVATE KEY-----\n${"k".repeat(70)}\n${"l".repeat(30)}=\n-----END OPENSSH PRIVATE KEY-----\n`;
  const password = `hush "1" <&> \\ 'ü'/?`;
  const forms = [
    password,
    JSON.stringify(password).slice(1, -1),
    `hush &quot;1&quot; &lt;&amp;&gt; \\ &#39;ü&#39;/?`,
    encodeURIComponent(password),
  ];
  const planted = [...forms, "k".repeat(70), `${"l".repeat(30)}=`, "hush-longer"];
  const plant = `@@ cluster/x\n ${planted.map((secret) => `a ${secret} b`).join("\n ")}\n`;

  test("is in no file of the archive, in whatever form a text has it", async () => {
    const state = { node1: { clock: { unknown: `x ${password} y` }, system: "hush-longer" } };
    answer(plant, state, { "node3 smt-ha node/diagnose": `echo "no hush-longer" >&2; exit 1` });
    // Without them, each is there: the test looks in the right places.
    await run();
    const before = Object.values(filesOf(output)).join("");
    expect(planted.filter((secret) => !before.includes(secret))).toEqual([]);
    terminal.stdout = "";
    await run([password, key, "hush-longer", "hush-"]);
    const files = filesOf(output);
    const all = Object.values(files).join("");
    expect(planted.filter((secret) => all.includes(secret))).toEqual([]);
    expect(files["node1/cluster/x.txt"]).toBe("a [removed] b\n".repeat(planted.length));
    expect(terminal.stdout).toContain("no [removed]");
  });

  test("is no part of a word where it is too short for that", async () => {
    answer("@@ cluster/x\n the root of all\n");
    await run(["root"]);
    expect(filesOf(output)["node1/cluster/x.txt"]).toBe("the root of all\n");
  });
});

test("no section leaves the node's directory", async () => {
  answer(`${sections}@@ ../evil\n x\n@@ cluster/../../evil\n x\n@@ /etc/evil\n x\n@@ cluster/..\n x\n`);
  await run();
  expect(Object.keys(filesOf(output)).filter((file) => file.includes("evil"))).toEqual([]);
});

test("what can't be written is a failure, and leaves nothing", async () => {
  answer(sections);
  output = "/nowhere/found.tar.gz";
  const missing: unknown = await run().catch((error: unknown) => error);
  expect(missing).toBeInstanceOf(Failure);
  expect(String(missing)).toMatch(/smt-ha: diagnose not written\n {2}cause: ENOENT.*\n {2}fix: {3}name a file/);

  output = path.join(terminal.ssh.directory, "found.tar.gz");
  fs.mkdirSync(path.join(terminal.ssh.directory, "bin"));
  const tar = path.join(terminal.ssh.directory, "bin/tar");
  fs.writeFileSync(tar, "#!/bin/sh\necho 'no space left' >&2\nexit 2\n", { mode: 0o755 });
  const before = process.env.PATH;
  process.env.PATH = `${path.dirname(tar)}:${before}`;
  try {
    const failed: unknown = await run().catch((error: unknown) => error);
    expect(String(failed)).toMatch(/smt-ha: diagnose not written\n {2}cause: tar failed: no space left\n/);
  } finally {
    process.env.PATH = before;
  }
  expect(fs.existsSync(output)).toBe(false);
});

test("the archive's name has the stack and the time", () => {
  expect(archiveName("org/smt-ha/prod", new Date("2026-10-02T12:34:56Z"))).toBe(
    "smt-ha-org-smt-ha-prod-20261002T1234Z.tar.gz",
  );
});
