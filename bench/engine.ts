import { type Arrival, isWork, operationIn } from "../cli/engine";

/** What the engine did with a resource, and when, in milliseconds. */
export interface Span {
  readonly urn: string;
  /** Such as `create`, `update`, or `same` for a resource that did not change. */
  readonly op: string;
  readonly start: number;
  readonly end: number;
}

/**
 * Operations from their events, in the order of their starts. Components have none: nothing is done with them.
 *
 * @throws if an operation has no end: the run was interrupted
 */
export function spansOf(arrivals: readonly Arrival[]): Span[] {
  const spans: Span[] = [];
  const open = new Map<string, Omit<Span, "end">>();
  for (const { at, event } of arrivals) {
    const operation = operationIn(event);
    if (!operation || !isWork(operation.metadata)) {
      continue;
    }
    const { urn, op } = operation.metadata;
    const key = `${op} ${urn}`;
    const span = open.get(key);
    if (operation.state === "starts") {
      open.set(key, { urn, op, start: at });
    } else if (span) {
      open.delete(key);
      spans.push({ ...span, end: at });
    }
  }
  const [left] = open.keys();
  if (left !== undefined) {
    throw new Error(`the engine's events have no end of the operation: ${left}`);
  }
  return spans.sort((a, b) => a.start - b.start || a.end - b.end);
}
