import * as pulumi from "@pulumi/pulumi";
import { remote } from "@pulumi/command";
import { HaeCluster, type HaeClusterArgs } from "../../components/haeCluster";
import type { Ready } from "../../components/stepComponent";
import { ClusterNode, ClusterNodeArgs, NodeNetwork, Role } from "../../components/clusterNode";

export const network: NodeNetwork = {
  domain: "example.com",
  gateway: "192.0.2.1",
  prefixLength: 24,
  dnsServers: [],
  ntpServers: [],
  nic: "eth0",
};

/**
 * Existing Debian 12 hosts for a component to be tried on: node1 at 192.0.2.11 and so on, one for each role. Call it in the
 * program that is recorded.
 */
export function clusterNodes(roles: readonly Role[], args: Partial<ClusterNodeArgs> = {}): ClusterNode[] {
  const peers = roles.map((role, index) => ({ role, name: `node${index + 1}`, address: `192.0.2.1${index + 1}` }));
  return peers.map(
    ({ role, name, address }) =>
      new ClusterNode(name, {
        role,
        access: { address, user: "root", port: 22, privateKey: pulumi.secret("KEY") },
        platform: "debian12",
        network,
        peers,
        initiatorName: `iqn.2016-04.com.open-iscsi:smtha.${name}`,
        ...args,
      }),
  );
}

/** So many SMT nodes. */
export const smtRoles = (count: number): Role[] => Array<Role>(count).fill("smt");

/** A resource that others can wait for: `Command NAME` in a recording. Call it in the program that is recorded. */
export const marker = (name: string): pulumi.Resource =>
  new remote.Command(name, { connection: { host: "192.0.2.11" } });

/** A cluster of these nodes, with the default timeouts; `partitions` is what makes its SBD device ready. */
export const haeCluster = (
  nodes: readonly ClusterNode[],
  partitions: Ready = [],
  args: Partial<HaeClusterArgs> = {},
): HaeCluster =>
  new HaeCluster("cluster", {
    nodes,
    clusterName: "smtha",
    sbd: { path: "/dev/sbd", ready: partitions },
    watchdogTimeout: 15,
    msgwait: 30,
    tokenTimeout: 5,
    prefixLength: 24,
    ...args,
  });
