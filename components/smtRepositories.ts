import * as pulumi from "@pulumi/pulumi";
import { itemAt } from "./lists";
import type { SharedFileSystem } from "./ocfsMount";
import type { MirrorCredentials, SmtNode } from "./smtNode";
import { type Ready, StepComponent } from "./stepComponent";

/** A repository to mirror, as SMT knows it. */
export interface Repository {
  readonly name: string;
  /** Distribution and architecture, such as `sle-11-x86_64`. Unset: the repository has none. */
  readonly target?: string;
  /** The source of a repository that upstream does not list. */
  readonly custom?: {
    /** Number of the product whose clients get it. */
    readonly productId: number;
    readonly description: string;
    readonly url: string;
  };
}

/**
 * Time limit of the first mirroring, in seconds. It goes on after that. The limit is less than the 15 minutes that a step
 * waits for its lane on the node, so the `up` after an interrupted one gets its turn.
 */
const mirrorTimeout = 600;

export interface SmtRepositoriesArgs {
  /** SMT on the nodes that serve the repositories; the first one mirrors. */
  readonly smt: readonly SmtNode[];
  readonly repositories: readonly Repository[];
  /** The shared file system that holds them. */
  readonly mount: SharedFileSystem;
  /** Mirror credentials. A change runs the mirroring again at once. */
  readonly credentials?: MirrorCredentials;
}

/**
 * The repositories that SMT mirrors: set up and mirrored once on the first node, which the nightly mirroring repeats, and
 * listed on every node. One that is removed from the list is no longer mirrored; packages already mirrored stay.
 *
 * SMT starts here, so its databases and certificates must be in place: name them in `dependsOn`.
 */
export class SmtRepositories extends StepComponent {
  /** SMT runs on every node and lists the repositories. */
  readonly ready: Ready;
  /** State of the first mirroring, once every node lists the repositories: `mirrored`, `still running`, `nothing to mirror`. */
  readonly mirroring: pulumi.Output<string>;

  constructor(name: string, args: SmtRepositoriesArgs, opts?: pulumi.ComponentResourceOptions) {
    super("smt-ha:smt:SmtRepositories", name, opts);
    const { smt, mount, credentials } = args;
    const first = itemAt(smt, 0);
    const inputs = { repositories: repositoryList(args.repositories) };

    const started = smt.map(({ node, ready }) => this.step(node, "smt/start", {}, ready));
    const listed = this.step(first.node, "smt/repositories", { inputs }, started);
    const verified = smt.map(({ node }) => this.step(node, "smt/verify", { inputs }, [listed]));
    this.ready = verified;

    // The step reads them from smt.conf; as an input they make it run again when they change.
    const account = credentials && {
      account: pulumi.secret(pulumi.interpolate`${credentials.user}\n${credentials.password}`),
    };
    const mirrored =
      args.repositories.length > 0
        ? this.step(
            first.node,
            "smt/mirror",
            { options: { mount: mount.mountPoint, timeout: mirrorTimeout }, inputs: { ...inputs, ...account } },
            [listed, ...mount.ready],
          ).stdout
        : "nothing to mirror";
    // stdout is marked secret only because stdin is; it holds none.
    this.mirroring = pulumi
      .all([pulumi.unsecret(pulumi.output(mirrored)), ...verified.map(({ stdout }) => stdout)])
      .apply((states) => itemAt(states, 0).trim());
    this.registerOutputs({ mirroring: this.mirroring });
  }
}

/** The list as files/lib/smt.sh reads it: a line each, "name|target|product|url|description". */
export function repositoryList(repositories: readonly Repository[]): string {
  return repositories
    .map(({ name, target = "", custom }) =>
      [name, target, custom?.productId ?? "", custom?.url ?? "", custom?.description ?? ""].join("|"),
    )
    .map((line) => `${line}\n`)
    .join("");
}
