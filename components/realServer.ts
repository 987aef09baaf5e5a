import * as pulumi from "@pulumi/pulumi";
import * as random from "@pulumi/random";
import { balancedPorts, type Forwarding, type LoadBalancing } from "./ldirectordConf";
import type { Database } from "./mysqlMasterPair";
import type { SharedFileSystem } from "./ocfsMount";
import type { StepNode } from "./remoteHost";
import { type Ready, StepComponent } from "./stepComponent";

/** Where the health page lies below the mount. */
const healthPage = "health/test.html";

export interface RealServerArgs {
  readonly node: StepNode;
  /** The service's IPv4 address. */
  readonly virtualIp: pulumi.Input<string>;
  /** Network interface that holds the node's address, such as `eth0`. */
  readonly nic: pulumi.Input<string>;
  /** The shared file system that holds the health page, so that a server without it gets no requests. */
  readonly mount: SharedFileSystem;
  /** The node's database, without which it gets no requests either. Unset: it needs none. */
  readonly database?: Database;
  /** Password of the database's root. Unset: root logs in by the socket. */
  readonly databaseRootPassword?: pulumi.Input<string>;
  /** IPv4 addresses of the other real servers. */
  readonly peers: readonly string[];
  /** Whether this server writes the health page for all of them: one does. */
  readonly writesHealthPage: boolean;
  /** How the director reaches and checks the server. */
  readonly balancing: Pick<LoadBalancing, "forwarding" | "request" | "receive" | "checkTimeout">;
  /** What must be in place before the server enters the pool: its certificate above all, and what it serves. */
  readonly serveAfter: Ready;
}

/**
 * One server behind the load balancer: the service address, and Apache with http, https and the health page. The page
 * answers only while the node can serve: with the shared files and, if it has one, the database.
 *
 * The service address is on `lo`; the node does not announce it. While the node balances in place of a director, the cluster
 * has the address on the network interface instead. With `masq`, the node does not have it.
 */
export class RealServer extends StepComponent {
  /** IPv4 address of the node. */
  readonly address: string;
  /** The service address is on `lo`. */
  readonly addressed: Ready;
  /** The server answers. */
  readonly ready: Ready;

  constructor(name: string, args: RealServerArgs, opts?: pulumi.ComponentResourceOptions) {
    super("smt-ha:balancer:RealServer", name, opts);
    const { node, mount, database, databaseRootPassword, peers, virtualIp, nic, serveAfter } = args;
    const { forwarding, request, receive, checkTimeout } = args.balancing;
    this.address = node.address;

    const address = this.step(node, "realserver/address", {
      options: { address: virtualIp, forwarding, nic },
      inputs: { sysctl: pulumi.output(nic).apply((name) => realServerSysctl(name, forwarding)) },
    });
    this.addressed = [address];
    const password =
      database && new random.RandomPassword(`${name}-health`, { length: 24, special: false }, { parent: this });
    const health = this.step(
      node,
      "web/health",
      {
        inputs: {
          settings: pulumi.all([mount.mountPoint, virtualIp, nic]).apply(([mountPoint, service, name]) =>
            healthSettings({
              page: `${mountPoint}/${healthPage}`,
              request,
              checkTimeout,
              database: database !== undefined,
              peers,
              virtualIp: service,
              nic: name,
            }),
          ),
          ...(password && { password: password.result }),
          ...(password &&
            databaseRootPassword !== undefined && { "root-password": pulumi.secret(databaseRootPassword) }),
        },
      },
      database?.ready,
    );
    // Here the server enters the pool: until Apache has this part of its configuration, nothing answers the director's check.
    // By then it must have the address.
    const apache = this.step(
      node,
      "web/apache",
      { options: { ports: balancedPorts.join(" ") }, inputs: { health: healthSite(request) } },
      [...serveAfter, address, health],
    );
    const page = args.writesHealthPage
      ? [
          this.step(
            node,
            "web/health-page",
            { options: { mount: mount.mountPoint, file: healthPage }, inputs: { page: receive } },
            mount.ready,
          ),
        ]
      : [];
    this.ready = [apache, ...page];
    this.registerOutputs();
  }
}

/**
 * Kernel settings of a real server: it has the service address, but only the node that has it on its network interface
 * answers for it on the network.
 */
export function realServerSysctl(nic: string, forwarding: Forwarding): string {
  const quiet = forwarding !== "masq";
  // In a key, / stands for the dot of a name such as eth0.100.
  return ["all", nic.replace(/\./g, "/")]
    .flatMap((scope) => [
      `net.ipv4.conf.${scope}.arp_ignore = ${quiet ? 1 : 0}\n`,
      `net.ipv4.conf.${scope}.arp_announce = ${quiet ? 2 : 0}\n`,
    ])
    .join("");
}

/** What the health page needs to know. */
export interface HealthSettings {
  /** The page, on the shared file system. */
  readonly page: string;
  /** Its path on a server, without a leading slash. */
  readonly request: string;
  /** Seconds within which the director wants an answer. */
  readonly checkTimeout: number;
  /** Whether the node needs a database. */
  readonly database: boolean;
  /** IPv4 addresses of the other real servers. */
  readonly peers: readonly string[];
  /** The service's IPv4 address. */
  readonly virtualIp: string;
  /** Network interface on which a node that balances has it. */
  readonly nic: string;
}

/** The settings of `files/health`, as shell variables. It gives its causes a second before the director gives up. */
export function healthSettings(settings: HealthSettings): string {
  return `# Written by smt-ha, changes are lost.
page='${settings.page}'
path='${settings.request}'
seconds=${Math.max(1, settings.checkTimeout - 1)}
database=${settings.database ? "yes" : "no"}
peers='${settings.peers.join(" ")}'
service='${settings.virtualIp}'
nic='${settings.nic}'
`;
}

/** Apache's site of the health page, with the access rules of Apache 2.2, of later ones, and of both. */
export function healthSite(request: string): string {
  return `# Written by smt-ha, changes are lost.
ScriptAlias "/${request}" "/usr/local/lib/smt-ha/health"
# smt-ha is a symbolic link there.
<Directory "/usr/local/lib">
    Options FollowSymLinks
    AllowOverride None
</Directory>
<Location "/${request}">
    <IfModule mod_authz_core.c>
        Require all granted
    </IfModule>
    <IfModule mod_access_compat.c>
        Order allow,deny
        Allow from all
    </IfModule>
    <IfModule !mod_authz_core.c>
        Order allow,deny
        Allow from all
    </IfModule>
</Location>
`;
}
