import * as crypto from "crypto";
import { hostPart, networkOf } from "./ipv4";
import type { Platform } from "./platform";
import { corosyncPorts } from "./ports";

/** A member by its host name and IPv4 address. */
export interface Member {
  readonly nodeName: string;
  readonly address: string;
}

/** The cluster as corosync sees it. */
export interface Membership {
  readonly clusterName: string;
  /** Length of the members' network prefix, in bits. The rest of an address is its member's number. */
  readonly prefixLength: number;
  /** Seconds without a token until corosync starts to form a membership without the member that is silent. */
  readonly tokenTimeout: number;
  readonly nodes: readonly Member[];
}

/**
 * corosync.conf for a node: encrypted and authenticated. A node's number comes from its address, so it stays the same when
 * other nodes come and go.
 */
export function corosyncConf({ corosync }: Pick<Platform, "corosync">, membership: Membership, node: Member): string {
  return corosync === 1 ? multicastConf(membership, node) : nodelistConf(corosync === 2 ? "udpu" : "knet", membership);
}

/**
 * For corosync 1. It has no list of nodes: members find each other by multicast, and each one's number stands in its own
 * file. It starts Pacemaker as a plugin. It has no name for a cluster, so the name stands in a comment.
 */
function multicastConf({ clusterName, prefixLength, tokenTimeout }: Membership, { address }: Member): string {
  const network = networkOf(address, prefixLength);
  // From the range for use within an organisation, a different one for each cluster.
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
		mcastport: ${corosyncPorts.last}
	}
}

logging {
	to_logfile: no
	to_syslog: yes
}
`;
}

/**
 * For corosync 2 and 3: each node by name and address. Without a tie breaker, an even number of nodes that splits into
 * halves has no half with quorum: both would freeze. With it, the half of the lowest number goes on and fences the other.
 * An odd number has no halves, and corosync refuses the tie breaker there.
 *
 * Without the coefficient, corosync would add 0.65 s to the token for each node after the second. What follows from the token,
 * such as how long a node waits after a crash, could be too short then.
 */
function nodelistConf(transport: "udpu" | "knet", membership: Membership): string {
  const members = membership.nodes.map(
    ({ nodeName, address }) =>
      `\tnode {\n\t\tring0_addr: ${address}\n\t\tname: ${nodeName}\n\t\tnodeid: ${hostPart(address, membership.prefixLength)}\n\t}\n`,
  );
  return `# Written by smt-ha, changes are lost.
totem {
	version: 2
	cluster_name: ${membership.clusterName}
	transport: ${transport}
	crypto_cipher: aes256
	crypto_hash: sha256
	token: ${membership.tokenTimeout * 1000}
	token_coefficient: 0
}

logging {
	to_logfile: no
	to_syslog: yes
}

quorum {
	provider: corosync_votequorum
${membership.nodes.length % 2 === 0 ? "\tauto_tie_breaker: 1\n" : ""}}

nodelist {
${members.join("")}}
`;
}
