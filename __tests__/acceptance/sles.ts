import * as fs from "fs";
import * as path from "path";
import { labFolder, must, run } from "./lab";

/** A stack of SLES 11 as far as it can be had without a licence: its preview, against the lab's vCenter. */
export function sles(): void {
  describe("a stack of SLES 11", () => {
    const key = path.join(labFolder, "ssh", "id_rsa");

    beforeAll(() => {
      if (!fs.existsSync(key)) {
        must("ssh-keygen", "-q", "-t", "rsa", "-b", "3072", "-N", "", "-f", key);
      }
    });
    afterAll(() => {
      run("lab/stack", "sles11", "stack", "rm", "--yes", "--preserve-config", "sles11");
    });

    test("previews machines and steps, each with its command line, and no secret", () => {
      const preview = must("lab/stack", "sles11", "preview", "--diff");

      expect(preview.match(/\+ vsphere:index\/virtualMachine:VirtualMachine: \(create\)/g)).toHaveLength(3);
      expect(preview.match(/bash smt-ha-files-[0-9a-f]{8}\/files\/install sles11/g)).toHaveLength(3);
      for (const step of [
        "node/preflight --role 'smt director' --name node1 ",
        "cluster/configure --part locking --until base-services ",
        "ocfs/format ",
        "director/configure ",
      ]) {
        // Pulumi shows the beginning of a long line.
        expect(preview).toMatch(new RegExp(`smt-ha ${step}.*(--rev [0-9a-f]{8}"|\\.\\.\\.")`));
      }
      expect(preview).not.toMatch(/lab-only|PRIVATE KEY/);
    });
  });
}
