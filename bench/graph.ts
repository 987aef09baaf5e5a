import { outputsOf, type ExportedState, type ResourceState } from "../cli/state";

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
    nodes: Object.keys(outputsOf(state)?.nodes ?? {}),
    waitsFor,
  };
}

/** What a resource depends on by itself. */
export const dependenciesOf = ({ dependencies, propertyDependencies }: ResourceState): readonly string[] => [
  ...(dependencies ?? []),
  ...Object.values(propertyDependencies ?? {}).flatMap((urns) => urns ?? []),
];
