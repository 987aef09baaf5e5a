import type { Role } from "../../components/clusterNode";
import { dotted, toNumber } from "../../components/ipv4";
import type { Place } from "./durations";

/** A host of the growth, as a node of the stack. */
export interface GrowthNode {
  readonly name: string;
  readonly address: string;
  readonly role: Role;
  readonly place: Place;
}

/** A network for measurements (RFC 2544). Only the bench's own namespace has it. */
export const prefixLength = 24;
export const gateway = "198.18.0.1";
export const virtualIp = "198.18.0.10";

/** The fewest nodes of a stack, and the most that the addresses and the slots of OCFS2 allow for. */
export const sizes = { least: 3, most: 48 } as const;

/** The nodes of a stack of this size: two thirds have SMT, the others are directors. */
export function nodesOf(size: number): readonly GrowthNode[] {
  const smt = Math.round((2 * size) / 3);
  return Array.from({ length: size }, (_, index) => {
    const role = index < smt ? "smt" : "director";
    return {
      name: `node${index + 1}`,
      address: dotted(toNumber(virtualIp) + index + 1),
      role,
      place: index === 0 ? "first" : role,
    };
  });
}

/** The configuration of the lab's stack, for these hosts in place of its VMs. */
export function configFor(
  lab: { readonly config: Readonly<Record<string, unknown>> },
  nodes: readonly GrowthNode[],
  sshPrivateKeyFile: string,
): unknown {
  const smt = nodes.filter(({ role }) => role === "smt").length;
  const changes = {
    machines: "existing",
    nodes: nodes.map(({ name, address, role }) => ({ name, address, role })),
    virtualIp,
    gateway,
    sshPrivateKeyFile,
    ocfsSlots: String(Math.max(8, smt)),
  };
  return {
    ...lab,
    config: {
      ...lab.config,
      ...Object.fromEntries(Object.entries(changes).map(([key, value]) => [`smt-ha:${key}`, value])),
    },
  };
}
