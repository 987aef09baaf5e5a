import * as pulumi from "@pulumi/pulumi";
import { ClusterNode } from "./clusterNode";
import { HaeCluster, neverOn, onlyOn } from "./haeCluster";

export interface OcfsMountArgs {
  readonly cluster: HaeCluster;
  readonly clusterName: string;
  /** The nodes that mount it; the first one makes the file system. */
  readonly smtNodes: readonly ClusterNode[];
  /** The nodes that don't. */
  readonly directors: readonly ClusterNode[];
  /** By-path name of the data partition. */
  readonly device: string;
  /** Where it is mounted. */
  readonly mountPoint: string;
  /** How many nodes can mount it at a time. */
  readonly slots: number;
  /** Whether another file system on the device may be lost. */
  readonly wipe: boolean;
}

/** The OCFS2 file system that all SMT nodes have mounted at a time: made once, kept with its data, mounted by the cluster. */
export class OcfsMount extends pulumi.ComponentResource {
  readonly mountPoint: string;

  constructor(name: string, args: OcfsMountArgs, opts?: pulumi.ComponentResourceOptions) {
    super("smt-ha:disk:OcfsMount", name, {}, opts);
    this.mountPoint = args.mountPoint;
    const [first] = args.smtNodes;

    const format = first.host.step(
      "ocfs/format",
      {
        options: {
          device: args.device,
          cluster: args.clusterName,
          label: "smt",
          slots: args.slots,
          wipe: args.wipe ? "yes" : "no",
        },
      },
      { parent: this },
    );
    const configured = args.cluster.configure(
      "base-services",
      baseServices(
        args.device,
        args.mountPoint,
        args.smtNodes.map((node) => node.nodeName),
        args.directors.map((node) => node.nodeName),
      ),
      { parent: this, dependsOn: [format] },
    );
    for (const node of args.smtNodes) {
      node.host.step(
        "ocfs/verify",
        { options: { directory: args.mountPoint } },
        { parent: this, dependsOn: [configured] },
      );
    }
    this.registerOutputs({ mountPoint: this.mountPoint });
  }
}

/**
 * DLM and the file system on every SMT node, with the guide's names. The constraints are in the same text as what they
 * keep away, so that nothing starts where it may not, not for a moment.
 */
export function baseServices(
  device: string,
  mountPoint: string,
  smtNodes: readonly string[],
  directors: readonly string[],
): string {
  return `primitive dlm ocf:pacemaker:controld op start timeout=90 interval=0 op stop timeout=100 interval=0 op monitor interval=60 timeout=60
primitive fs ocf:heartbeat:Filesystem params device="${device}" directory="${mountPoint}" fstype=ocfs2 options=noatime op start timeout=120 interval=0 op stop timeout=120 interval=0 op monitor interval=20 timeout=60
group base-group dlm fs
clone base-services base-group meta interleave=true
${onlyOn("Base-Services", "base-services", smtNodes)}${neverOn("Base-Services", "base-services", directors)}`;
}
