import { Disk } from "../support/disk";
import { Result, TestNode } from "../support/node";

let node: TestNode;
let disk: Disk;
const start = async (mebibytes?: number): Promise<void> => {
  node = await TestNode.start();
  disk = new Disk(node, mebibytes);
};
afterEach(async () => {
  await node.stop();
  disk.detach();
});

const marker = "/var/lib/smt-ha/partitioning";
const own = "gpt smtha-sbd 1.00MiB-17.0MiB, smtha-data 17.0MiB-1023MiB";
const id = "0123456789abcdef";
const marking = (): string => `marking ${disk.device} as this stack's: ${id}`;
const partition = (wipe: "yes" | "no" = "no", options: Record<string, string> = {}): Result =>
  node.step("disk/partition", { device: disk.device, cluster: "smtha", id, adopt: "no", wipe, ...options });
const causeOf = ({ stderr }: Result): string | undefined => /^ {2}cause: (.*)$/m.exec(stderr)?.[1];
const done = { code: 0, stdout: "", stderr: "" };
const partitioned = (...before: string[]): Result => ({
  ...done,
  stderr: [...before, `partitioning ${disk.device}`, marking()]
    .map((line) => `node1: disk/partition: ${line}\n`)
    .join(""),
});

/** The label by which LVM knows a physical volume, as pvcreate writes it to the second sector. */
function lvmLabel(): Buffer {
  const label = Buffer.alloc(512);
  label.write("LABELONE");
  label.writeBigUInt64LE(1n, 8);
  label.writeUInt32LE(32, 20);
  label.write("LVM2 001", 24);
  label.write("abcdefghijklmnopqrstuvwxyz012345", 32);
  label.writeBigUInt64LE(1024n * 1024n * 1024n, 64);
  let crc = 0xf597a6cf;
  for (const byte of label.subarray(20)) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit++) {
      crc = (crc >>> 1) ^ (crc & 1 ? 0xedb88320 : 0);
    }
  }
  label.writeUInt32LE(crc >>> 0, 16);
  return label;
}

