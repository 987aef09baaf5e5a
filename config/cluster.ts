import type { Problems } from "./problems";
import { integer, text, type Checked, type Group, type Values } from "./rules";
import type { ClusterConfig } from "./stackConfig";

export const clusterGroup = {
  heading: "The cluster",
  keys: {
    clusterName: {
      ...text("1 to 16 letters, digits, - or _ (OCFS2 takes no more)", "smtha", /^[A-Za-z0-9_-]{1,16}$/),
      default: "smtha",
      description:
        "Name of the cluster, 1 to 16 characters. The partitions of the shared disk bear it, which marks them as this cluster's own.",
    },
    watchdogTimeout: {
      ...integer(5, 600, 15, "seconds"),
      default: 15,
      description:
        "Seconds after which its watchdog resets a node that hangs, or that has lost both the shared disk and the cluster. " +
        "An SMT node that has lost only the disk is fenced by the others within two minutes, because the monitor of the file system fails there. " +
        "A director that has lost only the disk runs on while its Pacemaker is healthy, except on sles11, whose SBD watches only the disk. " +
        "Fixed while the cluster runs.",
    },
    msgwait: {
      ...integer(10, 1200, 30, "seconds"),
      default: 30,
      description:
        "Seconds after which the cluster counts a fenced node as dead and recovers its services; at least twice watchdogTimeout. Fixed while the cluster runs.",
    },
    tokenTimeout: {
      ...integer(2, 60, 5, "seconds"),
      default: 5,
      description:
        "Seconds of silence after which the cluster begins to exclude a node. It fences the node after 2.2 times as many, 11 by default. " +
        "A node survives a shorter pause, such as a snapshot or vMotion, if the pause is also shorter than watchdogTimeout. " +
        "Each second more delays a takeover by 2.2 seconds.",
    },
  },
} as const satisfies Group;

type ClusterKeys = typeof clusterGroup.keys;

/** Refuses a msgwait that ends before a node's watchdog has reset it. */
export function checkCluster({ watchdogTimeout, msgwait }: Checked<ClusterKeys>, problems: Problems): void {
  if (watchdogTimeout !== undefined && msgwait !== undefined && msgwait < 2 * watchdogTimeout) {
    problems.refuse(
      "msgwait",
      `must be at least twice watchdogTimeout (${watchdogTimeout}), or a node could still write after it is taken for dead`,
      { set: String(2 * watchdogTimeout) },
    );
  }
}

export const clusterConfig = (values: Values<ClusterKeys>): ClusterConfig => ({
  name: values.clusterName,
  watchdogTimeout: values.watchdogTimeout,
  msgwait: values.msgwait,
  tokenTimeout: values.tokenTimeout,
});
