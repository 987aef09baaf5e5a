import { closest } from "fastest-levenshtein";
import { isPlainName, renameCommand, removeCommand, type Problems } from "./problems";
import type { Checked, Key, Rule } from "./rules";

/** The values of all keys. Items of lists are parsed; objects in lists stay as they are. */
export function readValues<K extends Readonly<Record<string, Key>>>(keys: K, problems: Problems): Checked<K> {
  const read = (name: string, key: Key): unknown => {
    if ("schema" in key) {
      return problems.check(name, key);
    }
    const list = problems.list(name);
    const { items } = key;
    return items ? list.map((_, index) => problems.check(`${name}[${index}]`, items)) : list;
  };
  return Object.fromEntries(Object.entries(keys).map(([name, key]) => [name, read(name, key)])) as Checked<K>;
}

/** The fields of an object in a list; refuses unknown fields, and required ones that are missing. */
export function readFields<R extends Readonly<Record<string, Rule<unknown>>>>(
  key: string,
  item: unknown,
  rules: R,
  required: readonly (keyof R & string)[],
  problems: Problems,
): Checked<R> {
  if (typeof item !== "object" || item === null || Array.isArray(item)) {
    problems.refuse(key, `must be an object with ${listed(required)}`, { remove: true });
    return {};
  }
  const unknown = Object.keys(item).filter((name) => !Object.hasOwn(rules, name));
  unknown.forEach((name) => refuseUnknown(`${key}.`, name, rules, problems));
  const fields = Object.entries(rules).filter(([name]) => name in item || required.includes(name));
  return Object.fromEntries(fields.map(([name, rule]) => [name, problems.check(`${key}.${name}`, rule)])) as Checked<R>;
}

/**
 * Refuses an unknown key or field.
 *
 * @param prefix leads to the name: "" for a key, `nodes[0].` for a field
 */
export function refuseUnknown(
  prefix: string,
  name: string,
  known: Readonly<Record<string, Key | Rule<unknown>>>,
  problems: Problems,
): void {
  const nearest = closest(name, Object.keys(known));
  const target = known[nearest];
  const remove = removeCommand(prefix + name);
  // `pulumi config set` would turn a list into a text.
  const rename =
    target && "schema" in target && renameCommand(prefix + name, prefix + nearest, "secret" in target && target.secret);
  const commands = rename ? `${remove}\nor rename it: ${rename}` : remove;
  problems.refuse(prefix + name, `must be a known key; the nearest one is ${nearest}`, {
    found: "is not known",
    run: isPlainName(name) ? commands : "remove it from the stack's file, Pulumi.STACK.yaml",
  });
}

/** Names in a sentence: "name, address and role". */
const listed = (names: readonly string[]): string => names.join(", ").replace(/, ([^,]+)$/, " and $1");
