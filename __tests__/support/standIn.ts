import { execFileSync } from "child_process";
import * as fs from "fs";
import * as os from "os";
import * as path from "path";
import { TestNode } from "./node";

/** A test node that has the package of the lab's stand-in for SMT, not installed, in /srv/packages. */
export async function startWithStandIn(): Promise<TestNode> {
  const packages = fs.mkdtempSync(path.join(os.tmpdir(), "smt-ha-stand-in-"));
  try {
    execFileSync(path.join(__dirname, "../../lab/template/smt/build"), [packages]);
    const node = await TestNode.start();
    node.put(packages, "/srv/packages");
    return node;
  } finally {
    fs.rmSync(packages, { recursive: true });
  }
}
