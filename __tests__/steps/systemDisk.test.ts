import { Disk } from "../support/disk";
import { type Result, TestNode, type TestNodeArgs } from "../support/node";

let node: TestNode;
let disk: Disk;
/** Starts a node with a disk of 1 GiB that has the file system `/grown`, which the step takes for the root. */
const start = async (make: string, args: TestNodeArgs = {}): Promise<void> => {
  node = await TestNode.start(args);
  disk = new Disk(node);
  disk.change(make);
  node.check("sed -i 's|^root=/$|root=/grown|' /usr/local/lib/smt-ha/steps/node/system-disk");
};
const mount = (type: string, partition: string): void => {
  const device = disk.loop + partition;
  const make = { ext3: "mkfs.ext3 -q", ext4: "mkfs.ext4 -q", xfs: "mkfs.xfs -q", btrfs: "mkfs.btrfs -q" }[type];
  node.check(`${make} ${device} && mkdir -p /grown && mount -t ${type} ${device} /grown`);
  node.check("head -c 5000000 /dev/urandom >/grown/kept && sha256sum /grown/kept >/grown/sum");
};
afterEach(async () => {
  await node.stop();
  disk.detach();
});

const grow = (gib = 2): Result => node.step("node/system-disk", { gib: String(gib) });
const table = (): string => node.check(`sfdisk --dump ${disk.loop}`);
const name = (partition = ""): string => disk.loop.replace("/dev/", "") + partition;
/** MiB of the file system for its files. */
const room = (): number => Number(node.check("echo $(($(stat -f -c '%b * %S' /grown) / 1048576))"));
const lines = (...said: string[]): string => said.map((line) => `node1: node/system-disk: ${line}\n`).join("");
const rest = (text: string, partition: string): string[] =>
  text.split("\n").filter((line) => !line.startsWith(`${disk.loop}${partition} `) && !line.startsWith("last-lba"));
/** What the step has left as it is, for this cause. */
const causeOf = ({ stdout }: Result): string | undefined =>
  /^the root file system does not grow with its disk of \d+ GiB\n {2}cause: (.+)\n {2}fix: {3}.+\n$/.exec(stdout)?.[1];

const boot = "parted -s $disk mklabel gpt mkpart boot 1MiB 100MiB mkpart root 100MiB 100%";
const mbr = "parted -s $disk mklabel msdos mkpart primary 1MiB 100MiB mkpart primary 100MiB 100% set 2 boot on";

