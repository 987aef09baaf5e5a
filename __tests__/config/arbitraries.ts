import fc from "fast-check";
import { dotted, toNumber } from "../../components/ipv4";
import { platformNames } from "../../components/platform";
import { keys } from "../../config/keys";
import { provider } from "./fixtures";

/** A configuration as the program gets it: each key with its namespace, as text. */
export type Texts = Readonly<Record<string, string>>;
/** What to give some keys; undefined removes one. */
export type Changes = Readonly<Record<string, string | undefined>>;

type KeyName = keyof typeof keys;
type Item = Readonly<Record<string, string | number>>;

const matching = (pattern: RegExp): fc.Arbitrary<string> => fc.stringMatching(pattern, { size: "small" });
const whole = (min: number, max: number): fc.Arbitrary<string> => fc.integer({ min, max }).map(String);
const flag = fc.constantFrom("true", "false");
const orEmpty = (value: fc.Arbitrary<string>): fc.Arbitrary<string> => fc.oneof(fc.constant(""), value);
const hostName = matching(/^[a-z][a-z0-9-]{0,5}[a-z0-9]$/);
const domain = matching(/^[a-z0-9][a-z0-9-]{0,5}[a-z](\.[a-z0-9][a-z0-9-]{0,3}[a-z]){0,2}$/);
const address = fc.ipV4();
const iqn = matching(/^iqn\.[12]\d{3}-[01]\d\.[a-z]{2,5}\.[a-z]{2,8}:[a-z0-9.-]{1,9}$/);
/** A line without a space at its ends: what people paste as names, passwords and descriptions. */
const line = fc.oneof(
  matching(/^[!-~]([ -~]{0,14}[!-~])?$/),
  fc.constantFrom("päss wörd", "a'b\"c`d$(e)\\", "# ; & | <>", "x".repeat(200)),
);
/** A line that may have spaces at its ends. */
const looseLine = fc.oneof(line, fc.constantFrom(" two words "));

