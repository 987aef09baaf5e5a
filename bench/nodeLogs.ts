import type { Step } from "./timeline";

/** Prints the node's time zone, then the heading of each run in each step's log, after the log's name. */
export const askLogs = "date +%:z; cd /var/log/smt-ha && grep -H '^== ' *.log";

/** When a node's steps ran their scripts, by the name of the log: whole seconds, in milliseconds since the epoch. */
export type ScriptStarts = ReadonlyMap<string, readonly number[]>;

/** Reads what `askLogs` prints. */
export function scriptStarts(printed: string): ScriptStarts {
  const [zone = "", ...lines] = printed.trim().split("\n");
  const starts = new Map<string, number[]>();
  for (const line of lines) {
    const [, log = "", day = "", time = ""] = /^([\w-]+)\.log:== ([\d-]+) ([\d:]+)$/.exec(line) ?? [];
    starts.set(log, [...(starts.get(log) ?? []), Date.parse(`${day}T${time}${zone}`)]);
  }
  return starts;
}

/**
 * Adds to the steps how long each took to reach its script. The runner writes the heading once it has the step's locks.
 *
 * @param steps in milliseconds since `origin`, which is as of `Date.now()`
 * @param logs of each node
 */
export function withReach(
  steps: readonly Step[],
  origin: number,
  logs: ReadonlyMap<string, ScriptStarts>,
): readonly Step[] {
  return steps.map((step) => {
    const starts = logs.get(step.node);
    const log = [...(starts?.keys() ?? [])]
      .filter((name) => step.name === name || step.name.startsWith(`${name}-`))
      .reduce((longest, name) => (name.length > longest.length ? name : longest), "");
    const start = starts?.get(log)?.find((at) => at + 1000 > origin + step.start && at <= origin + step.end);
    return start === undefined
      ? step
      : { ...step, reach: Math.max(0, Math.floor((start - origin - step.start) / 1000)) };
  });
}
