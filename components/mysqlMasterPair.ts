import * as pulumi from "@pulumi/pulumi";
import * as random from "@pulumi/random";
import type { remote } from "@pulumi/command";
import { itemAt } from "./lists";
import type { SharedFileSystem } from "./ocfsMount";
import type { Platform } from "./platform";
import type { StepArgs, StepNode } from "./remoteHost";
import { type Ready, StepComponent } from "./stepComponent";

/** SMT's database on a node of its own. */
export interface Database {
  readonly node: StepNode & { readonly platform: Pick<Platform, "plainReplication"> };
  /** The server runs and has SMT's schema. */
  readonly ready: Ready;
}

export interface MysqlMasterPairArgs {
  /** The databases in the ring's order: each follows the one before it. At the start, the first one is the source. */
  readonly databases: readonly Database[];
  /** The shared file system. The dump that seeds a database goes through it. */
  readonly mount: SharedFileSystem;
  /** Password of each database's root. Unset: root logs in by the socket. */
  readonly rootPassword?: pulumi.Input<string>;
  /** Name of the node whose registrations are kept if nodes differ. Unset: the step refuses to drop any. */
  readonly winner?: string;
}

/** A database as a member of the ring. */
export interface Member {
  readonly node: string;
  /** The identity that the database made with its data. A new database has another one. */
  readonly id: string;
  /** The certificate that it made for itself, PEM: its follower accepts no other. Unset: the links are plain. */
  readonly certificate?: string;
}

/** How databases become a ring. */
export interface SeedPlan {
  /** Index of the source: the member whose data all others load. */
  readonly source: number;
  /** Former members whose changes the source may not have yet. */
  readonly pending: readonly Member[];
  /** Names of the nodes that may be the source. */
  readonly candidates: readonly string[];
}

/** Where a member's follower starts in its binlog. */
interface Coordinates {
  readonly file: string;
  readonly position: number;
}

/** What the steps of a new ring share. */
interface Formation {
  /** All members, as steps read them. */
  readonly ring: pulumi.Output<string>;
  readonly plan: pulumi.Output<SeedPlan>;
  /** The source, as steps read it. */
  readonly source: pulumi.Output<string>;
}

/**
 * SMT's database on each node, a master and the follower of the node before it: what is written on one arrives on all. Two
 * nodes are a pair of masters, more are a ring.
 *
 * A new member, such as a re-created node, makes the ring form again. One database is the source; the others load its
 * data. Each reports the binlog coordinates at which its follower starts.
 *
 * Where the platform can, the links are encrypted. The databases have certificates of their own: those of the web servers
 * hold no node's address, expire, and may be one for all. Each travels to the follower as an output.
 */
export class MysqlMasterPair extends StepComponent {
  /** All databases have each other's changes. */
  readonly ready: Ready;
  /** Whether the links are encrypted. */
  private readonly tls: boolean;

  constructor(
    name: string,
    private readonly args: MysqlMasterPairArgs,
    opts?: pulumi.ComponentResourceOptions,
  ) {
    super("smt-ha:database:MysqlMasterPair", name, opts);
    const plain = args.databases
      .map(({ node }) => node.platform.plainReplication)
      .find((reason) => reason !== undefined);
    this.tls = plain === undefined;
    if (plain !== undefined) {
      void pulumi.log.warn(
        `the replication between the databases is not encrypted: ${plain}. ` +
          "Let no machine that you don't trust read the traffic between the SMT nodes.",
        this,
      );
    }

    const password = new random.RandomPassword(`${name}-replication`, { length: 32, special: false }, { parent: this });
    const members = this.configure();
    const coordinates = this.seed(this.plan(members), password.result);
    const markers = this.replicate(members, coordinates, password.result);
    this.ready = this.onEach("verify", () => ({ options: { markers, ...(this.tls && { tls: "yes" }) } }));
    this.registerOutputs();
  }

  /** Configures the databases. Returns them as members, in the ring's order. */
  private configure(): pulumi.Output<Member[]> {
    const { databases, mount } = this.args;
    const configured = this.onEach("configure", (index) => ({
      options: { mount: mount.mountPoint, ...(this.tls && { "tls-address": itemAt(databases, index).node.address }) },
      inputs: { config: databaseConfig(index + 1, databases.length) },
    }));
    return results<Omit<Member, "node">>(configured).apply((found) =>
      found.map((member, index): Member => ({ ...member, node: itemAt(databases, index).node.nodeName })),
    );
  }

  /** Finds former members and chooses the source. */
  private plan(members: pulumi.Output<Member[]>): Formation {
    const ring = members.apply(formatMembers);
    const surveyed = this.onEach("survey", () => ({ options: { members: ring } }));
    const plan = pulumi.all([members, results<{ member: boolean }>(surveyed)]).apply(([all, answers]) =>
      chooseSource(
        all,
        answers.map(({ member }) => member),
        this.args.winner ?? "",
      ),
    );
    const source = pulumi.all([members, plan]).apply(([all, { source: index }]) => formatMembers([itemAt(all, index)]));
    return { ring, plan, source };
  }

