import { platforms, type PlatformName } from "../components/platform";
import { balancedPorts } from "../components/ldirectordConf";
import { warningDays } from "../report/serviceReport";
import { changesOf } from "./changes";
import {
  answerOf,
  clusterOf,
  majorityView,
  newestMirrorRun,
  nodeOf,
  type ClusterView,
  type Known,
  type NodeAnswer,
  type Question,
} from "./nodeStatus";

/**
 * critical: clients are not served, or data or the shared disk are at risk. warning: the service works, but something is
 * wrong. notice: planned work that is due.
 */
export type Level = "critical" | "warning" | "notice";

/** Something that an administrator should know. */
export interface Finding {
  readonly level: Level;
  /** Names of the nodes that it is about; none for the whole service. */
  readonly nodes: readonly string[];
  readonly cause: string;
  readonly fix: string;
}

const levels: readonly Level[] = ["critical", "warning", "notice"];

/** A health page says 503 if less is free where the database is (files/health). In MiB. */
const fullBelow = 16;
/** Part of a file system's size. */
const scarceBelow = 0.1;
/** Seconds that a database may be behind the one that it follows. */
const maxBehind = 60;
/** Days after which a nightly run is missed. */
const maxMirrorAge = 2;
const day = 24 * 60 * 60 * 1000;

/** The questions whose lack of an answer says nothing new on a node whose cluster does not run. */
const asksCluster: readonly Question[] = ["planned", "drift", "locking"];

/** What the questions are about, for a reader. */
const subjects: Readonly<Record<Question, string>> = {
  cluster: "the cluster's state",
  planned: "planned work",
  drift: "manual changes to the cluster's configuration",
  files: "manual changes to files",
  fencing: "the fencing device",
  locking: "the lock manager",
  disks: "the free space",
  shared: "the shared file system",
  address: "the service address",
  table: "the balancer's table",
  health: "the health page",
  database: "the database",
  certificates: "the certificates",
  mirror: "mirroring",
  clock: "the clock",
  packages: "the pending packages",
};

/**
 * What is wrong, the worst first. One cause gives one finding where that is possible: what a node that is out of service
 * lacks is none.
 *
 * @param command what runs this command line, such as `npx smt-ha`
 */
export function findingsOf(answers: readonly NodeAnswer[], now: Date, command: string): Finding[] {
  const found = new Findings(answers, now, command).all();
  return levels.flatMap((level) => found.filter((finding) => finding.level === level));
}

class Findings {
  private readonly found: Finding[] = [];
  private readonly view: ClusterView | undefined;
  private readonly platform: PlatformName | undefined;

  constructor(
    private readonly answers: readonly NodeAnswer[],
    private readonly now: Date,
    private readonly command: string,
  ) {
    this.view = majorityView(answers);
    const name = answers.flatMap(({ status }) => status?.platform ?? [])[0];
    this.platform = name !== undefined && name in platforms ? (name as PlatformName) : undefined;
  }

  all(): readonly Finding[] {
    this.silentNodes();
    this.cluster();
    this.membership();
    this.plannedWork();
    this.fencing();
    this.address();
    this.tables();
    this.servers();
    this.databases();
    this.space();
    this.certificates();
    this.mirroring();
    this.clocks();
    this.changes();
    this.files();
    this.unknown();
    this.packages();
    return this.found;
  }

  private add(level: Level, nodes: string | readonly string[], cause: string, fix: string): void {
    this.found.push({ level, nodes: [nodes].flat(), cause, fix });
  }

  /** The nodes that have answered a question, with their answers. */
  private known<Q extends Question>(question: Q): { name: string; answer: NodeAnswer; known: Known<Q> }[] {
    return this.answers.flatMap((answer) => {
      const known = answerOf(answer, question);
      return known === undefined ? [] : [{ name: answer.node.name, answer, known }];
    });
  }

  /** A node's state in the cluster, as the majority sees it. */
  private stateOf(name: string): string | undefined {
    return this.view?.nodes.find((node) => node.name === name)?.state;
  }

  /** Whether a node is in service as far as the cluster is concerned: what it lacks otherwise follows from that. */
  private inService({ node, status }: NodeAnswer): boolean {
    return status !== undefined && !status.outOfService && (this.stateOf(node.name) ?? "online") === "online";
  }

  /** Whether the cluster on a node runs, or may run. */
  private clusterRuns(answer: NodeAnswer): boolean {
    return answerOf(answer, "cluster")?.runs !== false;
  }

