import { spawnSync } from "child_process";
import * as fs from "fs";
import * as os from "os";
import * as path from "path";

/** The files of an archive, by their paths in its only directory. */
export function filesOf(archive: string): Record<string, string> {
  const directory = fs.mkdtempSync(path.join(os.tmpdir(), "smt-ha-"));
  try {
    const { status, stderr } = spawnSync("tar", ["-xzf", archive, "-C", directory], { encoding: "utf8" });
    if (status !== 0) {
      throw new Error(`tar: ${stderr}`);
    }
    const [top, ...others] = fs.readdirSync(directory);
    if (others.length > 0) {
      throw new Error(`more than one directory: ${[top, ...others].join(" ")}`);
    }
    const entries = fs.readdirSync(path.join(directory, top), { withFileTypes: true, recursive: true });
    return Object.fromEntries(
      entries
        .filter((entry) => entry.isFile())
        .map((entry) => path.join(entry.parentPath, entry.name))
        .map((file) => [path.relative(path.join(directory, top), file), fs.readFileSync(file, "utf8")]),
    );
  } finally {
    fs.rmSync(directory, { recursive: true });
  }
}
