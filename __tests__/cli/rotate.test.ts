import * as fs from "fs";
import * as os from "os";
import * as path from "path";
import { Failure } from "../../cli/failure";
import { nextSubject, rotate, type Rotatable } from "../../cli/rotate";
import { commandOnNodes } from "../support/commandOnNodes";
import { cluster, stackNodes, writeDocuments, type Changes } from "../support/nodeStatus";

const terminal = commandOnNodes();

const event = (content: object): string =>
  `echo '${JSON.stringify({ sequence: 0, timestamp: 0, ...content })}' >"$events"\n`;
/** A preview that would do something with resources, each as `OP NAME`. */
const preview = (...operations: readonly string[]): void =>
  fs.writeFileSync(
    path.join(terminal.ssh.directory, "preview"),
    `echo "$*" >>"$FAKE_SSH/previews"; cp "\${config:-/dev/null}" "$FAKE_SSH/previewed" 2>/dev/null || true\n` +
      operations
        .map((text) => text.split(" "))
        .map(([op, name]) => {
          const urn = `urn:pulumi:prod::smt-ha::command:remote:Command::${name}`;
          const metadata = { op, urn, type: "command:remote:Command", new: { urn, custom: true } };
          return event({ resourcePreEvent: { metadata, planning: true } });
        })
        .join(""),
  );
const each = (op: string, ...steps: readonly string[]): string[] =>
  stackNodes.flatMap(({ name }) => steps.map((step) => `${op} ${name}-${step}`));
const password = ["create-replacement cluster-hacluster", ...each("update", "cluster-password")];
const key = ["create-replacement cluster-authkey", ...each("update", "cluster-authkey", "cluster-rekey")];

const up = (commands = ""): void =>
  fs.writeFileSync(path.join(terminal.ssh.directory, "up"), `echo "up $*" >>"$FAKE_SSH/calls"; ${commands}\n`);
const documents = (changes: Readonly<Record<string, Changes>> = {}): void => {
  // The stack knows no marks here.
  writeDocuments(terminal.ssh.directory, changes);
  terminal.ssh.answer({ "* smt-ha node/status": "cat status-$node" });
};
/** What has changed something, in its order; nodes at the same time in theirs. */
const done = (): string[] => terminal.ssh.calls.filter((call) => /^up |cluster\/st/.test(call)).sort(byPhase);
const phases = ["cluster/stop", "up ", "cluster/start"];
const phaseOf = (call: string): number => phases.findIndex((phase) => call.includes(phase));
const byPhase = (one: string, other: string): number => phaseOf(one) - phaseOf(other) || one.localeCompare(other);

let directory: string;
const before = process.cwd();
beforeEach(() => {
  directory = fs.mkdtempSync(path.join(os.tmpdir(), "smt-ha-rotate-"));
  fs.writeFileSync(path.join(directory, "Pulumi.yaml"), "name: smt-ha\nruntime: nodejs\n");
  fs.writeFileSync(path.join(directory, "Pulumi.prod.yaml"), "config: {}\n");
  process.chdir(directory);
  config({});
  up();
  documents();
});
afterEach(() => {
  process.chdir(before);
  fs.rmSync(directory, { recursive: true });
});

const config = (values: Readonly<Record<string, string>>): void =>
  fs.writeFileSync(
    path.join(terminal.ssh.directory, "config.json"),
    JSON.stringify(Object.fromEntries(Object.entries(values).map(([name, value]) => [name, { value, secret: false }]))),
  );
const run = (what: Rotatable, options = { yes: true }): Promise<void> =>
  rotate({ what, stack: { name: "prod", nodes: stackNodes }, options, command: "npx smt-ha" });
async function failureOf(what: Rotatable, options?: { yes: boolean }): Promise<string> {
  const error: unknown = await run(what, options).catch((reason: unknown) => reason);
  if (!(error instanceof Failure)) {
    throw new Error(`no failure, but ${String(error)}`);
  }
  return error.message;
}

