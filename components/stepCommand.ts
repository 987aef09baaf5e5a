// How a step is called. Without Pulumi, so that a test of the node-side files need not load it.

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

function quote(value: string): string {
  return /^[\w@%+=:,./-]+$/.test(value) ? value : `'${value.replace(/'/g, `'\\''`)}'`;
}
