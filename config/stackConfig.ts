import type { CertificateSource } from "../components/certificateAuthority";
import type { MachineArgs, NodeNetwork, Role } from "../components/clusterNode";
import type { ChapCredentials } from "../components/iscsiSharedDisk";
import type { LoadBalancing } from "../components/ldirectordConf";
import type { AllowedPorts } from "../components/nodeFirewall";
import type { PlatformName } from "../components/platform";
import type { SshAccess } from "../components/remoteHost";
import type { MirrorCredentials } from "../components/smtNode";
import type { Repository } from "../components/smtRepositories";
import type { VspherePlacementArgs } from "../components/vspherePlacement";

/** A stack's valid configuration. */
export interface StackConfig {
  readonly platform: PlatformName;
  /** The first SMT node does the work that only one node may do. */
  readonly nodes: readonly NodeConfig[];
  readonly network: NodeNetwork;
  /** The service's IPv4 address. */
  readonly virtualIp: string;
  /** DNS name of the service. */
  readonly serviceName: string;
  readonly firewall: boolean;
  /** Further ports that the firewall opens. */
  readonly firewallAllow: readonly AllowedPorts[];
  /** The VMs to create; undefined if the hosts exist already. */
  readonly machines?: MachineConfig;
  readonly disk: DiskConfig;
  readonly cluster: ClusterConfig;
  readonly smt: SmtConfig;
  readonly certificates: CertificateConfig;
  readonly balancing: LoadBalancing;
  readonly directors: DirectorConfig;
  readonly database: DatabaseConfig;
}

/** One node of the cluster. */
export interface NodeConfig {
  readonly name: string;
  /** IPv4 address. */
  readonly address: string;
  readonly role: Role;
  readonly ssh: SshConfig;
  /** IQN by which the shared disk's target knows the node. */
  readonly initiatorName: string;
}

/** SSH access to a node. */
export interface SshConfig extends Omit<SshAccess, "address" | "privateKey"> {
  /** A secret, in OpenSSH or PEM format. */
  readonly privateKey: string;
}

/** The virtual machines to create. */
export interface MachineConfig
  extends VspherePlacementArgs, Omit<MachineArgs, "placement" | "ignoredAddresses" | "resize"> {
  /** The node whose VM may be restarted to be resized. */
  readonly resizeNode?: string;
  /** Name of the cluster of hosts whose DRS keeps the VMs on different hosts. */
  readonly drsCluster?: string;
}

/** The shared disk. */
export interface DiskConfig {
  /** `ADDRESS:PORT` of the target. */
  readonly portal: string;
  /** IQN of the target. */
  readonly target: string;
  readonly lun: number;
  readonly chap?: ChapCredentials;
  /** Whether the program may overwrite foreign data on the disk. */
  readonly wipe: boolean;
  /** Whether the program may take over a disk that another stack has partitioned, with its data. */
  readonly adopt: boolean;
  /** How many nodes can mount the data partition at the same time. */
  readonly ocfsSlots: number;
}

/** The cluster; times in seconds. */
export interface ClusterConfig {
  readonly name: string;
  readonly watchdogTimeout: number;
  readonly msgwait: number;
  readonly tokenTimeout: number;
}

/** The Subscription Management Tool. */
export interface SmtConfig {
  /** User ID of the user smt, the same on every SMT node. */
  readonly uid: number;
  /** Always set if there are repositories. */
  readonly credentials?: MirrorCredentials;
  readonly mirrorSources: boolean;
  /** Time of the nightly mirror run, HH:MM. */
  readonly mirrorTime: string;
  readonly repositories: readonly Repository[];
}

/** Which nodes balance. */
export interface DirectorConfig {
  /** Whether an SMT node does while no director can. */
  readonly spares: boolean;
  /** Whether it hands over to a director as soon as one is back. */
  readonly failback: boolean;
}

/** The SMT nodes' databases. */
export interface DatabaseConfig {
  /** Password of the database's root, a secret; undefined if root logs in without one. */
  readonly rootPassword?: string;
  /** Node whose registrations win if another node has different ones; undefined to refuse that. */
  readonly winner?: string;
}

/** The servers' certificates. */
export interface CertificateConfig {
  readonly source: CertificateSource;
  /** DNS names by which clients may still reach the service. */
  readonly formerNames: readonly string[];
  /** Validity of a certificate that the program signs, in days. */
  readonly days: number;
  /** The time of the check; the renewal date uses it too. */
  readonly now: Date;
}
