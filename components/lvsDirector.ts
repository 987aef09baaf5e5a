import * as pulumi from "@pulumi/pulumi";
import type { ClusterNode, NodeNetwork } from "./clusterNode";
import { type HaeCluster, neverOn, onlyOn } from "./haeCluster";
import { type Forwarding, ldirectordConf, type LoadBalancing, services } from "./ldirectordConf";
import type { Platform } from "./platform";

const ldirectordConfig = "/etc/ha.d/ldirectord.cf";

export interface LvsDirectorArgs {
  readonly cluster: HaeCluster;
  /** The real servers; the first one writes the health page. */
  readonly smtNodes: readonly ClusterNode[];
  /** The nodes that may hold the service address; one of them does. */
  readonly directors: readonly ClusterNode[];
  /** The service's IPv4 address. */
  readonly virtualIp: string;
  readonly network: Pick<NodeNetwork, "nic" | "prefixLength">;
  /** Where the shared file system is mounted on the real servers. */
  readonly mountPoint: string;
  /** What puts the real servers' certificates in place, and the nodes' trust in them. */
  readonly certificates: readonly pulumi.Resource[];
  readonly balancing: LoadBalancing;
}

/**
 * The load balancer: a group of the service address and ldirectord, which the cluster keeps on a director, and the real
 * servers behind it. Their health page lies on the shared file system, so that a real server without it gets no requests.
 */
export class LvsDirector extends pulumi.ComponentResource {
  /** Name of the director that held the service address when the nodes were verified. */
  readonly holder: pulumi.Output<string>;

  constructor(name: string, args: LvsDirectorArgs, opts?: pulumi.ComponentResourceOptions) {
    super("smt-ha:balancer:LvsDirector", name, {}, opts);
    const { balancing, virtualIp } = args;
    const { nic } = args.network;
    const ports = services.map(({ port }) => port).join(" ");

    const servers = args.smtNodes.map((node) => node.address).join(" ");

    const serving = args.smtNodes.map((node) => {
      node.host.step(
        "realserver/address",
        {
          options: { address: virtualIp, forwarding: balancing.forwarding },
          inputs: { sysctl: realServerSysctl(nic, balancing.forwarding) },
        },
        { parent: this },
      );
      return node.host.step(
        "web/apache",
        { options: { ports }, inputs: { health: healthSite(args.mountPoint, balancing.request) } },
        { parent: this, dependsOn: [...args.certificates] },
      );
    });
    const [first] = args.smtNodes;
    const page = first.host.step(
      "web/health-page",
      { options: { mount: args.mountPoint, file: "health/test.html" }, inputs: { page: balancing.receive } },
      { parent: this },
    );

    // Where the resource agent finds no configuration, it calls itself "not installed": so first the file, then the group.
    const configured = args.directors.map((node) =>
      node.host.step(
        "director/configure",
        {
          options: { config: ldirectordConfig },
          inputs: { sysctl: directorSysctl(), "ldirectord.cf": ldirectordConf(virtualIp, args.smtNodes, balancing) },
        },
        { parent: this },
      ),
    );
    // From a director, which starts the group while the real servers are still getting ready.
    const group = args.cluster.configure("LVS", lvsGroup(args.directors[0].platform, args), {
      parent: this,
      dependsOn: configured,
      on: args.directors[0],
    });
    const verified = args.directors.map((node) =>
      node.host.step(
        "director/verify",
        { options: { address: virtualIp, ports, servers, config: ldirectordConfig } },
        { parent: this, dependsOn: [...serving, group, page] },
      ),
    );
    // All of them, so that it is known when all are verified.
    this.holder = pulumi.all(verified.map(({ stdout }) => stdout)).apply(([holder]) => holder.trim());
    this.registerOutputs();
  }
}

/**
 * The group with the guide's names, and the constraints that keep it on the directors: it is not even looked for on a node
 * where ldirectord need not be installed, or has no configuration yet.
 */
export function lvsGroup(
  platform: Pick<Platform, "resourceDiscovery">,
  args: Pick<LvsDirectorArgs, "virtualIp" | "network" | "balancing"> & {
    readonly smtNodes: readonly Pick<ClusterNode, "nodeName">[];
    readonly directors: readonly Pick<ClusterNode, "nodeName">[];
  },
): string {
  const names = (nodes: readonly Pick<ClusterNode, "nodeName">[]): string[] => nodes.map(({ nodeName }) => nodeName);
  const { nic, prefixLength } = args.network;
  // A netmask that is not 32 keeps the agent from taking the address on a real server's lo for its own.
  const address = `ip=${args.virtualIp} cidr_netmask=${prefixLength} nic=${nic}${
    args.balancing.forwarding === "gate" ? " lvs_support=true" : ""
  }`;
  // Stickiness: a director that comes back does not take the connections away from the one that serves them. A failure is
  // forgotten after two minutes, since the last director that is left must try again by itself.
  return `primitive VirtIP ocf:heartbeat:IPaddr2 params ${address} op monitor interval=10 timeout=60
primitive Director ocf:heartbeat:ldirectord params configfile="${ldirectordConfig}" op start timeout=120 interval=0 op stop timeout=120 interval=0 op monitor interval=30 timeout=60
group LVS VirtIP Director meta resource-stickiness=100 failure-timeout=120
${onlyOn(platform, "LVS", "LVS", names(args.directors))}${neverOn("LVS", "LVS", names(args.smtNodes))}`;
}

/** A director passes on packets that are not for itself. */
export function directorSysctl(): string {
  return "net.ipv4.ip_forward = 1\n";
}

/** A real server holds the service address, but leaves it to the director to answer for it on the network. */
export function realServerSysctl(nic: string, forwarding: Forwarding): string {
  const quiet = forwarding !== "masq";
  return ["all", nic]
    .flatMap((scope) => [
      `net.ipv4.conf.${scope}.arp_ignore = ${quiet ? 1 : 0}\n`,
      `net.ipv4.conf.${scope}.arp_announce = ${quiet ? 2 : 0}\n`,
    ])
    .join("");
}

/** Apache's view of the health page; both ways to say "granted", for Apache 2.2 and later. */
export function healthSite(mountPoint: string, request: string): string {
  return `# Written by smt-ha, changes are lost.
Alias "/${request}" "${mountPoint}/health/test.html"
<Directory "${mountPoint}/health">
    Options None
    AllowOverride None
    <IfModule mod_authz_core.c>
        Require all granted
    </IfModule>
    <IfModule !mod_authz_core.c>
        Order allow,deny
        Allow from all
    </IfModule>
</Directory>
`;
}
