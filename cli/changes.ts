import { answerOf, type NodeAnswer, type NodeStatus } from "./nodeStatus";

/** The questions that tell what was changed by hand. */
export const changeQuestions = ["drift", "files"] as const;

/** The part of a node's answer that tells it. */
export type ChangeAnswer = Pick<NodeAnswer, "node"> & {
  readonly status?: Pick<NodeStatus, "steps" | (typeof changeQuestions)[number]>;
};

/** What is no longer as the steps of a node have left it, or as the stack's state has it. */
export interface Change {
  readonly node: string;
  /** A part of the cluster's configuration, a file, corosync's tie breaker, or a step that is not what the state says. */
  readonly kind: "cluster" | "file" | "tieBreaker" | "step";
  readonly cause: string;
  readonly fix: string;
  /** Names of the resources that Pulumi has to run again. */
  readonly restoredBy: readonly string[];
}

/** How a file differs from what its steps have written. */
const differences = {
  gone: "is gone",
  content: "has another content",
  rights: "has another owner or other rights",
} as const;

export function changesOf(answer: ChangeAnswer): Change[] {
  const { node, status } = answer;
  const change = (kind: Change["kind"], steps: readonly string[], cause: string, fix: string): Change => {
    const restoredBy = steps.map((step) => `${node.name}-${step}`);
    return {
      node: node.name,
      kind,
      cause,
      fix: steps.length > 0 ? `${fix}: ${restoring(restoredBy)}` : fix,
      restoredBy,
    };
  };
  const drift = answerOf(answer, "drift");
  const parts = (drift?.parts ?? []).map(({ name, changes }) => {
    const cause = `${name} of the cluster's configuration was changed by hand: ${changes.join("; ")}`;
    return change("cluster", [`cluster-configure-${name}`], cause, "restore it");
  });
  const files = (answerOf(answer, "files")?.changed ?? []).flatMap(({ file, how, steps }) => {
    // What the stack no longer has is not what it has to restore.
    const owners = steps.filter((step) => step in node.steps);
    const cause = `${file} of ${owners.join(" and ")} ${differences[how]}: it was changed by hand`;
    return owners.length > 0 ? [change("file", owners, cause, "restore it")] : [];
  });
  const restart = `restart it on ${node.name}, once all nodes are online: systemctl stop pacemaker corosync && systemctl start pacemaker`;
  const tieBreaker = drift?.tieBreakerPending
    ? [change("tieBreaker", [], "its corosync runs without the tie breaker", restart)]
    : [];
  // Those that the state takes for done, and that failed, or ran last with something else: by hand, or from another state.
  const differing = Object.entries(node.steps)
    .filter((step) => status && !status.steps.some(({ name, mark }) => name === step[0] && mark === step[1]))
    .map(([name]) => name);
  const cause = `it is not what the stack's state says: these failed, or ran last from another state or by hand: ${differing.join(", ")}`;
  const steps =
    differing.length > 0 ? [change("step", differing, cause, "run them from this state, if it is the right one")] : [];
  return [...parts, ...files, ...tieBreaker, ...steps];
}

/** The command that runs steps again. */
export const restoring = (resources: readonly string[]): string =>
  `pulumi up ${resources.map((name) => `--replace '**::${name}'`).join(" ")}`;
