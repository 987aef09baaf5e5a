import * as fs from "fs";
import * as path from "path";
import { parse } from "yaml";

interface ConfigKey {
  readonly type?: string;
  readonly description?: string;
  readonly default?: string | number | boolean | readonly unknown[];
  readonly secret?: boolean;
}

const readText = (file: string): string => fs.readFileSync(path.join(__dirname, "../..", file), "utf8");
const readYaml = (file: string): unknown => parse(readText(file));

/** What Pulumi.yaml says of the project's own keys, without their namespace. */
export const schema = (readYaml("Pulumi.yaml") as { config: Record<string, ConfigKey> }).config;

/** The text by which Pulumi hands a value to the program. */
const text = (value: unknown): string => (typeof value === "string" ? value : JSON.stringify(value));

/**
 * What Pulumi makes of a stack's file for the program: the file's values, then Pulumi.yaml's defaults. A key without a namespace
 * gets the project's.
 */
export function valuesOf(
  file: string,
  secrets: Readonly<Record<string, string>>,
  project = "smt-ha",
): Record<string, string> {
  const { config } = readYaml(file) as { config: Record<string, unknown> };
  const defaults = Object.entries(schema).map(([name, key]): [string, unknown] => [name, key.default]);
  const values = [...defaults, ...Object.entries({ ...config, ...secrets })];
  return Object.fromEntries(
    values.map(([name, value]) => [name.includes(":") ? name : `${project}:${name}`, text(value)]),
  );
}

/** The configuration of a stack beside Pulumi.yaml. */
export const stackValues = (stack: string, secrets: Readonly<Record<string, string>>): Record<string, string> =>
  valuesOf(`Pulumi.${stack}.yaml`, secrets);

/** The stacks to start from, by name. */
export const exampleStacks = fs
  .readdirSync(path.join(__dirname, "../../examples/stacks"))
  .map((file) => path.basename(file, ".yaml"));

/** The keys of the secrets that a stack to start from says to set. */
export const secretsOf = (example: string): string[] =>
  [...readText(`examples/stacks/${example}.yaml`).matchAll(/^# {3}pulumi config set --secret (\S+)$/gm)].map(
    ([, key]) => key,
  );

/** The configuration of a stack to start from, with its secrets set. */
export const exampleStack = (example: string, project?: string): Record<string, string> =>
  valuesOf(
    `examples/stacks/${example}.yaml`,
    Object.fromEntries(secretsOf(example).map((key) => [key, `${key.replace(/.*:/, "")}-hush`])),
    project,
  );

/** What stands for the encrypted values of the lab's stacks. */
export const labSecrets = {
  "smt-ha:chapSecret": "chap-hush",
  "smt-ha:nuPassword": "nu-hush",
  "vsphere:password": "vcenter-hush",
};

/** The lab's stack. */
export const labStack = stackValues("dev", labSecrets);
