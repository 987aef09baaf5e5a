import type { Platform } from "./platform";

/**
 * Restricts a resource to these nodes and disables probing elsewhere, as crm shell text: a new node runs nothing until it
 * is listed. Empty on a Pacemaker without resource-discovery, where a resource may run on every node that is not banned.
 */
export function allowOnly(
  { resourceDiscovery }: Pick<Platform, "resourceDiscovery">,
  prefix: string,
  resource: string,
  nodes: readonly string[],
): string {
  return (resourceDiscovery ? nodes : [])
    .map((node) => `location ${prefix}-on-${node} ${resource} resource-discovery=exclusive 0: ${node}\n`)
    .join("");
}

/** Bans a resource from these nodes, as crm shell text. */
export function ban(prefix: string, resource: string, nodes: readonly string[]): string {
  return nodes.map((node) => `location ${prefix}-not-on-${node} ${resource} -inf: ${node}\n`).join("");
}
