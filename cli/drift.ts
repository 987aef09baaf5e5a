import { changeQuestions, changesOf, restoring, type Change, type ChangeAnswer } from "./changes";
import { untold } from "./findings";
import { parseChanges } from "./nodeStatus";
import { timeText } from "./overview";
import { askNode, type NoAnswer } from "./question";
import { withSsh } from "./ssh";
import type { Stack, StackNode } from "./stack";
import { connectTimeout, exitCodes } from "./status";
import { printable } from "./statusText";

export interface DriftArgs {
  readonly stack: Stack;
  readonly options: {
    /** Prints the changes as JSON. */
    readonly json?: boolean;
  };
  readonly signal: AbortSignal;
}

/** What a node can't tell. */
type Unknown = NoAnswer & { readonly node: string };

interface DriftReport {
  readonly stack: string;
  readonly time: Date;
  readonly changes: readonly Change[];
  readonly unknown: readonly Unknown[];
}

/** Seconds for a node's whole answer. */
const answerTimeout = 60;

/**
 * Shows what was changed by hand on a stack's nodes, and what restores it. Asks all nodes at the same time, and changes nothing
 * on them.
 *
 * @returns the exit code
 */
export async function drift({ stack, options, signal }: DriftArgs): Promise<number> {
  const answers = await withSsh(
    stack.nodes,
    (ssh) =>
      Promise.all(
        stack.nodes.map(async (node) => {
          const question = {
            step: "node/status",
            options: `--only '${changeQuestions.join(" ")}'`,
            limit: answerTimeout,
          };
          const said = await askNode(ssh, node, question, parseChanges, signal);
          return "answer" in said ? { node, status: said.answer } : { node, failure: said.failure };
        }),
      ),
    { connectTimeout },
  );
  if (signal.aborted) {
    return exitCodes.unknown;
  }
  const report: DriftReport = {
    stack: stack.name,
    time: new Date(),
    changes: answers.flatMap(changesOf),
    unknown: answers.flatMap((answer) =>
      answer.failure ? [{ node: answer.node.name, ...answer.failure }] : unansweredOf(answer),
    ),
  };
  process.stdout.write(options.json ? `${JSON.stringify(report, undefined, 2)}\n` : driftText(report));
  return report.changes.length > 0 ? exitCodes.warning : report.unknown.length > 0 ? exitCodes.unknown : exitCodes.ok;
}

function unansweredOf({ node, status }: ChangeAnswer & { readonly node: StackNode }): Unknown[] {
  return changeQuestions.flatMap((question) => {
    const said = status?.[question];
    return said && "unknown" in said ? [{ node: node.name, ...untold(node.name, question, said.unknown) }] : [];
  });
}

/** For a terminal: changes that one command restores stand together. */
function driftText({ stack, time, changes, unknown }: DriftReport): string {
  const fixes = [...new Set(changes.map(({ fix }) => fix))];
  const restoredBy = [...new Set(changes.flatMap((change) => change.restoredBy))];
  const nodes = new Set(changes.map(({ node }) => node)).size;
  const count = `${changes.length} change${changes.length > 1 ? "s" : ""} on ${nodes} node${nodes > 1 ? "s" : ""}`;
  const lines = [
    `stack ${stack}, ${timeText(time)}: ${changes.length > 0 ? count : "nothing was changed by hand"}${unknown.length > 0 ? ", as far as the nodes can tell" : ""}`,
    ...fixes.flatMap((fix) => [
      "",
      ...changes.filter((change) => change.fix === fix).map(({ node, cause }) => `${node}: ${cause}`),
      `  fix:   ${fix}`,
    ]),
    ...unknown.flatMap(({ node, cause, fix }) => ["", `${node}: ${cause}`, `  fix:   ${fix}`]),
    ...(restoredBy.length > 1 ? ["", `all at once: ${restoring(restoredBy)}`] : []),
  ];
  return lines.map((line) => `${printable(line)}\n`).join("");
}
