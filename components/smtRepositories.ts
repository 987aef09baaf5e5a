import * as pulumi from "@pulumi/pulumi";
import type { ClusterNode } from "./clusterNode";
import type { MirrorCredentials } from "./smtNode";

/** A repository to mirror, as SMT knows it. */
export interface Repository {
  readonly name: string;
  /** Distribution and architecture, such as `sle-11-x86_64`; not given for a repository that has none. */
  readonly target?: string;
  /** Where it comes from, for a repository that upstream does not list. */
  readonly custom?: {
    /** Number of the product whose clients get it. */
    readonly productId: number;
    readonly description: string;
    readonly url: string;
  };
}

/**
 * How long the program waits for the first mirroring, in seconds. Less than the 15 minutes that another step waits for its
 * turn on the node, so that an `up` after one that was broken off gets its turn.
 */
const mirrorPatience = 600;

export interface SmtRepositoriesArgs {
  /** The nodes that serve them; the first one mirrors. */
  readonly smtNodes: readonly ClusterNode[];
  readonly repositories: readonly Repository[];
  /** Where the shared file system is mounted. */
  readonly mountPoint: string;
  /** What SMT shows upstream; others are tried at once. */
  readonly credentials?: MirrorCredentials;
  /** What must be there before: the replication that tells the other nodes. */
  readonly after: readonly pulumi.Resource[];
}

/**
 * The repositories that SMT mirrors: set up and mirrored once on the first node, which the nightly mirroring repeats, and
 * listed on every node. One that is taken off the list is not mirrored any more, but what there is of it stays.
 */
export class SmtRepositories extends pulumi.ComponentResource {
  /** How the first mirroring stands, once every node lists the repositories: `mirrored`, `still running` or nothing to do. */
  readonly mirroring: pulumi.Output<string>;

  constructor(name: string, args: SmtRepositoriesArgs, opts?: pulumi.ComponentResourceOptions) {
    super("smt-ha:smt:SmtRepositories", name, {}, opts);
    const [first] = args.smtNodes;
    const inputs = { repositories: repositoryList(args.repositories) };

    // The step finds them in smt.conf; here they make it run again when they change.
    const account = args.credentials && {
      account: pulumi.secret(pulumi.interpolate`${args.credentials.user}\n${args.credentials.password}`),
    };

    const started = args.smtNodes.map((node) =>
      node.host.step("smt/start", {}, { parent: this, dependsOn: [...args.after] }),
    );
    const listed = first.host.step("smt/repositories", { inputs }, { parent: this, dependsOn: started });
    const verified = args.smtNodes.map(
      (node) => node.host.step("smt/verify", { inputs }, { parent: this, dependsOn: [listed] }).stdout,
    );
    const mirrored =
      args.repositories.length > 0
        ? first.host.step(
            "smt/mirror",
            { options: { mount: args.mountPoint, timeout: mirrorPatience }, inputs: { ...inputs, ...account } },
            { parent: this },
          ).stdout
        : "nothing to mirror";
    // A secret by its input, but not by what it says.
    this.mirroring = pulumi
      .all([pulumi.unsecret(pulumi.output(mirrored)), ...verified])
      .apply(([state]) => state.trim());
    this.registerOutputs();
  }
}

/** The list as files/lib/smt.sh takes it: a line for each, "name|target|product|url|description". */
export function repositoryList(repositories: readonly Repository[]): string {
  return repositories
    .map(({ name, target = "", custom }) =>
      [name, target, custom?.productId ?? "", custom?.url ?? "", custom?.description ?? ""].join("|"),
    )
    .map((line) => `${line}\n`)
    .join("");
}
