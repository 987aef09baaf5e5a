import * as pulumi from "@pulumi/pulumi";
import type { ClusterNodeArgs } from "../../components/clusterNode";
import { chooseSource, databaseConfig, MysqlMasterPair, MysqlMasterPairArgs } from "../../components/mysqlMasterPair";
import { clusterNodes, marker, smtRoles } from "../support/clusterNodes";
import { pem, record, Recording } from "../support/recorder";

const pair = (
  args: Partial<MysqlMasterPairArgs> = {},
  count = 2,
  options: Parameters<typeof record>[1] = {},
  nodeArgs: Partial<ClusterNodeArgs> = {},
): Promise<Recording> =>
  record(() => {
    new MysqlMasterPair("databases", {
      databases: clusterNodes(smtRoles(count), nodeArgs).map((node) => ({
        node,
        ready: [marker(`${node.nodeName}-database`)],
      })),
      mount: { mountPoint: "/smt", ready: [marker("mount")] },
      ...args,
    });
  }, options);
const command = (recording: Recording, step: string): unknown => recording.find(`Command ${step}`).inputs.create;

test("a pair: each follows the other from the coordinates that it gave", async () => {
  const recording = await pair();
  const steps = ["configure", "survey", "offer", "seed", "replicate", "verify"];
  expect(recording.below("MysqlMasterPair databases").sort()).toEqual(
    [
      "RandomPassword databases-replication",
      ...["node1", "node2"].flatMap((node) => steps.map((step) => `Command ${node}-database-${step}`)),
    ].sort(),
  );
  expect(command(recording, "node1-database-offer")).toBe(
    "smt-ha database/offer --members 'node1=aa node2=aa' --source node1=aa --pending '' --mount /smt --rev REV",
  );
  expect(command(recording, "node2-database-seed")).toBe(
    "smt-ha database/seed --members 'node1=aa node2=aa' --source node1=aa --dump mysqld-bin.000001:500 --winner '' " +
      "--candidates 'node1 node2' --follower 192.0.2.11 --mount /smt --rev REV",
  );
  expect(command(recording, "node1-database-replicate")).toBe(
    "smt-ha database/replicate --followed node2=aa --address 192.0.2.12 --file mysqld-bin.000001 --position 600 " +
      "--mount /smt --rev REV",
  );
  expect(command(recording, "node2-database-verify")).toBe(
    "smt-ha database/verify --markers 'node1=aa=cc node2=aa=cc' --tls yes --rev REV",
  );
});

describe("the links", () => {
  test("are encrypted: each database makes a certificate for its address, and its follower gets it", async () => {
    const results = {
      "node1-database-configure": JSON.stringify({ id: "aa", certificate: pem("of node1") }),
      "node2-database-configure": JSON.stringify({ id: "bb", certificate: pem("of node2") }),
    };
    const recording = await pair({}, 2, { results });
    expect(command(recording, "node2-database-configure")).toBe(
      "smt-ha database/configure --mount /smt --tls-address 192.0.2.12 --rev REV",
    );
    const input = (node: string): unknown => recording.find(`Command ${node}-database-replicate`).inputs.stdin;
    expect([input("node1"), input("node2")]).toEqual([
      { secret: `@@ password\ndatabases-replication-hush\n@@ certificate\n${pem("of node2")}` },
      { secret: `@@ password\ndatabases-replication-hush\n@@ certificate\n${pem("of node1")}` },
    ]);
  });

  test.each([
    ["sles11", /^the replication between the databases is not encrypted: MySQL 5\.0 knows TLS 1\.0 at most/],
    ["sles12", /^the replication between the databases is not encrypted: MariaDB 10\.2 takes no new certificate/],
  ] as const)("are plain on %s, as the preview says once", async (platform, text) => {
    const warn = jest.spyOn(pulumi.log, "warn").mockResolvedValue();
    const recording = await pair({}, 2, { preview: true }, { platform });
    const texts = warn.mock.calls.map(([said]) => said);
    warn.mockRestore();
    expect(texts).toEqual([expect.stringMatching(text)]);
    expect(command(recording, "node2-database-configure")).toBe("smt-ha database/configure --mount /smt --rev REV");
    expect(JSON.stringify(recording.below("MysqlMasterPair databases").map((id) => recording.find(id)))).not.toMatch(
      /--tls|@@ certificate/,
    );
  });

  test("are encrypted without a warning on debian12", async () => {
    const warn = jest.spyOn(pulumi.log, "warn").mockResolvedValue();
    await pair({}, 2, { preview: true });
    const { calls } = warn.mock;
    warn.mockRestore();
    expect(calls).toEqual([]);
  });
});

