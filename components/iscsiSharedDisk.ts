import * as pulumi from "@pulumi/pulumi";
import * as random from "@pulumi/random";
import type { ClusterNode } from "./clusterNode";
import { itemAt } from "./lists";
import { type Ready, StepComponent } from "./stepComponent";

/** Credentials by which a node proves to the target who it is. */
export interface ChapCredentials {
  readonly user: pulumi.Input<string>;
  /** 12 to 16 characters for most targets. */
  readonly secret: pulumi.Input<string>;
}

/** A device that every node has under the same name. */
export interface SharedDevice {
  /** By-path name, which stays the same after a reboot. */
  readonly path: pulumi.Input<string>;
  /** Every node has the device. */
  readonly ready: Ready;
}

export interface IscsiSharedDiskArgs {
  /** Every node of the cluster; the first one partitions the disk. */
  readonly nodes: readonly ClusterNode[];
  /** `ADDRESS:PORT` of the target. */
  readonly portal: pulumi.Input<string>;
  /** IQN of the target. */
  readonly target: pulumi.Input<string>;
  /** Number of the LUN. */
  readonly lun: pulumi.Input<number>;
  /** Unset: the target asks for no credentials. */
  readonly chap?: ChapCredentials;
  /** Marks the partitions as this cluster's. */
  readonly clusterName: pulumi.Input<string>;
  /** Whether the program may overwrite foreign data on the disk. */
  readonly wipe: boolean;
  /** Whether the program may take over a disk that another stack has partitioned, with its data. */
  readonly adopt: boolean;
}

/**
 * The disk that all nodes share, over iSCSI. Each node logs in, now and at every boot. The first one makes the partitions
 * for SBD and data, and marks the disk as this stack's. It keeps a disk that has them as it is. It refuses a disk that is too
 * small, one that another stack has marked, unless `adopt` is true, and, unless `wipe` is true, one that holds anything else.
 */
export class IscsiSharedDisk extends StepComponent {
  /** Every node has both partitions. */
  readonly ready: Ready;
  /** The SBD partition. */
  readonly sbdPartition: SharedDevice;
  /** The data partition. */
  readonly dataPartition: SharedDevice;

  constructor(name: string, args: IscsiSharedDiskArgs, opts?: pulumi.ComponentResourceOptions) {
    super("smt-ha:disk:IscsiSharedDisk", name, opts);
    const { nodes, portal, target, lun, chap } = args;

    // Known before the first login, so that a preview shows it; the login step verifies that it exists.
    const device = pulumi.interpolate`/dev/disk/by-path/ip-${portal}-iscsi-${target}-lun-${lun}`;

    // Kept in the stack's state. Two stacks can have the same names of cluster and nodes, such as a copy for tests.
    const id = new random.RandomId(`${name}-id`, { byteLength: 8 }, { parent: this });

    const logins = nodes.map((node) =>
      this.step(node, "iscsi/login", {
        options: {
          portal,
          target,
          device,
          initiator: node.initiatorName,
          ...(chap && { "chap-user": chap.user }),
        },
        ...(chap && { inputs: { "chap-secret": pulumi.secret(chap.secret) } }),
      }),
    );

    // All nodes log in before the first one partitions, so that none reads a half-written table.
    const partition = this.step(
      itemAt(nodes, 0),
      "disk/partition",
      {
        options: {
          device,
          cluster: args.clusterName,
          id: id.hex,
          adopt: args.adopt ? "yes" : "no",
          wipe: args.wipe ? "yes" : "no",
        },
      },
      logins,
    );
    const reread = nodes.slice(1).map((node) => this.step(node, "disk/reread", { options: { device } }, [partition]));

    this.ready = [partition, ...reread];
    this.sbdPartition = { path: pulumi.interpolate`${device}-part1`, ready: this.ready };
    this.dataPartition = { path: pulumi.interpolate`${device}-part2`, ready: this.ready };
    this.registerOutputs({ sbdDevice: this.sbdPartition.path, dataDevice: this.dataPartition.path });
  }
}
