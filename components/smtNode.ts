import * as pulumi from "@pulumi/pulumi";
import * as random from "@pulumi/random";
import type { ClusterNode } from "./clusterNode";

/** What upstream asks for when SMT mirrors from it. */
export interface MirrorCredentials {
  readonly user: string;
  readonly password: pulumi.Input<string>;
}

export interface SmtNodeArgs {
  readonly node: ClusterNode;
  /** User ID of the user smt, the same on every SMT node. */
  readonly uid: number;
  /** DNS name of the service. */
  readonly serviceName: string;
  /** Where the shared file system is mounted. */
  readonly mountPoint: string;
  /** Whether source packages are mirrored too. */
  readonly mirrorSources: boolean;
  /** Where they are not given, the node keeps those that it has. */
  readonly credentials?: MirrorCredentials;
  /** Time of the nightly mirroring, HH:MM, on the one node that does it. */
  readonly mirrorTime?: string;
  /** Password of the database's root, where it has one. */
  readonly databaseRootPassword?: pulumi.Input<string>;
}

/**
 * The Subscription Management Tool on one node, with a database of its own: its repositories lie on the shared file system,
 * where Apache finds them by links, and its address is the service's.
 */
export class SmtNode extends pulumi.ComponentResource {
  constructor(name: string, args: SmtNodeArgs, opts?: pulumi.ComponentResourceOptions) {
    super("smt-ha:smt:SmtNode", name, {}, opts);
    const { node, mountPoint, databaseRootPassword } = args;

    const password = new random.RandomPassword(`${name}-database`, { length: 24, special: false }, { parent: this });
    node.host.step(
      "smt/install",
      {
        options: { uid: args.uid },
        inputs: {
          password: password.result,
          ...(databaseRootPassword && { "root-password": pulumi.secret(databaseRootPassword) }),
        },
      },
      { parent: this },
    );
    const settings = pulumi
      .all([password.result, args.credentials?.password])
      .apply(([databasePassword, mirrorPassword]) => smtConf(args, databasePassword, mirrorPassword));
    node.host.step("smt/configure", { inputs: { "smt.conf": pulumi.secret(settings) } }, { parent: this });
    node.host.step("smt/web", {}, { parent: this });
    node.host.step("smt/links", { options: { mount: mountPoint } }, { parent: this });
    node.host.step("smt/schedule", { options: { time: args.mirrorTime ?? "never" } }, { parent: this });
    this.registerOutputs();
  }
}

/** What the program sets in smt.conf; the rest of it stays as it is. */
export function smtConf(
  args: Pick<SmtNodeArgs, "serviceName" | "mountPoint" | "mirrorSources"> & {
    readonly credentials?: Pick<MirrorCredentials, "user">;
  },
  databasePassword: string,
  mirrorPassword = "",
): string {
  const { credentials } = args;
  return [
    ...(credentials ? ["[NU]", `NUUser=${credentials.user}`, `NUPass=${mirrorPassword}`] : []),
    "[DB]",
    "user=smt",
    `pass=${databasePassword}`,
    "[LOCAL]",
    `url=https://${args.serviceName}/`,
    `MirrorTo=${args.mountPoint}`,
    `MirrorSRC=${args.mirrorSources}`,
    "",
  ].join("\n");
}
