/** What `pulumi stack export --show-secrets` prints, as far as it is read here. */
export interface ExportedState {
  readonly deployment: { readonly resources?: readonly ResourceState[] };
}

export interface ResourceState {
  readonly urn: string;
  readonly type: string;
  /** Unset: it is a component. */
  readonly custom?: boolean;
  readonly parent?: string;
  /** The provider's URN, `::` and its ID. */
  readonly provider?: string;
  readonly dependencies?: readonly string[];
  readonly propertyDependencies?: Readonly<Record<string, readonly string[] | null>>;
  readonly inputs?: Readonly<Record<string, unknown>>;
  readonly outputs?: Readonly<Record<string, unknown>>;
}

/** The stack's own outputs; undefined before its first `up`. */
export const outputsOf = ({ deployment }: ExportedState): ResourceState["outputs"] =>
  deployment.resources?.find(({ type }) => type === "pulumi:pulumi:Stack")?.outputs;

/** A resource's name: the last part of its URN. */
export const nameOf = (urn: string): string => urn.slice(urn.lastIndexOf("::") + 2);

/** The node that a resource's name begins with; empty if it belongs to none. */
export const nodeOfName = (name: string, nodes: readonly string[]): string =>
  nodes
    .filter((node) => name === node || name.startsWith(`${node}-`))
    .reduce((longest, node) => (node.length > longest.length ? node : longest), "");

/** A resource's name without that of its node. */
export const stepOfName = (name: string, node: string): string =>
  node && name !== node ? name.slice(node.length + 1) : name;

/** A text of a state, secret or not; empty if there is none. */
export function textOf(value: unknown): string {
  const secret = (value as { plaintext?: string } | null)?.plaintext;
  const text: unknown = secret === undefined ? value : JSON.parse(secret);
  return typeof text === "string" ? text : "";
}
