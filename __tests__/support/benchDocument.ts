import * as fs from "fs";
import * as os from "os";
import * as path from "path";

/** The cells of a table in Markdown, its head and its rule included. */
export const cellsOf = (table: string): string[][] =>
  table
    .trim()
    .split("\n")
    .map((line) =>
      line
        .split("|")
        .slice(1, -1)
        .map((cell) => cell.trim()),
    );

/**
 * Has a part of docs/performance.md written twice, into a copy. Expects its text there once, and its data.
 *
 * @param file the data's name in docs/performance
 * @returns the document
 */
export function expectWritten<T>(write: (data: T, root: string) => void, data: T, text: string, file: string): string {
  const copy = fs.mkdtempSync(path.join(os.tmpdir(), "smt-ha-bench-"));
  const document = path.join(copy, "docs/performance.md");
  fs.mkdirSync(path.dirname(document));
  fs.copyFileSync(path.join(__dirname, "../../docs/performance.md"), document);
  write(data, copy);
  write(data, copy);
  const written = fs.readFileSync(document, "utf8");
  expect(written.split(text)).toHaveLength(2);
  expect(JSON.parse(fs.readFileSync(path.join(copy, "docs/performance", file), "utf8"))).toEqual(data);
  fs.rmSync(copy, { recursive: true });
  return written;
}
