import * as pulumi from "@pulumi/pulumi";
import type { Role } from "./clusterNode";
import type { Forwarding } from "./ldirectordConf";
import type { Platform } from "./platform";
import { connectionsPort, corosyncPorts, dlmPort, mysqlPort, servicePorts } from "./ports";
import type { StepNode } from "./remoteHost";
import { type Ready, StepComponent } from "./stepComponent";

/** What the rules need to know of a node. */
export interface FirewallNode {
  readonly role: Role;
  readonly address: string;
  /** TCP port of sshd. */
  readonly sshPort: number;
  /** Whether an SMT node balances while no director can. Default: no. */
  readonly spare?: boolean;
}

/** Ports from the first to the last; one port if these are the same. */
export interface PortRange {
  readonly first: number;
  readonly last: number;
}

/** Ports that others may reach, such as a monitoring agent's. */
export interface AllowedPorts extends PortRange {
  readonly protocol: "tcp" | "udp";
  /** IPv4 address, or network in CIDR notation. Unset: everyone. */
  readonly from?: string;
}

/** What the rules need to know of the cluster. */
export interface FirewallRulesArgs {
  readonly nodes: readonly FirewallNode[];
  /** The service's IPv4 address. */
  readonly virtualIp: string;
  readonly forwarding: Forwarding;
  /** Further ports to open. Default: none. */
  readonly allow?: readonly AllowedPorts[];
}

export interface NodeFirewallArgs {
  readonly nodes: readonly (FirewallNode & StepNode & { readonly platform: Platform })[];
  /** The service's IPv4 address. */
  readonly virtualIp: pulumi.Input<string>;
  readonly forwarding: pulumi.Input<Forwarding>;
  /** Further ports to open on every node. Default: none. */
  readonly allow?: readonly AllowedPorts[];
  /** false removes a firewall that this program installed. */
  readonly enabled: boolean;
}

/**
 * The nodes' firewall: SSH and the service from anywhere, the cluster's own traffic from its nodes, the further ports that
 * are given, nothing else. Other rules on a node stay as they are. Established connections go on.
 */
export class NodeFirewall extends StepComponent {
  /** Every node has its firewall. */
  readonly ready: Ready;

  constructor(
    name: string,
    private readonly args: NodeFirewallArgs,
    opts?: pulumi.ComponentResourceOptions,
  ) {
    super("smt-ha:network:NodeFirewall", name, opts);
    const { nodes, allow } = args;
    this.ready = nodes.map((node) =>
      this.step(node, "node/firewall", {
        options: { state: args.enabled ? "on" : "off", "ssh-port": node.sshPort },
        inputs: {
          rules: pulumi
            .all([args.virtualIp, args.forwarding])
            .apply(([virtualIp, forwarding]) =>
              firewallRules(node.platform, node, { nodes, virtualIp, forwarding, allow }),
            ),
        },
      }),
    );
    this.registerOutputs();
  }

  /** This node has its firewall. */
  on(node: StepNode): Ready {
    return this.ready.filter((_, index) => this.args.nodes[index] === node);
  }
}

const serviceList = [servicePorts.http, servicePorts.https];

const isSmt = ({ role }: FirewallNode): boolean => role === "smt";
const isDirector = ({ role }: FirewallNode): boolean => role === "director";

/** Whether a node may hold the service address on the network. */
const mayBalance = (node: FirewallNode): boolean => isDirector(node) || node.spare === true;

/** The rules of a node, as the platform's firewall takes them. */
export function firewallRules(
  { firewall }: Pick<Platform, "firewall">,
  node: FirewallNode,
  args: FirewallRulesArgs,
): string {
  return firewall === "nftables" ? nftables(node, args) : suseFirewall(node, args);
}

/** A port, or a range of ports as the firewall writes it. */
const portsOf = ({ first, last }: PortRange, separator: string): string =>
  first === last ? String(first) : `${first}${separator}${last}`;

