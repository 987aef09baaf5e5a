import * as pulumi from "@pulumi/pulumi";
import type { ClusterNode } from "./clusterNode";
import { allowOnly, ban, limits } from "./crmShell";
import type { HaeCluster } from "./haeCluster";
import { balancedPorts, type Forwarding, ldirectordConf, type LoadBalancing } from "./ldirectordConf";
import { itemAt } from "./lists";
import type { Platform } from "./platform";
import { type Ready, StepComponent } from "./stepComponent";

const ldirectordFile = "/etc/ha.d/ldirectord.cf";

export interface LvsDirectorArgs {
  readonly cluster: HaeCluster;
  /**
   * What must be in place before the group is loaded: the part before it, because parts are loaded one at a time, and the trust
   * in the CA of the real servers' certificates, which ldirectord verifies.
   */
  readonly configureAfter: Ready;
  /** The nodes that hold the service address; one of them does. */
  readonly directors: readonly ClusterNode[];
  /**
   * Real servers that hold the service address while no director can, the first choice first. They need direct routing
   * (`gate`) and `spare` of their `ClusterNode`. Default: none.
   */
  readonly spares?: readonly ClusterNode[];
  /** Whether the service address leaves a spare as soon as a director is back. Default: it stays. */
  readonly failback?: boolean;
  /** The nodes of the cluster that may not hold it. */
  readonly others: readonly ClusterNode[];
  /** The servers behind the service address: IPv4 address, that it is on `lo`, and that the server answers. */
  readonly realServers: readonly { readonly address: string; readonly addressed: Ready; readonly ready: Ready }[];
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
 * The load balancer: a group of the service address and ldirectord, which the cluster keeps on a director, or on a spare
 * while there is none.
 */
export class LvsDirector extends StepComponent {
  /** The group is loaded. Parts of the cluster's configuration are loaded one at a time. */
  readonly loaded: Ready;
  /** Every director and spare is verified, with all real servers in the table of the active one. */
  readonly ready: Ready;
  /** Name of the node that held the service address when the nodes were verified: a director, or a spare. */
  readonly activeDirector: pulumi.Output<string>;

  constructor(name: string, args: LvsDirectorArgs, opts?: pulumi.ComponentResourceOptions) {
    super("smt-ha:balancer:LvsDirector", name, opts);
    const { balancing, directors, spares = [], failback = false, others, realServers, virtualIp } = args;
    const first = itemAt(directors, 0);
    const balancers = [...directors, ...spares];

    // The file comes before the group: without it, the resource agent reports "not installed". A running ldirectord checks a new
    // server as soon as the file has it, and the others later while that one doesn't exist: so the server comes before the file.
    const configured = balancers.map((node) =>
      this.step(
        node,
        "director/configure",
        {
          options: { config: ldirectordFile, address: virtualIp, nic: args.nic },
          inputs: {
            sysctl: directorSysctl,
            "ldirectord.cf": pulumi
              .output(virtualIp)
              .apply((address) => ldirectordConf(address, realServers, balancing)),
          },
        },
        realServers.flatMap(({ addressed }) => addressed),
      ),
    );
    const crm = pulumi.all([virtualIp, args.nic, args.prefixLength]).apply(([address, nic, prefixLength]) =>
      lvsGroup(first.platform, {
        virtualIp: address,
        nic,
        prefixLength,
        forwarding: balancing.forwarding,
        directors: directors.map(({ nodeName }) => nodeName),
        spares: spares.map(({ nodeName }) => nodeName),
        failback,
        others: others.map(({ nodeName }) => nodeName),
      }),
    );
    // The group starts while the real servers are still getting ready. A spare has the address on lo by then: the resource
    // agent puts back there what it has taken off, and nothing else.
    const group = args.cluster.configure(
      { part: "LVS", crm, on: first },
      this.stepOptions([...configured, ...args.configureAfter]),
    );
    this.loaded = [group];
    const verified = balancers.map((node) =>
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
    // Joins the results of all of them, so the value is known only after all are verified.
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
  /** Names of the nodes that run the group. */
  readonly directors: readonly string[];
  /** Names of the nodes that run it while no director can, the first choice first. */
  readonly spares: readonly string[];
  /** Whether the group returns from a spare to a director. */
  readonly failback: boolean;
  /** Names of the nodes that may not. */
  readonly others: readonly string[];
}

/** The group's stickiness on each of its two members: the group counts both. */
const stickiness = 100;

/**
 * How much each node is preferred for the group; nothing if all are equal.
 *
 * A director is worth more than a spare, by less than one member's stickiness: the group stays where it is, even while only
 * the address runs. With `failback`, it is worth more than the whole group's stickiness. The stickiness decides among
 * directors and among spares in any case.
 */
function preferences({ directors, spares, failback }: LvsGroupArgs): Record<string, number> {
  if (spares.length === 0) {
    return {};
  }
  const ofDirector = failback ? 10 * stickiness : spares.length + 1;
  return Object.fromEntries([
    ...directors.map((node) => [node, ofDirector] as const),
    ...spares.map((node, index) => [node, spares.length - index] as const),
  ]);
}

/**
 * The group of the service address and ldirectord, as crm shell text with the guide's names, and the constraints that keep
 * it on the directors, and on the spares as the last resort. Other nodes are not probed: ldirectord need not be installed
 * there, or has no configuration yet. Beside it the table, which comes before the group and goes after it. It is no member:
 * a cluster that runs would restart the group for a new one. It stays with the address, not with the group, whose place is
 * that of ldirectord.
 */
export function lvsGroup(platform: Pick<Platform, "resourceDiscovery">, args: LvsGroupArgs): string {
  const { nic, prefixLength } = args;
  // With /32, the agent would take the address on a real server's lo for its own.
  const address = `ip=${args.virtualIp} cidr_netmask=${prefixLength} nic=${nic}${
    args.forwarding === "gate" ? " lvs_support=true" : ""
  }`;
  // Stickiness: a director that returns leaves the connections to the one that serves them. A failure expires after two
  // minutes, because the last node must try again by itself. If the address returns to a director by itself, one that can't
  // hold it would get it every two minutes: there, once in an hour. A monitor of ldirectord loads all its Perl modules: so it
  // is not asked often, and a busy node that missed its time limit would be stopped for nothing.
  const failureTimeout = args.failback && args.spares.length > 0 ? 3600 : 120;
  const nodes = [...args.directors, ...args.spares];
  return `primitive VirtIP ocf:heartbeat:IPaddr2 params ${address} ${limits()} op monitor interval=10 timeout=60
primitive Director ocf:heartbeat:ldirectord params configfile="${ldirectordFile}" ${limits(120)} op monitor interval=60 timeout=120
group LVS VirtIP Director meta resource-stickiness=${stickiness} failure-timeout=${failureTimeout}
primitive Table ocf:smt-ha:table params config="${ldirectordFile}" ${limits()} op monitor timeout=60 interval=0 meta failure-timeout=120
colocation Table-with-VirtIP inf: Table VirtIP
order Table-before-LVS 0: Table LVS
${allowOnly(platform, "Table", "Table", nodes)}${allowOnly(platform, "LVS", "LVS", nodes, preferences(args))}${ban("LVS", "LVS", args.others)}`;
}

/** A director, and a spare, forwards packets that are not for itself. */
export const directorSysctl = "net.ipv4.ip_forward = 1\n";