test("no node goes on before all are as far", async () => {
  const recording = await pair({}, 3);
  const steps = ["configure", "survey", "offer", "seed", "replicate", "verify"];
  steps.slice(1).forEach((step, index) => {
    const before = ["node1", "node2", "node3"].map((node) => `Command ${node}-database-${steps[index]}`);
    expect(recording.find(`Command node2-database-${step}`).after).toEqual(expect.arrayContaining(before));
  });
  expect(recording.find("Command node2-database-configure").after).toContain("Command node2-database");
  // The data go over the shared file system.
  expect(recording.find("Command node1-database-offer").after).toContain("Command mount");
});

test("more than two make a ring", async () => {
  const recording = await pair({}, 3);
  const follows = ["node1", "node2", "node3"].map(
    (node) => /--address (\S+)/.exec(command(recording, `${node}-database-replicate`) as string)?.[1],
  );
  expect(follows).toEqual(["192.0.2.13", "192.0.2.11", "192.0.2.12"]);
  const followers = ["node1", "node2", "node3"].map(
    (node) => /--follower (\S+)/.exec(command(recording, `${node}-database-seed`) as string)?.[1],
  );
  expect(followers).toEqual(["192.0.2.12", "192.0.2.13", "192.0.2.11"]);
});

test("passwords are hidden; the results of steps are not", async () => {
  const recording = await pair({ rootPassword: "root-hush" });
  for (const step of ["configure", "survey", "offer", "seed", "replicate", "verify"]) {
    const { inputs } = recording.find(`Command node1-database-${step}`);
    expect(inputs.stdin).toEqual({
      secret: expect.stringContaining("@@ root-password\nroot-hush\n") as string,
    });
    expect(JSON.stringify({ ...inputs, stdin: null, connection: null })).not.toMatch(/hush|secret/);
  }
  expect(recording.find("Command node1-database-seed").inputs.stdin).toEqual({
    secret: expect.stringContaining("@@ password\ndatabases-replication-hush\n") as string,
  });
});

describe("the source", () => {
  const members = ["node1", "node2", "node3"].map((node, index) => ({ node, id: `id${index}` }));
  const source = (been: boolean[], winner = ""): string =>
    members[chooseSource(members.slice(0, been.length), been, winner).source].node;

  test.each([
    ["the first, at the beginning", [false, false], "", "node1"],
    ["the winner, at the beginning", [false, false], "node2", "node2"],
    ["the one that remained", [false, true], "", "node2"],
    ["the one that remained, even if the winner is another", [true, false], "node2", "node1"],
    ["the one before a newcomer, to which all changes come", [true, true, false], "", "node2"],
    ["the one before that that is re-created", [false, true, true], "", "node3"],
    ["the winner of those that remained", [true, true, false], "node1", "node1"],
    ["the first, where all were members", [true, true, true], "", "node1"],
  ])("is %s", (_, been, winner, expected) => expect(source(been, winner)).toBe(expected));

  test("waits for the other old members", () =>
    expect(chooseSource(members, [true, true, false], "")).toEqual({
      source: 1,
      pending: [members[0]],
      candidates: ["node1", "node2"],
    }));
});

describe("the configuration", () => {
  test("of the second node of two", () => expect(databaseConfig(2, 2)).toMatchSnapshot());
  test("leaves room for twelve nodes", () =>
    expect(databaseConfig(12, 12)).toContain("auto-increment-increment = 12\nauto-increment-offset = 12\n"));
});
