import * as crypto from "crypto";
import * as fs from "fs";
import * as net from "net";
import * as os from "os";
import * as path from "path";
import { RunError } from "@pulumi/pulumi";
import { closest } from "fastest-levenshtein";
import { z } from "zod";
import { chainProblem, isKeyOf, parseCertificates, serverProblem } from "./certificateChain";
import type { CertificateSource } from "../components/certificateAuthority";
import type { NodeNetwork, Role } from "../components/clusterNode";
import { dotted, hostPart, networkOf, toNumber } from "../components/ipv4";
import type { Forwarding, LoadBalancing } from "../components/ldirectordConf";
import { platformNames, platforms, type PlatformName } from "../components/platform";
import type { Repository } from "../components/smtRepositories";
import type { VspherePlacementArgs } from "../components/vspherePlacement";

/** IPVS schedulers: the guide's first, then by name. */
export const schedulers = ["wlc", "dh", "lblc", "lblcr", "lc", "nq", "rr", "sed", "sh", "wrr"] as const;

/** One node of the cluster, as configured. The first SMT node does what only one node may do. */
export interface NodeConfig {
  readonly name: string;
  readonly address: string;
  readonly role: Role;
  readonly ssh: SshConfig;
  readonly initiatorName: string;
}

/** SSH access to a node; the key is a secret. */
export interface SshConfig {
  readonly user: string;
  readonly port: number;
  readonly privateKey: string;
  readonly hostKey?: string;
}

/** The virtual machines to make. */
export interface MachineConfig extends VspherePlacementArgs {
  readonly folder?: string;
  readonly cpus: number;
  readonly memoryMiB: number;
  readonly diskGiB?: number;
  readonly protect: boolean;
}

/** The shared disk. */
export interface DiskConfig {
  readonly portal: string;
  readonly target: string;
  readonly lun: number;
  readonly chap?: { readonly user: string; readonly secret: string };
  readonly wipe: boolean;
  /** How many nodes can mount the data partition at a time. */
  readonly ocfsSlots: number;
}

/** The cluster; times in seconds. */
export interface ClusterConfig {
  readonly name: string;
  readonly watchdogTimeout: number;
  readonly msgwait: number;
}

/** The Subscription Management Tool. */
export interface SmtConfig {
  /** User ID of the user smt, the same on every SMT node. */
  readonly uid: number;
  /** What upstream asks for; always given where there are repositories. */
  readonly credentials?: { readonly user: string; readonly password: string };
  readonly mirrorSources: boolean;
  /** Time of the nightly mirroring, HH:MM. */
  readonly mirrorTime: string;
  readonly repositories: readonly Repository[];
}

/** The SMT nodes' databases. */
export interface DatabaseConfig {
  /** Password of the database's root, a secret; empty where the socket is enough. */
  readonly rootPassword: string;
  /** The node whose registrations win where another one has different ones. */
  readonly winner?: string;
}

/** The servers' certificates. */
export interface CertificateConfig {
  readonly source: CertificateSource;
  /** Days that a certificate which the program signs is valid. */
  readonly days: number;
}

/** A stack's configuration, checked. */
export interface StackConfig {
  readonly platform: PlatformName;
  readonly nodes: readonly NodeConfig[];
  readonly network: NodeNetwork;
  readonly virtualIp: string;
  /** DNS name of the service. */
  readonly serviceName: string;
  readonly firewall: boolean;
  readonly machines?: MachineConfig;
  readonly disk: DiskConfig;
  readonly cluster: ClusterConfig;
  readonly smt: SmtConfig;
  readonly certificates: CertificateConfig;
  readonly balancing: LoadBalancing;
  readonly database: DatabaseConfig;
}

/** What the configuration is read from. */
export interface ConfigSource {
  /** The project's name, which is the namespace of its keys. */
  readonly project: string;
  /** Every key of the stack with its namespace, as text; objects and lists as JSON; secrets decrypted. */
  readonly values: Readonly<Record<string, string>>;
  /** Environment variables, which can stand in for the vSphere provider's keys. */
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly readFile: (file: string) => string;
}

/** Every problem of a configuration, in the order of its keys. Pulumi shows a RunError without a stack trace. */
export class ConfigError extends RunError {
  constructor(readonly problems: readonly string[]) {
    super(
      `the stack's configuration has ${problems.length} problem${problems.length === 1 ? "" : "s"}:\n\n${problems.join("\n\n")}\n`,
    );
    this.name = "ConfigError";
  }
}

/** A key's rule. Values are checked as text, since `pulumi config set` takes them as text. */
interface Rule<T> {
  readonly type: z.ZodType<T, string>;
  /** Completes "must be …". */
  readonly rule: string;
  /** A value that would do, for the command that mends. */
  readonly example: string;
  readonly secret?: true;
}

