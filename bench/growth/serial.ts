import { nameOf, nodeOfName } from "../../cli/state";
import type { Span } from "../engine";
import type { Graph } from "../graph";
import type { Step } from "../timeline";

/** All runs of one step in an `up`. */
export interface StepUse {
  /** As it is called, such as `cluster/join`. */
  readonly step: string;
  /** How often the stack has it. */
  readonly times: number;
  /** The most of them of which each waits for the one before it, also by what lies between. If these are all, it is serial. */
  readonly chain: number;
  /** How many nodes one of them waits for at most, apart from its own. */
  readonly nodes: number;
  /** How long the critical path is in it, in milliseconds. */
  readonly critical: number;
}

/**
 * How a stack uses each step: what the graph has run in a row, and what the critical path leads through.
 *
 * @param steps of an `up` from nothing
 * @param known names of all steps, such as `cluster/join`
 */
export function usesOf(steps: readonly Step[], graph: Graph, known: readonly string[]): StepUse[] {
  const stepOf = (urn: string): string | undefined => knownStep(urn, graph.nodes, known);
  const uses = new Map<string, StepUse>();
  const chains = new Map<string, ReadonlyMap<string, number>>();
  // What a resource waits for stands before it.
  for (const [urn, waitsFor] of graph.waitsFor) {
    const chain = new Map<string, number>();
    for (const other of waitsFor) {
      chains.get(other)?.forEach((length, step) => chain.set(step, Math.max(length, chain.get(step) ?? 0)));
    }
    const step = stepOf(urn);
    if (step !== undefined) {
      const length = (chain.get(step) ?? 0) + 1;
      chain.set(step, length);
      const before = uses.get(step);
      const node = nodeOfName(nameOf(urn), graph.nodes);
      const others = new Set(waitsFor.map((other) => nodeOfName(nameOf(other), graph.nodes)));
      uses.set(step, {
        step,
        times: (before?.times ?? 0) + 1,
        chain: Math.max(before?.chain ?? 0, length),
        nodes: Math.max(before?.nodes ?? 0, [...others].filter((other) => other !== "" && other !== node).length),
        critical: 0,
      });
    }
    chains.set(urn, chain);
  }
  return [...uses.values()].map((use) => ({
    ...use,
    critical: steps
      .filter(({ critical, name }) => critical && longestStep(name, known) === use.step)
      .reduce((sum, { start, end }) => sum + end - start, 0),
  }));
}

/** Whether no two runs of a step can ever be at work at the same time, however many nodes there are. */
export const isSerial = ({ times, chain }: StepUse): boolean => times === chain;

function knownStep(urn: string, nodes: readonly string[], known: readonly string[]): string | undefined {
  const name = nameOf(urn);
  const node = nodeOfName(name, nodes);
  return node === "" ? undefined : longestStep(name.slice(node.length + 1), known);
}

/** The step of a resource's name, which may end with a label: `cluster/configure` of `cluster-configure-LVS`. */
function longestStep(name: string, known: readonly string[]): string | undefined {
  const matches = known.filter((step) => `${name}-`.startsWith(`${step.replace("/", "-")}-`));
  return matches.sort((a, b) => b.length - a.length)[0];
}

/** The most operations at one time. */
export function atOnce(spans: readonly Span[]): number {
  const changes = spans.flatMap(({ start, end }) => [
    { at: start, by: 1 },
    { at: end, by: -1 },
  ]);
  let count = 0;
  let most = 0;
  for (const { by } of changes.sort((a, b) => a.at - b.at || a.by - b.by)) {
    count += by;
    most = Math.max(most, count);
  }
  return most;
}
