import { markup, type Markup } from "./html";
import { factsOf, rowsOf, type NodeRow, type StatusReport } from "./overview";
import { page } from "./page";
import { levelOf, symbols, topology } from "./topology";

const labels: readonly (readonly [string, (row: NodeRow) => string])[] = [
  ["cluster", ({ state }) => state],
  ["health", ({ health }) => health],
  ["connections", ({ connections }) => connections],
  ["database follows", ({ database }) => database],
  ["free on its disks", ({ free }) => free],
  ["clock", ({ clock }) => (clock === "alone" ? "follows no server" : clock)],
  ["certificate ends in", ({ certificate }) => certificate],
  ["pending packages", ({ packages }) => packages],
];

/** The report as one page, which is readable on a phone too. */
export function statusPage(report: StatusReport): string {
  return page(
    report,
    markup`<h2>Topology</h2>
<div class="card map">${topology(report)}</div>
<h2>Nodes</h2>
<div class="nodes">${rowsOf(report).map((row) => nodeCard(report, row))}</div>
<h2>Service</h2>
<div class="card"><dl>${factsOf(report).map(([label, fact]) => markup`<dt>${label}</dt><dd>${fact}</dd>`)}</dl></div>`,
  );
}

function nodeCard(report: StatusReport, row: NodeRow): Markup {
  const level = levelOf(report, row.name);
  const answer = report.answers.find(({ node }) => node.name === row.name);
  const role = row.holdsAddress ? `${row.role}, holds the service address` : row.role;
  const rows = labels.flatMap(([label, text]) => (text(row) ? [markup`<dt>${label}</dt><dd>${text(row)}</dd>`] : []));
  return markup`<section class="card ${level}"><h3><span class="tone">${symbols[level]}</span> ${row.name}</h3>
<dl><dt>role</dt><dd>${role}</dd><dt>address</dt><dd>${answer?.node.address ?? ""}</dd>${rows}</dl></section>\n`;
}
