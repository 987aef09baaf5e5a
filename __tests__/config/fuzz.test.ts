import fc from "fast-check";
import { keys } from "../../config/keys";
import type { Key } from "../../config/rules";
import { applyCommand } from "../support/pulumiConfig";
import { runProgram } from "../support/program";
import { labStack } from "../support/stack";
import { changed, changesOf, valid, type Changes, type Texts } from "./arbitraries";
import { files, load, problemsOf } from "./fixtures";
import { pkiFiles } from "./pki";
import { misplaced } from "./rendered";

Object.assign(files, pkiFiles);

/**
 * The same configurations in each run. A failure shows seed and path, which repeat it alone; without `endOnFailure`, fast-check
 * also looks for the smallest one that fails, which takes minutes.
 */
const settings = { seed: 20260101, numRuns: 1000, endOnFailure: true };

const changedConfigs = fc
  .tuple(valid, valid)
  .chain(([base, other]) => fc.tuple(fc.constant(base), changesOf(base, other)));

const secrets = Object.entries<Key>(keys).flatMap(([name, key]) =>
  "secret" in key && key.secret ? [`smt-ha:${name}`] : [],
);

/** A problem's key, cause and first fix; undefined if it lacks one, is long, or has what can't be seen. */
function parse(problem: string): { key: string; cause: string; fix: string } | undefined {
  const [, key = "", cause = "", fix = ""] =
    /^ {2}("(?:[^"\\]|\\.)*"|\S+) (?:is|has) .*\n {4}cause: it (.+)\n {4}fix: {3}(.+)(?:\n {11}or .+)?$/.exec(
      problem,
    ) ?? [];
  const readable = problem.length < 1000 && !/[^\P{Cc}\n]|[\p{Cf}\p{Zl}\p{Zp}]/u.test(problem);
  return fix && readable ? { key: key.startsWith('"') ? (JSON.parse(key) as string) : key, cause, fix } : undefined;
}

/** What causes say of a key, if not its name or its value. */
const paraphrases: Readonly<Record<string, RegExp>> = {
  nodes: /\b[Nn]ode|the name of/,
  prefixLength: /the subnet/,
  serviceName: /among its names/,
  formerServiceNames: /among its names/,
};

/** The changed keys that a problem is about: its own, or else those that its cause speaks of. */
function blamed({ key, cause }: { key: string; cause: string }, differing: readonly string[], values: Texts): string[] {
  const own = differing.filter((name) => key === name || key.startsWith(`${name}.`) || key.startsWith(`${name}[`));
  const speaksOf = (name: string): boolean => {
    const [short, value] = [name.replace(/^.*:/, ""), values[name]];
    const words = Object.hasOwn(paraphrases, short) ? paraphrases[short] : undefined;
    return (
      Object.hasOwn(keys, short) &&
      (cause.includes(short) || words?.test(cause) || Boolean(value && cause.includes(value)))
    );
  };
  return own.length > 0 ? own : differing.filter(speaksOf);
}

/**
 * What is wrong with how a changed configuration is taken: with a problem, or with the texts once it is accepted. Each
 * round puts the keys that the problems are about back to the base's values, so that no round may blame another one.
 */
function faults(base: Texts, changes: Changes): string[] {
  let values = changed(base, changes);
  for (;;) {
    const problems = problemsOf(values);
    if (problems.length === 0) {
      return misplaced(load(values));
    }
    const differing = Object.keys({ ...base, ...values }).filter((key) => base[key] !== values[key]);
    const guilty = new Map<string, string | undefined>();
    let fixed = values;
    for (const problem of problems) {
      const parts = parse(problem);
      const found = parts ? blamed(parts, differing, values) : [];
      if (!parts || found.length === 0) {
        return [`${parts ? "blames what has not changed" : "can't be read"}: ${problem}`];
      }
      const shown = secrets.find((key) => isShown(values, key, problem));
      if (shown) {
        return [`shows ${shown}: ${problem}`];
      }
      if (!parts.fix.startsWith("remove it from the stack's file")) {
        // Fails if Pulumi would.
        fixed = applyCommand(parts.fix, fixed, "typed");
      }
      found.forEach((key) => guilty.set(key, base[key]));
    }
    values = changed(values, Object.fromEntries(guilty));
  }
}

/** Whether a problem shows a secret, unless another key has the same text. */
function isShown(values: Texts, key: string, problem: string): boolean {
  const secret = values[key] ?? "";
  const isOpen = Object.entries(values).some(([other, text]) => other !== key && (other + text).includes(secret));
  return secret.length > 8 && !isOpen && problem.includes(secret);
}

test("the generator knows each key, and gives it more than one value", () => {
  const samples = fc.sample(valid, { ...settings, numRuns: 100 });
  const few = Object.keys(keys).filter((key) => new Set(samples.map((values) => values[`smt-ha:${key}`])).size < 2);
  expect(few).toEqual([]);
});

test("a valid configuration is accepted", () => {
  fc.assert(
    fc.property(valid, (values) => {
      expect(misplaced(load(values))).toEqual([]);
    }),
    { ...settings, numRuns: 200 },
  );
});

test("a changed one is accepted, or refused for what has changed", () => {
  fc.assert(
    fc.property(changedConfigs, ([base, changes]) => {
      expect(faults(base, changes)).toEqual([]);
    }),
    settings,
  );
  // Some 10 seconds of a processor; more where machines of the lab run beside it.
}, 300_000);

test.each<Changes>([
  { "smt-ha:nodes": "[null, [], {}]" },
  { "smt-ha:firewallAllow": "" },
  { "smt-ha:gateway": "010.0.0.1", "smt-ha:wrong key\n": "" },
])("a refused one makes nothing: %j", async (changes) => {
  const { recording, outputs } = await runProgram(changed(labStack, changes));
  expect(String(outputs.error)).toContain("the stack's configuration has ");
  expect([recording.resources, recording.invokes]).toEqual([[], []]);
});
