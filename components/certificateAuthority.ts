import * as pulumi from "@pulumi/pulumi";
import type { ClusterNode } from "./clusterNode";
import { splitCertificates } from "./pem";
import { parseSections } from "./remoteHost";

/** Where the servers' certificates come from. Certificates and keys are PEM. */
export type CertificateSource =
  /** A root CA that the first SMT node makes, such as `/O=Example/CN=Example SMT CA`; another subject is another CA. */
  | { readonly kind: "generated"; readonly subject: string }
  /** The administrator's CA: its certificate, then those above it, the root last; and its key, a secret. */
  | { readonly kind: "suppliedAuthority"; readonly ca: string; readonly key: string }
  /**
   * The administrator's certificate for all servers: itself, then those between it and the root; its key, a secret; and
   * the root CA.
   */
  | { readonly kind: "suppliedCertificate"; readonly certificate: string; readonly key: string; readonly ca: string };

export interface CertificateAuthorityArgs {
  /** The servers; the first one holds the CA's key and signs. */
  readonly smtNodes: readonly ClusterNode[];
  /** The nodes that check the servers, and so must trust the CA. */
  readonly directors: readonly ClusterNode[];
  /** DNS name of the service. */
  readonly serviceName: string;
  /** The service's IPv4 address. */
  readonly virtualIp: string;
  /** DNS domain of the nodes. */
  readonly domain: string;
  readonly source: CertificateSource;
  /** Days that a certificate signed here is valid. */
  readonly days: number;
  /** Now, which decides what is due for renewal. */
  readonly now: Date;
}

/** Days that a root CA made here is valid. A server's certificate never outlives it. */
const authorityDays = 3650;

/**
 * The servers' certificates: a CA on the first SMT node, whose key never leaves it; each server's own key, whose request
 * goes to the CA and comes back as a certificate, both as outputs.
 *
 * A new CA, in four stages, so that no client and no check meets a certificate of a CA that it can't know: every node
 * trusts it beside the former one, and clients are offered both; the certificates are signed; each server switches; the
 * former CA is dropped.
 */
export class CertificateAuthority extends pulumi.ComponentResource {
  /** The root CA that clients must trust, PEM: http://SERVICE/smt.crt. */
  readonly caCertificate: pulumi.Output<string>;
  /** What must be in place before a server of these certificates is used: those on the servers, the trust on all nodes. */
  readonly installed: readonly pulumi.Resource[];

  constructor(name: string, args: CertificateAuthorityArgs, opts?: pulumi.ComponentResourceOptions) {
    super("smt-ha:certificates:CertificateAuthority", name, {}, opts);
    const { source, smtNodes, directors } = args;
    const [first] = smtNodes;
    const trust = (node: ClusterNode, former: "keep" | "drop", dependsOn: pulumi.Resource[] = []): pulumi.Resource =>
      node.host.step(
        "certificate/trust",
        { label: former, options: { role: node.role, former }, inputs: { root: this.caCertificate } },
        { parent: this, dependsOn },
      );

    let trusting: pulumi.Resource[];
    let pairOf: (node: ClusterNode) => Record<string, pulumi.Input<string>>;
    if (source.kind === "suppliedCertificate") {
      this.caCertificate = pulumi.output(source.ca);
      trusting = [...directors, ...smtNodes].map((node) => trust(node, "keep"));
      pairOf = () => ({ certificate: source.certificate, key: pulumi.secret(source.key) });
    } else {
      const authority = first.host.step(
        "certificate/authority",
        source.kind === "generated"
          ? { options: { subject: source.subject, days: authorityDays } }
          : { inputs: { certificate: source.ca, key: pulumi.secret(source.key) } },
        { parent: this },
      );
      // What it prints is no secret, though a key may be part of its input.
      const bundle = pulumi.unsecret(authority.stdout);
      const ca = bundle.apply(splitCertificates);
      this.caCertificate = ca.apply((chain) => chain[chain.length - 1]);
      const requests = smtNodes.map((node) =>
        node.host.step("certificate/request", { inputs: { root: this.caCertificate } }, { parent: this }),
      );
      trusting = [...directors.map((node) => trust(node, "keep")), ...requests];
      const signed = first.host.step(
        "certificate/sign",
        {
          options: {
            nodes: smtNodes.map((node) => node.nodeName).join(" "),
            service: args.serviceName,
            address: args.virtualIp,
            domain: args.domain,
            days: args.days,
            renewal: renewalDate(args.now, args.days),
          },
          inputs: {
            ca: bundle,
            ...Object.fromEntries(smtNodes.map((node, index) => [`request.${node.nodeName}`, requests[index].stdout])),
          },
        },
        { parent: this },
      );
      const signedFor = signed.stdout.apply(parseSections);
      pairOf = (node) => ({
        certificate: pulumi
          .all([signedFor, ca])
          .apply(([bySection, chain]) => bySection[node.nodeName] + chain.slice(0, -1).join("")),
      });
    }

    const serving = smtNodes.map((node) =>
      node.host.step(
        "certificate/install",
        { inputs: { ...pairOf(node), root: this.caCertificate } },
        { parent: this, dependsOn: trusting },
      ),
    );
    this.installed = [...directors, ...smtNodes].map((node) => trust(node, "drop", serving));
    this.registerOutputs({ caCertificate: this.caCertificate });
  }
}

/**
 * The date (`YYYY-MM-DD`, UTC) before whose start no certificate may end: those that do are renewed.
 *
 * It moves on in steps of half a certificate's life, on days that everyone's clock agrees on, and is as late as a
 * certificate ends that is made on the day of the last step. So a preview shows the renewal once in such a period, at other
 * times nothing is to be done, and a certificate never ends if `up` is run once in each period.
 */
export function renewalDate(now: Date, days: number): string {
  const day = 24 * 60 * 60 * 1000;
  const period = Math.floor(days / 2);
  const last = Math.floor(now.getTime() / day / period) * period;
  return new Date((last + days) * day).toISOString().slice(0, 10);
}