  private silentNodes(): void {
    for (const { node, failure } of this.answers) {
      if (failure) {
        const state = this.stateOf(node.name);
        // The node is named already.
        const cause = failure.cause.replace(new RegExp(`^${node.name} `), "");
        this.add("warning", node.name, `${cause}${state ? `; the cluster says: ${state}` : ""}`, failure.fix);
      }
    }
  }

  private cluster(): void {
    const answering = this.answers.filter(({ status }) => status);
    const start = this.platform === "sles11" ? "rcopenais start" : "systemctl start pacemaker";
    const stopped = answering.filter((answer) => !this.clusterRuns(answer));
    if (answering.length > 0 && stopped.length === answering.length) {
      const names = stopped.map(({ node }) => node.name);
      this.add("critical", names, "the cluster runs on no node that answers", `start it on each: ${start}`);
      return;
    }
    for (const { node, status } of stopped) {
      if (!status?.outOfService) {
        this.add("warning", node.name, "the cluster does not run on it", `start it on ${node.name}: ${start}`);
      }
    }
    const cutOff = answering.filter((answer) => clusterOf(answer)?.quorum === false).map(({ node }) => node.name);
    if (cutOff.length > 0) {
      const cause = "the cluster has no quorum there: it starts nothing, and the shared files may freeze";
      this.add("critical", cutOff, cause, "bring the missing nodes back, and the network between them");
    }
    for (const failure of this.view?.failures ?? []) {
      const fix = "remove the cause; the cluster tries again within two minutes, or at once: crm resource cleanup";
      this.add("warning", [], `a resource failed: ${failure}`, fix);
    }
    for (const { name, node, state } of this.view?.resources ?? []) {
      if (state !== "Started") {
        this.add("warning", node, `the cluster says of ${name}: ${state}`, "find the reason: crm_mon -1 -r -f");
      }
    }
  }

  private membership(): void {
    if (!this.view) {
      return;
    }
    const silent = this.answers.filter(({ failure }) => failure).map(({ node }) => node.name);
    const out = this.answers.filter(({ status }) => status?.outOfService).map(({ node }) => node.name);
    for (const { node } of this.answers) {
      if (!this.view.nodes.some(({ name }) => name === node.name)) {
        this.add("warning", node.name, "the cluster does not know it", `let it join: pulumi up`);
      }
    }
    for (const { name, state } of this.view.nodes) {
      if (state.startsWith("UNCLEAN")) {
        const fix = `the cluster fences it; if that does not end, turn ${name} off and say so: stonith_admin --confirm ${name}`;
        this.add("critical", name, `it is ${state}: its resources stay where they are until it is fenced`, fix);
      } else if (state !== "online" && !silent.includes(name) && !out.includes(name)) {
        const answer = this.answers.find(({ node }) => node.name === name);
        if (answer?.status && !this.clusterRuns(answer)) {
          continue;
        }
        const fix = /standby/i.test(state)
          ? `take it back: crm node online ${name}`
          : /maintenance/i.test(state)
            ? `let the cluster manage it again: crm node ready ${name}`
            : `find the reason on ${name}: crm_mon -1, and the cluster's log`;
        this.add("warning", name, `the cluster says: ${state}`, fix);
      }
    }
  }

  private plannedWork(): void {
    for (const { node, status } of this.answers) {
      if (status?.outOfService) {
        this.add("warning", node.name, "it is out of service (node/maintain)", backOn(node.name));
      }
    }
    // The same on every node of the cluster.
    const [planned] = this.known("planned").map(({ known }) => known);
    if (!planned) {
      return;
    }
    const partly = this.answers.filter(
      ({ node, status }) =>
        !status?.outOfService &&
        (planned.drained.includes(node.address) ||
          planned.resources.includes(`drain-${node.name}`) ||
          planned.constraints.includes(`cli-ban-LVS-on-${node.name}`)),
    );
    for (const { node } of partly) {
      const cause = "it is partly out of service: it gets no new connections, or may not balance";
      this.add("warning", node.name, cause, backOn(node.name));
    }
    const bans = this.answers.map(({ node }) => `cli-ban-LVS-on-${node.name}`);
    for (const constraint of planned.constraints.filter((id) => !bans.includes(id))) {
      const fix = "if it is no longer needed: crm_resource --clear --resource RESOURCE";
      this.add("warning", [], `crm_resource has left a constraint: ${constraint}`, fix);
    }
  }

