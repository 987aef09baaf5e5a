import { execFileSync } from "child_process";
import { createHash } from "crypto";
import * as fs from "fs";
import * as path from "path";
import { memoryDirectory } from "./memory";
import { TestNode } from "./node";

/** A disk of a test's node: a real loop device over a sparse file in memory, under a by-path name as the shared disk has. */
export class Disk {
  readonly device = "/dev/disk/by-path/ip-192.0.2.3:3260-iscsi-iqn.2026-01.com.example:smt-lun-1";
  private readonly folder = memoryDirectory("disk");
  private readonly image = path.join(this.folder, "image");
  /** Its device file, such as `/dev/loop0`. */
  readonly loop: string;

  /** @param mebibytes size of the disk */
  constructor(
    private readonly node: TestNode,
    mebibytes = 1024,
  ) {
    fs.closeSync(fs.openSync(this.image, "w"));
    fs.truncateSync(this.image, mebibytes * 1024 * 1024);
    this.loop = execFileSync("losetup", ["--partscan", "--show", "--find", this.image], { encoding: "utf8" }).trim();
    const { rdev } = fs.statSync(this.loop);
    this.node.check(`mknod ${this.loop} b ${rdev >> 8} ${rdev & 255} && ln -s ${this.loop} ${this.device}`);
  }

  /** Runs a command on the node with `$disk` for the disk; then shows its partitions to the node, as udev would. */
  change(command: string): void {
    this.node.check(`set -e; disk=${this.device}; ${command}; /usr/local/sbin/udevadm settle`);
  }

  /** Enlarges the disk, as vSphere does while a VM runs. */
  grow(mebibytes: number): void {
    fs.truncateSync(this.image, mebibytes * 1024 * 1024);
    execFileSync("losetup", ["--set-capacity", this.loop]);
  }

  /** A hash of every byte that was ever written. */
  contents(): string {
    execFileSync("blockdev", ["--flushbufs", this.loop]);
    // Without the holes of the file, of which most of it consists.
    const args = ["--sparse", "--mtime=@0", "--create", "--file=-", "--directory", this.folder, "image"];
    return createHash("sha256")
      .update(execFileSync("tar", args, { maxBuffer: Infinity }))
      .digest("hex");
  }

  /** Partition table and names, such as `gpt smtha-sbd 1MiB-17MiB, smtha-data 17MiB-1023MiB`. */
  layout(): string {
    const lines = this.node.check(`parted -s -m ${this.loop} unit MiB print`).trim().split("\n");
    const partitions = lines.slice(2).map((line) => line.split(":"));
    return [
      lines[1].split(":")[5],
      partitions.map(([, from, to, , , name]) => `${name} ${from}-${to}`).join(", "),
    ].join(" ");
  }

  detach(): void {
    execFileSync("losetup", ["--detach", this.loop]);
    fs.rmSync(this.folder, { recursive: true });
  }
}
