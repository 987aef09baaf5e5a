import * as fs from "fs";
import * as path from "path";
import { parse } from "yaml";

interface ConfigKey {
  readonly type?: string;
  readonly description?: string;
  readonly default?: string | number | boolean | readonly unknown[];
  readonly secret?: boolean;
}

const readYaml = (file: string): unknown => parse(fs.readFileSync(path.join(__dirname, "../..", file), "utf8"));

/** What Pulumi.yaml says of the project's own keys, without their namespace. */
export const schema = (readYaml("Pulumi.yaml") as { config: Record<string, ConfigKey> }).config;

/** The text by which Pulumi hands a value to the program. */
const text = (value: unknown): string => (typeof value === "string" ? value : JSON.stringify(value));

/** A stack's configuration as the program gets it: the file's values, then Pulumi.yaml's defaults. */
export function stackValues(stack: string, secrets: Readonly<Record<string, string>>): Record<string, string> {
  const { config } = readYaml(`Pulumi.${stack}.yaml`) as { config: Record<string, unknown> };
  const defaults = Object.entries(schema)
    .filter(([, key]) => key.default !== undefined)
    .map(([name, key]): [string, unknown] => [`smt-ha:${name}`, key.default]);
  const values = Object.entries({ ...Object.fromEntries(defaults), ...config, ...secrets });
  return Object.fromEntries(values.map(([name, value]) => [name, text(value)]));
}

/** What stands for the encrypted values of the lab's stacks. */
export const labSecrets = {
  "smt-ha:chapSecret": "chap-hush",
  "smt-ha:nuPassword": "nu-hush",
  "vsphere:password": "vcenter-hush",
};

/** The lab's stack. */
export const labStack = stackValues("dev", labSecrets);
