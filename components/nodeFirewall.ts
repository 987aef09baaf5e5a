import * as pulumi from "@pulumi/pulumi";
import type { ClusterNode, Role } from "./clusterNode";
import type { Forwarding } from "./lvsDirector";

/** What the rules need to know of a node. */
export interface FirewallNode {
  readonly role: Role;
  readonly address: string;
  /** TCP port of sshd. */
  readonly sshPort: number;
}

export interface NodeFirewallArgs {
  readonly nodes: readonly (FirewallNode & Pick<ClusterNode, "host">)[];
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
          inputs: { rules: firewallRules(node, args) },
        },
        { parent: this },
      );
    }
    this.registerOutputs();
  }
}

/** The rules of a node, as nftables takes them; the table is replaced as a whole, in one transaction. */
export function firewallRules(
  node: FirewallNode,
  args: Pick<NodeFirewallArgs, "virtualIp" | "forwarding"> & { readonly nodes: readonly FirewallNode[] },
): string {
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
