import { Failure } from "./failure";
import type { Result, Ssh } from "./ssh";
import type { StackNode } from "./stack";

/**
 * Runs a step on a node and returns its result. Its progress goes to stderr, its report of a failure into the failure.
 *
 * @throws AbortError if the signal ended the connection
 */
export async function runStep(
  ssh: Ssh,
  node: StackNode,
  step: string,
  { options = [], signal }: { readonly options?: readonly string[]; readonly signal: AbortSignal },
): Promise<string> {
  const report: string[] = [];
  const command = ["smt-ha", step, ...options].join(" ");
  const onLine = (line: string): void => {
    if (report.length > 0 || /^smt-ha: .*: step \S+ (failed|not started)$/.test(line)) {
      report.push(line);
    } else {
      process.stderr.write(`${line}\n`);
    }
  };
  const result = await ssh.run(node, command, { signal, onLine });
  if (result.code === 0) {
    return result.stdout;
  }
  throw report.length > 0 ? new Failure(report.join("\n"), {}) : commandFailure(node, `step ${step}`, command, result);
}

/** A failure that the node has not reported itself. */
export function commandFailure({ name }: StackNode, what: string, command: string, { code, stderr }: Result): Failure {
  const end = stderr.split("\n").slice(-5).join("\n");
  return new Failure(
    `smt-ha: ${name}: ${what} failed`,
    code === 255
      ? { cause: `the connection broke: ${end}`, fix: `let ${name} answer by SSH; what ran there may still run` }
      : { cause: `it ended with exit code ${code}: ${end}`, fix: `let this succeed on ${name}: ${command}` },
  );
}
