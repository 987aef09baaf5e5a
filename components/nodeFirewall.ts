import * as pulumi from "@pulumi/pulumi";
import type { ClusterNode, Role } from "./clusterNode";
import type { Forwarding } from "./ldirectordConf";
import type { Platform } from "./platform";

/** What the rules need to know of a node. */
export interface FirewallNode {
  readonly role: Role;
  readonly address: string;
  /** TCP port of sshd. */
  readonly sshPort: number;
}

export interface NodeFirewallArgs {
  readonly nodes: readonly (FirewallNode & Pick<ClusterNode, "host" | "platform">)[];
  /** The service's IPv4 address. */
  readonly virtualIp: string;
  readonly forwarding: Forwarding;
  /** Whether there is a firewall; where not, one that was there before is taken away. */
  readonly enabled: boolean;
}

/**
 * The nodes' firewall: SSH and the service from anywhere, the cluster's own traffic from its nodes, nothing else. It has a
 * table of its own, so that other rules on a node stay as they are, and lets what is connected go on.
 */
export class NodeFirewall extends pulumi.ComponentResource {
  constructor(name: string, args: NodeFirewallArgs, opts?: pulumi.ComponentResourceOptions) {
    super("smt-ha:network:NodeFirewall", name, {}, opts);
    for (const node of args.nodes) {
      node.host.step(
        "node/firewall",
        {
          options: { state: args.enabled ? "on" : "off", "ssh-port": node.sshPort },
          inputs: { rules: firewallRules(node.platform, node, args) },
        },
        { parent: this },
      );
    }
    this.registerOutputs();
  }
}

type Rules = Pick<NodeFirewallArgs, "virtualIp" | "forwarding"> & { readonly nodes: readonly FirewallNode[] };

/** The rules of a node, as the platform's firewall takes them. */
export function firewallRules({ firewall }: Pick<Platform, "firewall">, node: FirewallNode, args: Rules): string {
  return firewall === "nftables" ? nftables(node, args) : suseFirewall(node, args);
}

/** Settings of SuSEfirewall2. Lists are the words that its own settings must have, beside what else they have. */
function suseFirewall(node: FirewallNode, { nodes, forwarding }: Rules): string {
  const accept = (protocol: string, role?: Role): string[] =>
    nodes.filter((other) => !role || other.role === role).map(({ address }) => `${address},${protocol}`);
  const smt = node.role === "smt";
  const peers = [
    ...accept("udp,5404:5405"),
    ...(smt ? [...accept("tcp,3306", "smt"), ...accept("tcp,21064", "smt")] : []),
    ...(smt && forwarding === "ipip" ? accept("ipip", "director") : []),
  ];
  // Without FW_ROUTE, it would take a director's forwarding away.
  const routing = `FW_ROUTE="yes"
FW_STOP_KEEP_ROUTING_STATE="yes"
`;
  return `# Written by smt-ha, changes are lost.
FW_SERVICES_EXT_TCP="${node.sshPort} 80 443"
FW_SERVICES_ACCEPT_EXT="${peers.join(" ")}"
${smt ? "" : routing}`;
}

/** A table of nftables, replaced as a whole, in one transaction. */
function nftables(node: FirewallNode, args: Rules): string {
  const addresses = (role?: Role): string =>
    args.nodes
      .filter((other) => !role || other.role === role)
      .map((other) => other.address)
      .join(", ");
  const smt = node.role === "smt";

  // A director sees one half of each connection to the service: there is nothing to track.
  const untracked = `	chain prerouting {
		type filter hook prerouting priority raw; policy accept;
		ip daddr ${args.virtualIp} tcp dport { 80, 443 } notrack
	}

`;
  const rules = [
    "iif lo accept",
    // Before what is dropped as invalid: connections that another node takes over are in their middle.
    'tcp dport { 80, 443 } accept comment "the service"',
    `ip saddr { ${addresses()} } udp dport 5404-5405 accept comment "corosync"`,
    ...(smt ? [`ip saddr { ${addresses("smt")} } tcp dport { 3306, 21064 } accept comment "MySQL, DLM"`] : []),
    ...(smt && args.forwarding === "ipip"
      ? [`ip saddr { ${addresses("director")} } ip protocol ipip accept comment "LVS tunnels"`]
      : []),
    "ct state established,related accept",
    "ct state invalid drop",
    `tcp dport ${node.sshPort} accept comment "SSH"`,
    "icmp type { echo-request, destination-unreachable, time-exceeded, parameter-problem } accept",
    "meta l4proto ipv6-icmp accept",
  ];
  return `# Written by smt-ha, changes are lost.
table inet smt-ha
delete table inet smt-ha
table inet smt-ha {
${smt ? "" : untracked}	chain input {
		type filter hook input priority filter; policy drop;
${rules.map((rule) => `		${rule}\n`).join("")}	}
}
`;
}
