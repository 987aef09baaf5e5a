import * as pulumi from "@pulumi/pulumi";
import * as vsphere from "@pulumi/vsphere";
import { platforms, type Platform, type PlatformName } from "./platform";
import { RemoteHost, type SshAccess, type StepNode } from "./remoteHost";
import type { VspherePlacement } from "./vspherePlacement";

/** What a node does: `smt` nodes are the real servers, `director` nodes balance the load between them. */
export type Role = "smt" | "director";

/** Settings that all nodes share. */
export interface NodeNetwork {
  /** DNS domain of the nodes. */
  readonly domain: string;
  /** IPv4 address of the default gateway. */
  readonly gateway: string;
  /** Length of the network prefix, in bits. */
  readonly prefixLength: number;
  /** IPv4 addresses of the name servers. */
  readonly dnsServers: readonly string[];
  /** Time servers, by name or address. */
  readonly ntpServers: readonly string[];
  /** Network interface that holds the node's address, such as `eth0`. */
  readonly nic: string;
}

/** The virtual machine to create for a node. */
export interface MachineArgs {
  /** Where the machine goes, and its template. */
  readonly placement: VspherePlacement;
  /** Inventory folder. Default: the datacenter's root folder. */
  readonly folder?: pulumi.Input<string>;
  /** Number of virtual CPUs. */
  readonly cpus: pulumi.Input<number>;
  /** Memory, in MiB. */
  readonly memoryMiB: pulumi.Input<number>;
  /** Size of the system disk, in GiB, never less than the template's. Default: the template's. */
  readonly diskGiB?: number;
  /** Whether the machine takes changed CPUs and memory, for which vSphere shuts it down. Only one machine at a time may. */
  readonly resize: boolean;
  /** Whether Pulumi refuses to delete the machine. */
  readonly protect: boolean;
  /** Floating addresses to ignore when vSphere reports the guest's addresses. */
  readonly ignoredAddresses: readonly pulumi.Input<string>[];
}

/** A name and the IPv4 address that it resolves to. */
export interface HostEntry {
  readonly name: string;
  readonly address: string;
}

export interface ClusterNodeArgs {
  readonly role: Role;
  /** Whether an SMT node has all that it takes to balance while no director can. Default: no. */
  readonly spare?: boolean;
  /** How to reach the node by SSH. */
  readonly access: SshAccess;
  /** What the node runs. */
  readonly platform: PlatformName;
  readonly network: NodeNetwork;
  /** Name and address of every node of the cluster. */
  readonly peers: readonly HostEntry[];
  /** IQN by which the node logs in to the shared disk's target. */
  readonly initiatorName: string;
  /** The service's DNS name, which resolves to its address on every node. */
  readonly service?: HostEntry;
  /** The machine to create. Unset: the host exists already. */
  readonly machine?: MachineArgs;
}

/** One machine of the cluster: a VM cloned from a template or an existing host, prepared for its role. */
export class ClusterNode extends pulumi.ComponentResource implements StepNode {
  readonly role: Role;
  /** Whether it is an SMT node that can balance. */
  readonly spare: boolean;
  readonly address: string;
  readonly platform: Platform;
  /** TCP port of sshd. */
  readonly sshPort: number;
  readonly initiatorName: string;
  readonly host: RemoteHost;
  /** Its VM; undefined if the host exists already. */
  readonly machine?: vsphere.VirtualMachine;
  /** CPUs and memory for which its VM may be restarted in this run; undefined if it may not. */
  readonly resizedTo?: pulumi.Output<string>;
  /** The node matches the configuration, resolves its peers and has its packages. Its clock may still be wrong. */
  readonly ready: readonly pulumi.Resource[];
  /** Its clock follows a time server. */
  readonly synchronised: readonly pulumi.Resource[];

  constructor(
    /** Host name, without the domain. */
    readonly nodeName: string,
    args: ClusterNodeArgs,
    opts?: pulumi.ComponentResourceOptions,
  ) {
    super("smt-ha:machine:ClusterNode", nodeName, {}, opts);
    this.role = args.role;
    this.spare = args.role === "smt" && (args.spare ?? false);
    this.platform = platforms[args.platform];
    this.address = args.access.address;
    this.sshPort = args.access.port;
    this.initiatorName = args.initiatorName;

    const vm = args.machine && this.clone(args, args.machine);
    this.machine = vm;
    if (args.machine?.resize) {
      this.resizedTo = pulumi.interpolate`${args.machine.cpus} CPUs, ${args.machine.memoryMiB} MiB`;
    }
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
    // What its packages and its kernel are for.
    const role = this.spare ? "smt director" : args.role;
    const preflight = this.host.step(
      "node/preflight",
      {
        options: {
          role,
          name: nodeName,
          address: this.address,
          nic: network.nic,
          members: args.peers.map((peer) => peer.name).join(" "),
          // A clone got them from vSphere, once. A host that exists already has its own.
          ...(vm && {
            prefix: network.prefixLength,
            gateway: network.gateway,
            ...(network.dnsServers.length > 0 && { dns: network.dnsServers.join(" ") }),
          }),
        },
      },
      { parent: this },
    );
    const hosts = this.host.step(
      "node/hosts",
      { inputs: { hosts: hostsFile(args.peers, network.domain, args.service) } },
      { parent: this, dependsOn: [preflight] },
    );
    const room = args.machine?.diskGiB ? this.growRoot(args.machine.diskGiB, preflight) : preflight;
    const packages = this.host.step("node/packages", { options: { role } }, { parent: this, dependsOn: [room] });
    const time = this.host.step(
      "node/time",
      { options: { servers: network.ntpServers.join(" ") } },
      { parent: this, dependsOn: [packages] },
    );
    this.ready = [hosts, packages];
    this.synchronised = [time];
    this.registerOutputs({ address: this.address });
  }

