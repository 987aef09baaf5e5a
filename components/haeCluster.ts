import * as pulumi from "@pulumi/pulumi";
import * as random from "@pulumi/random";
import type { remote } from "@pulumi/command";
import { ClusterNode } from "./clusterNode";

/** Seconds without a sign of life until corosync takes a member for lost. */
const tokenTimeout = 5;

export interface HaeClusterArgs {
  /** Every node of the cluster; the first one creates what only one node may create. */
  readonly nodes: readonly ClusterNode[];
  /** 1 to 16 characters. */
  readonly clusterName: string;
  /** By-path name of the SBD partition. */
  readonly sbdDevice: string;
  /** Seconds after which a node that has lost the SBD device resets itself. */
  readonly watchdogTimeout: number;
  /** Seconds after which a fenced node is taken for dead. */
  readonly msgwait: number;
  /** Length of the nodes' network prefix, in bits; what an address has beside it numbers its node. */
  readonly prefixLength: number;
}

/**
 * The cluster: corosync with encrypted membership traffic, pacemaker, and fencing by SBD over the shared disk. Every node
 * joins at boot by itself.
 */
export class HaeCluster extends pulumi.ComponentResource {
  private readonly first: ClusterNode;
  private readonly joined: pulumi.Resource[];
  private configured: pulumi.Resource[] = [];

  constructor(name: string, args: HaeClusterArgs, opts?: pulumi.ComponentResourceOptions) {
    super("smt-ha:cluster:HaeCluster", name, {}, opts);
    this.first = args.nodes[0];

    const authkey = new random.RandomPassword(`${name}-authkey`, { length: 256, special: false }, { parent: this });
    const password = new random.RandomPassword(`${name}-hacluster`, { length: 24, special: false }, { parent: this });

    const header = this.first.host.step(
      "sbd/create",
      { options: { device: args.sbdDevice, watchdog: args.watchdogTimeout, msgwait: args.msgwait } },
      { parent: this },
    );
    this.joined = args.nodes.map((node) =>
      node.host.step(
        "cluster/join",
        {
          options: {
            cluster: args.clusterName,
            members: args.nodes.length,
            "earliest-start": earliestStart(args.msgwait),
          },
          inputs: { "corosync.conf": corosyncConf(args), sbd: sbdConfig(args.sbdDevice), authkey: authkey.result },
        },
        { parent: this, dependsOn: [header] },
      ),
    );
    for (const node of args.nodes) {
      node.host.step("cluster/password", { inputs: { password: password.result } }, { parent: this });
    }
    this.configure("fencing", fencing(args), { parent: this });
    this.registerOutputs();
  }

  /**
   * Gives the cluster a part of its configuration, in one transaction, once all nodes are members.
   *
   * @param part names the part; its objects belong to it from then on
   * @param crm crm shell text: primitives, groups, clones, constraints and properties
   * @param opts `on` is the node that does it and remembers it; the first one where it is not given
   */
  configure(
    part: string,
    crm: pulumi.Input<string>,
    opts: { parent: pulumi.Resource; dependsOn?: pulumi.Resource[]; on?: ClusterNode },
  ): remote.Command {
    const command = (opts.on ?? this.first).host.step(
      "cluster/configure",
      { label: part, options: { part }, inputs: { crm } },
      // One after the other, also on different nodes: a load compares with what it has read before.
      { parent: opts.parent, dependsOn: [...this.joined, ...this.configured, ...(opts.dependsOn ?? [])] },
    );
    this.configured = [command];
    return command;
  }
}

/**
 * corosync 3's configuration: encrypted and authenticated, each node by name and address. A node's number comes from its
 * address, so that it stays the same whatever nodes come and go.
 */
export function corosyncConf(
  args: Pick<HaeClusterArgs, "clusterName" | "prefixLength"> & {
    readonly nodes: readonly Pick<ClusterNode, "nodeName" | "address">[];
  },
): string {
  const members = args.nodes.map(
    ({ nodeName, address }) =>
      `\tnode {\n\t\tring0_addr: ${address}\n\t\tname: ${nodeName}\n\t\tnodeid: ${hostPart(address, args.prefixLength)}\n\t}\n`,
  );
  return `# Written by smt-ha, changes are lost.
totem {
	version: 2
	cluster_name: ${args.clusterName}
	transport: knet
	crypto_cipher: aes256
	crypto_hash: sha256
	token: ${tokenTimeout * 1000}
}

logging {
	to_logfile: no
	to_syslog: yes
}

quorum {
	provider: corosync_votequorum
}

nodelist {
${members.join("")}}
`;
}

/** What an IPv4 address has beside the network's prefix, such as 11 for 192.0.2.11 with 24 bits. */
function hostPart(address: string, prefixLength: number): number {
  return address.split(".").reduce((sum, octet) => sum * 256 + Number(octet), 0) % 2 ** (32 - prefixLength);
}

/**
 * Seconds after its boot before which a node does not start the cluster: until then, the others may not be done with
 * fencing it. One that joins before that is told that it has been fenced, and its cluster services give up for good. The
 * others need the token's timeout and the consensus' (1.2 times as long) to miss it, then msgwait; a fifth is margin.
 */
export function earliestStart(msgwait: number): number {
  const missed = tokenTimeout + 1.2 * tokenTimeout;
  return Math.ceil(1.2 * (missed + msgwait));
}

/** SBD's configuration: it watches the disk and the cluster. What is left of a fencing in a node's slot bars no start. */
export function sbdConfig(device: string): string {
  return `# Written by smt-ha, changes are lost.
SBD_DEVICE="${device}"
SBD_PACEMAKER=yes
SBD_STARTMODE=always
SBD_DELAY_START=no
SBD_WATCHDOG_DEV=/dev/watchdog
SBD_WATCHDOG_TIMEOUT=5
SBD_TIMEOUT_ACTION=flush,reboot
`;
}

/**
 * Constraints, as crm shell text, by which a resource runs on these nodes alone, and is not even looked for elsewhere: a
 * node that joins later has no part in it until it is named here, not for a moment.
 */
export function onlyOn(prefix: string, resource: string, nodes: readonly string[]): string {
  return nodes
    .map((node) => `location ${prefix}-on-${node} ${resource} resource-discovery=exclusive 0: ${node}\n`)
    .join("");
}

/** Constraints, as crm shell text, that keep a resource off these nodes. */
export function neverOn(prefix: string, resource: string, nodes: readonly string[]): string {
  return nodes.map((node) => `location ${prefix}-not-on-${node} ${resource} -inf: ${node}\n`).join("");
}

/** Fencing and what the cluster does without quorum: OCFS2 must freeze rather than stop, since it could not unmount. */
export function fencing(args: Pick<HaeClusterArgs, "msgwait">): string {
  return `property stonith-enabled=true stonith-timeout=${Math.ceil(args.msgwait * 1.2) + 10}s no-quorum-policy=freeze
primitive stonith-sbd stonith:external/sbd op monitor interval=3600 timeout=60
`;
}
