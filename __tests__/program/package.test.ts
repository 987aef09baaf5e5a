import { execFileSync, execSync } from "child_process";
import * as fs from "fs";
import * as os from "os";
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

test("the command is compiled once, and again when it has changed", () => {
  const project = fs.mkdtempSync(path.join(os.tmpdir(), "smt-ha-compiled-"));
  try {
    fs.mkdirSync(path.join(project, "node_modules"));
    fs.symlinkSync(path.join(root, "node_modules/typescript"), path.join(project, "node_modules/typescript"));
    fs.cpSync(path.join(root, "cli/smt-ha.js"), path.join(project, "cli/smt-ha.js"));
    const write = (word: string): void =>
      fs.writeFileSync(path.join(project, "cli/index.ts"), `const word: string = "${word}";\nconsole.log(word);\n`);
    const run = (): string => execFileSync(path.join(project, "cli/smt-ha.js"), { encoding: "utf8" });
    const kept = path.join(project, "node_modules/.cache/smt-ha");

    write("one");
    expect(run()).toBe("one\n");
    fs.appendFileSync(path.join(kept, "cli-index.ts.js"), 'console.log("kept");\n');
    expect(run()).toBe("one\nkept\n");
    write("two");
    expect(run()).toBe("two\n");
    // Where the result can't be kept.
    fs.rmSync(kept, { recursive: true });
    fs.writeFileSync(kept, "");
    expect(run()).toBe("two\n");
  } finally {
    fs.rmSync(project, { recursive: true });
  }
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
