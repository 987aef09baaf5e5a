import { setTimeout as delay } from "timers/promises";
import { Failure } from "./failure";
import { commandFailure, runStep } from "./nodeStep";
import { noAnswer, withSsh, type Result, type Ssh } from "./ssh";
import type { Stack, StackNode } from "./stack";

export interface MaintainOptions {
  /** Seconds that open downloads get to end before a node goes out of service. */
  readonly drain: number;
  readonly reboot: "needed" | "always" | "never";
  /** Whether the nodes' packages are updated. */
  readonly update: boolean;
}

export const maintainDefaults: MaintainOptions = { drain: 300, reboot: "needed", update: true };

export interface MaintainArgs {
  readonly stack: Stack;
  /** The nodes' names, in the order of the work; none for all nodes of the stack. */
  readonly names: readonly string[];
  readonly options: MaintainOptions;
  /** What runs this command line, such as `npx smt-ha`. */
  readonly command: string;
  /** Stops the work: the node stays as it is. */
  readonly signal: AbortSignal;
}

/** Steps that a node must have. */
const steps = ["maintain", "update", "resume"];

const bootId = "cat /proc/sys/kernel/random/boot_id";
const restart = "shutdown -r now";
const rebootMinutes = 15;

/**
 * Takes nodes out of service, one after the other, updates each, reboots it if needed and takes it back. The node that holds
 * the service address is the last one, so that the address moves once.
 *
 * @throws Failure at the first problem, with the command that goes on from there
 */
export async function maintain(args: MaintainArgs): Promise<void> {
  const { stack } = args;
  const named = chooseNodes(args);
  await withSsh(stack.nodes, async (ssh) => {
    const holder = await checkStack(ssh, args);
    const order = [...named.filter(({ name }) => name !== holder), ...named.filter(({ name }) => name === holder)];
    say(`order: ${order.map(({ name }) => name).join(", ")}; ${holder} holds the service address`);
    for (const [index, node] of order.entries()) {
      const work = new NodeMaintenance(ssh, node, args);
      try {
        await work.run();
      } catch (error) {
        throw await stopped(error, work, order.slice(index), ssh, args);
      }
    }
  });
}

/** The nodes to maintain, each once. */
function chooseNodes({ stack, names }: MaintainArgs): readonly StackNode[] {
  const unknown = names.filter((name) => !stack.nodes.some((node) => node.name === name));
  if (unknown.length > 0) {
    throw new Failure("smt-ha: maintain not started", {
      cause: `stack ${stack.name} has no node ${unknown.join(", ")}`,
      fix: `name one or more of: ${stack.nodes.map(({ name }) => name).join(", ")}`,
    });
  }
  const chosen = names.length > 0 ? [...new Set(names)] : stack.nodes.map(({ name }) => name);
  return chosen.flatMap((name) => stack.nodes.filter((node) => node.name === name));
}

/** Refuses a stack that is not ready; returns the name of the node that holds the service address. */
async function checkStack(ssh: Ssh, { stack, signal }: MaintainArgs): Promise<string> {
  try {
    await checkNodes(ssh, stack.nodes, signal);
    return await findHolder(ssh, stack.nodes, signal);
  } catch (error) {
    throw signal.aborted ? new Failure("smt-ha: maintain interrupted before it changed anything", {}) : error;
  }
}

/** Refuses unless every node of the stack answers and has the steps: the others carry the service meanwhile. */
async function checkNodes(ssh: Ssh, nodes: readonly StackNode[], signal: AbortSignal): Promise<void> {
  const problems = await Promise.all(
    nodes.map(async (node) => {
      const { code, stdout, stderr } = await ssh.run(node, "ls /usr/local/lib/smt-ha/steps/node", { signal });
      const { name } = node;
      if (code === 255) {
        return [noAnswer(node, stderr)];
      }
      const missing = steps.filter((step) => !stdout.split("\n").includes(step)).map((step) => `node/${step}`);
      const why = code === 0 ? "" : `: ${stderr}`;
      return missing.length > 0
        ? [{ cause: `${name} lacks the steps ${missing.join(", ")}${why}`, fix: `bring them to ${name}: pulumi up` }]
        : [];
    }),
  );
  const found = problems.flat();
  if (found.length > 0) {
    throw new Failure("smt-ha: maintain not started", {
      cause: found.map(({ cause }) => cause).join("\n"),
      fix: found.map(({ fix }) => fix).join("\n"),
    });
  }
}

/** Asks one node after the other, since the cluster may be stopped on one that is out of service. */
async function findHolder(ssh: Ssh, nodes: readonly StackNode[], signal: AbortSignal): Promise<string> {
  for (const node of nodes) {
    const { stdout } = await ssh.run(node, "crm_resource --resource VirtIP --locate", { signal });
    const [, holder] = /running on: (\S+)/.exec(stdout) ?? [];
    if (holder) {
      return holder;
    }
  }
  throw new Failure("smt-ha: maintain not started", {
    cause: "no node holds the service address",
    fix: `see what the cluster lacks: crm_mon -1 -r -f on ${nodes.map(({ name }) => name).join(" or ")}`,
  });
}

