import * as os from "os";
import { Failure } from "../cli/failure";

/** Says what the bench does. */
export const say = (text: string): boolean => process.stderr.write(`bench: ${text}\n`);

/** Runs a command of the bench. */
export function main(command: () => Promise<void>): void {
  command().catch((error: unknown) => {
    process.stderr.write(`${error instanceof Failure ? error.message : String((error as Error).stack)}\n`);
    process.exitCode = 1;
  });
}

/** When and where it runs. */
export function hereAndNow(): string {
  const cpus = os.cpus();
  return `${new Date().toISOString().slice(0, 10)} on ${cpus.length} CPUs (${cpus[0]?.model.trim() ?? "unknown"})`;
}
