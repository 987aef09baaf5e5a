import * as pulumi from "@pulumi/pulumi";
import * as vsphere from "@pulumi/vsphere";
import { platforms, type Platform, type PlatformName } from "./platform";
import { RemoteHost, SshAccess } from "./remoteHost";
import { VspherePlacement } from "./vspherePlacement";

/** What a node does: `smt` nodes are the real servers, `director` nodes balance the load between them. */
export type Role = "smt" | "director";

/** Settings that all nodes share. */
export interface NodeNetwork {
  readonly domain: string;
  readonly gateway: string;
  /** Length of the network prefix, in bits. */
  readonly prefixLength: number;
  readonly dnsServers: readonly string[];
  /** Time servers, by name or address. */
  readonly ntpServers: readonly string[];
  /** Network interface that holds the node's address, such as `eth0`. */
  readonly nic: string;
}

/** The virtual machine to make for a node. */
export interface MachineArgs {
  readonly placement: VspherePlacement;
  /** Inventory folder; the datacenter's root folder where it is not given. */
  readonly folder?: string;
  readonly cpus: number;
  readonly memoryMiB: number;
  /** Size of the system disk; the template's where it is not given, and never less. */
  readonly diskGiB?: number;
  /** Whether Pulumi refuses to delete the machine. */
  readonly protect: boolean;
  /** Addresses that are not the node's own although it may hold them. */
  readonly ignoredAddresses: readonly string[];
}

export interface ClusterNodeArgs {
  readonly role: Role;
  readonly access: SshAccess;
  readonly platform: PlatformName;
  readonly network: NodeNetwork;
  /** Name and address of every node of the cluster. */
  readonly peers: readonly { readonly name: string; readonly address: string }[];
  /** The service's DNS name, which leads to its address on every node. */
  readonly service?: { readonly name: string; readonly address: string };
  /** The machine to create; where it is not given, the host exists already. */
  readonly machine?: MachineArgs;
}

/** One machine of the cluster: a VM cloned from a template or an existing host, prepared for its role. */
export class ClusterNode extends pulumi.ComponentResource {
  readonly role: Role;
  readonly address: string;
  readonly platform: Platform;
  /** TCP port of sshd. */
  readonly sshPort: number;
  readonly host: RemoteHost;

  constructor(
    /** Host name, without the domain. */
    readonly nodeName: string,
    args: ClusterNodeArgs,
    opts?: pulumi.ComponentResourceOptions,
  ) {
    super("smt-ha:machine:ClusterNode", nodeName, {}, opts);
    this.role = args.role;
    this.platform = platforms[args.platform];
    this.address = args.access.address;
    this.sshPort = args.access.port;

    const vm = args.machine && this.clone(args, args.machine);
    this.host = new RemoteHost(
      nodeName,
      {
        access: args.access,
        platform: args.platform,
        vm,
        readyTimeout: vm ? "10m" : "1m",
      },
      { parent: this },
    );

    const { network } = args;
    this.host.step(
      "node/preflight",
      {
        options: {
          role: args.role,
          name: nodeName,
          address: this.address,
          nic: network.nic,
          members: args.peers.map((peer) => peer.name).join(" "),
        },
      },
      { parent: this },
    );
    this.host.step(
      "node/hosts",
      { inputs: { hosts: hostsFile(args.peers, network.domain, args.service) } },
      { parent: this },
    );
    this.host.step("node/packages", { options: { role: args.role } }, { parent: this });
    this.host.step("node/time", { options: { servers: network.ntpServers.join(" ") } }, { parent: this });
    this.registerOutputs({ address: this.address });
  }

  private clone(args: ClusterNodeArgs, machine: MachineArgs): vsphere.VirtualMachine {
    const { network } = args;
    const { placement } = machine;
    const { template } = placement;
    return new vsphere.VirtualMachine(
      this.nodeName,
      {
        name: this.nodeName,
        annotation: `smt-ha ${args.role} node of stack ${pulumi.getStack()}`,
        folder: machine.folder,
        resourcePoolId: placement.resourcePoolId,
        datastoreId: placement.datastoreId,
        numCpus: machine.cpus,
        memory: machine.memoryMiB,
        guestId: template.guestId,
        firmware: template.apply((found) => found.firmware ?? "bios"),
        scsiType: template.scsiType,
        networkInterfaces: [
          { networkId: placement.networkId, adapterType: template.networkInterfaceTypes.apply((types) => types[0]) },
        ],
        disks: template.disks.apply((disks) =>
          disks.map((disk, index) => ({
            label: `disk${index}`,
            unitNumber: index,
            size: index === 0 ? Math.max(disk.size, machine.diskGiB ?? 0) : disk.size,
            thinProvisioned: disk.thinProvisioned,
            eagerlyScrub: disk.eagerlyScrub,
          })),
        ),
        clone: {
          templateUuid: template.id,
          customize: {
            linuxOptions: { hostName: this.nodeName, domain: network.domain },
            networkInterfaces: [{ ipv4Address: this.address, ipv4Netmask: network.prefixLength }],
            ipv4Gateway: network.gateway,
            dnsServerLists: [...network.dnsServers],
            dnsSuffixLists: [network.domain],
          },
        },
        ignoredGuestIps: [...machine.ignoredAddresses],
      },
      {
        parent: this,
        protect: machine.protect,
        // A newer template must not replace a machine that works.
        ignoreChanges: ["clone"],
        // The name is unique in its folder.
        deleteBeforeReplace: true,
      },
    );
  }
}

/** The lines for /etc/hosts: address, full name, short name of each node; address and full name of the service. */
export function hostsFile(
  peers: ClusterNodeArgs["peers"],
  domain: string,
  service?: ClusterNodeArgs["service"],
): string {
  const nodes = peers.map((peer) => `${peer.address} ${peer.name}.${domain} ${peer.name}\n`);
  return [...nodes, ...(service ? [`${service.address} ${service.name}\n`] : [])].join("");
}
