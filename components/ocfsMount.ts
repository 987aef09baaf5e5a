import * as pulumi from "@pulumi/pulumi";
import { ClusterNode } from "./clusterNode";
import { HaeCluster, neverOn, onlyOn } from "./haeCluster";
import type { Platform } from "./platform";

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
    const { platform } = first;
    const names = (nodes: readonly ClusterNode[]): string[] => nodes.map((node) => node.nodeName);
    const services = { ...args, smtNodes: names(args.smtNodes), directors: names(args.directors) };

    // Where mkfs needs the cluster's DLM, that starts first, alone.
    const locking = platform.o2cb && [
      args.cluster.configure("locking", baseServices(platform, { ...services, device: undefined }), {
        parent: this,
        until: "base-services",
      }),
    ];
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
      { parent: this, ...(locking && { dependsOn: locking }) },
    );
    const configured = args.cluster.configure("base-services", baseServices(platform, services), {
      parent: this,
      dependsOn: [format],
    });
    for (const node of args.smtNodes) {
      node.host.step("ocfs/verify", { options: { mount: args.mountPoint } }, { parent: this, dependsOn: [configured] });
    }
    this.registerOutputs({ mountPoint: this.mountPoint });
  }
}

/**
 * DLM, o2cb where it is needed, and the file system on every SMT node, with the guide's names. The constraints are in the
 * same text as what they keep away, so that nothing starts where it may not, not for a moment.
 *
 * @param args without a device, there is no file system yet
 */
export function baseServices(
  platform: Pick<Platform, "o2cb" | "resourceDiscovery">,
  args: {
    readonly device?: string;
    readonly mountPoint: string;
    readonly smtNodes: readonly string[];
    readonly directors: readonly string[];
  },
): string {
  const operations = "op start timeout=90 interval=0 op stop timeout=100 interval=0 op monitor interval=60 timeout=60";
  const members = [
    { name: "dlm", definition: `ocf:pacemaker:controld ${operations}` },
    ...(platform.o2cb ? [{ name: "o2cb", definition: `ocf:ocfs2:o2cb ${operations}` }] : []),
    ...(args.device
      ? [
          {
            name: "fs",
            definition: `ocf:heartbeat:Filesystem params device="${args.device}" directory="${args.mountPoint}" fstype=ocfs2 options=noatime op start timeout=120 interval=0 op stop timeout=120 interval=0 op monitor interval=20 timeout=60`,
          },
        ]
      : []),
  ];
  return [
    ...members.map(({ name, definition }) => `primitive ${name} ${definition}\n`),
    `group base-group ${members.map(({ name }) => name).join(" ")}\n`,
    "clone base-services base-group meta interleave=true\n",
    onlyOn(platform, "Base-Services", "base-services", args.smtNodes),
    neverOn("Base-Services", "base-services", args.directors),
  ].join("");
}
