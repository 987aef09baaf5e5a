import { writePart } from "../document";
import { sumOf } from "../measurement";
import { seconds } from "../picture";
import { percent, table } from "../tables";
import type { Growth, Limit, Size } from "./measurement";
import { isSerial, type StepUse } from "./serial";

/** How the wall time and the load grow, in seconds and MiB. */
export function sizeTable(sizes: readonly Size[]): string {
  const mib = (kib: number): string => (kib / 1024).toFixed(0);
  return table(
    [
      ...["nodes", "of them SMT", "limit", "`up` from nothing", "critical path", "`up` again"],
      ...["operations at once", "SSH at once", "memory", "engine", "program", "plugins", "memory, again"],
    ],
    sizes.map(({ load: { connections, memory }, ...size }) => [
      ...[String(size.nodes), String(size.smtNodes), size.limit, seconds(size.up), seconds(size.path)],
      ...[seconds(size.again), String(size.operations), String(connections), mib(memory.total), mib(memory.engine)],
      ...[mib(memory.program), mib(memory.plugins), mib(size.loadAgain.memory.total)],
    ]),
  );
}

/** How much longer `up` takes with the most nodes than with the fewest. */
export function growthOf(sizes: readonly Size[], limit: Limit): string {
  const own = sizes.filter((size) => size.limit === limit).sort((a, b) => a.nodes - b.nodes);
  const [least, most] = [own[0], own.at(-1)];
  return least && most && most !== least
    ? `With the limit \`${limit}\`, \`up\` from nothing takes ${(most.up / least.up).toFixed(2)} times as long with ${most.nodes} nodes as with ${least.nodes}.\n`
    : "";
}

/** Each step that the critical path leads through, or that is serial, by the size of the stack. */
export function stepGrowthTable(sizes: readonly Size[]): string {
  const usesIn = (step: string): (StepUse | undefined)[] =>
    sizes.map(({ uses }) => uses.find((use) => use.step === step));
  const all = [...new Set(sizes.flatMap(({ uses }) => uses.map(({ step }) => step)))];
  const shown = all.filter((step) => usesIn(step).some((use) => use && (use.critical > 0 || use.chain > 1)));
  const each = (uses: readonly (StepUse | undefined)[], text: (use: StepUse) => string): string =>
    uses.map((use) => (use ? text(use) : "-")).join(", ");
  return table(
    ["step", "how often", "in a row", "waits for other nodes", "serial", "seconds on the critical path"],
    shown.map((step) => {
      const uses = usesIn(step);
      return [
        `\`${step}\``,
        each(uses, ({ times }) => String(times)),
        each(uses, ({ chain }) => String(chain)),
        each(uses, ({ nodes }) => String(nodes)),
        uses.every((use) => !use || isSerial(use)) ? "yes" : "",
        each(uses, ({ critical }) => (critical / 1000).toFixed(1)),
      ];
    }),
  );
}

/** How much of the critical path is serial. */
export function serialShare({ nodes, path: length, uses }: Size): string {
  const serial = sumOf(uses.filter(isSerial).map(({ critical }) => critical));
  return `With ${nodes} nodes, ${seconds(serial)} s of the critical path's ${seconds(length)} s are serial (${percent(serial, length)}).\n`;
}

/** What a step costs, in seconds. */
export function costTable({ costs, sizes }: Growth): string {
  return table(
    ["what", "seconds"],
    [
      ...costs.map(({ what, took }) => [what, seconds(took)]),
      ...sizes.map(({ nodes, limit, beside }) => [
        `an operation of Pulumi beside the step's script: ${nodes} nodes, limit ${limit}`,
        seconds(beside),
      ]),
    ],
  );
}

/** The part of docs/performance.md on the growth. */
export function grown(growth: Growth): string {
  const { where, source, sizes } = growth;
  const unlimited = sizes.filter(({ limit }) => limit === "none");
  const sizesShown = unlimited.map(({ nodes }) => String(nodes)).join(", ");
  return [
    `Measured ${where}. The steps take as long as in: ${source}.\n`,
    sizeTable(sizes),
    ...(["default", "none"] as const).map((limit) => growthOf(sizes, limit)).filter(Boolean),
    `What is serial, by the graph and the critical path without a limit. Several figures are those with ${sizesShown} nodes.\n`,
    stepGrowthTable(unlimited),
    unlimited.map(serialShare).join(""),
    "What a step costs:\n",
    costTable(growth),
  ].join("\n");
}

/** Writes the growth into docs/performance.md, and its data. */
export function writeGrowth(growth: Growth, root: string): void {
  writePart(root, "growth", grown(growth), "growth.json", growth);
}
