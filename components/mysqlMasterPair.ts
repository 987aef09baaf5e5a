import * as pulumi from "@pulumi/pulumi";
import * as random from "@pulumi/random";
import type { remote } from "@pulumi/command";
import type { ClusterNode } from "./clusterNode";

export interface MysqlMasterPairArgs {
  /** The nodes, each with a database of its own; the data of the first one are the beginning. */
  readonly smtNodes: readonly ClusterNode[];
  /** Where the shared file system is mounted, by which data go from node to node when one is seeded. */
  readonly mountPoint: string;
  /** Password of the database's root; empty where the socket is enough. */
  readonly rootPassword: string;
  /** Name of the node whose registrations win where another one has different ones. */
  readonly winner?: string;
}

/** A node's database. */
export interface Member {
  readonly node: string;
  /** Made with the data: a fresh database has another one. */
  readonly id: string;
}

/** How databases become a ring. */
export interface Formation {
  /** Index of the node whose data all others get. */
  readonly source: number;
  /** The members before, of which the source may not have all changes yet. */
  readonly awaited: readonly Member[];
  /** Names of the nodes that may be the source. */
  readonly rivals: readonly string[];
}

/**
 * SMT's database on each node, a master and the follower of the node before it: what is written on one arrives on all. Two
 * nodes are a pair of masters, more are a ring.
 *
 * Whenever the ring gets another member, such as a node that was made anew, it is formed anew: one database is the source,
 * the others are seeded with its data, and each tells the coordinates from which on its follower needs what it writes.
 */
export class MysqlMasterPair extends pulumi.ComponentResource {
  /** What is there once all databases have each other's changes. */
  readonly verified: readonly pulumi.Resource[];

  constructor(name: string, args: MysqlMasterPairArgs, opts?: pulumi.ComponentResourceOptions) {
    super("smt-ha:database:MysqlMasterPair", name, {}, opts);
    const { smtNodes, mountPoint, rootPassword } = args;
    const winner = args.winner ?? "";
    const password = new random.RandomPassword(`${name}-replication`, { length: 32, special: false }, { parent: this });

    /** One step on each node, side by side, after the steps given. */
    const onEach = (
      step: string,
      stepArgs: (
        node: ClusterNode,
        index: number,
      ) => {
        options?: Readonly<Record<string, pulumi.Input<string | number>>>;
        inputs?: Readonly<Record<string, pulumi.Input<string>>>;
      },
      dependsOn: pulumi.Resource[] = [],
    ): remote.Command[] =>
      smtNodes.map((node, index) => {
        const { options, inputs } = stepArgs(node, index);
        const allInputs = { ...inputs, ...(rootPassword && { "root-password": pulumi.secret(rootPassword) }) };
        return node.host.step(
          `database/${step}`,
          { options, ...(Object.keys(allInputs).length > 0 && { inputs: allInputs }) },
          { parent: this, dependsOn },
        );
      });

    const configured = onEach("configure", (_, index) => ({
      options: { mount: mountPoint },
      inputs: { config: databaseConfig(index + 1, smtNodes.length) },
    }));
    const members = results<{ id: string }>(configured).apply((found) =>
      found.map(({ id }, index): Member => ({ node: smtNodes[index].nodeName, id })),
    );
    const ring = members.apply(list);

    const surveyed = onEach("survey", () => ({ options: { members: ring } }));
    const formation = pulumi.all([members, results<{ member: boolean }>(surveyed)]).apply(([all, been]) =>
      form(
        all,
        been.map(({ member }) => member),
        winner,
      ),
    );
    const source = pulumi.all([members, formation]).apply(([all, formed]) => list([all[formed.source]]));

    const offered = onEach("offer", () => ({
      options: { members: ring, source, pending: formation.apply(({ awaited }) => list(awaited)), mount: mountPoint },
    }));
    const dump = pulumi
      .all([formation, results<{ dump?: string }>(offered)])
      .apply(([formed, offers]) => offers[formed.source].dump ?? "");

    const seeded = onEach(
      "seed",
      (_, index) => ({
        options: {
          members: ring,
          source,
          dump,
          winner,
          candidates: formation.apply(({ rivals }) => rivals.join(" ")),
          follower: smtNodes[(index + 1) % smtNodes.length].address,
          mount: mountPoint,
        },
        inputs: { password: password.result },
      }),
      offered,
    );
    const coordinates = results<{ file: string; position: number }>(seeded);

    const linked = onEach("replicate", (_, index) => {
      const followed = (index + smtNodes.length - 1) % smtNodes.length;
      return {
        options: {
          followed: members.apply((all) => list([all[followed]])),
          address: smtNodes[followed].address,
          file: coordinates.apply((all) => all[followed].file),
          position: coordinates.apply((all) => all[followed].position),
          mount: mountPoint,
        },
        inputs: { password: password.result },
      };
    });
    const markers = pulumi
      .all([members, results<{ marker: string }>(linked)])
      .apply(([all, written]) => all.map(({ node, id }, index) => `${node}=${id}=${written[index].marker}`).join(" "));
    this.verified = onEach("verify", () => ({ options: { markers } }));
    this.registerOutputs();
  }
}

/** What steps tell, each an object in JSON. They say no secret, although their input may have one. */
function results<T>(commands: readonly remote.Command[]): pulumi.Output<T[]> {
  return pulumi
    .all(commands.map(({ stdout }) => pulumi.unsecret(stdout)))
    .apply((texts) => texts.map((text) => JSON.parse(text || "{}") as T));
}

/** Members as steps take them: `NODE=ID`, separated by spaces. */
const list = (members: readonly Member[]): string => members.map(({ node, id }) => `${node}=${id}`).join(" ");

/**
 * Who has the data that all get. Where some have been members before, it is one of them, and that one to which the
 * changes of the others come: the one before a node that has not been a member.
 *
 * @param members in the ring's order, each the one that the next follows
 * @param been whether each has been a member before
 * @param winner name of the node that the configuration prefers, or nothing
 */
export function form(members: readonly Member[], been: readonly boolean[], winner: string): Formation {
  const indexes = members.map((_, index) => index);
  const old = indexes.filter((index) => been[index]);
  const rivals = old.length > 0 ? old : indexes;
  const source =
    rivals.find((index) => members[index].node === winner) ??
    old.find((index) => !been[(index + 1) % members.length]) ??
    rivals[0];
  return {
    source,
    awaited: old.filter((index) => index !== source).map((index) => members[index]),
    rivals: rivals.map((index) => members[index].node),
  };
}

/**
 * The database's configuration for replication.
 *
 * @param position of the node among the SMT nodes, from 1
 * @param count of the SMT nodes
 */
export function databaseConfig(position: number, count: number): string {
  // "loose": SLES 11's MySQL does not know it, and would not start.
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