  /** Gives every member the source's data. Returns the coordinates of each member. */
  private seed({ ring, plan, source }: Formation, password: pulumi.Output<string>): pulumi.Output<Coordinates[]> {
    const { databases, mount, winner = "" } = this.args;
    const offered = this.onEach(
      "offer",
      () => ({
        options: {
          members: ring,
          source,
          pending: plan.apply(({ pending }) => formatMembers(pending)),
          mount: mount.mountPoint,
        },
      }),
      mount.ready,
    );
    const dump = pulumi
      .all([plan, results<{ dump?: string }>(offered)])
      .apply(([{ source: index }, offers]) => itemAt(offers, index).dump ?? "");
    const seeded = this.onEach(
      "seed",
      (index) => ({
        options: {
          members: ring,
          source,
          dump,
          winner,
          candidates: plan.apply(({ candidates }) => candidates.join(" ")),
          follower: itemAt(databases, index + 1).node.address,
          mount: mount.mountPoint,
        },
        inputs: { password },
      }),
      offered,
    );
    return results<Coordinates>(seeded);
  }

  /** Links each member to the one before it. Returns the markers that all members must receive. */
  private replicate(
    members: pulumi.Output<Member[]>,
    coordinates: pulumi.Output<Coordinates[]>,
    password: pulumi.Output<string>,
  ): pulumi.Output<string> {
    const { databases, mount } = this.args;
    const linked = this.onEach("replicate", (index) => ({
      options: {
        followed: members.apply((all) => formatMembers([itemAt(all, index - 1)])),
        address: itemAt(databases, index - 1).node.address,
        file: coordinates.apply((all) => itemAt(all, index - 1).file),
        position: coordinates.apply((all) => itemAt(all, index - 1).position),
        mount: mount.mountPoint,
      },
      inputs: {
        password,
        ...(this.tls && { certificate: members.apply((all) => itemAt(all, index - 1).certificate ?? "") }),
      },
    }));
    return pulumi
      .all([members, results<{ marker: string }>(linked)])
      .apply(([all, written]) =>
        all.map(({ node, id }, index) => `${node}=${id}=${itemAt(written, index).marker}`).join(" "),
      );
  }

  /** One step on each node, side by side, after the resources given. */
  private onEach(step: string, stepArgs: (index: number) => StepArgs, after: Ready = []): remote.Command[] {
    const { databases, rootPassword } = this.args;
    return databases.map(({ node, ready }, index) => {
      const { options, inputs } = stepArgs(index);
      const allInputs = {
        ...inputs,
        ...(rootPassword !== undefined && { "root-password": pulumi.secret(rootPassword) }),
      };
      return this.step(
        node,
        `database/${step}`,
        { options, ...(Object.keys(allInputs).length > 0 && { inputs: allInputs }) },
        [...ready, ...after],
      );
    });
  }
}

/** The results of steps, each an object in JSON. They hold no secret, but Pulumi marks them as secret if an input is. */
function results<T>(commands: readonly remote.Command[]): pulumi.Output<T[]> {
  return pulumi
    .all(commands.map(({ stdout }) => pulumi.unsecret(stdout)))
    .apply((texts) => texts.map((text) => JSON.parse(text || "{}") as T));
}

/** Members as steps read them: `NODE=ID`, separated by spaces. */
const formatMembers = (members: readonly Member[]): string => members.map(({ node, id }) => `${node}=${id}`).join(" ");

/**
 * Chooses the source: the member whose data all others load. If there are former members, it is one of them. The preferred
 * node comes first; then the member before a new one, which receives the changes of all others; then the first.
 *
 * @param members in the ring's order, each the one that the next follows
 * @param wasMember whether each has been a member before
 * @param preferred name of the node that the configuration prefers, or empty
 */
export function chooseSource(members: readonly Member[], wasMember: readonly boolean[], preferred: string): SeedPlan {
  const indexes = members.map((_, index) => index);
  const former = indexes.filter((index) => wasMember[index]);
  const candidates = former.length > 0 ? former : indexes;
  const source =
    candidates.find((index) => itemAt(members, index).node === preferred) ??
    former.find((index) => !itemAt(wasMember, index + 1)) ??
    itemAt(candidates, 0);
  return {
    source,
    pending: former.filter((index) => index !== source).map((index) => itemAt(members, index)),
    candidates: candidates.map((index) => itemAt(members, index).node),
  };
}

/**
 * The database's configuration for replication.
 *
 * @param position of the node among the SMT nodes, from 1
 * @param count of the SMT nodes
 */
export function databaseConfig(position: number, count: number): string {
  // The step restarts the database when this text changes, even in a comment. `loose-`: SLES 11's MySQL doesn't know these
  // options.
  return `# Written by smt-ha, changes are lost.
[mysqld]
# The other nodes connect by the network; the firewall and the accounts keep others out.
bind-address = 0.0.0.0

server-id = ${position}
# Numbers that no other node gives, with room for more nodes.
auto-increment-increment = ${Math.max(10, count)}
auto-increment-offset = ${position}

# What this node writes, and what it has from the one that it follows, for the one that follows it.
log-bin = mysqld-bin
binlog-do-db = smt
log-slave-updates
expire-logs-days = 14

# What comes back to where it was written is skipped.
replicate-same-server-id = 0
replicate-do-db = smt
relay-log = mysqld-relay-bin
relay-log-index = mysqld-relay-bin.index
slave-net-timeout = 30

# A node that loses its power loses nothing that it has committed, and applies nothing twice.
sync-binlog = 1
innodb-flush-log-at-trx-commit = 1
loose-sync-relay-log-info = 1
loose-relay-log-recovery = 1
`;
}
