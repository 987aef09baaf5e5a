import { execFileSync } from "child_process";
import * as fs from "fs";
import * as path from "path";

/** A tmpfs: for disks that take no time, and for what the machine's own file system can't have above itself. */
const memory = "/dev/shm";
/** The command line and the lab have directories there too. */
const prefix = "smt-ha-test-";

/** Makes a directory in memory. Its name has the process, since one that is killed leaves it behind. */
export const memoryDirectory = (what: string): string =>
  fs.mkdtempSync(path.join(memory, `${prefix}${what}-${process.pid}-`));

/** Removes the directories of processes that have ended, with the loop devices of the disks in them. */
export function removeLeftovers(): void {
  for (const name of fs.readdirSync(memory).filter((entry) => entry.startsWith(prefix))) {
    if (fs.existsSync(`/proc/${name.split("-").at(-2)}`)) {
      continue;
    }
    const directory = path.join(memory, name);
    for (const file of fs.readdirSync(directory)) {
      const args = ["--noheadings", "--output", "NAME", "--associated", path.join(directory, file)];
      const loops = execFileSync("losetup", args, { encoding: "utf8" }).split("\n").filter(Boolean);
      loops.forEach((loop) => execFileSync("losetup", ["--detach", loop]));
    }
    fs.rmSync(directory, { recursive: true });
  }
}
