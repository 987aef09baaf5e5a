import * as pulumi from "@pulumi/pulumi";
import {
  CertificateAuthority,
  ClusterNode,
  HaeCluster,
  IscsiSharedDisk,
  type LoadBalancing,
  LvsDirector,
  type NodeNetwork,
  OcfsMount,
  RealServer,
  type Role,
} from "smt-ha/components";

// Two web servers that share an OCFS2 file system, and a director in front of them. There is no SMT: the role "smt" stands
// for a real server that mounts the file system.

const privateKey = new pulumi.Config().requireSecret("sshPrivateKey");
const clusterName = "webfarm";
const domain = "example.com";
const virtualIp = "192.0.2.10";
const network: NodeNetwork = {
  domain,
  gateway: "192.0.2.1",
  prefixLength: 24,
  dnsServers: [],
  ntpServers: ["192.0.2.1"],
  nic: "eth0",
};
const balancing: LoadBalancing = {
  checkInterval: 10,
  checkTimeout: 5,
  failureCount: 2,
  autoReload: true,
  quiescent: false,
  scheduler: "wlc",
  persistence: 0,
  forwarding: "gate",
  request: "health.html",
  receive: "in service",
};

const hosts: { name: string; address: string; role: Role }[] = [
  { name: "web1", address: "192.0.2.11", role: "smt" },
  { name: "web2", address: "192.0.2.12", role: "smt" },
  { name: "balancer", address: "192.0.2.13", role: "director" },
];
const nodes = hosts.map(
  ({ name, address, role }) =>
    new ClusterNode(name, {
      role,
      access: { address, user: "root", port: 22, privateKey },
      platform: "debian12",
      network,
      peers: hosts,
      initiatorName: `iqn.2016-04.com.open-iscsi:${clusterName}.${name}`,
    }),
);
const servers = nodes.filter(({ role }) => role === "smt");
const directors = nodes.filter(({ role }) => role === "director");

const disk = new IscsiSharedDisk("disk", {
  nodes,
  portal: "192.0.2.3:3260",
  target: "iqn.2026-01.com.example:web",
  lun: 0,
  clusterName,
  wipe: false,
  adopt: false,
});

const cluster = new HaeCluster("cluster", {
  nodes,
  clusterName,
  sbd: disk.sbdPartition,
  watchdogTimeout: 15,
  msgwait: 30,
  tokenTimeout: 5,
  prefixLength: network.prefixLength,
});

const mount = new OcfsMount("content", {
  cluster,
  clusterName,
  smtNodes: servers,
  directors,
  data: disk.dataPartition,
  mountPoint: "/srv/content",
  slots: 4,
  wipe: false,
});

const authority = new CertificateAuthority("certificates", {
  smtNodes: servers,
  directors,
  serviceName: `www.${domain}`,
  virtualIp,
  prefixLength: network.prefixLength,
  domain,
  source: { kind: "generated", subject: "/O=Example/CN=Example web CA" },
  days: 730,
  now: new Date(),
});

const realServers = servers.map(
  (node, index) =>
    new RealServer(`${node.nodeName}-server`, {
      node,
      virtualIp,
      nic: network.nic,
      mount,
      peers: servers.filter((other) => other !== node).map(({ address }) => address),
      writesHealthPage: index === 0,
      balancing,
      serveAfter: authority.certified,
    }),
);

const balancer = new LvsDirector("balancer", {
  cluster,
  configureAfter: [...authority.certified, ...mount.loaded],
  directors,
  others: servers,
  realServers,
  virtualIp,
  nic: network.nic,
  prefixLength: network.prefixLength,
  balancing,
});

export const url = `https://www.${domain}/`;
export const activeDirector = balancer.activeDirector;
