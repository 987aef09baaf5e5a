import { ChildProcess, execFile, execFileSync, spawn, spawnSync } from "child_process";
import * as fs from "fs";
import * as path from "path";
import { promisify } from "util";
import { type PlatformName, platformNames } from "../../components/platform";
import { commandLine, sections } from "../../components/stepCommand";
import { memoryDirectory, removeLeftovers } from "./memory";

/** The node-side files of this project. */
export const filesFolder = path.join(__dirname, "../../files");

/** Where prepareNodes, which Jest runs first, has put what the nodes of a platform have in common. */
const layer = (platform: PlatformName): string => path.join(nodesFolder(), platform);
/** A directory in memory, for what lasts as long as this run of the tests. */
export const nodesFolder = (): string => process.env.SMT_HA_TEST_NODES ?? "";

/** Makes what all nodes of a platform have in common, once for all tests. They need root, which others do without. */
export async function prepareNodes(): Promise<void> {
  if (process.getuid?.() !== 0) {
    return;
  }
  removeLeftovers();
  process.env.SMT_HA_TEST_NODES = memoryDirectory("nodes");
  await Promise.all(
    platformNames.map(async (platform) => {
      fs.mkdirSync(layer(platform));
      await promisify(execFile)("unshare", [
        "--mount",
        path.join(__dirname, "prepare-node"),
        platform,
        layer(platform),
      ]);
    }),
  );
}

/** Removes that. */
export function forgetNodes(): void {
  if (process.env.SMT_HA_TEST_NODES) {
    fs.rmSync(process.env.SMT_HA_TEST_NODES, { recursive: true });
  }
}

/** How a command ended. */
export interface Result {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** The result of a step that must have succeeded. */
export function succeed(result: Result): Result {
  if (result.code !== 0) {
    throw new Error(`the step ended with exit code ${result.code}:\n${result.stderr}`);
  }
  return result;
}

/** How a test's node differs from node1 at 192.0.2.11 with Debian 12. */
export interface TestNodeArgs {
  readonly name?: string;
  readonly address?: string;
  readonly platform?: PlatformName;
  /** Directory of this machine that the node has as /smt. */
  readonly shared?: string;
}

/**
 * A node to try node-side files on, with its address on eth0: a root of its own over this machine's (see start-node). The
 * project's files are installed. Needs root.
 */
export class TestNode {
  private readonly ended: Promise<unknown>;
  /** That of its commands, as a whole. */
  private readonly environment: NodeJS.ProcessEnv;

  private constructor(
    private readonly process: ChildProcess,
    private readonly pid: string,
    /** What the node has on its disk, as this machine sees it. */
    private readonly upper: string,
    platform: PlatformName,
  ) {
    this.ended = new Promise((resolve) => process.once("close", resolve));
    this.environment = {
      HOME: "/root",
      PATH: "/usr/bin:/bin:/usr/sbin:/sbin",
      // As near to its bash as this machine's comes.
      ...(platform === "sles11" && { BASH_COMPAT: "3.2" }),
    };
  }

  static async start({
    name = "node1",
    address = "192.0.2.11",
    platform = "debian12",
    shared,
  }: TestNodeArgs = {}): Promise<TestNode> {
    if (process.getuid?.() !== 0) {
      throw new Error("tests of the node-side files need root, for namespaces and loop devices: run them with sudo");
    }
    const own = fs.mkdtempSync(path.join(nodesFolder(), "node-"));
    const upper = path.join(own, "upper");
    const work = path.join(own, "work");
    fs.mkdirSync(upper);
    fs.mkdirSync(work);
    fs.writeFileSync(
      path.join(own, "mounts"),
      [
        `node /mnt overlay lowerdir=${layer(platform)}/upper:/,upperdir=${upper},workdir=${work}`,
        "proc /mnt/proc proc defaults",
        "/sys /mnt/sys none bind",
        "run /mnt/run tmpfs defaults",
        "shm /mnt/dev/shm tmpfs defaults",
        ...(shared ? [`${shared} /mnt/smt none bind,X-mount.mkdir`] : []),
        "",
      ].join("\n"),
    );
    const namespaces = ["--mount", "--uts", "--net", "--pid", "--fork", "--kill-child"];
    const script = path.join(__dirname, "start-node");
    const child = spawn("unshare", [...namespaces, script, name, address, path.join(own, "mounts")]);
    child.once("close", () => fs.rmSync(own, { recursive: true }));
    const pid = await new Promise<string>((resolve, reject) => {
      let output = "";
      let errors = "";
      child.stderr.on("data", (text: Buffer) => (errors += text.toString()));
      child.stdout.on("data", (text: Buffer) => {
        output += text.toString();
        // The empty line comes back once the node is in its new root: until then it has that of the machine.
        if (output.endsWith("\n\n")) {
          resolve(output.trim());
        }
      });
      child.stdin.write("\n");
      child.once("error", reject);
      child.once("exit", () => reject(new Error(`no test node on this machine: ${errors}`)));
    });
    const node = new TestNode(child, pid, upper, platform);
    for (const directory of ["lock", "doubles/enabled", "doubles/active"]) {
      fs.mkdirSync(node.outside(`/run/${directory}`), { recursive: true });
    }
    return node;
  }

