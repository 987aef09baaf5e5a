import { Failure } from "./failure";
import { noAnswer, type Result, type Ssh } from "./ssh";
import type { StackNode } from "./stack";

/** Why a node has not answered. */
export interface NoAnswer {
  readonly cause: string;
  readonly fix: string;
}

/** A step that only asks. */
export interface Question {
  readonly step: string;
  readonly options?: string;
  /** Seconds for the whole answer. */
  readonly limit: number;
}

/**
 * Asks one node. Whatever it answers, the others have their say.
 *
 * @param read makes something of what the step prints; undefined if it is of another form
 */
export async function askNode<T>(
  ssh: Ssh,
  node: StackNode,
  { step, options = "", limit }: Question,
  read: (stdout: string) => T | undefined,
  signal: AbortSignal,
): Promise<{ answer: T } | { failure: NoAnswer }> {
  const { name } = node;
  try {
    const timeout = AbortSignal.timeout(limit * 1000);
    const result = await ssh.run(node, `smt-ha ${step} ${options}`.trim(), {
      signal: AbortSignal.any([signal, timeout]),
    });
    const answer = result.code === 0 ? read(result.stdout) : undefined;
    return answer === undefined ? { failure: failureOf(node, step, result) } : { answer };
  } catch (error) {
    if (error instanceof Failure) {
      throw error;
    }
    const cause = `${name} has not answered within ${limit} seconds`;
    return { failure: { cause, fix: `look at the console of ${name}` } };
  }
}

function failureOf(node: StackNode, step: string, { code, stdout, stderr }: Result): NoAnswer {
  const { name } = node;
  if (code === 255) {
    return noAnswer(node, stderr);
  }
  const fix = `bring the program's files to ${name}: pulumi up`;
  if (code === 0) {
    return { cause: `${name} answers in another form than this command knows: ${stdout.slice(0, 80)}`, fix };
  }
  return /there is no step|command not found/.test(stderr)
    ? { cause: `${name} lacks the step ${step}`, fix }
    : { cause: `${name} can't tell its state: ${stderr}`, fix: `let this succeed on ${name}: smt-ha ${step}` };
}
