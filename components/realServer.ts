import * as path from "path";
import * as pulumi from "@pulumi/pulumi";
import { balancedPorts, type Forwarding, type LoadBalancing } from "./ldirectordConf";
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
  /** Whether this server writes the health page for all of them: one does. */
  readonly writesHealthPage: boolean;
  /** How the director reaches and checks the server. */
  readonly balancing: Pick<LoadBalancing, "forwarding" | "request" | "receive">;
}

/**
 * One server behind the load balancer: the service address, and Apache with http, https and the health page. The service
 * address is on `lo`; the node does not announce it. With `masq`, the node does not have it. The certificate must be in
 * place before: name it in `dependsOn`.
 */
export class RealServer extends StepComponent {
  /** IPv4 address of the node. */
  readonly address: string;
  /** The server answers. */
  readonly ready: Ready;

  constructor(name: string, args: RealServerArgs, opts?: pulumi.ComponentResourceOptions) {
    super("smt-ha:balancer:RealServer", name, opts);
    const { node, mount, virtualIp, nic } = args;
    const { forwarding, request, receive } = args.balancing;
    this.address = node.address;

    const address = this.step(node, "realserver/address", {
      options: { address: virtualIp, forwarding },
      inputs: { sysctl: pulumi.output(nic).apply((name) => realServerSysctl(name, forwarding)) },
    });
    // A server must have the address before it passes the director's check, which asks for the health page.
    const apache = this.step(
      node,
      "web/apache",
      {
        options: { ports: balancedPorts.join(" ") },
        inputs: {
          health: pulumi.interpolate`${mount.mountPoint}/${healthPage}`.apply((page) => healthSite(page, request)),
        },
      },
      [address],
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

/** Kernel settings of a real server: it holds the service address, but only the director answers for it on the network. */
export function realServerSysctl(nic: string, forwarding: Forwarding): string {
  const quiet = forwarding !== "masq";
  return ["all", nic]
    .flatMap((scope) => [
      `net.ipv4.conf.${scope}.arp_ignore = ${quiet ? 1 : 0}\n`,
      `net.ipv4.conf.${scope}.arp_announce = ${quiet ? 2 : 0}\n`,
    ])
    .join("");
}

/** Apache's site of the health page, with the access rules of Apache 2.2, of later ones, and of both. */
export function healthSite(page: string, request: string): string {
  return `# Written by smt-ha, changes are lost.
Alias "/${request}" "${page}"
<Directory "${path.dirname(page)}">
    Options None
    AllowOverride None
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
</Directory>
`;
}
