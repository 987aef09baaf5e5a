import * as fs from "fs";
import * as path from "path";
import { parse } from "yaml";

interface Key {
  readonly type?: string;
  readonly secret?: boolean;
  readonly default?: unknown;
  readonly description: string;
}

const read = (file: string): string => fs.readFileSync(path.join(__dirname, "../..", file), "utf8");

/** A row of the README's table of configuration keys. */
function row(name: string, key: Key): string {
  const type = key.secret ? "string, secret" : key.type;
  const fallback =
    key.default === undefined ? "required" : key.default === "" ? "empty" : `\`${JSON.stringify(key.default)}\``;
  return `| \`${name}\` | ${type} | ${fallback.replace(/"/g, "")} | ${key.description.trim()} |`;
}

test("the README's table of configuration keys is that of Pulumi.yaml", () => {
  const { config } = parse(read("Pulumi.yaml")) as { config: Record<string, Key> };
  const table = read("README.md")
    .split("\n")
    .filter((line) => /^\| `\w+` \| (string|integer|boolean|array)/.test(line));
  expect(table).toEqual(Object.entries(config).map(([name, key]) => row(name, key)));
});
