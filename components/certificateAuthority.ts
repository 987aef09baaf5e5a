import * as pulumi from "@pulumi/pulumi";
import type { remote } from "@pulumi/command";
import type { ClusterNode } from "./clusterNode";
import { itemAt } from "./lists";
import { splitCertificates } from "./pem";
import type { StepArgs } from "./remoteHost";
import { parseSections } from "./stepCommand";
import { type Ready, StepComponent } from "./stepComponent";

/** Where the servers' certificates come from. Certificates and keys are PEM; a component wraps the keys as secrets. */
export type CertificateSource =
  /** A root CA that the first SMT node makes, such as `/O=Example/CN=Example SMT CA`. A new subject makes a new CA. */
  | { readonly kind: "generated"; readonly subject: string }
  /** The administrator's CA. `ca`: the CA's certificate, then its issuers, the root last. `key`: the CA's key. */
  | { readonly kind: "suppliedAuthority"; readonly ca: string; readonly key: pulumi.Input<string> }
  /**
   * The administrator's certificate for all servers. `certificate`: the certificate, then its issuers below the root.
   * `key`: the certificate's key. `ca`: the root CA.
   */
  | {
      readonly kind: "suppliedCertificate";
      readonly certificate: string;
      readonly key: pulumi.Input<string>;
      readonly ca: string;
    };

export interface CertificateAuthorityArgs {
  /** The servers; the first one holds the CA's key and signs. */
  readonly smtNodes: readonly ClusterNode[];
  /** The nodes that check the servers, and so must trust the CA. */
  readonly directors: readonly ClusterNode[];
  /** DNS name of the service. */
  readonly serviceName: pulumi.Input<string>;
  /** DNS names by which clients may still reach the service. Default: none. */
  readonly formerNames?: readonly string[];
  /** The service's IPv4 address. */
  readonly virtualIp: pulumi.Input<string>;
  /** Length of the prefix of the network that this address and the nodes' addresses are in, in bits. */
  readonly prefixLength: pulumi.Input<number>;
  /** DNS domain of the nodes. */
  readonly domain: pulumi.Input<string>;
  /** Where the certificates come from. */
  readonly source: CertificateSource;
  /** Days that a certificate signed here is valid. */
  readonly days: number;
  /** The current time. It decides what is due for renewal. */
  readonly now: Date;
}

/**
 * Days that a root CA made here is valid: ten years, so that clients rarely need another one. A server's certificate never
 * outlives it.
 */
const authorityDays = 3650;

/** A server's certificate, then its issuers below the root. `key` is set only if the node did not make the key itself. */
interface Pair {
  readonly certificate: pulumi.Input<string>;
  readonly key?: pulumi.Input<string>;
}

/** What a source gives before the servers switch. */
interface Issued {
  /** The root CA. */
  readonly root: pulumi.Output<string>;
  /** Every node trusts the root CA beside the former one. */
  readonly trusted: Ready;
  readonly pairOf: (node: ClusterNode) => Pair;
}

/**
 * The servers' certificates. The CA runs on the first SMT node, and its key never leaves that node. Each server makes a key
 * and sends a request. The CA returns a certificate. Both travel as outputs.
 *
 * A new CA comes in four stages, so that no client and no check meets a certificate of an unknown CA:
 *
 * 1. Every node trusts the new CA beside the former one, and offers both to clients. Each server makes its request.
 * 2. The CA signs. This waits for the requests only.
 * 3. Each server installs its certificate. This waits for the certificates, and until every node trusts the CA.
 * 4. Every node drops the former CA. This waits for all servers.
 */
export class CertificateAuthority extends StepComponent {
  /** The servers have their certificates, and all nodes trust the CA. They may still trust the former one too. */
  readonly certified: Ready;
  /** All nodes trust the CA alone. */
  readonly ready: Ready;
  /** The root CA that clients must trust, PEM: http://SERVICE/smt.crt. */
  readonly caCertificate: pulumi.Output<string>;

  constructor(
    name: string,
    private readonly args: CertificateAuthorityArgs,
    opts?: pulumi.ComponentResourceOptions,
  ) {
    super("smt-ha:certificates:CertificateAuthority", name, opts);
    const { smtNodes, directors } = args;
    const { root, trusted, pairOf } = this.issue();
    this.caCertificate = root;
    this.certified = smtNodes.map((node) =>
      this.step(node, "certificate/install", { inputs: { ...pairOf(node), root } }, trusted),
    );
    this.ready = [...directors, ...smtNodes].map((node) => this.trust(node, root, "drop", this.certified));
    this.registerOutputs({ caCertificate: root });
  }

