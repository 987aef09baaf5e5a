import { spawn } from "child_process";
import { isWork, operationIn, withEvents } from "./engine";
import { Failure } from "./failure";
import { nameOf } from "./state";

/** Operations of the engine that change nothing. */
const idle = ["same", "read", "refresh"];

/**
 * What an `up` would change: the names of the resources, in the engine's order.
 *
 * @param args as `pulumi preview` takes them
 * @throws AbortError if the signal ended it
 */
export async function plannedChanges(args: readonly string[], signal: AbortSignal): Promise<string[]> {
  const planned = new Set<string>();
  const { code, output } = await withEvents(
    ({ event }) => {
      const operation = operationIn(event);
      if (operation?.state === "starts" && isWork(operation.metadata) && !idle.includes(operation.metadata.op)) {
        planned.add(nameOf(operation.metadata.urn));
      }
    },
    (options, env) => pulumi(["preview", ...options, ...args], { signal, env }),
  );
  if (code !== 0) {
    process.stderr.write(output);
    throw new Failure("smt-ha: nothing has changed: 'pulumi preview' failed", {
      cause: `it ended with exit code ${code}, and said what stands above`,
      fix: "remove the cause that it names",
    });
  }
  return [...planned];
}

/** Runs Pulumi to its end, and gives all that it prints. */
export function pulumi(
  args: readonly string[],
  { signal, env = {} }: { readonly signal?: AbortSignal; readonly env?: NodeJS.ProcessEnv } = {},
): Promise<{ readonly code: number | null; readonly output: string }> {
  return new Promise((resolve, reject) => {
    const child = spawn("pulumi", args, {
      stdio: ["ignore", "pipe", "pipe"],
      env: { ...process.env, ...env },
      signal,
    });
    let output = "";
    [child.stdout, child.stderr].forEach((stream) =>
      stream.setEncoding("utf8").on("data", (text: string) => (output += text)),
    );
    child.once("error", reject);
    child.once("close", (code) => resolve({ code, output }));
  });
}
