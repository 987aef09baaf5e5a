import type { Collected } from "./diagnose";
import { markup, type Markup } from "./html";
import type { StatusReport } from "./overview";
import { page } from "./page";
import { levelOf, symbols } from "./topology";

/** The archive's first page: what is wrong, and what there is of each node. */
export function diagnosePage(report: StatusReport, nodes: readonly Collected[]): string {
  return page(
    report,
    markup`<p><a href="status.html">status.html</a> shows the nodes and the service; status.json has the same for programs</p>
<h2>Nodes</h2>
${nodes.map((node) => nodeCard(report, node))}
<p>Secrets are replaced by [removed].</p>`,
  );
}

function nodeCard(report: StatusReport, { name, sections, failure }: Collected): Markup {
  const level = failure ? "warning" : levelOf(report, name);
  const groups = [...new Set(sections.map(({ group }) => group))];
  return markup`<section class="card ${level}"><h3><span class="tone">${symbols[level]}</span> ${name}</h3>
${failure ? markup`<p>${failure.cause}</p><p><code>fix: ${failure.fix}</code></p>` : markup``}
<dl class="files">${groups.map(
    (group) =>
      markup`<dt>${group}</dt><dd>${sections
        .filter((section) => section.group === group)
        .map(
          (section) => markup`<a href="${encodeURI(section.file)}">${section.name}</a> ${noteOf(section.text)}`,
        )}</dd>\n`,
  )}</dl></section>\n`;
}

/** What the node says of a section that is not as it should be. */
function noteOf(text: string): Markup {
  const [, note] = /^\[(?!removed\])(.*)\]$/m.exec(text) ?? [];
  return note === undefined ? markup`` : markup`<span class="warning tone">${note}</span> `;
}
