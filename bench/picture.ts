import { markup, Markup } from "../cli/html";
import type { Step } from "./timeline";

const width = 1200;
const plot = { left: 270, right: width - 70 } as const;
const rowHeight = 16;
const top = 78;

const style = new Markup(`
text { font: 11px system-ui, -apple-system, "Segoe UI", Roboto, sans-serif; fill: #1b1f24; }
.title { font-size: 15px; font-weight: 600; } .node { font-weight: 600; font-size: 12px; } .soft { fill: #57606a; }
.page { fill: #fff; } .band { fill: #f3f4f6; } .grid { stroke: #d0d7de; }
.bar { fill: #8fb3dd; } .critical { fill: #cf222e; } .reach { fill: #fff; fill-opacity: 0.45; }
.wait { stroke: #8c959f; stroke-width: 2; } .link { fill: none; stroke: #cf222e; stroke-width: 1.2; stroke-dasharray: 2 2; }
text.on { fill: #a40e26; font-weight: 600; }
@media (prefers-color-scheme: dark) {
  text { fill: #e6edf3; } .soft { fill: #9ba7b4; } .page { fill: #0d1117; } .band { fill: #161b22; } .grid { stroke: #30363d; }
  .bar { fill: #4a78b0; } .critical { fill: #ff7b72; } .reach { fill: #000; } .wait { stroke: #6e7681; }
  .link { stroke: #ff7b72; } text.on { fill: #ff9c95; }
}
`);

/** A row: a node's heading, or a step. */
type Row = { readonly heading: string } | { readonly step: Step };

/** A time in seconds, such as `12.34`. */
export const seconds = (milliseconds: number): string => (milliseconds / 1000).toFixed(2);

/**
 * All steps by node and time, as one SVG that loads nothing and follows the reader's colours. The critical path differs by more than
 * its colour: its names are bold and marked, and dashes join its steps.
 *
 * @param end of the run, in milliseconds since its start
 */
export function picture(title: string, steps: readonly Step[], end: number): string {
  const rows = rowsOf(steps);
  const height = top + rows.length * rowHeight + 30;
  const bottom = height - 26;
  const x = (time: number): number => round(plot.left + (time / Math.max(end, 1)) * (plot.right - plot.left));
  const y = (index: number): number => top + index * rowHeight;
  const path = rows
    .flatMap((row, index) => ("step" in row && row.step.critical ? [{ step: row.step, middle: y(index) + 8 }] : []))
    .sort((a, b) => a.step.end - b.step.end);
  const { text } =
    markup`<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}" role="img">
<title>${title}</title>
<style>${style}</style>
<rect class="page" width="${width}" height="${height}"/>
<text class="title" x="12" y="22">${title}</text>
${legend()}
${ticks(end).map((time) => tick(x(time), time, bottom))}
${rows.map((row, index) => ("step" in row ? stepRow(row.step, x, y(index)) : headingRow(row.heading, y(index))))}
${path.slice(1).map(({ step, middle }, index) => {
  const before = path[index];
  return before
    ? markup`<path class="link" d="M${x(before.step.end)} ${before.middle}H${x(step.start)}V${middle}"/>\n`
    : markup``;
})}
</svg>
`;
  return text;
}

/** The program's own resources first, then each node's. */
function rowsOf(steps: readonly Step[]): readonly Row[] {
  const nodes = [...new Set(steps.map(({ node }) => node))].sort();
  return nodes.flatMap((node) => [
    { heading: node || "the program's own" },
    ...steps.filter((step) => step.node === node).map((step) => ({ step })),
  ]);
}

const legend = (): Markup => markup`<g transform="translate(12 36)">
<rect class="bar" width="24" height="10"/><text class="soft" x="30" y="9">a step</text>
<rect class="critical" x="84" width="24" height="10"/><text class="soft" x="114" y="9">on the critical path (▸)</text>
<rect class="bar" x="250" width="24" height="10"/><rect class="reach" x="250" width="24" height="10"/>
<text class="soft" x="280" y="9">until its script runs on the node: connection, locks</text>
<path class="wait" d="M610 5h24"/><text class="soft" x="640" y="9">all that it waits for has ended, but it has not started</text></g>`;

const headingRow = (node: string, y: number): Markup =>
  markup`<rect class="band" y="${y}" width="${width}" height="${rowHeight}"/><text class="node" x="12" y="${y + 12}">${node}</text>\n`;

function stepRow(step: Step, x: (time: number) => number, y: number): Markup {
  const { node, name, op, start, end, wait, reach, critical } = step;
  const tone = critical ? "critical" : "bar";
  const from = x(start);
  const wide = round(Math.max(1, x(end) - from));
  const reached = reach ? round(Math.min(wide, x(start + reach * 1000) - from)) : 0;
  const took = `${seconds(end - start)} s`;
  const note = reach === undefined ? "" : `, its script ran ${reach} s after the start`;
  return markup`<g><title>${`${node} ${name}: ${op}, ${seconds(start)} s to ${seconds(end)} s, took ${took}, waited ${seconds(wait)} s${note}`}</title>
<text class="${critical ? "on" : "name"}" x="20" y="${y + 12}">${critical ? "▸ " : ""}${op === "create" ? name : `${name} (${op})`}</text>
<path class="wait" d="M${x(start - wait)} ${y + 8}H${from}"/><rect class="${tone}" x="${from}" y="${y + 3}" width="${wide}" height="10"/>
${reached > 0 ? markup`<rect class="reach" x="${from}" y="${y + 3}" width="${reached}" height="10"/>` : markup``}<text class="soft" x="${round(from + wide + 4)}" y="${y + 12}">${took}</text></g>\n`;
}

const tick = (x: number, time: number, bottom: number): Markup =>
  markup`<path class="grid" d="M${x} ${top - 4}V${bottom}"/><text class="soft" x="${x + 3}" y="${top - 6}">${time / 1000} s</text><text class="soft" x="${x + 3}" y="${bottom + 14}">${time / 1000} s</text>\n`;

/** Ten marks at most, at round seconds. */
function ticks(end: number): readonly number[] {
  const step =
    [1, 2, 5, 10, 20, 30, 60, 120, 300, 600, 1800, 3600].find((each) => end / 1000 / each <= 10) ?? end / 1000;
  return Array.from({ length: Math.floor(end / 1000 / step) + 1 }, (_, index) => index * step * 1000);
}

const round = (value: number): number => Math.round(value * 10) / 10;