describe("disk/partition", () => {
  test("gives a blank disk its two partitions; the second time, nothing", async () => {
    await start();
    expect(partition()).toEqual(partitioned());
    expect(disk.layout()).toBe(own);
    expect(node.check(`stat -L -c %F ${disk.device}-part1 ${disk.device}-part2`)).toBe(
      "block special file\n".repeat(2),
    );
    expect(node.run(`ls ${marker}`).code).toBe(2);

    const before = disk.contents();
    expect(partition()).toEqual(done);
    expect(disk.contents()).toBe(before);
  });

  test.each(["no", "yes"] as const)("keeps its own layout and what it holds, with wipe %s", async (wipe) => {
    await start();
    partition();
    disk.change("mkfs.ext4 -q -L data $disk-part2; printf 'SBD_SBD_' | dd of=$disk-part1 status=none");
    const before = disk.contents();

    expect(partition(wipe)).toEqual(done);
    expect(disk.contents()).toBe(before);
  });

  const refused: Record<string, [string, string]> = {
    "an ext4 file system": ["mkfs.ext4 -q -L backup $disk", "ext4 'backup'"],
    "a broken XFS superblock": ["printf XFSB | dd of=$disk status=none", "data of an unknown kind"],
    "swap space": ["mkswap -q -L swap0 $disk", "swap 'swap0'"],
    "an ISO 9660 file system, which no partition table overwrites": [
      "printf '\\1CD001\\1' | dd of=$disk bs=1 seek=32768 status=none",
      "iso9660 ",
    ],
    "an LVM physical volume": [
      `echo ${lvmLabel().toString("base64")} | base64 -d | dd of=$disk bs=512 seek=1 status=none`,
      "LVM2_member ",
    ],
    "an SBD header": ["printf 'SBD_SBD_\\2' | dd of=$disk status=none", "an SBD header"],
    "data of an unknown kind": ["printf x | dd of=$disk bs=1 seek=1048575 status=none", "data of an unknown kind"],
    "a foreign GPT": [
      "parted -s $disk mklabel gpt mkpart home 1MiB 100MiB mkpart rest 100MiB 200MiB; /usr/local/sbin/udevadm settle; mkfs.ext4 -q -L home $disk-part1",
      "a gpt partition table (home,rest);part1: ext4 'home';part2: no known signature ",
    ],
    "an empty GPT of somebody else": ["parted -s $disk mklabel gpt", "a gpt partition table ()"],
    "an MBR": [
      "parted -s $disk mklabel msdos mkpart primary 1MiB 100MiB",
      "a msdos partition table ();part1: no known signature ",
    ],
    "another cluster's layout": [
      "parted -s $disk mklabel gpt mkpart other-sbd 1MiB 17MiB mkpart other-data 17MiB 100%",
      "a gpt partition table (other-sbd,other-data);part1: no known signature ;part2: no known signature ",
    ],
    "its own layout and one partition more": [
      "parted -s $disk mklabel gpt mkpart smtha-sbd 1MiB 17MiB mkpart smtha-data 17MiB 500MiB mkpart more 500MiB 100%",
      "a gpt partition table (smtha-sbd,smtha-data,more);part1: no known signature ;part2: no known signature ;part3: no known signature ",
    ],
  };

  test.each(Object.entries(refused))(
    "refuses %s and leaves every byte; wipes it where it may",
    async (_, [make, found]) => {
      await start();
      disk.change(make);
      const before = disk.contents();

      const result = partition();
      expect([result.code, causeOf(result)]).toEqual([1, `${disk.device} is not blank: it holds ${found}`]);
      expect(result.stderr).toContain(
        "  fix:   name the right LUN in the configuration; or, if its content may be lost: pulumi config set wipeSharedDisk true\n",
      );
      expect(disk.contents()).toBe(before);
      expect(node.run(`ls ${marker}`).code).toBe(2);

      expect(partition("yes")).toEqual(partitioned(`wiping, as wipeSharedDisk says: ${found}`));
      expect(disk.layout()).toBe(own);
      expect(node.check(`wipefs --noheadings --output TYPE ${disk.device}`)).toMatch(/^(gpt|PMBR|\s)+$/);
      expect(node.check(`wipefs ${disk.device}-part1 ${disk.device}-part2`)).toBe("");
    },
  );

  test("wipes file systems that lie where the new partitions begin", async () => {
    await start();
    disk.change(
      "parted -s $disk mklabel gpt mkpart a 1MiB 17MiB mkpart b 17MiB 100%; /usr/local/sbin/udevadm settle; mkswap -q $disk-part1; mkfs.ext4 -q $disk-part2",
    );
    expect(partition("yes").code).toBe(0);
    expect(node.check(`wipefs ${disk.device}-part1 ${disk.device}-part2`)).toBe("");
  });

  test.each(["no", "yes"] as const)("refuses a disk that is too small, with wipe %s", async (wipe) => {
    await start(512);
    disk.change("mkfs.ext4 -q $disk");
    const before = disk.contents();

    const result = partition(wipe);
    expect([result.code, causeOf(result)]).toEqual([1, `${disk.device} has 512 MiB; at least 1024 MiB are needed`]);
    expect(result.stderr).toContain(
      "  fix:   enlarge the LUN, or name another in the configuration (portal, target, lun)\n",
    );
    expect(disk.contents()).toBe(before);
  });

  describe("finishes what an interrupted run has begun", () => {
    const begun = {
      "before the table": "true",
      "after the table": "parted -s $disk mklabel gpt",
      "after the first partition": "parted -s $disk mklabel gpt mkpart smtha-sbd 1MiB 17MiB",
    };
    test.each(Object.entries(begun))("%s", async (name, command) => {
      await start();
      node.write(marker, `${disk.device}\n`);
      disk.change(command);

      expect(partition()).toEqual(
        partitioned(...(name === "before the table" ? [] : ["finishing the partitions of an interrupted run"])),
      );
      expect(disk.layout()).toBe(own);
      expect(node.run(`ls ${marker}`).code).toBe(2);
    });

    test("after the second partition, before old file systems in them are wiped", async () => {
      await start();
      disk.change(
        "parted -s $disk mklabel gpt mkpart smtha-sbd 1MiB 17MiB mkpart smtha-data 17MiB 100%; /usr/local/sbin/udevadm settle; mkfs.ext4 -q $disk-part2",
      );
      node.write(marker, `${disk.device}\n`);

      expect(partition("yes").code).toBe(0);
      expect(disk.layout()).toBe(own);
      expect(node.check(`wipefs ${disk.device}-part2`)).toBe("");
      expect(node.run(`ls ${marker}`).code).toBe(2);

      // From now on it holds data that wipe does not mean.
      disk.change("mkfs.ext4 -q $disk-part2");
      const before = disk.contents();
      expect(partition("yes")).toEqual(done);
      expect(disk.contents()).toBe(before);
    });

    test("after the old file systems, before the mark", async () => {
      await start();
      partition();
      disk.change("dd if=/dev/zero of=$disk bs=4096 seek=128 count=1 conv=notrunc status=none");
      node.write(marker, `${disk.device}\n`);
      expect(partition()).toEqual({ ...done, stderr: `node1: disk/partition: ${marking()}\n` });
      expect(partition()).toEqual(done);
    });

    test("on this disk only", async () => {
      await start();
      node.write(marker, "/dev/disk/by-path/another\n");
      disk.change("parted -s $disk mklabel gpt");
      const before = disk.contents();

      expect(causeOf(partition())).toBe(`${disk.device} is not blank: it holds a gpt partition table ()`);
      expect(disk.contents()).toBe(before);
    });
  });
});

