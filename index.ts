import * as pulumi from "@pulumi/pulumi";
import { CertificateAuthority } from "./components/certificateAuthority";
import { ClusterNode } from "./components/clusterNode";
import { HaeCluster } from "./components/haeCluster";
import { IscsiSharedDisk } from "./components/iscsiSharedDisk";
import { LvsDirector } from "./components/lvsDirector";
import { MysqlMasterPair } from "./components/mysqlMasterPair";
import { NodeFirewall } from "./components/nodeFirewall";
import { OcfsMount } from "./components/ocfsMount";
import { RealServer } from "./components/realServer";
import { SmtJobs } from "./components/smtJobs";
import { SmtNode } from "./components/smtNode";
import { SmtRepositories } from "./components/smtRepositories";
import { lookUpPlacement, separateHosts } from "./components/vspherePlacement";
import { loadConfig } from "./config";
import { serviceReport } from "./report/serviceReport";

// The blocks follow the guide; numbers in parentheses are its steps. A block waits for what its arguments and its dependsOn
// name, for nothing else. The place of a block has no effect on the order of the steps.

const config = loadConfig();
const { network, virtualIp, serviceName, balancing } = config;
const placement = config.machines && lookUpPlacement(config.machines);

// (1) The machines: three VMs or more, or existing hosts.
const clusterNodes = config.nodes.map(
  (node) =>
    new ClusterNode(node.name, {
      role: node.role,
      spare: config.directors.spares,
      access: { ...node.ssh, address: node.address },
      platform: config.platform,
      network,
      peers: config.nodes,
      initiatorName: node.initiatorName,
      service: { name: serviceName, address: virtualIp },
      machine: config.machines &&
        placement && {
          ...config.machines,
          placement,
          resize: node.name === config.machines.resizeNode,
          ignoredAddresses: [virtualIp],
        },
    }),
);
const smtNodes = clusterNodes.filter((node) => node.role === "smt");
const directors = clusterNodes.filter((node) => node.role === "director");

if (placement && config.machines?.drsCluster) {
  separateHosts("separate-hosts", {
    placement,
    drsCluster: config.machines.drsCluster,
    rule: `smt-ha ${config.cluster.name}`,
    machines: clusterNodes.flatMap(({ machine }) => machine ?? []),
  });
}

// (4, 13) Each node's firewall.
const firewall = new NodeFirewall("firewall", {
  nodes: clusterNodes,
  virtualIp,
  forwarding: balancing.forwarding,
  allow: config.firewallAllow,
  enabled: config.firewall,
});

// The disk that they share, with a partition for SBD and one for data.
const disk = new IscsiSharedDisk("shared-disk", {
  nodes: [...smtNodes, ...directors],
  portal: config.disk.portal,
  target: config.disk.target,
  lun: config.disk.lun,
  chap: config.disk.chap,
  clusterName: config.cluster.name,
  wipe: config.disk.wipe,
  adopt: config.disk.adopt,
});

// (1, 3) The cluster of all nodes, which fences by the shared disk.
const cluster = new HaeCluster("cluster", {
  nodes: [...smtNodes, ...directors],
  clusterName: config.cluster.name,
  sbd: disk.sbdPartition,
  watchdogTimeout: config.cluster.watchdogTimeout,
  msgwait: config.cluster.msgwait,
  tokenTimeout: config.cluster.tokenTimeout,
  prefixLength: network.prefixLength,
  joinAfter: firewall.ready,
});

// (4) The file system that the SMT nodes share.
const mount = new OcfsMount("smt-mount", {
  cluster,
  clusterName: config.cluster.name,
  smtNodes,
  directors,
  data: disk.dataPartition,
  mountPoint: "/smt",
  slots: config.disk.ocfsSlots,
  wipe: config.disk.wipe,
});

// (2, 5, 6, 16) SMT on each SMT node.
const smt = smtNodes.map(
  (node) =>
    new SmtNode(`${node.nodeName}-smt`, {
      node,
      uid: config.smt.uid,
      serviceName,
      mount,
      mirrorSources: config.smt.mirrorSources,
      credentials: config.smt.credentials,
      mirrorTime: config.smt.mirrorTime,
      databaseRootPassword: config.database.rootPassword,
    }),
);

