import * as crypto from "crypto";
import * as os from "os";
import { ConfigError, loadConfig, type ConfigSource, type StackConfig } from "../../config";
import { applyCommand } from "../support/pulumiConfig";
import { labStack } from "../support/stack";

export const privateKey = "-----BEGIN OPENSSH PRIVATE KEY-----\nkey-hush\n-----END OPENSSH PRIVATE KEY-----\n";

/** The start of a key in OpenSSH's format, up to its type. */
function opensshKey(type: string): string {
  const word = (text: string): Buffer => Buffer.concat([Buffer.from([0, 0, 0, text.length]), Buffer.from(text)]);
  const key = Buffer.concat([
    Buffer.from("openssh-key-v1\0"),
    word("none"),
    word("none"),
    word(""),
    Buffer.from([0, 0, 0, 1, 0, 0, 0, 51]),
    word(type),
  ]);
  return `-----BEGIN OPENSSH PRIVATE KEY-----\n${key.toString("base64")}\n-----END OPENSSH PRIVATE KEY-----\n`;
}

const pkcs8 = (key: crypto.KeyObject): string => key.export({ type: "pkcs8", format: "pem" }).toString();

/** The files that the configuration can name. */
export const files: Record<string, string> = {
  "/keys/ed25519": opensshKey("ssh-ed25519"),
  "/keys/ed25519-pem": pkcs8(crypto.generateKeyPairSync("ed25519").privateKey),
  "/keys/rsa": opensshKey("ssh-rsa"),
  "/keys/lab": privateKey,
  "/keys/node2": privateKey.replace("key", "key2"),
  "/keys/lab.pub": "ssh-ed25519 AAAA",
  "/keys/pem-encrypted": "-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\nAAAA\n",
  "/keys/openssh-encrypted": `-----BEGIN OPENSSH PRIVATE KEY-----\n${Buffer.from("openssh-key-v1\0aes256-ctr\0bcrypt").toString("base64")}\n-----END OPENSSH PRIVATE KEY-----\n`,
  [`${os.homedir()}/.ssh/id_rsa`]: pkcs8(crypto.generateKeyPairSync("rsa", { modulusLength: 2048 }).privateKey),
};

/** A valid configuration: the lab's. */
export const good: Record<string, string> = { ...labStack, "smt-ha:sshPrivateKeyFile": "/keys/lab" };

/** What the provider needs, in its own namespace. */
export const provider: Record<string, string> = Object.fromEntries(
  Object.entries(good).filter(([key]) => key.startsWith("vsphere:")),
);

export const load = (values: Record<string, string>, source: Partial<ConfigSource> = {}): StackConfig =>
  loadConfig({
    project: "smt-ha",
    values,
    environment: {},
    readFile: (file) => {
      const content = files[file];
      if (content === undefined) {
        throw Object.assign(new Error(`no such file: ${file}`), { code: "ENOENT" });
      }
      return content;
    },
    ...source,
  });

/** The configuration's problems, or none. */
export function problemsOf(values: Record<string, string>, source?: Partial<ConfigSource>): readonly string[] {
  try {
    load(values, source);
    return [];
  } catch (error) {
    if (error instanceof ConfigError) {
      return error.problems;
    }
    throw error;
  }
}

/** Keys to change, in the project's namespace unless they have one; undefined removes a key. */
export type Change = Readonly<Record<string, unknown>>;

/** The good configuration with a change. */
export function withKeys(change: Change): Record<string, string> {
  const changed = Object.entries(change).map(([key, value]): [string, string | undefined] => [
    key.includes(":") ? key : `smt-ha:${key}`,
    typeof value === "string" || value === undefined ? value : JSON.stringify(value),
  ]);
  const isSet = (entry: [string, string | undefined]): entry is [string, string] => entry[1] !== undefined;
  return Object.fromEntries(
    Object.entries<string | undefined>({ ...good, ...Object.fromEntries(changed) }).filter(isSet),
  );
}

/** The good configuration's nodes. */
export const goodNodes = JSON.parse(good["smt-ha:nodes"] ?? "[]") as Readonly<Record<string, string | number>>[];

/** A change of some nodes' fields, by the nodes' indexes. */
export const nodeChange = (fields: Readonly<Record<number, Record<string, string | number>>>): Change => ({
  nodes: goodNodes.map((node, index) => ({ ...node, ...fields[index] })),
});

/** A problem: its key, what was found, its cause, and the command that fixes it (lines that follow are alternatives). */
export type Problem = readonly [key: string, found: string, cause: string, fix: string];

/** A change of the good configuration, and every problem that it makes. */
export type Refusal = readonly [name: string, change: Change, ...problems: Problem[]];

/** A problem as it is reported. */
const report = ([key, found, cause, fix]: Problem): string =>
  `  ${key.includes(":") ? key : `smt-ha:${key}`} ${found}\n    cause: it ${cause}\n    fix:   pulumi config ${fix}`;

/** Runs each fixing command, as a person would; again, if that reveals further problems. */
export function fix(values: Record<string, string>): { runs: number; left: readonly string[] } {
  let fixed = values;
  for (let runs = 0; ; runs++) {
    const problems = problemsOf(fixed);
    if (problems.length === 0 || runs === 3) {
      return { runs, left: problems };
    }
    fixed = problems
      .map((problem) => /\n {4}fix: {3}(.+)/.exec(problem)?.[1] ?? "")
      .reduce((current, command) => applyCommand(command, current, "typed-hush"), fixed);
  }
}

/**
 * Tests that each change is refused with exactly these problems, that their commands fix them, and that no secret shows.
 *
 * @param twice names of changes whose fixes reveal another problem
 */
export function testRefusals(refusals: readonly Refusal[], twice: readonly string[] = []): void {
  describe("refuses", () => {
    for (const [name, change, ...problems] of refusals) {
      test(name, () => {
        expect(problemsOf(withKeys(change))).toEqual(problems.map(report));
      });
    }
  });

  describe("fixes by its commands", () => {
    for (const [name, change] of refusals) {
      test(name, () => {
        expect(fix(withKeys(change))).toEqual({ runs: twice.includes(name) ? 2 : 1, left: [] });
      });
    }
  });

  test("shows no secret", () => {
    const shown = refusals.flatMap(([, change]) => problemsOf(withKeys({ ...change, chapSecretx: "hush" })));
    expect(shown.length).toBeGreaterThan(refusals.length);
    expect(shown.join("\n")).not.toContain("hush");
  });
}
