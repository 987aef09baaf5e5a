import type { Step } from "./timeline";

/** What is measured, in this order; `npm run bench` prints and writes one of each. */
export const titles = {
  up: "up from nothing",
  again: "up again, with nothing to do",
  preview: "preview",
  change: "up with one key changed",
} as const;

export type RunName = keyof typeof titles;

/** One command of `make`, in milliseconds. */
export interface Run {
  /** The parts of the command, in their order: toolchain, lab, stack. */
  readonly parts: Readonly<Record<string, number>>;
  /** The first and the last event of Pulumi's engine in the part `stack`, since that part's start. */
  readonly engine: { readonly start: number; readonly end: number };
  /** What the engine did, since that part's start. */
  readonly steps: readonly Step[];
}

/** What the bench measures on one machine. */
export interface Measurement {
  /** When and where, such as `2026-10-02, 2 CPUs (…)`. */
  readonly where: string;
  readonly runs: Readonly<Record<RunName, Run>>;
  /** Of the lab with its service running, in MiB. */
  readonly memoryMiB: number;
  /** How long `down` took, in milliseconds. */
  readonly down: number;
}

export const sumOf = (values: readonly number[]): number => values.reduce((sum, value) => sum + value, 0);

/** How long a run took altogether, in milliseconds. */
export const totalOf = ({ parts }: Run): number => sumOf(Object.values(parts));

/** The value in the middle; of an even number, the lower one of the two. */
export const median = (values: readonly number[]): number =>
  [...values].sort((a, b) => a - b)[Math.floor((values.length - 1) / 2)] ?? 0;
