import * as pulumi from "@pulumi/pulumi";
import type { ClusterNode } from "../../components/clusterNode";
import { smtConf, SmtNode, SmtNodeArgs } from "../../components/smtNode";
import { Repository, repositoryList, SmtRepositories } from "../../components/smtRepositories";
import { clusterNodes, marker, smtRoles } from "../support/clusterNodes";
import { record, Recording } from "../support/recorder";

const smtNodes = (count: number): ClusterNode[] => clusterNodes(smtRoles(count));
const settings = { serviceName: "smt.example.com", mountPoint: "/smt", mirrorSources: false };
const setUp = (node: ClusterNode, args: Partial<SmtNodeArgs> = {}): SmtNode =>
  new SmtNode(`${node.nodeName}-smt`, {
    node,
    uid: 480,
    serviceName: settings.serviceName,
    mirrorSources: settings.mirrorSources,
    mirrorTime: "01:00",
    mount: { mountPoint: "/smt", ready: [marker(`${node.nodeName}-mount`)] },
    ...args,
  });

describe("SMT on a node", () => {
  const smt = (args: Partial<SmtNodeArgs> = {}): Promise<Recording> =>
    record(() => {
      const [node] = smtNodes(1);
      setUp(node, args);
    });
  const command = (recording: Recording, step: string): unknown =>
    recording.find(`Command node1-smt-${step}`).inputs.create;

  test("installs before it configures, and links once the file system is mounted", async () => {
    const recording = await smt();
    expect(recording.below("SmtNode node1-smt").sort()).toEqual([
      ...["configure", "install", "links", "schedule", "web"].map((step) => `Command node1-smt-${step}`),
      "RandomPassword node1-smt-database",
    ]);
    expect(command(recording, "install")).toBe("smt-ha smt/install --uid 480 --rev REV");
    expect(command(recording, "links")).toBe("smt-ha smt/links --mount /smt --rev REV");
    expect(command(recording, "schedule")).toBe("smt-ha smt/schedule --time 01:00 --rev REV");
    expect(recording.find("Command node1-smt-configure").after).toContain("Command node1-smt-install");
    expect(recording.find("Command node1-smt-links").after).toEqual(
      expect.arrayContaining(["Command node1-mount", "Command node1-smt-install"]),
    );
    // The rest needs no file system.
    for (const step of ["install", "configure", "web", "schedule"]) {
      expect(recording.find(`Command node1-smt-${step}`).after).not.toContain("Command node1-mount");
    }
  });

  test("passes passwords on standard input only, as secrets", async () => {
    const recording = await smt({
      credentials: { user: "UC1", password: pulumi.secret("nu-hush") },
      databaseRootPassword: "root-hush",
    });
    expect(recording.find("Command node1-smt-install").inputs.stdin).toEqual({
      secret: "@@ password\nnode1-smt-database-hush\n@@ root-password\nroot-hush\n",
    });
    expect(recording.find("Command node1-smt-configure").inputs.stdin).toEqual({
      secret: `@@ smt.conf\n${smtConf({ ...settings, apiType: "SCC", credentials: { user: "UC1" } }, "node1-smt-database-hush", "nu-hush")}`,
    });
    expect(JSON.stringify(recording.resources.map(({ inputs }) => inputs.create))).not.toContain("hush");
  });

  test("gives no password for a database's root that has none", async () => {
    const recording = await smt({ databaseRootPassword: undefined });
    expect(recording.find("Command node1-smt-install").inputs.stdin).toEqual({
      secret: "@@ password\nnode1-smt-database-hush\n",
    });
  });
});

describe("the settings in smt.conf", () => {
  test("with mirror credentials", () =>
    expect(smtConf({ ...settings, credentials: { user: "UC1" } }, "DATABASE", "PASS=1")).toBe(
      "[NU]\nNUUser=UC1\nNUPass=PASS=1\n[DB]\nuser=smt\npass=DATABASE\n" +
        "[LOCAL]\nurl=https://smt.example.com/\nMirrorTo=/smt\nMirrorSRC=false\n",
    ));

  test("with the API of upstream, also without credentials", () =>
    expect(smtConf({ ...settings, apiType: "SCC" }, "DATABASE")).toMatch(/^\[NU\]\nApiType=SCC\n\[DB\]\n/));

  test("without", () => {
    const text = smtConf({ ...settings, mirrorSources: true }, "DATABASE");
    expect(text).not.toContain("NU");
    expect(text).toContain("MirrorSRC=true\n");
  });
});

describe("the repositories", () => {
  const pool: Repository = { name: "Pool", target: "sle-11-x86_64" };
  const tools: Repository = {
    name: "Tools",
    custom: { productId: "SLES/12.5/x86_64", description: "In-house packages", url: "http://rpm.lab/tools" },
  };
  const list = "Pool|sle-11-x86_64|||\nTools||SLES/12.5/x86_64|http://rpm.lab/tools|In-house packages\n";
  const repositories = (all: readonly Repository[]): Promise<Recording> =>
    record(() => {
      const nodes = smtNodes(3);
      new SmtRepositories(
        "repositories",
        {
          smt: nodes.map((node) => setUp(node)),
          repositories: all,
          mount: { mountPoint: "/smt", ready: [marker("mount")] },
          databaseRootPassword: "root-hush",
        },
        { dependsOn: [marker("replication")] },
      );
    });

  test("are lines for the node", () => expect(repositoryList([pool, tools])).toBe(list));

  test("are set up and mirrored on one node, after the replication, and verified on all", async () => {
    const recording = await repositories([pool, tools]);
    expect(recording.below("SmtRepositories repositories").sort()).toEqual(
      ["node1", "node2", "node3"]
        .flatMap((node) => [`Command ${node}-smt-start`, `Command ${node}-smt-verify`])
        .concat("Command node1-smt-mirror", "Command node1-smt-repositories")
        .sort(),
    );
    const set = recording.find("Command node1-smt-repositories");
    // The step looks up the products in the database.
    expect(set.inputs.stdin).toEqual({ secret: `@@ repositories\n${list}@@ root-password\nroot-hush\n` });
    expect(set.after).toEqual(expect.arrayContaining(["Command node2-smt-start", "Command node3-smt-start"]));
    expect(recording.find("Command node1-smt-start").after).toEqual(
      expect.arrayContaining(["Command node1-smt-configure", "Command node1-smt-links", "Command replication"]),
    );
    expect(recording.find("Command node3-smt-verify").after).toContain("Command node1-smt-repositories");
    expect(recording.find("Command node1-smt-mirror").inputs.create).toBe(
      "smt-ha smt/mirror --mount /smt --timeout 600 --rev REV",
    );
  });

  test("without any, nothing is mirrored, but what was set up before is taken back", async () => {
    const recording = await repositories([]);
    const names = recording.below("SmtRepositories repositories");
    expect(names).toContain("Command node1-smt-repositories");
    expect(names.join()).not.toContain("mirror");
  });
});
