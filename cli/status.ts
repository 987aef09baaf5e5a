import * as fs from "fs";
import { setTimeout as delay } from "timers/promises";
import { findingsOf } from "./findings";
import { prometheusText } from "./metrics";
import { parseNodeStatus, type NodeAnswer } from "./nodeStatus";
import { replaceFile } from "./outputFile";
import type { StatusReport } from "./overview";
import { askNode } from "./question";
import { withSsh, type Ssh } from "./ssh";
import type { Stack, StackNode } from "./stack";
import { statusPage } from "./statusPage";
import { statusText } from "./statusText";

export interface StatusOptions {
  /** Prints the documents of the nodes and the findings as JSON. */
  readonly json?: boolean;
  /** Writes a page into this file. */
  readonly html?: string;
  /** Writes metrics for Prometheus into this file. */
  readonly prometheus?: string;
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
export const connectTimeout = 5;
const answerTimeout = 60;
/** Seconds between two answers of --watch. */
const pause = 5;
const clearScreen = "\x1b[H\x1b[2J";

/**
 * Shows how a stack is. Asks all nodes at the same time, and changes nothing on them.
 *
 * @returns the exit code
 */
export async function status(args: StatusArgs): Promise<number> {
  const { stack, options, signal } = args;
  return await withSsh(
    stack.nodes,
    async (ssh) => {
      for (;;) {
        const report = await reportOf(ssh, args);
        if (signal.aborted) {
          return exitCodes.unknown;
        }
        await show(report, options);
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

/** Asks all nodes at the same time, and tells what is wrong. */
export async function reportOf(
  ssh: Ssh,
  { stack, command, signal }: Pick<StatusArgs, "stack" | "command" | "signal">,
): Promise<StatusReport> {
  const answers = await Promise.all(stack.nodes.map((node) => ask(ssh, node, signal)));
  const time = new Date();
  return { stack: stack.name, time, answers, findings: findingsOf(answers, time, command) };
}

async function ask(ssh: Ssh, node: StackNode, signal: AbortSignal): Promise<NodeAnswer> {
  const { name, address, role, steps } = node;
  const asked = { name, address, role, steps };
  const said = await askNode(ssh, node, { step: "node/status", limit: answerTimeout }, parseNodeStatus, signal);
  return "answer" in said ? { node: asked, status: said.answer } : { node: asked, failure: said.failure };
}

async function show(report: StatusReport, { json, html, prometheus, watch }: StatusOptions): Promise<void> {
  if (html !== undefined) {
    await replaceFile(html, "status", (unfinished) => fs.writeFileSync(unfinished, statusPage(report)));
  }
  if (prometheus !== undefined) {
    await replaceFile(prometheus, "status", (unfinished) => fs.writeFileSync(unfinished, prometheusText(report)));
  }
  process.stdout.write(json ? statusJson(report) : `${watch ? clearScreen : ""}${statusText(report)}`);
}

/** The nodes' documents and the findings. */
export const statusJson = ({ stack, time, answers, findings }: StatusReport): string =>
  `${JSON.stringify({ stack, time, nodes: answers, findings }, undefined, 2)}\n`;

/** The worst that was found. What can't be told from here is told apart from what is wrong. */
export function exitCodeOf({ answers, findings }: StatusReport): number {
  if (answers.every(({ status }) => !status)) {
    return exitCodes.unknown;
  }
  const [worst] = findings;
  return worst === undefined || worst.level === "notice" ? exitCodes.ok : exitCodes[worst.level];
}
