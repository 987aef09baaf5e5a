import * as fs from "fs";
import { getProject } from "@pulumi/pulumi";
import { allConfig } from "@pulumi/pulumi/runtime";

/** What the configuration is read from. */
export interface ConfigSource {
  /** The project's name, which is the namespace of its keys. */
  readonly project: string;
  /** Every key of the stack with its namespace, as text; objects and lists as JSON; secrets decrypted. */
  readonly values: Readonly<Record<string, string>>;
  /** Environment variables, which can replace the vSphere provider's keys, and name an SSH agent. */
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly readFile: (file: string) => string;
  /** The time at which certificates are checked. */
  readonly now: Date;
}

/** Completes a source: what is missing comes from Pulumi and from this process. */
export const completeSource = ({
  project = getProject(),
  values = allConfig(),
  environment = process.env,
  readFile = (file) => fs.readFileSync(file, "utf8"),
  now = new Date(),
}: Partial<ConfigSource>): ConfigSource => ({ project, values, environment, readFile, now });
