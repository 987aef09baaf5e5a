import * as net from "net";
import { z } from "zod";
import { networkOf } from "../components/ipv4";
import type { AllowedPorts, PortRange } from "../components/nodeFirewall";
import { clusterPorts } from "../components/ports";
import { readFields } from "./fields";
import { removeCommand, setCommand, type Problems } from "./problems";
import { oneOf, text, type Key, type Rule } from "./rules";

/** The first and the last port of a valid text: of `9100` the same one. */
function rangeOf(value: string): PortRange {
  const [first = 0, last = first] = value.split("-").map(Number);
  return { first, last };
}

const ports: Rule<string> = {
  ...text("a port from 1 to 65535, or a range such as 5666-5667", "9100"),
  schema: z
    .string()
    .regex(/^\d{1,5}(-\d{1,5})?$/)
    .refine((value) => {
      const { first, last } = rangeOf(value);
      return 1 <= first && first <= last && last <= 65535;
    }),
};

/** An address, or a network of which no host bit is set: 10.1.2.3/8 leaves open what was meant. */
const source: Rule<string> = {
  ...text("an IPv4 address, or a network such as 10.0.0.0/8", "10.0.0.0/8"),
  schema: z.string().refine((value) => {
    const [address = "", length = "32", ...rest] = value.split("/");
    return (
      rest.length === 0 &&
      net.isIPv4(address) &&
      /^([1-9]|[12]\d|3[0-2])$/.test(length) &&
      networkOf(address, Number(length)) === address
    );
  }),
};

export const firewallAllowKey = {
  fields: { port: ports, protocol: oneOf<AllowedPorts["protocol"]>("tcp", "udp"), from: source },
  default: [],
  description:
    "Further ports that the nodes' firewall opens, such as those of monitoring and backup agents. Each has a port (9100) or a range (5666-5667), " +
    "a protocol (tcp or udp; default: tcp) and a source in from: an IPv4 address or a network (10.0.0.0/8). Without from, everyone may reach it. The cluster's own ports need from.",
} as const satisfies Key;

/** The ports of the list. Placeholders stand for values that have been refused. */
export function readAllowedPorts(list: readonly unknown[], problems: Problems): readonly AllowedPorts[] {
  return list.map((item, index) => {
    const key = `firewallAllow[${index}]`;
    const { port, protocol, from } = readFields(key, item, firewallAllowKey.fields, ["port"], problems);
    const allowed: AllowedPorts = { ...rangeOf(port ?? "0"), protocol: protocol ?? "tcp", from };
    const own = clusterPorts.find(
      (range) => range.protocol === allowed.protocol && range.first <= allowed.last && allowed.first <= range.last,
    );
    // A source that has been refused is still one.
    if (own && !problems.isSet(`${key}.from`)) {
      problems.refuse(`${key}.from`, `must name who may reach the port of ${own.name}: only the nodes need it`, {
        run: `${setCommand(`${key}.from`, source.example)}\nor keep it closed: ${removeCommand(key)}`,
      });
    }
    return allowed;
  });
}
