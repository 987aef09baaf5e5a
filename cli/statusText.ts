import { factsOf, rowsOf, summaryOf, timeText, type NodeRow, type StatusReport } from "./overview";

const columns: readonly (readonly [string, (row: NodeRow) => string])[] = [
  ["NODE", ({ name }) => name],
  ["ROLE", ({ role, holdsAddress }) => (holdsAddress ? `${role}, address` : role)],
  ["CLUSTER", ({ state }) => state],
  ["HEALTH", ({ health }) => health],
  ["CONNECTIONS", ({ connections }) => connections],
  ["DATABASE FOLLOWS", ({ database }) => database],
  ["FREE", ({ free }) => free],
  ["CLOCK", ({ clock }) => clock],
  ["CERTIFICATE", ({ certificate }) => certificate],
  ["PACKAGES", ({ packages }) => packages],
];

/** The report for a terminal: what is wrong comes first. */
export function statusText(report: StatusReport): string {
  const rows = rowsOf(report);
  const table = [columns.map(([title]) => title), ...rows.map((row) => columns.map(([, cell]) => cell(row) || "-"))];
  const widths = columns.map((_, index) => Math.max(...table.map((cells) => (cells[index] ?? "").length)));
  const lines = [
    `stack ${report.stack}, ${timeText(report.time)}: ${summaryOf(report)}`,
    "",
    ...report.findings.flatMap(({ level, nodes, cause, fix }) => [
      [level, ...(nodes.length > 0 ? [nodes.join(", ")] : []), cause].join(": "),
      `  fix:   ${fix}`,
    ]),
    ...(report.findings.length > 0 ? [""] : []),
    ...table.map((cells) =>
      cells
        .map((cell, index) => cell.padEnd(widths[index] ?? 0))
        .join("  ")
        .trimEnd(),
    ),
    "",
    ...factsOf(report).map(([label, text]) => `${label.padEnd(9)} ${text}`),
  ];
  return lines.map((line) => `${printable(line)}\n`).join("");
}

/** Without what would move a terminal's cursor: some texts come from logs. */
export const printable = (line: string): string => line.replace(/\p{Cc}/gu, " ");
