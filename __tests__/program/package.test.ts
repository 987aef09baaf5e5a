import { execSync } from "child_process";
import * as fs from "fs";
import * as path from "path";
import * as packageJson from "../../package.json";

const root = path.join(__dirname, "../..");

test("Pulumi runs index.ts: an export named . would be the program instead", () => {
  expect(packageJson.main).toBe("index.ts");
  expect(Object.keys(packageJson.exports)).toEqual(["./components"]);
});

test("npx finds the command in a checkout, and can run it", () => {
  expect(packageJson.bin).toEqual({ "smt-ha": "cli/smt-ha.js" });
  expect(fs.statSync(path.join(root, packageJson.bin["smt-ha"])).mode & 0o111).toBe(0o111);
});

test("the node-side files are found from the built components too", () => {
  const built = path.join(root, path.dirname(packageJson.exports["./components"].default));
  expect(path.join(built, "..", "files")).toBe(path.join(root, "files"));
  expect(packageJson.files).toEqual(["dist", "files"]);
});

test("a new project holds what production needs: git archive leaves out the lab, the toolchain, the tests and their tools", () => {
  const packed = execSync("git archive --worktree-attributes HEAD | tar -t", { cwd: root, encoding: "utf8" }).split(
    "\n",
  );
  const top = [...new Set(packed.filter(Boolean).map((file) => file.split("/")[0]))];
  expect(top).toEqual([
    ...[".editorconfig", ".gitattributes", ".gitignore", "CHANGELOG.md", "LICENSE", "Pulumi.yaml"],
    ...["cli", "components", "config", "docs", "examples", "files", "index.ts", "package-lock.json", "package.json"],
    ...["policy", "report", "sdks", "tsconfig.json"],
  ]);
  expect(packed.filter((file) => /^examples\/[^/]+\/$/.test(file))).toEqual(["examples/stacks/"]);
});
