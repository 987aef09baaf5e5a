import type { Step } from "../timeline";

/** What a node's place in the stack says of its steps: the first SMT node does what only one node may do. */
export type Place = "first" | "smt" | "director";

/** How long the script of each step takes, in seconds, by the node's place and the step's name. */
export type Durations = Readonly<Record<Place, ReadonlyMap<string, number>>>;

type Measured = Pick<Step, "node" | "name" | "start" | "end" | "reach">;

/**
 * How long each step's script took in a measured `up`, without what it took to reach the script: connection and locks, which are
 * real on the hosts of the growth. Of several nodes of a place, the first one counts.
 */
export function durationsOf(steps: readonly Measured[]): Durations {
  const durations = { first: new Map<string, number>(), smt: new Map<string, number>(), director: new Map() };
  const nodes = [...new Set(steps.map(({ node }) => node))].filter((node) => node !== "").sort();
  for (const node of nodes) {
    const own = steps.filter((step) => step.node === node);
    const table = durations[placeOf(own.map(({ name }) => name))];
    if (table.size === 0) {
      own.forEach(({ name, start, end, reach = 0 }) => table.set(name, Math.max(0, (end - start) / 1000 - reach)));
    }
  }
  return durations;
}

function placeOf(names: readonly string[]): Place {
  if (names.includes("disk-partition")) {
    return "first";
  }
  return names.includes("smt-install") ? "smt" : "director";
}

/** A step that the program never runs, of no duration: it shows what the runner takes. */
export const emptyStep = "cluster/leave";

/** The durations of a place as the stand-in reads them. */
export const durationLines = (durations: ReadonlyMap<string, number>): string =>
  [...durations, [emptyStep.replace("/", "-"), 0] as const].map(([name, seconds]) => `${name} ${seconds}\n`).join("");
