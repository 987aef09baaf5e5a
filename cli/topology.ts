import { hostOf, type Level } from "./findings";
import { markup, type Markup } from "./html";
import { answerOf, type NodeAnswer } from "./nodeStatus";
import { holderOf, rowsOf, serviceAddressOf, type NodeRow, type StatusReport } from "./overview";

interface Point {
  readonly x: number;
  readonly y: number;
}

interface PlacedNode extends Point {
  readonly answer: NodeAnswer;
  readonly row: NodeRow;
  readonly level: Level | "ok";
}

/** Sizes in the picture's own unit: a phone shows one as a pixel. */
const box = { width: 108, height: 66 };
const column = 170;
const rows = { address: 26, directors: 112, servers: 226, ring: 288, disk: 350 };

/** How bad it is with a node: the worst of what was found about it. */
export function levelOf({ findings }: StatusReport, name: string): Level | "ok" {
  return findings.find(({ nodes, level }) => nodes.includes(name) && level !== "notice")?.level ?? "ok";
}

/** A state is told by its shape too, not by its colour alone. */
export const symbols: Readonly<Record<Level | "ok", string>> = { ok: "●", notice: "●", warning: "▲", critical: "✕" };

/** The nodes, the service address, the ring of the databases and the shared disk, as SVG. */
export function topology(report: StatusReport): Markup {
  const { answers } = report;
  const all = rowsOf(report);
  const inRole = (role: string): NodeAnswer[] => answers.filter(({ node }) => node.role === role);
  const [directors, servers] = [inRole("director"), inRole("smt")];
  const width = Math.max(2, directors.length, servers.length) * column;
  const placed = [...place(directors, rows.directors, width), ...place(servers, rows.servers, width)].flatMap(
    ({ answer, x, y }): PlacedNode[] => {
      const row = all.find(({ name }) => name === answer.node.name);
      return row ? [{ answer, x, y, row, level: levelOf(report, row.name) }] : [];
    },
  );
  const holder = placed.find(({ row }) => row.name === holderOf(answers));
  const realServers = placed.filter(({ answer }) => answer.node.role === "smt");
  const label = `Nodes: ${placed.map(({ row, level }) => `${row.name} ${level}`).join(", ")}`;
  return markup`<svg viewBox="0 0 ${width} 384" style="min-width:${width}px;max-width:${1.4 * width}px" role="img" aria-label="${label}">
<defs><marker id="tip" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="8" markerHeight="8" orient="auto-start-reverse"><path class="tip" d="M0 0 8 4 0 8z"/></marker></defs>
${diskLines(realServers, width)}${holder ? balancing(holder, realServers, width) : markup``}${ring(realServers)}
${addressPill(report, width)}${placed.map(nodeBox)}${disk(report, width)}
</svg>`;
}

/** Spreads nodes over the width. */
const place = (
  nodes: readonly NodeAnswer[],
  y: number,
  width: number,
): { answer: NodeAnswer; x: number; y: number }[] =>
  nodes.map((answer, index) => ({ answer, x: Math.round(((index + 0.5) * width) / nodes.length), y }));

const line = (from: Point, to: Point, style: string): Markup =>
  markup`<line class="${style}" x1="${from.x}" y1="${from.y}" x2="${to.x}" y2="${to.y}"/>`;

function addressPill({ answers }: StatusReport, width: number): Markup {
  const address = serviceAddressOf(answers) ?? "service address";
  const held = holderOf(answers) !== undefined;
  return markup`<g class="${held ? "ok" : "critical"}"><rect class="box" x="${width / 2 - 70}" y="6" width="140" height="40" rx="20"/>
<text class="name" x="${width / 2}" y="23">${address}</text><text x="${width / 2}" y="38">${held ? "clients: http, https" : "on no node"}</text></g>`;
}

function nodeBox({ x, y, row, level }: PlacedNode): Markup {
  const left = x - box.width / 2;
  const top = y - box.height / 2;
  const lines = [row.state, row.role === "smt" ? `health: ${row.health}` : row.role];
  return markup`<g class="${level}"><rect class="box" x="${left}" y="${top}" width="${box.width}" height="${box.height}" rx="8"/>
<text class="name" x="${x}" y="${top + 20}"><tspan class="symbol">${symbols[level]}</tspan> ${row.name}</text>${lines.map(
    (text, index) => markup`<text x="${x}" y="${top + 38 + 16 * index}">${shortened(text)}</text>`,
  )}</g>`;
}

/** As long as a box is wide. */
const shortened = (text: string): string => (text.length > 17 ? `${text.slice(0, 16)}…` : text);

