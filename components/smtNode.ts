import * as pulumi from "@pulumi/pulumi";
import * as random from "@pulumi/random";
import type { ClusterNode } from "./clusterNode";
import type { Database } from "./mysqlMasterPair";
import type { SharedFileSystem } from "./ocfsMount";
import { type Ready, StepComponent } from "./stepComponent";

/** What upstream asks for when SMT mirrors from it. */
export interface MirrorCredentials {
  readonly user: pulumi.Input<string>;
  readonly password: pulumi.Input<string>;
}

export interface SmtNodeArgs {
  readonly node: ClusterNode;
  /** User ID of the user smt, the same on every SMT node. */
  readonly uid: pulumi.Input<number>;
  /** DNS name of the service. */
  readonly serviceName: pulumi.Input<string>;
  /** The shared file system that holds the repositories. */
  readonly mount: SharedFileSystem;
  /** Whether source packages are mirrored too. */
  readonly mirrorSources: pulumi.Input<boolean>;
  /** Unset: existing credentials on the node are kept. */
  readonly credentials?: MirrorCredentials;
  /** Time of the nightly mirroring, HH:MM. It runs where the cluster has put `SmtJobs`. */
  readonly mirrorTime: pulumi.Input<string>;
  /** Password of the database's root. Unset: root logs in by the socket. */
  readonly databaseRootPassword?: pulumi.Input<string>;
}

/**
 * The Subscription Management Tool (SMT) on one node, with its own database. The repositories are on the shared file
 * system; Apache reaches them by links. Clients use the service's name.
 */
export class SmtNode extends StepComponent {
  /** SMT is set up. It does not run yet: `SmtRepositories` starts it. */
  readonly ready: Ready;
  readonly node: ClusterNode;
  /** The node's database. */
  readonly database: Database;

  constructor(name: string, args: SmtNodeArgs, opts?: pulumi.ComponentResourceOptions) {
    super("smt-ha:smt:SmtNode", name, opts);
    const { node, mount, databaseRootPassword } = args;
    this.node = node;

    const password = new random.RandomPassword(`${name}-database`, { length: 24, special: false }, { parent: this });
    // Its database has times in it.
    const installed = this.step(
      node,
      "smt/install",
      {
        options: { uid: args.uid },
        inputs: {
          password: password.result,
          ...(databaseRootPassword !== undefined && { "root-password": pulumi.secret(databaseRootPassword) }),
        },
      },
      node.synchronised,
    );
    this.database = { node, ready: [installed] };
    const settings = pulumi
      .all([
        args.serviceName,
        mount.mountPoint,
        args.mirrorSources,
        password.result,
        args.credentials?.user,
        args.credentials?.password,
      ])
      .apply(([serviceName, mountPoint, mirrorSources, databasePassword, user, mirrorPassword]) =>
        smtConf(
          {
            serviceName,
            mountPoint,
            mirrorSources,
            apiType: node.platform.smtApiType,
            ...(user !== undefined && { credentials: { user } }),
          },
          databasePassword,
          mirrorPassword,
        ),
      );
    this.ready = [
      this.step(node, "smt/configure", { inputs: { "smt.conf": pulumi.secret(settings) } }, [installed]),
      this.step(node, "smt/web", {}, [installed]),
      this.step(node, "smt/links", { options: { mount: mount.mountPoint } }, [installed, ...mount.ready]),
      this.step(node, "smt/schedule", { options: { time: args.mirrorTime } }, [installed]),
    ];
    this.registerOutputs();
  }
}

/** What the program sets in smt.conf. */
export interface SmtSettings {
  /** DNS name of the service. */
  readonly serviceName: string;
  /** Where the repositories lie. */
  readonly mountPoint: string;
  /** Whether source packages are mirrored too. */
  readonly mirrorSources: boolean;
  /** The API of upstream. Unset: the platform's SMT knows one only. */
  readonly apiType?: "SCC";
  /** Mirror credentials. Unset: existing ones are kept. */
  readonly credentials?: { readonly user: string };
}

/** The program's settings of smt.conf. Others in the file stay as they are. */
export function smtConf(settings: SmtSettings, databasePassword: string, mirrorPassword = ""): string {
  const { apiType, credentials } = settings;
  return [
    ...(apiType || credentials ? ["[NU]"] : []),
    ...(apiType ? [`ApiType=${apiType}`] : []),
    ...(credentials ? [`NUUser=${credentials.user}`, `NUPass=${mirrorPassword}`] : []),
    "[DB]",
    "user=smt",
    `pass=${databasePassword}`,
    "[LOCAL]",
    `url=https://${settings.serviceName}/`,
    `MirrorTo=${settings.mountPoint}`,
    `MirrorSRC=${settings.mirrorSources}`,
    "",
  ].join("\n");
}
