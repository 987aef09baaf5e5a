import type { Finding } from "./findings";
import { Markup, markup } from "./html";
import { summaryOf, timeText, type StatusReport } from "./overview";
import { symbols } from "./topology";

const style = new Markup(`
:root { color-scheme: light dark; --page: #f5f6f8; --card: #fff; --text: #1b1f24; --soft: #57606a; --line: #8c959f; --edge: #d0d7de;
  --ok: #1a7f37; --notice: #57606a; --warning: #9a5b00; --critical: #cf222e; }
@media (prefers-color-scheme: dark) {
  :root { --page: #0d1117; --card: #161b22; --text: #e6edf3; --soft: #9ba7b4; --line: #6e7681; --edge: #30363d;
    --ok: #3fb950; --notice: #9ba7b4; --warning: #d9a034; --critical: #ff7b72; }
}
* { box-sizing: border-box; }
body { margin: 0 auto; padding: 16px; max-width: 960px; background: var(--page); color: var(--text);
  font: 16px/1.45 system-ui, -apple-system, "Segoe UI", Roboto, sans-serif; overflow-wrap: anywhere; }
h1 { margin: 0; font-size: 1.35rem; }
h2 { margin: 24px 0 8px; font-size: 1.05rem; }
p { margin: 4px 0 0; color: var(--soft); }
.ok { --tone: var(--ok); } .notice { --tone: var(--notice); } .warning { --tone: var(--warning); } .critical { --tone: var(--critical); }
.tone { color: var(--tone); font-weight: 600; }
.card { background: var(--card); border: 1px solid var(--edge); border-radius: 10px; padding: 12px 14px; }
ul { list-style: none; margin: 0; padding: 0; display: grid; gap: 8px; }
li.card { border-left: 5px solid var(--tone); }
code { font: 0.87em/1.5 ui-monospace, SFMono-Regular, Menlo, Consolas, monospace; }
.files a { margin-right: 10px; white-space: nowrap; }
.map { overflow-x: auto; padding: 8px 0; }
svg { display: block; width: 100%; margin: 0 auto; }
svg text { font-size: 12px; text-anchor: middle; fill: var(--soft); }
svg .name { font-size: 14px; font-weight: 600; fill: var(--text); }
svg .symbol { fill: var(--tone); }
svg .box { fill: var(--card); stroke: var(--tone, var(--line)); stroke-width: 1.5; }
svg line, svg path { fill: none; stroke: var(--line); stroke-width: 1.5; }
svg .way { stroke: var(--text); } svg .thick { stroke-width: 3; }
svg .critical { stroke: var(--critical); } svg g.critical { stroke: none; }
svg .dashed { stroke-dasharray: 5 4; }
svg .tip { fill: var(--line); stroke: none; }
svg .label { paint-order: stroke; stroke: var(--card); stroke-width: 4px; }
.nodes { display: grid; gap: 8px; grid-template-columns: repeat(auto-fit, minmax(270px, 1fr)); }
.nodes h3 { margin: 0 0 4px; font-size: 1rem; }
dl { margin: 0; display: grid; grid-template-columns: auto 1fr; gap: 2px 14px; }
dt { color: var(--soft); } dd { margin: 0; }
`);

/** A page that says first how the stack is and what to look at. It loads nothing, runs nothing, and is readable in the dark. */
export function page(report: StatusReport, body: Markup): string {
  const { stack, time, answers, findings } = report;
  const worst = answers.every(({ status }) => !status) ? "critical" : (findings[0]?.level ?? "ok");
  const { text } = markup`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<title>${stack}: ${summaryOf(report)}</title>
<style>${style}</style>
</head>
<body>
<h1 class="${worst}"><span class="tone">${symbols[worst]}</span> ${stack}: ${summaryOf(report)}</h1>
<p>as of <time datetime="${time.toISOString()}">${timeText(time)}</time></p>
${findings.length > 0 ? markup`<h2>What to look at</h2>\n<ul>${findings.map(findingItem)}</ul>` : markup``}
${body}
</body>
</html>
`;
  return text;
}

const findingItem = ({ level, nodes, cause, fix }: Finding): Markup =>
  markup`<li class="card ${level}"><span class="tone">${symbols[level]} ${[level, ...nodes].join(" · ")}</span><br>${cause}<br><code>fix: ${fix}</code></li>\n`;
