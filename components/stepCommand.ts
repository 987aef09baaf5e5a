// How a step is called. Without Pulumi, so that a test of the node-side files need not load it.
import * as crypto from "crypto";

/** The line that runs a step, such as `smt-ha iscsi/login --lun 1 --rev 1a2b3c4d`: an administrator can type it too. */
export function commandLine(
  step: string,
  options: Readonly<Record<string, string | number>>,
  revision: string,
): string {
  const words = Object.entries({ ...options, rev: revision }).map(
    ([name, value]) => `--${name} ${quote(String(value))}`,
  );
  return ["smt-ha", step, ...words].join(" ");
}

/**
 * Renders inputs as the sections that `files/smt-ha` splits: a line `@@ NAME`, then the text.
 *
 * @throws if a text has a line that starts with `@@ `
 */
export function sections(inputs: Readonly<Record<string, string>>): string {
  return Object.entries(inputs)
    .map(([name, text]) => {
      if (/^@@ /m.test(text)) {
        throw new Error(`the text of section ${name} has a line that starts with "@@ "`);
      }
      return `@@ ${name}\n${text}${text.endsWith("\n") ? "" : "\n"}`;
    })
    .join("");
}

/** Splits sections: the result of a step that has more than one. */
export function parseSections(text: string): Record<string, string> {
  return Object.fromEntries(
    text
      .split(/^@@ /m)
      .slice(1)
      .map((section) => {
        const end = section.indexOf("\n");
        const content = section.slice(end + 1);
        return [section.slice(0, end), content.endsWith("\n") ? content : `${content}\n`];
      }),
  );
}

/**
 * What `files/smt-ha` keeps of a step that worked: 16 hexadecimal digits.
 *
 * @param line how it was called, as `commandLine` renders it
 * @param stdin what it got on its standard input
 */
export function markOf(line: string, stdin: string): string {
  const [, ...words] = (line.match(/(?:'[^']*'|\\'|[^\s'\\])+/g) ?? []).map(unquote);
  return crypto
    .createHash("sha256")
    .update([...words, stdin].join("\0"))
    .digest("hex")
    .slice(0, 16);
}

function quote(value: string): string {
  return /^[\w@%+=:,./-]+$/.test(value) ? value : `'${value.replace(/'/g, `'\\''`)}'`;
}

/** The inverse of `quote`. */
const unquote = (word: string): string =>
  word.replace(/'([^']*)'|\\(')/g, (_, text?: string, mark?: string) => text ?? mark ?? "");
