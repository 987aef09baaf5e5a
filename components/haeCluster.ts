import * as pulumi from "@pulumi/pulumi";
import * as random from "@pulumi/random";
import type { remote } from "@pulumi/command";
import type { ClusterNode } from "./clusterNode";
import { corosyncConf } from "./corosyncConf";
import type { SharedDevice } from "./iscsiSharedDisk";
import { itemAt } from "./lists";
import type { StepOptions } from "./remoteHost";
import { earliestStart, fencing, sbdConfig } from "./sbdConf";
import { type Ready, StepComponent } from "./stepComponent";

export interface HaeClusterArgs {
  /** Every node of the cluster; the first one creates what only one node may create. */
  readonly nodes: readonly ClusterNode[];
  /** 1 to 16 characters. */
  readonly clusterName: pulumi.Input<string>;
  /** The SBD partition. */
  readonly sbd: SharedDevice;
  /** Seconds after which the watchdog resets a node that hangs, or that has lost both the SBD device and the cluster. */
  readonly watchdogTimeout: pulumi.Input<number>;
  /** Seconds after which a fenced node counts as dead. */
  readonly msgwait: pulumi.Input<number>;
  /** Seconds of silence after which corosync starts to form a membership without a node. It has lost the node after 2.2 times as many. */
  readonly tokenTimeout: pulumi.Input<number>;
  /** Length of the nodes' network prefix, in bits. The rest of an address is its node's number. */
  readonly prefixLength: pulumi.Input<number>;
  /** What must be in place before a node joins, such as every node's firewall. Default: nothing. */
  readonly joinAfter?: Ready;
}

/** A part of the cluster's configuration. */
export interface ClusterPart {
  /** Names the part; the objects of its text belong to it. */
  readonly part: string;
  /** crm shell text: primitives, groups, clones, constraints and properties. */
  readonly crm: pulumi.Input<string>;
  /** The node that loads and remembers the part. Default: the first one. */
  readonly on?: ClusterNode;
  /** The name of a larger part. Once that part is loaded, the step no longer loads this one. */
  readonly until?: string;
}

/**
 * The cluster: corosync with encrypted membership traffic, Pacemaker, and fencing by SBD over the shared disk. Every node
 * joins at boot by itself.
 */
export class HaeCluster extends StepComponent {
  /** All nodes are members, and fencing is configured. */
  readonly ready: Ready;
  private readonly first: ClusterNode;

  constructor(name: string, args: HaeClusterArgs, opts?: pulumi.ComponentResourceOptions) {
    super("smt-ha:cluster:HaeCluster", name, opts);
    const { nodes, clusterName, sbd, watchdogTimeout, msgwait, tokenTimeout, prefixLength, joinAfter = [] } = args;
    this.first = itemAt(nodes, 0);
    const { platform } = this.first;
    if (platform.corosync === 1 && nodes.length % 2 === 0) {
      void pulumi.log.warn(
        `the cluster has ${nodes.length} nodes, and corosync 1 has no tie breaker: if half of them are lost, ` +
          "the others freeze. Add or remove a node to have an odd number.",
        this,
      );
    }

    const authkey = new random.RandomPassword(`${name}-authkey`, { length: 256, special: false }, { parent: this });
    const password = new random.RandomPassword(`${name}-hacluster`, { length: 24, special: false }, { parent: this });

    const header = this.step(
      this.first,
      "sbd/create",
      { options: { device: sbd.path, watchdog: watchdogTimeout, msgwait } },
      sbd.ready,
    );
    // A member must resolve every other one, so all of them are prepared before the first one joins.
    const prepared = nodes.flatMap((node) => [...node.ready, ...node.synchronised]);
    const reloadsKey = platform.corosync === 3;
    const keyed = reloadsKey ? this.shareKey(nodes, clusterName, authkey.result) : [];
    const joined = nodes.map((node) =>
      this.step(
        node,
        "cluster/join",
        {
          options: {
            cluster: clusterName,
            members: nodes.length,
            // Runs the step again after the restart: it ends when the cluster is complete.
            ...(node.resizedTo && { size: node.resizedTo }),
            "earliest-start": pulumi.all([msgwait, tokenTimeout]).apply(([wait, token]) => earliestStart(wait, token)),
          },
          inputs: {
            "corosync.conf": pulumi
              .all([clusterName, prefixLength, tokenTimeout])
              .apply(([cluster, prefix, token]) =>
                corosyncConf(
                  platform,
                  { clusterName: cluster, prefixLength: prefix, tokenTimeout: token, nodes },
                  node,
                ),
              ),
            sbd: pulumi.output(sbd.path).apply((device) => sbdConfig(platform, device)),
            ...(!reloadsKey && { authkey: authkey.result }),
          },
        },
        [header, ...sbd.ready, ...prepared, ...keyed, ...joinAfter],
      ),
    );
    // For the cluster's graphical tools. No other step needs it.
    nodes.forEach((node) => this.step(node, "cluster/password", { inputs: { password: password.result } }));
    const fenced = this.configure(
      {
        part: "fencing",
        crm: pulumi
          .all([sbd.path, msgwait])
          .apply(([device, wait]) => fencing(platform, { sbdDevice: device, msgwait: wait })),
      },
      this.stepOptions(joined),
    );
    this.ready = [fenced];
    this.registerOutputs();
  }

  /** Gives every node corosync's key. A cluster that runs takes another one, without a pause, once all nodes have it. */
  private shareKey(nodes: readonly ClusterNode[], cluster: pulumi.Input<string>, key: pulumi.Output<string>): Ready {
    const inputs = { authkey: key };
    const written = nodes.map((node) => this.step(node, "cluster/authkey", { options: { cluster }, inputs }));
    return nodes.map((node) => this.step(node, "cluster/rekey", { inputs }, written));
  }

  /**
   * Loads a part of the cluster's configuration in one transaction.
   *
   * Only one part may be loaded at a time, from any node: crm reads the configuration, then writes what differs. So
   * `opts.dependsOn` names the step that loads the part before, or a step that waits for it.
   *
   * @returns the step, which ends when the cluster has settled
   */
  configure({ part, crm, on = this.first, until }: ClusterPart, opts: StepOptions): remote.Command {
    return on.host.step(
      "cluster/configure",
      { label: part, options: { part, ...(until && { until }) }, inputs: { crm } },
      opts,
    );
  }
}