  private fencing(): void {
    if (this.view && !nodeOf(this.view, "stonith-sbd")) {
      const cause = "no node runs the fencing resource stonith-sbd: a node that hangs is not fenced";
      this.add("critical", [], cause, "find the reason: crm_mon -1 -r -f");
    }
    const [fencing] = this.known("fencing").map(({ known }) => known);
    if (!fencing) {
      return;
    }
    for (const { node } of this.answers) {
      const slot = fencing.slots.find((other) => other.node === node.name);
      if (!slot) {
        const cause = `it has no slot on the fencing device ${fencing.device}: the others can't fence it`;
        this.add("critical", node.name, cause, `restart its cluster, which allocates the slot: pulumi up`);
      } else if (slot.message !== "clear") {
        const from = slot.from ? ` from ${slot.from}` : "";
        const fix = `it heeds the message, or has; once it is back: sbd -d ${fencing.device} message ${node.name} clear`;
        this.add("warning", node.name, `its slot on the fencing device says '${slot.message}'${from}`, fix);
      }
    }
  }

  private address(): void {
    const known = this.known("address");
    const holding = known.filter((node) => node.known.interfaces.some((name) => name !== "lo"));
    const holder = nodeOf(this.view, "VirtIP");
    const there = known.find(({ name }) => name === holder);
    if (this.view && !holder) {
      this.add("critical", [], "no node holds the service address", "find the reason: crm_mon -1 -r -f");
    } else if (there && !holding.includes(there)) {
      const cause = `the cluster says that it holds the service address ${there.known.service}, and it does not have it`;
      this.add("critical", there.name, cause, "let the cluster look again: crm resource refresh VirtIP");
    }
    if (holding.length > 1) {
      const names = holding.map(({ name }) => name);
      const cause = `${names.join(" and ")} have the service address on the network at the same time`;
      this.add(
        "critical",
        names,
        cause,
        "find which side has quorum: crm_mon -1 on each; stop the cluster on the other",
      );
    }
  }

  private tables(): void {
    const holder = nodeOf(this.view, "VirtIP");
    for (const { name, known } of this.known("table")) {
      if (holder && name !== holder && known.services.length > 0) {
        const cause =
          "it has a balancer's table without the service address: two nodes could pass a packet back and forth";
        this.add("warning", name, cause, `empty it on ${name}: ipvsadm -C`);
      }
    }
    const table = this.known("table").find(({ name }) => name === holder);
    if (!table) {
      return;
    }
    const unserved = balancedPorts.filter((port) => takingIn(table.known, port).length === 0);
    if (unserved.length > 0) {
      const cause = `its table sends ${portsText(unserved)} to no server`;
      this.add("critical", table.name, cause, "bring a real server back: its health page says what it lacks");
    }
    for (const answer of this.answers) {
      const { node } = answer;
      const missing = balancedPorts.filter(
        (port) => !unserved.includes(port) && !takingIn(table.known, port).includes(node.address),
      );
      if (node.role === "smt" && missing.length > 0 && this.shouldServe(answer)) {
        const cause = `it gets no connections to ${portsText(missing)}: it has no weight in the table of ${table.name}`;
        this.add("warning", node.name, cause, `see /var/log/ldirectord.log on ${table.name}; the next check adds it`);
      }
    }
  }

  /** Whether a real server should get connections: nothing that is known of it speaks against that. */
  private shouldServe(answer: NodeAnswer): boolean {
    const planned = this.known("planned")[0]?.known;
    return (
      this.inService(answer) &&
      answerOf(answer, "health")?.status === 200 &&
      !planned?.drained.includes(answer.node.address)
    );
  }

  private servers(): void {
    const serving = this.known("health").filter(({ known }) => known.status === 200);
    const asked = this.answers.filter(({ status }) => status?.health);
    if (asked.length > 0 && serving.length === 0) {
      const names = asked.map(({ node }) => node.name);
      this.add(
        "critical",
        names,
        "no real server that answers is healthy",
        "bring one back: the other findings say why",
      );
    }
    for (const { name, answer, known } of this.known("health")) {
      if (!this.inService(answer)) {
        continue;
      }
      if (known.status !== 200) {
        const said = known.lines.filter(Boolean).join("; ") || `status ${known.status}`;
        const fix =
          known.status === 0 ? `start Apache on ${name}` : "remove this cause; the balancer asks again by itself";
        this.add("warning", name, `it can't serve: ${said}`, fix);
        continue;
      }
      for (const said of known.lines.filter(Boolean).slice(1)) {
        const cause = `its health page says: ${said}`;
        if (said.includes("check of the files")) {
          this.add("critical", name, cause, "bring the storage back: what clients wait for then goes on by itself");
        } else if (!this.linkProblem(answer)) {
          // The link's own state says the same, and more.
          const fix = "see docs/operations/databases.md: a broken link, or a database that went back in time";
          this.add("critical", name, cause, fix);
        }
      }
    }
    for (const { name, known } of this.known("locking")) {
      for (const { name: space, waits } of known.spaces.filter((other) => other.waits)) {
        const cause = `the lock space ${space} waits for ${waits}: the shared files are frozen until then`;
        this.add("critical", name, cause, "see which node is being fenced: crm_mon -1; and quorum");
      }
    }
    for (const { name, answer, known } of this.known("shared")) {
      if (known.systems.length === 0 && this.inService(answer) && this.clusterRuns(answer)) {
        this.add(
          "warning",
          name,
          "the shared file system is not mounted on it",
          "see the cluster's reason: crm_mon -r -n -1",
        );
      }
    }
  }

