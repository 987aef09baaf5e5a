import * as fs from "fs";
import * as os from "os";
import * as path from "path";
import { createInterface } from "readline";
import type { Workspace } from "@pulumi/pulumi/automation";
import { platforms } from "../components/platform";
import { certificatesGroup } from "../config/certificates";
import { Failure } from "./failure";
import { interruption } from "./interruption";
import { runStep } from "./nodeStep";
import { majorityView } from "./nodeStatus";
import type { StatusReport } from "./overview";
import { plannedChanges, pulumi } from "./preview";
import { withSsh, type Ssh } from "./ssh";
import { askPulumi, type Stack } from "./stack";
import { nodeOfName, stepOfName } from "./state";
import { connectTimeout, reportOf } from "./status";
import { up } from "./up";

/** What can be rotated. */
export type Rotatable = "hacluster" | "replication" | "authkey" | "ca";

export interface RotateArgs {
  readonly what: Rotatable;
  readonly stack: Stack;
  readonly options: {
    /** Asks no question. */
    readonly yes?: boolean;
  };
  /** What runs this command line, such as `npx smt-ha`. */
  readonly command: string;
}

/** How something is rotated. */
interface Rotation {
  /** What it is, for a reader. */
  readonly subject: string;
  /** What happens, a sentence or two. */
  readonly how: string;
  /** What becomes of the service meanwhile. */
  readonly service: string;
  /** What is left to do. */
  readonly after: string;
  /** The resource that `up` has to replace. Unset: a setting changes. */
  readonly resource?: string;
  /** The setting that changes. */
  readonly setting?: { readonly key: string; readonly value: string };
  /** The resources that this changes; others change for another reason. */
  readonly changes: RegExp;
  /** Whether all nodes have to be in service in the cluster. */
  readonly members?: boolean;
  /** Whether the cluster has to be stopped on all nodes. */
  readonly stop?: boolean;
}

const shown = "pulumi stack export --show-secrets";

/** Those of which nothing has to be known. */
const passwords: Readonly<Record<"hacluster" | "replication", Rotation>> = {
  hacluster: {
    subject: "the password of hacluster, the login of the cluster's graphical tools",
    how: "Every node gets the new one.",
    service: "goes on",
    after: `Whoever uses these tools needs the new one: ${shown}`,
    resource: "cluster-hacluster",
    changes: /^cluster-hacluster$|-cluster-password$/,
  },
  replication: {
    subject: "the password of the replication between the databases",
    how: "Each database's account gets the new one, and each link goes on with it from where it was.",
    service: "goes on",
    after: "Nothing is left to do: nobody else has the password.",
    resource: "databases-replication",
    changes: /^databases-replication$|-database-\w+$/,
  },
};

/**
 * Replaces a secret by a new one: says what will change, asks, and has Pulumi do it. What needs a stop of the cluster, is done
 * in one.
 *
 * @throws Failure at the first problem, with the command that goes on from there
 */
export async function rotate(args: RotateArgs): Promise<void> {
  const { what, stack, options } = args;
  if (!options.yes && !isTerminal()) {
    throw new Failure(`smt-ha: rotate ${what} not started`, {
      cause: "nobody can be asked here",
      fix: "add --yes, or use a terminal",
    });
  }
  const { rotation, planned } = await unlessInterrupted(
    `smt-ha: rotate ${what} interrupted before it changed anything`,
    {},
    async (signal) => {
      const report = await withSsh(stack.nodes, (ssh) => reportOf(ssh, { ...args, signal }), { connectTimeout });
      const found = await rotationOf(what, stack, report);
      refuseUnfit(what, report, found);
      return { rotation: found, planned: await planOf(found, args, signal) };
    },
  );
  process.stdout.write(announcement(rotation, planned, args));
  if (!options.yes && !(await confirmed(rotation))) {
    throw new Failure(`smt-ha: rotate ${what}: nothing has changed`, {});
  }
  await perform(rotation, args);
  process.stdout.write(`rotated: ${rotation.subject}\n${rotation.after}\n`);
}

async function rotationOf(what: Rotatable, stack: Stack, report: StatusReport): Promise<Rotation> {
  switch (what) {
    case "authkey":
      return authkeyOf(report);
    case "ca":
      return askPulumi(stack.name, process.cwd(), (workspace) => authorityOf(workspace, stack.name));
    default:
      return passwords[what];
  }
}

/** The key of the cluster's traffic: only the corosync of some platforms takes another one while it runs. */
function authkeyOf({ answers }: StatusReport): Rotation {
  const names = answers.flatMap(({ status }) => status?.platform ?? []);
  const stop = names.some((name) => (platforms as Partial<Record<string, { corosync: number }>>)[name]?.corosync !== 3);
  const common = {
    subject: "the key by which the nodes of the cluster encrypt and authenticate their traffic",
    after: "Nothing is left to do: nobody else has the key.",
    resource: "cluster-authkey",
    changes: /^cluster-authkey$|-cluster-(authkey|rekey|join)$/,
    members: true,
  };
  return stop
    ? {
        ...common,
        stop,
        how:
          "The corosync of these nodes takes no key while it runs. So the cluster stops on all nodes: first what it runs, " +
          "then itself. Every node gets the new key, and the cluster starts again.",
        service: "STOPS for some minutes: clients get no answer",
      }
    : {
        ...common,
        how:
          "Every node gets the new key. Once all have it, all change to it at the same time; no node leaves the cluster. " +
          "A node that restarts in between stays out of the cluster until the command has ended.",
        service: "goes on",
      };
}

