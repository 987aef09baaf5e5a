import type { EngineEvent, StepEventMetadata } from "@pulumi/pulumi/automation";

/** An event of Pulumi's engine, with the time of its arrival, in milliseconds: the engine's own times are whole seconds. */
export interface Arrival {
  readonly at: number;
  readonly event: EngineEvent;
}

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
  const keyOf = ({ urn, op }: StepEventMetadata): string => `${op} ${urn}`;
  for (const { at, event } of arrivals) {
    const started = event.resourcePreEvent?.metadata;
    if (started && isWork(started)) {
      open.set(keyOf(started), { urn: started.urn, op: String(started.op), start: at });
    }
    const ended = (event.resOutputsEvent ?? event.resOpFailedEvent)?.metadata;
    const span = ended && open.get(keyOf(ended));
    if (span) {
      open.delete(keyOf(ended));
      spans.push({ ...span, end: at });
    }
  }
  const [left] = open.keys();
  if (left !== undefined) {
    throw new Error(`the engine's events have no end of the operation: ${left}`);
  }
  return spans.sort((a, b) => a.start - b.start || a.end - b.end);
}

/** The operation `replace` only says that a deletion and a creation belong together. */
const isWork = ({ op, old, new: made }: StepEventMetadata): boolean =>
  op !== "replace" && (made ?? old)?.custom === true;
