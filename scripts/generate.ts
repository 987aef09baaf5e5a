import * as fs from "fs";
import * as path from "path";
import { groups } from "../config/keys";
import type { Key } from "../config/rules";

interface Part {
  readonly file: string;
  /** The lines around the part. */
  readonly start: string;
  readonly end: string;
  readonly content: () => string;
}

/** The parts of files that are generated from the keys in config/. */
export const parts: readonly Part[] = [
  { file: "Pulumi.yaml", start: "\nconfig:\n", end: "\ntemplate:\n", content: pulumiYaml },
  { file: "docs/configuration.md", start: "<!-- keys -->\n\n", end: "\n<!-- end of keys -->\n", content: tables },
];

/**
 * A file's text with its part up to date.
 *
 * @throws Error if the text lacks the lines around the part
 */
export function update(text: string, { file, start, end, content }: Part): string {
  const from = text.indexOf(start) + start.length;
  const to = text.indexOf(end);
  if (from < start.length || to < 0) {
    throw new Error(`${file} must have ${JSON.stringify(start)} and ${JSON.stringify(end)} around its generated part`);
  }
  return text.slice(0, from) + content() + text.slice(to);
}

/** What the section `config` of Pulumi.yaml holds. */
function pulumiYaml(): string {
  const sections = groups.map(({ heading, note, keys }) =>
    [
      ...wrap(heading, "  # "),
      ...wrap(note ?? "", "  # "),
      ...Object.entries(keys).flatMap(([name, key]) => yamlOf(name, key)),
    ].join("\n"),
  );
  const origin = [
    ...wrap('Generated from config/ by "npm run generate".', "  # "),
    // Pulumi's own check would answer before the program, and would name the missing keys only.
    ...wrap(
      "A required key has an empty default, so that the program answers: it names the command that sets it.",
      "  # ",
    ),
  ].join("\n");
  return `${[origin, ...sections].join("\n\n")}\n`;
}

function yamlOf(name: string, key: Key): readonly string[] {
  const untyped = "Without a type: Pulumi would have every stack set a key that is typed and secret.";
  return [
    `  ${name}:`,
    ...(isSecret(key) ? [...wrap(untyped, "    # "), "    secret: true"] : [`    type: ${typeOf(key)}`]),
    ...("schema" in key ? [] : [`    items: { type: ${key.items?.type ?? "object"} }`]),
    `    default: ${key.default === undefined ? `${"schema" in key ? '""' : "[]"} # required` : JSON.stringify(key.default)}`,
    "    description: >-",
    ...wrap(key.description, "      "),
  ];
}

/** A table of keys under the heading of each group, in Markdown. */
function tables(): string {
  const sections = groups.map(({ heading, note, keys }) => [
    `## ${heading}`,
    ...(note ? [wrap(note, "").join("\n")] : []),
    [
      "| key | type | default | meaning |",
      "|---|---|---|---|",
      ...Object.entries(keys).map(([name, key]) => rowOf(name, key)),
    ].join("\n"),
  ]);
  return `${sections.flat().join("\n\n")}\n`;
}

function rowOf(name: string, key: Key): string {
  const value = typeof key.default === "string" ? key.default : JSON.stringify(key.default);
  const shown = value === undefined ? "required" : value === "" ? "empty" : `\`${value}\``;
  return `| \`${name}\` | ${typeOf(key)}${isSecret(key) ? ", secret" : ""} | ${shown} | ${key.description} |`;
}

function typeOf(key: Key): string {
  return "schema" in key ? key.type : "array";
}

function isSecret(key: Key): boolean {
  return "secret" in key && key.secret === true;
}

/** The lines of a text, none longer than 120 columns; none of an empty text. */
function wrap(text: string, indent: string): readonly string[] {
  const lines = text.match(new RegExp(`\\S.{0,${119 - indent.length}}(?= |$)`, "g")) ?? [];
  return lines.map((line) => `${indent}${line}`);
}

if (require.main === module) {
  for (const part of parts) {
    const file = path.join(__dirname, "..", part.file);
    fs.writeFileSync(file, update(fs.readFileSync(file, "utf8"), part));
  }
}
