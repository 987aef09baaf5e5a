import * as net from "net";
import { z } from "zod";

/** What the text of a value must be. `pulumi config set` takes every value as text. */
export interface Rule<T> {
  /** Parses the text. */
  readonly schema: z.ZodType<T, string>;
  /** The value's type in Pulumi.yaml. */
  readonly type: "string" | "integer" | "boolean";
  /** Completes "must be …". */
  readonly must: string;
  /** A valid value, as a word of the shell, for the command that fixes the key; empty if Pulumi asks for the value. */
  readonly example: string;
  readonly secret?: true;
}

/** What documents a key. A key without a default is required. */
interface Documented {
  readonly default?: string | number | boolean | readonly never[];
  /** For Pulumi.yaml and docs/configuration.md: unit, meaning of the default, consequences. */
  readonly description: string;
}

/** A key of the configuration: one value, a list of values, or a list of objects with fields. */
export type Key = Documented &
  (
    | Rule<unknown>
    | { readonly items: Rule<unknown> }
    | { readonly fields: Readonly<Record<string, Rule<unknown>>>; readonly items?: never }
  );

/** Keys of one subject, under a heading of Pulumi.yaml and docs/configuration.md. */
export interface Group {
  readonly heading: string;
  /** A sentence below the heading. */
  readonly note?: string;
  readonly keys: Readonly<Record<string, Key>>;
}

/** The type of a key's value; objects in a list are read by the module that declares their fields. */
type ValueOf<K> = K extends { readonly schema: z.ZodType<infer T, string> }
  ? T
  : K extends { readonly items: { readonly schema: z.ZodType<infer T, string> } }
    ? readonly T[]
    : readonly unknown[];

/** The values of valid keys. */
export type Values<K> = { readonly [P in keyof K]: ValueOf<K[P]> };

/** The values of keys of which some may have been refused; these are undefined, and so are such items of lists. */
export type Checked<K> = {
  readonly [P in keyof K]?: ValueOf<K[P]> extends readonly (infer T)[] ? readonly (T | undefined)[] : ValueOf<K[P]>;
};

/** One line: without control characters, but for a tab. */
const line = /^[\t\P{Cc}]+$/u;

export const text = (must: string, example: string, pattern = line): Rule<string> => ({
  schema: z.string().regex(pattern),
  type: "string",
  must,
  example,
});

/** What a line of an iSCSI record or of smt.conf can hold: both lose spaces around a value. */
export const lineOfText = (must: string, example: string): Rule<string> =>
  text(`${must}, on one line`, example, /^(?=[\t\P{Cc}]+$)\S(.*\S)?$/u);

export const oneOf = <T extends string>(...values: readonly T[]): Rule<T> => ({
  schema: z.enum(values),
  type: "string",
  must: `one of: ${values.join(", ")}`,
  example: values[0] ?? "",
});

export const integer = (min: number, max: number, example: number, unit = ""): Rule<number> => ({
  schema: z.string().regex(/^\d+$/).transform(Number).pipe(z.number().min(min).max(max)),
  type: "integer",
  must: `a whole number${unit && ` of ${unit}`} from ${min} to ${max}`,
  example: String(example),
});

export const flag = (example: boolean): Rule<boolean> => ({
  schema: z.enum(["true", "false"]).transform((value) => value === "true"),
  type: "boolean",
  must: "true or false",
  example: String(example),
});

export const ipv4Address = (example: string): Rule<string> => ({
  ...text("an IPv4 address", example),
  schema: z.string().refine(net.isIPv4),
});

/** A name that looks like an address is none: resolvers read 010.0.0.1 as 8.0.0.1. */
export const dnsName = (must: string, example: string): Rule<string> => ({
  ...text(must, example),
  schema: z
    .string()
    .max(253)
    .regex(/^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?(\.[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)*$/)
    .refine((value) => net.isIPv4(value) || /[a-z-][^.]*$/.test(value)),
});

export const iqn = (must: string, example: string): Rule<string> =>
  text(`${must}, an IQN such as ${example}`, example, /^iqn\.\d{4}-\d{2}\.[a-z0-9.-]+(:[a-z0-9.:-]+)?$/);

export const tcpPort = integer(1, 65535, 22);

/** A rule that also accepts an empty text, as unset. */
export const optional = <T>(rule: Rule<T>): Rule<T | undefined> => ({
  ...rule,
  schema: z.union([z.literal("").transform(() => undefined), rule.schema]),
});

/** A rule of a secret. No message shows the value. Pulumi asks for it, which keeps it out of the shell's history. */
export const secret = <T>(rule: Rule<T>): Rule<T> & { readonly secret: true } => ({
  ...rule,
  example: "",
  secret: true,
});