describe("disk/partition and a cluster of the same name", () => {
  const sbdConfig = "/etc/default/sbd";
  const refusal = (why: string): string =>
    `${disk.device} has a cluster 'smtha' on it that may be another stack's: ${why}`;
  const adopted = (): Result => ({ ...done, stderr: `node1: disk/partition: ${marking()}\n` });
  const withoutMark = async (): Promise<void> => {
    await start();
    disk.change(
      "parted -s $disk mklabel gpt mkpart smtha-sbd 1MiB 17MiB mkpart smtha-data 17MiB 100%; /usr/local/sbin/udevadm settle; mkfs.ext4 -q -L data $disk-part2",
    );
  };

  test.each(["no", "yes"] as const)(
    "refuses the disk of another stack, with wipe %s, and leaves every byte",
    async (wipe) => {
      await start();
      partition("no", { id: "fedcba9876543210" });
      disk.change("mkfs.ext4 -q -L data $disk-part2");
      node.write(sbdConfig, `SBD_DEVICE="${disk.device}-part1"\n`);
      const before = disk.contents();
      const result = partition(wipe);
      expect([result.code, causeOf(result)]).toEqual([1, refusal(`its mark is fedcba9876543210, not ${id}`)]);
      expect(result.stderr).toContain("or its stack no longer exists: pulumi config set adoptSharedDisk true\n");
      expect(disk.contents()).toBe(before);
    },
  );

  test("refuses it where an interrupted run was about to partition it, too", async () => {
    await start();
    partition("no", { id: "fedcba9876543210" });
    disk.change("mkfs.ext4 -q -L data $disk-part2");
    node.write(marker, `${disk.device}\n`);
    const before = disk.contents();
    expect(causeOf(partition("yes"))).toBe(refusal(`its mark is fedcba9876543210, not ${id}`));
    expect(disk.contents()).toBe(before);
    expect(partition("yes", { adopt: "yes" })).toEqual(adopted());
    expect(node.check(`blkid -p -o value -s LABEL ${disk.device}-part2`)).toBe("data\n");
  });

  test("names the mark of a disk whose partitions are gone; wipes it where it may", async () => {
    await start();
    partition("no", { id: "fedcba9876543210" });
    disk.change("wipefs -qa $disk");
    expect(causeOf(partition())).toBe(`${disk.device} is not blank: it holds the mark fedcba9876543210 of a stack`);
    expect(partition("yes").code).toBe(0);
    expect(partition()).toEqual(done);
  });

  test("takes it over with its data, if the configuration says so", async () => {
    await start();
    partition("no", { id: "fedcba9876543210" });
    disk.change("mkfs.ext4 -q -L data $disk-part2");
    expect(partition("yes", { adopt: "yes" })).toEqual(adopted());
    expect(node.check(`blkid -p -o value -s LABEL ${disk.device}-part2`)).toBe("data\n");
    expect(disk.layout()).toBe(own);
    expect(partition()).toEqual(done);
  });

  test("refuses a disk without a mark that this node does not use", async () => {
    await withoutMark();
    node.write(sbdConfig, 'SBD_DEVICE="/dev/disk/by-path/another-part1"\n');
    const before = disk.contents();
    expect(causeOf(partition())).toBe(refusal("it has no mark, as those that an earlier release has partitioned"));
    expect(disk.contents()).toBe(before);
    expect(partition("no", { adopt: "yes" })).toEqual(adopted());
  });

  test("marks the disk that this node's cluster has used since before there were marks", async () => {
    await withoutMark();
    node.write(sbdConfig, `SBD_DEVICE="${disk.device}-part1"\n`);
    expect(partition()).toEqual(adopted());
    expect(node.check(`blkid -p -o value -s LABEL ${disk.device}-part2`)).toBe("data\n");
  });
});

describe("disk/reread", () => {
  const reread = (): Result => node.step("disk/reread", { device: disk.device });

  test("shows this node the partitions that another one has made; the second time, nothing", async () => {
    await start();
    disk.change("parted -s $disk mklabel gpt mkpart smtha-sbd 1MiB 17MiB mkpart smtha-data 17MiB 100%");
    // A kernel that has not looked again.
    node.check(
      `partx --delete --nr 1:2 $(readlink -f ${disk.device}) && /usr/local/sbin/udevadm settle && ! ls ${disk.device}-part* 2>/dev/null`,
    );
    const before = disk.contents();

    expect(reread()).toEqual({ ...done, stderr: `node1: disk/reread: re-reading the partitions of ${disk.device}\n` });
    expect(node.check(`stat -L -c %F ${disk.device}-part1 ${disk.device}-part2`)).toBe(
      "block special file\n".repeat(2),
    );
    expect(reread()).toEqual(done);
    expect(disk.contents()).toBe(before);
  });

  test("reports missing partitions", async () => {
    await start();
    node.check("sed -i 's/^retry 30 /retry 1 /' /usr/local/lib/smt-ha/steps/disk/reread");
    const result = reread();
    expect([result.code, causeOf(result)]).toEqual([1, `${disk.device} has no second partition on this node`]);
    expect(result.stderr).toContain(
      `  fix:   let every node see the same LUN: compare the output of: parted ${disk.device} print\n`,
    );
  });
});