/** The service's own CA: another subject is another CA. */
async function authorityOf(
  source: Pick<Workspace, "projectSettings" | "getAllConfig">,
  stack: string,
): Promise<Rotation> {
  const { name: project } = await source.projectSettings();
  const config = await source.getAllConfig(stack);
  const value = (key: keyof typeof certificatesGroup.keys): string | undefined => config[`${project}:${key}`]?.value;
  const given = (["caCertificateFile", "certificateFile"] as const).find((key) => value(key));
  if (given) {
    throw new Failure("smt-ha: rotate ca not started", {
      cause: `the stack's certificates are your own: ${given} is set`,
      fix: "put the new ones into these files, then: pulumi up",
    });
  }
  const current = value("caSubject") ?? certificatesGroup.keys.caSubject.default;
  const subject = nextSubject(current, new Date().toISOString().slice(0, 10));
  return {
    subject: "the service's CA, which signs the servers' certificates",
    how:
      `The configuration's caSubject becomes '${subject}': the first SMT node makes that CA, every node trusts both, each ` +
      "server gets a certificate of the new one, then every node drops the old one.",
    service: "goes on. A client that trusts only the old CA then refuses https until it fetches the new one",
    after: "Now run clientSetup4SMT.sh on every client: until then it refuses https. Back up /etc/smt-ha/ca again.",
    setting: { key: "caSubject", value: subject },
    changes: /-certificate-/,
  };
}

/** The same subject with the day of the rotation at the end of its CN, and a number if it is not the first of the day. */
export const nextSubject = (subject: string, day: string): string =>
  subject.replace(
    /(\/CN=[^/]*?)(?: (\d{4}-\d\d-\d\d)(?: (\d+))?)?(?=\/|$)/,
    (_, head: string, last?: string, number = "1") =>
      [head, day, ...(last === day ? [String(Number(number) + 1)] : [])].join(" "),
  );

/** Refuses a stack that a rotation could leave half done: it needs all nodes, and what it works on. */
function refuseUnfit(what: Rotatable, { answers, findings }: StatusReport, { members }: Rotation): void {
  const view = majorityView(answers);
  const absent = members
    ? answers.flatMap(({ node: { name } }) => {
        const state = view?.nodes.find((node) => node.name === name)?.state;
        return state === "online"
          ? []
          : [
              {
                cause: `${name} is ${state ?? "not known"} in the cluster`,
                fix: `take ${name} back first: smt-ha node/resume`,
              },
            ];
      })
    : [];
  const silent = answers.flatMap(({ failure }) => failure ?? []);
  const problems = [...silent, ...findings.filter(({ level }) => level === "critical"), ...absent].filter(
    ({ cause }, index, all) => all.findIndex((other) => other.cause === cause) === index,
  );
  if (problems.length > 0) {
    throw new Failure(`smt-ha: rotate ${what} not started`, {
      cause: problems.map(({ cause }) => cause).join("\n"),
      fix: problems.map(({ fix }) => fix).join("\n"),
    });
  }
}

/** What Pulumi would change. */
async function planOf(rotation: Rotation, { what, stack }: RotateArgs, signal: AbortSignal): Promise<string[]> {
  const { resource, setting } = rotation;
  const planned = setting
    ? await withConfigFile(stack.name, setting, (file) =>
        plannedChanges(["--stack", stack.name, "--config-file", file], signal),
      )
    : await plannedChanges(upOptions(rotation, stack), signal);
  const expected = resource ? planned.includes(resource) : planned.some((name) => rotation.changes.test(name));
  if (!expected) {
    throw new Failure(`smt-ha: rotate ${what} not started`, {
      cause: `Pulumi would not change it: stack ${stack.name} has no ${resource ?? "CA of its own"}`,
      fix: `bring the stack to what its configuration says: pulumi up --stack ${stack.name}`,
    });
  }
  const others = planned.filter((name) => !rotation.changes.test(name));
  if (rotation.stop && others.length > 0) {
    throw new Failure(`smt-ha: rotate ${what} not started`, {
      cause: `other changes are due, and may need the cluster that has to stop: ${others.join(", ")}`,
      fix: `bring them first: pulumi up --stack ${stack.name}`,
    });
  }
  return planned;
}

const upOptions = ({ resource }: Rotation, { name }: Stack): string[] => [
  "--stack",
  name,
  ...(resource ? ["--replace", `**::${resource}`] : []),
];