// (11) The servers' certificates, and the trust in them.
const authority = new CertificateAuthority("certificates", {
  smtNodes,
  directors,
  serviceName,
  formerNames: config.certificates.formerNames,
  virtualIp,
  prefixLength: network.prefixLength,
  domain: network.domain,
  source: config.certificates.source,
  days: config.certificates.days,
  now: config.certificates.now,
});

// (12-15) Each SMT node's database follows another one and is followed. It listens on the network, so its node's firewall
// comes first.
const databases = new MysqlMasterPair("databases", {
  databases: smt.map(({ node, database }) => ({ node, ready: [...database.ready, ...firewall.on(node)] })),
  mount,
  rootPassword: config.database.rootPassword,
  winner: config.database.winner,
});

// (15, 16) What SMT mirrors. SMT starts with its certificate and its database in place.
const repositories = new SmtRepositories(
  "repositories",
  {
    smt,
    repositories: config.smt.repositories,
    mount,
    credentials: config.smt.credentials,
    databaseRootPassword: config.database.rootPassword,
  },
  { dependsOn: [...authority.certified, ...databases.ready] },
);

// (8, 10) The servers behind the load balancer. A server joins the pool once all SMT nodes list the repositories. Before, it
// gets an account in its database, which SMT may restart when it starts.
const formerParent = pulumi.createUrn("load-balancer", "smt-ha:balancer:LvsDirector");
const realServers = smtNodes.map(
  (node, index) =>
    new RealServer(
      `${node.nodeName}-real-server`,
      {
        node,
        virtualIp,
        nic: network.nic,
        mount,
        database: { node, ready: repositories.started },
        databaseRootPassword: config.database.rootPassword,
        peers: smtNodes.filter((other) => other !== node).map(({ address }) => address),
        writesHealthPage: index === 0,
        balancing,
        serveAfter: [...authority.certified, ...repositories.ready],
      },
      {
        // Release 0.1 ran these steps in LvsDirector. Without the alias, Pulumi would replace them.
        transformations: [
          ({ props, opts }) => ({ props, opts: pulumi.mergeOptions(opts, { aliases: [{ parent: formerParent }] }) }),
        ],
      },
    ),
);

// (7, 8, 9, 17) The load balancer: the service address and ldirectord on a director, or on an SMT node while there is none.
const balancer = new LvsDirector("load-balancer", {
  cluster,
  configureAfter: [...authority.certified, ...mount.loaded],
  directors,
  spares: smtNodes.filter(({ spare }) => spare),
  failback: config.directors.failback,
  others: smtNodes.filter(({ spare }) => !spare),
  realServers,
  virtualIp,
  nic: network.nic,
  prefixLength: network.prefixLength,
  balancing,
});

// (16) One SMT node runs SMT's jobs, such as the nightly mirroring.
new SmtJobs("smt-jobs", { cluster, configureAfter: balancer.loaded, smtNodes, directors });

export const nodes = Object.fromEntries(
  clusterNodes.map(({ nodeName, role, address, host }) => [nodeName, { role, address, hostKey: host.hostKey }]),
);
export const sbdDevice = disk.sbdPartition.path;
export const dataDevice = disk.dataPartition.path;
export const caCertificate = authority.caCertificate;
export const report = serviceReport({
  serviceName,
  virtualIp,
  trusted: authority.caCertificate,
  request: balancing.request,
  receive: balancing.receive,
  nodes: config.nodes.map(({ name, role, address, ssh }) => ({
    name,
    role,
    address,
    sshPort: ssh.port,
    managed: config.machines !== undefined,
  })),
  certificateDays: config.certificates.source.kind === "suppliedCertificate" ? undefined : config.certificates.days,
  activeDirector: balancer.activeDirector,
  mountPoint: mount.mountPoint,
  repositories: config.smt.repositories.map(({ name, target }) => [name, target].filter(Boolean).join(" ")),
  mirroring: repositories.mirroring,
});
