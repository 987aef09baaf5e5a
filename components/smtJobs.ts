import * as pulumi from "@pulumi/pulumi";
import type { ClusterNode } from "./clusterNode";
import { allowOnly, ban, limits } from "./crmShell";
import type { HaeCluster } from "./haeCluster";
import { itemAt } from "./lists";
import type { Platform } from "./platform";
import { type Ready, StepComponent } from "./stepComponent";

export interface SmtJobsArgs {
  readonly cluster: HaeCluster;
  /** The steps that load the part before this one. Parts are loaded one at a time. */
  readonly configureAfter: Ready;
  /** The nodes that mount the shared file system, the first choice first. */
  readonly smtNodes: readonly ClusterNode[];
  /** The other nodes of the cluster. */
  readonly directors: readonly ClusterNode[];
}

/**
 * The jobs that SMT's cron runs: mirroring, registration with the customer center, reports. They write to what all SMT nodes
 * share, so the cluster has one node run them, and another one when that is lost.
 */
export class SmtJobs extends StepComponent {
  /** The cluster has put the jobs on a node. */
  readonly ready: Ready;

  constructor(name: string, args: SmtJobsArgs, opts?: pulumi.ComponentResourceOptions) {
    super("smt-ha:smt:SmtJobs", name, opts);
    const { cluster, smtNodes, directors } = args;
    const crm = jobs(itemAt(smtNodes, 0).platform, {
      smtNodes: smtNodes.map(({ nodeName }) => nodeName),
      directors: directors.map(({ nodeName }) => nodeName),
    });
    this.ready = [cluster.configure({ part: "Jobs", crm }, this.stepOptions(args.configureAfter))];
    this.registerOutputs();
  }
}

/**
 * The jobs, as crm shell text: on the first node that mounts the shared file system. Without an order: a clone that stops on
 * another node would stop them too, and a job that starts before the mount fails by itself.
 */
export function jobs(
  platform: Pick<Platform, "resourceDiscovery">,
  { smtNodes, directors }: { readonly smtNodes: readonly string[]; readonly directors: readonly string[] },
): string {
  const preferences = Object.fromEntries(smtNodes.map((node, index) => [node, smtNodes.length - index]));
  return `primitive Jobs ocf:smt-ha:jobs ${limits()} op monitor interval=300 timeout=60 meta failure-timeout=120
colocation Jobs-with-Base-Services inf: Jobs base-services
${allowOnly(platform, "Jobs", "Jobs", smtNodes, preferences)}${ban("Jobs", "Jobs", directors)}`;
}
