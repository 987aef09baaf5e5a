import * as pulumi from "@pulumi/pulumi";
import * as random from "@pulumi/random";
import type { remote } from "@pulumi/command";
import { itemAt } from "./lists";
import type { SharedFileSystem } from "./ocfsMount";
import type { StepArgs, StepNode } from "./remoteHost";
import { type Ready, StepComponent } from "./stepComponent";

/** SMT's database on a node of its own. */
export interface Database {
  readonly node: StepNode;
  /** The server runs and has SMT's schema. */
  readonly ready: Ready;
}

export interface MysqlMasterPairArgs {
  /** The databases in the ring's order: each follows the one before it. All start with the data of the first one. */
  readonly databases: readonly Database[];
  /** The shared file system, by which data move from node to node when a database is seeded. */
  readonly mount: SharedFileSystem;
  /** Password of each database's root. Unset: root logs in by the socket. */
  readonly rootPassword?: pulumi.Input<string>;
  /** Name of the node whose registrations win where another one has different ones. Unset: such a node is refused. */
  readonly winner?: string;
}

/** A database as a member of the ring. */
export interface Member {
  readonly node: string;
  /** Made with the data: a fresh database has another one. */
  readonly id: string;
}

/** How databases become a ring. */
export interface SeedPlan {
  /** Index of the seed: the member whose data all others receive. */
  readonly source: number;
  /** Former members whose changes the seed may not have yet. */
  readonly pending: readonly Member[];
  /** Names of the nodes that may be the seed. */
  readonly candidates: readonly string[];
}

/**
 * SMT's database on each node, a master and the follower of the node before it: what is written on one arrives on all. Two
 * nodes are a pair of masters, more are a ring.
 *
 * The ring is formed again whenever it gets another member, such as a re-created node: one database is the seed, the others
 * receive its data, and each reports the binlog coordinates from which its follower needs what it writes.
 */
export class MysqlMasterPair extends StepComponent {
  /** All databases have each other's changes. */
  readonly ready: Ready;

  constructor(name: string, args: MysqlMasterPairArgs, opts?: pulumi.ComponentResourceOptions) {
    super("smt-ha:database:MysqlMasterPair", name, opts);
    const { databases, mount, rootPassword } = args;
    const winner = args.winner ?? "";
    const password = new random.RandomPassword(`${name}-replication`, { length: 32, special: false }, { parent: this });

    /** One step on each node, side by side, after the steps given. */
    const onEach = (step: string, stepArgs: (index: number) => StepArgs, after: Ready = []): remote.Command[] =>
      databases.map(({ node, ready }, index) => {
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

    const configured = onEach("configure", (index) => ({
      options: { mount: mount.mountPoint },
      inputs: { config: databaseConfig(index + 1, databases.length) },
    }));
    const members = results<{ id: string }>(configured).apply((found) =>
      found.map(({ id }, index): Member => ({ node: itemAt(databases, index).node.nodeName, id })),
    );
    const ring = members.apply(formatMembers);

    const surveyed = onEach("survey", () => ({ options: { members: ring } }));
    const plan = pulumi.all([members, results<{ member: boolean }>(surveyed)]).apply(([all, answers]) =>
      chooseSource(
        all,
        answers.map(({ member }) => member),
        winner,
      ),
    );
    const source = pulumi.all([members, plan]).apply(([all, { source: index }]) => formatMembers([itemAt(all, index)]));

    const offered = onEach(
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

    const seeded = onEach(
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
        inputs: { password: password.result },
      }),
      offered,
    );
    const coordinates = results<{ file: string; position: number }>(seeded);

    const linked = onEach("replicate", (index) => ({
      options: {
        followed: members.apply((all) => formatMembers([itemAt(all, index - 1)])),
        address: itemAt(databases, index - 1).node.address,
        file: coordinates.apply((all) => itemAt(all, index - 1).file),
        position: coordinates.apply((all) => itemAt(all, index - 1).position),
        mount: mount.mountPoint,
      },
      inputs: { password: password.result },
    }));
    const markers = pulumi
      .all([members, results<{ marker: string }>(linked)])
      .apply(([all, written]) =>
        all.map(({ node, id }, index) => `${node}=${id}=${itemAt(written, index).marker}`).join(" "),
      );
    this.ready = onEach("verify", () => ({ options: { markers } }));
    this.registerOutputs();
  }
}

/** The results of steps, each an object in JSON. They hold no secret, although the steps' input may. */
function results<T>(commands: readonly remote.Command[]): pulumi.Output<T[]> {
  return pulumi
    .all(commands.map(({ stdout }) => pulumi.unsecret(stdout)))
    .apply((texts) => texts.map((text) => JSON.parse(text || "{}") as T));
}

/** Members as steps read them: `NODE=ID`, separated by spaces. */
const formatMembers = (members: readonly Member[]): string => members.map(({ node, id }) => `${node}=${id}`).join(" ");

/**
 * Chooses the seed: the member whose data all others receive. Former members come first, and among them the one that
 * receives the changes of the others: the one before a node that is new.
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
  // A changed text restarts the databases: that includes its comments. "loose": the MySQL of SLES 11 does not know these options, and would not start.
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
