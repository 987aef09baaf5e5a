import * as fs from "fs";
import * as path from "path";
import { keys } from "../../config/keys";
import type { Key, Rule } from "../../config/rules";
import { parts, update } from "../../scripts/generate";
import { schema } from "../support/stack";

const all = Object.entries<Key>(keys);
/** Every rule by its name: those of keys, of lists' items, and of fields. */
const rules: [string, Rule<unknown>][] = all.flatMap(([name, key]): [string, Rule<unknown>][] =>
  "schema" in key
    ? [[name, key]]
    : key.items
      ? [[`${name}[]`, key.items]]
      : Object.entries(key.fields).map(([field, rule]) => [`${name}[].${field}`, rule]),
);
const accepts = (rule: Rule<unknown>, value: string): boolean => rule.schema.safeParse(value).success;
const exampleOf = (rule: Rule<unknown>): string => rule.example.replace(/'/g, "");

describe("a key", () => {
  test.each(all)("%s has a description, and a default that satisfies its rule", (_, key) => {
    expect(key.description).toMatch(/^[A-Za-z][^|\n]*\.$/);
    const { default: value } = key;
    expect("schema" in key ? value === undefined || accepts(key, String(value)) : (value ?? [])).toEqual(
      "schema" in key ? true : [],
    );
  });

  test.each(rules)("%s has an example that satisfies its rule and is of its type", (_, rule) => {
    const example = exampleOf(rule);
    expect(example === "" ? rule.secret : accepts(rule, example)).toBe(true);
    const parsed = rule.schema.parse(example);
    expect(rule.secret ? "string" : typeof parsed === "number" ? "integer" : typeof parsed).toBe(rule.type);
  });
});

describe("Pulumi.yaml", () => {
  test("has the declared keys", () => {
    expect(Object.keys(schema)).toEqual(Object.keys(keys));
  });

  // Pulumi would have every stack set a key that is typed and secret.
  test.each(all)("has a type or is secret: %s", (name, key) => {
    const secret = "secret" in key && key.secret;
    const written = schema[name];
    expect([written?.secret ?? false, written?.type]).toEqual(
      secret ? [true, undefined] : [false, "schema" in key ? key.type : "array"],
    );
  });

  // Pulumi would refuse a stack without a required key before the program can name the command that sets it.
  test.each(all)("has a default, empty if the key is required: %s", (name, key) => {
    expect(schema[name]?.default).toEqual(key.default ?? ("schema" in key ? "" : []));
  });
});

test.each(parts.map((part) => [part.file, part] as const))("%s is what 'npm run generate' writes", (file, part) => {
  const text = fs.readFileSync(path.join(__dirname, "../..", file), "utf8");
  const generated = update(text, part);
  /** The lines of each key: `  key:` and those below it in YAML, a row that starts with "| `key`" in Markdown. */
  const byKey = (whole: string): [string, string][] =>
    whole.split(/^(?= {2}\w+:$|\| `)/m).map((lines) => [/\w+/.exec(lines)?.[0] ?? "", lines]);
  const current = Object.fromEntries(byKey(text));
  const stale = byKey(generated).filter(([key, lines]) => current[key] !== lines);
  expect(stale.map(([key]) => key)).toEqual([]);
  expect(text).toBe(generated);
});