describe("node/system-disk grows the last partition and, while it is mounted,", () => {
  test.each([
    ["ext4", "gpt", boot, "p2"],
    ["ext4", "msdos", mbr, "p2"],
    ["xfs", "gpt", boot, "p2"],
    ["btrfs", "msdos", mbr, "p2"],
    // As cloud images have it: the last one on the disk is not the last one of the table.
    [
      "ext4",
      "gpt",
      'printf "label: gpt\\n%s : start=2048, size=200000\\n%s : start=204800\\n" $(readlink $disk)p3 $(readlink $disk)p1 | sfdisk -q $disk && partx --add $disk',
      "p1",
    ],
  ])("its %s, in a table of %s: %s", async (type, _, make, partition) => {
    await start(make);
    mount(type, partition);
    const before = { table: table(), room: room() };
    disk.grow(2048);

    const { code, stdout, stderr } = grow();
    expect([code, stdout]).toEqual([0, ""]);
    expect(stderr).toMatch(
      new RegExp(
        `^${lines(`growing the partition ${name(partition)} to the end of ${name()}`, `the ${type} on ${name(partition)} has grown from \\d+ MiB to (194[0-9]|195[0-9]) MiB`)}$`,
      ),
    );
    expect(room() - before.room).toBeGreaterThan(950);
    expect(node.check("sha256sum --check /grown/sum")).toBe("/grown/kept: OK\n");
    // Nothing but the partition's size has changed, and the table is whole.
    expect(rest(table(), partition)).toEqual(rest(before.table, partition));
    const verified = node.run(`sfdisk --verify ${disk.loop}`);
    expect([verified.code, verified.stderr]).toEqual([0, ""]);
    expect(verified.stdout).toContain("No errors detected");

    const after = { table: table(), room: room() };
    expect(grow()).toEqual({ code: 0, stdout: "", stderr: lines(`the ${type} fills ${name(partition)}`) });
    expect({ table: table(), room: room() }).toEqual(after);
  });

  test("finishes what a killed run has begun", async () => {
    await start(boot);
    mount("ext4", "p2");
    disk.grow(2048);
    // The table is written, the kernel does not know.
    node.check(`echo ', +' | sfdisk -q --no-reread --no-tell-kernel -N 2 ${disk.loop}`);
    expect(grow().stderr).toContain("growing the partition");
    expect(room()).toBeGreaterThan(1800);

    // The partition has grown, the file system has not.
    disk.grow(3072);
    node.check(
      `echo ', +' | sfdisk -q --no-reread --no-tell-kernel -N 2 ${disk.loop} && partx --update --nr 2 ${disk.loop}`,
    );
    expect(grow(3).stderr).toMatch(
      /^node1: node\/system-disk: the ext4 on \S+ has grown from 19\d\d MiB to 297\d MiB\n$/,
    );
    expect(room()).toBeGreaterThan(2800);
  });
});

test("node/system-disk grows a file system without a partition", async () => {
  await start("true", { platform: "sles12" });
  mount("ext4", "");
  disk.grow(2048);
  expect(grow()).toEqual({
    code: 0,
    stdout: "",
    stderr: lines(`the ext4 on ${name()} has grown from 1024 MiB to 2048 MiB`),
  });
  expect(room()).toBeGreaterThan(1900);
  expect(grow().stderr).toBe(lines(`the ext4 fills ${name()}`));
});

test("node/system-disk fails if the partition does not grow, and says where the table was", async () => {
  await start(boot);
  mount("ext4", "p2");
  disk.grow(2048);
  const before = table();
  node.writeCommand("/usr/local/sbin/partx", "#!/bin/sh\n");
  const { code, stderr } = grow();
  expect(code).toBe(1);
  expect(stderr).toContain(
    `  cause: the partition ${name("p2")} does not fill ${name()} after it has grown, or another`,
  );
  expect(node.read("/var/log/smt-ha/node-system-disk.log")).toContain(before);
});

/** Makes the node's list of block devices one that can be changed. */
const imitateBlockDevices = (): void =>
  void node.check(
    "cd /sys/class/block && mkdir /run/block && for link in *; do ln -s $(readlink -f $link) /run/block; done && mount --bind /run/block /sys/class/block",
  );

test("node/system-disk asks the disk for its new size first", async () => {
  await start(boot);
  mount("ext4", "p2");
  imitateBlockDevices();
  node.check(
    `cd /run/block && real=$(readlink -f ${name()}) && rm ${name()} && mkdir -p ${name()}/device && touch ${name()}/device/rescan && ln -s $real/* ${name()}`,
  );
  expect(grow(1).stderr).toBe(lines(`the ext4 fills ${name("p2")}`));
  expect(node.read(`/run/block/${name()}/device/rescan`)).toBe("1\n");
});