const text = (rule: string, example: string, pattern = /./): Rule<string> => ({
  type: z.string().regex(pattern),
  rule,
  example,
});
const optionalText = (rule: string, example: string): Rule<string> => text(rule, example, /^/);
const oneOf = <T extends string>(...values: readonly T[]): Rule<T> => ({
  type: z.enum(values as readonly [T, ...T[]]),
  rule: `one of: ${values.join(", ")}`,
  example: values[0],
});
const integer = (min: number, max: number, example: number, unit = ""): Rule<number> => ({
  type: z.string().regex(/^\d+$/).transform(Number).pipe(z.number().min(min).max(max)),
  rule: `a whole number${unit && ` of ${unit}`} from ${min} to ${max}`,
  example: String(example),
});
const flag = (example: boolean): Rule<boolean> => ({
  type: z.enum(["true", "false"]).transform((value) => value === "true"),
  rule: "true or false",
  example: String(example),
});
const address = (example: string): Rule<string> => ({
  type: z.string().refine(net.isIPv4),
  rule: "an IPv4 address",
  example,
});
// What a line of an iSCSI record can hold: it loses spaces around a value.
const oneLine = /^(\S(.*\S)?)?$/;
const domainPattern = /^[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)*$/;
const iqn = (rule: string, example: string): Rule<string> =>
  text(`${rule}, an IQN such as ${example}`, example, /^iqn\.\d{4}-\d{2}\.[a-z0-9.-]+(:[a-z0-9.:-]+)?$/);
const port = integer(1, 65535, 22);