/** Gives a copy of the stack's configuration in which a setting has changed. The stack's own stays as it is. */
async function withConfigFile<T>(
  stack: string,
  setting: { readonly key: string; readonly value: string },
  work: (file: string) => Promise<T>,
): Promise<T> {
  const short = stack.slice(stack.lastIndexOf("/") + 1);
  const name = ["yaml", "yml", "json"].map((ending) => `Pulumi.${short}.${ending}`).find((file) => fs.existsSync(file));
  if (!name) {
    throw new Failure("smt-ha: rotate ca not started", {
      cause: `there is no Pulumi.${short}.yaml in ${process.cwd()}`,
      fix: `pulumi config set ${setting.key} '${setting.value}', then: pulumi up --stack ${stack}`,
    });
  }
  // Its mode is 700.
  const directory = fs.mkdtempSync(path.join(os.tmpdir(), "smt-ha-config-"));
  try {
    const file = path.join(directory, name);
    fs.copyFileSync(name, file);
    await setConfig(["--config-file", file, "--stack", stack], setting);
    return await work(file);
  } finally {
    fs.rmSync(directory, { recursive: true });
  }
}

async function setConfig(options: readonly string[], { key, value }: { key: string; value: string }): Promise<void> {
  const { code, output } = await pulumi(["config", "set", ...options, key, value]);
  if (code !== 0) {
    throw new Failure(`smt-ha: ${key} not set`, { cause: output, fix: "let 'pulumi config set' work here" });
  }
}

/** What an administrator reads before the question. */
function announcement(rotation: Rotation, planned: readonly string[], { what, stack }: RotateArgs): string {
  const names = stack.nodes.map(({ name }) => name);
  const width = Math.max(...names.map(({ length }) => length), 5);
  const lists = (changes: readonly string[]): string[] =>
    [...names, ""].flatMap((node) => {
      const own = changes.filter((name) => nodeOfName(name, names) === node).map((name) => stepOfName(name, node));
      return own.length > 0 ? [`  ${(node || "stack").padEnd(width)}  ${own.sort().join(", ")}`] : [];
    });
  const others = planned.filter((name) => !rotation.changes.test(name));
  return [
    `rotate ${what} of stack ${stack.name}: ${rotation.subject}`,
    rotation.how,
    `The service ${rotation.service}.`,
    "Pulumi changes:",
    ...lists(planned.filter((name) => rotation.changes.test(name))),
    ...(others.length > 0
      ? ["It also changes, because the program or the configuration is not the one of the last up:", ...lists(others)]
      : []),
    "",
  ].join("\n");
}

const isTerminal = (): boolean => Boolean(process.stdin.isTTY && process.stdout.isTTY);

/** Whether an administrator agrees. */
function confirmed({ stop }: Rotation): Promise<boolean> {
  const asked = createInterface({ input: process.stdin, output: process.stdout });
  return new Promise<boolean>((resolve) => {
    // Also by Ctrl-C, and where the input ends.
    asked.once("close", () => resolve(false));
    asked.question(`${stop ? "Stop the service and rotate" : "Rotate"}? [y/N] `, (answer) =>
      resolve(/^y(es)?$/i.test(answer.trim())),
    );
  }).finally(() => asked.close());
}

async function perform(rotation: Rotation, { what, stack, command }: RotateArgs): Promise<void> {
  const { setting, stop } = rotation;
  const upAgain = `${command} up --stack ${stack.name} --yes`;
  const startAgain = "smt-ha cluster/start on every node, at the same time";
  const next = stop ? `${upAgain}; then: ${startAgain}` : upAgain;
  if (setting) {
    await setConfig(["--stack", stack.name], setting);
  }
  if (stop) {
    await onEveryNode(stack, "cluster/stop", { next: startAgain });
  }
  const code = await up([...upOptions(rotation, stack), "--yes", "--skip-preview"]);
  if (code !== 0) {
    throw new Failure(`smt-ha: rotate ${what} not finished`, {
      cause: `'pulumi up' ended with exit code ${code}, and said what stands above`,
      fix: "remove the cause that it names, then go on with the same new one",
      next,
    });
  }
  if (stop) {
    await onEveryNode(stack, "cluster/start", { next: startAgain });
  }
}

/** Runs a step on all nodes at the same time, to the end of each. */
function onEveryNode(stack: Stack, step: string, more: { readonly next: string }): Promise<void> {
  return unlessInterrupted(`smt-ha: step ${step} interrupted; what ran on a node may still run`, more, (signal) =>
    withSsh(stack.nodes, async (ssh: Ssh) => {
      const ended = await Promise.allSettled(stack.nodes.map((node) => runStep(ssh, node, step, { signal })));
      const failed = ended.flatMap((end) => (end.status === "rejected" ? [end.reason as unknown] : []));
      const [first] = failed;
      if (failed.length > 0) {
        throw first instanceof Failure
          ? new Failure(failed.map((reason) => (reason as Error).message).join("\n"), more)
          : first;
      }
    }),
  );
}

/** Does work that the first signal ends, with this failure. Pulumi gets its signals itself. */
async function unlessInterrupted<T>(
  message: string,
  more: { readonly next?: string },
  work: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const { signal, forget } = interruption();
  try {
    const result = await work(signal);
    signal.throwIfAborted();
    return result;
  } catch (error) {
    throw signal.aborted ? new Failure(message, more) : error;
  } finally {
    forget();
  }
}
