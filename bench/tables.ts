import { type Measurement, type Run, type RunName, sumOf, titles, totalOf } from "./measurement";
import { seconds } from "./picture";
import { pathLength, type Step } from "./timeline";

/** A table in Markdown, in columns that line up in a terminal too. */
export function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const widths = head.map((_, column) => Math.max(...[head, ...rows].map((row) => (row[column] ?? "").length), 3));
  const line = (cells: readonly string[], filler = " "): string =>
    `| ${head.map((_, column) => (cells[column] ?? "").padEnd(widths[column] ?? 0, filler)).join(" | ")} |\n`;
  return (
    line(head) +
    line(
      head.map(() => ""),
      "-",
    ) +
    rows.map((row) => line(row)).join("")
  );
}

export const percent = (part: number, whole: number): string => `${whole > 0 ? Math.round((100 * part) / whole) : 0} %`;

const runNames = Object.keys(titles) as readonly RunName[];

/** How long each run took, and its critical path. In seconds. */
export function summary({ runs }: Pick<Measurement, "runs">): string {
  const parts = [...new Set(runNames.flatMap((name) => Object.keys(runs[name].parts)))];
  return table(
    ["run", "seconds", ...parts, "critical path", "its share"],
    runNames.map((name) => {
      const run = runs[name];
      const path = pathLength(run.steps);
      return [
        titles[name],
        seconds(totalOf(run)),
        ...parts.map((part) => (run.parts[part] === undefined ? "" : seconds(run.parts[part]))),
        seconds(path),
        percent(path, totalOf(run)),
      ];
    }),
  );
}

/** Every step of a run, by node and start. In seconds. */
export function stepTable(steps: readonly Step[]): string {
  const byNode = [...steps].sort((a, b) => (a.node < b.node ? -1 : a.node > b.node ? 1 : a.start - b.start));
  return table(
    ["node", "step", "operation", "start", "end", "takes", "wait", "reach", "critical"],
    byNode.map(({ node, name, op, start, end, wait, reach, critical }) => [
      node || "-",
      name,
      op,
      seconds(start),
      seconds(end),
      seconds(end - start),
      seconds(wait),
      reach === undefined ? "" : String(reach),
      critical ? "▸" : "",
    ]),
  );
}

/** The critical path in its order, with the time before each of its steps: the engine's, and what `lab/stack` does. In seconds. */
export function pathTable({ parts, engine, steps }: Run): string {
  const end = parts.stack ?? 0;
  const path = steps.filter(({ critical }) => critical);
  const marks = [
    { cells: ["", "the engine's first event", ""], start: engine.start, end: engine.start },
    ...path.map((step) => ({ ...step, cells: [step.node || "-", step.name, step.op] })),
    { cells: ["", "the engine's last event", ""], start: engine.end, end: engine.end },
    { cells: ["", "the command's end", ""], start: end, end },
  ];
  const rows = marks.map((mark, index) => ({ ...mark, before: mark.start - (marks[index - 1]?.end ?? 0) }));
  return table(
    ["node", "step", "operation", "time before it", "takes", "until"],
    [
      ...rows.map((row) => [
        ...row.cells,
        seconds(row.before),
        row.end > row.start ? seconds(row.end - row.start) : "",
        seconds(row.end),
      ]),
      [
        "",
        "altogether",
        "",
        seconds(sumOf(rows.map(({ before }) => before))),
        seconds(pathLength(steps)),
        seconds(end),
      ],
    ],
  );
}

/** A step counts as changed if it takes so many milliseconds more or less: the rest is noise. */
const notable = 500;

/** Two measurements: all runs, then the steps that take notably more or less, or that one of them has alone. In seconds. */
export function comparison(base: Measurement, now: Measurement): string {
  const pair = (before: number, after: number): readonly string[] => [
    seconds(before),
    seconds(after),
    before > 0 ? (after / before).toFixed(2) : "",
  ];
  const totals = runNames.map((name) => {
    const [before, after] = [base.runs[name], now.runs[name]];
    return [
      titles[name],
      ...pair(totalOf(before), totalOf(after)),
      ...pair(pathLength(before.steps), pathLength(after.steps)),
    ];
  });
  const steps = runNames.flatMap((name) => {
    const [before, after] = [durations(base.runs[name]), durations(now.runs[name])];
    return [...new Set([...before.keys(), ...after.keys()])].map((step) => ({
      run: titles[name],
      step,
      before: before.get(step),
      after: after.get(step),
      difference: (after.get(step) ?? 0) - (before.get(step) ?? 0),
    }));
  });
  const changed = steps
    .filter(({ difference }) => Math.abs(difference) >= notable)
    .sort((a, b) => Math.abs(b.difference) - Math.abs(a.difference));
  const shown = (value?: number): string => (value === undefined ? "" : seconds(value));
  const signed = (value: number): string => `${value > 0 ? "+" : ""}${seconds(value)}`;
  return `${table(["run", "base", "now", "ratio", "path: base", "now", "ratio"], totals)}
${table(
  ["run", "step", "base", "now", "difference"],
  changed.map(({ run, step, before, after, difference }) => [
    run,
    step,
    shown(before),
    shown(after),
    signed(difference),
  ]),
)}`;
}

type Durations = ReadonlyMap<string, number>;

/** How long each step took, by its name. */
const durations = ({ steps }: Run): Durations =>
  new Map(
    steps.map(({ node, name, op, start, end }) => [
      [node, name, op === "create" ? "" : `(${op})`].filter(Boolean).join(" "),
      end - start,
    ]),
  );