  /** What is wrong with a database's link; undefined if nothing is. */
  private linkProblem(answer: NodeAnswer): { level: Level; cause: string } | undefined {
    const link = answerOf(answer, "database");
    if (!link) {
      return undefined;
    }
    if (link.follows === "") {
      return { level: "critical", cause: "its database follows no other one" };
    }
    if (!("receives" in link)) {
      return undefined;
    }
    const leader = this.answers.find(({ node }) => node.address === link.follows);
    const from = leader?.node.name ?? link.follows;
    const error = link.error ? `: ${link.error}` : "";
    if (!link.applies || link.receives === "No") {
      return { level: "critical", cause: `its replication link to ${from} has stopped${error}` };
    }
    if (link.receives !== "Yes") {
      // While the other end is away, it goes on by itself.
      return leader && !this.inService(leader)
        ? undefined
        : { level: "warning", cause: `its replication link does not reach ${from}${error}` };
    }
    if (link.behind !== null && link.behind > maxBehind) {
      return { level: "warning", cause: `its database is ${link.behind} seconds behind that of ${from}` };
    }
    const encrypted = this.platform && !("plainReplication" in platforms[this.platform]);
    return encrypted && !link.encrypted
      ? { level: "warning", cause: `its replication link to ${from} is not encrypted: it was changed by hand` }
      : undefined;
  }

  private databases(): void {
    for (const { name, answer } of this.known("database")) {
      const problem = this.linkProblem(answer);
      if (problem) {
        const fix = /not encrypted/.test(problem.cause)
          ? `pulumi up --replace '**${name}-database-replicate'`
          : "see SHOW SLAVE STATUS on every SMT node, and docs/operations/databases.md";
        this.add(problem.level, name, problem.cause, fix);
      }
    }
  }

  private space(): void {
    // The shared file system is the same on every node.
    const shared = this.known("shared").slice(0, 1);
    for (const { name, known } of [...this.known("disks"), ...shared]) {
      for (const { directory, free, size } of known.systems) {
        const where = shared.some((other) => other.known === known) ? [] : [name];
        const cause = `${free} of ${size} MiB are free on ${directory}`;
        const fix = "remove what is not needed, or enlarge the disk";
        if (free < fullBelow) {
          this.add("critical", where, cause, fix);
        } else if (free < size * scarceBelow) {
          this.add("warning", where, cause, fix);
        }
      }
    }
  }

  private certificates(): void {
    for (const { name, known } of this.known("certificates")) {
      for (const { file, from, to } of known.certificates) {
        const lifetime = (Date.parse(to) - Date.parse(from)) / day;
        const left = daysLeft(to, this.now);
        const fix = "renew it: pulumi up; one of your own: put it into certificateFile first";
        if (left < 0) {
          this.add("critical", name, `the certificate ${file} has expired on ${to.slice(0, 10)}`, fix);
        } else if (left < Math.min(warningDays, lifetime / 2)) {
          this.add("warning", name, `the certificate ${file} ends in ${left} days`, fix);
        }
      }
    }
  }

  private mirroring(): void {
    const mirrors = this.known("mirror");
    const nightly = mirrors.filter(({ known }) => known.schedule);
    const everyServer = this.answers.filter(({ node }) => node.role === "smt").length;
    if (mirrors.length > 0 && mirrors.length === everyServer && nightly.length === 0) {
      this.add(
        "warning",
        [],
        "no node mirrors at night",
        "run pulumi up; if the cluster still runs Jobs nowhere (crm_mon -r -n -1), find the reason; else restore the schedule: pulumi up --replace '**-smt-schedule'",
      );
    }
    // The jobs may have come to another node since the last run, whose log tells of it.
    const newest = newestMirrorRun(this.answers);
    if (!newest || mirrors.some(({ known }) => known.running)) {
      return;
    }
    const { name, run } = newest;
    if (run.errors > 0) {
      const cause = `its last mirror run ended with ${run.errors} errors`;
      this.add("warning", name, cause, `see /var/log/smt/smt-mirror.log on ${name}`);
    }
    const age = Math.floor((this.now.getTime() - run.ended * 1000) / day);
    if (age < maxMirrorAge || mirrors.length < everyServer) {
      return;
    }
    for (const { name: holder, known } of nightly) {
      const cause = `the last mirror run ended ${age} days ago; it should run every night at ${known.schedule}`;
      this.add("warning", holder, cause, `see /var/log/smt on ${holder}, and that cron runs`);
    }
  }

