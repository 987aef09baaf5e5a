import { limits } from "./crmShell";
import type { Platform } from "./platform";

/** What fencing needs to know. */
export interface FencingArgs {
  /** By-path name of the SBD partition. */
  readonly sbdDevice: string;
  /** Seconds after which a fenced node counts as dead. */
  readonly msgwait: number;
}

/**
 * Seconds of uptime before a node starts the cluster. If it joins while its peers still fence it, it resets itself, or its
 * cluster services stop for good. The peers miss a node after the token timeout and the consensus timeout, which is 1.2 times
 * as long. Fencing then takes msgwait. A fifth is margin.
 */
export function earliestStart(msgwait: number, tokenTimeout: number): number {
  const missed = tokenTimeout + 1.2 * tokenTimeout;
  return Math.ceil(1.2 * (missed + msgwait));
}

/** SBD's configuration: it watches the disk and the cluster. A stale fencing message in a node's slot does not block its start. */
export function sbdConfig({ sbd }: Pick<Platform, "sbd">, device: string): string {
  if (sbd === "cluster-glue") {
    // -W: by a watchdog.
    return `# Written by smt-ha, changes are lost.
SBD_DEVICE="${device}"
SBD_OPTS="-W"
`;
  }
  return `# Written by smt-ha, changes are lost.
SBD_DEVICE="${device}"
SBD_PACEMAKER=yes
SBD_STARTMODE=always
SBD_DELAY_START=no
SBD_WATCHDOG_DEV=/dev/watchdog
SBD_WATCHDOG_TIMEOUT=5
SBD_TIMEOUT_ACTION=flush,reboot
`;
}

/**
 * Fencing, as crm shell text, and what the cluster does without quorum: it freezes, since OCFS2 could not unmount. Fencing
 * that failed while the disk was away is tried again. Older Pacemakers look for expired failures at their recheck only. A
 * busy node needs seconds to start the agent: if it were cut off after it wrote its message, the node would be reset twice.
 * The disk reaches every node, and stonith-timeout fits msgwait: to ask for the list of nodes before each fencing, and to have
 * the agent compare the timeouts, would cost a takeover seconds on a busy node.
 *
 * Where there are such properties: a node that is back before its fencing is over hears of it and resets itself, instead of
 * stopping Pacemaker for good (`fence-reaction`). And a load on one node does not have the whole cluster do one thing at a
 * time (`load-threshold`): a takeover would be slowest when clients, a mirror run or a slow disk keep the nodes busy.
 */
export function fencing(
  { sbd, clusterProperties }: Pick<Platform, "sbd" | "clusterProperties">,
  args: FencingArgs,
): string {
  // The agent of cluster-glue 1.0.5 compares no timeouts, and takes the device from here only.
  const params = sbd === "cluster-glue" ? `sbd_device="${args.sbdDevice}"` : "pcmk_host_check=none timeout_bypass=true";
  return `property stonith-enabled=true stonith-timeout=${Math.ceil(args.msgwait * 1.2) + 30}s no-quorum-policy=freeze cluster-recheck-interval=2min${
    clusterProperties && ` ${clusterProperties}`
  }
primitive stonith-sbd stonith:external/sbd params ${params} ${limits()} op monitor interval=3600 timeout=60 meta failure-timeout=120
`;
}
