// Stand-in for `pulumi config`, which needs a stack and its secrets provider: applies the same commands to plain values.

type Values = Readonly<Record<string, string>>;
type Json = string | number | boolean | null | Json[] | { [key: string]: Json };

/**
 * The values after a `pulumi config set`, `set-all` or `rm` command, or several of them with `&&` between. The output of a
 * `pulumi config get` may be a part of one.
 *
 * @param prompted what a person would type where the command asks for a value
 */
export function applyCommand(command: string, values: Values, prompted: string): Record<string, string> {
  return command
    .split(" && ")
    .reduce<Record<string, string>>((current, single) => applySingle(single, current, prompted), values);
}

function applySingle(command: string, values: Values, prompted: string): Record<string, string> {
  const expanded = command.replace(
    /"\$\(pulumi config get (?:--path )?('[^']+'|\S+)\)"/,
    (_, key: string) => `'${get(values, key.replace(/'/g, ""))}'`,
  );
  const [pulumi, config, verb, ...rest] = words(expanded);
  const flags = rest.filter((word) => word.startsWith("--"));
  const args = rest.filter((word) => !word.startsWith("--"));
  const [key = "", value] = args;
  const path = flags.includes("--path");
  if (pulumi !== "pulumi" || config !== "config" || flags.some((flag) => !/^--(path|secret|plaintext)$/.test(flag))) {
    throw new Error(`no command of pulumi config: ${command}`);
  }
  if (verb === "set" && (args.length === 1 || args.length === 2)) {
    return change(values, key, path, value ?? prompted);
  }
  if (verb === "set-all" && flags.includes("--plaintext")) {
    return args.reduce<Record<string, string>>((result, pair) => {
      const [, name = "", text] = /^([^=]+)=(.*)$/.exec(pair) ?? [];
      return change(result, name, path, text);
    }, values);
  }
  if (verb === "rm" && args.length === 1) {
    return change(values, key, path, undefined);
  }
  throw new Error(`no command of pulumi config: ${command}`);
}

/** The words of a shell command, without their quotes. */
function words(command: string): string[] {
  return (command.match(/(?:'[^']*'|[^\s'])+/g) ?? []).map((word) => word.replace(/'/g, ""));
}

/** A key with its namespace, which is the project unless the key has one. */
const fullKey = (key: string): string => (key.includes(":") ? key : `smt-ha:${key}`);

/** What the key leads to, as text. */
function get(values: Values, key: string): string {
  const [name = "", ...steps] = pathOf(fullKey(key));
  const text = values[name] ?? "";
  if (steps.length === 0) {
    return text;
  }
  const value = steps.reduce<unknown>((json, step) => (json as Record<string, unknown>)[step], JSON.parse(text));
  return typeof value === "string" ? value : JSON.stringify(value);
}

/** The name of a key, then what leads on into its list or object. */
const pathOf = (key: string): string[] => key.match(/[^.[\]]*:[^.[\]]+|[^.[\]]+/g) ?? [];

/** Sets what the key leads to, or removes it; as strict about paths as Pulumi is. */
function change(values: Values, givenKey: string, path: boolean, value: string | undefined): Record<string, string> {
  const key = fullKey(givenKey);
  const [name = "", ...steps] = path ? pathOf(key) : [key];
  const set = (json: Json | undefined, remaining: readonly string[]): Json | undefined => {
    if (remaining.length === 0) {
      return value;
    }
    const [step = "", ...rest] = remaining;
    const container = json ?? (/^\d+$/.test(step) ? [] : {});
    const isList = Array.isArray(container);
    if (typeof container !== "object" || container === null || isList !== /^\d+$/.test(step)) {
      throw new Error(`${key}: no list or object to change at ${step}`);
    }
    if (isList && Number(step) > container.length) {
      throw new Error(`${key}: index out of range`);
    }
    const inner = set((container as Record<string, Json>)[step], rest);
    if (isList) {
      return [
        ...container.slice(0, Number(step)),
        ...(inner === undefined ? [] : [inner]),
        ...container.slice(Number(step) + 1),
      ];
    }
    return Object.fromEntries(
      Object.entries({ ...container, [step]: inner }).filter(
        (entry): entry is [string, Json] => entry[1] !== undefined,
      ),
    );
  };
  const old = values[name];
  const result = set(steps.length > 0 && old !== undefined ? (JSON.parse(old) as Json) : old, steps);
  const others = Object.fromEntries(Object.entries(values).filter(([other]) => other !== name));
  return result === undefined
    ? others
    : { ...others, [name]: typeof result === "string" ? result : JSON.stringify(result) };
}
