import { execFileSync } from "child_process";
import * as fs from "fs";
import * as path from "path";
import { Failure } from "../../cli/failure";
import { maintain, maintainDefaults, type MaintainArgs, type MaintainOptions } from "../../cli/maintain";
import type { Stack, StackNode } from "../../cli/stack";
import { FakeSsh } from "../support/fakeSsh";

/** What the work pauses for, in milliseconds. It need not last: these nodes reboot as they are asked. */
const pauses: number[] = [];
jest.mock("timers/promises", () => ({
  setTimeout: (milliseconds: number, _value: unknown, { signal }: { signal: AbortSignal }) => {
    pauses.push(milliseconds);
    signal.throwIfAborted();
    return Promise.resolve();
  },
}));

const node = (name: string, more: Partial<StackNode> = {}): StackNode => ({
  name,
  role: "smt",
  address: `192.0.2.1${name.slice(-1)}`,
  hostKey: `ssh-ed25519 AAAA${name}`,
  user: "root",
  port: 22,
  privateKey: `${name}-hush\n`,
  steps: {},
  ...more,
});
const nodes = ["node1", "node2", "node3"].map((name) => node(name));

let ssh: FakeSsh;
let stdout: string;
let stderr: string;
beforeEach(() => {
  ssh = new FakeSsh();
  stdout = stderr = "";
  pauses.length = 0;
  jest.spyOn(process.stdout, "write").mockImplementation((text) => Boolean((stdout += String(text))));
  jest.spyOn(process.stderr, "write").mockImplementation((text) => Boolean((stderr += String(text))));
});
afterEach(() => {
  jest.restoreAllMocks();
  ssh.remove();
});

interface Run extends Partial<Omit<MaintainArgs, "options">> {
  readonly options?: Partial<MaintainOptions>;
}

const run = ({ stack = { name: "prod", nodes }, names = [], options, signal }: Run = {}): Promise<void> =>
  maintain({
    stack,
    names,
    options: { ...maintainDefaults, ...options },
    command: "npx smt-ha",
    signal: signal ?? new AbortController().signal,
  });

/** The message of a run that must fail. */
async function failureOf(args?: Run): Promise<string> {
  const error: unknown = await run(args).catch((reason: unknown) => reason);
  if (!(error instanceof Failure)) {
    throw new Error(`no failure, but ${String(error)}`);
  }
  return error.message;
}

const without = (seconds: string): string => seconds.replace(/\(\d+ s\)/g, "(N s)");
const report = (name: string, step: string): string => `smt-ha: ${name}: step ${step} failed
  cause: the reason
  fix:   the remedy
  log:   /var/log/smt-ha/step.log on ${name}`;
const reporting = (name: string, step: string): string => `echo "${report(name, step)}" >&2; exit 1`;
const stepsOf = (name: string, drain = 300): string[] => [
  `${name}: smt-ha node/maintain --drain ${drain}`,
  `${name}: smt-ha node/update`,
  `${name}: smt-ha node/resume`,
];

describe("the order", () => {
  test("is the stack's, one node after the other, without a reboot that nothing needs", async () => {
    await run();
    expect(ssh.changes).toEqual([...stepsOf("node1"), ...stepsOf("node2"), ...stepsOf("node3")]);
    expect(without(stdout).split("\n").slice(0, 5)).toEqual([
      "order: node1, node2, node3; node3 holds the service address",
      "node1: out of service (N s)",
      "node1: updated (N s)",
      "node1: in service (N s)",
      "node2: out of service (N s)",
    ]);
    expect(stderr.split("\n")[0]).toBe("node1: node/maintain --drain 300: done");
  });

  test("has the node that holds the service address at its end, as the first node says that can", async () => {
    ssh.answer({
      "node1 crm_resource *": "echo 'Could not connect to the CIB' >&2; exit 102",
      "node2 crm_resource *": "echo 'resource VirtIP is running on: node1 '",
    });
    await run();
    expect(ssh.changes).toEqual([...stepsOf("node2"), ...stepsOf("node3"), ...stepsOf("node1")]);
  });

  test("is that of the named nodes, but for the holder", async () => {
    await run({ names: ["node3", "node2", "node1", "node2"] });
    expect(ssh.changes).toEqual([...stepsOf("node2"), ...stepsOf("node1"), ...stepsOf("node3")]);
  });
});

