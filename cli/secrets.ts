import type { Workspace } from "@pulumi/pulumi/automation";
import { askPulumi, type Stack } from "./stack";
import { textOf } from "./state";

/** What is asked of Pulumi for a stack's secrets. */
export type SecretsSource = Pick<Workspace, "getAllConfig" | "exportStack">;

/**
 * The values that a stack keeps secret: those of its configuration, those that it has generated, and its private keys.
 *
 * @param directory the project's directory
 */
export const readSecrets = (stack: Stack, directory: string): Promise<string[]> =>
  askPulumi(stack.name, directory, (workspace) => readSecretsFrom(workspace, stack));

/** As readSecrets, but from any source. */
export async function readSecretsFrom(source: SecretsSource, { name, nodes }: Stack): Promise<string[]> {
  const config = await source.getAllConfig(name);
  const { deployment } = (await source.exportStack(name)) as { deployment: unknown };
  return [
    ...Object.values(config).flatMap(({ value, secret }) => (secret ? [value] : [])),
    ...encrypted(deployment),
    ...nodes.map(({ privateKey }) => privateKey),
  ];
}

/**
 * The texts of a state that are encrypted outside of it. An object is none: it has a secret beside what is none, such as a
 * connection's address beside its key. What a step prints holds no secret, though Pulumi takes it for one.
 */
function encrypted(part: unknown): string[] {
  if (typeof part !== "object" || part === null) {
    return [];
  }
  if ("plaintext" in part) {
    return [textOf(part)].filter(Boolean);
  }
  return Object.entries(part).flatMap(([name, value]) => (/^std(out|err)$/.test(name) ? [] : encrypted(value)));
}

/** A shorter text could be any word. */
const shortest = 6;
const removed = "[removed]";

/** What takes these secrets out of a text, also where the text has them escaped. */
export function remover(secrets: readonly string[]): (text: string) => string {
  const values = [...new Set(secrets.flatMap(partsOf).flatMap(formsOf))]
    .filter(({ length }) => length >= shortest)
    // One may be a part of another.
    .sort((one, other) => other.length - one.length);
  return (text) => values.reduce((rest, value) => rest.replaceAll(value, removed), text);
}

/** A text of several lines is a file that may have much beside its secrets, which are known by themselves; but for a key. */
function partsOf(secret: string): string[] {
  const text = secret.trim();
  if (!text.includes("\n")) {
    return [text];
  }
  const keys = text.match(/-----BEGIN [A-Z ]*PRIVATE KEY-----[^]*?(-----END|$)/g) ?? [];
  return keys.flatMap((key) => key.split("\n").filter((line) => /^[\w+/=]{20,}$/.test(line)));
}

/** The text as it is, and as JSON, XML and URLs have it. */
const formsOf = (text: string): string[] => [
  text,
  JSON.stringify(text).slice(1, -1),
  text
    .replace(/&/g, "&amp;")
    .replace(/</g, "&lt;")
    .replace(/>/g, "&gt;")
    .replace(/"/g, "&quot;")
    .replace(/'/g, "&#39;"),
  encodeURIComponent(text),
];
