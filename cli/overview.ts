import { daysLeft, hostOf, type Finding } from "./findings";
import { answerOf, majorityView, newestMirrorRun, nodeOf, type NodeAnswer } from "./nodeStatus";

/** What is known of a stack at one time. */
export interface StatusReport {
  readonly stack: string;
  readonly time: Date;
  readonly answers: readonly NodeAnswer[];
  readonly findings: readonly Finding[];
}

/** A node in a few words; a word is empty where the node has nothing of the kind, and "?" where it is not known. */
export interface NodeRow {
  readonly name: string;
  readonly role: string;
  /** As the cluster says. */
  readonly state: string;
  /** Whether it holds the service address. */
  readonly holdsAddress: boolean;
  /** Whether its health page is good. */
  readonly health: string;
  /** Open connections, as the balancer counts them. */
  readonly connections: string;
  /** Which database it follows, and how far behind it is. */
  readonly database: string;
  /** What is free on the fullest of its own file systems. */
  readonly free: string;
  readonly clock: string;
  /** Days until the first of its certificates ends. */
  readonly certificate: string;
  /** Pending packages. */
  readonly packages: string;
}

const unknown = "?";

export function rowsOf({ answers, time }: StatusReport): NodeRow[] {
  const view = majorityView(answers);
  const holder = holderOf(answers);
  const table = answers.flatMap((answer) =>
    answer.node.name === holder ? (answerOf(answer, "table")?.services ?? []) : [],
  );
  return answers.map((answer): NodeRow => {
    const { node, status } = answer;
    const isServer = node.role === "smt";
    const health = answerOf(answer, "health");
    const link = answerOf(answer, "database");
    const entries = table.flatMap(({ servers }) => servers.filter(({ address }) => hostOf(address) === node.address));
    const active = entries.reduce((sum, entry) => sum + entry.active, 0);
    const systems = answerOf(answer, "disks")?.systems ?? [];
    const days = (answerOf(answer, "certificates")?.certificates ?? []).map(({ to }) => daysLeft(to, time));
    const packages = answerOf(answer, "packages");
    const clock = answerOf(answer, "clock");
    return {
      name: node.name,
      role: node.role,
      state: view?.nodes.find(({ name }) => name === node.name)?.state ?? (status ? unknown : "no answer"),
      holdsAddress: node.name === holder,
      health: !isServer ? "" : !health ? unknown : health.status === 200 ? "healthy" : `no (${health.status})`,
      connections:
        !isServer || !holder ? "" : entries.some(({ weight }) => weight > 0) ? String(active) : `${active}, no new`,
      database: !isServer ? "" : !link ? unknown : linkText(link, answers),
      free:
        systems.length > 0
          ? `${Math.floor(Math.min(...systems.map(({ free, size }) => (100 * free) / size)))} %`
          : unknown,
      clock: !clock ? unknown : clock.synchronised ? "follows" : "alone",
      certificate: !status ? unknown : days.length > 0 ? `${Math.min(...days)} days` : "",
      packages: !packages ? unknown : `${packages.pending}${packages.reboot ? ", reboot" : ""}`,
    };
  });
}

function linkText(link: { follows: string; behind?: number | null }, answers: readonly NodeAnswer[]): string {
  if (!link.follows) {
    return "follows none";
  }
  const name = answers.find(({ node }) => node.address === link.follows)?.node.name ?? link.follows;
  return `${name}, ${link.behind ?? unknown} s behind`;
}

/** The node that holds the service address, as the cluster says. */
export const holderOf = (answers: readonly NodeAnswer[]): string | undefined => nodeOf(majorityView(answers), "VirtIP");

/** The service address; undefined if no node tells it. */
export const serviceAddressOf = (answers: readonly NodeAnswer[]): string | undefined =>
  answers.flatMap((answer) => answerOf(answer, "address")?.service ?? [])[0];

/** What belongs to no single node, as labels with texts. */
export function factsOf({ answers }: StatusReport): (readonly [string, string])[] {
  const first = <T>(find: (answer: NodeAnswer) => T | undefined): T | undefined =>
    answers.flatMap((a) => find(a) ?? [])[0];
  const address = serviceAddressOf(answers);
  const view = majorityView(answers);
  const fencing = first((answer) => answerOf(answer, "fencing"));
  const shared = first((answer) => answerOf(answer, "shared")?.systems[0]);
  const revisions = [...new Set(answers.flatMap(({ status }) => status?.revision ?? []))];
  const systems = [...new Set(answers.flatMap(({ status }) => status?.system ?? []))];
  return [
    ["address", address ? `${address} on ${holderOf(answers) ?? "no node"}` : unknown],
    ["cluster", view ? (view.quorum ? "has quorum" : "has no quorum") : unknown],
    ["fencing", fencing ? `${fencing.device}, ${fencing.slots.length} slots` : unknown],
    ["shared", shared ? `${shared.directory}: ${shared.free} of ${shared.size} MiB free` : unknown],
    ["mirror", mirrorText(answers)],
    ["system", systems.join(", ") || unknown],
    ["files", revisions.length > 0 ? `revision ${revisions.join(", ")}` : unknown],
  ];
}

function mirrorText(answers: readonly NodeAnswer[]): string {
  const holder = answers.find((answer) => answerOf(answer, "mirror")?.schedule);
  if (!holder) {
    return unknown;
  }
  const newest = newestMirrorRun(answers);
  const running = answers.find((answer) => answerOf(answer, "mirror")?.running);
  const on = (name: string): string => (name === holder.node.name ? "" : ` on ${name}`);
  const run = running
    ? `runs now${on(running.node.name)}`
    : newest
      ? `last run${on(newest.name)} ended ${timeText(new Date(newest.run.ended * 1000))}: ${newest.run.files} files, ${sizeText(newest.run.bytes)}, ${newest.run.errors} errors`
      : "no run in its log";
  return `${holder.node.name}, every night at ${answerOf(holder, "mirror")?.schedule}; ${run}`;
}

const sizeText = (bytes: number): string =>
  bytes < 1 << 20 ? `${Math.round(bytes / 1024)} KiB` : `${Math.round(bytes / (1 << 20))} MiB`;

/** Such as 2026-10-02 02:44 UTC. */
export const timeText = (time: Date): string => `${time.toISOString().slice(0, 16).replace("T", " ")} UTC`;

/** The findings in one line. */
export function summaryOf({ answers, findings }: StatusReport): string {
  if (answers.every(({ status }) => !status)) {
    return "no node answers";
  }
  const counts = (["critical", "warning", "notice"] as const).flatMap((level) => {
    const count = findings.filter((finding) => finding.level === level).length;
    return count > 0 ? [`${count} ${level}${count > 1 && level !== "critical" ? "s" : ""}`] : [];
  });
  return counts.join(", ") || "all is well";
}
