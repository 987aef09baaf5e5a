import { nameOf, nodeOfName, stepOfName } from "../cli/state";
import type { Span } from "./engine";
import type { Graph } from "./graph";

/** An operation of a run. Times in milliseconds since the run's start. */
export interface Step {
  /** The resource's name without its node's. */
  readonly name: string;
  /** Empty if the resource belongs to no node. */
  readonly node: string;
  readonly op: string;
  readonly start: number;
  readonly end: number;
  /** How long it had not started although all that it waits for had ended, or since the run's start if it waits for nothing. */
  readonly wait: number;
  /** Whole seconds until its script ran on the node: connection, runner, and locks of other steps. Unset: not known. */
  readonly reach?: number;
  /** Whether it is on the critical path. */
  readonly critical: boolean;
}

/** Where a span stands in the chain of what waits for what. */
interface Link {
  readonly span: Span;
  /** The one that it waited for last. */
  readonly last?: Link;
}

/**
 * Each span with the one that it waited for last: of all that it waits for, the one that ended last. A resource's own earlier
 * operation, such as the deletion before its replacement, is among these.
 *
 * @param spans in the order of their starts
 */
export function linksOf(spans: readonly Span[], waitsFor: Graph["waitsFor"]): Link[] {
  const links: Link[] = [];
  const byUrn = new Map<string, Link[]>();
  for (const span of spans) {
    const before = [span.urn, ...(waitsFor.get(span.urn) ?? [])]
      .flatMap((urn) => byUrn.get(urn) ?? [])
      .filter(({ span: { end } }) => end <= span.start);
    const link = { span, last: latestOf(before) };
    links.push(link);
    byUrn.set(span.urn, [...(byUrn.get(span.urn) ?? []), link]);
  }
  return links;
}

const latestOf = (links: readonly Link[]): Link | undefined =>
  links.reduce<Link | undefined>(
    (latest, link) => (latest === undefined || link.span.end > latest.span.end ? link : latest),
    undefined,
  );

/**
 * The critical path: back from the operation that ended last to the one that it waited for last, and so on. What lies between
 * two of them is time of the engine: of Pulumi, its plugins and the program.
 *
 * @returns the operations in their order
 */
export function criticalPath(links: readonly Link[]): Link[] {
  const path: Link[] = [];
  let next = latestOf(links);
  while (next) {
    path.unshift(next);
    next = next.last;
  }
  return path;
}

/**
 * A run's operations, in the order of their starts.
 *
 * @param spans in milliseconds of any clock
 * @param origin the run's start, by the same clock
 */
export function stepsOf(spans: readonly Span[], graph: Graph, origin: number): Step[] {
  const links = linksOf(spans, graph.waitsFor);
  const path = new Set(criticalPath(links));
  return links.map((link) => {
    const { urn, op, start, end } = link.span;
    const name = nameOf(urn);
    const node = nodeOfName(name, graph.nodes);
    return {
      name: stepOfName(name, node),
      node,
      op,
      start: start - origin,
      end: end - origin,
      wait: start - (link.last?.span.end ?? origin),
      critical: path.has(link),
    };
  });
}

/** How long the operations on the critical path took, in milliseconds. */
export const pathLength = (steps: readonly Step[]): number =>
  steps.filter(({ critical }) => critical).reduce((sum, { start, end }) => sum + end - start, 0);
