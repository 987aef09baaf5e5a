import { spawn } from "child_process";
import { once } from "events";
import * as fs from "fs";
import * as os from "os";
import * as path from "path";
import { createInterface } from "readline";
import type { EngineEvent } from "@pulumi/pulumi/automation";
import { Failure } from "../cli/failure";
import type { Arrival } from "./engine";

const root = path.join(__dirname, "..");

/** How a command of the project ended. */
export interface Ended {
  readonly stdout: string;
  /** When it started, as of `Date.now()`. */
  readonly started: number;
  /** How long it took, in milliseconds. */
  readonly took: number;
}

/**
 * Runs a command in the project's directory.
 *
 * @param input text for its standard input
 * @throws Failure with the end of its output, if it fails
 */
export function run(command: readonly string[], input = "", env: NodeJS.ProcessEnv = {}): Promise<Ended> {
  return new Promise((resolve, reject) => {
    const [program = "", ...args] = command;
    const started = Date.now();
    const child = spawn(program, args, { cwd: root, env: { ...process.env, ...env } });
    let stdout = "";
    let all = "";
    child.stdout.setEncoding("utf8").on("data", (text: string) => {
      stdout += text;
      all += text;
    });
    child.stderr.setEncoding("utf8").on("data", (text: string) => (all += text));
    // One that ends early does not read it.
    child.stdin.on("error", () => undefined).end(input);
    child.once("error", reject);
    child.once("close", (code) =>
      code === 0
        ? resolve({ stdout, started, took: Date.now() - started })
        : reject(
            new Failure(`bench: ${command.slice(0, 3).join(" ")} failed`, {
              cause: `it ended with ${code}; the last lines of its output:\n${all.trimEnd().split("\n").slice(-20).join("\n")}`,
              fix: "remove the cause, then start the bench again: it begins with an empty lab",
            }),
          ),
    );
  });
}

/** Runs a command of Pulumi in the project's directory, and records what its engine does. */
export async function runRecorded(command: readonly string[]): Promise<Ended & { readonly arrivals: Arrival[] }> {
  const directory = fs.mkdtempSync(path.join(os.tmpdir(), "smt-ha-bench-"));
  const pipe = path.join(directory, "events");
  try {
    await run(["mkfifo", "-m", "600", pipe]);
    const arrivals: Arrival[] = [];
    const events = fs.createReadStream(pipe);
    const opened = once(events, "open");
    const reader = createInterface(events);
    reader.on("line", (line) => arrivals.push({ at: Date.now(), event: JSON.parse(line) as EngineEvent }));
    const read = once(reader, "close");
    // Without the variable, Pulumi hides this option. Its Automation API does the same.
    const ended = await run([...command, "--event-log", pipe], "", { PULUMI_DEBUG_COMMANDS: "true" }).finally(() =>
      release(pipe, opened),
    );
    await read;
    return { ...ended, arrivals };
  } finally {
    fs.rmSync(directory, { recursive: true });
  }
}

/**
 * Ends a reader that still waits for a writer: a command that failed early has never opened the pipe. The command can even end
 * before the reader has begun to wait.
 */
async function release(pipe: string, opened: Promise<unknown>): Promise<void> {
  // For both, or it would need a reader.
  const writer = fs.openSync(pipe, fs.constants.O_RDWR);
  await opened;
  fs.closeSync(writer);
}
