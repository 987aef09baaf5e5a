import { spawnSync } from "child_process";
import { once } from "events";
import * as fs from "fs";
import * as os from "os";
import * as path from "path";
import { createInterface } from "readline";
import type { EngineEvent, StepEventMetadata } from "@pulumi/pulumi/automation";
import { Failure } from "./failure";

/** An event of Pulumi's engine, with the time of its arrival, in milliseconds: the engine's own times are whole seconds. */
export interface Arrival {
  readonly at: number;
  readonly event: EngineEvent;
}

/**
 * Hands over each event of Pulumi's engine as it comes, while something runs Pulumi.
 *
 * @param run runs Pulumi with these options beside its own, and with these environment variables
 */
export async function withEvents<T>(
  onEvent: (arrival: Arrival) => void,
  run: (options: readonly string[], env: NodeJS.ProcessEnv) => Promise<T>,
): Promise<T> {
  // A pipe keeps the events off the disk. Its directory's mode is 700.
  const directory = fs.mkdtempSync(path.join(os.tmpdir(), "smt-ha-events-"));
  const pipe = path.join(directory, "events");
  try {
    const { status, error, stderr } = spawnSync("mkfifo", ["-m", "600", pipe], { encoding: "utf8" });
    if (status !== 0) {
      throw new Failure("smt-ha: Pulumi not started", {
        cause: `no pipe for its events: ${error?.message ?? stderr}`,
        fix: "correct this, or run 'pulumi up' itself, which needs no pipe",
      });
    }
    // Pulumi opens the pipe once for a preview and once for an update, or never: without a writer of its own, the reader would end
    // between them, or wait forever. For both, or the writer would need a reader.
    const writer = fs.openSync(pipe, fs.constants.O_RDWR);
    const events = fs.createReadStream(pipe);
    const reader = createInterface(events);
    reader.on("line", (line) => {
      const event = parsed(line);
      if (event) {
        onEvent({ at: Date.now(), event });
      }
    });
    const read = once(reader, "close");
    // Or the writer could be closed before.
    await once(events, "open");
    try {
      // Without the variable, Pulumi hides this option. Its Automation API does the same.
      return await run(["--event-log", pipe], { PULUMI_DEBUG_COMMANDS: "true" });
    } finally {
      fs.closeSync(writer);
      await read;
    }
  } finally {
    fs.rmSync(directory, { recursive: true });
  }
}

/** An event; undefined for the last line of a Pulumi that was killed. */
function parsed(line: string): EngineEvent | undefined {
  try {
    return JSON.parse(line) as EngineEvent;
  } catch {
    return undefined;
  }
}

/** What an event says of an operation on a resource. */
export interface Operation {
  readonly state: "starts" | "ends" | "fails";
  readonly metadata: StepEventMetadata;
}

/** The operation `replace` only says that a deletion and a creation belong together: it is none. */
export function operationIn(event: EngineEvent): Operation | undefined {
  const { resourcePreEvent: starts, resOutputsEvent: ends, resOpFailedEvent: fails } = event;
  const metadata = (starts ?? ends ?? fails)?.metadata;
  return metadata && metadata.op !== "replace"
    ? { state: starts ? "starts" : ends ? "ends" : "fails", metadata }
    : undefined;
}

/** Whether a resource is no component: with a component, nothing is done. */
export const isWork = ({ old, new: made }: StepEventMetadata): boolean => (made ?? old)?.custom === true;
