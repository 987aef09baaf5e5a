import * as pulumi from "@pulumi/pulumi";
import { CertificateAuthority } from "./components/certificateAuthority";
import { ClusterNode } from "./components/clusterNode";
import { HaeCluster } from "./components/haeCluster";
import { IscsiSharedDisk } from "./components/iscsiSharedDisk";
import { LvsDirector } from "./components/lvsDirector";
import { MysqlMasterPair } from "./components/mysqlMasterPair";
import { OcfsMount } from "./components/ocfsMount";
import { NodeFirewall } from "./components/nodeFirewall";
import { SmtNode } from "./components/smtNode";
import { SmtRepositories } from "./components/smtRepositories";
import { lookUpPlacement } from "./components/vspherePlacement";
import { loadConfig } from "./config";
import { serviceReport } from "./report/serviceReport";

const config = loadConfig();
const placement = config.machines && lookUpPlacement(config.machines);

// Machines: three VMs or more, or the hosts that are there.
const clusterNodes = config.nodes.map(
  (node) =>
    new ClusterNode(node.name, {
      role: node.role,
      access: { ...node.ssh, address: node.address, privateKey: pulumi.secret(node.ssh.privateKey) },
      platform: config.platform,
      network: config.network,
      peers: config.nodes,
      service: { name: config.serviceName, address: config.virtualIp },
      machine: config.machines && placement && { ...config.machines, placement, ignoredAddresses: [config.virtualIp] },
    }),
);
const smtNodes = clusterNodes.filter((node) => node.role === "smt");
const directors = clusterNodes.filter((node) => node.role === "director");

// What the network may ask of them.
new NodeFirewall("firewall", {
  nodes: clusterNodes,
  virtualIp: config.virtualIp,
  forwarding: config.balancing.forwarding,
  enabled: config.firewall,
});

// The disk that they share, with a partition for SBD and one for data.
const disk = new IscsiSharedDisk("shared-disk", {
  nodes: [...smtNodes, ...directors],
  portal: config.disk.portal,
  target: config.disk.target,
  lun: config.disk.lun,
  chap: config.disk.chap,
  initiators: Object.fromEntries(config.nodes.map((node) => [node.name, node.initiatorName])),
  clusterName: config.cluster.name,
  wipe: config.disk.wipe,
});

// The cluster of all nodes, which fences by the shared disk.
const cluster = new HaeCluster("cluster", {
  nodes: [...smtNodes, ...directors],
  clusterName: config.cluster.name,
  sbdDevice: disk.sbdDevice,
  watchdogTimeout: config.cluster.watchdogTimeout,
  msgwait: config.cluster.msgwait,
  prefixLength: config.network.prefixLength,
});

// The file system that the SMT nodes share.
const mount = new OcfsMount("smt-mount", {
  cluster,
  clusterName: config.cluster.name,
  smtNodes,
  directors,
  device: disk.dataDevice,
  mountPoint: "/smt",
  slots: config.disk.ocfsSlots,
  wipe: config.disk.wipe,
});

// SMT on each SMT node; the first one mirrors.
smtNodes.forEach(
  (node, index) =>
    new SmtNode(`${node.nodeName}-smt`, {
      node,
      uid: config.smt.uid,
      serviceName: config.serviceName,
      mountPoint: mount.mountPoint,
      mirrorSources: config.smt.mirrorSources,
      credentials: config.smt.credentials,
      mirrorTime: index === 0 ? config.smt.mirrorTime : undefined,
      databaseRootPassword: config.database.rootPassword,
    }),
);

// The servers' certificates, and the trust in them.
const authority = new CertificateAuthority("certificates", {
  smtNodes,
  directors,
  serviceName: config.serviceName,
  virtualIp: config.virtualIp,
  domain: config.network.domain,
  source: config.certificates.source,
  days: config.certificates.days,
  now: new Date(),
});

// SMT's databases, each a master of the other.
const databases = new MysqlMasterPair("databases", {
  smtNodes,
  mountPoint: mount.mountPoint,
  rootPassword: config.database.rootPassword,
  winner: config.database.winner,
});

// What the first SMT node mirrors.
const repositories = new SmtRepositories("repositories", {
  smtNodes,
  repositories: config.smt.repositories,
  mountPoint: mount.mountPoint,
  credentials: config.smt.credentials,
  after: databases.verified,
});

// The load balancer: the service address and ldirectord on a director, the SMT nodes behind it.
const balancer = new LvsDirector("load-balancer", {
  cluster,
  smtNodes,
  directors,
  virtualIp: config.virtualIp,
  network: config.network,
  mountPoint: mount.mountPoint,
  certificates: authority.installed,
  balancing: config.balancing,
});

export const nodes = Object.fromEntries(
  clusterNodes.map((node) => [node.nodeName, { role: node.role, address: node.address }]),
);
export const sbdDevice = disk.sbdDevice;
export const dataDevice = disk.dataDevice;
export const caCertificate = authority.caCertificate;
export const report = pulumi
  .all([balancer.holder, repositories.mirroring, authority.caCertificate])
  .apply(([holder, mirroring, trusted]) =>
    serviceReport(
      {
        serviceName: config.serviceName,
        virtualIp: config.virtualIp,
        trusted,
        request: config.balancing.request,
        receive: config.balancing.receive,
        holder,
        smtNodes: smtNodes.map((node) => node.nodeName),
        mountPoint: mount.mountPoint,
        repositories: config.smt.repositories.map(({ name, target }) => [name, target].filter(Boolean).join(" ")),
        mirroring,
      },
      pulumi.runtime.isDryRun(),
      (text) => pulumi.log.warn(text),
    ),
  );
