import { spawn } from "child_process";
import * as path from "path";
import { Failure } from "../../cli/failure";
import { run } from "../commands";
import { sizes } from "./stack";

const root = path.join(__dirname, "../..");

/** How many nodes are measured if none are named. */
const usual = ["3", "6", "9", "27"];

/**
 * Measures how `up` grows with its nodes.
 *
 * The measurement runs in namespaces of its own, for its network, processes and mounts. They end with it, and it ends with this
 * process: nothing is left to remove, not even after a signal.
 *
 * @param words numbers of nodes
 */
export async function growth(words: readonly string[]): Promise<void> {
  const wrong = words.find(
    (word) => !(Number(word) >= sizes.least && Number(word) <= sizes.most && /^\d+$/.test(word)),
  );
  if (wrong !== undefined) {
    throw new Failure("bench: not started", {
      cause: `'${wrong}' is not a number of nodes from ${sizes.least} to ${sizes.most}`,
      fix: `npm run bench -- growth ${usual.join(" ")}`,
    });
  }
  if (process.getuid?.() !== 0) {
    throw new Failure("bench: not started", {
      cause: "the hosts of the growth need root for their namespaces",
      fix: "run it as root, for example: sudo -E npm run bench -- growth",
    });
  }
  // There is no network inside.
  await run(["toolchain/build"]);
  await inNamespaces([
    path.join(root, "node_modules/.bin/ts-node"),
    "--transpile-only",
    path.join(__dirname, "inside.ts"),
    ...(words.length > 0 ? words : usual),
  ]);
}

function inNamespaces(command: readonly string[]): Promise<void> {
  const child = spawn(
    "setpriv",
    [
      ..."--pdeathsig KILL unshare --net --mount --pid --fork --kill-child --mount-proc".split(" "),
      ...["sh", "-c", 'mount -t tmpfs tmpfs /dev/shm && exec "$@"', "sh"],
      ...command,
    ],
    // Pulumi would ask an agent before it tries the key.
    { cwd: root, stdio: "inherit", env: { ...process.env, TMPDIR: "/dev/shm", SSH_AUTH_SOCK: "" } },
  );
  return new Promise((resolve, reject) => {
    child.once("error", reject);
    child.once("close", (code) => {
      // It has said why.
      process.exitCode = code ?? 1;
      resolve();
    });
  });
}
