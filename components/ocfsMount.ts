import * as pulumi from "@pulumi/pulumi";
import type { ClusterNode } from "./clusterNode";
import { allowOnly, ban, limits } from "./crmShell";
import type { HaeCluster } from "./haeCluster";
import type { SharedDevice } from "./iscsiSharedDisk";
import { itemAt } from "./lists";
import type { Platform } from "./platform";
import { type Ready, StepComponent } from "./stepComponent";

/** A file system that several nodes have mounted. */
export interface SharedFileSystem {
  /** Where it is mounted, on each of them. */
  readonly mountPoint: pulumi.Input<string>;
  /** It is mounted on each of them. */
  readonly ready: Ready;
}

export interface OcfsMountArgs {
  readonly cluster: HaeCluster;
  /** Name of that cluster; a file system of another one is refused. */
  readonly clusterName: pulumi.Input<string>;
  /** The nodes that mount it; the first one makes the file system. */
  readonly smtNodes: readonly ClusterNode[];
  /** The nodes that don't mount it. */
  readonly directors: readonly ClusterNode[];
  /** The data partition. */
  readonly data: SharedDevice;
  /** Where to mount it. */
  readonly mountPoint: pulumi.Input<string>;
  /** How many nodes can mount it at a time. */
  readonly slots: pulumi.Input<number>;
  /** Whether the program may overwrite another file system on the device. */
  readonly wipe: boolean;
}

/** The OCFS2 file system that all SMT nodes have mounted: made once, kept with its data, mounted by the cluster. */
export class OcfsMount extends StepComponent implements SharedFileSystem {
  readonly mountPoint: pulumi.Output<string>;
  /** The part of the cluster's configuration that mounts it is loaded. Parts are loaded one at a time. */
  readonly loaded: Ready;
  readonly ready: Ready;

  constructor(name: string, args: OcfsMountArgs, opts?: pulumi.ComponentResourceOptions) {
    super("smt-ha:disk:OcfsMount", name, opts);
    const { cluster, data, mountPoint } = args;
    const first = itemAt(args.smtNodes, 0);
    const { platform } = first;
    this.mountPoint = pulumi.output(mountPoint);
    const names = (nodes: readonly ClusterNode[]): string[] => nodes.map((node) => node.nodeName);
    const services = (device?: pulumi.Input<string>): pulumi.Output<string> =>
      pulumi.all([mountPoint, device]).apply(([directory, path]) =>
        baseServices(platform, {
          device: path,
          mountPoint: directory,
          smtNodes: names(args.smtNodes),
          directors: names(args.directors),
        }),
      );

    // Where mkfs needs the DLM, the cluster starts the DLM first, without the file system.
    const locking = platform.o2cb
      ? [
          cluster.configure(
            { part: "locking", crm: services(), until: "base-services" },
            this.stepOptions(cluster.ready),
          ),
        ]
      : [];
    const format = this.step(
      first,
      "ocfs/format",
      {
        options: {
          device: data.path,
          cluster: args.clusterName,
          label: "smt",
          slots: args.slots,
          wipe: args.wipe ? "yes" : "no",
        },
      },
      [...data.ready, ...locking],
    );
    const configured = cluster.configure(
      { part: "base-services", crm: services(data.path) },
      this.stepOptions([...cluster.ready, format]),
    );
    this.loaded = [configured];
    this.ready = args.smtNodes.map((node) =>
      this.step(node, "ocfs/verify", { options: { mount: mountPoint } }, this.loaded),
    );
    this.registerOutputs({ mountPoint: this.mountPoint });
  }
}

/**
 * At level 10, the monitor reads the device past the cache. At level 0, it would only read the table of mounts, where a file
 * system stays whose disk is away. A node that can't read is fenced: it can't unmount, and may hold locks that others wait
 * for. At level 20, the monitor would write, and fail on those others too. The limit spares the nodes when the storage is
 * away for a minute. crm wants OCF_CHECK_LEVEL last.
 */
const fileSystemMonitor = "op monitor interval=20 timeout=80 on-fail=fence OCF_CHECK_LEVEL=10";

/**
 * DLM, o2cb where it is needed, and the file system on every SMT node, as crm shell text with the guide's names. The
 * constraints are in the same text as what they restrict, so nothing starts where it may not.
 *
 * @param args without a device: before there is a file system
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
  // Starts and stops as the agent of the DLM advises. A failure expires, so a node whose disk was away needs no hand.
  const operations = `${limits(90, 100)} op monitor interval=60 timeout=60 meta failure-timeout=120`;
  const members = [
    { name: "dlm", definition: `ocf:pacemaker:controld ${operations}` },
    ...(platform.o2cb ? [{ name: "o2cb", definition: `ocf:ocfs2:o2cb ${operations}` }] : []),
    ...(args.device
      ? [
          {
            name: "fs",
            definition: `ocf:heartbeat:Filesystem params device="${args.device}" directory="${args.mountPoint}" fstype=ocfs2 options=noatime ${limits(120)} ${fileSystemMonitor} meta failure-timeout=120`,
          },
        ]
      : []),
  ];
  return [
    ...members.map(({ name, definition }) => `primitive ${name} ${definition}\n`),
    `group base-group ${members.map(({ name }) => name).join(" ")}\n`,
    "clone base-services base-group meta interleave=true\n",
    allowOnly(platform, "Base-Services", "base-services", args.smtNodes),
    ban("Base-Services", "base-services", args.directors),
  ].join("");
}
