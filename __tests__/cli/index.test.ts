import { spawn } from "child_process";
import * as fs from "fs";
import * as os from "os";
import * as path from "path";
import { filesOf } from "../support/archive";
import { FakeSsh } from "../support/fakeSsh";
import { answers, writeDocuments } from "../support/nodeStatus";
import { labStack } from "../support/stack";

const root = path.join(__dirname, "../..");

const state = (resources: readonly object[]): { version: number; deployment: { resources: readonly object[] } } => ({
  version: 3,
  deployment: { resources },
});

let ssh: FakeSsh;
beforeEach(() => {
  ssh = new FakeSsh();
  const write = (name: string, content: unknown): void =>
    fs.writeFileSync(path.join(ssh.directory, name), JSON.stringify(content));
  const key = path.join(ssh.directory, "key");
  fs.writeFileSync(key, "-----BEGIN OPENSSH PRIVATE KEY-----\nkey-hush\n-----END OPENSSH PRIVATE KEY-----\n");
  const values = Object.entries({ ...labStack, "smt-ha:sshPrivateKeyFile": key });
  write("config.json", Object.fromEntries(values.map(([name, value]) => [name, { value, secret: false }])));
  const address = (last: number): object => ({ address: `192.0.2.${last}`, hostKey: "ssh-ed25519 AAAA" });
  const outputs = { nodes: { node1: address(11), node2: address(12), node3: address(13) } };
  write(
    "state.json",
    state([{ urn: "urn:pulumi:prod::smt-ha::pulumi:pulumi:Stack::smt-ha-prod", type: "pulumi:pulumi:Stack", outputs }]),
  );
  write("stacks.json", [{ name: "prod", current: true }]);
});
afterEach(() => ssh.remove());

/** Runs the command from elsewhere, as npx does; a signal follows once a node has got a command. */
function run(
  args: readonly string[],
  signal?: { name: NodeJS.Signals; after: string },
  cwd = os.tmpdir(),
): Promise<unknown[]> {
  const child = spawn(path.join(root, "cli/smt-ha.js"), args, { cwd, env: process.env });
  const output = { stdout: "", stderr: "" };
  for (const stream of ["stdout", "stderr"] as const) {
    child[stream].on("data", (text: Buffer) => (output[stream] += text.toString()));
  }
  const watch = setInterval(() => {
    if (signal && ssh.calls.includes(signal.after)) {
      clearInterval(watch);
      child.kill(signal.name);
    }
  }, 50);
  return new Promise((resolve) =>
    child.once("close", (code) => {
      clearInterval(watch);
      resolve([code, output.stdout.replace(/\(\d+ s\)/g, "(N s)"), output.stderr]);
    }),
  );
}

test("maintains a node of the selected stack", async () => {
  expect(await run(["maintain", "node2", "--drain", "5"])).toEqual([
    0,
    "order: node2; node3 holds the service address\nnode2: out of service (N s)\nnode2: updated (N s)\nnode2: in service (N s)\n",
    "node2: node/maintain --drain 5: done\nnode2: node/update: done\nnode2: node/resume: done\n",
  ]);
});

test("keeps what it compiles for the next start", async () => {
  const kept = path.join(root, "node_modules/.cache/jiti");
  const compiled = (): string[] => fs.readdirSync(kept).filter((name) => name.startsWith("cli-index."));
  await run(["--help"]);
  compiled().forEach((name) => fs.rmSync(path.join(kept, name)));
  await run(["--help"]);
  expect(compiled()).toHaveLength(1);
});

test.each(["SIGINT", "SIGTERM", "SIGHUP"] as const)("%s stops it, and leaves no key", async (name) => {
  ssh.answer({ "node2 smt-ha node/update": "exec sleep 60" });
  const [code, , stderr] = await run(["maintain", "node2", "node1"], { name, after: "node2: smt-ha node/update" });
  expect([code, stderr]).toEqual([
    1,
    expect.stringMatching(
      /^smt-ha: node2: step node\/update interrupted\n {2}node: .*\n {2}next: {2}npx smt-ha maintain node2 node1 --stack prod\n$/m,
    ),
  ]);
  const [directory] = /\/dev\/shm\/smt-ha-\w+/.exec(ssh.read("modes")) ?? [];
  expect([directory, fs.existsSync(directory ?? "")]).toEqual([expect.any(String), false]);
});

