/** How a platform differs in the texts that the program renders. `files/platform` has the differences on a node. */
export interface Platform {
  /** 1: by multicast, with Pacemaker in it as a plugin. 2: by UDP to each node's address. 3: by knet. */
  readonly corosync: 1 | 2 | 3;
  /**
   * The package of SBD. cluster-glue's SBD takes all settings on its command line. Its fencing agent needs the device's
   * name.
   */
  readonly sbd: "cluster-glue" | "sbd";
  /** Properties of the cluster that not every Pacemaker has, as crm shell text: see `fencing`. */
  readonly clusterProperties: string;
  /**
   * Whether OCFS2 needs the o2cb resource. mkfs then runs while o2cb and the DLM run. The file system belongs to the
   * cluster that runs them.
   */
  readonly o2cb: boolean;
  /** Whether a constraint can disable the probes of a resource on other nodes. */
  readonly resourceDiscovery: boolean;
  readonly firewall: "nftables" | "SuSEfirewall2";
  /** The API of upstream, where smt.conf must name it: without it, SMT 12 takes upstream for NCC and syncs nothing. */
  readonly smtApiType?: "SCC";
  /** Whether sshd is older than ECDSA and Ed25519 keys. */
  readonly rsaKeysOnly: boolean;
  /** Why the links between the databases are plain. Unset: they are encrypted, and a follower checks the other's certificate. */
  readonly plainReplication?: string;
}

/** Every platform, by the name of its file under `files/platform`. */
export const platforms = {
  debian12: {
    corosync: 3,
    sbd: "sbd",
    clusterProperties: "load-threshold=0% fence-reaction=panic",
    o2cb: false,
    resourceDiscovery: true,
    firewall: "nftables",
    smtApiType: "SCC",
    rsaKeysOnly: false,
  },
  // SLES 11 SP1 with its High Availability Extension.
  sles11: {
    corosync: 1,
    sbd: "cluster-glue",
    clusterProperties: "",
    o2cb: true,
    resourceDiscovery: false,
    firewall: "SuSEfirewall2",
    rsaKeysOnly: true,
    plainReplication: "MySQL 5.0 knows TLS 1.0 at most, and its links don't check whose certificate it is",
  },
  // SLES 12 SP5 with its High Availability Extension.
  sles12: {
    corosync: 2,
    sbd: "sbd",
    // Not each of its updates of Pacemaker has fence-reaction (2.0.3 and 1.1.22).
    clusterProperties: "load-threshold=0%",
    o2cb: false,
    resourceDiscovery: true,
    firewall: "SuSEfirewall2",
    smtApiType: "SCC",
    rsaKeysOnly: false,
    plainReplication: "MariaDB 10.2 takes no new certificate without a restart, and its check of one is untested",
  },
} as const satisfies Record<string, Platform>;

export type PlatformName = keyof typeof platforms;

export const platformNames = Object.keys(platforms) as PlatformName[];