describe("a password", () => {
  test("is replaced by an up, after what that will change", async () => {
    preview(...password, "same node1-node-hosts", "update node2-smt-configure", "create other");
    await run("hacluster");
    expect(terminal.stdout)
      .toBe(`rotate hacluster of stack prod: the password of hacluster, the login of the cluster's graphical tools
Every node gets the new one.
The service goes on.
Pulumi changes:
  node1  cluster-password
  node2  cluster-password
  node3  cluster-password
  stack  cluster-hacluster
It also changes, because the program or the configuration is not the one of the last up:
  node2  smt-configure
  stack  other
rotated: the password of hacluster, the login of the cluster's graphical tools
Whoever uses these tools needs the new one: pulumi stack export --show-secrets
`);
    expect(terminal.ssh.read("previews")).toBe("--stack prod --replace **::cluster-hacluster\n");
    expect(done()).toEqual([
      "up --stack prod --replace **::cluster-hacluster --yes --skip-preview --suppress-progress",
    ]);
  });

  test("of the replication is another resource", async () => {
    preview("create-replacement databases-replication", ...each("update", "database-seed"));
    await run("replication");
    expect(done()).toEqual([
      "up --stack prod --replace **::databases-replication --yes --skip-preview --suppress-progress",
    ]);
  });

  test("that the up does not bring to all nodes is a failure, which an up mends without another password", async () => {
    preview(...password);
    up("echo 'error: node2 is away'; exit 255");
    expect(await failureOf("hacluster")).toBe(`smt-ha: rotate hacluster not finished
  cause: 'pulumi up' ended with exit code 255, and said what stands above
  fix:   remove the cause that it names, then go on with the same new one
  next:  npx smt-ha up --stack prod --yes`);
    expect(terminal.stdout).toContain("error: node2 is away\n");
    expect(terminal.stdout).not.toContain("rotated");
  });
});