/** The way of requests: from the address to the node that holds it, and from there to the servers in its table. */
function balancing(holder: PlacedNode, servers: readonly PlacedNode[], width: number): Markup {
  const entries = (answerOf(holder.answer, "table")?.services ?? []).flatMap((service) => service.servers);
  const upper = { x: holder.x, y: holder.y - box.height / 2 };
  // From an SMT node, the way leads over the others' heads.
  const from = holder.answer.node.role === "smt" ? upper : { x: holder.x, y: holder.y + box.height / 2 };
  const ways = servers.flatMap((server) => {
    const own = entries.filter(({ address }) => hostOf(address) === server.answer.node.address);
    if (own.length === 0 || server === holder) {
      return [];
    }
    const takes = own.some(({ weight }) => weight > 0);
    const to = { x: server.x, y: server.y - box.height / 2 };
    const middle = { x: (from.x + to.x) / 2, y: from.y === to.y ? from.y - 18 : (from.y + to.y) / 2 };
    const path = `M${from.x} ${from.y} Q${middle.x} ${from.y === to.y ? from.y - 36 : middle.y} ${to.x} ${to.y}`;
    return [
      markup`<path class="way ${takes ? "" : "dashed"}" d="${path}" marker-end="url(#tip)"/><text class="label" x="${middle.x}" y="${middle.y - 3}">${server.row.connections}</text>`,
    ];
  });
  return markup`<path class="way thick" d="${wayToHolder(holder, upper, width)}"/>${ways}`;
}

/** From the address down to a director, or past the directors to a server. */
function wayToHolder(holder: PlacedNode, { x, y }: Point, width: number): string {
  if (holder.answer.node.role === "director") {
    return `M${width / 2} ${rows.address + 20} L${x} ${y}`;
  }
  const [start, edge] = x > width / 2 ? [width / 2 + 70, width - 10] : [width / 2 - 70, 10];
  return `M${start} ${rows.address} Q${edge} ${rows.address} ${edge} 70 L${edge} 150 Q${edge} ${y - 22} ${x} ${y}`;
}

/** Which database follows which: an arrow from the one that is followed. */
function ring(servers: readonly PlacedNode[]): Markup {
  const arrows = servers.flatMap((follower, index) => {
    const link = answerOf(follower.answer, "database");
    const leaderIndex = servers.findIndex(({ answer }) => answer.node.address === link?.follows);
    const leader = servers[leaderIndex];
    if (!link || !leader || !("receives" in link)) {
      return [];
    }
    const style = link.receives === "Yes" && link.applies ? "link" : "link critical dashed";
    const label = link.behind === null ? "?" : `${link.behind} s`;
    if (Math.abs(leaderIndex - index) === 1) {
      const side = leader.x < follower.x ? 1 : -1;
      // Both ways have their own height.
      const y = follower.y + 12 * side;
      const [from, to] = [leader.x + (side * box.width) / 2, follower.x - (side * box.width) / 2];
      return [
        markup`<path class="${style}" d="M${from} ${y} ${to - 2 * side} ${y}" marker-end="url(#tip)"/><text class="label" x="${(from + to) / 2}" y="${y + (side > 0 ? 13 : -5)}">${label}</text>`,
      ];
    }
    const bottom = follower.y + box.height / 2;
    const middle = (leader.x + follower.x) / 2;
    return [
      markup`<path class="${style}" d="M${leader.x} ${bottom} Q${middle} ${bottom + 44} ${follower.x} ${bottom}" marker-end="url(#tip)"/><text class="label" x="${middle}" y="${rows.ring + 4}">${label}</text>`,
    ];
  });
  return markup`${arrows}`;
}

/** A line to the disk from each server that has the shared file system mounted; a broken one from the others. */
function diskLines(servers: readonly PlacedNode[], width: number): Markup {
  const lines = servers.map(({ answer, x, y }) => {
    const mounted = (answerOf(answer, "shared")?.systems.length ?? 0) > 0;
    const to = { x: Math.min(Math.max(x, width / 2 - 90), width / 2 + 90), y: rows.disk - 18 };
    return line({ x, y: y + box.height / 2 }, to, mounted ? "mount" : "mount critical dashed");
  });
  return markup`${lines}`;
}

function disk({ answers }: StatusReport, width: number): Markup {
  const shared = answers.flatMap((answer) => answerOf(answer, "shared")?.systems[0] ?? [])[0];
  const slots = answers.flatMap((answer) => answerOf(answer, "fencing")?.slots.length ?? [])[0];
  const texts = [
    shared ? `${shared.directory}: ${Math.floor((100 * shared.free) / shared.size)} % free` : "not known",
    ...(slots === undefined ? [] : [`SBD: ${slots} slots`]),
  ];
  return markup`<g class="ok"><rect class="box" x="${width / 2 - 110}" y="${rows.disk - 18}" width="220" height="44" rx="8"/>
<text class="name" x="${width / 2}" y="${rows.disk}">shared disk</text><text x="${width / 2}" y="${rows.disk + 17}">${texts.join(" · ")}</text></g>`;
}
