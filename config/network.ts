import { dotted, hostPart, networkOf, toNumber } from "../components/ipv4";
import type { NodeNetwork } from "../components/clusterNode";
import { firewallAllowKey } from "./firewall";
import { setCommand, type Problems } from "./problems";
import { dnsName, flag, integer, ipv4Address, text, type Checked, type Group, type Values } from "./rules";
import type { NodeConfig } from "./stackConfig";

export const networkGroup = {
  heading: "Network of the nodes",
  keys: {
    // At most 29 bits, to have room for three nodes, the service and the gateway.
    prefixLength: {
      ...integer(8, 29, 24, "bits"),
      default: 24,
      description:
        "Length of the network prefix of the nodes' subnet, in bits. A VM that exists keeps its own: up refuses another one.",
    },
    gateway: {
      ...ipv4Address("192.0.2.1"),
      description:
        "IPv4 address of the nodes' default gateway. It defines the subnet of the nodes and the service. A VM that exists keeps its own: up refuses another one.",
    },
    domain: {
      ...dnsName("a domain name in lower case", "example.com"),
      description: "DNS domain of the nodes.",
    },
    dnsServers: {
      items: ipv4Address("192.0.2.1"),
      default: [],
      description:
        "IPv4 addresses of the name servers that a new VM gets; empty: it gets none. A VM that exists keeps its own: up refuses until it asks these too.",
    },
    ntpServers: {
      items: dnsName("a name or an IPv4 address", "192.0.2.1"),
      description: "Time servers of the nodes, by name or IPv4 address; at least one.",
    },
    nic: {
      ...text("the name of a network interface", "eth0", /^[\w.-]{1,15}$/),
      default: "eth0",
      description: "Network interface that holds a node's address.",
    },
    firewall: {
      ...flag(true),
      default: true,
      description:
        "Whether each node has a firewall that admits only SSH, HTTP, HTTPS, the cluster's own traffic and what firewallAllow lists. false removes it.",
    },
    firewallAllow: firewallAllowKey,
  },
} as const satisfies Group;

export const networkOfNodes = (values: Values<typeof networkGroup.keys>): NodeNetwork => ({
  domain: values.domain,
  gateway: values.gateway,
  prefixLength: values.prefixLength,
  dnsServers: values.dnsServers,
  ntpServers: values.ntpServers,
  nic: values.nic,
});

type Subnet = Checked<Pick<typeof networkGroup.keys, "gateway" | "prefixLength">>;

/** Values for proposed fixes: no node and no other key uses them. */
export class FreeValues {
  private readonly taken: Set<string>;

  constructor(
    private readonly subnet: Subnet,
    taken: Iterable<string>,
  ) {
    this.taken = new Set(taken);
  }

  /** A host name. */
  name(): string {
    return this.first((number) => `node${number}`);
  }

  /** An address in the gateway's subnet. */
  address(): string {
    const { gateway = networkGroup.keys.gateway.example, prefixLength = networkGroup.keys.prefixLength.default } =
      this.subnet;
    const network = toNumber(networkOf(gateway, prefixLength));
    return this.first((number) => dotted(network + number));
  }

  /** The first value that is free; it is taken then, so that two fixes never propose the same one. */
  private first(candidate: (number: number) => string): string {
    for (let number = 1; ; number++) {
      const value = candidate(number);
      if (!this.taken.has(value)) {
        this.taken.add(value);
        return value;
      }
    }
  }
}

/** Refuses an empty list of time servers. */
export function checkTimeServers({ ntpServers }: Checked<typeof networkGroup.keys>, problems: Problems): void {
  if (ntpServers?.length === 0) {
    problems.refuse("ntpServers", "must list at least one time server", {
      found: "is empty",
      run: setCommand("ntpServers[0]", networkGroup.keys.ntpServers.items.example),
    });
  }
}

/**
 * Refuses an address outside the gateway's subnet, and an address that two hosts share: the gateway and a node, or the
 * service and either. `checkNodes` compares the nodes with each other.
 */
export function checkAddresses(
  { gateway, prefixLength, virtualIp }: Subnet & { readonly virtualIp?: string },
  nodes: readonly NodeConfig[],
  free: FreeValues,
  problems: Problems,
): void {
  if (gateway === undefined || prefixLength === undefined) {
    return;
  }
  const checkHost = (key: string, address: string, others: readonly { name: string; address: string }[]): void => {
    const same = others.find((other) => other.address === address);
    if (!isHost(address, gateway, prefixLength)) {
      const subnet = `${gateway}/${prefixLength}`;
      problems.refuse(key, `must be a host's address in the subnet of the gateway, ${subnet}`, { set: free.address() });
    } else if (same) {
      problems.refuse(key, `must differ from ${same.name}`, { set: free.address() });
    }
  };
  const gatewayHost = { name: "the gateway", address: gateway };
  checkHost("gateway", gateway, []);
  nodes.forEach(({ address }, index) => {
    if (address) {
      checkHost(`nodes[${index}].address`, address, [gatewayHost]);
    }
  });
  if (virtualIp !== undefined) {
    const hosts = nodes.map(({ name, address }) => ({ name: `the address of ${name}`, address }));
    checkHost("virtualIp", virtualIp, [gatewayHost, ...hosts]);
  }
}

/** Whether the address is in the gateway's subnet and neither its network nor its broadcast address. */
function isHost(address: string, gateway: string, prefixLength: number): boolean {
  const host = hostPart(address, prefixLength);
  return (
    networkOf(address, prefixLength) === networkOf(gateway, prefixLength) &&
    host !== 0 &&
    host !== 2 ** (32 - prefixLength) - 1
  );
}
