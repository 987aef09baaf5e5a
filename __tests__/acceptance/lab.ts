import { ChildProcess, spawn, spawnSync } from "child_process";
import * as fs from "fs";
import * as path from "path";
import { parse, stringify } from "yaml";

export const root = path.join(__dirname, "..", "..");
export const labFolder = process.env.SMT_HA_LAB ?? path.join(root, ".lab");

/** What a command printed, and how it ended. */
export interface Run {
  readonly code: number | null;
  readonly stdout: string;
  /** Its stdout and stderr. */
  readonly output: string;
  readonly seconds: number;
}

/** Runs a command in the project's directory, to its end, with a text on its standard input. */
export function runWith(input: string, command: string, ...args: string[]): Run {
  const start = Date.now();
  const options = { cwd: root, encoding: "utf8", maxBuffer: 1 << 28, input } as const;
  const { status, stdout, stderr } = spawnSync(command, args, options);
  return { code: status, stdout, output: `${stdout}${stderr}`, seconds: Math.round((Date.now() - start) / 1000) };
}

/** Runs a command in the project's directory, to its end. */
export const run = (command: string, ...args: string[]): Run => runWith("", command, ...args);

function succeed(command: string, ...args: string[]): Run {
  const ended = run(command, ...args);
  if (ended.code !== 0) {
    throw new Error(`${command} ${args.join(" ")} ended with ${ended.code}:\n${ended.output}`);
  }
  return ended;
}

/** Runs a command that must succeed, and gives what it printed, stdout and stderr together. */
export const must = (command: string, ...args: string[]): string => succeed(command, ...args).output.trim();

/** Runs a shell command on a node, as root; gives what it printed on stdout. ssh has its own words on stderr. */
export const onNode = (node: string, command: string): string => succeed("lab/ssh", node, command).stdout.trim();

/** Starts a shell command on a node that goes on while the test does. */
export const aside = (node: string, command: string): string => onNode(node, `(sleep 1; ${command}) >/dev/null 2>&1 &`);

/** Stops a service's processes on a node for so many seconds, while the test goes on. By its unit: mod_perl renames Apache's. */
export const hung = (node: string, service: string, seconds: number): string =>
  aside(node, `systemctl kill --signal=STOP ${service}; sleep ${seconds}; systemctl kill --signal=CONT ${service}`);

/** What tells one boot of a node from another. */
export const bootOf = (node: string): string => onNode(node, "cat /proc/sys/kernel/random/boot_id");

/** What each of some shell commands prints on a node. In one session, since a session costs an emulated node a second. */
export const eachOnNode = (node: string, ...commands: string[]): string[] =>
  onNode(node, `{ ${commands.join("; echo @@; ")}; } 2>&1 || true`)
    .split("@@")
    .map((text) => text.trim());

/** Runs a shell command in the lab's network. */
export const inLab = (command: string): string => must("lab/exec", "sh", "-c", command);

export const sleep = (seconds: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, seconds * 1000));

/** Takes the SAN away from all nodes while something happens. */
export async function withoutStorage(meanwhile: () => unknown): Promise<void> {
  const portal = "192.0.2.3/24 dev lab0";
  inLab(`ip address delete ${portal}`);
  try {
    await meanwhile();
  } finally {
    inLab(`ip address add ${portal}`);
  }
}

/** A time since `start` (as of `Date.now()`), such as `12.3 s`. */
export const since = (start: number, end = Date.now()): string => `${((end - start) / 1000).toFixed(1)} s`;

/** Prints a figure, for whoever reads the run. */
export const report = (what: string, figure: string | number): boolean =>
  process.stderr.write(`lab: ${what}: ${figure}\n`);

/**
 * Tries until it does not throw, for so many seconds at most. It rests as long as it has tried: an emulated node that is asked
 * all the time has no time left for its work.
 */
export async function eventually<T>(seconds: number, attempt: () => T): Promise<T> {
  const deadline = Date.now() + seconds * 1000;
  for (;;) {
    const start = Date.now();
    try {
      return attempt();
    } catch (error) {
      if (Date.now() > deadline) {
        throw error;
      }
      await sleep(Math.max(1, (Date.now() - start) / 1000));
    }
  }
}

/** One answer of the service: when it came or was given up (as of `Date.now()`), and its HTTP status, or 0. */
export interface Answer {
  readonly time: number;
  readonly status: number;
}

/** A command that runs beside the test, until it is stopped. */
export class Aside {
  private static readonly running = new Set<Aside>();
  private readonly file = path.join(labFolder, `aside-${process.hrtime.bigint()}.log`);
  private readonly process: ChildProcess;

  constructor(command: string, ...args: string[]) {
    // Into a file: what runs meanwhile may leave this process no time to read.
    const out = fs.openSync(this.file, "w");
    this.process = spawn(command, args, { cwd: root, detached: true, stdio: ["ignore", out, "ignore"] });
    // Jest would wait for it.
    this.process.unref();
    fs.closeSync(out);
    Aside.running.add(this);
  }