/** Settings of SuSEfirewall2. A list holds the words that the setting must have; others in it stay. */
function suseFirewall(node: FirewallNode, { nodes, allow = [] }: FirewallRulesArgs): string {
  const accept = (protocol: string, from: (other: FirewallNode) => boolean = () => true): string[] =>
    nodes.filter(from).map(({ address }) => `${address},${protocol}`);
  const peers = [
    ...accept(`udp,${corosyncPorts.first}:${corosyncPorts.last}`),
    ...(mayBalance(node) ? accept(`udp,${connectionsPort}`, mayBalance) : []),
    ...(isSmt(node) ? [...accept(`tcp,${mysqlPort}`, isSmt), ...accept(`tcp,${dlmPort}`, isSmt)] : []),
    ...allow.map(({ from = "0/0", protocol, ...range }) => `${from},${protocol},${portsOf(range, ":")}`),
  ];
  // Without FW_ROUTE, SuSEfirewall2 turns forwarding off.
  const routing = `FW_ROUTE="yes"
FW_STOP_KEEP_ROUTING_STATE="yes"
`;
  return `# Written by smt-ha, changes are lost.
FW_SERVICES_EXT_TCP="${[node.sshPort, ...serviceList].join(" ")}"
FW_SERVICES_ACCEPT_EXT="${peers.join(" ")}"
${mayBalance(node) ? routing : ""}`;
}

/** A table of nftables, replaced as a whole, in one transaction. */
function nftables(node: FirewallNode, args: FirewallRulesArgs): string {
  const addresses = (of: (other: FirewallNode) => boolean = () => true): string =>
    args.nodes
      .filter(of)
      .map((other) => other.address)
      .join(", ");
  const smt = isSmt(node);

  // A director sees one half of each connection to the service: there is nothing to track. A spare also sends the other half
  // of its own: to track that alone would fill the table.
  const ports = `{ ${serviceList.join(", ")} }`;
  const prerouting = `	chain prerouting {
		type filter hook prerouting priority raw; policy accept;
		ip daddr ${args.virtualIp} tcp dport ${ports} notrack
	}

`;
  const output = `	chain output {
		type filter hook output priority raw; policy accept;
		ip saddr ${args.virtualIp} tcp sport ${ports} notrack
	}

`;
  const rules = [
    "iif lo accept",
    // Precedes the drop of invalid packets: conntrack has not seen the start of a connection that a director takes over.
    `tcp dport ${ports} accept comment "the service"`,
    `ip saddr { ${addresses()} } udp dport ${corosyncPorts.first}-${corosyncPorts.last} accept comment "corosync"`,
    ...(mayBalance(node)
      ? [`ip saddr { ${addresses(mayBalance)} } udp dport ${connectionsPort} accept comment "LVS connections"`]
      : []),
    ...(smt
      ? [`ip saddr { ${addresses(isSmt)} } tcp dport { ${mysqlPort}, ${dlmPort} } accept comment "MySQL, DLM"`]
      : []),
    ...(smt && args.forwarding === "ipip"
      ? [`ip saddr { ${addresses(isDirector)} } ip protocol ipip accept comment "LVS tunnels"`]
      : []),
    "ct state established,related accept",
    "ct state invalid drop",
    `tcp dport ${node.sshPort} accept comment "SSH"`,
    ...(args.allow ?? []).map(
      ({ from, protocol, ...range }) =>
        `${from ? `ip saddr ${from} ` : ""}${protocol} dport ${portsOf(range, "-")} accept comment "firewallAllow"`,
    ),
    "icmp type { echo-request, destination-unreachable, time-exceeded, parameter-problem } accept",
    "meta l4proto ipv6-icmp accept",
  ];
  return `# Written by smt-ha, changes are lost.
table inet smt-ha
delete table inet smt-ha
table inet smt-ha {
${mayBalance(node) ? prerouting : ""}${smt && mayBalance(node) ? output : ""}	chain input {
		type filter hook input priority filter; policy drop;
${rules.map((rule) => `		${rule}\n`).join("")}	}
}
`;
}