describe("status", () => {
  const documents = (): void => {
    for (const { node, status } of answers({ node2: { clock: { synchronised: false } } })) {
      const until = new Date(Date.now() + 300 * 24 * 60 * 60 * 1000).toISOString();
      const certificates = { certificates: [{ file: "/x", from: "2026-01-01T00:00:00Z", to: until }] };
      const document = { ...status, certificates, mirror: undefined };
      fs.writeFileSync(path.join(ssh.directory, `status-${node.name}`), JSON.stringify(document));
    }
    ssh.answer({ "* smt-ha node/status": "cat status-$node" });
  };

  test("shows a stack, writes its files where the command was called, and ends with the level", async () => {
    documents();
    const files = ["--html", "status.html", "--prometheus", "smt-ha.prom"];
    const [code, stdout, stderr] = await run(["status", ...files], undefined, ssh.directory);
    expect([code, stderr]).toEqual([1, ""]);
    expect(stdout).toMatch(/^stack prod, .*: 1 warning\n\nwarning: node2: its clock follows no time server\n/);
    expect(fs.readFileSync(path.join(ssh.directory, "status.html"), "utf8")).toContain("prod: 1 warning");
    expect(fs.readFileSync(path.join(ssh.directory, "smt-ha.prom"), "utf8")).toContain('level="warning"} 1\n');
  });

  test.each(["SIGINT", "SIGTERM"] as const)("--watch ends by %s", async (name) => {
    documents();
    const [code, stdout, stderr] = await run(["status", "--watch"], { name, after: "node3: smt-ha node/status" });
    expect([[1, 3].includes(code as number), stderr]).toEqual([true, ""]);
    expect(stdout).toMatch(code === 1 ? /1 warning/ : /^$/);
  });

  test.each([
    [["status", "--stack", "gone"], /^smt-ha: stack gone not read\n/],
    [["status", "--html"], /argument missing/],
    [["status", "--colour"], /unknown option/],
    [["status", "--watch", "--json"], /cannot be used with/],
  ])("%j leaves the state unknown: exit code 3", async (args, message) => {
    expect(await run(args)).toEqual([3, "", expect.stringMatching(message)]);
    expect(ssh.calls).toEqual([]);
  });
});

describe("drift", () => {
  test("tells what was changed, and ends with 1", async () => {
    const parts = [{ name: "fencing", changes: ["found: b"] }];
    // The stack's state has no steps.
    writeDocuments(ssh.directory, {
      "*": { steps: [] },
      node1: { steps: [], drift: { parts, tieBreakerPending: false } },
    });
    ssh.answer({ "* smt-ha node/status --only *": "cat status-$node" });
    expect(await run(["drift"])).toEqual([1, expect.stringMatching(/: 1 change on 1 node\n\nnode1: fencing of /), ""]);
    const [code, stdout] = await run(["drift", "--json"]);
    expect([code, JSON.parse(stdout as string)]).toMatchObject([1, { stack: "prod", changes: [{ node: "node1" }] }]);
  });

  test.each([
    [["drift", "--stack", "gone"], /^smt-ha: stack gone not read\n/],
    [["drift", "node1"], /too many arguments/],
  ])("%j leaves it unknown: exit code 3", async (args, message) => {
    expect(await run(args)).toEqual([3, "", expect.stringMatching(message)]);
    expect(ssh.calls).toEqual([]);
  });
});

describe("diagnose", () => {
  beforeEach(() => {
    const generated = { "4dabf18193072939515e22adb298388d": "1", plaintext: '"generated-hush"' };
    const file = path.join(ssh.directory, "state.json");
    const { deployment } = JSON.parse(fs.readFileSync(file, "utf8")) as ReturnType<typeof state>;
    const password = { urn: "password", type: "random:index:RandomPassword", outputs: { result: generated } };
    fs.writeFileSync(file, JSON.stringify(state([...deployment.resources, password])));
    writeDocuments(ssh.directory);
    ssh.answer({
      "* smt-ha node/status": "cat status-$node",
      "* smt-ha node/diagnose": "printf '@@ cluster/x\\n a generated-hush b key-hush\\n'",
    });
  });

  test("packs a stack where the command was called, without what the stack keeps secret", async () => {
    const [code, stdout, stderr] = await run(["diagnose"], undefined, ssh.directory);
    expect([code, stderr]).toEqual([0, ""]);
    const [, archive] = /^(\S+): begin with/m.exec(stdout as string) ?? [];
    expect(path.basename(archive)).toMatch(/^smt-ha-prod-\d{8}T\d{4}Z\.tar\.gz$/);
    expect(path.dirname(archive)).toBe(ssh.directory);
    expect(filesOf(archive)["node1/cluster/x.txt"]).toBe("a [removed] b key-hush\n");
  });

  test("--output names the archive", async () => {
    const [code] = await run(["diagnose", "--output", "found.tar.gz"], undefined, ssh.directory);
    expect(code).toBe(0);
    expect(Object.keys(filesOf(path.join(ssh.directory, "found.tar.gz")))).toContain("node3/cluster/x.txt");
  });

  test("ends by a signal, and leaves nothing", async () => {
    ssh.answer({ "* smt-ha node/status": "cat status-$node", "* smt-ha node/diagnose": "exec sleep 60" });
    const signal = { name: "SIGINT", after: "node3: smt-ha node/diagnose" } as const;
    const [code] = await run(["diagnose"], signal, ssh.directory);
    expect(code).toBe(3);
    expect(fs.readdirSync(ssh.directory).filter((name) => name.endsWith(".gz"))).toEqual([]);
  });

  test("a stack that can't be read leaves the state unknown: exit code 3", async () => {
    expect(await run(["diagnose", "--stack", "gone"])).toEqual([
      3,
      "",
      expect.stringMatching(/^smt-ha: stack gone not read\n/),
    ]);
    fs.rmSync(path.join(ssh.directory, "state.json"));
    expect(await run(["diagnose"])).toEqual([3, "", expect.stringMatching(/^smt-ha: the selected stack not read\n/)]);
  });
});

