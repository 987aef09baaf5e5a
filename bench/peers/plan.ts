/** What `pulumi config --json --show-secrets` prints, as far as it is read here. */
export type Config = Readonly<Record<string, { readonly value: string }>>;

/** A command of the program on a node. */
export interface Operation {
  /** The resource's name, such as `node1-cluster-join`. */
  readonly name: string;
  readonly node: string;
  readonly command: string;
  /** May be a secret. */
  readonly stdin: string;
}

/** A node as the configuration has it. */
export interface ConfiguredNode {
  readonly name: string;
  readonly address: string;
  readonly role: string;
}

export const nodesIn = (config: Config): readonly ConfiguredNode[] =>
  JSON.parse(config["smt-ha:nodes"]?.value ?? "[]") as ConfiguredNode[];

/** A text that stands for what only a run can know, and the expression by which a playbook has it. */
export interface Placeholder {
  readonly text: string;
  readonly expression: string;
}

/** The program's commands, with placeholders in place of results. */
export interface AbstractProgram {
  readonly operations: readonly Operation[];
  readonly placeholders: readonly Placeholder[];
}

/** A playbook's name for a command's result. */
export const variable = (name: string): string => name.replaceAll("-", "_");
