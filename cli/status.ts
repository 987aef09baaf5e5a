import * as fs from "fs";
import * as path from "path";
import { setTimeout as delay } from "timers/promises";
import { Failure } from "./failure";
import { findingsOf } from "./findings";
import { parseNodeStatus, type NodeAnswer } from "./nodeStatus";
import type { StatusReport } from "./overview";
import { noAnswer, withSsh, type Result, type Ssh } from "./ssh";
import type { Stack, StackNode } from "./stack";
import { statusPage } from "./statusPage";
import { statusText } from "./statusText";

export interface StatusOptions {
  /** Prints the documents of the nodes and the findings as JSON. */
  readonly json?: boolean;
  /** Writes a page into this file. */
  readonly html?: string;
  /** Asks again and again, until the signal comes. */
  readonly watch?: boolean;
}

export interface StatusArgs {
  readonly stack: Stack;
  readonly options: StatusOptions;
  /** What runs this command line, such as `npx smt-ha`. */
  readonly command: string;
  readonly signal: AbortSignal;
}

/** Exit codes, as monitoring plugins have them. */
export const exitCodes = { ok: 0, warning: 1, critical: 2, unknown: 3 } as const;

/** Seconds in which a node has to let this machine in, and those for its whole answer. */
const connectTimeout = 5;
const answerTimeout = 60;
/** Seconds between two answers of --watch. */
const pause = 5;
const clearScreen = "\x1b[H\x1b[2J";

/**
 * Shows how a stack is. Asks all nodes at the same time, and changes nothing on them.
 *
 * @returns the exit code
 */
export async function status({ stack, options, command, signal }: StatusArgs): Promise<number> {
  const nodes = stack.nodes;
  return await withSsh(
    nodes,
    async (ssh) => {
      for (;;) {
        const answers = await Promise.all(nodes.map((node) => ask(ssh, node, signal)));
        if (signal.aborted) {
          return exitCodes.unknown;
        }
        const time = new Date();
        const report = { stack: stack.name, time, answers, findings: findingsOf(answers, time, command) };
        show(report, options);
        if (!options.watch) {
          return exitCodeOf(report);
        }
        await delay(pause * 1000, undefined, { signal }).catch(() => undefined);
        if (signal.aborted) {
          return exitCodeOf(report);
        }
      }
    },
    { connectTimeout },
  );
}

/** Asks one node. Whatever it answers, the others have their say. */
async function ask(ssh: Ssh, node: StackNode, signal: AbortSignal): Promise<NodeAnswer> {
  const { name, address, role } = node;
  const limit = AbortSignal.timeout(answerTimeout * 1000);
  const asked = { name, address, role };
  try {
    const result = await ssh.run(node, "smt-ha node/status", { signal: AbortSignal.any([signal, limit]) });
    const status = result.code === 0 ? parseNodeStatus(result.stdout) : undefined;
    return status ? { node: asked, status } : { node: asked, failure: failureOf(node, result) };
  } catch (error) {
    if (error instanceof Failure) {
      throw error;
    }
    const cause = `${name} has not answered within ${answerTimeout} seconds`;
    return { node: asked, failure: { cause, fix: `look at the console of ${name}` } };
  }
}

/** Why a node has not answered. */
function failureOf(node: StackNode, { code, stdout, stderr }: Result): { cause: string; fix: string } {
  const { name } = node;
  if (code === 255) {
    return noAnswer(node, stderr);
  }
  const fix = `bring the program's files to ${name}: pulumi up`;
  if (code === 0) {
    return { cause: `${name} answers in another form than this command knows: ${stdout.slice(0, 80)}`, fix };
  }
  return /there is no step|command not found/.test(stderr)
    ? { cause: `${name} lacks the step node/status`, fix }
    : { cause: `${name} can't tell its state: ${stderr}`, fix: `let this succeed on ${name}: smt-ha node/status` };
}

function show(report: StatusReport, { json, html, watch }: StatusOptions): void {
  if (html !== undefined) {
    writePage(html, statusPage(report));
  }
  if (json) {
    const { stack, time, answers, findings } = report;
    process.stdout.write(`${JSON.stringify({ stack, time, nodes: answers, findings }, undefined, 2)}\n`);
  } else {
    process.stdout.write(`${watch ? clearScreen : ""}${statusText(report)}`);
  }
}

/** Replaces the file as a whole: a reader may load it at any time. */
function writePage(file: string, page: string): void {
  const unfinished = path.join(path.dirname(file), `.${path.basename(file)}.new`);
  try {
    fs.writeFileSync(unfinished, page);
    fs.renameSync(unfinished, file);
  } catch (error) {
    throw new Failure("smt-ha: status not written", {
      cause: (error as Error).message,
      fix: "name a file in a directory that you may write to",
    });
  }
}

/** The worst that was found. What can't be told from here is told apart from what is wrong. */
export function exitCodeOf({ answers, findings }: StatusReport): number {
  if (answers.every(({ status }) => !status)) {
    return exitCodes.unknown;
  }
  const [worst] = findings;
  return worst === undefined || worst.level === "notice" ? exitCodes.ok : exitCodes[worst.level];
}
