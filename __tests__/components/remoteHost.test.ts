import * as path from "path";
import * as pulumi from "@pulumi/pulumi";
import { RemoteHost, RemoteHostArgs } from "../../components/remoteHost";
import { record, Recording } from "../support/recorder";

// A changed script, without changing it: the file of this name reads differently.
let mockChanged = "";
jest.mock("fs", () => {
  const actual = jest.requireActual<typeof import("fs")>("fs");
  const readFileSync = (file: string, ...rest: []): string | Buffer =>
    mockChanged && file.endsWith(mockChanged) ? Buffer.from("changed") : actual.readFileSync(file, ...rest);
  return { ...actual, readFileSync };
});
afterEach(() => (mockChanged = ""));

const hostArgs = (access: Partial<RemoteHostArgs["access"]> = {}): RemoteHostArgs => ({
  access: { address: "192.0.2.11", user: "root", port: 22, privateKey: pulumi.secret("KEY"), ...access },
  platform: "debian12",
  readyTimeout: "1m",
});
const withHost = (
  program: (host: RemoteHost) => void,
  access: Partial<RemoteHostArgs["access"]> = {},
): Promise<Recording> => record(() => program(new RemoteHost("node1", hostArgs(access))));

test("the files are put on the host once, from a path that does not depend on the checkout", async () => {
  const recording = await withHost(() => undefined);

  const { inputs, after } = recording.find("CopyToRemote node1-files");
  expect(await (inputs.source as pulumi.asset.FileArchive).path).toBe("files");
  expect(path.isAbsolute(String(inputs.remotePath))).toBe(false);
  expect(inputs.remotePath).toBe("smt-ha-files-REV");
  expect(after).toEqual(["Command node1-ready"]);
});

test("a login user other than root works through sudo", async () => {
  const recording = await withHost(
    (host) => host.step("node/time", { options: { servers: "192.0.2.1" } }, { parent: host }),
    { user: "admin", port: 2222, hostKey: "ssh-ed25519 AAAA" },
  );

  const created = recording.resources.map(({ inputs }) => inputs.create).filter(Boolean);
  expect(created).toEqual([
    "sudo -n true",
    "sudo -n bash smt-ha-files-REV/files/install debian12",
    "sudo -n smt-ha node/time --servers 192.0.2.1 --rev REV",
  ]);
  expect(recording.find("Command node1-node-time").inputs.connection).toEqual({
    secret: {
      host: "192.0.2.11",
      port: 2222,
      user: "admin",
      privateKey: "KEY",
      hostKey: "ssh-ed25519 AAAA",
      dialErrorLimit: 10,
      perDialTimeout: 15,
    },
  });
});

describe("a host's key", () => {
  test("unknown: the first connection asks for it and sends no secret; all others expect it", async () => {
    const recording = await withHost(
      (host) => host.step("node/time", { inputs: { password: pulumi.secret("hush") } }, { parent: host }),
      { user: "admin" },
    );

    const { inputs } = recording.find("Command node1-ready");
    expect(inputs).toEqual({
      connection: {
        secret: {
          host: "192.0.2.11",
          port: 22,
          user: "admin",
          privateKey: "KEY",
          dialErrorLimit: -1,
          perDialTimeout: 15,
        },
      },
      create: "sudo -n true </dev/null && bash -s",
      stdin: expect.stringContaining("ssh-keyscan") as unknown,
      addPreviousOutputInEnv: false,
      logging: "none",
    });
    expect(recording.find("Stash node1-host-key")).toMatchObject({
      inputs: { input: "ssh-ed25519 AAAA" },
      // Only a host that is made again gets another one: neither another SSH key nor another address.
      options: { deleteBeforeReplace: true, replaceWith: ["Command node1-ready"] },
    });
    const others = recording.resources.filter(
      ({ type, name }) => type.startsWith("command:") && name !== "node1-ready",
    );
    expect(others.map(({ name }) => name)).toEqual(["node1-files", "node1-install", "node1-node-time"]);
    for (const other of others) {
      expect(other.inputs.connection).toMatchObject({ secret: { hostKey: "ssh-ed25519 AAAA", dialErrorLimit: 10 } });
    }
  });

  test("known beforehand: no connection accepts another one", async () => {
    const recording = await withHost((host) => host.step("node/time", {}, { parent: host }), {
      hostKey: "ssh-ed25519 BBBB",
    });

    expect(recording.resources.filter(({ type }) => type === "pulumi:index:Stash")).toEqual([]);
    expect(recording.find("Command node1-ready").inputs).toMatchObject({ create: "true" });
    for (const { inputs } of recording.resources.filter(({ type }) => type.startsWith("command:"))) {
      expect(inputs.connection).toMatchObject({ secret: { hostKey: "ssh-ed25519 BBBB" } });
    }
  });
});

test("a step waits for the files and for what it depends on, and for nothing else", async () => {
  const recording = await record(() => {
    const [one, two] = ["node1", "node2"].map((name) => new RemoteHost(name, hostArgs()));
    const first = one.step("node/time", { label: "first" }, { parent: one });
    one.step("node/time", { label: "second" }, { parent: one });
    two.step("node/time", {}, { parent: two, dependsOn: [first] });
  });

  expect(recording.find("Command node1-node-time-first").after).toEqual(["Command node1-install"]);
  expect(recording.find("Command node1-node-time-second").after).toEqual(["Command node1-install"]);
  expect(recording.find("Command node2-node-time").after).toEqual([
    "Command node1-node-time-first",
    "Command node2-install",
  ]);
});

test("a secret input is secret, and travels on standard input alone", async () => {
  const recording = await withHost((host) =>
    host.step(
      "iscsi/login",
      { options: { portal: "192.0.2.3:3260" }, inputs: { "chap-secret": pulumi.secret("hush"), plain: "text\n" } },
      { parent: host },
    ),
  );

  const { inputs } = recording.find("Command node1-iscsi-login");
  expect(inputs.stdin).toEqual({ secret: "@@ chap-secret\nhush\n@@ plain\ntext\n" });
  expect(inputs.create).toBe("smt-ha iscsi/login --portal 192.0.2.3:3260 --rev REV");
});

test.each([
  ["steps/node/time", { copied: true, time: true, hosts: false }],
  ["steps/disk/partition", { copied: true, time: false, hosts: false }],
  ["lib/step.sh", { copied: true, time: true, hosts: true }],
  ["platform/debian12.sh", { copied: true, time: true, hosts: true }],
  ["files/smt-ha", { copied: true, time: true, hosts: true }],
  ["files/install", { copied: true, time: false, hosts: false }],
])("a changed %s re-runs exactly what runs it", async (file, expected) => {
  const revisions = async (changed: string): Promise<Record<string, unknown>> => {
    mockChanged = changed;
    const recording = await record(() => {
      const host = new RemoteHost("node1", hostArgs());
      host.step("node/time", {}, { parent: host });
      host.step("node/hosts", {}, { parent: host });
    });
    return {
      copied: recording.find("CopyToRemote node1-files").revision,
      time: recording.find("Command node1-node-time").revision,
      hosts: recording.find("Command node1-node-hosts").revision,
    };
  };

  const before = await revisions("");
  const after = await revisions(file);
  expect(before.time).toMatch(/^[0-9a-f]{8}$/);
  const changed = Object.fromEntries(Object.keys(expected).map((key) => [key, before[key] !== after[key]]));
  expect(changed).toEqual(expected);
});
