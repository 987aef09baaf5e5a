import * as fs from "fs";
import * as path from "path";

const project = path.join(__dirname, "../..");
const foreign = ["node_modules", ".git", ".lab", "bin", "sdks"];

const read = (file: string): string => fs.readFileSync(path.join(project, file), "utf8");

/** Every file below a directory of the project. */
function filesIn(directory: string): string[] {
  return fs.readdirSync(path.join(project, directory), { withFileTypes: true }).flatMap((entry) => {
    const file = path.join(directory, entry.name);
    if (entry.isDirectory()) {
      return foreign.includes(entry.name) ? [] : filesIn(file);
    }
    return entry.isFile() ? [file] : [];
  });
}

const documents = filesIn(".").filter((file) => file.endsWith(".md"));

/** A document without its code blocks. */
const prose = (file: string): string => read(file).replace(/^ *```[^]*?^ *```$/gm, "");

/** The anchors of a document's headings, as GitHub makes them. */
const anchors = (file: string): string[] =>
  [...prose(file).matchAll(/^#+ (.+)$/gm)].map(([, heading]) =>
    heading
      .toLowerCase()
      .replace(/[^\p{L}\p{N} _-]/gu, "")
      .replace(/ /g, "-"),
  );

/** Relative links of a document that lead nowhere. */
function brokenLinks(file: string): string[] {
  return [...prose(file).matchAll(/\]\(([^)\s]+)\)/g)]
    .map(([, link]) => link)
    .filter((link) => !/^\w+:/.test(link))
    .filter((link) => {
      const [target, anchor] = link.split("#");
      const found = target ? path.join(path.dirname(file), target) : file;
      return !fs.existsSync(path.join(project, found)) || (anchor && !anchors(found).includes(anchor));
    });
}

test.each(documents)("every relative link of %s leads to a file, and to a heading there", (file) => {
  expect(brokenLinks(file)).toEqual([]);
});

test("'pulumi new' can copy a fresh clone: every link leads to a file", () => {
  const links = (directory: string): string[] =>
    fs.readdirSync(path.join(project, directory), { withFileTypes: true }).flatMap((entry) => {
      const file = path.join(directory, entry.name);
      if (foreign.includes(entry.name)) {
        return [];
      }
      return entry.isDirectory() ? links(file) : entry.isSymbolicLink() ? [file] : [];
    });
  expect(links(".").filter((link) => !fs.statSync(path.join(project, link)).isFile())).toEqual([]);
});

test("the README is short", () => {
  expect(read("README.md").split("\n").length - 1).toBeLessThanOrEqual(150);
});

test("docs/README.md lists every document beside it", () => {
  const contents = read("docs/README.md");
  const beside = fs.readdirSync(path.join(project, "docs")).filter((name) => name !== "README.md");
  expect(beside.filter((name) => !contents.includes(`](${name}`))).toEqual([]);
});

test("docs/guide.md has a row for every step", () => {
  const rows = read("docs/guide.md")
    .split("\n")
    .filter((line) => line.startsWith("|"))
    .join("\n");
  expect(filesIn("files/steps").filter((file) => !rows.includes(`](../${file})`))).toEqual([]);
});

test("docs/architecture.md has every component", () => {
  const architecture = read("docs/architecture.md");
  const components = filesIn("components").flatMap((file) =>
    [...read(file).matchAll(/^export class (\w+) extends/gm)].map(([, name]) => name),
  );
  expect(components).toContain("HaeCluster");
  expect(components.filter((name) => !architecture.includes(name))).toEqual([]);
});
