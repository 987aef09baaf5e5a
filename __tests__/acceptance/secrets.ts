import { must, runWith } from "./lab";

/** The stack's state, with its secrets in plain text. */
const state = (): unknown => JSON.parse(must("sh", "-c", "lab/stack dev stack export --show-secrets 2>/dev/null"));

/** Every value that the stack keeps encrypted. */
export function secrets(): string[] {
  const found = new Set<string>();
  const collect = (value: unknown): void => {
    if (typeof value !== "object" || value === null) {
      return;
    }
    if ("plaintext" in value) {
      const text: unknown = JSON.parse(String(value.plaintext));
      // A step's input can hold a secret among much that is none: the generated values themselves are in the state as well.
      if (typeof text === "string" && !text.includes("\n")) {
        found.add(text);
      }
    }
    Object.values(value).forEach(collect);
  };
  collect(state());
  return [...found].filter((text) => text.length > 7);
}

/** The value that the stack has generated under a name. */
export function generated(name: string): string {
  const { deployment } = state() as {
    deployment: { resources: { urn: string; outputs?: { result?: { plaintext: string } } }[] };
  };
  const resource = deployment.resources.find(({ urn }) => urn.endsWith(`::${name}`));
  return JSON.parse(resource?.outputs?.result?.plaintext ?? '""') as string;
}

/** Whether a password is hacluster's on a node. Perl's getpwnam gives root the hash of the shadow file. */
export function isPassword(node: string, password: string): boolean {
  const check = "perl -e '($p = <STDIN>) =~ s/\\n//; $h = (getpwnam q(hacluster))[1]; exit(crypt($p, $h) ne $h)'";
  const { code } = runWith(password, "lab/ssh", node, check);
  // Anything else is no answer.
  expect([0, 1]).toContain(code);
  return code === 0;
}
