import * as fs from "fs";
import { type Arrival, isWork, type Operation, operationIn } from "./engine";
import { Failure } from "./failure";
import { nameOf, nodeOfName, stepOfName } from "./state";

/** How long steps took when they were measured, in milliseconds, by their names without their nodes' names. */
export type Durations = ReadonlyMap<string, number>;

/** What the engine works on. */
interface Work {
  readonly name: string;
  readonly type: string;
  readonly op: string;
  /** Name of the component that it belongs to. */
  readonly part: string;
  readonly since: number;
  /** What it is about, as it says itself. */
  status?: string;
}

/** What runs where in an `up`, from the events of Pulumi's engine. */
export class Progress {
  private begin?: number;
  private readonly nodes = new Set<string>();
  /** The resources that the program has asked for, and those that are as it wants them. By type and name. */
  private readonly wanted = new Set<string>();
  private readonly done = new Set<string>();
  private readonly running = new Map<string, Work>();
  private failures = 0;

  constructor(private readonly measured: Durations) {}

  /** Takes in an event. Returns what to print at once: a failure, or nothing. */
  take({ at, event }: Arrival): string {
    if (event.preludeEvent) {
      // Of a preview, then of an update.
      [this.nodes, this.wanted, this.done, this.running].forEach((known) => known.clear());
      this.begin = undefined;
    }
    const operation = operationIn(event);
    if (operation) {
      this.note(operation, at);
      if (!(event.resourcePreEvent ?? event.resOutputsEvent)?.planning) {
        this.begin ??= at;
      }
    }
    const { urn = "", severity, ephemeral, message = "" } = event.diagnosticEvent ?? {};
    // All of them at the beginning; the engine hears of one when what it waits for is there.
    const [, type, name] = /^Registering resource: t=(\S+), name=(\S+), custom=/.exec(message) ?? [];
    if (type && name) {
      this.wanted.add(`${type}::${name}`);
      if (type === "smt-ha:host:RemoteHost") {
        this.nodes.add(name);
      }
    }
    const work = this.running.get(urn);
    const text = message.replace(/<\{%.*?%\}>/g, "").trim();
    if (work && ephemeral) {
      work.status = text.split("\n")[0];
    }
    return work && severity === "error" ? this.failure(work, text) : "";
  }

  private note({ state, metadata }: Operation, at: number): void {
    const { urn, type, op } = metadata;
    const name = nameOf(urn);
    const key = `${type}::${name}`;
    this.done.delete(key);
    this.running.delete(urn);
    if (state === "starts" && isWork(metadata)) {
      const part = nameOf((metadata.new ?? metadata.old)?.parent ?? "");
      this.running.set(urn, { name, type, op, part, since: at });
    } else if (state === "ends") {
      this.done.add(key);
    } else if (state === "fails") {
      this.failures++;
    }
  }

  /** What runs, if some of it has for ten seconds; otherwise nothing. */
  summary(now: number): string {
    const works = [...this.running.values()].sort((one, other) => one.since - other.since);
    const [longest] = works;
    if (this.begin === undefined || !longest || now - longest.since < 10_000) {
      return "";
    }
    const seconds = Math.round((now - this.begin) / 1000);
    const time = `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, "0")}`;
    const done = [...this.done].filter((key) => this.wanted.has(key)).length;
    const count =
      this.wanted.size > 0 ? `${done} of ${this.wanted.size} resources done` : `${this.done.size} resources done`;
    const failed = this.failures > 0 ? [`${this.failures} failed`] : [];
    const parts = [...new Set(works.flatMap(({ part }) => part || []))].join(", ");
    const nodes = [...this.nodes].sort();
    const width = Math.max(0, ...nodes.map(({ length }) => length));
    const lines = [...nodes, ""].flatMap((node) => {
      const own = works.filter(({ name }) => nodeOfName(name, nodes) === node);
      const text = own.map((work) => this.workText(work, node, now)).join(", ") || (node && this.idleText(node, nodes));
      return text ? [`  ${node.padEnd(width)}  ${text}\n`] : [];
    });
    return [
      `smt-ha: ${time}: ${[count, ...failed].join(", ")}; at work: ${parts}; longest: ${longest.name}\n`,
      ...lines,
    ].join("");
  }

  private workText({ name, type, op, since, status }: Work, node: string, now: number): string {
    const step = stepOfName(name, node);
    // It was measured from nothing.
    const took = op.startsWith("create") ? this.measured.get(step) : undefined;
    const text = `${step === node ? (type.split(":").at(-1) ?? type) : step} ${secondsText(now - since)}`;
    return [text, took !== undefined && ` (lab: ${secondsText(took)})`, status && `: ${status}`]
      .filter(Boolean)
      .join("");
  }

  /** Why nothing runs on a node. */
  private idleText(node: string, nodes: readonly string[]): string {
    const left = [...this.wanted].filter(
      (key) => !this.done.has(key) && nodeOfName(nameOf(key), nodes) === node,
    ).length;
    return this.failures > 0 ? "nothing runs" : left > 0 ? `waits, ${left} left` : "done";
  }

  /** A failure as its step reports it, or in the same form. */
  private failure({ name, type }: Work, message: string): string {
    const [report] = /^smt-ha: .*: step \S+ (?:failed|not started)$[^]*/m.exec(message) ?? [];
    if (report !== undefined) {
      return `${report}\n`;
    }
    const node = nodeOfName(name, [...this.nodes]);
    const what = name === node ? type : stepOfName(name, node);
    const { message: text } = new Failure(`smt-ha: ${node ? `${node}: ` : ""}${what} failed`, {
      cause: message,
      fix: "remove the cause, then run this command again: it goes on from there",
    });
    return `${text}\n`;
  }
}

const secondsText = (milliseconds: number): string => `${Math.round(milliseconds / 1000)} s`;

/** Whether a line of Pulumi is about the work on a resource before its end. */
export const isNoise = (line: string): boolean =>
  /^ [-+~<>= ]{1,3} \S+:\S+:\S+ \S+ [a-z]+ing( [a-z]+)? \(\d+s\)/.test(line);

/**
 * The durations of the first measurement that is there. Of several nodes, the longest counts.
 *
 * @param files what `make bench` has written
 */
export function durationsIn(files: readonly string[]): Durations {
  const durations = new Map<string, number>();
  const file = files.find((name) => fs.existsSync(name));
  if (!file) {
    return durations;
  }
  const { runs } = JSON.parse(fs.readFileSync(file, "utf8")) as {
    readonly runs: { readonly up: { readonly steps: readonly { name: string; start: number; end: number }[] } };
  };
  for (const { name, start, end } of runs.up.steps) {
    durations.set(name, Math.max(end - start, durations.get(name) ?? 0));
  }
  return durations;
}