describe("before anything changes, it refuses", () => {
  beforeEach(() => preview(...password));
  afterEach(() => expect([done(), terminal.ssh.read("set")]).toEqual([[], ""]));

  test("to ask where nobody answers", async () => {
    expect(await failureOf("hacluster", { yes: false })).toBe(
      "smt-ha: rotate hacluster not started\n  cause: nobody can be asked here\n  fix:   add --yes, or use a terminal",
    );
    expect(terminal.ssh.calls).toEqual([]);
  });

  test("a stack with a node that does not answer", async () => {
    terminal.ssh.answer({
      "node2 *": "echo 'ssh: No route to host' >&2; exit 255",
      "* smt-ha node/status": "cat status-$node",
    });
    expect(await failureOf("hacluster")).toMatch(
      /^smt-ha: rotate hacluster not started\n {2}cause: node2 does not answer: ssh: No route/,
    );
  });

  test("a stack that does not serve", async () => {
    documents({ "*": cluster({ quorum: false }) });
    expect(await failureOf("replication")).toMatch(/^smt-ha: rotate replication not started\n {2}cause: .*quorum/);
  });

  test("a key while a node is out of service, but not a password", async () => {
    documents({ "*": cluster({ states: { node2: "standby" } }) });
    expect(await failureOf("authkey")).toBe(
      "smt-ha: rotate authkey not started\n  cause: node2 is standby in the cluster\n  fix:   take node2 back first: smt-ha node/resume",
    );
    preview("update node1-node-hosts");
    expect(await failureOf("hacluster")).toMatch(/cause: Pulumi would not change it: .* has no cluster-hacluster\n/);
  });

  test("a stack that Pulumi refuses", async () => {
    fs.writeFileSync(path.join(terminal.ssh.directory, "preview"), "echo 'error: the cause' >&2; exit 3\n");
    let said = "";
    jest.spyOn(process.stderr, "write").mockImplementation((text) => Boolean((said += String(text))));
    expect(await failureOf("hacluster")).toMatch(/'pulumi preview' failed\n {2}cause: it ended with exit code 3/);
    expect(said).toBe("error: the cause\n");
  });

  test("a CA that is the administrator's own", async () => {
    config({ "smt-ha:caCertificateFile": "ca.crt" });
    expect(await failureOf("ca")).toMatch(/cause: the stack's certificates are your own: caCertificateFile is set\n/);
  });

  test("a configuration that is no file here", async () => {
    fs.rmSync(path.join(directory, "Pulumi.prod.yaml"));
    expect(await failureOf("ca")).toMatch(
      /fix: {3}pulumi config set caSubject '\/O=smt-ha\/CN=smt-ha root CA 2.*', then/,
    );
  });
});

describe("the key of the cluster's traffic", () => {
  beforeEach(() => preview(...key));

  test("changes by an up alone where corosync takes it while it runs", async () => {
    await run("authkey");
    expect(terminal.stdout).toContain("The service goes on.\n");
    expect(terminal.stdout).toContain("  node2  cluster-authkey, cluster-rekey\n  node3");
    expect(done()).toEqual(["up --stack prod --replace **::cluster-authkey --yes --skip-preview --suppress-progress"]);
  });

  describe("elsewhere", () => {
    const nodes = ["node1", "node2", "node3"];
    const all = (step: string): string[] => nodes.map((name) => `${name}: smt-ha cluster/${step}`);
    const upCall = "up --stack prod --replace **::cluster-authkey --yes --skip-preview --suppress-progress";
    let stderr: string;
    beforeEach(() => {
      stderr = "";
      jest.spyOn(process.stderr, "write").mockImplementation((text) => Boolean((stderr += String(text))));
      documents({ "*": { platform: "sles12" } });
    });

    test("it takes a stop of all nodes, which it announces", async () => {
      await run("authkey");
      expect(terminal.stdout).toContain("The service STOPS for some minutes: clients get no answer.\n");
      expect(done()).toEqual([...all("stop"), upCall, ...all("start")]);
      // In this order, too.
      const order = terminal.ssh.calls.filter((call) => phaseOf(call) >= 0).map(phaseOf);
      expect(order).toEqual([...order].sort());
      expect(stderr).toContain("node1: cluster/stop: done\n");
    });

    test("a node that does not stop ends it when all others have, and nothing is replaced", async () => {
      terminal.ssh.answer({
        "node1 smt-ha cluster/stop":
          "printf '%s\\n' 'smt-ha: node1: step cluster/stop failed' '  cause: the reason' '  fix:   the remedy' >&2; exit 1",
        "node3 smt-ha cluster/stop": "sleep 1; touch stopped",
        "* smt-ha node/status": "cat status-$node",
      });
      expect(await failureOf("authkey")).toBe(`smt-ha: node1: step cluster/stop failed
  cause: the reason
  fix:   the remedy
  next:  smt-ha cluster/start on every node, at the same time`);
      expect(done()).toEqual(all("stop"));
      expect(fs.existsSync(path.join(terminal.ssh.directory, "stopped"))).toBe(true);
    });

    test("it is refused while other steps are due, which may need the cluster", async () => {
      preview(...key, "update node2-database-offer", "create node1-smt-links");
      expect(await failureOf("authkey")).toBe(`smt-ha: rotate authkey not started
  cause: other changes are due, and may need the cluster that has to stop: node2-database-offer, node1-smt-links
  fix:   bring them first: pulumi up --stack prod`);
      expect(done()).toEqual([]);
    });

    test("an up that fails leaves it stopped, and says how to go on", async () => {
      up("exit 1");
      expect(await failureOf("authkey")).toMatch(
        /next: {2}npx smt-ha up --stack prod --yes; then: smt-ha cluster\/start on every node, at the same time$/,
      );
      expect(done()).toEqual([...all("stop"), upCall]);
    });
  });
});

describe("the service's CA", () => {
  const today = new Date().toISOString().slice(0, 10);
  const changes = ["update node1-certificate-authority", "update node2-certificate-install"];

  test("changes with its subject: first in a copy of the configuration, then in the stack's own", async () => {
    config({ "smt-ha:caSubject": "/O=Example/CN=Example CA/OU=x" });
    preview(...changes);
    await run("ca");
    const [tried, set] = terminal.ssh.read("set").split("\n");
    const subject = `/O=Example/CN=Example CA ${today}/OU=x`;
    expect(tried).toMatch(/^config set --config-file \/\S+\/Pulumi\.prod\.yaml --stack prod caSubject /);
    expect(set).toBe(`config set --stack prod caSubject ${subject}`);
    expect(tried.endsWith(` caSubject ${subject}`)).toBe(true);
    const [, file = ""] = /--config-file (\S+)/.exec(tried) ?? [];
    expect(terminal.ssh.read("previews")).toBe(`--stack prod --config-file ${file}\n`);
    expect(fs.existsSync(path.dirname(file))).toBe(false);
    expect(terminal.stdout).toContain(`caSubject becomes '${subject}'`);
    expect(terminal.stdout).toContain("  node2  certificate-install\nrotated: ");
    expect(done()).toEqual(["up --stack prod --yes --skip-preview --suppress-progress"]);
  });

  test.each([
    ["/O=smt-ha/CN=smt-ha root CA", "/O=smt-ha/CN=smt-ha root CA 2026-12-01"],
    ["/CN=A 2025-01-31/O=B", "/CN=A 2026-12-01/O=B"],
    ["/CN=A 2026-12-01", "/CN=A 2026-12-01 2"],
    ["/CN=A 2026-12-01 2", "/CN=A 2026-12-01 3"],
    ["/CN=A 2025-01-31 7", "/CN=A 2026-12-01"],
    ["/CN=A 2", "/CN=A 2 2026-12-01"],
  ])("%s is followed by %s", (current, next) => expect(nextSubject(current, "2026-12-01")).toBe(next));
});
