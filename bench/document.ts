import * as fs from "fs";
import * as path from "path";
import { update } from "../scripts/generate";
import { type Measurement, type RunName, titles, totalOf } from "./measurement";
import { picture } from "./picture";
import { pathTable, stepTable, summary } from "./tables";

const file = "docs/performance.md";

/** What a reader needs of one run: its picture, its critical path, every step. */
function section(name: RunName, { runs }: Measurement): string {
  const run = runs[name];
  return `## ${titles[name]}

![every step by node and time](performance/${name}.svg)

${pathTable(run)}
<details><summary>every step</summary>

${stepTable(run.steps)}
</details>
`;
}

/** The measured part of docs/performance.md. */
export function measured(measurement: Measurement): string {
  const { where, memoryMiB, down } = measurement;
  const names = Object.keys(titles) as readonly RunName[];
  return [
    `Measured ${where}. The lab took ${memoryMiB} MiB with its service running, and ${(down / 1000).toFixed(0)} s to go down.\n`,
    summary(measurement),
    ...names.map((name) => section(name, measurement)),
  ].join("\n");
}

/**
 * Writes a part of docs/performance.md, and its data beside the others.
 *
 * @param name of the part, as the lines around it have it
 * @returns the directory of the data
 */
export function writePart(root: string, name: string, content: string, dataFile: string, data: unknown): string {
  const text = fs.readFileSync(path.join(root, file), "utf8");
  const part = { file, start: `<!-- ${name} -->\n\n`, end: `\n<!-- end of ${name} -->\n`, content: () => content };
  fs.writeFileSync(path.join(root, file), update(text, part));
  const directory = path.join(root, "docs/performance");
  fs.mkdirSync(directory, { recursive: true });
  fs.writeFileSync(path.join(directory, dataFile), `${JSON.stringify(data, undefined, 1)}\n`);
  return directory;
}

/** Writes docs/performance.md, its pictures, and the data that a later run compares itself with. */
export function writeDocument(measurement: Measurement, root: string): void {
  const directory = writePart(root, "measured", measured(measurement), "data.json", measurement);
  for (const name of Object.keys(titles) as readonly RunName[]) {
    const run = measurement.runs[name];
    fs.writeFileSync(
      path.join(directory, `${name}.svg`),
      picture(titles[name], run.steps, run.parts.stack ?? totalOf(run)),
    );
  }
}