describe("node/system-disk leaves as it is, and says why and what to do:", () => {
  const untouched = (cause: string, gib?: number): void => {
    const before = { table: table(), room: room() };
    const result = grow(gib);
    expect([result.code, causeOf(result)]).toEqual([0, cause]);
    expect(result.stderr).toBe(lines(`left the root file system as it is: ${cause}`));
    expect({ table: table(), room: room() }).toEqual(before);
  };

  test("a partition that swap lies behind", async () => {
    await start("parted -s $disk mklabel gpt mkpart root 1MiB 900MiB mkpart swap 900MiB 100%");
    mount("ext4", "p1");
    node.check(`mkswap ${disk.loop}p2`);
    disk.grow(2048);
    untouched(`${name("p2")} (swap) lies between it and the free space of ${name()}`);
  });

  test("LVM, until nothing is free", async () => {
    await start("parted -s $disk mklabel gpt mkpart pv 1MiB 10MiB mkpart volume 10MiB 100%");
    mount("ext4", "p2");
    disk.grow(2048);
    imitateBlockDevices();
    node.check(
      `cd /run/block && real=$(readlink -f ${name("p2")}) && rm ${name("p2")} && mkdir -p ${name("p2")}/dm ${name("p2")}/slaves && ` +
        `ln -s $real/size $real/start ${name("p2")} && echo system-root >${name("p2")}/dm/name && ln -s ../${name("p1")} ${name("p2")}/slaves`,
    );
    untouched(`it is on ${name("p2")} (system-root), which is made of ${name("p1")}`);
    node.check(
      `parted -s -f ${disk.loop} mkpart more 1024MiB 100% && ln -s $(readlink -f /run/block/${name()})/${name("p3")} /run/block`,
    );
    expect(grow()).toEqual({
      code: 0,
      stdout: "",
      stderr: lines(`no free space behind the partitions of ${name()}`),
    });
  });

  test("another file system", async () => {
    await start(boot);
    mount("ext3", "p2");
    disk.grow(2048);
    untouched("it is ext3");
  });

  test("a logical partition", async () => {
    await start("parted -s $disk mklabel msdos mkpart extended 1MiB 100% mkpart logical 2MiB 100%");
    mount("ext4", "p5");
    disk.grow(2048);
    untouched(`the partition table of ${name()} has logical partitions, or others than the kernel knows`);
  });

  test("a table that the kernel does not know", async () => {
    await start(boot);
    mount("ext4", "p2");
    disk.grow(2048);
    node.check(`echo 'start=2200000' | sfdisk -q --no-reread --no-tell-kernel --append ${disk.loop}`);
    untouched(`the partition table of ${name()} has logical partitions, or others than the kernel knows`);
  });

  test("an MBR on a disk of more than 2 TiB", async () => {
    await start(mbr);
    mount("ext4", "p2");
    disk.grow(3 * 1024 * 1024);
    untouched(`the partition table of ${name()} is an MBR, which ends at 2 TiB`, 3 * 1024);
  });

  test("a disk that has not grown", async () => {
    await start(boot);
    mount("ext4", "p2");
    untouched(`its disk ${name()} has 1024 MiB, not 2 GiB`);
  });

  test("a root that is no disk", async () => {
    await start(boot);
    node.check("mkdir /grown && mount -t tmpfs memory /grown");
    expect(causeOf(grow())).toBe("it is tmpfs on memory, which is no disk of this node");
  });

  test("a btrfs of several devices", async () => {
    await start("parted -s $disk mklabel gpt mkpart one 1MiB 500MiB mkpart two 500MiB 100%");
    node.check(
      `mknod /dev/btrfs-control c 10 234; mkfs.btrfs -q ${disk.loop}p1 ${disk.loop}p2 && mkdir /grown && mount ${disk.loop}p2 /grown`,
    );
    disk.grow(2048);
    untouched("it is a btrfs of several devices");
  });

  test("all, with the sfdisk of SLES 11", async () => {
    await start(boot, { platform: "sles11" });
    mount("ext4", "p2");
    disk.grow(2048);
    node.writeCommand(
      "/usr/local/sbin/sfdisk",
      "#!/bin/sh\n[ \"$1\" = --version ] && echo 'sfdisk (util-linux-ng 2.16)'\n",
    );
    untouched(`the node has no sfdisk of util-linux 2.32 or newer, so ${name("p2")} can't grow while it is mounted`);
  });
});
