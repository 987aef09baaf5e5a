import { spawn } from "child_process";
import * as fs from "fs";
import * as os from "os";
import * as path from "path";
import { createInterface } from "readline";
import { Failure } from "./failure";
import type { StackNode } from "./stack";

/** How a command on a node ended. */
export interface Result {
  /** The command's exit code; 255 if SSH itself failed. */
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

interface SshOptions {
  /** Seconds that a node has to answer a connection. */
  readonly connectTimeout?: number;
}

interface RunOptions {
  /** Ends the connection. The command on the node may go on. */
  readonly signal?: AbortSignal;
  /** Gets each line of stderr as it comes. */
  readonly onLine?: (line: string) => void;
}

/** Runs commands on nodes, as root. */
export interface Ssh {
  /** @throws AbortError if the signal ended the connection */
  run(node: StackNode, command: string, options?: RunOptions): Promise<Result>;
}

/**
 * Reaches nodes by the system's ssh, each by the host key that the stack knows, and as the program does: by the stack's private
 * keys alone, without an agent or the user's own settings. Keys are in files only while the work lasts, in memory if possible.
 *
 * @param work gets the connection; the keys' files are gone when it has ended
 */
export async function withSsh<T>(
  nodes: readonly StackNode[],
  work: (ssh: Ssh) => Promise<T>,
  { connectTimeout = 10 }: SshOptions = {},
): Promise<T> {
  // Its mode is 700.
  const directory = fs.mkdtempSync(path.join(fs.existsSync("/dev/shm") ? "/dev/shm" : os.tmpdir(), "smt-ha-"));
  const remove = (): void => fs.rmSync(directory, { recursive: true, force: true });
  // Also if something ends the process before the work has ended.
  process.once("exit", remove);
  try {
    const write = (name: string, lines: readonly string[]): void =>
      fs.writeFileSync(path.join(directory, name), lines.map((line) => `${line.trimEnd()}\n`).join(""), {
        mode: 0o600,
      });
    nodes.forEach(({ name, privateKey }) => write(`${name}.key`, [privateKey]));
    write(
      "known_hosts",
      nodes.map(({ name, hostKey }) => `${name} ${hostKey}`),
    );
    write("config", [
      ...nodes.flatMap((node) => hostLines(node, directory)),
      ...commonLines(directory, connectTimeout),
    ]);
    return await work({ run: (...args) => run(path.join(directory, "config"), ...args) });
  } finally {
    remove();
    process.off("exit", remove);
  }
}

/** Why SSH does not reach a node, and what to do; `said` is what ssh says. */
export function noAnswer({ name, address, port, user }: StackNode, said: string): { cause: string; fix: string } {
  return said.includes("Host key verification failed")
    ? {
        cause: `${name} shows another host key than the stack knows`,
        fix: `if you know why, accept it: pulumi up --replace '**::${name}-ready'; otherwise look at the console of ${name} first`,
      }
    : {
        cause: `${name} does not answer: ${said}`,
        fix: `start ${name}, or let it answer by SSH as ${user} at ${address}, port ${port}`,
      };
}

/** What ssh's configuration says of one node. */
const hostLines = ({ name, address, port, user, hostKey }: StackNode, directory: string): readonly string[] => [
  `Host ${name}`,
  `  HostName ${address}`,
  `  Port ${port}`,
  `  User ${user}`,
  `  HostKeyAlias ${name}`,
  `  IdentityFile "${path.join(directory, `${name}.key`)}"`,
  // The sshd of sles11 knows no other signature, and a current ssh offers it only if asked to.
  ...(hostKey.startsWith("ssh-rsa ") ? ["  HostKeyAlgorithms +ssh-rsa", "  PubkeyAcceptedKeyTypes +ssh-rsa"] : []),
];

/** What it says of all of them: a node that dies ends its connection within a minute. */
const commonLines = (directory: string, connectTimeout: number): readonly string[] => [
  "Host *",
  "  BatchMode yes",
  "  IdentitiesOnly yes",
  "  IdentityAgent none",
  "  StrictHostKeyChecking yes",
  "  CheckHostIP no",
  `  UserKnownHostsFile "${path.join(directory, "known_hosts")}"`,
  "  GlobalKnownHostsFile /dev/null",
  "  UpdateHostKeys no",
  "  LogLevel ERROR",
  `  ConnectTimeout ${connectTimeout}`,
  "  ServerAliveInterval 10",
  "  ServerAliveCountMax 6",
];

function run(config: string, node: StackNode, command: string, { signal, onLine }: RunOptions = {}): Promise<Result> {
  return new Promise((resolve, reject) => {
    const sudo = node.user === "root" ? "" : "sudo -n ";
    const child = spawn("ssh", ["-F", config, node.name, sudo + command], {
      stdio: ["ignore", "pipe", "pipe"],
      signal,
      // The default, but for tests: Jest gives them an environment of their own.
      env: process.env,
      // In a process group of its own, a Ctrl-C reaches this process alone, which then says how to go on.
      detached: true,
    });
    let stdout = "";
    const lines: string[] = [];
    child.stdout.setEncoding("utf8").on("data", (text: string) => (stdout += text));
    createInterface(child.stderr).on("line", (line) => {
      lines.push(line);
      onLine?.(line);
    });
    child.once("error", (error: NodeJS.ErrnoException) =>
      reject(
        error.code === "ENOENT"
          ? new Failure("smt-ha: no node reached", { cause: "ssh is not in the PATH", fix: "install OpenSSH's client" })
          : error,
      ),
    );
    child.once("close", (code) => resolve({ code, stdout, stderr: lines.join("\n") }));
  });
}
