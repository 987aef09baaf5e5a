import * as pulumi from "@pulumi/pulumi";
import { IscsiSharedDisk, IscsiSharedDiskArgs } from "../../components/iscsiSharedDisk";
import { clusterNodes, smtRoles } from "../support/clusterNodes";
import { record, Recording, valueOf } from "../support/recorder";

const device = "/dev/disk/by-path/ip-192.0.2.3:3260-iscsi-iqn.2026-01.com.example:smt-lun-1";
const peers = ["node1", "node2", "node3"].map((name, index) => ({ name, address: `192.0.2.1${index + 1}` }));

const shareDisk = async (
  args: Partial<IscsiSharedDiskArgs> = {},
): Promise<{ recording: Recording; disk: IscsiSharedDisk }> => {
  let disk: IscsiSharedDisk | undefined;
  const recording = await record(() => {
    const nodes = clusterNodes(smtRoles(3));
    disk = new IscsiSharedDisk("shared-disk", {
      nodes,
      portal: "192.0.2.3:3260",
      target: "iqn.2026-01.com.example:smt",
      lun: 1,
      clusterName: "smtha",
      wipe: false,
      adopt: false,
      ...args,
    });
  });
  return { recording, disk: disk as IscsiSharedDisk };
};

test("every node logs in, the first one partitions after all logins, the others re-read after it", async () => {
  const { recording, disk } = await shareDisk();

  expect(recording.find("IscsiSharedDisk shared-disk").type).toBe("smt-ha:disk:IscsiSharedDisk");
  expect(recording.below("IscsiSharedDisk shared-disk")).toEqual([
    "RandomId shared-disk-id",
    "Command node1-iscsi-login",
    "Command node2-iscsi-login",
    "Command node3-iscsi-login",
    "Command node1-disk-partition",
    "Command node2-disk-reread",
    "Command node3-disk-reread",
  ]);
  const step = (name: string): unknown => {
    const { inputs, after } = recording.find(`Command ${name}`);
    return { create: inputs.create, stdin: inputs.stdin, after };
  };
  expect(step("node2-iscsi-login")).toEqual({
    create:
      "smt-ha iscsi/login --portal 192.0.2.3:3260 --target iqn.2026-01.com.example:smt " +
      `--device ${device} --initiator iqn.2016-04.com.open-iscsi:smtha.node2 --rev REV`,
    after: ["Command node2-install", "Command node2-node-hosts", "Command node2-node-packages"],
  });
  expect(step("node1-disk-partition")).toEqual({
    create: `smt-ha disk/partition --device ${device} --cluster smtha --id 5a5a5a5a5a5a5a5a --adopt no --wipe no --rev REV`,
    after: [
      "Command node1-install",
      "Command node1-iscsi-login",
      "Command node1-node-hosts",
      "Command node1-node-packages",
      "Command node2-iscsi-login",
      "Command node3-iscsi-login",
      "RandomId shared-disk-id",
    ],
  });
  for (const node of ["node2", "node3"]) {
    expect(step(`${node}-disk-reread`)).toEqual({
      create: `smt-ha disk/reread --device ${device} --rev REV`,
      after: [
        "Command node1-disk-partition",
        `Command ${node}-install`,
        `Command ${node}-node-hosts`,
        `Command ${node}-node-packages`,
      ],
    });
  }
  const paths = [disk.sbdPartition, disk.dataPartition].map(({ path }) => valueOf(pulumi.output(path)));
  expect(await Promise.all(paths)).toEqual([`${device}-part1`, `${device}-part2`]);
});

test("nodes do not wait for each other until one of them partitions", async () => {
  const { recording } = await shareDisk();

  const other = (id: string): string[] =>
    recording.find(id).after.filter((dependency) => !dependency.includes(id.split(/[ -]/)[1]));
  const waiting = recording.resources.filter(({ id, type }) => type.startsWith("command:") && other(id).length > 0);
  expect(waiting.map(({ id }) => id)).toEqual([
    "Command node1-disk-partition",
    "Command node2-disk-reread",
    "Command node3-disk-reread",
  ]);
});

test("the CHAP secret is secret wherever it is, and in no command line", async () => {
  const { recording } = await shareDisk({ chap: { user: "smt", secret: "hush-hush-hush" } });

  for (const { name } of peers) {
    const { inputs } = recording.find(`Command ${name}-iscsi-login`);
    expect(inputs.create).toContain(" --chap-user smt ");
    expect(inputs.stdin).toEqual({ secret: "@@ chap-secret\nhush-hush-hush\n" });
  }
  expect(openText(recording)).not.toContain("hush");
});

test.each(["wipe", "adopt"])("%s is asked for in so many words", async (what) => {
  const { recording } = await shareDisk({ [what]: true });
  expect(recording.find("Command node1-disk-partition").inputs.create).toContain(` --${what} yes `);
});

/** Everything that the recording holds outside secrets. */
const openText = (recording: Recording): string =>
  JSON.stringify(recording.resources, (key, value: unknown) => (key === "secret" ? undefined : value));
