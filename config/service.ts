import { platformNames } from "../components/platform";
import { nodesKey } from "./nodes";
import type { Problems } from "./problems";
import { dnsName, ipv4Address, oneOf, optional, type Group } from "./rules";
import type { NodeConfig } from "./stackConfig";

export const serviceGroup = {
  heading: "The service and its nodes",
  keys: {
    platform: {
      ...oneOf(...platformNames),
      description: "What the nodes run: debian12, sles11 (SLES 11 SP1 with HAE) or sles12 (SLES 12 SP5 with HAE).",
    },
    machines: {
      ...oneOf("vsphere", "existing"),
      default: "vsphere",
      description:
        "vsphere clones a VM for each node from a template; existing takes hosts that already run and answer by SSH, and leaves vSphere alone.",
    },
    nodes: nodesKey,
    virtualIp: {
      ...ipv4Address("192.0.2.10"),
      description: "IPv4 address of the service: a free one in the nodes' subnet. The node that balances holds it.",
    },
    serviceName: {
      ...optional(dnsName("a DNS name in lower case", "smt.example.com")),
      default: "",
      description: "DNS name by which clients reach the service. Empty: smt in the nodes' domain.",
    },
    formerServiceNames: {
      items: dnsName("a DNS name in lower case", "smt.example.com"),
      default: [],
      description:
        "Former values of serviceName that the servers' certificates still hold, for clients that have not moved yet.",
    },
  },
} as const satisfies Group;

interface ServiceValues {
  readonly serviceName?: string;
  /** DNS domain of the nodes; undefined if refused. */
  readonly domain?: string;
}

/** DNS name of the service. */
export const serviceNameOf = ({ serviceName, domain }: ServiceValues): string => serviceName ?? `smt.${domain}`;

/** The same where keys may have been refused: undefined if the name comes from one of these. */
export const checkedServiceName = (values: ServiceValues, problems: Problems): string | undefined =>
  values.serviceName !== undefined || (values.domain !== undefined && problems.isEmpty("serviceName"))
    ? serviceNameOf(values)
    : undefined;

/** Refuses a service name that is a node's, or that no certificate can hold. */
export function checkServiceName(values: ServiceValues, nodes: readonly NodeConfig[], problems: Problems): void {
  const name = checkedServiceName(values, problems);
  if (name === undefined) {
    return;
  }
  const { serviceName, domain } = values;
  const must = serviceName === undefined ? `must be set: without it, the name is ${name}, which must` : "must";
  const namesOf = (node: NodeConfig): string[] => (node.name ? [node.name, `${node.name}.${domain}`] : []);
  const node = nodes.find((other) => namesOf(other).includes(name));
  if (node) {
    const free = ["smt", "smt-service"].find((host) => !nodes.some((other) => other.name === host));
    problems.refuse("serviceName", `${must} differ from the name of ${node.name}`, {
      set: domain && free && `${free}.${domain}`,
    });
  }
  if (name.length > 64) {
    problems.refuse("serviceName", `${must} have at most 64 characters, like any common name of a certificate`);
  }
}
