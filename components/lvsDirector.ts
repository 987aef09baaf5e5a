import * as pulumi from "@pulumi/pulumi";
import type { ClusterNode } from "./clusterNode";
import { allowOnly, ban } from "./crmConstraints";
import type { HaeCluster } from "./haeCluster";
import { balancedPorts, type Forwarding, ldirectordConf, type LoadBalancing } from "./ldirectordConf";
import { itemAt } from "./lists";
import type { Platform } from "./platform";
import { type Ready, StepComponent } from "./stepComponent";

const ldirectordFile = "/etc/ha.d/ldirectord.cf";

export interface LvsDirectorArgs {
  readonly cluster: HaeCluster;
  /** The steps that load the part before this one. Parts are loaded one at a time. */
  readonly configureAfter: Ready;
  /** The nodes that may hold the service address; one of them does. */
  readonly directors: readonly ClusterNode[];
  /** The nodes of the cluster that may not. */
  readonly others: readonly ClusterNode[];
  /** The servers behind the service address, by IPv4 address. */
  readonly realServers: readonly { readonly address: string; readonly ready: Ready }[];
  /** The service's IPv4 address. */
  readonly virtualIp: pulumi.Input<string>;
  /** Network interface that gets the service address, such as `eth0`. */
  readonly nic: pulumi.Input<string>;
  /** Length of the service address's network prefix, in bits. */
  readonly prefixLength: pulumi.Input<number>;
  /** How requests are distributed and servers checked. */
  readonly balancing: LoadBalancing;
}

/**
 * The load balancer: a group of the service address and ldirectord, which the cluster keeps on a director. ldirectord
 * verifies the real servers' certificates, so the directors must trust their CA before: name that in `dependsOn`.
 */
export class LvsDirector extends StepComponent {
  /** Every director is verified, with all real servers in the table of the active one. */
  readonly ready: Ready;
  /** Name of the director that held the service address when the nodes were verified. */
  readonly activeDirector: pulumi.Output<string>;

  constructor(name: string, args: LvsDirectorArgs, opts?: pulumi.ComponentResourceOptions) {
    super("smt-ha:balancer:LvsDirector", name, opts);
    const { balancing, directors, others, realServers, virtualIp } = args;
    const first = itemAt(directors, 0);

    // The file comes before the group: without it, the resource agent reports "not installed".
    const configured = directors.map((node) =>
      this.step(node, "director/configure", {
        options: { config: ldirectordFile },
        inputs: {
          sysctl: directorSysctl,
          "ldirectord.cf": pulumi.output(virtualIp).apply((address) => ldirectordConf(address, realServers, balancing)),
        },
      }),
    );
    const crm = pulumi.all([virtualIp, args.nic, args.prefixLength]).apply(([address, nic, prefixLength]) =>
      lvsGroup(first.platform, {
        virtualIp: address,
        nic,
        prefixLength,
        forwarding: balancing.forwarding,
        directors: directors.map(({ nodeName }) => nodeName),
        others: others.map(({ nodeName }) => nodeName),
      }),
    );
    // The group starts while the real servers are still getting ready.
    const group = args.cluster.configure(
      { part: "LVS", crm, on: first },
      this.stepOptions([...configured, ...args.configureAfter]),
    );
    const verified = directors.map((node) =>
      this.step(
        node,
        "director/verify",
        {
          options: {
            address: virtualIp,
            ports: balancedPorts.join(" "),
            servers: realServers.map(({ address }) => address).join(" "),
            config: ldirectordFile,
          },
        },
        [group, ...realServers.flatMap(({ ready }) => ready)],
      ),
    );
    this.ready = verified;
    // Joins the results of all directors, so the value is known only after all are verified.
    this.activeDirector = pulumi
      .all(verified.map(({ stdout }) => stdout))
      .apply((holders) => itemAt(holders, 0).trim());
    this.registerOutputs({ activeDirector: this.activeDirector });
  }
}

/** What the group needs to know. */
export interface LvsGroupArgs {
  /** The service's IPv4 address. */
  readonly virtualIp: string;
  /** Network interface that gets the address. */
  readonly nic: string;
  /** Length of the address's network prefix, in bits. */
  readonly prefixLength: number;
  readonly forwarding: Forwarding;
  /** Names of the nodes that may run the group. */
  readonly directors: readonly string[];
  /** Names of the nodes that may not. */
  readonly others: readonly string[];
}

/**
 * The group of the service address and ldirectord, as crm shell text with the guide's names, and the constraints that keep
 * it on the directors. Other nodes are not probed: ldirectord need not be installed there, or has no configuration yet.
 */
export function lvsGroup(platform: Pick<Platform, "resourceDiscovery">, args: LvsGroupArgs): string {
  const { nic, prefixLength } = args;
  // With /32, the agent would take the address on a real server's lo for its own.
  const address = `ip=${args.virtualIp} cidr_netmask=${prefixLength} nic=${nic}${
    args.forwarding === "gate" ? " lvs_support=true" : ""
  }`;
  // Stickiness: a director that returns leaves the connections to the one that serves them. A failure expires after two
  // minutes, because the last director must try again by itself. A monitor of ldirectord computes for seconds, and a busy
  // director that missed its time limit would be stopped for nothing.
  return `primitive VirtIP ocf:heartbeat:IPaddr2 params ${address} op monitor interval=10 timeout=60
primitive Director ocf:heartbeat:ldirectord params configfile="${ldirectordFile}" op start timeout=120 interval=0 op stop timeout=120 interval=0 op monitor interval=30 timeout=120
group LVS VirtIP Director meta resource-stickiness=100 failure-timeout=120
${allowOnly(platform, "LVS", "LVS", args.directors)}${ban("LVS", "LVS", args.others)}`;
}

/** A director forwards packets that are not for itself. */
export const directorSysctl = "net.ipv4.ip_forward = 1\n";
