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
    /** The product whose clients get it, as identifier/version/architecture, or its number in the customer center. */
    readonly productId: string;
    readonly description: string;
    readonly url: string;
  };
}

/**
 * Seconds that `up` waits for the mirroring, which then continues without it. This is less than the 15 minutes that a step
 * waits for its lane, so that the `up` after an interrupted one gets the lane.
 */
const mirrorTimeout = 600;

export interface SmtRepositoriesArgs {
  /** SMT on the nodes that serve the repositories; the first one gets the list, and mirrors once. */
  readonly smt: readonly SmtNode[];
  readonly repositories: readonly Repository[];
  /** The shared file system that holds them. */
  readonly mount: SharedFileSystem;
  /** Mirror credentials. A change runs the mirroring again at once. */
  readonly credentials?: MirrorCredentials;
  /** Password of the database's root. Unset: root logs in by the socket. */
  readonly databaseRootPassword?: pulumi.Input<string>;
}

/**
 * The repositories that SMT mirrors. The first node mirrors once; then `SmtJobs` decides which node mirrors every night. Every
 * node lists them. SMT no longer mirrors a repository that leaves the list; packages already mirrored stay on disk.
 *
 * SMT starts here, so its databases and certificates must be in place: name them in `dependsOn`.
 */
export class SmtRepositories extends StepComponent {
  /** SMT runs on every node. Its start may have restarted the databases. */
  readonly started: Ready;
  /** SMT runs on every node and lists the repositories. */
  readonly ready: Ready;
  /** State of the first mirroring, once every node lists the repositories: `mirrored`, `still running`, `nothing to mirror`. */
  readonly mirroring: pulumi.Output<string>;

  constructor(name: string, args: SmtRepositoriesArgs, opts?: pulumi.ComponentResourceOptions) {
    super("smt-ha:smt:SmtRepositories", name, opts);
    const { smt, mount, credentials, databaseRootPassword } = args;
    const first = itemAt(smt, 0);
    const inputs = { repositories: repositoryList(args.repositories) };

    this.started = smt.map(({ node, ready }) => this.step(node, "smt/start", {}, ready));
    const login = databaseRootPassword !== undefined && { "root-password": pulumi.secret(databaseRootPassword) };
    const listed = this.step(first.node, "smt/repositories", { inputs: { ...inputs, ...login } }, this.started);
    const verified = smt.map(({ node }) =>
      this.step(node, "smt/verify", { inputs: { ...inputs, ...login } }, [listed]),
    );
    this.ready = verified;

    // The step reads the credentials from smt.conf. As an input, they re-run it when they change.
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
    // Pulumi marks stdout as secret because stdin is. stdout itself holds no secret.
    this.mirroring = pulumi
      .all([mirrored, ...verified.map(({ stdout }) => stdout)].map((output) => pulumi.unsecret(pulumi.output(output))))
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
