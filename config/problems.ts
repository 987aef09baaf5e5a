import { RunError } from "@pulumi/pulumi";
import type { ConfigSource } from "./source";
import type { Rule } from "./rules";

/** Every problem of a configuration, in the order of the checks. Pulumi shows a RunError without a stack trace. */
export class ConfigError extends RunError {
  constructor(readonly problems: readonly string[]) {
    super(
      `the stack's configuration has ${problems.length} problem${problems.length === 1 ? "" : "s"}:\n\n${problems.join("\n\n")}\n`,
    );
    this.name = "ConfigError";
  }
}

/** How a problem is fixed, if not by setting the key to its rule's example. */
interface Fix {
  /** Sets the key to this value, a word of the shell. */
  readonly set?: string;
  /** Removes the key. */
  readonly remove?: true;
  /** Runs these commands; each line is an alternative. */
  readonly run?: string;
  /** What is wrong, if not the value: follows the key's name. */
  readonly found?: string;
}

/**
 * Reads a stack's values and collects what is wrong with them.
 *
 * Keys are named as in `pulumi config set`: `virtualIp`, `nodes[1].address`, or with another project's namespace,
 * `vsphere:user`.
 */
export class Problems {
  private readonly texts: string[] = [];
  /** Those whose fix removes an item of a list. */
  private readonly removals: { readonly key: string; readonly text: string }[] = [];
  private readonly refused = new Set<string>();
  /** The rule that each key has been checked by. */
  private readonly rules = new Map<string, Rule<unknown>>();

  constructor(private readonly source: Pick<ConfigSource, "project" | "values">) {}

  /** A value as text, objects and lists as JSON; undefined if the stack has none. */
  textOf(key: string): string | undefined {
    const [name = "", ...steps] = key.split(/[.[\]]+/).filter(Boolean);
    const value = this.source.values[this.fullName(name)];
    return value === undefined || steps.length === 0 ? value : toText(descend(JSON.parse(value), steps));
  }

  isSet(key: string): boolean {
    return Boolean(this.textOf(key));
  }

  /** Whether the key has been refused itself: its parts don't count. */
  isRefused(key: string): boolean {
    return this.refused.has(key);
  }

  /** Whether the key is empty on purpose, as by its default. A key without any value has been refused already. */
  isEmpty(key: string): boolean {
    return this.textOf(key) === "";
  }

  /** A key's parsed value; undefined, and refused, if the key breaks the rule. */
  check<T>(key: string, rule: Rule<T>): T | undefined {
    this.rules.set(key, rule);
    const value = this.textOf(key);
    const result = value === undefined ? undefined : rule.schema.safeParse(value);
    if (!result?.success) {
      this.refuse(key, `must be ${rule.must}`);
    }
    return result?.data;
  }

  /** A key's list; empty, and refused, if its value is none. */
  list(key: string): readonly unknown[] {
    try {
      const list: unknown = JSON.parse(this.textOf(key) ?? "[]");
      if (Array.isArray(list)) {
        return list;
      }
    } catch {
      // Refused below, like any other value that is no list.
    }
    this.refuse(key, "must be a list", { remove: true });
    return [];
  }

  /** Refuses each key that is empty, if another one is set. */
  requireTogether(keys: readonly string[]): void {
    const present = keys.filter((key) => this.isSet(key));
    for (const key of keys.filter((other) => this.isEmpty(other))) {
      if (present.length > 0) {
        this.refuse(key, `must be set together with ${present.join(" and ")}`);
      }
    }
  }

  /**
   * Adds a problem.
   *
   * @param cause completes "it …"
   */
  refuse(key: string, cause: string, { set, remove, run, found = this.shown(key) }: Fix = {}): void {
    const rule = this.rules.get(key);
    const fix = run ?? (remove ? removeCommand(key) : setCommand(key, set ?? rule?.example, rule?.secret));
    const name = this.fullName(key);
    const text = report(`${/^[\w:[\].-]{1,100}$/.test(name) ? name : visible(name)} ${found}`, cause, fix);
    if (remove && key.endsWith("]")) {
      this.removals.push({ key, text });
    } else {
      this.texts.push(text);
    }
    this.refused.add(key);
  }

  /**
   * Adds a problem of an environment variable. It is fixed by unsetting the variable.
   *
   * @param cause completes "it …"
   */
  refuseVariable(name: string, value: string, cause: string): void {
    this.texts.push(report(`${name} is ${visible(value)}`, cause, `unset ${name}`));
  }

  /**
   * Ends the checks.
   *
   * @throws ConfigError with all problems, if there are any
   */
  throwIfAny(): void {
    // From the last item to the first: each command moves the items behind its own.
    const removals = this.removals.sort((one, other) => other.key.localeCompare(one.key, "en", { numeric: true }));
    const all = [...this.texts, ...removals.map(({ text }) => text)];
    if (all.length > 0) {
      throw new ConfigError(all);
    }
  }

  private fullName(key: string): string {
    return /^[\w-]+:/.test(key) ? key : `${this.source.project}:${key}`;
  }

  private shown(key: string): string {
    const value = this.textOf(key);
    if (!value) {
      return "is not set";
    }
    // The text of a private key instead of its path.
    const hidden = this.rules.get(key)?.secret || value.includes("PRIVATE KEY");
    return hidden ? "is not valid" : `is ${visible(value)}`;
  }
}

const report = (what: string, cause: string, fix: string): string =>
  `  ${what}\n    cause: it ${cause}\n    fix:   ${fix.replace(/\n/g, "\n           ")}`;

/** The command that sets a key; without a value, Pulumi asks for it. */
export const setCommand = (key: string, value = "", isSecret = false): string =>
  ["pulumi config set", isSecret && "--secret", argument(key), value].filter(Boolean).join(" ");

export const removeCommand = (key: string): string => `pulumi config rm ${argument(key)}`;

/** The command that gives a key's value to another key, without showing it. */
export const renameCommand = (from: string, to: string, isSecret = false): string =>
  `${setCommand(to, `"$(pulumi config get ${argument(from)})"`, isSecret)} && ${removeCommand(from)}`;

/** Whether a key or a field can be a part of a command: any other would have to be quoted, for the shell and in a path. */
export const isPlainName = (name: string): boolean => /^\w[\w-]{0,63}$/.test(name);

/** A key as the Pulumi CLI takes it: one that leads into a list or an object needs a flag. */
const argument = (key: string): string => (/[.[]/.test(key) ? `--path '${key}'` : key);

/** A text in quotes on one line, with what can't be seen as its code; a long one is cut. */
function visible(text: string): string {
  const shown = text.length > 200 ? `${text.slice(0, 200)}…` : text;
  const code = (unit: string): string => `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`;
  return JSON.stringify(shown).replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]|(?! )\p{Zs}/gu, (character) =>
    character.split("").map(code).join(""),
  );
}

/** Like Pulumi, takes null for no value, such as that of `role:` without anything behind it. */
const toText = (value: unknown): string | undefined =>
  typeof value === "string" || value === null ? (value ?? undefined) : JSON.stringify(value);

/** What names and indexes lead to in a JSON value. */
const descend = (value: unknown, steps: readonly string[]): unknown =>
  steps.reduce<unknown>((inner, step) => (inner as Record<string, unknown> | null | undefined)?.[step], value);
