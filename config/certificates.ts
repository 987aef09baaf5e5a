import type { X509Certificate } from "crypto";
import type { CertificateSource } from "../components/certificateAuthority";
import { chainProblem, isKeyOf, parseCertificates, serverProblem } from "./certificateChain";
import type { KeyFiles } from "./privateKeys";
import type { Problems } from "./problems";
import { integer, optional, text, type Checked, type Group } from "./rules";

export const certificatesGroup = {
  heading: "Certificates",
  keys: {
    caSubject: {
      ...text(
        "a distinguished name with a CN, such as '/O=Example/CN=Example SMT CA', of the types C, ST, L, O, OU, CN and emailAddress",
        "'/O=Example/CN=Example SMT CA'",
        /^(?=.*\/CN=)(\/(C=[A-Z]{2}|(ST|L|O|OU|CN)=[\p{L}\p{N} '().,:@&_-]{1,64}|emailAddress=[A-Za-z0-9 '().,:@&_-]{1,64}))+$/u,
      ),
      default: "/O=smt-ha/CN=smt-ha root CA",
      description: "Subject of the root CA that the first SMT node creates. Another subject creates another CA.",
    },
    caCertificateFile: {
      ...optional(text("the path of a CA's certificate in PEM", "~/smt-ca/ca.crt")),
      default: "",
      description:
        "Path of your own CA's certificate in PEM, followed by the CAs above it, the root last. Empty: the first SMT node creates a CA.",
    },
    caKeyFile: {
      ...optional(text("the path of a CA's private key", "~/smt-ca/ca.key")),
      default: "",
      description:
        "Path of the private key of caCertificateFile, without a passphrase. With it, the first SMT node signs the servers' certificates.",
    },
    certificateFile: {
      ...optional(text("the path of a server's certificate in PEM", "~/smt-ca/server.crt")),
      default: "",
      description:
        "Path of a server certificate in PEM for all SMT nodes, followed by the CAs below caCertificateFile. Empty: each SMT node gets a signed one.",
    },
    certificateKeyFile: {
      ...optional(text("the path of a server's private key", "~/smt-ca/server.key")),
      default: "",
      description: "Path of the private key of certificateFile, without a passphrase.",
    },
    // At least two, so that half of them is a day; at most five years, so that a root CA of ten lasts a while.
    certificateDays: {
      ...integer(2, 1825, 730, "days"),
      default: 730,
      description:
        "Days that a signed server certificate is valid. pulumi up renews it once in each half of that time.",
    },
  },
} as const satisfies Group;

const fileKeys = ["caCertificateFile", "caKeyFile", "certificateFile", "certificateKeyFile"] as const;
type FileKey = (typeof fileKeys)[number];
type NonEmpty<T> = readonly [T, ...T[]];

/** Reads the source of the certificates: the service's own CA, or files of the administrator. */
export class CertificateFiles {
  constructor(
    private readonly values: Checked<typeof certificatesGroup.keys>,
    private readonly files: KeyFiles,
    private readonly problems: Problems,
    private readonly now: Date,
  ) {}

  /**
   * The source that the keys select. If a key was refused: a placeholder, which must not be used.
   *
   * @param names DNS names that a certificate must hold
   */
  source(names: readonly string[]): CertificateSource {
    const generated: CertificateSource = { kind: "generated", subject: this.values.caSubject ?? "" };
    const isSet = (key: FileKey): boolean => this.problems.isSet(key);
    if (!fileKeys.some(isSet)) {
      return generated;
    }
    const server = (["certificateFile", "certificateKeyFile"] as const).find(isSet);
    const needed: readonly FileKey[] = server
      ? ["caCertificateFile", "certificateFile", "certificateKeyFile"]
      : ["caCertificateFile", "caKeyFile"];
    if (server && isSet("caKeyFile")) {
      this.problems.refuse("caKeyFile", `must be empty with ${server}, which no CA needs to sign`, { set: "''" });
    }
    this.problems.requireTogether(needed);
    if (needed.some((key) => this.values[key] === undefined)) {
      return generated;
    }
    return (server ? this.suppliedCertificate(names) : this.suppliedAuthority()) ?? generated;
  }

  private suppliedAuthority(): CertificateSource | undefined {
    const authorities = this.certificates("caCertificateFile");
    const key = this.privateKey("caKeyFile");
    if (!authorities || key === undefined) {
      return undefined;
    }
    this.refuseFirst([
      ...this.authorityProblems(authorities),
      ["caKeyFile", isKeyOf(key, authorities[0]) ? undefined : keyProblem("caCertificateFile")],
    ]);
    return { kind: "suppliedAuthority", ca: pem(authorities), key };
  }

  private suppliedCertificate(names: readonly string[]): CertificateSource | undefined {
    const authorities = this.certificates("caCertificateFile");
    const certificates = this.certificates("certificateFile");
    const key = this.privateKey("certificateKeyFile");
    if (!authorities || !certificates || key === undefined) {
      return undefined;
    }
    const chain = [...certificates, ...authorities];
    this.refuseFirst([
      ...this.authorityProblems(authorities),
      ["certificateFile", chainProblem(chain, this.now)],
      ...names.map((name): [FileKey, string | undefined] => ["certificateFile", serverProblem(certificates[0], name)]),
      ["certificateKeyFile", isKeyOf(key, certificates[0]) ? undefined : keyProblem("certificateFile")],
    ]);
    return { kind: "suppliedCertificate", certificate: pem(chain.slice(0, -1)), key, ca: pem(chain.slice(-1)) };
  }

  private authorityProblems(authorities: NonEmpty<X509Certificate>): [FileKey, string | undefined][] {
    return [
      ["caCertificateFile", chainProblem(authorities, this.now)],
      ["caCertificateFile", authorities[0].ca ? undefined : "begin with a CA"],
    ];
  }

  /** Refuses the first key that has a problem: the others may only follow from it. */
  private refuseFirst(problems: readonly [FileKey, string | undefined][]): void {
    const [key, problem] = problems.find(([, found]) => found) ?? [];
    if (key && problem) {
      this.problems.refuse(key, `must ${problem}`);
    }
  }

  /** The certificates in a key's file; undefined, and refused, if it holds none. */
  private certificates(key: FileKey): NonEmpty<X509Certificate> | undefined {
    const content = this.files.text(key, this.values[key] ?? "");
    const [first, ...others] = content === undefined ? [] : parseCertificates(content);
    if (content !== undefined && !first) {
      this.problems.refuse(key, "must name a file of certificates in PEM");
    }
    return first && [first, ...others];
  }

  private privateKey(key: FileKey): string | undefined {
    return this.files.privateKey(key, this.values[key] ?? "");
  }
}

const keyProblem = (certificate: FileKey): string => `be the key of the first certificate in ${certificate}`;

const pem = (certificates: readonly X509Certificate[]): string => certificates.map(String).join("");