  /** Runs a step on a node whose clock is right: a certificate is valid from a date to a date. */
  protected override step(node: ClusterNode, step: string, args: StepArgs, after: Ready = []): remote.Command {
    return super.step(node, step, args, [...node.synchronised, ...after]);
  }

  private issue(): Issued {
    const { source } = this.args;
    switch (source.kind) {
      case "generated":
        return this.sign(
          this.step(itemAt(this.args.smtNodes, 0), "certificate/authority", {
            options: {
              subject: source.subject,
              days: authorityDays,
              service: this.args.serviceName,
              domain: this.args.domain,
              network: pulumi.interpolate`${this.args.virtualIp}/${this.args.prefixLength}`,
            },
          }).stdout,
        );
      case "suppliedAuthority":
        return this.sign(
          this.step(itemAt(this.args.smtNodes, 0), "certificate/authority", {
            inputs: { certificate: source.ca, key: pulumi.secret(source.key) },
          }).stdout,
        );
      case "suppliedCertificate":
        return this.supplied(source.certificate, source.key, source.ca);
    }
  }

  /** The administrator's certificate, the same for all servers. */
  private supplied(certificate: string, key: pulumi.Input<string>, ca: string): Issued {
    const root = pulumi.output(ca);
    return {
      root,
      trusted: [...this.args.directors, ...this.args.smtNodes].map((node) => this.trust(node, root, "keep")),
      pairOf: () => ({ certificate, key: pulumi.secret(key) }),
    };
  }

  /**
   * A certificate for each server, signed by the CA on the first node.
   *
   * @param authority the CA's certificate, then its issuers, the root last
   */
  private sign(authority: pulumi.Output<string>): Issued {
    const { smtNodes, directors, formerNames = [], days } = this.args;
    // Pulumi marks the result as secret because an input is. The result itself holds no secret.
    const bundle = pulumi.unsecret(authority);
    const chain = bundle.apply(splitCertificates);
    const root = chain.apply((all) => itemAt(all, -1));
    const requests = smtNodes.map((node) => ({
      node,
      request: this.step(node, "certificate/request", { inputs: { root } }),
    }));
    const signed = this.step(itemAt(smtNodes, 0), "certificate/sign", {
      options: {
        nodes: smtNodes.map((node) => node.nodeName).join(" "),
        service: this.args.serviceName,
        ...(formerNames.length > 0 && { "former-names": formerNames.join(" ") }),
        address: this.args.virtualIp,
        domain: this.args.domain,
        days,
        renewal: renewalDate(this.args.now, days),
      },
      inputs: {
        ca: bundle,
        ...Object.fromEntries(requests.map(({ node, request }) => [`request.${node.nodeName}`, request.stdout])),
      },
    });
    const signedFor = signed.stdout.apply(parseSections);
    return {
      root,
      // A request makes its node trust the CA.
      trusted: [...directors.map((node) => this.trust(node, root, "keep")), ...requests.map(({ request }) => request)],
      pairOf: (node) => ({
        certificate: pulumi
          .all([signedFor, chain])
          .apply(([bySection, all]) => [bySection[node.nodeName], ...all.slice(0, -1)].join("")),
      }),
    };
  }

  /** Makes a node trust the root CA, and keep or drop the former one. */
  private trust(
    node: ClusterNode,
    root: pulumi.Output<string>,
    former: "keep" | "drop",
    after: Ready = [],
  ): pulumi.Resource {
    return this.step(
      node,
      "certificate/trust",
      { label: former, options: { role: node.role, former }, inputs: { root } },
      after,
    );
  }
}

/**
 * Certificates that expire before this date (`YYYY-MM-DD`, UTC) are renewed.
 *
 * The date advances in steps of half a certificate's lifetime, on days that do not depend on when the program runs. So each
 * period shows exactly one renewal in a preview, and a certificate never expires if `up` runs once in each period.
 */
export function renewalDate(now: Date, days: number): string {
  const day = 24 * 60 * 60 * 1000;
  const period = Math.floor(days / 2);
  const last = Math.floor(now.getTime() / day / period) * period;
  return new Date((last + days) * day).toISOString().slice(0, 10);
}
