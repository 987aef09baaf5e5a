import { CommandError, LocalWorkspace, StackNotFoundError, type Workspace } from "@pulumi/pulumi/automation";
import type { Role } from "../components/clusterNode";
import { markOf } from "../components/stepCommand";
import { ConfigError, loadNodes } from "../config";
import { Failure } from "./failure";
import { nameOf, outputsOf, textOf, type ExportedState, type ResourceState } from "./state";

/** What the commands know of a stack. */
export interface Stack {
  readonly name: string;
  /** In the order of the configuration. */
  readonly nodes: readonly StackNode[];
}

/** A node that the last `up` made, and how to reach it. */
export interface StackNode {
  readonly name: string;
  readonly role: Role;
  /** IPv4 address. */
  readonly address: string;
  /** `ssh-ed25519 AAAA…` */
  readonly hostKey: string;
  readonly user: string;
  readonly port: number;
  /** A secret, in OpenSSH or PEM format. */
  readonly privateKey: string;
  /** What the node ran with last as far as the stack's state knows: the marks of its steps, by name. */
  readonly steps: Readonly<Record<string, string>>;
}

/** What the commands ask of Pulumi. Nothing of it changes which stack is selected. */
export type StackSource = Pick<Workspace, "projectSettings" | "stack" | "getAllConfig" | "exportStack">;

/**
 * Reads a stack's nodes from its state, and how to reach them from its configuration.
 *
 * @param name the stack; undefined for the selected one
 * @param directory the project's directory
 */
export const readStack = (name: string | undefined, directory: string): Promise<Stack> =>
  askPulumi(name, directory, (workspace) => readStackFrom(workspace, name));

/** Asks Pulumi about a stack; its refusals become failures. */
export async function askPulumi<T>(
  name: string | undefined,
  directory: string,
  ask: (workspace: Workspace) => Promise<T>,
): Promise<T> {
  try {
    return await ask(await LocalWorkspace.create({ workDir: directory }));
  } catch (error) {
    throw error instanceof CommandError
      ? pulumiFailure(error, name)
      : error instanceof ConfigError
        ? new Failure(error.message, {})
        : error;
  }
}

/** As readStack, but from any source. */
export async function readStackFrom(source: StackSource, given: string | undefined): Promise<Stack> {
  const name = given ?? (await source.stack())?.name;
  if (!name) {
    throw new Failure("smt-ha: no stack read", {
      cause: "none is selected",
      fix: "add --stack STACK, or select one: pulumi stack select STACK",
    });
  }
  const { name: project } = await source.projectSettings();
  const config = await source.getAllConfig(name);
  const values = Object.fromEntries(Object.entries(config).map(([key, { value }]) => [key, value]));
  const configured = loadNodes({ project, values });

  const state = (await source.exportStack(name)) as ExportedState;
  const resources = state.deployment.resources ?? [];
  const made = (outputsOf(state)?.nodes ?? {}) as Readonly<Record<string, Pick<StackNode, "address" | "hostKey">>>;
  const names = Object.keys(made);
  const differing = [
    ...names.filter((node) => !configured.some((other) => other.name === node)),
    ...configured.filter((node) => made[node.name]?.address !== node.address).map((node) => node.name),
  ];
  if (differing.length > 0) {
    throw new Failure(`smt-ha: stack ${name} not read`, {
      cause:
        names.length === 0
          ? "it has no nodes yet: no up has reached its end"
          : `its last up and its configuration differ in: ${differing.join(", ")}`,
      fix: `bring the stack to what its configuration says: pulumi up --stack ${name}`,
    });
  }
  return {
    name,
    nodes: configured.flatMap((node) => {
      const facts = made[node.name];
      const { name, role, ssh } = node;
      const { user, port, privateKey } = ssh;
      const steps = marksOf(name, resources);
      return facts ? { name, role, address: facts.address, hostKey: facts.hostKey, user, port, privateKey, steps } : [];
    }),
  };
}

/** The marks that a node has if the state is true: by the names of its steps without the node's. */
function marksOf(node: string, resources: readonly ResourceState[]): Record<string, string> {
  const marks = resources.flatMap(({ urn, type, inputs = {} }) => {
    const [, line, step] = /^(?:sudo -n )?(smt-ha (\S+).*)$/s.exec(textOf(inputs.create)) ?? [];
    const resource = nameOf(urn);
    const name = resource.slice(node.length + 1);
    const isOfNode = step && `${resource}-`.startsWith(`${node}-${step.replace("/", "-")}-`);
    return line && isOfNode && type === "command:remote:Command"
      ? [[name, markOf(line, textOf(inputs.stdin))] as const]
      : [];
  });
  return Object.fromEntries(marks);
}

/** What Pulumi says of a command that failed, without the output of the command. */
function pulumiFailure(error: CommandError, name?: string): Failure {
  const said = new Set(error.message.match(/(?<=\berror: ).*/g));
  return new Failure(`smt-ha: ${name ? `stack ${name}` : "the selected stack"} not read`, {
    cause: error.message.includes("ENOENT: pulumi") ? "pulumi is not in the PATH" : [...said].join("\n"),
    fix:
      error instanceof StackNotFoundError
        ? "name one of those that 'pulumi stack ls' lists"
        : "give this command what 'pulumi up' needs: pulumi in the PATH, its backend (pulumi login) and its passphrase (PULUMI_CONFIG_PASSPHRASE)",
  });
}
