import { spawn } from "child_process";
import { once } from "events";
import * as fs from "fs";
import * as path from "path";
import { createInterface } from "readline";
import { Failure } from "../../cli/failure";

const root = path.join(__dirname, "../..");

/**
 * Has an SMT node hold the files that the clients ask for while something is measured. The node removes them when this process ends,
 * whatever ends it.
 */
export async function withFiles<T>(node: string, measure: () => Promise<T>): Promise<T> {
  const script = fs.readFileSync(path.join(__dirname, "files"), "utf8");
  const keeper = spawn("lab/ssh", [node, script], { cwd: root, stdio: ["pipe", "pipe", "pipe"] });
  let errors = "";
  keeper.stderr.setEncoding("utf8").on("data", (text: string) => (errors += text));
  const ended = once(keeper, "close");
  // "made", or the end of its output.
  const lines = createInterface(keeper.stdout);
  const [made] = (await Promise.race([once(lines, "line"), once(lines, "close")])) as [string?];
  if (made === undefined) {
    await ended;
    throw new Failure("bench: the service not measured", {
      cause: `${node} does not make the files that the clients ask for: ${errors.trim()}`,
      fix: "remove the cause, then start the bench again",
    });
  }
  try {
    return await measure();
  } finally {
    keeper.stdin.end();
    await ended;
  }
}
