import type { Load } from "./load";
import type { StepUse } from "./serial";

/** How many operations Pulumi may run at a time. */
export const limits = {
  /** More than there are. */
  none: ["--parallel", "10000"],
  /** As many as it takes by itself: four for each CPU. */
  default: [],
} as const;

export type Limit = keyof typeof limits;

/** A stack's first `up` and the one after it. Times in milliseconds. */
export interface Size {
  readonly nodes: number;
  readonly smtNodes: number;
  readonly limit: Limit;
  readonly up: number;
  /** With nothing to do. */
  readonly again: number;
  /** How long the operations on the critical path of the first `up` took. */
  readonly path: number;
  /** The most operations of the first `up` at one time. */
  readonly operations: number;
  /** Of the first `up`. */
  readonly load: Load;
  /** Of the second. */
  readonly loadAgain: Load;
  /** The median of what an operation took beside its step's script. */
  readonly beside: number;
  readonly uses: readonly StepUse[];
}

/** What one step costs where nothing else runs: medians, in milliseconds. */
export interface Cost {
  readonly what: string;
  readonly took: number;
}

export interface Growth {
  readonly where: string;
  /** Where the durations of the steps come from. */
  readonly source: string;
  readonly sizes: Size[];
  readonly costs: Cost[];
}