test.each([
  [["maintain", "--drain", "soon"], /'soon' is invalid/],
  [["maintain", "--reboot", "later"], /'later' is invalid/],
  [["rotate", "everything"], /'everything' is invalid .* Allowed choices are hacluster, replication, authkey, ca/],
  [["rotate", "hacluster", "--stack", "gone"], /^smt-ha: stack gone not read\n/],
  [["rotate", "hacluster"], /^smt-ha: rotate hacluster not started\n {2}cause: nobody can be asked here\n/],
  [["maintain", "--stack", "gone"], /^smt-ha: stack gone not read\n {2}cause: no stack named .*\n {2}fix: .*stack ls/],
])("%j is refused", async (args, message) => {
  expect(await run(args)).toEqual([1, "", expect.stringMatching(message)]);
  expect(ssh.calls).toEqual([]);
});

describe("rotate", () => {
  beforeEach(() => {
    writeDocuments(ssh.directory);
    ssh.answer({ "* smt-ha node/status": "cat status-$node" });
    const urn = "urn:pulumi:prod::smt-ha::random:index/randomPassword:RandomPassword::cluster-hacluster";
    const metadata = { op: "create-replacement", urn, type: "", new: { urn, custom: true } };
    const event = JSON.stringify({ sequence: 0, timestamp: 0, resourcePreEvent: { metadata, planning: true } });
    fs.writeFileSync(path.join(ssh.directory, "preview"), `echo '${event}' >"$events"; ${hold}\n`);
    fs.writeFileSync(path.join(ssh.directory, "up"), 'echo "up: $*" >>"$FAKE_SSH/calls"\n');
  });
  const hold = '[ ! -e "$FAKE_SSH/hold" ] || { echo "preview: began" >>"$FAKE_SSH/calls"; exec sleep 60; }';
  const ups = (): string[] => ssh.calls.filter((call) => call.startsWith("up: "));

  test.each([
    ["y\n", 0, 1, "rotated: the password of hacluster"],
    ["\n", 1, 0, "smt-ha: rotate hacluster: nothing has changed"],
    ["\x03", 1, 0, "smt-ha: rotate hacluster: nothing has changed"],
  ])("asks on a terminal; the answer %j gives exit code %i, and %i ups", async (text, code, count, last) => {
    const command = `${path.join(root, "cli/smt-ha.js")} rotate hacluster`;
    const child = spawn("script", ["-qec", command, "/dev/null"], {
      env: process.env,
      stdio: ["pipe", "pipe", "inherit"],
    });
    let output = "";
    let answered = false;
    child.stdout.on("data", (data: Buffer) => {
      output += data.toString();
      if (!answered && output.includes("Rotate? [y/N] ")) {
        answered = true;
        child.stdin.write(text);
      }
    });
    expect([await new Promise((resolve) => child.once("close", resolve)), ups().length]).toEqual([code, count]);
    expect(output).toContain(last);
  });

  test("ends by a signal before it has changed anything, and lets nothing run on", async () => {
    fs.writeFileSync(path.join(ssh.directory, "hold"), "");
    const signal = { name: "SIGINT", after: "preview: began" } as const;
    expect(await run(["rotate", "hacluster", "--yes"], signal)).toEqual([
      1,
      "",
      "smt-ha: rotate hacluster interrupted before it changed anything\n",
    ]);
    expect(ups()).toEqual([]);
  });
});

