/** What `pulumi stack export` prints, as far as it is read here. */
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

/** Which resource waits for which. */
export interface Graph {
  /** Names of the stack's nodes. */
  readonly nodes: readonly string[];
  /** By URN: the URNs of the resources that it waits for. None is a component. */
  readonly waitsFor: ReadonlyMap<string, readonly string[]>;
}

/**
 * The graph that the state holds. A resource waits for its dependencies, its provider and its parent. In place of a component, it
 * waits for what the component waits for.
 */
export function graphOf(state: ExportedState): Graph {
  const resources = state.deployment.resources ?? [];
  const stack = resources.find(({ type }) => type === "pulumi:pulumi:Stack");
  const waitsFor = new Map<string, readonly string[]>();
  const components = new Set(resources.filter(({ custom }) => !custom).map(({ urn }) => urn));
  // What a resource waits for stands before it.
  for (const resource of resources) {
    const { urn, parent, provider } = resource;
    const named = [
      ...dependenciesOf(resource),
      ...(parent ? [parent] : []),
      ...(provider ? [provider.slice(0, provider.lastIndexOf("::"))] : []),
    ];
    waitsFor.set(urn, [
      ...new Set(named.flatMap((name) => (components.has(name) ? (waitsFor.get(name) ?? []) : name))),
    ]);
  }
  return {
    nodes: Object.keys(stack?.outputs?.nodes ?? {}),
    waitsFor,
  };
}

/** What a resource depends on by itself. */
export const dependenciesOf = ({ dependencies, propertyDependencies }: ResourceState): readonly string[] => [
  ...(dependencies ?? []),
  ...Object.values(propertyDependencies ?? {}).flatMap((urns) => urns ?? []),
];

/** A resource's name: the last part of its URN. */
export const nameOf = (urn: string): string => urn.slice(urn.lastIndexOf("::") + 2);

/** The node that a resource's name begins with; empty if it belongs to none. */
export const nodeOf = (name: string, nodes: readonly string[]): string =>
  nodes
    .filter((node) => name === node || name.startsWith(`${node}-`))
    .reduce((longest, node) => (node.length > longest.length ? node : longest), "");