describe("before anything changes, it refuses", () => {
  afterEach(() => expect(ssh.changes).toEqual([]));

  test("a node that the stack does not have", async () => {
    expect(await failureOf({ names: ["node1", "node4"] })).toBe(
      "smt-ha: maintain not started\n  cause: stack prod has no node node4\n  fix:   name one or more of: node1, node2, node3",
    );
  });

  test("a stack whose nodes do not all answer, also if others are named", async () => {
    ssh.answer({ "node2 *": "echo 'ssh: connect to host 192.0.2.12 port 22: No route to host' >&2; exit 255" });
    expect(await failureOf({ names: ["node1"] })).toBe(`smt-ha: maintain not started
  cause: node2 does not answer: ssh: connect to host 192.0.2.12 port 22: No route to host
  fix:   start node2, or let it answer by SSH as root at 192.0.2.12, port 22`);
  });

  test("a node whose host key is not the one that the stack knows", async () => {
    ssh.answer({ "node2 *": "printf '@@@@\\nHost key verification failed.\\n' >&2; exit 255" });
    expect(await failureOf()).toBe(`smt-ha: maintain not started
  cause: node2 shows another host key than the stack knows
  fix:   if you know why, accept it: pulumi up --replace '**::node2-ready'; otherwise look at the console of node2 first`);
  });

  test("nodes without the steps, all of them together", async () => {
    ssh.answer({
      "node1 ls *": "echo firewall; echo maintain",
      "node3 ls *": "echo 'sudo: a password is required' >&2; exit 1",
    });
    expect(await failureOf()).toBe(`smt-ha: maintain not started
  cause: node1 lacks the steps node/update, node/resume
         node3 lacks the steps node/maintain, node/update, node/resume: sudo: a password is required
  fix:   bring them to node1: pulumi up
         bring them to node3: pulumi up`);
  });

  test("a service without an address", async () => {
    ssh.answer({ "* crm_resource *": "echo 'resource VirtIP is NOT running' >&2" });
    expect(await failureOf()).toMatch(
      /^smt-ha: maintain not started\n {2}cause: no node holds .*\n {2}fix: .* crm_mon -1 -r -f on node1 or node2 or node3$/,
    );
  });

  test("to go on after an interruption", async () => {
    const controller = new AbortController();
    ssh.answer({ "* crm_resource *": "exec sleep 60" });
    const failure = failureOf({ signal: controller.signal });
    await until(() => ssh.calls.some((call) => call.includes("crm_resource")));
    controller.abort();
    expect(await failure).toBe("smt-ha: maintain interrupted before it changed anything");
  });
});

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) {
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

describe("the reboot", () => {
  const needed = { "node1 smt-ha node/update": "echo reboot" };
  const actions = (): string[] => ssh.calls.slice(4).map((call) => call.replace(/node1: | --.*|.*(?=boot_id)/g, ""));

  test("follows an update that needs one, and waits until the node answers with another boot ID", async () => {
    ssh.answer({
      ...needed,
      "node1 cat *": "[ ! -e down ] || { rm down; exit 255; }; head -n 1 boots-node1; sed -i '2,$!d; 1d' boots-node1",
      "node1 shutdown *": "printf '%s\\n' first second >boots-node1; touch down; exit 255",
    });
    await run({ names: ["node1"] });
    expect(actions()).toEqual([
      "smt-ha node/maintain",
      "smt-ha node/update",
      "boot_id",
      "shutdown -r now",
      // No answer, then the first boot, which has not ended yet.
      ...["boot_id", "boot_id", "boot_id"],
      "smt-ha node/resume",
    ]);
    expect(pauses).toEqual([2000, 2000]);
    expect(without(stdout)).toContain("node1: rebooting\nnode1: rebooted (N s)\n");
  });

  test("comes with --reboot always in any case, also without an update", async () => {
    await run({ names: ["node1"], options: { reboot: "always", update: false } });
    expect(ssh.changes).toEqual([stepsOf("node1")[0], "node1: shutdown -r now", stepsOf("node1")[2]]);
  });

  test("is left out with --reboot never, which says that one is needed", async () => {
    ssh.answer(needed);
    await run({ names: ["node1"], options: { reboot: "never" } });
    expect(ssh.changes).toEqual(stepsOf("node1"));
    expect(stdout).toContain("node1: needs a reboot, and gets none: --reboot never\n");
  });

  test("that ends in no other boot within 15 minutes is a failure", async () => {
    const start = Date.now();
    ssh.answer({ ...needed, "node1 shutdown *": "exit 0" });
    jest
      .spyOn(Date, "now")
      .mockImplementation(() => start + 200_000 * ssh.calls.filter((c) => /boot_id/.test(c)).length);
    expect(await failureOf({ names: ["node1"] })).toMatch(
      /^smt-ha: node1: reboot failed\n {2}cause: no answer after another boot within 15 minutes\n {2}fix: .*console of node1/,
    );
  });

  test("that the node refuses is a failure", async () => {
    ssh.answer({ ...needed, "node1 shutdown *": "echo 'shutdown: command not found' >&2; exit 127" });
    expect(await failureOf()).toContain(`smt-ha: node1: reboot failed
  cause: it ended with exit code 127: shutdown: command not found
  fix:   let this succeed on node1: shutdown -r now
`);
    expect(ssh.changes.pop()).toBe("node1: shutdown -r now");
  });
});

describe("the first failure stops the work", () => {
  const standby = {
    "* crm_mon -1 --neg-locations": "printf '  * Node node2: standby\\n  * Online: [ node1 node3 ]\\n'",
  };
  const back = "to put it back as it is: smt-ha node/resume on node2";

  test("with the step's own report, and how to go on with the same options", async () => {
    ssh.answer({ ...standby, "node2 smt-ha node/update": `echo progress >&2; ${reporting("node2", "node/update")}` });
    expect(await failureOf({ options: { drain: 60, reboot: "always" } })).toBe(`${report("node2", "node/update")}
  node:  node2 is out of service, in standby; ${back}
  next:  npx smt-ha maintain node2 node3 --stack prod --drain 60 --reboot always`);
    expect(ssh.changes).toEqual([
      stepsOf("node1", 60)[0],
      stepsOf("node1")[1],
      "node1: shutdown -r now",
      stepsOf("node1")[2],
      stepsOf("node2", 60)[0],
      stepsOf("node2")[1],
    ]);
    expect(stderr).toContain("progress\n");
    expect(stderr).not.toContain("cause:");
  });

  test("with what is known of a step that breaks off; another node says that it is out", async () => {
    ssh.answer({
      ...standby,
      "node2 smt-ha node/resume": "echo 'Timeout, server not responding.' >&2; exit 255",
      "node2 crm_mon -1 --neg-locations": "exit 255",
    });
    expect(await failureOf({ names: ["node2"], options: { update: false } }))
      .toBe(`smt-ha: node2: step node/resume failed
  cause: the connection broke: Timeout, server not responding.
  fix:   let node2 answer by SSH; what ran there may still run
  node:  node2 is out of service, in standby; ${back}
  next:  npx smt-ha maintain node2 --stack prod --no-update`);
  });

  test.each([
    ["echo '  * Online: [ node1 node2 node3 ]'", "node2 is in service"],
    ["echo 'Node node2: OFFLINE (standby)'", `node2 is out of service, in standby; ${back}`],
    ["echo 'Node node2 (2): standby'", `node2 is out of service, in standby; ${back}`],
    [
      "printf 'Online: [ node1 node2 node3 ]\\n drain-node2 (ocf::smt-ha:drain): Started node1\\n'",
      `node2 is partly out of service: it gets no new connections, or may not balance; ${back}`,
    ],
    [
      "printf 'Online: [ node1 node2 node3 ]\\n cli-ban-LVS-on-node2 prevents LVS from running on node2\\n'",
      `node2 is partly out of service: it gets no new connections, or may not balance; ${back}`,
    ],
    ["exit 102", "no node can say whether node2 is in service: see crm_mon -1"],
  ])("where the cluster answers %s", async (cluster, state) => {
    ssh.answer({
      "* crm_mon -1 --neg-locations": cluster,
      "node2 smt-ha node/maintain *": reporting("node2", "node/maintain"),
    });
    expect(await failureOf({ names: ["node2", "node1"] })).toBe(
      `${report("node2", "node/maintain")}\n  node:  ${state}\n  next:  npx smt-ha maintain node2 node1 --stack prod`,
    );
  });

  test("and so does an interruption, at once", async () => {
    const controller = new AbortController();
    ssh.answer({ ...standby, "node2 smt-ha node/update": "exec sleep 60" });
    const failure = failureOf({ signal: controller.signal });
    await until(() => ssh.changes.includes("node2: smt-ha node/update"));
    controller.abort();
    expect(await failure).toBe(`smt-ha: node2: step node/update interrupted
  node:  node2 is out of service, in standby; ${back}
  next:  npx smt-ha maintain node2 node3 --stack prod`);
  });
});

describe("SSH", () => {
  const keyFiles = (): string[] =>
    ssh
      .read("modes")
      .split("\n")
      .map((line) => line.split(" ")[1])
      .filter((file) => file !== undefined);

  test("has keys in memory, in files of mode 600 in a directory of mode 700, while the work lasts", async () => {
    await run();
    const modes = ssh.read("modes").replace(/\/dev\/shm\/smt-ha-\w+/g, "DIRECTORY");
    expect(modes.split("\n").sort()).toEqual(
      [
        "",
        "700 DIRECTORY",
        ...["config", "known_hosts", "node1.key", "node2.key", "node3.key"].map((file) => `600 DIRECTORY/${file}`),
      ].sort(),
    );
    expect(keyFiles().filter((file) => fs.existsSync(file))).toEqual([]);
  });

  test("leaves no key behind a failure", async () => {
    ssh.answer({ "node1 smt-ha *": "exit 1" });
    await failureOf();
    expect(keyFiles()).toHaveLength(6);
    expect(keyFiles().filter((file) => fs.existsSync(file))).toEqual([]);
  });

  test("shows no secret in its arguments, its input or its output", async () => {
    ssh.answer({ "node3 smt-ha node/update": "exit 1" });
    const shown = [await failureOf(), stdout, stderr, ssh.read("arguments"), ssh.read("input")].join("\n");
    expect(shown).toContain("node3");
    expect(shown).not.toContain("hush");
  });

  /** What the real ssh makes of its configuration. */
  const settings = (name: string): string =>
    execFileSync("ssh", ["-G", "-F", path.join(ssh.directory, "config"), name], { encoding: "utf8" });

  test("uses the stack's settings for each node, and nobody else's", async () => {
    const other = node("node2", { user: "deploy", port: 2222, hostKey: "ssh-rsa AAAA" });
    await run({ stack: { name: "prod", nodes: [nodes[0], other, nodes[2]] } satisfies Stack, names: ["node2"] });
    expect(ssh.changes).toEqual(stepsOf("node2").map((call) => call.replace("smt-ha", "sudo -n smt-ha")));
    expect(settings("node2").split("\n")).toEqual(
      expect.arrayContaining([
        "host node2",
        "hostname 192.0.2.12",
        "user deploy",
        "port 2222",
        "hostkeyalias node2",
        "batchmode yes",
        "identitiesonly yes",
        "identityagent none",
        expect.stringMatching(/^identityfile \/dev\/shm\/smt-ha-\w+\/node2.key$/),
        "stricthostkeychecking true",
        expect.stringMatching(/^userknownhostsfile \/dev\/shm\/smt-ha-\w+\/known_hosts$/),
        "globalknownhostsfile /dev/null",
        "connecttimeout 10",
        "serveraliveinterval 10",
        "serveralivecountmax 6",
        expect.stringMatching(/^hostkeyalgorithms .*,ssh-rsa(,|$)/),
        expect.stringMatching(/^pubkeyacceptedalgorithms .*,ssh-rsa(,|$)/),
      ]),
    );
    expect(settings("node1")).not.toMatch(/^hostkeyalgorithms .*,ssh-rsa(,|$)/m);
  });
});
