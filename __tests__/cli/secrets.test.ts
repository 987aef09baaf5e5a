import { readSecretsFrom, remover, type SecretsSource } from "../../cli/secrets";
import { stackNodes } from "../support/nodeStatus";

const encrypted = (value: unknown): object => ({
  "4dabf18193072939515e22adb298388d": "1",
  plaintext: JSON.stringify(value),
});

const source: SecretsSource = {
  getAllConfig: () =>
    Promise.resolve({
      "smt-ha:chapSecret": { value: "chap-hush", secret: true },
      "smt-ha:platform": { value: "debian12" },
    }),
  exportStack: () =>
    Promise.resolve({
      version: 3,
      deployment: {
        resources: [
          { urn: "a", outputs: { result: encrypted("generated-hush"), length: 24 } },
          { urn: "b", inputs: { stdin: encrypted("@@ key\nhush\n"), connection: encrypted({ host: "192.0.2.11" }) } },
          { urn: "c", outputs: { stdout: encrypted("/dev/disk/by-path/lun-1"), stderr: encrypted("node1: done") } },
        ],
      },
    }),
};

test("a stack's secrets are those of its configuration and its state, and the keys of its nodes", async () => {
  expect(await readSecretsFrom(source, { name: "prod", nodes: stackNodes })).toEqual([
    "chap-hush",
    "generated-hush",
    "@@ key\nhush\n",
    "node1-hush\n",
    "node2-hush\n",
    "node3-hush\n",
  ]);
});

test("what a secret text of several lines has beside its keys stays", () => {
  const key = `-----BEGIN PRIVATE KEY-----\n${"k".repeat(64)}\n-----END PRIVATE KEY-----`;
  const clean = remover([`@@ certificate\n${"c".repeat(64)}\n@@ key\n${key}\n`, "one-line\n"]);
  expect(clean(`${"c".repeat(64)} ${"k".repeat(64)} one-line @@ key`)).toBe(
    `${"c".repeat(64)} [removed] [removed] @@ key`,
  );
});
