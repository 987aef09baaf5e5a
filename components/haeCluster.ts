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
          options: { cluster: args.clusterName, members: args.nodes.length },
          inputs: {
            "corosync.conf": corosyncConf(args),
            sbd: sbdConfig(args.sbdDevice, args.msgwait),
            authkey: authkey.result,
            hacluster: pulumi.interpolate`hacluster:${password.result}`,
          },
        },
        { parent: this, dependsOn: [header] },
      ),
    );
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

/** corosync 3's configuration: encrypted and authenticated, each node by name and address. */
export function corosyncConf(
  args: Pick<HaeClusterArgs, "clusterName"> & { readonly nodes: readonly Pick<ClusterNode, "nodeName" | "address">[] },
): string {
  const members = args.nodes.map(
    (node, index) =>
      `\tnode {\n\t\tring0_addr: ${node.address}\n\t\tname: ${node.nodeName}\n\t\tnodeid: ${index + 1}\n\t}\n`,
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
	expected_votes: ${args.nodes.length}
}

nodelist {
${members.join("")}}
`;
}

/**
 * SBD's configuration: it watches the disk and the cluster. A node that has just booted waits until the others are done
 * with fencing it: one that joins before that is told that it has been fenced, and its cluster services give up for good.
 * They need the token's timeout and the consensus' (1.2 times as long) to miss it, then msgwait; a fifth is margin.
 */
export function sbdConfig(device: string, msgwait: number): string {
  const missed = tokenTimeout + 1.2 * tokenTimeout;
  return `# Written by smt-ha, changes are lost.
SBD_DEVICE="${device}"
SBD_PACEMAKER=yes
SBD_STARTMODE=always
SBD_DELAY_START=${Math.ceil(1.2 * (missed + msgwait))}
SBD_WATCHDOG_DEV=/dev/watchdog
SBD_WATCHDOG_TIMEOUT=5
SBD_TIMEOUT_ACTION=flush,reboot
`;
}

/** Fencing and what the cluster does without quorum: OCFS2 must freeze rather than stop, since it could not unmount. */
export function fencing(args: Pick<HaeClusterArgs, "msgwait">): string {
  return `property stonith-enabled=true stonith-timeout=${Math.ceil(args.msgwait * 1.2) + 10}s no-quorum-policy=freeze
primitive stonith-sbd stonith:external/sbd op monitor interval=3600 timeout=60
`;
}