  /** Lets the root file system fill the system disk, before packages need the room. */
  private growRoot(gib: number, preflight: pulumi.Resource): pulumi.Resource {
    const grown = this.host.step("node/system-disk", { options: { gib } }, { parent: this, dependsOn: [preflight] });
    grown.stdout.apply((left) => left && pulumi.log.warn(rootWarning(this.nodeName, left), grown));
    return grown;
  }

  private clone(args: ClusterNodeArgs, machine: MachineArgs): vsphere.VirtualMachine {
    const { network } = args;
    const { placement } = machine;
    const { template } = placement;
    const vm = new vsphere.VirtualMachine(
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
        disks: template.apply(({ disks, missing }) => {
          if (missing && machine.diskGiB) {
            throw new pulumi.RunError(
              "without its template, the number of a machine's disks is not known, but diskGiB is to set the size of one\n" +
                "  fix:   pulumi config rm diskGiB (each disk keeps its size); or pulumi config set template NAME",
            );
          }
          return disks.map((disk, index) => ({
            label: `disk${index}`,
            unitNumber: index,
            size: index === 0 ? Math.max(disk.size, machine.diskGiB ?? 0) : disk.size,
            thinProvisioned: disk.thinProvisioned,
            eagerlyScrub: disk.eagerlyScrub,
          }));
        }),
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
        // What a machine got from its template at birth stays: another template under the same name must not replace,
        // reboot or grow it. Nor may several machines be shut down at once for other CPUs or memory.
        ignoreChanges: [
          "clone",
          "guestId",
          "firmware",
          "scsiType",
          "networkInterfaces[*].adapterType",
          ...(machine.diskGiB ? ["disks[*].thinProvisioned", "disks[*].eagerlyScrub"] : ["disks"]),
          ...(machine.resize ? [] : ["numCpus", "memory"]),
        ],
        // The name is unique in its folder.
        deleteBeforeReplace: true,
      },
    );
    pulumi
      .all([vm.numCpus, vm.memory, machine.cpus, machine.memoryMiB])
      .apply(([cpus, memoryMiB, wantedCpus, wantedMemoryMiB]) => {
        const warning = machine.resize
          ? restartNotice(this.nodeName)
          : sizeWarning(this.nodeName, { cpus, memoryMiB }, { cpus: wantedCpus, memoryMiB: wantedMemoryMiB });
        return warning && pulumi.log.warn(warning, vm);
      });
    return vm;
  }
}

/** CPUs and memory of a machine. */
interface Size {
  readonly cpus?: number;
  readonly memoryMiB?: number;
}

/** Says that a machine that may be resized is shut down for it: the difference alone doesn't show that. */
const restartNotice = (node: string): string =>
  `${node} is resizeNode: a change of its CPUs or memory shuts it down and starts it again. The run ends when the cluster is ` +
  "complete again.";

/** Says that a machine has another size than the configuration, and how it gets that; undefined if it has that size. */
export function sizeWarning(node: string, has: Size, wanted: Size): string | undefined {
  if (has.cpus === wanted.cpus && has.memoryMiB === wanted.memoryMiB) {
    return undefined;
  }
  const text = ({ cpus, memoryMiB }: Size): string => `${cpus} CPUs and ${memoryMiB} MiB`;
  return (
    `${node} keeps ${text(has)}, although the configuration says ${text(wanted)}\n` +
    "  cause: vSphere shuts a machine down to change them, and all nodes at once would end the service\n" +
    `  fix:   one node after the other: pulumi config set resizeNode ${node} && pulumi up`
  );
}

/** What `node/system-disk` has left to the administrator, and how the warning ends: the step does not run again by itself. */
const rootWarning = (node: string, left: string): string =>
  `${node}: ${left}\n  then:  pulumi up --replace '**::${node}-node-system-disk', which looks again`;

/** The lines for /etc/hosts: address, full name, short name of each node; address and full name of the service. */
export function hostsFile(peers: readonly HostEntry[], domain: string, service?: HostEntry): string {
  const nodes = peers.map((peer) => `${peer.address} ${peer.name}.${domain} ${peer.name}\n`);
  return [...nodes, ...(service ? [`${service.address} ${service.name}\n`] : [])].join("");
}
