import { spawnSync } from "child_process";
import * as fs from "fs";
import * as os from "os";
import * as path from "path";
import { must, root, type Run } from "./lab";

/** A new project from `pulumi new`, as docs/production.md makes it. It is previewed only, and needs no machine. */
export function production(): void {
  describe("a new production project", () => {
    const folder = fs.mkdtempSync(path.join(os.tmpdir(), "smt-ha-production-"));
    const template = path.join(folder, "template");
    const project = path.join(folder, "project");
    const key = path.join(folder, "id_rsa");

    const pulumi = (...args: string[]): Pick<Run, "code" | "output"> => {
      const env = {
        ...process.env,
        PULUMI_BACKEND_URL: `file://${folder}?metadata=skip`,
        PULUMI_CONFIG_PASSPHRASE: "any",
        PULUMI_NODEJS_TRANSPILE_ONLY: "true",
      };
      const run = path.join(root, "toolchain/run");
      const options = { cwd: project, encoding: "utf8", env } as const;
      const { status, stdout, stderr } = spawnSync(run, ["pulumi", ...args, "--non-interactive"], options);
      return { code: status, output: `${stdout}${stderr}` };
    };
    const start = (stack: string, example?: string): void => {
      if (example) {
        fs.copyFileSync(
          path.join(project, `examples/stacks/${example}.yaml`),
          path.join(project, `Pulumi.${stack}.yaml`),
        );
      }
      expect(pulumi("stack", "init", stack).output).toContain("Created stack");
    };
    // The built toolchain can't run a directory of policies.
    const pack = must("toolchain/build") ? "toolchain/policy-pack" : "policy";

    beforeAll(() => {
      fs.mkdirSync(template);
      fs.mkdirSync(project);
      must("ssh-keygen", "-q", "-t", "rsa", "-b", "3072", "-N", "", "-f", key);
      // What is not committed yet is a part of it.
      must("sh", "-c", `git archive "$(git stash create | grep . || echo HEAD)" | tar -x -C ${template}`);
    });
    afterAll(() => fs.rmSync(folder, { recursive: true }));

    test("holds the program, its documents and stacks to start from, and nothing of the lab and the tests", () => {
      expect(pulumi("new", template, "--generate-only", "--offline", "--yes", "--name", "other").code).toBe(0);
      const visible = fs.readdirSync(project).filter((name) => !name.startsWith("."));
      expect(visible).toEqual(fs.readdirSync(template).filter((name) => !name.startsWith(".")));
      expect(visible).toEqual(expect.arrayContaining(["Pulumi.yaml", "examples", "files", "index.ts", "policy"]));
      expect(visible.filter((name) => ["__tests__", "lab", "toolchain"].includes(name))).toEqual([]);
      fs.symlinkSync(path.join(root, "node_modules"), path.join(project, "node_modules"));
      fs.mkdirSync(path.join(project, "toolchain"));
      fs.copyFileSync(path.join(root, "toolchain/policy-pack"), path.join(project, "toolchain/policy-pack"));
    });

    test("the program says what a new stack lacks, and the commands that set it", () => {
      start("empty");
      const { code, output } = pulumi("preview");
      expect(code).not.toBe(0);
      expect(output).toContain("fix:   pulumi config set virtualIp 192.0.2.10");
      expect(output).not.toContain("missing configuration value");
    });

    test("a stack to start from is previewed, and keeps the policies", () => {
      start("guide", "vmware-workstation");
      pulumi("config", "set", "sshPrivateKeyFile", key);
      pulumi("config", "set", "--secret", "nuPassword", "any");
      const { code, output } = pulumi("preview", "--policy-pack", pack);
      expect(output).toContain("smt-ha@v");
      expect(output).not.toContain("[mandatory]");
      expect(code).toBe(0);
    });

    test("a policy that is not kept stops it", () => {
      pulumi("config", "set", "--plaintext", "nuPassword", "any");
      const { code, output } = pulumi("preview", "--policy-pack", pack);
      expect(output).toContain("pulumi config set --secret other:nuPassword");
      expect(code).not.toBe(0);
    });
  });
}
