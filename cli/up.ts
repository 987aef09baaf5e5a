import { spawn } from "child_process";
import * as fs from "fs";
import * as os from "os";
import * as path from "path";
import { createInterface } from "readline";
import { withEvents } from "./engine";
import { Failure } from "./failure";
import { durationsIn, isNoise, Progress } from "./progress";

const root = path.join(__dirname, "..");
const measurements = ["docs/performance/data.json", "bench/growth/steps.json"].map((file) => path.join(root, file));

/** How often to say what runs, in milliseconds. */
const interval = 30_000;
/** How long Pulumi may take to say that it has got a signal. */
const answerTime = 5000;

/**
 * Runs `pulumi up`. On a terminal, Pulumi shows all and asks there. Elsewhere, its lines about the begin of each operation give way
 * to a summary of what runs, and a failure is told at once.
 *
 * @param args as `pulumi up` takes them
 * @param eventLog a file that also gets the engine's events
 * @returns Pulumi's exit code
 */
export async function up(args: readonly string[], eventLog?: string): Promise<number> {
  const terminal = Boolean(process.stdin.isTTY && process.stdout.isTTY);
  const log = eventLog === undefined ? undefined : fs.createWriteStream(eventLog, { flags: "a", mode: 0o600 });
  const progress = new Progress(durationsIn(measurements));
  const print = (text: string): boolean => terminal || process.stdout.write(text);
  let interrupted = false;
  const code = await withEvents(
    (arrival) => {
      const { event } = arrival;
      log?.write(`${JSON.stringify(event)}\n`);
      interrupted ||= / received; /.test(event.stdoutEvent?.message ?? "");
      print(progress.take(arrival));
    },
    async (options, env) => {
      const timer = setInterval(() => print(progress.summary(Date.now())), interval);
      try {
        return await pulumi(["up", ...options, ...args], env, terminal, () => interrupted);
      } finally {
        clearInterval(timer);
      }
    },
  );
  if (log) {
    await new Promise<void>((resolve) => log.end(resolve));
  }
  return code;
}

function pulumi(
  args: readonly string[],
  env: NodeJS.ProcessEnv,
  terminal: boolean,
  interrupted: () => boolean,
): Promise<number> {
  const child = spawn("pulumi", terminal ? args : [...args, "--suppress-progress"], {
    stdio: ["inherit", terminal ? "inherit" : "pipe", "inherit"],
    env: { ...process.env, ...env },
  });
  if (child.stdout) {
    createInterface(child.stdout).on("line", (line) => isNoise(line) || process.stdout.write(`${line}\n`));
  }
  // A terminal or a supervisor sends it to Pulumi too, and a second one would end Pulumi at once, in the middle of its work. npx
  // even sends it here twice.
  let late: NodeJS.Timeout | undefined;
  const pass = (): void => {
    late ??= setTimeout(() => interrupted() || child.kill("SIGINT"), answerTime);
  };
  (["SIGINT", "SIGTERM", "SIGHUP"] as const).forEach((signal) => process.on(signal, pass));
  return new Promise<number>((resolve, reject) => {
    child.once("error", (error: NodeJS.ErrnoException) =>
      reject(
        error.code === "ENOENT"
          ? new Failure("smt-ha: up not started", { cause: "pulumi is not in the PATH", fix: "install Pulumi" })
          : error,
      ),
    );
    child.once("close", (code, signal) => resolve(code ?? 128 + os.constants.signals[signal ?? "SIGKILL"]));
  }).finally(() => clearTimeout(late));
}
