import type { Platform } from "./platform";

/**
 * Restricts a resource to these nodes and disables probing elsewhere, as crm shell text: a new node runs nothing until it
 * is listed. On a Pacemaker without resource-discovery, a resource may run on every node that is not banned: the text holds
 * the preferences only.
 *
 * @param scores how much a node is preferred, by its name. Default: 0
 */
export function allowOnly(
  { resourceDiscovery }: Pick<Platform, "resourceDiscovery">,
  prefix: string,
  resource: string,
  nodes: readonly string[],
  scores: Readonly<Record<string, number>> = {},
): string {
  return (resourceDiscovery ? nodes : nodes.filter((node) => node in scores))
    .map((node) => {
      const discovery = resourceDiscovery ? " resource-discovery=exclusive" : "";
      return `location ${prefix}-on-${node} ${resource}${discovery} ${scores[node] ?? 0}: ${node}\n`;
    })
    .join("");
}

/** Bans a resource from these nodes, as crm shell text. */
export function ban(prefix: string, resource: string, nodes: readonly string[]): string {
  return nodes.map((node) => `location ${prefix}-not-on-${node} ${resource} -inf: ${node}\n`).join("");
}

/**
 * The time that a resource's start and stop may take in seconds, as crm shell text. Pacemaker's 20 s are for a node with
 * nothing else to do. On a busy one, a start that is cut off keeps the resource from that node, and a stop resets the node.
 */
export const limits = (start = 60, stop = start): string =>
  `op start timeout=${start} interval=0 op stop timeout=${stop} interval=0`;