  private clocks(): void {
    for (const { name, known } of this.known("clock")) {
      if (!known.synchronised) {
        const fix = "let a time server answer to it (UDP port 123), or name another in ntpServers";
        this.add("warning", name, "its clock follows no time server", fix);
      }
    }
  }

  /** What was changed by hand. Files are counted only: there may be many. */
  private changes(): void {
    const changes = this.answers.flatMap(changesOf);
    const files = changes.filter(({ kind }) => kind === "file");
    for (const { node, kind, cause, fix } of changes) {
      if (kind !== "file") {
        this.add("warning", node, cause, fix);
      }
    }
    if (files.length > 0) {
      const cause = `${files.length} ${files.length > 1 ? "files were" : "file was"} changed by hand`;
      const nodes = [...new Set(files.map(({ node }) => node))];
      this.add("warning", nodes, cause, `see which, and what restores each: ${this.command} drift`);
    }
  }

  /** Nodes whose copy of the program's files differs from that of most others. */
  private files(): void {
    const revisions = this.answers.flatMap(({ status }) => status?.revision ?? []);
    const count = (revision: string): number => revisions.filter((other) => other === revision).length;
    const usual = [...revisions].sort((a, b) => count(b) - count(a))[0];
    for (const { node, status } of this.answers) {
      if (status && status.revision !== usual) {
        const cause = `it has revision ${status.revision} of the program's files, other nodes have ${usual}`;
        this.add("warning", node.name, cause, "bring all nodes to the same: pulumi up");
      }
    }
  }

  private unknown(): void {
    for (const answer of this.answers) {
      const { node, status } = answer;
      for (const question of Object.keys(subjects) as Question[]) {
        const said = status?.[question];
        const follows = asksCluster.includes(question) && (!this.clusterRuns(answer) || !this.inService(answer));
        if (said && "unknown" in said && !follows) {
          const { cause, fix } = untold(node.name, question, said.unknown);
          this.add(question === "packages" ? "notice" : "warning", node.name, cause, fix);
        }
      }
    }
  }

  private packages(): void {
    const due = this.known("packages").flatMap(({ name, known: { pending, reboot } }) => {
      const texts = [...(pending > 0 ? [`${pending} packages`] : []), ...(reboot ? ["a reboot"] : [])];
      return texts.length > 0 ? [{ name, text: `${texts.join(" and ")} on ${name}` }] : [];
    });
    if (due.length > 0) {
      const names = due.map(({ name }) => name);
      const fix = `update them, one after the other: ${this.command} maintain ${names.join(" ")}`;
      this.add("notice", names, `updates are due: ${due.map(({ text }) => text).join(", ")}`, fix);
    }
  }
}

const portsText = (ports: readonly number[]): string =>
  ports.length > 1 ? `the ports ${ports.join(" and ")}` : `port ${ports.join()}`;

const backOn = (name: string): string => `take it back on ${name}: smt-ha node/resume`;

/** What a node can't tell, and what to do. */
export const untold = (node: string, question: Question, why: string): { cause: string; fix: string } => ({
  cause: `it can't tell ${subjects[question]}: ${why}`,
  // A slow node needs longer to tell of its packages than a question may last, and keeps the answer for the next time.
  fix: question === "packages" ? "ask again in a minute" : `ask again; if it stays so, look on ${node}`,
});

/** The addresses of the servers that get new connections to a port. */
export const takingIn = ({ services }: Known<"table">, port: number): string[] =>
  (services.find(({ address }) => address.endsWith(`:${port}`))?.servers ?? [])
    .filter(({ weight }) => weight > 0)
    .map(({ address }) => hostOf(address));

/** The address of ADDRESS:PORT. */
export const hostOf = (address: string): string => address.slice(0, address.lastIndexOf(":"));

/** Whole days until a time; negative once it has passed. */
export const daysLeft = (time: string, now: Date): number => Math.floor((Date.parse(time) - now.getTime()) / day);
