import { spawn } from "child_process";
import * as path from "path";
import { type Arrival, withEvents } from "../cli/engine";
import { Failure } from "../cli/failure";
import type { ExportedState } from "../cli/state";

const root = path.join(__dirname, "..");

/** Runs Pulumi on the lab's stack. */
export const stack = ["lab/stack", "dev"] as const;

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
              fix: "remove the cause, then start the bench again",
            }),
          ),
    );
  });
}

/** Runs a command of Pulumi in the project's directory, and records what its engine does. */
export async function runRecorded(command: readonly string[]): Promise<Ended & { readonly arrivals: Arrival[] }> {
  const arrivals: Arrival[] = [];
  const ended = await withEvents(
    (arrival) => arrivals.push(arrival),
    (options, env) => run([...command, ...options], "", env),
  );
  return { ...ended, arrivals };
}

/** What the state of the lab's stack says, without its secrets. */
export const exported = async (): Promise<ExportedState> =>
  JSON.parse((await run([...stack, "stack", "export"])).stdout) as ExportedState;
