/** The service's TCP ports, by scheme. */
export const servicePorts = { http: 80, https: 443 } as const;

/** UDP ports of corosync. */
export const corosyncPorts = { first: 5404, last: 5405 } as const;

/** TCP port of MySQL, for the replication. */
export const mysqlPort = 3306;

/** TCP port of the kernel's distributed lock manager, which OCFS2 uses. */
export const dlmPort = 21064;

/** UDP port on which the node that balances tells the others its connections. The kernel's. */
export const connectionsPort = 8848;

/** The ports by which the nodes talk to each other. */
export const clusterPorts = [
  { name: "corosync", protocol: "udp", ...corosyncPorts },
  { name: "MySQL", protocol: "tcp", first: mysqlPort, last: mysqlPort },
  { name: "LVS", protocol: "udp", first: connectionsPort, last: connectionsPort },
  { name: "the DLM", protocol: "tcp", first: dlmPort, last: dlmPort },
] as const;
