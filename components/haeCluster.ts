import * as crypto from "crypto";
import * as pulumi from "@pulumi/pulumi";
import * as random from "@pulumi/random";
import type { remote } from "@pulumi/command";
import { ClusterNode } from "./clusterNode";
import { hostPart, networkOf } from "./ipv4";
import type { Platform } from "./platform";

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
    const { platform } = this.first;

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
          inputs: {
            "corosync.conf": corosyncConf(platform, args, node),
            sbd: sbdConfig(platform, args.sbdDevice),
            authkey: authkey.result,
          },
        },
        { parent: this, dependsOn: [header] },
      ),
    );
    for (const node of args.nodes) {
      node.host.step("cluster/password", { inputs: { password: password.result } }, { parent: this });
    }
    this.configure("fencing", fencing(platform, args), { parent: this });
    this.registerOutputs();
  }

  /**
   * Gives the cluster a part of its configuration, in one transaction, once all nodes are members.
   *
   * @param part names the part; its objects belong to it from then on
   * @param crm crm shell text: primitives, groups, clones, constraints and properties
   * @param opts `on` is the node that does it and remembers it; the first one where it is not given. `until` is a part
   *   that contains this one: once it is there, this one is left alone
   */
  configure(
    part: string,
    crm: pulumi.Input<string>,
    opts: { parent: pulumi.Resource; dependsOn?: pulumi.Resource[]; on?: ClusterNode; until?: string },
  ): remote.Command {
    const command = (opts.on ?? this.first).host.step(
      "cluster/configure",
      { label: part, options: { part, ...(opts.until && { until: opts.until }) }, inputs: { crm } },
      // One after the other, also on different nodes: a load compares with what it has read before.
      { parent: opts.parent, dependsOn: [...this.joined, ...this.configured, ...(opts.dependsOn ?? [])] },
    );
    this.configured = [command];
    return command;
  }
}

type Member = Pick<ClusterNode, "nodeName" | "address">;
type Members = Pick<HaeClusterArgs, "clusterName" | "prefixLength"> & { readonly nodes: readonly Member[] };

/**
 * corosync's configuration for a node: encrypted and authenticated. A node's number comes from its address, so that it
 * stays the same whatever nodes come and go.
 */
export function corosyncConf({ corosync }: Pick<Platform, "corosync">, args: Members, node: Member): string {
  return corosync === 1 ? multicastConf(args, node) : nodelistConf(corosync === 2 ? "udpu" : "knet", args);
}

/**
 * For corosync 1, which knows no list of nodes: they find each other by multicast, and each is told its own number. It
 * starts Pacemaker as a plugin, and has no name for a cluster: that stands in a comment, by which the nodes know their own.
 */
function multicastConf({ clusterName, prefixLength }: Members, { address }: Member): string {
  const network = networkOf(address, prefixLength);
  // From the range for an organisation's own use; another for each cluster.
  const [first, second] = crypto.createHash("sha256").update(`${clusterName} ${network}`).digest();
  return `# Written by smt-ha, changes are lost.
# cluster_name: ${clusterName}
aisexec {
	user: root
	group: root
}

service {
	ver: 0
	name: pacemaker
	use_mgmtd: no
}

totem {
	version: 2
	secauth: on
	threads: 0
	nodeid: ${hostPart(address, prefixLength)}
	token: ${tokenTimeout * 1000}
	consensus: ${tokenTimeout * 1200}
	interface {
		ringnumber: 0
		bindnetaddr: ${network}
		mcastaddr: 239.192.${first}.${second}
		mcastport: 5405
	}
}

logging {
	to_logfile: no
	to_syslog: yes
}
`;
}

/** For corosync 2 and 3: each node by name and address. */
function nodelistConf(transport: "udpu" | "knet", args: Members): string {
  const members = args.nodes.map(
    ({ nodeName, address }) =>
      `\tnode {\n\t\tring0_addr: ${address}\n\t\tname: ${nodeName}\n\t\tnodeid: ${hostPart(address, args.prefixLength)}\n\t}\n`,
  );
  return `# Written by smt-ha, changes are lost.
totem {
	version: 2
	cluster_name: ${args.clusterName}
	transport: ${transport}
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
export function sbdConfig({ sbd }: Pick<Platform, "sbd">, device: string): string {
  if (sbd === "cluster-glue") {
    // -W: by a watchdog.
    return `# Written by smt-ha, changes are lost.
SBD_DEVICE="${device}"
SBD_OPTS="-W"
`;
  }
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
 * node that joins later has no part in it until it is named here, not for a moment. Where Pacemaker is too old for that,
 * there are none: every node that is not kept off has its part.
 */
export function onlyOn(
  { resourceDiscovery }: Pick<Platform, "resourceDiscovery">,
  prefix: string,
  resource: string,
  nodes: readonly string[],
): string {
  return (resourceDiscovery ? nodes : [])
    .map((node) => `location ${prefix}-on-${node} ${resource} resource-discovery=exclusive 0: ${node}\n`)
    .join("");
}

/** Constraints, as crm shell text, that keep a resource off these nodes. */
export function neverOn(prefix: string, resource: string, nodes: readonly string[]): string {
  return nodes.map((node) => `location ${prefix}-not-on-${node} ${resource} -inf: ${node}\n`).join("");
}

/** Fencing and what the cluster does without quorum: OCFS2 must freeze rather than stop, since it could not unmount. */
export function fencing({ sbd }: Pick<Platform, "sbd">, args: Pick<HaeClusterArgs, "msgwait" | "sbdDevice">): string {
  const device = sbd === "cluster-glue" ? ` params sbd_device="${args.sbdDevice}"` : "";
  return `property stonith-enabled=true stonith-timeout=${Math.ceil(args.msgwait * 1.2) + 10}s no-quorum-policy=freeze
primitive stonith-sbd stonith:external/sbd${device} op monitor interval=3600 timeout=60
`;
}