export const rules = {
  platform: oneOf(...platformNames),
  machines: oneOf("vsphere", "existing"),
  virtualIp: address("192.0.2.10"),
  serviceName: {
    ...text("a DNS name in lower case", "smt.example.com"),
    type: z.string().refine((value) => value === "" || domainPattern.test(value)),
  },
  // Room for three nodes, the service and the gateway.
  prefixLength: integer(8, 29, 24, "bits"),
  gateway: address("192.0.2.1"),
  domain: text("a domain name in lower case", "example.com", domainPattern),
  nic: text("the name of a network interface", "eth0", /^[\w.-]{1,15}$/),
  firewall: flag(true),
  sshUser: text("a login name", "root", /^[a-z_][\w.-]*$/),
  sshPort: port,
  sshPrivateKeyFile: text("the path of a private key", "~/.ssh/id_rsa"),
  datacenter: optionalText("the name of a datacenter", "dc1"),
  datastore: optionalText("the name of a datastore", "datastore1"),
  resourcePool: optionalText("the path of a resource pool", "cluster1/Resources"),
  network: optionalText("the name of a port group", "'VM Network'"),
  template: optionalText("the path of a VM template", "sles12sp5"),
  folder: optionalText("the path of a VM folder", "smt"),
  cpus: integer(1, 128, 2),
  memoryMiB: integer(1024, 1048576, 4096, "MiB"),
  diskGiB: integer(0, 65536, 40, "GiB"),
  protectMachines: flag(true),
  portal: {
    type: z.string().refine(isPortal),
    rule: "ADDRESS:PORT, such as 192.0.2.3:3260",
    example: "192.0.2.3:3260",
  },
  target: iqn("the shared disk's target", "iqn.2026-01.com.example:smt"),
  lun: integer(0, 16383, 1),
  chapUser: text("the name that the target knows the nodes by, on one line", "smt", oneLine),
  chapSecret: { ...text("the secret that belongs to chapUser, on one line", "", oneLine), secret: true },
  wipeSharedDisk: flag(false),
  ocfsSlots: integer(2, 32, 8),
  clusterName: text("1 to 16 letters, digits, - or _ (OCFS2 takes no more)", "smtha", /^[A-Za-z0-9_-]{1,16}$/),
  watchdogTimeout: integer(5, 600, 15, "seconds"),
  msgwait: integer(10, 1200, 30, "seconds"),
  caSubject: text(
    "a distinguished name with a CN, such as '/O=Example/CN=Example SMT CA', of the types C, ST, L, O, OU, CN and emailAddress",
    "'/O=Example/CN=Example SMT CA'",
    /^(?=.*\/CN=)(\/(C=[A-Z]{2}|(ST|L|O|OU|CN|emailAddress)=[\p{L}\p{N} '().,:@&_-]{1,64}))+$/u,
  ),
  caCertificateFile: optionalText("the path of a CA's certificate in PEM", "~/smt-ca/ca.crt"),
  caKeyFile: optionalText("the path of a CA's private key", "~/smt-ca/ca.key"),
  certificateFile: optionalText("the path of a server's certificate in PEM", "~/smt-ca/server.crt"),
  certificateKeyFile: optionalText("the path of a server's private key", "~/smt-ca/server.key"),
  // Two at least, so that half of them is a day; five years at most, so that a root CA of ten serves a while.
  certificateDays: integer(2, 1825, 730, "days"),
  smtUid: integer(1, 65533, 480),
  nuUser: text("the user name of the mirror credentials, on one line", "UC1234567", oneLine),
  nuPassword: { ...text("the password that belongs to nuUser, on one line", "", oneLine), secret: true },
  mirrorSources: flag(false),
  mirrorTime: text("a time of day, HH:MM", "01:00", /^([01]\d|2[0-3]):[0-5]\d$/),
  checkInterval: integer(1, 3600, 20, "seconds"),
  checkTimeout: integer(1, 300, 5, "seconds"),
  failureCount: integer(1, 100, 2),
  autoReload: flag(true),
  quiescent: flag(false),
  scheduler: oneOf(...schedulers),
  forwarding: oneOf<Forwarding>("gate", "ipip", "masq"),
  request: text("a path of letters, digits, / . _ and -, without a leading /", "test.html", /^[\w.-]+(\/[\w.-]+)*$/),
  receive: text(
    "letters, digits, spaces, _ and - (ldirectord takes others as a pattern)",
    "'still alive'",
    /^[\w-]+( [\w-]+)*$/,
  ),
  fallback: { ...address("192.0.2.20"), type: z.string().refine((value) => value === "" || net.isIPv4(value)) },
  databaseRootPassword: { ...text("the password of the database's root, on one line", "", /^.*$/), secret: true },
  databaseWinner: optionalText("the name of an SMT node", "node1"),
} satisfies Record<string, Rule<unknown>>;

/** Lists of texts; a list's items are checked one by one. */
const listRules = {
  dnsServers: address("192.0.2.1"),
  ntpServers: text("a name or an IPv4 address", "192.0.2.1", domainPattern),
} satisfies Record<string, Rule<string>>;

const nodeRules = {
  name: text(
    "a host name of lower-case letters, digits and -, without the domain",
    "node1",
    /^[a-z]([a-z0-9-]{0,61}[a-z0-9])?$/,
  ),
  address: address("192.0.2.11"),
  role: oneOf("smt", "director"),
  sshUser: rules.sshUser,
  sshPort: port,
  sshPrivateKeyFile: rules.sshPrivateKeyFile,
  sshHostKey: text("a public host key", "'ssh-ed25519 AAAA…'", /^(ssh|ecdsa)-\S+ \S+/),
  initiatorName: iqn("the node's initiator name", "iqn.2016-04.com.open-iscsi:smtha.node1"),
} satisfies Record<string, Rule<unknown>>;

const repositoryRules = {
  name: text("letters, digits, . _ and -", "SLES11-SP4-Pool", /^[\w.-]+$/),
  target: text("a target such as sle-11-x86_64", "sle-11-x86_64", /^[\w.-]+$/),
  productId: integer(1, 2 ** 31 - 1, 1),
  description: text("a text on one line, without |", "'In-house packages'", /^[^\s|]([^|\n]*[^\s|])?$/),
  url: text(
    "an http, https, ftp or file URL without credentials",
    "https://rpm.example.com/tools",
    /^(https?|ftp|file):\/\/(?![^/]*@)[^\s|]+$/,
  ),
} satisfies Record<string, Rule<unknown>>;
/** What only a custom repository has; that has all of it. */
const customKeys = ["productId", "description", "url"] as const;

/** Keys of the administrator's own certificates. */
const certificateKeys = ["caCertificateFile", "caKeyFile", "certificateFile", "certificateKeyFile"] as const;
type CertificateKey = (typeof certificateKeys)[number];
/** Keys that only machines on vSphere need. */
const vsphereKeys = ["datacenter", "datastore", "resourcePool", "network", "template"] as const;
/** Keys of the vSphere provider, each with the environment variable that can stand in for it. */
const providerKeys = { vsphereServer: "VSPHERE_SERVER", user: "VSPHERE_USER", password: "VSPHERE_PASSWORD" } as const;

type Checked<R extends Record<string, Rule<unknown>>> = { [K in keyof R]?: z.output<R[K]["type"]> };

/**
 * Checks a stack's configuration in one pass.
 *
 * @throws ConfigError with every problem: the key, its value (never a secret), the rule and the command that mends it.
 */
export function loadConfig(source: ConfigSource): StackConfig {
  const problems: string[] = [];
  const report = (key: string, found: string, rule: string, mend: string): void => {
    problems.push(`  ${key} ${found}\n    rule: ${rule}\n    mend: ${mend}`);
  };
  const fullKey = (key: string): string => `${source.project}:${key}`;
  const shown = (value: string | undefined, rule?: Rule<unknown>): string =>
    value === undefined || value === "" ? "is not set" : rule?.secret ? "is not valid" : `is ${JSON.stringify(value)}`;

  const check = <T>(key: string, value: string | undefined, rule: Rule<T>): T | undefined => {
    const checked = value === undefined ? undefined : rule.type.safeParse(value);
    if (checked?.success) {
      return checked.data;
    }
    report(key, shown(value, rule), `must be ${rule.rule}`, setExample(key, rule));
    return undefined;
  };
  const refuseUnknown = (key: string, name: string, known: readonly string[]): void => {
    if (!known.includes(name)) {
      report(key, "is not known", `the nearest known key is ${closest(name, known)}`, remove(key));
    }
  };
  const items = (key: string): readonly unknown[] => {
    const value = source.values[fullKey(key)];
    try {
      const parsed: unknown = value === undefined ? [] : JSON.parse(value);
      if (Array.isArray(parsed)) {
        return parsed;
      }
    } catch {
      // Reported below, like any other value that is no list.
    }
    report(fullKey(key), shown(value), "must be a list", remove(fullKey(key)));
    return [];
  };

  for (const key of Object.keys(source.values).filter((name) => name.startsWith(`${source.project}:`))) {
    refuseUnknown(key, key.slice(source.project.length + 1), [
      ...Object.keys(rules),
      ...Object.keys(listRules),
      "nodes",
      "repositories",
    ]);
  }

  const values: Checked<typeof rules> = Object.fromEntries(
    Object.entries(rules).map(([key, rule]) => [key, check<unknown>(fullKey(key), source.values[fullKey(key)], rule)]),
  );
  const lists = Object.fromEntries(
    Object.entries(listRules).map(([key, rule]) => [
      key,
      items(key).map((item, index) => check(`${fullKey(key)}[${index}]`, String(item), rule)),
    ]),
  ) as Record<keyof typeof listRules, string[]>;
  if (lists.ntpServers.length === 0) {
    report(
      fullKey("ntpServers"),
      "is empty",
      "the nodes need one time",
      setExample(`${fullKey("ntpServers")}[0]`, listRules.ntpServers),
    );
  }

  /** A file that a key names; undefined, and reported, where it can't be read. */
  const readText = (key: string, file: string, mend: string): string | undefined => {
    try {
      return source.readFile(path.resolve(file.replace(/^~(?=\/)/, os.homedir())));
    } catch (error) {
      const cause = (error as NodeJS.ErrnoException).code ?? String(error);
      report(key, shown(file), `must name a readable file (${cause})`, mend);
      return undefined;
    }
  };
  const platform = values.platform && platforms[values.platform];
  const onlyRsa = `an RSA key, the only kind that sshd of platform ${values.platform} knows`;
  const readKey = (key: string, file: string | undefined, rule: Rule<string> = rules.sshPrivateKeyFile): string => {
    const mend = setExample(key, rule);
    const content = file === undefined ? undefined : readText(key, file, mend);
    if (content !== undefined && !/^-----BEGIN [A-Z ]*PRIVATE KEY-----/m.test(content)) {
      report(key, shown(file), "must name a private key", mend);
    } else if (content !== undefined && hasPassphrase(content)) {
      report(key, shown(file), "must name a private key without a passphrase", mend);
    } else if (content !== undefined && rule === rules.sshPrivateKeyFile && platform?.rsaKeysOnly && !isRsa(content)) {
      report(key, shown(file), `must name ${onlyRsa}`, mend);
    }
    return content ?? "";
  };
  const commonKey = readKey(fullKey("sshPrivateKeyFile"), values.sshPrivateKeyFile);

  /** The fields of an object in a list, checked one by one; `needed` names those that it must have, in words too. */
  const fields = <R extends Record<string, Rule<unknown>>>(
    key: string,
    item: unknown,
    fieldRules: R,
    needed: { readonly names: readonly (keyof R & string)[]; readonly words: string },
  ): Checked<R> => {
    if (typeof item !== "object" || item === null) {
      report(key, shown(JSON.stringify(item)), `must have ${needed.words}`, remove(key));
      return {};
    }
    const checked: Record<string, unknown> = {};
    for (const [name, value] of Object.entries(item)) {
      refuseUnknown(`${key}.${name}`, name, Object.keys(fieldRules));
      if (name in fieldRules) {
        checked[name] = check(`${key}.${name}`, String(value), fieldRules[name]);
      }
    }
    for (const name of needed.names.filter((field) => !(field in item))) {
      check(`${key}.${name}`, undefined, fieldRules[name]);
    }
    return checked as Checked<R>;
  };

  const nodes = items("nodes").map((item, index): NodeConfig => {
    const key = `${fullKey("nodes")}[${index}]`;
    const needed = { names: ["name", "address", "role"], words: "name, address and role" } as const;
    const node = fields(key, item, nodeRules, needed);
    if (platform?.rsaKeysOnly && node.sshHostKey && !node.sshHostKey.startsWith("ssh-rsa ")) {
      const hostKey = `${key}.sshHostKey`;
      report(hostKey, shown(node.sshHostKey), `must be ${onlyRsa}`, set(hostKey, "'ssh-rsa AAAA…'"));
    }
    return {
      name: node.name ?? "",
      address: node.address ?? "",
      role: node.role ?? "smt",
      ssh: {
        user: node.sshUser ?? values.sshUser ?? "",
        port: node.sshPort ?? values.sshPort ?? 0,
        privateKey: node.sshPrivateKeyFile ? readKey(`${key}.sshPrivateKeyFile`, node.sshPrivateKeyFile) : commonKey,
        ...(node.sshHostKey && { hostKey: node.sshHostKey }),
      },
      initiatorName:
        node.initiatorName ??
        (node.name
          ? `iqn.2016-04.com.open-iscsi:${(values.clusterName ?? "").toLowerCase().replace(/_/g, "-")}.${node.name}`
          : ""),
    };
  });

  const repositories = items("repositories").map((item, index): Repository => {
    const key = `${fullKey("repositories")}[${index}]`;
    const isCustom = typeof item === "object" && item !== null && customKeys.some((name) => name in item);
    const needed = isCustom
      ? ({ names: ["name", ...customKeys], words: "name, productId, description and url" } as const)
      : ({ names: ["name"], words: "a name" } as const);
    const { name = "", target, productId = 0, description = "", url = "" } = fields(key, item, repositoryRules, needed);
    if (!isCustom) {
      return { name, ...(target && { target }) };
    }
    if (target) {
      report(
        `${key}.target`,
        shown(target),
        "must not be set where url is: the product says it",
        remove(`${key}.target`),
      );
    }
    if (name.includes(".")) {
      const rule = "must be letters, digits, _ and - for a custom repository";
      report(`${key}.name`, shown(name), rule, set(`${key}.name`, name.replace(/\./g, "-")));
    }
    return { name, custom: { productId, description, url } };
  });

  // What the commands that mend must not propose.
  const taken = new Set([
    values.gateway ?? rules.gateway.example,
    values.virtualIp ?? rules.virtualIp.example,
    (values.portal ?? rules.portal.example).split(":")[0],
    ...nodes.flatMap((node) => [node.name, node.address]),
  ]);
  checkNodes();
  checkAddresses();
  checkServiceName();
  checkPairs();
  const certificateSource = readCertificates();
  checkDatabase();
  checkRepositories();
  if (values.machines === "vsphere") {
    checkVsphere();
  }

  if (problems.length > 0) {
    throw new ConfigError(problems);
  }
  return assemble(values as Required<Checked<typeof rules>>, lists, nodes, repositories, certificateSource);

  function checkNodes(): void {
    const key = fullKey("nodes");
    let end = nodes.length;
    for (const [role, least] of [["smt", 2] as const, ["director", 1] as const]) {
      const count = nodes.filter((node) => node.role === role).length;
      if (count < least) {
        const added = Array.from({ length: least - count }, () => `${key}[${end++}]`).flatMap((node) => [
          `'${node}.name=${freeName()}'`,
          `'${node}.address=${freeAddress()}'`,
          `'${node}.role=${role}'`,
        ]);
        report(
          key,
          `has ${count} of role ${role}`,
          `must have ${least} of role ${role} at least`,
          `pulumi config set-all --path ${added.map((pair) => `--plaintext ${pair}`).join(" ")}`,
        );
      }
    }
    nodes.forEach((node, index) => {
      const differ = (field: "name" | "address" | "initiatorName", value: () => string): boolean => {
        const first = nodes.findIndex((other) => other[field] === node[field]);
        if (first === index || node[field] === "") {
          return true;
        }
        const fieldKey = `${key}[${index}].${field}`;
        report(fieldKey, shown(node[field]), `must differ from that of ${key}[${first}]`, set(fieldKey, value()));
        return false;
      };
      differ("address", freeAddress);
      // An initiator name that is made from the name is not to blame.
      if (differ("name", freeName)) {
        differ("initiatorName", () => `${node.initiatorName}.${index}`);
      }
    });
  }

  /** A name that no node has, and that is not proposed twice. */
  function freeName(): string {
    for (let number = 1; ; number++) {
      const name = `node${number}`;
      if (!taken.has(name)) {
        taken.add(name);
        return name;
      }
    }
  }

  /** An address of the gateway's subnet that nothing here has, and that is not proposed twice. */
  function freeAddress(): string {
    const { gateway = rules.gateway.example, prefixLength = 24 } = values;
    for (let number = toNumber(networkOf(gateway, prefixLength)) + 1; ; number++) {
      const free = dotted(number);
      if (!taken.has(free)) {
        taken.add(free);
        return free;
      }
    }
  }

  function checkAddresses(): void {
    const { gateway, prefixLength, virtualIp } = values;
    if (gateway === undefined || prefixLength === undefined) {
      return;
    }
    const checkHost = (key: string, value: string, others: readonly (readonly [string, string])[]): void => {
      const same = others.find(([, other]) => value === other);
      if (!isHostOf(value, gateway, prefixLength)) {
        const rule = `must be a host's address in the subnet of the gateway, ${gateway}/${prefixLength}`;
        report(key, shown(value), rule, set(key, freeAddress()));
      } else if (same) {
        report(key, shown(value), `must differ from ${same[0]}`, set(key, freeAddress()));
      }
    };
    checkHost(fullKey("gateway"), gateway, []);
    nodes.forEach((node, index) => {
      if (node.address) {
        checkHost(`${fullKey("nodes")}[${index}].address`, node.address, [["the gateway", gateway]]);
      }
    });
    if (virtualIp !== undefined) {
      checkHost(fullKey("virtualIp"), virtualIp, [
        ["the gateway", gateway],
        ...nodes.map((node) => [`the address of ${node.name}`, node.address] as const),
      ]);
      if (values.fallback === virtualIp) {
        report(
          fullKey("fallback"),
          shown(values.fallback),
          "must differ from virtualIp, or requests would come back to the director",
          set(fullKey("fallback"), rules.fallback.example),
        );
      }
    }
  }

  /** Where certificates come from: files of the administrator's, which are checked, or a CA of the service's own. */
  function readCertificates(): CertificateSource {
    const own: CertificateSource = { kind: "generated", subject: values.caSubject ?? "" };
    const isSet = (key: CertificateKey): boolean => Boolean(values[key]);
    const refuse = (key: CertificateKey, found: string, rule: string): void =>
      report(fullKey(key), found, `must ${rule}`, setExample(fullKey(key), rules[key]));

    if (!certificateKeys.some(isSet)) {
      return own;
    }
    const given = isSet("certificateFile") || isSet("certificateKeyFile");
    const keyOf = given ? "certificateKeyFile" : "caKeyFile";
    const needed = certificateKeys.filter((key) => (given ? key !== "caKeyFile" : key.startsWith("ca")));
    if (given && isSet("caKeyFile")) {
      const rule = "must be empty where there is a certificate already, which no CA need sign";
      report(fullKey("caKeyFile"), shown(values.caKeyFile), rule, set(fullKey("caKeyFile"), "''"));
    }
    for (const key of needed.filter((name) => !isSet(name))) {
      refuse(key, "is not set", `be set together with ${needed.filter(isSet).join(" and ")}`);
    }
    if (!needed.every(isSet)) {
      return own;
    }

    const before = problems.length;
    const refuseIf = (key: CertificateKey, rule: string | undefined): void => {
      if (rule && problems.length === before) {
        refuse(key, shown(values[key]), rule);
      }
    };
    const read = (key: CertificateKey): crypto.X509Certificate[] => {
      const text = readText(fullKey(key), values[key] ?? "", setExample(fullKey(key), rules[key]));
      const found = text === undefined ? [] : parseCertificates(text);
      if (text !== undefined && found.length === 0) {
        refuse(key, shown(values[key]), "name a file of certificates in PEM");
      }
      return found;
    };
    const authorities = read("caCertificateFile");
    const chain = given ? [...read("certificateFile"), ...authorities] : authorities;
    const key = readKey(fullKey(keyOf), values[keyOf], rules[keyOf]);
    if (problems.length === before) {
      const now = new Date();
      refuseIf(
        "caCertificateFile",
        chainProblem(authorities, now) ?? (authorities[0].ca ? undefined : "begin with a CA"),
      );
      refuseIf("certificateFile", chainProblem(chain, now));
      if (given) {
        const name = values.serviceName || `smt.${values.domain}`;
        refuseIf("certificateFile", serverProblem(chain[0], name));
      }
      const certificateOf = given ? "certificateFile" : "caCertificateFile";
      refuseIf(keyOf, isKeyOf(key, chain[0]) ? undefined : `be the key of the first certificate in ${certificateOf}`);
    }
    const pem = (list: readonly crypto.X509Certificate[]): string => list.map(String).join("");
    return given
      ? { kind: "suppliedCertificate", certificate: pem(chain.slice(0, -1)), key, ca: pem(chain.slice(-1)) }
      : { kind: "suppliedAuthority", ca: pem(chain), key };
  }

  function checkServiceName(): void {
    const { serviceName, domain } = values;
    const same = nodes.find((node) => serviceName && [node.name, `${node.name}.${domain}`].includes(serviceName));
    if (same) {
      const key = fullKey("serviceName");
      report(key, shown(serviceName), `must differ from the name of ${same.name}`, set(key, `smt.${domain}`));
    }
    if ((serviceName || `smt.${domain}`).length > 64) {
      const rule = "must have 64 characters at most, like any common name of a certificate";
      report(fullKey("serviceName"), shown(serviceName), rule, setExample(fullKey("serviceName"), rules.serviceName));
    }
  }

  function checkRepositories(): void {
    repositories.forEach((repository, index) => {
      const first = repositories.findIndex(
        (other) => other.name === repository.name && other.target === repository.target,
      );
      if (repository.name && first !== index) {
        const key = `${fullKey("repositories")}[${index}]`;
        report(key, shown(repository.name), `must differ from ${fullKey("repositories")}[${first}]`, remove(key));
      }
    });
  }

  function checkPairs(): void {
    const { ocfsSlots, watchdogTimeout, msgwait, chapUser, chapSecret, nuUser, nuPassword } = values;
    const smtNodes = nodes.filter((node) => node.role === "smt").length;
    if (ocfsSlots !== undefined && ocfsSlots < smtNodes) {
      report(
        fullKey("ocfsSlots"),
        shown(String(ocfsSlots)),
        `must be the number of smt nodes (${smtNodes}) at least, since each of them mounts the file system`,
        set(fullKey("ocfsSlots"), String(smtNodes)),
      );
    }
    const mirrors = repositories.length > 0;
    // SMT's mirror command gives up where either of them is empty, whatever it has to mirror.
    const without =
      "where repositories is: without mirror credentials SMT mirrors nothing, custom repositories neither";
    if (nuUser === "" && (mirrors || nuPassword)) {
      const rule = mirrors ? `must be set ${without}` : "must be set where nuPassword is";
      report(fullKey("nuUser"), "is not set", rule, setExample(fullKey("nuUser"), rules.nuUser));
    }
    if (nuPassword === "" && (mirrors || nuUser)) {
      const rule = mirrors ? `must be set ${without}` : "must be set where nuUser is";
      report(fullKey("nuPassword"), "is not set", rule, setExample(fullKey("nuPassword"), rules.nuPassword));
    }
    if (platform?.firewall === "SuSEfirewall2" && values.forwarding === "masq" && values.firewall) {
      report(
        fullKey("forwarding"),
        shown(values.forwarding),
        "must be gate or ipip where firewall is true: SuSEfirewall2 drops what real servers answer by way of a director",
        set(fullKey("forwarding"), rules.forwarding.example),
      );
    }
    if (watchdogTimeout !== undefined && msgwait !== undefined && msgwait < 2 * watchdogTimeout) {
      report(
        fullKey("msgwait"),
        shown(String(msgwait)),
        `must be twice watchdogTimeout (${watchdogTimeout}) at least, or a node could still write after it is taken for dead`,
        set(fullKey("msgwait"), String(2 * watchdogTimeout)),
      );
    }
    if (chapUser && chapSecret === "") {
      report(
        fullKey("chapSecret"),
        "is not set",
        "must be set where chapUser is",
        setExample(fullKey("chapSecret"), rules.chapSecret),
      );
    }
    if (chapSecret && chapUser === "") {
      report(
        fullKey("chapUser"),
        "is not set",
        "must be set where chapSecret is",
        setExample(fullKey("chapUser"), rules.chapUser),
      );
    }
  }

  function checkDatabase(): void {
    const { databaseWinner } = values;
    const smtNodes = nodes.filter(({ role }) => role === "smt").map(({ name }) => name);
    if (databaseWinner && !smtNodes.includes(databaseWinner)) {
      const key = fullKey("databaseWinner");
      report(key, shown(databaseWinner), `must be the name of an SMT node: ${smtNodes.join(", ")}`, set(key, "''"));
    }
  }

  function checkVsphere(): void {
    for (const key of vsphereKeys) {
      if (values[key] === "") {
        report(
          fullKey(key),
          "is not set",
          `must be ${rules[key].rule}, for machines: vsphere`,
          setExample(fullKey(key), rules[key]),
        );
      }
    }
    for (const [key, variable] of Object.entries(providerKeys)) {
      if (!source.values[`vsphere:${key}`] && !source.environment[variable]) {
        report(
          `vsphere:${key}`,
          "is not set",
          `must be set, or ${variable} in the environment`,
          // Without a value, Pulumi asks for it.
          `pulumi config set ${key === "password" ? "--secret " : ""}vsphere:${key}`,
        );
      }
    }
  }
}

function assemble(
  values: Required<Checked<typeof rules>>,
  lists: Record<keyof typeof listRules, string[]>,
  nodes: readonly NodeConfig[],
  repositories: readonly Repository[],
  certificateSource: CertificateSource,
): StackConfig {
  return {
    platform: values.platform,
    nodes,
    network: {
      domain: values.domain,
      gateway: values.gateway,
      prefixLength: values.prefixLength,
      dnsServers: lists.dnsServers,
      ntpServers: lists.ntpServers,
      nic: values.nic,
    },
    virtualIp: values.virtualIp,
    serviceName: values.serviceName || `smt.${values.domain}`,
    firewall: values.firewall,
    ...(values.machines === "vsphere" && {
      machines: {
        datacenter: values.datacenter,
        datastore: values.datastore,
        resourcePool: values.resourcePool,
        network: values.network,
        template: values.template,
        ...(values.folder && { folder: values.folder }),
        cpus: values.cpus,
        memoryMiB: values.memoryMiB,
        ...(values.diskGiB > 0 && { diskGiB: values.diskGiB }),
        protect: values.protectMachines,
      },
    }),
    disk: {
      portal: values.portal,
      target: values.target,
      lun: values.lun,
      ...(values.chapUser && { chap: { user: values.chapUser, secret: values.chapSecret } }),
      wipe: values.wipeSharedDisk,
      ocfsSlots: values.ocfsSlots,
    },
    cluster: { name: values.clusterName, watchdogTimeout: values.watchdogTimeout, msgwait: values.msgwait },
    smt: {
      uid: values.smtUid,
      ...(values.nuUser && { credentials: { user: values.nuUser, password: values.nuPassword } }),
      mirrorSources: values.mirrorSources,
      mirrorTime: values.mirrorTime,
      repositories,
    },
    certificates: { source: certificateSource, days: values.certificateDays },
    balancing: {
      checkInterval: values.checkInterval,
      checkTimeout: values.checkTimeout,
      failureCount: values.failureCount,
      autoReload: values.autoReload,
      quiescent: values.quiescent,
      scheduler: values.scheduler,
      forwarding: values.forwarding,
      request: values.request,
      receive: values.receive,
      ...(values.fallback && { fallback: values.fallback }),
    },
    database: {
      rootPassword: values.databaseRootPassword,
      ...(values.databaseWinner && { winner: values.databaseWinner }),
    },
  };
}

function isPortal(value: string): boolean {
  const [portalAddress, tcpPort, ...rest] = value.split(":");
  return rest.length === 0 && net.isIPv4(portalAddress) && port.type.safeParse(tcpPort).success;
}

/** Whether a private key, in PEM or OpenSSH format, is encrypted. */
function hasPassphrase(key: string): boolean {
  return key.includes("ENCRYPTED") || Buffer.from(key.replace(/^-----.*$/gm, ""), "base64").includes("bcrypt");
}

/** Whether a private key, in PEM or OpenSSH format, is an RSA key. */
function isRsa(key: string): boolean {
  if (key.startsWith("-----BEGIN OPENSSH")) {
    // Its type stands in it with the type's length before it.
    return Buffer.from(key.replace(/^-----.*$/gm, ""), "base64").includes("\0\0\0\x07ssh-rsa");
  }
  try {
    return crypto.createPrivateKey(key).asymmetricKeyType === "rsa";
  } catch {
    return false;
  }
}

/** Whether the address is in the gateway's subnet and neither its network nor its broadcast address. */
function isHostOf(value: string, gateway: string, prefixLength: number): boolean {
  const host = hostPart(value, prefixLength);
  return (
    networkOf(value, prefixLength) === networkOf(gateway, prefixLength) &&
    host !== 0 &&
    host !== 2 ** (32 - prefixLength) - 1
  );
}

/** The key as the Pulumi CLI takes it: one that leads into a list or an object needs a flag. */
const argument = (key: string): string => (/[.[]/.test(key) ? `--path '${key}'` : key);
const set = (key: string, value: string): string => `pulumi config set ${argument(key)} ${value}`;
const remove = (key: string): string => `pulumi config rm ${argument(key)}`;

/** Sets a value that would do; without a value, as for a secret, Pulumi asks for it. */
const setExample = (key: string, rule: Rule<unknown>): string =>
  rule.secret ? `pulumi config set --secret ${key}` : set(key, rule.example);

/** Reads files for `loadConfig`. */
export const readFile = (file: string): string => fs.readFileSync(file, "utf8");
