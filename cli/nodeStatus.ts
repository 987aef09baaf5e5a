import { z } from "zod";
import type { StackNode } from "./stack";

const unknownAnswer = z.strictObject({ unknown: z.string() });
const otherForm = { unknown: "it answers in another form than this command knows" };
/** The answer to a question, or why there is none. */
const known = <T extends z.ZodType>(answer: T): z.ZodCatch<z.ZodUnion<readonly [typeof unknownAnswer, T]>> =>
  z.union([unknownAnswer, answer]).catch(otherForm as never);
/** The same for a question that only some nodes are asked. */
const asked = <T extends z.ZodType>(
  answer: T,
): z.ZodCatch<z.ZodOptional<z.ZodUnion<readonly [typeof unknownAnswer, T]>>> =>
  z
    .union([unknownAnswer, answer])
    .optional()
    .catch(otherForm as never);

const systems = z.object({
  /** In MiB. */
  systems: z.array(z.object({ directory: z.string(), free: z.number(), size: z.number() })),
});

/** What a mirror run got. `ended` is in seconds since 1970. */
const mirrorRun = z.object({ ended: z.number(), files: z.number(), bytes: z.number(), errors: z.number() });
export type MirrorRun = z.infer<typeof mirrorRun>;

/** What `files/steps/node/status` prints. A question that a node is not asked is missing. */
const nodeStatus = z.object({
  node: z.string(),
  platform: z.string(),
  /** Of the node's copy of the files. */
  revision: z.string(),
  system: z.string(),
  /** Seconds since the boot. */
  uptime: z.number(),
  /** Whether it is a real server. */
  serves: z.boolean(),
  /** Whether it may hold the service address. */
  balances: z.boolean(),
  /** Whether node/maintain has taken it out of service. */
  outOfService: z.boolean(),
  /** The steps that worked when they ran last, each with its mark. */
  steps: z.array(z.object({ name: z.string(), mark: z.string() })),
  cluster: known(
    z.union([
      z.object({ runs: z.literal(false) }),
      z.object({
        runs: z.literal(true),
        quorum: z.boolean(),
        nodes: z.array(z.object({ name: z.string(), state: z.string() })),
        /** What runs, or has failed, on which node. */
        resources: z.array(z.object({ name: z.string(), node: z.string(), state: z.string() })),
        failures: z.array(z.string()),
      }),
    ]),
  ),
  planned: known(
    z.object({
      /** Addresses of drained servers. */
      drained: z.array(z.string()),
      /** Resources that drain a server, `drain-NODE`. */
      resources: z.array(z.string()),
      /** Constraints that crm_resource has made, `cli-…`. */
      constraints: z.array(z.string()),
    }),
  ),
  drift: known(
    z.object({
      parts: z.array(z.object({ name: z.string(), changes: z.array(z.string()) })),
      tieBreakerPending: z.boolean(),
    }),
  ),
  /** Files that are no longer as steps have left them, each with the names of these steps. */
  files: known(
    z.object({
      changed: z.array(
        z.object({ file: z.string(), how: z.enum(["gone", "content", "rights"]), steps: z.array(z.string()) }),
      ),
    }),
  ),
  fencing: asked(
    z.object({
      device: z.string(),
      slots: z.array(z.object({ node: z.string(), message: z.string(), from: z.string() })),
    }),
  ),
  locking: asked(z.object({ spaces: z.array(z.object({ name: z.string(), waits: z.string() })) })),
  disks: known(systems),
  shared: asked(systems),
  address: asked(z.object({ service: z.string(), interfaces: z.array(z.string()) })),
  table: asked(
    z.object({
      services: z.array(
        z.object({
          /** Such as 192.0.2.10:80. */
          address: z.string(),
          servers: z.array(
            z.object({ address: z.string(), weight: z.number(), active: z.number(), inactive: z.number() }),
          ),
        }),
      ),
    }),
  ),
  /** The health page: its HTTP status, 0 if nothing answers, and its text. */
  health: asked(z.object({ status: z.number(), lines: z.array(z.string()) })),
  database: asked(
    z.union([
      z.object({
        /** Address of the database that it follows. */
        follows: z.string().min(1),
        /** Yes, No or Connecting. */
        receives: z.string(),
        applies: z.boolean(),
        /** Seconds; null while that is not known. */
        behind: z.number().nullable(),
        encrypted: z.boolean(),
        error: z.string(),
      }),
      z.object({ follows: z.literal("") }),
    ]),
  ),
  certificates: known(
    z.object({ certificates: z.array(z.object({ file: z.string(), from: z.string(), to: z.string() })) }),
  ),
  mirror: asked(
    z.object({
      running: z.boolean(),
      /** Time of the nightly run, HH:MM; none where SMT's jobs are not. */
      schedule: z.string().optional(),
      last: mirrorRun.optional(),
    }),
  ),
  /** `ahead` is in seconds. */
  clock: known(z.object({ synchronised: z.boolean(), ahead: z.number().optional() })),
  packages: known(z.object({ pending: z.number(), reboot: z.boolean() })),
});