  /** Stops those that a failed test has left: the nodes would have to serve them under all tests to come. */
  static stopAll(): void {
    Aside.running.forEach((left) => left.stop());
  }

  /** The lines that it has printed so far. */
  lines(): string[] {
    // The last one may be cut off.
    return fs.readFileSync(this.file, "utf8").split("\n").slice(0, -1);
  }

  /** Ends it, and gives all its lines. */
  stop(): string[] {
    if (this.process.exitCode === null && this.process.signalCode === null) {
      process.kill(-this.process.pid!, "SIGKILL");
    }
    Aside.running.delete(this);
    const lines = this.lines();
    fs.rmSync(this.file);
    return lines;
  }
}

/** The head of a shell's loop that ends by itself if the test run is killed. */
export const whileTested = `while kill -0 ${process.pid}`;

/** A shell's loop that runs a command again whenever it ends, such as a login on a node that is away for a time. */
export const again = (command: string): string => `${whileTested}; do ${command}; sleep 1; done`;

/** Clients of 32 addresses, one after the other, who ask the service for a file of a repository until they are stopped. */
export class Client {
  private readonly aside: Aside;

  /** @param timeout seconds that a request may take */
  constructor(timeout = 5, scheme: "http" | "https" = "http") {
    // An emulated node has to compute long for each handshake.
    const pause = scheme === "http" ? 0.2 : 1;
    // With persistence, one address would ask one real server only.
    const from = "--interface 192.0.2.$((128 + count++ % 32))";
    const ask = `curl -sk -o /dev/null --max-time ${timeout} ${from} -w '%{http_code} ' ${scheme}://192.0.2.10/repo/RPMMD/lab-updates/repodata/repomd.xml`;
    const loop = `${whileTested}; do ${ask}; date +%s%3N; sleep ${pause}; done`;
    this.aside = new Aside("lab/client", "bash", "-c", loop);
  }

  /** All answers so far. */
  answers(): Answer[] {
    return answersIn(this.aside.lines());
  }

  /** Ends it, and gives all its answers. */
  stop(): Answer[] {
    return answersIn(this.aside.stop());
  }
}

/** The answers of lines such as `200 1767225600000`. */
const answersIn = (lines: readonly string[]): Answer[] =>
  lines.map((line) => line.split(" ")).map(([status, time]) => ({ time: Number(time), status: Number(status) }));

/** The longest time without an answer, from the last one before it to the first one after; as of `Date.now()`. */
export function outage(answers: readonly Answer[]): { start: number; end: number } {
  const times = answers.filter(({ status }) => status === 200).map(({ time }) => time);
  const gaps = times.slice(1).map((end, index) => ({ start: times[index], end }));
  if (gaps.length === 0) {
    throw new Error(`the service answered ${times.length} of ${answers.length} requests: too few to tell an outage`);
  }
  return gaps.reduce((longest, gap) => (gap.end - gap.start > longest.end - longest.start ? gap : longest));
}

/** Starts a command, waits until a condition holds, and kills it without mercy, with all its children. */
export async function killWhen(condition: () => boolean, command: string, ...args: string[]): Promise<void> {
  const child = spawn(command, args, { cwd: root, detached: true, stdio: "ignore" });
  const ended = new Promise((resolve) => child.once("exit", resolve));
  while (!condition() && child.exitCode === null) {
    await sleep(0.2);
  }
  if (child.exitCode !== null) {
    throw new Error(`${command} ${args.join(" ")} ended before it could be killed`);
  }
  process.kill(-child.pid!, "SIGKILL");
  await ended;
}

/** The lab stack's configuration with some values changed, as a file for --config-file; null takes a key away. */
export function configFile(name: string, changes: Record<string, unknown>): string {
  const stack = parse(fs.readFileSync(path.join(root, "Pulumi.dev.yaml"), "utf8")) as {
    config: Record<string, unknown>;
  };
  for (const [key, value] of Object.entries(changes)) {
    if (value === null) {
      delete stack.config[key];
    } else {
      stack.config[key] = value;
    }
  }
  const file = path.join(labFolder, `Pulumi.${name}.yaml`);
  fs.writeFileSync(file, stringify(stack));
  return file;
}

/** Runs `pulumi up` on the lab's stack with some configuration values changed. */
export const upWith = (name: string, changes: Record<string, unknown>): Run =>
  run("lab/stack", "dev", "up", "--config-file", configFile(name, changes));

/** What must stand in the error of an `up` that fails on a node. */
export function expectFailure(output: string, step: string, ...causes: RegExp[]): void {
  expect(output).toMatch(new RegExp(`smt-ha: node[123]: step ${step} failed`));
  for (const cause of causes) {
    expect(output).toMatch(cause);
  }
  expect(output).toMatch(/fix: {3}\S/);
  expect(output).not.toMatch(/lab-only|wrong-secret/);
}