describe("up", () => {
  const answer = (commands: string): void => fs.writeFileSync(path.join(ssh.directory, "up"), commands);
  /** Waits for a file, but not after the test: one that fails must leave nothing that runs. */
  const until = (file: string): string =>
    `until [ -e "$FAKE_SSH/${file}" ] || [ ! -d "$FAKE_SSH" ]; do sleep 0.1; done`;
  const event = (content: object): string =>
    `echo '${JSON.stringify({ sequence: 0, timestamp: 0, ...content })}' >"$events"\n`;
  const urn = "urn:pulumi:prod::smt-ha::command:remote:Command::node1-ready";
  const made = { urn, type: "command:remote:Command", custom: true };
  const starts = { resourcePreEvent: { metadata: { op: "create", urn, type: made.type, new: made } } };
  const fails = {
    diagnosticEvent: { urn, message: "smt-ha: node1: step a/b failed\n  cause: c\n", severity: "error" },
  };

  test("gives Pulumi its options, its exit code, and all of its output but its begins and dots", async () => {
    const begins = " +  command:remote:Command node1-ready creating (0s) ";
    const kept = " +  command:remote:Command node1-ready created (4s) \nDiagnostics:\n    error: said";
    answer(`printf '%s\\n' "$PULUMI_DEBUG_COMMANDS $*" "${begins}" "${kept}"; echo aside >&2; exit 7`);
    const options = ["--stack", "prod", "--target", "**::a b", "-y"];
    expect(await run(["up", ...options])).toEqual([
      7,
      `true ${options.join(" ")} --suppress-progress\n${kept}\n`,
      "aside\n",
    ]);
  });

  test("tells a failure while the other steps go on", async () => {
    answer(`${event(starts)}${event(fails)}${until("told")}; echo ended`);
    const child = spawn(path.join(root, "cli/smt-ha.js"), ["up"], { env: process.env });
    let output = "";
    child.stdout.on("data", (text: Buffer) => {
      output += text.toString();
      if (output.includes("  cause: c\n")) {
        fs.writeFileSync(path.join(ssh.directory, "told"), "");
      }
    });
    const code = await new Promise((resolve) => child.once("close", resolve));
    expect([code, output]).toEqual([0, "smt-ha: node1: step a/b failed\n  cause: c\nended\n"]);
  });

  test("passes the events on to a file", async () => {
    answer(`${event(starts)}${event(fails)}`);
    const file = path.join(ssh.directory, "events.ndjson");
    await run(["up", "--yes", "--event-log", file]);
    const lines = fs.readFileSync(file, "utf8").trim().split("\n");
    expect(lines.map((line) => JSON.parse(line) as object)).toMatchObject([starts, fails]);
  });

  const interrupted = { stdoutEvent: { message: "^C received; cancelling. If", color: "never" } };
  const waits = `echo "node1: waits" >>"$FAKE_SSH/calls"; ${until("got")}; exit 1`;
  const traps = `trap 'echo INT >>"$FAKE_SSH/got"' INT\n`;

  test("passes on a signal that has not reached Pulumi", async () => {
    answer(`${traps}${waits}`);
    const [code] = await run(["up"], { name: "SIGTERM", after: "node1: waits" });
    expect([code, ssh.read("got")]).toEqual([1, "INT\n"]);
  });

  test("passes on no signal that Pulumi got as well: a second one would end it at once", async () => {
    // As long as it would take to pass one on, and more.
    answer(`${traps}${event(interrupted)}echo "node1: waits" >>"$FAKE_SSH/calls"; sleep 8; exit 1`);
    const [code] = await run(["up"], { name: "SIGINT", after: "node1: waits" });
    expect([code, ssh.read("got")]).toEqual([1, ""]);
  });

  test("is refused where there is no pipe for the events, with cause and fix", async () => {
    fs.mkdirSync(path.join(ssh.directory, "bin"));
    fs.writeFileSync(path.join(ssh.directory, "bin/mkfifo"), "#!/bin/sh\necho 'no space left' >&2\nexit 1\n", {
      mode: 0o755,
    });
    process.env.PATH = `${path.join(ssh.directory, "bin")}:${process.env.PATH}`;
    answer("echo began");
    expect(await run(["up"])).toEqual([
      1,
      "",
      "smt-ha: Pulumi not started\n  cause: no pipe for its events: no space left\n  fix:   correct this, or run 'pulumi up' itself, which needs no pipe\n",
    ]);
  });

  test("leaves a terminal to Pulumi, which can ask there", async () => {
    answer(`[ -t 0 ] && [ -t 1 ] && echo "terminal: $*"\n${event(starts)}${event(fails)}`);
    const command = `${path.join(root, "cli/smt-ha.js")} up --diff`;
    const child = spawn("script", ["-qec", command, "/dev/null"], {
      env: process.env,
      stdio: ["pipe", "pipe", "inherit"],
    });
    let output = "";
    child.stdout.on("data", (text: Buffer) => (output += text.toString()));
    expect(await new Promise((resolve) => child.once("close", resolve))).toBe(0);
    expect(output).toBe("terminal: --diff\r\n");
  });
});
