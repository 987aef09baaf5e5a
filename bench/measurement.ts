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
  /** Each measured several times, in milliseconds. Unset: not asked for. */
  readonly peers?: Readonly<Record<Peer, readonly number[]>>;
}

/** Ways to run all steps again on a stack that has them. */
export const peerTitles = {
  up: "`pulumi up`, with every step to replace",
  ssh: "bare `ssh`, each step as soon as what it waits for has ended",
  ansible: "Ansible, a task a step",
} as const;

export type Peer = keyof typeof peerTitles;

export const sumOf = (values: readonly number[]): number => values.reduce((sum, value) => sum + value, 0);

/** How long a run took altogether, in milliseconds. */
export const totalOf = ({ parts }: Run): number => sumOf(Object.values(parts));

/** The middle one of an odd number of values. */
export const medianOf = (values: readonly number[]): number =>
  [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)] ?? NaN;
