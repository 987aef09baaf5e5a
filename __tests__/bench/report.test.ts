import * as fs from "fs";
import * as os from "os";
import * as path from "path";
import { measured, writeDocument } from "../../bench/document";
import type { Measurement, Run } from "../../bench/measurement";
import { picture } from "../../bench/picture";
import { comparison, pathTable, stepTable, summary } from "../../bench/tables";
import type { Step } from "../../bench/timeline";
import { cellsOf } from "../support/benchDocument";

const step = (node: string, name: string, start: number, end: number, more: Partial<Step> = {}): Step => ({
  node,
  name,
  op: "create",
  start,
  end,
  wait: 0,
  critical: false,
  ...more,
});
const up: Run = {
  parts: { toolchain: 40, lab: 1960, stack: 20_000 },
  engine: { start: 500, end: 19_000 },
  steps: [
    step("", "default", 1000, 1100, { wait: 1000, critical: true }),
    step("node1", "iscsi-login", 1200, 4200, { wait: 100, reach: 2, critical: true }),
    step("node2", "iscsi-login", 1250, 3250, { wait: 150 }),
    step("node1", "disk-partition", 4300, 18_300, { wait: 100, critical: true }),
  ],
};
const quiet: Run = { parts: { lab: 1000, stack: 5000 }, engine: { start: 400, end: 4800 }, steps: [] };
const measurement: Measurement = {
  where: "2026-10-02 on 2 CPUs (none)",
  runs: { up, again: quiet, preview: quiet, change: quiet },
  memoryMiB: 4321,
  down: 12_300,
};

test("the summary has each run's parts, and the path's share of the whole", () => {
  const rows = cellsOf(summary(measurement));
  expect(rows[0]).toEqual(["run", "seconds", "toolchain", "lab", "stack", "critical path", "its share"]);
  expect(rows[2]).toEqual(["up from nothing", "22.00", "0.04", "1.96", "20.00", "17.10", "78 %"]);
  expect(rows[4]).toEqual(["preview", "6.00", "", "1.00", "5.00", "0.00", "0 %"]);
});

test("the path's table accounts for all of the command's time", () => {
  const rows = cellsOf(pathTable(up)).slice(2);
  expect(rows.map(([node, name, , before, takes, until]) => [node, name, before, takes, until])).toEqual([
    ["", "the engine's first event", "0.50", "", "0.50"],
    ["-", "default", "0.50", "0.10", "1.10"],
    ["node1", "iscsi-login", "0.10", "3.00", "4.20"],
    ["node1", "disk-partition", "0.10", "14.00", "18.30"],
    ["", "the engine's last event", "0.70", "", "19.00"],
    ["", "the command's end", "1.00", "", "20.00"],
    ["", "altogether", "2.90", "17.10", "20.00"],
  ]);
});

test("the table of steps has every step by node and start", () => {
  const rows = cellsOf(stepTable(up.steps)).slice(2);
  expect(rows.map(([node, name]) => `${node} ${name}`)).toEqual([
    "- default",
    "node1 iscsi-login",
    "node1 disk-partition",
    "node2 iscsi-login",
  ]);
  expect(rows[1]).toEqual(["node1", "iscsi-login", "create", "1.20", "4.20", "3.00", "0.10", "2", "▸"]);
});

test("a comparison has all runs, then only the steps that differ notably, the largest first", () => {
  const [login, slow] = [step("node2", "iscsi-login", 1250, 3600), step("node1", "disk-partition", 4300, 9000)];
  const now = { ...up, steps: [...up.steps.slice(0, 2), login, slow, step("node2", "new", 0, 600)] };
  const [totals, steps] = comparison(measurement, {
    ...measurement,
    runs: { ...measurement.runs, up: { ...now, parts: { ...up.parts, stack: 9000 } } },
  }).split("\n\n");
  expect(cellsOf(totals)[2]).toEqual(["up from nothing", "22.00", "11.00", "0.50", "17.10", "3.10", "0.18"]);
  expect(cellsOf(steps).slice(2)).toEqual([
    ["up from nothing", "node1 disk-partition", "14.00", "4.70", "-9.30"],
    ["up from nothing", "node2 new", "", "0.60", "+0.60"],
  ]);
});

describe("the picture", () => {
  const evil = `<script>alert("1")</script>&'`;
  const svg = picture(evil, [...up.steps, step("node3", evil, 5000, 6000)], 20_000);

  test("is well-formed, and shows names as text", () => {
    expect(svg).not.toContain("<script");
    const elements = [...svg.matchAll(/<(\/?)([a-z]+)((?:\s[\w-]+="[^"<]*")*)\s*(\/?)>/gi)];
    expect(elements.length).toBe(svg.match(/<[a-z/]/gi)?.length);
    const open: string[] = [];
    for (const [, closing, name, , empty] of elements) {
      if (closing) {
        expect(open.pop()).toBe(name);
      } else if (!empty) {
        open.push(name);
      }
    }
    expect(open).toEqual([]);
  });

  test("loads nothing, and follows the reader's colours", () => {
    expect(svg.replace('xmlns="http://www.w3.org/2000/svg"', "")).not.toMatch(
      /https?:|url\(|@import|href|<(image|use|a)\b/,
    );
    expect(svg).toContain("@media (prefers-color-scheme: dark)");
  });

  test("has a row for each step, and marks and joins those of the path", () => {
    expect(svg.match(/<text class="(name|on)"/g)).toHaveLength(5);
    expect(svg.match(/class="on"[^>]*>▸ /g)).toHaveLength(3);
    expect(svg.match(/<path class="link"/g)).toHaveLength(2);
  });

  test("draws a step as long as it took, and lightens what it took to reach its script", () => {
    const [, left, wide] =
      /class="critical" x="([\d.]+)" y="\d+" width="([\d.]+)" height="10"\/>\n<rect class="reach"/.exec(svg)!;
    const [, reached] = /<rect class="reach" x="[\d.]+" y="\d+" width="([\d.]+)"/.exec(
      svg.slice(svg.indexOf("iscsi-login")),
    )!;
    expect(Number(reached) / Number(wide)).toBeCloseTo(2 / 3, 2);
    const scale = Number(wide) / 3000;
    expect((Number(left) - 270) / 1200).toBeCloseTo(scale, 2);
  });

  test("can be one of no steps", () => {
    expect(picture("nothing", [], 0)).toContain("</svg>");
  });
});

test("the document keeps its text, and gets the figures, the pictures and the data", () => {
  const root = fs.mkdtempSync(path.join(os.tmpdir(), "bench-"));
  try {
    fs.mkdirSync(path.join(root, "docs"));
    fs.copyFileSync(path.join(__dirname, "../../docs/performance.md"), path.join(root, "docs/performance.md"));
    writeDocument(measurement, root);
    writeDocument(measurement, root);
    const text = fs.readFileSync(path.join(root, "docs/performance.md"), "utf8");
    expect(text).toContain("## How to read it");
    expect(text).toContain(`<!-- measured -->\n\n${measured(measurement)}\n<!-- end of measured -->\n`);
    expect(text).toContain("The lab took 4321 MiB with its service running, and 12 s to go down.");
    for (const [, link] of text.matchAll(/!\[[^\]]*\]\(([^)]+)\)/g)) {
      expect(fs.readFileSync(path.join(root, "docs", link), "utf8")).toMatch(/^<svg /);
    }
    expect(text.match(/!\[/g)).toHaveLength(4);
    expect(JSON.parse(fs.readFileSync(path.join(root, "docs/performance/data.json"), "utf8"))).toEqual(measurement);
  } finally {
    fs.rmSync(root, { recursive: true });
  }
});
