import { spawnSync } from "child_process";
import * as fs from "fs";
import * as path from "path";
import { parse, stringify } from "yaml";
import { Failure } from "../../cli/failure";
import { hereAndNow, say } from "../command";
import { exported, run, stack } from "../commands";
import { graphOf } from "../graph";
import { compared, writePeers } from "./document";
import { type Contender, contenders, type Peers, type Ran } from "./measurement";
import type { AbstractProgram, Config } from "./plan";
import { commandsBefore, playbookFiles, tasksOf } from "./playbook";

const root = path.join(__dirname, "../..");

const rounds = 3;

/** Compares `up` with the least that its commands take, and with Ansible, on the lab's machines. */
export async function peers(): Promise<void> {
  const { stdout, error } = spawnSync("ansible-playbook", ["--version"], { encoding: "utf8" });
  if (error) {
    throw new Failure("bench: not started", {
      cause: "Ansible is not installed on this machine",
      fix: "apt-get install ansible-core",
    });
  }
  const measured = await inMemory((work) => measure(work));
  const result: Peers = { where: hereAndNow(), ansible: stdout.split("\n")[0] ?? "", ...measured };
  writePeers(result, root);
  process.stdout.write(compared(result));
  say("written: docs/performance.md, docs/performance/peers.json");
}

/** Gives some work a directory in memory, of mode 700: the configuration and the playbook hold secrets. It is gone when this process ends. */
async function inMemory<T>(work: (directory: string) => Promise<T>): Promise<T> {
  const directory = fs.mkdtempSync("/dev/shm/smt-ha-bench-");
  process.once("exit", () => fs.rmSync(directory, { recursive: true, force: true }));
  (["SIGINT", "SIGTERM", "SIGHUP"] as const).forEach((signal) => process.once(signal, () => process.exit(1)));
  return await work(directory);
}

async function measure(work: string): Promise<Pick<Peers, "commands" | "took">> {
  say("down, then up: the machines, and the graph of the stack");
  await run(["make", "down"]);
  await run(["make", "up"]);
  const config = await labConfig();
  const program = await inside<AbstractProgram>(config);
  const names = new Set(program.operations.map(({ name }) => name));
  const before = commandsBefore(graphOf(await exported()), (name) => names.has(name));

  let order: readonly string[] = [];
  const ways: Readonly<Record<Contender, () => Promise<number>>> = {
    limit: async () => {
      const ran = await inside<readonly Ran[]>(config, work);
      order = [...ran].sort((a, b) => a.start - b.start).map(({ name }) => name);
      return Math.max(...ran.map(({ end }) => end)) - Math.min(...ran.map(({ start }) => start));
    },
    ansible: () => {
      const operations = [...program.operations].sort((a, b) => order.indexOf(a.name) - order.indexOf(b.name));
      return ansible(playbookFiles(tasksOf({ ...program, operations }, before), config, work), work);
    },
    up: () => up(work),
  };
  const took: Record<Contender, number[]> = { limit: [], ansible: [], up: [] };
  for (let round = 1; round <= rounds; round++) {
    for (const contender of Object.keys(contenders) as Contender[]) {
      say(`round ${round}: ${contender}, on fresh machines`);
      await run(["bench/peers/fresh"]);
      took[contender].push(await ways[contender]());
    }
  }
  say("down");
  await run(["make", "down"]);
  return { commands: names.size, took };
}

/** The configuration of the lab's stack, with an absolute path of its key. */
async function labConfig(): Promise<Config> {
  const config = JSON.parse((await run([...stack, "config", "--json", "--show-secrets"])).stdout) as Config;
  const key = "smt-ha:sshPrivateKeyFile";
  return { ...config, [key]: { value: path.resolve(root, config[key]?.value ?? "") } };
}

/** Runs the program in a process in the lab's network, and gives what that prints last. */
async function inside<T>(config: Config, ...words: readonly string[]): Promise<T> {
  const command = ["node_modules/.bin/ts-node", "--transpile-only", path.join(__dirname, "inside.ts")];
  const { stdout } = await run(["lab/exec", ...command, ...words], JSON.stringify(config));
  return JSON.parse(stdout.trim().split("\n").at(-1) ?? "") as T;
}

async function ansible(files: Readonly<Record<string, string>>, work: string): Promise<number> {
  // The marks of an earlier run must not be there.
  const directory = fs.mkdtempSync(path.join(work, "playbook-"));
  fs.mkdirSync(path.join(directory, "marks"));
  for (const [name, text] of Object.entries(files)) {
    fs.writeFileSync(path.join(directory, name), text, { mode: 0o600 });
  }
  const playbook = ["-i", path.join(directory, "hosts"), path.join(directory, "playbook.json")];
  const env = { ANSIBLE_CONFIG: path.join(directory, "ansible.cfg") };
  return (await run(["lab/exec", "ansible-playbook", ...playbook], "", env)).took;
}

/** `pulumi up` of a new stack on the same machines, as hosts that exist already. */
async function up(work: string): Promise<number> {
  const directory = fs.mkdtempSync(path.join(work, "stack-"));
  const file = path.join(directory, "Pulumi.bench.yaml");
  const lab = parse(fs.readFileSync(path.join(root, "Pulumi.dev.yaml"), "utf8")) as { readonly config: object };
  fs.writeFileSync(file, stringify({ ...lab, config: { ...lab.config, "smt-ha:machines": "existing" } }));
  // As lab/stack has it, for a state of its own.
  const env = {
    PULUMI_BACKEND_URL: `file://${directory}`,
    PULUMI_CONFIG_PASSPHRASE: "lab",
    PULUMI_STACK: "dev",
    PULUMI_NODEJS_TRANSPILE_ONLY: "true",
    PULUMI_PARALLEL: "64",
  };
  const pulumi = ["lab/exec", "toolchain/run", "pulumi"];
  await run([...pulumi, "stack", "select", "--create", "dev"], "", env);
  return (await run([...pulumi, "up", "--yes", "--skip-preview", "--config-file", file], "", env)).took;
}
