import * as fs from "fs";
import * as os from "os";
import * as path from "path";
import { Failure } from "../../cli/failure";
import { readStackFrom, type Stack, type StackSource } from "../../cli/stack";
import { markOf } from "../../components/stepCommand";
import { labStack } from "../support/stack";

const directory = fs.mkdtempSync(path.join(os.tmpdir(), "smt-ha-"));
const keyFile = (name: string): string => {
  const file = path.join(directory, name);
  fs.writeFileSync(file, keyOf(name));
  return file;
};
const keyOf = (name: string): string => `-----BEGIN OPENSSH PRIVATE KEY-----\n${name}-hush\n-----END`;
afterAll(() => fs.rmSync(directory, { recursive: true }));

const nodes = {
  // Pulumi sorts outputs by name.
  node1: { role: "smt", address: "192.0.2.11", hostKey: "ssh-ed25519 AAAA1" },
  node2: { role: "smt", address: "192.0.2.12", hostKey: "ssh-ed25519 AAAA2" },
  node3: { role: "director", address: "192.0.2.13", hostKey: "ssh-ed25519 AAAA3" },
};

interface Changes {
  readonly selected?: string;
  readonly config?: Readonly<Record<string, string>>;
  readonly outputs?: Readonly<Record<string, object>>;
  readonly commands?: readonly object[];
}

const urn = (type: string, name: string): string => `urn:pulumi:dev::smt-ha::${type}::${name}`;
const stackResource = (outputs: object): object => ({
  urn: urn("pulumi:pulumi:Stack", "smt-ha-dev"),
  type: "pulumi:pulumi:Stack",
  outputs,
});
const command = (name: string, create: unknown, stdin?: unknown): object => ({
  urn: urn("smt-ha:host:RemoteHost$command:remote:Command", name),
  type: "command:remote:Command",
  inputs: { create, ...(stdin !== undefined && { stdin }) },
});

/** Reads a stack of the lab, as Pulumi would show it. */
function read({ selected, config = {}, outputs = { nodes }, commands = [] }: Changes, name?: string): Promise<Stack> {
  const values = { ...labStack, "smt-ha:sshPrivateKeyFile": keyFile("shared"), ...config };
  const source: StackSource = {
    projectSettings: () => Promise.resolve({ name: "smt-ha", runtime: "nodejs" }),
    stack: () => Promise.resolve(selected ? { name: selected, current: true } : undefined),
    getAllConfig: () =>
      Promise.resolve(Object.fromEntries(Object.entries(values).map(([key, value]) => [key, { value }]))),
    exportStack: () =>
      Promise.resolve({ version: 3, deployment: { resources: [stackResource(outputs), ...commands] } }),
  };
  return readStackFrom(source, name);
}

const failureOf = async (changes: Changes, name?: string): Promise<string> => {
  const error: unknown = await read(changes, name).catch((reason: unknown) => reason);
  return error instanceof Failure ? error.message : `no failure, but ${String(error)}`;
};

test("nodes come in the configuration's order, each with its own settings or those of all", async () => {
  const configured = [
    { name: "node3", address: "192.0.2.13", role: "director", sshUser: "deploy", sshPort: 2222 },
    { name: "node1", address: "192.0.2.11", role: "smt", sshPrivateKeyFile: keyFile("own") },
    { name: "node2", address: "192.0.2.12", role: "smt" },
  ];
  const { name, nodes: found } = await read({
    selected: "prod",
    config: { "smt-ha:nodes": JSON.stringify(configured) },
  });
  expect(name).toBe("prod");
  expect(found).toEqual([
    {
      name: "node3",
      role: "director",
      address: "192.0.2.13",
      hostKey: "ssh-ed25519 AAAA3",
      user: "deploy",
      port: 2222,
      privateKey: keyOf("shared"),
      steps: {},
    },
    {
      name: "node1",
      role: "smt",
      address: "192.0.2.11",
      hostKey: "ssh-ed25519 AAAA1",
      user: "root",
      port: 22,
      privateKey: keyOf("own"),
      steps: {},
    },
    {
      name: "node2",
      role: "smt",
      address: "192.0.2.12",
      hostKey: "ssh-ed25519 AAAA2",
      user: "root",
      port: 22,
      privateKey: keyOf("shared"),
      steps: {},
    },
  ]);
});

test("a node's steps come from the state, with the marks that the node has if they ran last", async () => {
  const secret = (text: string): object => ({
    "4dabf18193072939515e22adb298388d": "1",
    plaintext: JSON.stringify(text),
  });
  const time = "smt-ha node/time --servers 'a b' --rev 1a2b";
  const seed = "smt-ha database/seed --peer 192.0.2.12 --rev 1a2b";
  const commands = [
    command("node1-node-time", time),
    command("node1-database-seed", `sudo -n ${seed}`, secret("@@ password\nhush\n")),
    command("node1-cluster-configure-LVS", secret("smt-ha cluster/configure --part LVS --rev 1a2b"), "@@ crm\ngroup\n"),
    command("node12-node-time", time),
    command("node1-install", "bash smt-ha-files-1a2b/files/install debian12"),
    { ...command("node1-node-hosts", "smt-ha node/hosts"), type: "other" },
  ];
  const { nodes: found } = await read({ commands }, "dev");
  expect(found.map(({ steps }) => steps)).toEqual([
    {
      "node-time": markOf(time, ""),
      "database-seed": markOf(seed, "@@ password\nhush\n"),
      "cluster-configure-LVS": markOf("smt-ha cluster/configure --part LVS --rev 1a2b", "@@ crm\ngroup\n"),
    },
    {},
    {},
  ]);
});

test("a named stack is read, whichever is selected", async () => {
  expect((await read({ selected: "prod" }, "dev")).name).toBe("dev");
});

test("what does not lead to a node may be wrong in the configuration", async () => {
  const { nodes: found } = await read({ config: { "smt-ha:caCertificateFile": "/gone", "smt-ha:portal": "?" } }, "dev");
  expect(found).toHaveLength(3);
});

test("without a stack, the failure says how to name one", async () => {
  expect(await failureOf({})).toMatch(/^smt-ha: no stack read\n {2}cause: none is selected\n {2}fix: .*--stack STACK/);
});

test("a stack that no up has finished is refused", async () => {
  expect(await failureOf({ outputs: {} }, "dev")).toBe(`smt-ha: stack dev not read
  cause: it has no nodes yet: no up has reached its end
  fix:   bring the stack to what its configuration says: pulumi up --stack dev`);
});

test("a configuration that up has not brought to the stack yet is refused", async () => {
  const { node3, ...others } = nodes;
  const outputs = { nodes: { ...others, node2: { ...nodes.node2, address: "192.0.2.22" }, node4: node3 } };
  expect(await failureOf({ outputs }, "dev")).toContain(
    "cause: its last up and its configuration differ in: node4, node2, node3\n",
  );
});