/** A text for each key. On its own it is valid; `settle` makes all of them agree. */
const singles = {
  platform: fc.constantFrom<string>(...platformNames),
  machines: fc.constantFrom("vsphere", "existing"),
  virtualIp: fc.constant(""),
  // No node's name starts with a digit.
  serviceName: orEmpty(matching(/^\d[a-z0-9-]{0,5}[a-z](\.[a-z]{2,5}){0,2}$/)),
  prefixLength: whole(8, 29),
  gateway: address,
  domain,
  nic: matching(/^[a-z]{2,5}\d{0,3}(\.\d{1,4})?$/),
  firewall: flag,
  sshUser: matching(/^[a-z_][a-z0-9_.-]{0,6}$/),
  sshPort: whole(1, 65535),
  sshPrivateKeyFile: fc.constantFrom("/keys/lab", "/keys/ed25519", "/keys/ed25519-pem", "~/.ssh/id_rsa"),
  requireHostKeys: flag,
  datacenter: looseLine,
  datastore: looseLine,
  resourcePool: looseLine,
  network: looseLine,
  template: looseLine,
  folder: orEmpty(looseLine),
  cpus: whole(1, 128),
  memoryMiB: whole(1024, 1048576),
  diskGiB: whole(0, 65536),
  resizeNode: orEmpty(hostName),
  drsCluster: orEmpty(looseLine),
  protectMachines: flag,
  portal: fc.tuple(address, whole(1, 65535)).map((parts) => parts.join(":")),
  target: iqn,
  lun: whole(0, 16383),
  chapUser: orEmpty(line),
  chapSecret: line,
  wipeSharedDisk: flag,
  adoptSharedDisk: flag,
  ocfsSlots: whole(6, 32),
  clusterName: matching(/^[A-Za-z0-9_][A-Za-z0-9_-]{0,15}$/),
  watchdogTimeout: whole(5, 600),
  msgwait: whole(10, 1200),
  tokenTimeout: whole(2, 60),
  caSubject: matching(/^\/C=[A-Z]{2}(\/O=[A-Za-z0-9 '().,:@&_-]{1,9})?\/CN=[a-zäß0-9][A-Za-z '().,:@&_-]{0,20}$/u),
  caCertificateFile: fc.constantFrom("", "", "/pki/root.crt", "/pki/chain"),
  caKeyFile: fc.constant(""),
  certificateFile: orEmpty(fc.constant("/pki/server.crt")),
  certificateKeyFile: fc.constant(""),
  certificateDays: whole(2, 1825),
  smtUid: whole(1, 65533),
  nuUser: orEmpty(line),
  nuPassword: line,
  mirrorSources: flag,
  mirrorTime: matching(/^([01]\d|2[0-3]):[0-5]\d$/),
  checkInterval: whole(1, 3600),
  checkTimeout: whole(1, 300),
  failureCount: whole(1, 100),
  autoReload: flag,
  quiescent: flag,
  persistence: whole(0, 86400),
  scheduler: fc.constantFrom("wlc", "rr", "sh"),
  forwarding: fc.constantFrom("gate", "gate", "ipip", "masq"),
  spareDirectors: orEmpty(flag),
  directorFailback: flag,
  request: matching(/^[a-z0-9_-][\w.-]{0,8}(\/[a-z0-9_-][\w.-]{0,4}){0,2}$/),
  receive: matching(/^[\w-]{1,6}( [\w-]{1,6}){0,3}$/),
  fallback: orEmpty(address),
  databaseRootPassword: orEmpty(looseLine),
  databaseWinner: orEmpty(hostName),
} as const satisfies Partial<Record<KeyName, fc.Arbitrary<string>>>;

/** The fields of a list's objects, by key. */
export const fields = {
  nodes: {
    name: hostName,
    address,
    role: fc.constantFrom("smt", "director"),
    sshUser: singles.sshUser,
    sshPort: fc.integer({ min: 1, max: 65535 }),
    sshPrivateKeyFile: fc.constantFrom("/keys/node2", "/keys/rsa"),
    sshHostKey: fc.constantFrom("ssh-ed25519 AAAA", "ssh-rsa AAAA root@node", "ecdsa-sha2-nistp256 AAAA="),
    initiatorName: iqn,
  },
  firewallAllow: {
    port: fc.constantFrom<string | number>(9100, "161", "5666-5667"),
    protocol: fc.constantFrom("tcp", "udp"),
    from: fc.oneof(address, fc.constantFrom("10.0.0.0/8", "192.0.2.9/32")),
  },
  repositories: {
    name: matching(/^[\w-]{1,12}$/),
    target: matching(/^[\w.-]{1,12}$/),
    productId: fc.oneof(fc.integer({ min: 1, max: 999_999_999 }), matching(/^[\w.-]{1,12}(\/[\w.-]{1,8}){2}$/)),
    description: line.filter((text) => !text.includes("|")),
    url: fc
      .tuple(fc.constantFrom("http", "https", "ftp", "file"), domain, matching(/^(\/[\w.~%+-]{1,8}){0,3}\/?$/))
      .map(([scheme, host, path]) => `${scheme}://${host}${path}`),
  },
} as const satisfies {
  [K in KeyName]?: (typeof keys)[K] extends { fields: infer F } ? Record<keyof F, unknown> : never;
};

const { nodes: nodeFields, firewallAllow: portFields, repositories: repositoryFields } = fields;

/** The lists. */
const lists = {
  nodes: fc.uniqueArray(
    fc.record(nodeFields, { requiredKeys: ["name", "address", "role"] }),
    // Room in the smallest subnet for the gateway and the service too.
    { minLength: 3, maxLength: 4, selector: ({ name }) => name },
  ),
  dnsServers: fc.array(address, { maxLength: 2 }),
  ntpServers: fc.array(fc.oneof(address, domain), { minLength: 1, maxLength: 2 }),
  formerServiceNames: fc.array(domain, { maxLength: 2 }),
  firewallAllow: fc.array(fc.record(portFields, { requiredKeys: ["port", "from"] }), { maxLength: 2 }),
  repositories: fc.uniqueArray(
    fc.oneof(
      fc.record({ name: repositoryFields.name, target: repositoryFields.target }, { requiredKeys: ["name"] }),
      fc.record({
        name: repositoryFields.name,
        productId: repositoryFields.productId,
        description: repositoryFields.description,
        url: repositoryFields.url,
      }),
    ),
    { maxLength: 2, selector: ({ name }) => name },
  ),
} as const;

/** A typed list of every key: a key that is missing above is an error here. */
const raw: { readonly [K in KeyName]: fc.Arbitrary<unknown> } = { ...singles, ...lists };
type Raw = { readonly [K in keyof typeof singles]: string } & {
  readonly nodes: readonly Item[];
  readonly repositories: readonly Item[];
};

/** Makes keys agree that depend on each other; `pick` chooses addresses and nodes. */
function settle(values: Raw, pick: readonly number[]): Record<string, unknown> {
  const { requireHostKeys, forwarding: anyForwarding, prefixLength, caCertificateFile } = values;
  const suse = values.platform !== "debian12";
  const rsa = values.platform === "sles11";
  const forwarding = suse ? "gate" : anyForwarding;
  const [gateway = "", virtualIp = "", ...addresses] = hosts(values.gateway, Number(prefixLength), pick);
  const nodes = values.nodes.map(({ sshHostKey, sshPrivateKeyFile, ...node }, index) => ({
    ...node,
    address: addresses[index] ?? "",
    role: index === 2 ? "director" : index < 2 ? "smt" : node.role,
    ...(sshPrivateKeyFile !== undefined && { sshPrivateKeyFile: rsa ? "/keys/rsa" : sshPrivateKeyFile }),
    ...((sshHostKey !== undefined || requireHostKeys === "true") && {
      sshHostKey: rsa ? "ssh-rsa AAAA" : (sshHostKey ?? "ssh-ed25519 AAAA"),
    }),
  }));
  const own = caCertificateFile !== "";
  const server = caCertificateFile === "/pki/chain" && values.certificateFile !== "";
  const credentials = values.nuUser !== "" || values.repositories.length > 0;
  return {
    ...values,
    nodes,
    gateway,
    virtualIp,
    forwarding,
    fallback: values.fallback === virtualIp ? "" : values.fallback,
    spareDirectors: forwarding === "gate" ? values.spareDirectors : values.spareDirectors && "false",
    msgwait: String(Math.max(Number(values.msgwait), 2 * Number(values.watchdogTimeout))),
    sshPrivateKeyFile: rsa ? "/keys/rsa" : values.sshPrivateKeyFile,
    chapSecret: values.chapUser && values.chapSecret,
    nuUser: credentials ? values.nuUser || "UC1" : "",
    nuPassword: credentials ? values.nuPassword : "",
    databaseWinner: values.databaseWinner && values.nodes[1]?.name,
    resizeNode: values.resizeNode && values.nodes[2]?.name,
    caKeyFile: !own || server ? "" : caCertificateFile === "/pki/chain" ? "/pki/issuing.key" : "/pki/root.key",
    certificateFile: server ? "/pki/server.crt" : "",
    certificateKeyFile: server ? "/pki/server.key" : "",
    // The certificate's only name.
    ...(server && { serviceName: "smt.smt-ha.lab", formerServiceNames: [] }),
  };
}

/** Different hosts of the subnet that an address is in. */
function hosts(inside: string, prefixLength: number, pick: readonly number[]): string[] {
  const size = 2 ** (32 - prefixLength);
  const network = toNumber(inside) - (toNumber(inside) % size);
  const offset = pick.length === 0 ? 0 : (pick[0] ?? 0) % Math.max(1, size - 8);
  return pick.map((number) => dotted(network + offset + number));
}

export const textOf = (value: unknown): string => (typeof value === "string" ? value : JSON.stringify(value));

/** A valid configuration. */
export const valid: fc.Arbitrary<Texts> = fc
  .tuple(
    fc.record(raw) as unknown as fc.Arbitrary<Raw>,
    fc.shuffledSubarray([1, 2, 3, 4, 5, 6], { minLength: 6, maxLength: 6 }),
  )
  .map(([values, pick]) => ({
    ...Object.fromEntries(Object.entries(settle(values, pick)).map(([key, value]) => [`smt-ha:${key}`, textOf(value)])),
    ...provider,
  }));

/** Texts that look right, break out of their place, or upset a parser. */
const nasty = fc.oneof(
  fc.constantFrom(
    ...["", " ", "\t", "\n", "\r\n", "\0", "\x1b[31m", "\x9b31m", "\x7f", "\u2028", "\u202e", "\ufeff", "é", "💥"],
    ...["'", '"', "`id`", "$(id)", "${IFS}", "; reboot", "&& id", "|", "\\", "#", "%", "*", "@@ root", "--", "-x"],
    ...["a\nb", "a\r\nb", "a\rb", "x\n[mysqld]\n", "../..", "/", "~", ".", "..", "a..b", ",", "{}", "[]", "[null]"],
    ...["0", "-1", "00", "1e3", "0x10", "1.5", "NaN", "Infinity", "99999999999999999999", "٣", "８"],
    ...["true", "True", "yes", "null", "undefined", "__proto__", "constructor", "toString"],
    ...["010.0.0.1", "0x7f.1", "127.1", "192.0.2.256", "192.0.2", "0.0.0.0", "::1", "::ffff:192.0.2.1", "1.2.3.4/24"],
    ...["x".repeat(64), "x".repeat(5000), `${"x".repeat(64)}.example.com`, "-----BEGIN PRIVATE KEY-----\nhush"],
  ),
  fc.string({ unit: "binary", maxLength: 6 }),
);

/** A value of the wrong kind in a list. */
const foreign: fc.Arbitrary<unknown> = fc.oneof(
  nasty,
  fc.constantFrom<unknown>(null, true, 0, -1, 1.5, [], {}, [[]], [null], { a: 1 }, ["x"]),
);

/** A text with something put into it, or in its place. */
const spoilt = (text: string): fc.Arbitrary<string> =>
  fc.oneof(
    nasty,
    fc
      .tuple(nasty, fc.nat({ max: 2 }))
      .map(([part, where]) =>
        where === 0
          ? part + text
          : where === 1
            ? text + part
            : text.slice(0, text.length / 2) + part + text.slice(text.length / 2),
      ),
  );

/** A name with a slip of the finger. */
const misspelt = (name: string): fc.Arbitrary<string> =>
  fc.oneof(
    fc
      .tuple(fc.nat({ max: name.length - 1 }), fc.constantFrom("", "x", "X", "_", " ", ".", "[0]", "'", "\n", "é"))
      .map(([at, part]) => name.slice(0, at) + part + name.slice(at + 1))
      .filter((other) => other !== name && !other.includes(":")),
    nasty.filter((other) => !other.includes(":") && other.length < 100),
  );

/** A list's JSON with something wrong in it. */
function spoiltList(
  list: readonly unknown[],
  rules: Readonly<Record<string, unknown>> | undefined,
): fc.Arbitrary<string> {
  const at = fc.nat({ max: Math.max(0, list.length - 1) });
  const inserted = fc.tuple(at, foreign).map(([index, item]) => [...list.slice(0, index), item, ...list.slice(index)]);
  const replaced = fc
    .tuple(at, foreign)
    .map(([index, item]) => list.map((old, other) => (other === index ? item : old)));
  const twice = at.map((index) => [...list, ...list.slice(index, index + 1)]);
  const fewer = at.map((index) => list.filter((_, other) => other !== index));
  const others: fc.Arbitrary<unknown[]>[] = [];
  if (rules) {
    const name = fc.constantFrom(...Object.keys(rules));
    const changed = (field: string, value: unknown) => (index: number) =>
      list.map((item, other) => (other === index ? { ...(item as object), [field]: value } : item));
    others.push(
      fc.tuple(at, name, foreign).map(([index, field, value]) => changed(field, value)(index)),
      fc
        .tuple(at, name, nasty)
        .map(([index, field, part]) =>
          changed(field, `${String((list[index] as Item | undefined)?.[field] ?? "")}${part}`)(index),
        ),
      fc.tuple(at, name.chain(misspelt), foreign).map(([index, field, value]) => changed(field, value)(index)),
      // What another item has.
      fc
        .tuple(at, at, name)
        .map(([index, from, field]) => changed(field, (list[from] as Item | undefined)?.[field])(index)),
    );
  }
  return fc.oneof(inserted, replaced, twice, fewer, ...others).map((changedList) => JSON.stringify(changedList));
}

/** Changes of a valid configuration: one to four keys get what may be wrong, or what another one has. */
export function changesOf(base: Texts, other: Texts): fc.Arbitrary<Changes> {
  const one = fc.constantFrom(...Object.keys(base)).chain((key): fc.Arbitrary<Changes> => {
    const text = base[key] ?? "";
    const declared = keys[key.replace("smt-ha:", "") as KeyName] as (typeof keys)[KeyName] | undefined;
    const list =
      declared && !("schema" in declared)
        ? [spoiltList(JSON.parse(text) as unknown[], "fields" in declared ? declared.fields : undefined)]
        : [];
    const values = fc.oneof(
      ...list,
      ...list,
      spoilt(text),
      fc.constant(other[key]),
      fc.constantFrom(...Object.values(base)),
      fc.constantFrom("", undefined),
    );
    const renamed = misspelt(key.replace("smt-ha:", ""));
    return fc.oneof(
      { weight: 9, arbitrary: values.map((value) => ({ [key]: value })) },
      { weight: 1, arbitrary: renamed.map((name) => ({ [`smt-ha:${name}`]: text })) },
    );
  });
  return fc.array(one, { minLength: 1, maxLength: 4 }).map((all) => Object.assign({}, ...all) as Changes);
}

/** What makes a configuration of a base and changes. */
export const changed = (base: Texts, changes: Changes): Record<string, string> =>
  Object.fromEntries(
    Object.entries({ ...base, ...changes }).filter((entry): entry is [string, string] => entry[1] !== undefined),
  );