/** The work on one node. */
class NodeMaintenance {
  /** What runs at present. */
  current = "";

  constructor(
    private readonly ssh: Ssh,
    readonly node: StackNode,
    private readonly args: MaintainArgs,
  ) {}

  async run(): Promise<void> {
    const { drain, reboot, update } = this.args.options;
    await this.timed("out of service", () => this.step("node/maintain", `--drain ${drain}`));
    const result = update ? await this.timed("updated", () => this.step("node/update")) : "";
    const needed = result.trim() === "reboot";
    if (reboot === "always" || (reboot === "needed" && needed)) {
      say(`${this.node.name}: rebooting`);
      await this.timed("rebooted", () => this.reboot());
    } else if (needed) {
      say(`${this.node.name}: needs a reboot, and gets none: --reboot never`);
    }
    await this.timed("in service", () => this.step("node/resume"));
  }

  private step(step: string, ...options: readonly string[]): Promise<string> {
    this.current = `step ${step}`;
    return runStep(this.ssh, this.node, step, { options, signal: this.args.signal });
  }

  /** Reboots the node and waits until it answers with another boot ID. */
  private async reboot(): Promise<void> {
    this.current = "reboot";
    const before = await this.command(bootId);
    if (before.code !== 0) {
      throw this.failure(bootId, before);
    }
    const result = await this.command(restart);
    // The node may end the connection before the command ends.
    if (result.code !== 0 && result.code !== 255) {
      throw this.failure(restart, result);
    }
    const end = Date.now() + rebootMinutes * 60_000;
    while (Date.now() < end) {
      const now = await this.command(bootId);
      if (now.code === 0 && now.stdout !== before.stdout) {
        return;
      }
      await delay(2000, undefined, { signal: this.args.signal });
    }
    throw new Failure(`smt-ha: ${this.node.name}: reboot failed`, {
      cause: `no answer after another boot within ${rebootMinutes} minutes`,
      fix: `look at the console of ${this.node.name}, and let it boot`,
    });
  }

  private command(command: string): Promise<Result> {
    return this.ssh.run(this.node, command, { signal: this.args.signal });
  }

  private failure(command: string, result: Result): Failure {
    return commandFailure(this.node, this.current, command, result);
  }

  private async timed<T>(done: string, work: () => Promise<T>): Promise<T> {
    const start = Date.now();
    const result = await work();
    say(`${this.node.name}: ${done} (${Math.round((Date.now() - start) / 1000)} s)`);
    return result;
  }
}

/** What the administrator learns when the work stops at a node. */
async function stopped(
  error: unknown,
  { node, current }: NodeMaintenance,
  rest: readonly StackNode[],
  ssh: Ssh,
  { stack, options, command, signal }: MaintainArgs,
): Promise<unknown> {
  const failure = signal.aborted ? new Failure(`smt-ha: ${node.name}: ${current} interrupted`, {}) : error;
  if (!(failure instanceof Failure)) {
    return failure;
  }
  return failure.with({
    node: await stateOf(ssh, node, stack.nodes),
    next: [
      `${command} maintain ${rest.map(({ name }) => name).join(" ")} --stack ${stack.name}`,
      options.drain !== maintainDefaults.drain && `--drain ${options.drain}`,
      options.reboot !== maintainDefaults.reboot && `--reboot ${options.reboot}`,
      !options.update && "--no-update",
    ]
      .filter(Boolean)
      .join(" "),
  });
}

/** Whether a node is in service, as the cluster says; the other nodes are asked first. */
async function stateOf(ssh: Ssh, node: StackNode, nodes: readonly StackNode[]): Promise<string> {
  const { name } = node;
  const back = `to put it back as it is: smt-ha node/resume on ${name}`;
  for (const asked of [...nodes.filter((other) => other.name !== name), node]) {
    const { stdout } = await ssh.run(asked, "crm_mon -1 --neg-locations");
    if (new RegExp(`\\bNode ${name}( \\(\\d+\\))?: .*\\bstandby\\b`).test(stdout)) {
      return `${name} is out of service, in standby; ${back}`;
    }
    // The resource by which node/maintain keeps new connections away, and the ban by which it moves the service address.
    if (new RegExp(`\\b(drain-${name}|cli-ban-LVS-on-${name})\\b`).test(stdout)) {
      return `${name} is partly out of service: it gets no new connections, or may not balance; ${back}`;
    }
    if (new RegExp(`\\bOnline: \\[.* ${name} .*\\]`).test(stdout)) {
      return `${name} is in service`;
    }
  }
  return `no node can say whether ${name} is in service: see crm_mon -1`;
}

function say(line: string): void {
  process.stdout.write(`${line}\n`);
}
