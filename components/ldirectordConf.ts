import { servicePorts } from "./ports";

/** How the director passes a packet on: direct routing, tunnelling or NAT. */
export type Forwarding = "gate" | "ipip" | "masq";

/** How the director distributes and checks; times in seconds. */
export interface LoadBalancing {
  /** Time between two checks of a real server. */
  readonly checkInterval: number;
  /** Time that a real server has to answer a check. */
  readonly checkTimeout: number;
  /** Failed checks in a row after which a real server gets no more requests. */
  readonly failureCount: number;
  /** Whether ldirectord reloads a changed configuration by itself, at its next check. */
  readonly autoReload: boolean;
  /** Whether a failed real server stays in the table with weight 0 (it keeps its connections) or leaves it. */
  readonly quiescent: boolean;
  /** IPVS scheduler, such as `wlc`. */
  readonly scheduler: string;
  /** Time for which a client stays with its real server after its last connection, in seconds; 0: not at all. */
  readonly persistence: number;
  /** How packets reach the real servers. */
  readonly forwarding: Forwarding;
  /** Path of the health page on the real servers, without a leading slash. */
  readonly request: string;
  /** Text of the health page. ldirectord reads it as a regular expression, so it must match itself as one. */
  readonly receive: string;
  /** IPv4 address of the server that gets the requests while no real server is healthy. Unset: none. */
  readonly fallback?: string;
}

/** The balanced services in ldirectord's order: the guide's. */
const schemes = ["https", "http"] as const;

/** Their TCP ports. */
export const balancedPorts = schemes.map((scheme) => servicePorts[scheme]);

/**
 * ldirectord's configuration. A blank line ends a virtual service. ldirectord takes no space after yes or no. It leaves the
 * table when it stops (`cleanstop`): the table has to last as long as the service address, which stops after it.
 */
export function ldirectordConf(
  virtualIp: string,
  realServers: readonly { readonly address: string }[],
  balancing: LoadBalancing,
): string {
  const yesNo = (value: boolean): string => (value ? "yes" : "no");
  const { fallback } = balancing;
  const virtualServices = schemes.map((service) => {
    const port = servicePorts[service];
    return [
      `virtual = ${virtualIp}:${port}`,
      "\tchecktype = negotiate",
      ...(fallback ? [`\tfallback = ${fallback}:${port} gate`] : []),
      ...(balancing.persistence > 0 ? [`\tpersistent = ${balancing.persistence}`] : []),
      "\tprotocol = tcp",
      ...realServers.map(({ address }) => `\treal = ${address}:${port} ${balancing.forwarding}`),
      `\treceive = "${balancing.receive}"`,
      `\trequest = "${balancing.request}"`,
      `\tscheduler = ${balancing.scheduler}`,
      `\tservice = ${service}`,
    ].join("\n");
  });
  return `# Written by smt-ha, changes are lost.
autoreload = ${yesNo(balancing.autoReload)}
checkinterval = ${balancing.checkInterval}
checktimeout = ${balancing.checkTimeout}
failurecount = ${balancing.failureCount}
cleanstop = no
quiescent = ${yesNo(balancing.quiescent)}

${virtualServices.join("\n\n")}
`;
}
