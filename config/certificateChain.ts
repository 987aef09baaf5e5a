import { createPrivateKey, X509Certificate } from "crypto";
import { splitCertificates } from "../components/pem";

/** The certificates of a PEM text; none where one is damaged. */
export function parseCertificates(pem: string): X509Certificate[] {
  try {
    return splitCertificates(pem).map((text) => new X509Certificate(text));
  } catch {
    return [];
  }
}

/** What is wrong with a chain, which must lead from a certificate up to a root CA; completes "must". */
export function chainProblem(chain: readonly X509Certificate[], now: Date): string | undefined {
  for (const [index, certificate] of chain.entries()) {
    const issuer = chain[index + 1] ?? certificate;
    if (now < new Date(certificate.validFrom) || now > new Date(certificate.validTo)) {
      return `hold what is valid now: ${subject(certificate)} is valid from ${certificate.validFrom} to ${certificate.validTo}`;
    }
    if (!issuer.ca || !certificate.checkIssued(issuer) || !certificate.verify(issuer.publicKey)) {
      return issuer === certificate
        ? `end with a root CA: ${subject(certificate)} is none`
        : `hold certificates in order, each signed by the next CA: ${subject(certificate)} is not signed by ${subject(issuer)}`;
    }
  }
  return undefined;
}

/** What keeps a certificate from being that of a server of this name; completes "must". */
export function serverProblem(certificate: X509Certificate, name: string): string | undefined {
  if (certificate.checkHost(name, { subject: "never" }) === undefined) {
    return `have ${name} among its names (SAN), which are: ${certificate.subjectAltName ?? "none"}`;
  }
  // The extended usages, where there are any.
  const usages = certificate.keyUsage as readonly string[] | undefined;
  return usages && !usages.includes("1.3.6.1.5.5.7.3.1")
    ? "be a server's: its extended key usage has no serverAuth"
    : undefined;
}

/** Whether a private key is that of a certificate. */
export function isKeyOf(key: string, certificate: X509Certificate): boolean {
  try {
    return certificate.checkPrivateKey(createPrivateKey(key));
  } catch {
    // A format that OpenSSL does not read as a key.
    return false;
  }
}

const subject = (certificate: X509Certificate): string => certificate.subject.replace(/\n/g, ", ");