export type NodeStatus = z.infer<typeof nodeStatus>;
/** The names of the questions. */
export type Question = {
  [K in keyof NodeStatus]-?: { unknown: string } extends Exclude<NodeStatus[K], undefined> ? K : never;
}[keyof NodeStatus];
/** An answer that is known. */
export type Known<Q extends Question> = Exclude<NodeStatus[Q], { unknown: string } | undefined>;

/** A node, and what it has answered, or why it has not. */
export interface NodeAnswer {
  readonly node: Pick<StackNode, "name" | "address" | "role" | "steps">;
  readonly status?: NodeStatus;
  readonly failure?: { readonly cause: string; readonly fix: string };
}

/** Reads what the step has printed; undefined if it is something else. */
export const parseNodeStatus = (text: string): NodeStatus | undefined => parse(nodeStatus, text);

/** The same, where the step was asked for what was changed by hand only. */
export const parseChanges = (text: string): Pick<NodeStatus, "steps" | "drift" | "files"> | undefined =>
  parse(nodeStatus.pick({ steps: true, drift: true, files: true }), text);

function parse<T>(form: z.ZodType<T>, text: string): T | undefined {
  try {
    return form.safeParse(JSON.parse(text)).data;
  } catch {
    return undefined;
  }
}

/** A node's answer to a question; undefined if it has none, or was not asked. */
export function answerOf<Q extends Question>(
  { status }: { readonly status?: Partial<NodeStatus> },
  question: Q,
): Known<Q> | undefined {
  const answer = status?.[question];
  return answer === undefined || "unknown" in answer ? undefined : (answer as Known<Q>);
}

/** The cluster as a node sees it; undefined if the node does not see it. */
export type ClusterView = Extract<Known<"cluster">, { runs: true }>;
export function clusterOf(answer: NodeAnswer): ClusterView | undefined {
  const cluster = answerOf(answer, "cluster");
  return cluster?.runs ? cluster : undefined;
}

/** The node on which a resource runs; undefined if it runs nowhere, or that is not known. */
export const nodeOf = (view: ClusterView | undefined, resource: string): string | undefined =>
  view?.resources.find(({ name, state }) => name === resource && state.startsWith("Started"))?.node;

/** The cluster as the nodes see it that are in the majority, if there is one. */
export function majorityView(answers: readonly NodeAnswer[]): ClusterView | undefined {
  const views = answers.flatMap((answer) => clusterOf(answer) ?? []);
  return views.find(({ quorum }) => quorum) ?? views[0];
}

/** The last mirror run that has ended, and the node that it ran on; undefined if no node knows one. */
export const newestMirrorRun = (answers: readonly NodeAnswer[]): { name: string; run: MirrorRun } | undefined =>
  answers
    .flatMap((answer) => {
      const run = answerOf(answer, "mirror")?.last;
      return run ? [{ name: answer.node.name, run }] : [];
    })
    .sort((one, other) => other.run.ended - one.run.ended)[0];