  /** Puts the node on the same network as another one. */
  connect(other: TestNode): void {
    const port = `p${other.pid}`;
    const link = ["link", "add", port, "type", "veth", "peer", "name", `p${this.pid}`, "netns", other.pid];
    spawnSync("nsenter", ["--target", this.pid, "--net", "ip", ...link]);
    this.check(`ip link set ${port} master eth0 up && ip link set eth0 up`);
    other.check(`ip link set p${this.pid} master eth0 up && ip link set eth0 up`);
  }

  /** Gives it a default gateway, 192.0.2.1, for the eye of a step only: what is not on the node stays unreachable at once. */
  addDefaultRoute(): void {
    this.check(
      "ip link add gateway type bridge && ip link set gateway up && ip route add unreachable default && " +
        "ip route add default via 192.0.2.1 dev gateway onlink metric 9",
    );
  }

  /** Ends everything that runs on the node, and forgets it. A node that has ended stays as it is. */
  async stop(): Promise<void> {
    this.process.stdin?.end();
    await this.ended;
  }

  /** Copies a file or directory of this machine to the node, with its owner. */
  put(from: string, to: string): void {
    execFileSync("cp", ["--archive", "--no-target-directory", from, this.outside(to)]);
  }

  /** Runs a shell command as a login over SSH would. */
  run(command: string, stdin = ""): Result {
    const { status, stdout, stderr, error } = spawnSync("nsenter", this.enter(command), {
      env: this.environment,
      input: stdin,
      encoding: "utf8",
      timeout: 60_000,
    });
    if (error) {
      throw new Error(`${command}: ${error.message}\n${stdout}${stderr}`);
    }
    return { code: status, stdout, stderr };
  }

  /** Runs a shell command while the test, or another node, goes on. */
  async runAside(command: string, stdin = ""): Promise<Result> {
    const child = spawn("nsenter", this.enter(command), { env: this.environment });
    let stdout = "";
    let stderr = "";
    child.stdout.on("data", (text: Buffer) => (stdout += text.toString()));
    child.stderr.on("data", (text: Buffer) => (stderr += text.toString()));
    child.stdin.end(stdin);
    const code = await new Promise<number | null>((resolve) => child.once("close", resolve));
    return { code, stdout, stderr };
  }

  /** Starts a shell command, which ends with the node at the latest. */
  start(command: string): ChildProcess {
    return spawn("nsenter", this.enter(command), { env: this.environment, stdio: ["pipe", "pipe", "inherit"] });
  }

  /** What a command that must succeed prints. */
  check(command: string, stdin = ""): string {
    const { code, stdout, stderr } = this.run(command, stdin);
    if (code !== 0) {
      throw new Error(`${command}: exit code ${code}\n${stdout}${stderr}`);
    }
    return stdout;
  }

  /** Runs a step, with the same command line and input as the program. */
  step(step: string, options: Record<string, string> = {}, inputs: Record<string, string> = {}): Result {
    return this.run(commandLine(step, options, "1a2b3c4d"), sections(inputs));
  }

  read(file: string): string {
    return fs.readFileSync(this.outside(file), "utf8");
  }

  write(file: string, text: string): void {
    const place = this.outside(file);
    fs.mkdirSync(path.dirname(place), { recursive: true });
    fs.writeFileSync(place, text);
  }

  /** Writes a command that the node can run. */
  writeCommand(file: string, text: string): void {
    this.write(file, text);
    fs.chmodSync(this.outside(file), 0o755);
  }

  /** Calls of the stand-ins since the last time, without those that only ask. */
  calls(): string[] {
    const file = this.outside("/run/doubles/calls");
    if (!fs.existsSync(file)) {
      return [];
    }
    const calls = fs.readFileSync(file, "utf8").split("\n");
    fs.rmSync(file);
    return calls.filter((call) => call && !/ is-| -m session/.test(call));
  }

  /** Files on the node's disk with this text. */
  filesWith(text: string): string[] {
    const { stdout } = spawnSync("grep", ["-rlF", text, this.upper], { encoding: "utf8" });
    return stdout
      .split("\n")
      .filter(Boolean)
      .map((file) => file.slice(this.upper.length));
  }

  /**
   * Where this machine finds a file of the node, without a process on the node. Absolute links lead into the node's root, as
   * they do there.
   */
  private outside(file: string): string {
    const root = `/proc/${this.pid}/root`;
    const parts = file.split("/").filter(Boolean);
    let found = "/";
    for (let part = parts.shift(); part !== undefined; part = parts.shift()) {
      const next = path.join(found, part);
      const link = fs.lstatSync(root + next, { throwIfNoEntry: false })?.isSymbolicLink();
      if (link) {
        const target = fs.readlinkSync(root + next);
        found = target.startsWith("/") ? "/" : found;
        parts.unshift(...target.split("/").filter(Boolean));
      } else {
        found = next;
      }
    }
    return root + found;
  }

  private enter(command: string): string[] {
    const entered = ["--mount", "--uts", "--net", "--pid", "--root", `--wd=/proc/${this.pid}/root/root`];
    return ["--target", this.pid, ...entered, "bash", "--norc", "-c", command];
  }
}
