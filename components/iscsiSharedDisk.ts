import * as pulumi from "@pulumi/pulumi";
import { ClusterNode } from "./clusterNode";

/** Credentials by which a node proves to the target who it is. */
export interface ChapCredentials {
  readonly user: string;
  /** 12 to 16 characters for most targets. */
  readonly secret: pulumi.Input<string>;
}

export interface IscsiSharedDiskArgs {
  /** Every node of the cluster; the first one partitions the disk. */
  readonly nodes: readonly ClusterNode[];
  /** `ADDRESS:PORT` of the target. */
  readonly portal: string;
  /** IQN of the target. */
  readonly target: string;
  /** Number of the LUN. */
  readonly lun: number;
  readonly chap?: ChapCredentials;
  /** IQN of each node by its name. */
  readonly initiators: Readonly<Record<string, string>>;
  /** Marks the partitions as this cluster's. */
  readonly clusterName: string;
  /** Whether anything else that the disk holds may be lost. */
  readonly wipe: boolean;
}

/**
 * The disk that all nodes share, over iSCSI: each node logs in, now and at every boot, and one of them gives the disk
 * its partitions for SBD and data. A disk that has them is kept as it is; one that is too small or holds anything else
 * is refused.
 */
export class IscsiSharedDisk extends pulumi.ComponentResource {
  /** By-path name of the SBD partition, the same on every node. */
  readonly sbdDevice: string;
  /** By-path name of the data partition, the same on every node. */
  readonly dataDevice: string;

  constructor(name: string, args: IscsiSharedDiskArgs, opts?: pulumi.ComponentResourceOptions) {
    super("smt-ha:disk:IscsiSharedDisk", name, {}, opts);
    const { chap } = args;

    // Known before the first login, so that a preview shows it; the login step verifies that it exists.
    const device = `/dev/disk/by-path/ip-${args.portal}-iscsi-${args.target}-lun-${args.lun}`;

    const logins = args.nodes.map((node) =>
      node.host.step(
        "iscsi/login",
        {
          options: {
            portal: args.portal,
            target: args.target,
            device,
            initiator: args.initiators[node.nodeName],
            ...(chap && { "chap-user": chap.user }),
          },
          ...(chap && { inputs: { "chap-secret": pulumi.secret(chap.secret) } }),
        },
        { parent: this },
      ),
    );

    const [first, ...others] = args.nodes;
    // No node may meet the disk half-partitioned, so that all are logged in before the first one changes it.
    const partition = first.host.step(
      "disk/partition",
      { options: { device, cluster: args.clusterName, wipe: args.wipe ? "yes" : "no" } },
      { parent: this, dependsOn: logins },
    );
    for (const node of others) {
      node.host.step("disk/reread", { options: { device } }, { parent: this, dependsOn: [partition] });
    }

    this.sbdDevice = `${device}-part1`;
    this.dataDevice = `${device}-part2`;
    this.registerOutputs({ sbdDevice: this.sbdDevice, dataDevice: this.dataDevice });
  }
}
