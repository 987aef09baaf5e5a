import { execFileSync } from "child_process";
import * as crypto from "crypto";
import * as fs from "fs";
import * as os from "os";
import * as path from "path";
import { ConfigError, ConfigSource, loadConfig, readFile, rules, StackConfig } from "../../config";
import { applyCommand } from "../support/pulumiConfig";
import { labSecrets, labStack, schema, stackValues } from "../support/stack";

const privateKey = "-----BEGIN OPENSSH PRIVATE KEY-----\nkey-hush\n-----END OPENSSH PRIVATE KEY-----\n";
/** As much of a key in OpenSSH's format as tells its type. */
const opensshKey = (type: string): string => {
  const word = (text: string): Buffer => Buffer.concat([Buffer.from([0, 0, 0, text.length]), Buffer.from(text)]);
  const parts = [
    Buffer.from("openssh-key-v1\0"),
    word("none"),
    word("none"),
    word(""),
    Buffer.from([0, 0, 0, 1, 0, 0, 0, 51]),
  ];
  const key = Buffer.concat([...parts, word(type)]).toString("base64");
  return `-----BEGIN OPENSSH PRIVATE KEY-----\n${key}\n-----END OPENSSH PRIVATE KEY-----\n`;
};
const pkcs8 = (key: crypto.KeyObject): string => key.export({ type: "pkcs8", format: "pem" }).toString();
const files: Record<string, string> = {
  "/keys/ed25519": opensshKey("ssh-ed25519"),
  "/keys/ed25519-pem": pkcs8(crypto.generateKeyPairSync("ed25519").privateKey),
  "/keys/rsa": opensshKey("ssh-rsa"),
  "/keys/lab": privateKey,
  "/keys/node2": privateKey.replace("key", "key2"),
  "/keys/lab.pub": "ssh-ed25519 AAAA",
  "/keys/pem-encrypted": "-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\nAAAA\n",
  "/keys/openssh-encrypted": `-----BEGIN OPENSSH PRIVATE KEY-----\n${Buffer.from("openssh-key-v1\0aes256-ctr\0bcrypt").toString("base64")}\n-----END OPENSSH PRIVATE KEY-----\n`,
  [`${os.homedir()}/.ssh/id_rsa`]: pkcs8(crypto.generateKeyPairSync("rsa", { modulusLength: 2048 }).privateKey),
};

/** A CA of an administrator's, one below it, and certificates: made anew, since they end some day. */
const pki = ((): Record<string, string> => {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), "smt-ha-pki-"));
  const script = `
    cd ${folder}
    ca() { openssl req -x509 -newkey rsa:2048 -nodes -keyout $1.key -out $1.crt -days 30 -subj "/CN=$1"; }
    sign() { # NAME ISSUER EXTENSIONS DAYS
      openssl req -new -newkey rsa:2048 -nodes -keyout $1.key -out $1.csr -subj "/CN=$1"
      printf "$3" >ext
      openssl x509 -req -in $1.csr -CA $2.crt -CAkey $2.key -CAcreateserial -days $4 -extfile ext -out $1.crt
    }
    ca root; ca other
    sign issuing root 'basicConstraints=critical,CA:TRUE' 30
    sign server issuing 'subjectAltName=DNS:smt.smt-ha.lab' 30
    sign client issuing 'subjectAltName=DNS:smt.smt-ha.lab\nextendedKeyUsage=clientAuth' 30
    sign elsewhere issuing 'subjectAltName=DNS:www.example.com' 30
    sign ended issuing 'subjectAltName=DNS:smt.smt-ha.lab' -1
    openssl rsa -aes128 -passout pass:hush -in root.key -out encrypted.key`;
  execFileSync("bash", ["-e", "-c", script], { stdio: "pipe" });
  const made = fs
    .readdirSync(folder)
    .map((name): [string, string] => [name, fs.readFileSync(`${folder}/${name}`, "utf8")]);
  fs.rmSync(folder, { recursive: true });
  return Object.fromEntries(made);
})();
Object.assign(
  files,
  Object.fromEntries(Object.entries(pki).map(([name, content]) => [`/pki/${name}`, content])),
  Object.fromEntries(
    // Where the mending commands point to.
    [
      ["ca.crt", pki["issuing.crt"] + pki["root.crt"]],
      ["ca.key", pki["issuing.key"]],
      ["server.crt", pki["server.crt"]],
      ["server.key", pki["server.key"]],
    ].map(([name, content]) => [`${os.homedir()}/smt-ca/${name}`, content]),
  ),
  { "/pki/chain": pki["issuing.crt"] + pki["root.crt"], "/pki/turned": pki["root.crt"] + pki["issuing.crt"] },
);

const good: Record<string, string> = { ...labStack, "smt-ha:sshPrivateKeyFile": "/keys/lab" };

const source = (values: Record<string, string>, environment: ConfigSource["environment"] = {}): ConfigSource => ({
  project: "smt-ha",
  values,
  environment,
  readFile: (file) => {
    if (!(file in files)) {
      throw Object.assign(new Error(`no such file: ${file}`), { code: "ENOENT" });
    }
    return files[file];
  },
});
const load = (values: Record<string, string>, environment?: ConfigSource["environment"]): StackConfig =>
  loadConfig(source(values, environment));

/** The configuration's problems, or none. */
const problemsOf = (values: Record<string, string>, environment?: ConfigSource["environment"]): readonly string[] => {
  try {
    load(values, environment);
    return [];
  } catch (error) {
    if (error instanceof ConfigError) {
      return error.problems;
    }
    throw error;
  }
};
const mendOf = (problem: string): string => /\n {4}mend: (.+)$/.exec(problem)?.[1] ?? "";

/** The good configuration with these keys changed; undefined removes one. */
const withKeys = (changes: Record<string, string | undefined>): Record<string, string> =>
  Object.fromEntries(
    Object.entries({ ...good, ...changes }).filter((entry): entry is [string, string] => entry[1] !== undefined),
  );
type Nodes = Record<string, string | number>[];
/** The good configuration with its nodes changed. */
const withNodes = (change: (nodes: Nodes) => unknown): Record<string, string> => {
  const nodes = JSON.parse(good["smt-ha:nodes"]) as Nodes;
  const changed = change(nodes);
  return withKeys({ "smt-ha:nodes": JSON.stringify(changed ?? nodes) });
};
/** Changes the fields of one node; for `withNodes`. */
const node =
  (index: number, fields: Record<string, string | number>) =>
  (nodes: Nodes): void =>
    void Object.assign(nodes[index], fields);

const pool = { name: "SLES11-SP4-Pool", target: "sle-11-x86_64" };
const tools = {
  name: "Tools",
  productId: 1,
  description: "In-house packages",
  url: "https://rpm.example.com/tools",
};
/** The good configuration with these repositories, and what they need. */
const withRepositories = (...repositories: readonly unknown[]): Record<string, string> =>
  withKeys({
    "smt-ha:repositories": JSON.stringify(repositories),
    "smt-ha:nuUser": "UC1",
    "smt-ha:nuPassword": "nu-hush",
  });

const problem = (key: string, found: string, rule: string, mend: string): string =>
  `  ${key} ${found}\n    rule: ${rule}\n    mend: ${mend}`;

test("the lab's configuration, exactly", () => {
  expect(load(good)).toEqual({
    platform: "debian12",
    nodes: [
      { name: "node1", address: "192.0.2.11", role: "smt" },
      { name: "node2", address: "192.0.2.12", role: "smt" },
      { name: "node3", address: "192.0.2.13", role: "director" },
    ].map((configured) => ({
      ...configured,
      ssh: { user: "root", port: 22, privateKey },
      initiatorName: `iqn.2016-04.com.open-iscsi:smtha.${configured.name}`,
    })),
    network: {
      domain: "smt-ha.lab",
      gateway: "192.0.2.1",
      prefixLength: 24,
      dnsServers: [],
      ntpServers: ["192.0.2.1"],
      nic: "eth0",
    },
    virtualIp: "192.0.2.10",
    serviceName: "smt.smt-ha.lab",
    firewall: true,
    machines: {
      datacenter: "lab",
      datastore: "local",
      resourcePool: "esxi1/Resources",
      network: "VM Network",
      template: "debian12",
      cpus: 1,
      memoryMiB: 1536,
      protect: false,
    },
    disk: {
      portal: "192.0.2.3:3260",
      target: "iqn.2026-01.lab.smt-ha:shared",
      lun: 1,
      chap: { user: "smt-ha", secret: "chap-hush" },
      wipe: false,
      ocfsSlots: 8,
    },
    cluster: { name: "smtha", watchdogTimeout: 15, msgwait: 30 },
    smt: {
      uid: 480,
      credentials: { user: "lab-mirror", password: "nu-hush" },
      mirrorSources: false,
      mirrorTime: "01:00",
      repositories: [
        {
          name: "lab-updates",
          custom: { productId: 434, description: "Lab updates", url: "http://192.0.2.4/lab-updates/" },
        },
        { name: "Lab-Pool", target: "sles-11-x86_64" },
      ],
    },
    certificates: { source: { kind: "generated", subject: "/O=smt-ha/CN=smt-ha root CA" }, days: 730 },
    balancing: {
      checkInterval: 20,
      checkTimeout: 5,
      failureCount: 2,
      autoReload: true,
      quiescent: false,
      scheduler: "wlc",
      forwarding: "gate",
      request: "test.html",
      receive: "still alive",
    },
    database: { rootPassword: "" },
  });
});

test("what is optional, where it is set", () => {
  const values = withNodes(
    node(1, {
      sshUser: "admin",
      sshPort: 2222,
      sshPrivateKeyFile: "/keys/node2",
      sshHostKey: "ssh-ed25519 AAAA",
      initiatorName: "iqn.2026-01.com.example:node2",
    }),
  );
  const config = load({
    ...values,
    "smt-ha:dnsServers": '["192.0.2.5","192.0.2.6"]',
    "smt-ha:folder": "smt",
    "smt-ha:diskGiB": "40",
    "smt-ha:wipeSharedDisk": "true",
    "smt-ha:protectMachines": "true",
    "smt-ha:clusterName": "SMT_ha",
    "smt-ha:sshPrivateKeyFile": "~/.ssh/id_rsa",
    "smt-ha:databaseRootPassword": "root hush",
    "smt-ha:databaseWinner": "node2",
    "smt-ha:serviceName": "updates.example.com",
    "smt-ha:smtUid": "950",
    "smt-ha:nuUser": "UC1",
    "smt-ha:nuPassword": "nu-hush",
    "smt-ha:mirrorSources": "true",
    "smt-ha:mirrorTime": "23:15",
    "smt-ha:repositories": JSON.stringify([pool, { name: "ATI-Driver-SLE11-SP1" }, tools]),
  });

  expect(config.serviceName).toBe("updates.example.com");
  expect(config.smt).toEqual({
    uid: 950,
    credentials: { user: "UC1", password: "nu-hush" },
    mirrorSources: true,
    mirrorTime: "23:15",
    repositories: [
      { name: "SLES11-SP4-Pool", target: "sle-11-x86_64" },
      { name: "ATI-Driver-SLE11-SP1" },
      {
        name: "Tools",
        custom: { productId: 1, description: "In-house packages", url: "https://rpm.example.com/tools" },
      },
    ],
  });
  expect(config.nodes[1]).toMatchObject({
    ssh: { user: "admin", port: 2222, privateKey: files["/keys/node2"], hostKey: "ssh-ed25519 AAAA" },
    initiatorName: "iqn.2026-01.com.example:node2",
  });
  // An IQN has neither capitals nor underscores.
  expect(config.nodes[0].initiatorName).toBe("iqn.2016-04.com.open-iscsi:smt-ha.node1");
  expect(config.network.dnsServers).toEqual(["192.0.2.5", "192.0.2.6"]);
  expect(config.machines).toMatchObject({ folder: "smt", diskGiB: 40, protect: true });
  expect(config.disk.wipe).toBe(true);
  expect(config.database).toEqual({ rootPassword: "root hush", winner: "node2" });
});

test("the stack of SLES 11 is as sound as the lab's", () => {
  const values = { ...stackValues("sles11", labSecrets), "smt-ha:sshPrivateKeyFile": "/keys/rsa" };
  expect(load(values)).toEqual({
    ...load(good),
    platform: "sles11",
    nodes: load(good).nodes.map((node) => ({ ...node, ssh: { ...node.ssh, privateKey: files["/keys/rsa"] } })),
  });
});

test("existing hosts need nothing of vSphere, and a target may do without CHAP", () => {
  const config = load(
    withKeys({
      "smt-ha:machines": "existing",
      ...Object.fromEntries(Object.keys(good).flatMap((key) => (key.startsWith("vsphere:") ? [[key, undefined]] : []))),
      ...Object.fromEntries(
        ["datacenter", "datastore", "resourcePool", "network", "template"].map((key) => [`smt-ha:${key}`, ""]),
      ),
      "smt-ha:chapUser": "",
      "smt-ha:chapSecret": "",
    }),
  );
  expect(config.machines).toBeUndefined();
  expect(config.disk.chap).toBeUndefined();
});

test("the environment can stand in for the vSphere provider's keys", () => {
  const values = withKeys({
    "vsphere:vsphereServer": undefined,
    "vsphere:user": undefined,
    "vsphere:password": undefined,
  });
  expect(problemsOf(values)).toHaveLength(3);
  expect(problemsOf(values, { VSPHERE_SERVER: "vcenter", VSPHERE_USER: "me", VSPHERE_PASSWORD: "hush" })).toEqual([]);
});

describe("the administrator's own", () => {
  const own = (keys: Record<string, string>): StackConfig =>
    load(withKeys(Object.fromEntries(Object.entries(keys).map(([key, value]) => [`smt-ha:${key}`, value]))));

  test("CA, with the certificates above it", () => {
    expect(own({ caCertificateFile: "/pki/chain", caKeyFile: "/pki/issuing.key" }).certificates.source).toEqual({
      kind: "suppliedAuthority",
      ca: files["/pki/chain"],
      key: pki["issuing.key"],
    });
  });

  test.each([
    ["/pki/server.crt", "/pki/chain"],
    ["~/smt-ca/server.crt", "/pki/chain"],
  ])("certificate %s, which servers show with all that is below the root", (certificateFile, caCertificateFile) => {
    const keys = { caCertificateFile, certificateFile, certificateKeyFile: "/pki/server.key" };
    expect(own(keys).certificates.source).toEqual({
      kind: "suppliedCertificate",
      certificate: pki["server.crt"] + pki["issuing.crt"],
      key: pki["server.key"],
      ca: pki["root.crt"],
    });
  });
});

const subnetRule = "must be a host's address in the subnet of the gateway, 192.0.2.1/24";
const set = (key: string, value: string): string => `pulumi config set ${key} ${value}`;
const setPath = (key: string, value: string): string => `pulumi config set --path '${key}' ${value}`;

/** What is wrong: a configuration, and all that is said about it. */
const bad: Record<string, [Record<string, string>, ...string[]]> = {
  "unknown platform": [
    withKeys({ "smt-ha:platform": "sles9" }),
    problem(
      "smt-ha:platform",
      'is "sles9"',
      "must be one of: debian12, sles11, sles12",
      set("smt-ha:platform", "debian12"),
    ),
  ],
  "missing platform": [
    withKeys({ "smt-ha:platform": undefined }),
    problem(
      "smt-ha:platform",
      "is not set",
      "must be one of: debian12, sles11, sles12",
      set("smt-ha:platform", "debian12"),
    ),
  ],
  "service name that no certificate can have as its common name": [
    withKeys({ "smt-ha:serviceName": `smt.${"long-".repeat(12)}x.example.com` }),
    problem(
      "smt-ha:serviceName",
      `is "smt.${"long-".repeat(12)}x.example.com"`,
      "must have 64 characters at most, like any common name of a certificate",
      set("smt-ha:serviceName", "smt.example.com"),
    ),
  ],
  ...Object.fromEntries(
    [
      "SMT CA",
      "/O=Example",
      "/C=Germany/CN=SMT",
      "/X=1/CN=SMT",
      "/CN=SMT/",
      "/CN=S\\M",
      `/CN=${"x".repeat(65)}`,
      "/CN=a\n@@ root",
    ].map((subject) => [
      `CA subject ${subject}`,
      [
        withKeys({ "smt-ha:caSubject": subject }),
        problem(
          "smt-ha:caSubject",
          `is ${JSON.stringify(subject)}`,
          "must be a distinguished name with a CN, such as '/O=Example/CN=Example SMT CA', of the types C, ST, L, O, OU, CN and emailAddress",
          set("smt-ha:caSubject", "'/O=Example/CN=Example SMT CA'"),
        ),
      ],
    ]),
  ),
  "certificates of a day": [
    withKeys({ "smt-ha:certificateDays": "1" }),
    problem(
      "smt-ha:certificateDays",
      'is "1"',
      "must be a whole number of days from 2 to 1825",
      set("smt-ha:certificateDays", "730"),
    ),
  ],
  "unknown kind of machines": [
    withKeys({ "smt-ha:machines": "vmware" }),
    problem("smt-ha:machines", 'is "vmware"', "must be one of: vsphere, existing", set("smt-ha:machines", "vsphere")),
  ],
  "unknown key": [
    withKeys({ "smt-ha:virtualIP": "192.0.2.10" }),
    problem(
      "smt-ha:virtualIP",
      "is not known",
      "the nearest known key is virtualIp",
      "pulumi config rm smt-ha:virtualIP",
    ),
  ],
  "unknown key of a node": [
    withNodes(node(0, { adress: "192.0.2.11" })),
    problem(
      "smt-ha:nodes[0].adress",
      "is not known",
      "the nearest known key is address",
      "pulumi config rm --path 'smt-ha:nodes[0].adress'",
    ),
  ],
  "bad address of a node": [
    withNodes(node(1, { address: "192.0.2.312" })),
    problem(
      "smt-ha:nodes[1].address",
      'is "192.0.2.312"',
      "must be an IPv4 address",
      setPath("smt-ha:nodes[1].address", "192.0.2.11"),
    ),
  ],
  "bad virtual address": [
    withKeys({ "smt-ha:virtualIp": "smt.example.com" }),
    problem(
      "smt-ha:virtualIp",
      'is "smt.example.com"',
      "must be an IPv4 address",
      set("smt-ha:virtualIp", "192.0.2.10"),
    ),
  ],
  "bad gateway": [
    withKeys({ "smt-ha:gateway": "192.0.2" }),
    problem("smt-ha:gateway", 'is "192.0.2"', "must be an IPv4 address", set("smt-ha:gateway", "192.0.2.1")),
  ],
  "bad prefix": [
    withKeys({ "smt-ha:prefixLength": "255.255.255.0" }),
    problem(
      "smt-ha:prefixLength",
      'is "255.255.255.0"',
      "must be a whole number of bits from 8 to 29",
      set("smt-ha:prefixLength", "24"),
    ),
  ],
  "prefix out of range": [
    withKeys({ "smt-ha:prefixLength": "30" }),
    problem(
      "smt-ha:prefixLength",
      'is "30"',
      "must be a whole number of bits from 8 to 29",
      set("smt-ha:prefixLength", "24"),
    ),
  ],
  "duplicate name": [
    withNodes(node(1, { name: "node1" })),
    problem(
      "smt-ha:nodes[1].name",
      'is "node1"',
      "must differ from that of smt-ha:nodes[0]",
      setPath("smt-ha:nodes[1].name", "node2"),
    ),
  ],
  "duplicate address": [
    withNodes(node(2, { address: "192.0.2.11" })),
    problem(
      "smt-ha:nodes[2].address",
      'is "192.0.2.11"',
      "must differ from that of smt-ha:nodes[0]",
      setPath("smt-ha:nodes[2].address", "192.0.2.2"),
    ),
  ],
  "duplicate initiator name": [
    withNodes(node(1, { initiatorName: "iqn.2016-04.com.open-iscsi:smtha.node1" })),
    problem(
      "smt-ha:nodes[1].initiatorName",
      'is "iqn.2016-04.com.open-iscsi:smtha.node1"',
      "must differ from that of smt-ha:nodes[0]",
      setPath("smt-ha:nodes[1].initiatorName", "iqn.2016-04.com.open-iscsi:smtha.node1.1"),
    ),
  ],
  "node outside the subnet": [
    withNodes(node(0, { address: "198.51.100.11" })),
    problem(
      "smt-ha:nodes[0].address",
      'is "198.51.100.11"',
      subnetRule,
      setPath("smt-ha:nodes[0].address", "192.0.2.2"),
    ),
  ],
  "node with the gateway's address": [
    withNodes(node(0, { address: "192.0.2.1" })),
    problem(
      "smt-ha:nodes[0].address",
      'is "192.0.2.1"',
      "must differ from the gateway",
      setPath("smt-ha:nodes[0].address", "192.0.2.2"),
    ),
  ],
  "virtual address outside the subnet": [
    withKeys({ "smt-ha:virtualIp": "192.0.3.10" }),
    problem("smt-ha:virtualIp", 'is "192.0.3.10"', subnetRule, set("smt-ha:virtualIp", "192.0.2.2")),
  ],
  "virtual address that is the broadcast address": [
    withKeys({ "smt-ha:virtualIp": "192.0.2.255" }),
    problem("smt-ha:virtualIp", 'is "192.0.2.255"', subnetRule, set("smt-ha:virtualIp", "192.0.2.2")),
  ],
  "virtual address that is a node's": [
    withKeys({ "smt-ha:virtualIp": "192.0.2.12" }),
    problem(
      "smt-ha:virtualIp",
      'is "192.0.2.12"',
      "must differ from the address of node2",
      set("smt-ha:virtualIp", "192.0.2.2"),
    ),
  ],
  "virtual address that is the gateway's": [
    withKeys({ "smt-ha:virtualIp": "192.0.2.1" }),
    problem("smt-ha:virtualIp", 'is "192.0.2.1"', "must differ from the gateway", set("smt-ha:virtualIp", "192.0.2.2")),
  ],
  "gateway that is the network's address": [
    withKeys({ "smt-ha:gateway": "192.0.2.0" }),
    problem(
      "smt-ha:gateway",
      'is "192.0.2.0"',
      "must be a host's address in the subnet of the gateway, 192.0.2.0/24",
      set("smt-ha:gateway", "192.0.2.1"),
    ),
  ],
  "one SMT node": [
    withNodes((nodes) => nodes.filter((_, index) => index !== 1)),
    problem(
      "smt-ha:nodes",
      "has 1 of role smt",
      "must have 2 of role smt at least",
      "pulumi config set-all --path --plaintext 'smt-ha:nodes[2].name=node2' " +
        "--plaintext 'smt-ha:nodes[2].address=192.0.2.2' --plaintext 'smt-ha:nodes[2].role=smt'",
    ),
  ],
  "no director": [
    withNodes((nodes) => nodes.slice(0, 2)),
    problem(
      "smt-ha:nodes",
      "has 0 of role director",
      "must have 1 of role director at least",
      "pulumi config set-all --path --plaintext 'smt-ha:nodes[2].name=node3' " +
        "--plaintext 'smt-ha:nodes[2].address=192.0.2.2' --plaintext 'smt-ha:nodes[2].role=director'",
    ),
  ],
  "unknown role": [
    withNodes(node(2, { role: "lvs" })),
    problem(
      "smt-ha:nodes[2].role",
      'is "lvs"',
      "must be one of: smt, director",
      setPath("smt-ha:nodes[2].role", "smt"),
    ),
    expect.stringContaining("has 0 of role director") as string,
  ],
  "nodes that are no list": [
    withKeys({ "smt-ha:nodes": "node1,node2,node3" }),
    problem("smt-ha:nodes", 'is "node1,node2,node3"', "must be a list", "pulumi config rm smt-ha:nodes"),
    expect.stringContaining("has 0 of role smt") as string,
    expect.stringContaining("has 0 of role director") as string,
  ],
  "a node that is only a name": [
    withNodes((nodes) => [...nodes, "node4"]),
    problem(
      "smt-ha:nodes[3]",
      'is "\\"node4\\""',
      "must have name, address and role",
      "pulumi config rm --path 'smt-ha:nodes[3]'",
    ),
  ],
  "name with a domain": [
    withNodes(node(0, { name: "node1.example.com" })),
    problem(
      "smt-ha:nodes[0].name",
      'is "node1.example.com"',
      "must be a host name of lower-case letters, digits and -, without the domain",
      setPath("smt-ha:nodes[0].name", "node1"),
    ),
  ],
  "no time server": [
    withKeys({ "smt-ha:ntpServers": "[]" }),
    problem("smt-ha:ntpServers", "is empty", "the nodes need one time", setPath("smt-ha:ntpServers[0]", "192.0.2.1")),
  ],
  "bad time server": [
    withKeys({ "smt-ha:ntpServers": '["192.0.2.1","time server"]' }),
    problem(
      "smt-ha:ntpServers[1]",
      'is "time server"',
      "must be a name or an IPv4 address",
      setPath("smt-ha:ntpServers[1]", "192.0.2.1"),
    ),
  ],
  "bad name server": [
    withKeys({ "smt-ha:dnsServers": '["ns.example.com"]' }),
    problem(
      "smt-ha:dnsServers[0]",
      'is "ns.example.com"',
      "must be an IPv4 address",
      setPath("smt-ha:dnsServers[0]", "192.0.2.1"),
    ),
  ],
  "SSH key that is not there": [
    withKeys({ "smt-ha:sshPrivateKeyFile": "/keys/none" }),
    problem(
      "smt-ha:sshPrivateKeyFile",
      'is "/keys/none"',
      "must name a readable file (ENOENT)",
      set("smt-ha:sshPrivateKeyFile", "~/.ssh/id_rsa"),
    ),
  ],
  "public key for a private one": [
    withNodes(node(1, { sshPrivateKeyFile: "/keys/lab.pub" })),
    problem(
      "smt-ha:nodes[1].sshPrivateKeyFile",
      'is "/keys/lab.pub"',
      "must name a private key",
      setPath("smt-ha:nodes[1].sshPrivateKeyFile", "~/.ssh/id_rsa"),
    ),
  ],
  "SSH key with a passphrase": [
    withNodes((nodes) => {
      node(0, { sshPrivateKeyFile: "/keys/pem-encrypted" })(nodes);
      node(1, { sshPrivateKeyFile: "/keys/openssh-encrypted" })(nodes);
    }),
    ...[0, 1].map((index) =>
      problem(
        `smt-ha:nodes[${index}].sshPrivateKeyFile`,
        `is "/keys/${["pem", "openssh"][index]}-encrypted"`,
        "must name a private key without a passphrase",
        setPath(`smt-ha:nodes[${index}].sshPrivateKeyFile`, "~/.ssh/id_rsa"),
      ),
    ),
  ],
  "bad SSH port": [
    withNodes(node(0, { sshPort: 0 })),
    problem(
      "smt-ha:nodes[0].sshPort",
      'is "0"',
      "must be a whole number from 1 to 65535",
      setPath("smt-ha:nodes[0].sshPort", "22"),
    ),
  ],
  "host key that is a fingerprint": [
    withNodes(node(0, { sshHostKey: "SHA256:abc" })),
    problem(
      "smt-ha:nodes[0].sshHostKey",
      'is "SHA256:abc"',
      "must be a public host key",
      setPath("smt-ha:nodes[0].sshHostKey", "'ssh-ed25519 AAAA…'"),
    ),
  ],
  "SSH keys that SLES 11 does not know": [
    withKeys({
      ...withNodes((nodes) => {
        node(0, { sshPrivateKeyFile: "/keys/ed25519-pem", sshHostKey: "ssh-ed25519 AAAA" })(nodes);
        node(1, { sshPrivateKeyFile: "/keys/rsa", sshHostKey: "ssh-rsa AAAA" })(nodes);
      }),
      "smt-ha:platform": "sles11",
      "smt-ha:sshPrivateKeyFile": "/keys/ed25519",
    }),
    problem(
      "smt-ha:sshPrivateKeyFile",
      'is "/keys/ed25519"',
      "must name an RSA key, the only kind that sshd of platform sles11 knows",
      set("smt-ha:sshPrivateKeyFile", "~/.ssh/id_rsa"),
    ),
    problem(
      "smt-ha:nodes[0].sshHostKey",
      'is "ssh-ed25519 AAAA"',
      "must be an RSA key, the only kind that sshd of platform sles11 knows",
      setPath("smt-ha:nodes[0].sshHostKey", "'ssh-rsa AAAA…'"),
    ),
    problem(
      "smt-ha:nodes[0].sshPrivateKeyFile",
      'is "/keys/ed25519-pem"',
      "must name an RSA key, the only kind that sshd of platform sles11 knows",
      setPath("smt-ha:nodes[0].sshPrivateKeyFile", "~/.ssh/id_rsa"),
    ),
  ],
  "masquerading behind SuSEfirewall2": [
    withKeys({ "smt-ha:platform": "sles12", "smt-ha:forwarding": "masq" }),
    problem(
      "smt-ha:forwarding",
      'is "masq"',
      "must be gate or ipip where firewall is true: SuSEfirewall2 drops what real servers answer by way of a director",
      set("smt-ha:forwarding", "gate"),
    ),
  ],
  "portal without a port": [
    withKeys({ "smt-ha:portal": "192.0.2.3" }),
    problem(
      "smt-ha:portal",
      'is "192.0.2.3"',
      "must be ADDRESS:PORT, such as 192.0.2.3:3260",
      set("smt-ha:portal", "192.0.2.3:3260"),
    ),
  ],
  "target that is no IQN": [
    withKeys({ "smt-ha:target": "shared" }),
    problem(
      "smt-ha:target",
      'is "shared"',
      "must be the shared disk's target, an IQN such as iqn.2026-01.com.example:smt",
      set("smt-ha:target", "iqn.2026-01.com.example:smt"),
    ),
  ],
  "CHAP user without a secret": [
    withKeys({ "smt-ha:chapSecret": "" }),
    problem(
      "smt-ha:chapSecret",
      "is not set",
      "must be set where chapUser is",
      "pulumi config set --secret smt-ha:chapSecret",
    ),
  ],
  "CHAP secret of two lines": [
    withKeys({ "smt-ha:chapSecret": "hush\nhush" }),
    problem(
      "smt-ha:chapSecret",
      "is not valid",
      "must be the secret that belongs to chapUser, on one line",
      "pulumi config set --secret smt-ha:chapSecret",
    ),
  ],
  "CHAP user with a space after it": [
    withKeys({ "smt-ha:chapUser": "smt " }),
    problem(
      "smt-ha:chapUser",
      'is "smt "',
      "must be the name that the target knows the nodes by, on one line",
      set("smt-ha:chapUser", "smt"),
    ),
  ],
  "CHAP secret without a user": [
    withKeys({ "smt-ha:chapUser": "" }),
    problem("smt-ha:chapUser", "is not set", "must be set where chapSecret is", set("smt-ha:chapUser", "smt")),
  ],
  "database password of two lines": [
    withKeys({ "smt-ha:databaseRootPassword": "hush\nhush" }),
    problem(
      "smt-ha:databaseRootPassword",
      "is not valid",
      "must be the password of the database's root, on one line",
      "pulumi config set --secret smt-ha:databaseRootPassword",
    ),
  ],
  "database winner that is a director": [
    withKeys({ "smt-ha:databaseWinner": "node3" }),
    problem(
      "smt-ha:databaseWinner",
      'is "node3"',
      "must be the name of an SMT node: node1, node2",
      "pulumi config set smt-ha:databaseWinner ''",
    ),
  ],
  "missing vCenter password": [
    withKeys({ "vsphere:password": undefined }),
    problem(
      "vsphere:password",
      "is not set",
      "must be set, or VSPHERE_PASSWORD in the environment",
      "pulumi config set --secret vsphere:password",
    ),
  ],
  "missing port group": [
    withKeys({ "smt-ha:network": "" }),
    problem(
      "smt-ha:network",
      "is not set",
      "must be the name of a port group, for machines: vsphere",
      set("smt-ha:network", "'VM Network'"),
    ),
  ],
  "too little memory": [
    withKeys({ "smt-ha:memoryMiB": "512" }),
    problem(
      "smt-ha:memoryMiB",
      'is "512"',
      "must be a whole number of MiB from 1024 to 1048576",
      set("smt-ha:memoryMiB", "4096"),
    ),
  ],
  "flag that is neither": [
    withKeys({ "smt-ha:wipeSharedDisk": "yes" }),
    problem("smt-ha:wipeSharedDisk", 'is "yes"', "must be true or false", set("smt-ha:wipeSharedDisk", "false")),
  ],
  "long cluster name": [
    withKeys({ "smt-ha:clusterName": "seventeen-letters" }),
    problem(
      "smt-ha:clusterName",
      'is "seventeen-letters"',
      "must be 1 to 16 letters, digits, - or _ (OCFS2 takes no more)",
      set("smt-ha:clusterName", "smtha"),
    ),
  ],
  "health page's text that would be a pattern": [
    withKeys({ "smt-ha:receive": "still.*" }),
    problem(
      "smt-ha:receive",
      'is "still.*"',
      "must be letters, digits, spaces, _ and - (ldirectord takes others as a pattern)",
      set("smt-ha:receive", "'still alive'"),
    ),
  ],
  "fallback that is the director": [
    withKeys({ "smt-ha:fallback": "192.0.2.10" }),
    problem(
      "smt-ha:fallback",
      'is "192.0.2.10"',
      "must differ from virtualIp, or requests would come back to the director",
      set("smt-ha:fallback", "192.0.2.20"),
    ),
  ],
  "service that is called as a node": [
    withKeys({ "smt-ha:serviceName": "node2.smt-ha.lab" }),
    problem(
      "smt-ha:serviceName",
      'is "node2.smt-ha.lab"',
      "must differ from the name of node2",
      set("smt-ha:serviceName", "smt.smt-ha.lab"),
    ),
  ],
  "service that is called by a URL": [
    withKeys({ "smt-ha:serviceName": "https://smt.example.com" }),
    problem(
      "smt-ha:serviceName",
      'is "https://smt.example.com"',
      "must be a DNS name in lower case",
      set("smt-ha:serviceName", "smt.example.com"),
    ),
  ],
  "user ID of root": [
    withKeys({ "smt-ha:smtUid": "0" }),
    problem("smt-ha:smtUid", 'is "0"', "must be a whole number from 1 to 65533", set("smt-ha:smtUid", "480")),
  ],
  "time that is none": [
    withKeys({ "smt-ha:mirrorTime": "24:00" }),
    problem("smt-ha:mirrorTime", 'is "24:00"', "must be a time of day, HH:MM", set("smt-ha:mirrorTime", "01:00")),
  ],
  "repositories without mirror credentials": [
    withKeys({
      "smt-ha:repositories": JSON.stringify([tools]),
      "smt-ha:nuUser": "",
      "smt-ha:nuPassword": "",
    }),
    problem(
      "smt-ha:nuUser",
      "is not set",
      "must be set where repositories is: without mirror credentials SMT mirrors nothing, custom repositories neither",
      set("smt-ha:nuUser", "UC1234567"),
    ),
    problem(
      "smt-ha:nuPassword",
      "is not set",
      "must be set where repositories is: without mirror credentials SMT mirrors nothing, custom repositories neither",
      "pulumi config set --secret smt-ha:nuPassword",
    ),
  ],
  "mirror credentials without a password": [
    withKeys({ "smt-ha:repositories": "[]", "smt-ha:nuUser": "UC1", "smt-ha:nuPassword": "" }),
    problem(
      "smt-ha:nuPassword",
      "is not set",
      "must be set where nuUser is",
      "pulumi config set --secret smt-ha:nuPassword",
    ),
  ],
  "mirror credentials without a user": [
    withKeys({ "smt-ha:repositories": "[]", "smt-ha:nuUser": "", "smt-ha:nuPassword": "nu-hush" }),
    problem("smt-ha:nuUser", "is not set", "must be set where nuPassword is", set("smt-ha:nuUser", "UC1234567")),
  ],
  "mirror password of two lines": [
    withKeys({ "smt-ha:nuUser": "UC1", "smt-ha:nuPassword": "nu-hush\nnu-hush" }),
    problem(
      "smt-ha:nuPassword",
      "is not valid",
      "must be the password that belongs to nuUser, on one line",
      "pulumi config set --secret smt-ha:nuPassword",
    ),
  ],
  "repositories that are no list": [
    withKeys({ "smt-ha:repositories": "SLES11-SP4-Pool" }),
    problem("smt-ha:repositories", 'is "SLES11-SP4-Pool"', "must be a list", "pulumi config rm smt-ha:repositories"),
  ],
  "a repository that is only a name": [
    withRepositories(pool, "Tools"),
    problem(
      "smt-ha:repositories[1]",
      'is "\\"Tools\\""',
      "must have a name",
      "pulumi config rm --path 'smt-ha:repositories[1]'",
    ),
  ],
  "unknown key of a repository": [
    withRepositories({ ...tools, uri: "https://rpm.example.com" }),
    problem(
      "smt-ha:repositories[0].uri",
      "is not known",
      "the nearest known key is url",
      "pulumi config rm --path 'smt-ha:repositories[0].uri'",
    ),
  ],
  "custom repository without its product and description": [
    withRepositories({ name: "Tools", url: "https://rpm.example.com/tools" }),
    problem(
      "smt-ha:repositories[0].productId",
      "is not set",
      "must be a whole number from 1 to 2147483647",
      setPath("smt-ha:repositories[0].productId", "1"),
    ),
    problem(
      "smt-ha:repositories[0].description",
      "is not set",
      "must be a text on one line, without |",
      setPath("smt-ha:repositories[0].description", "'In-house packages'"),
    ),
  ],
  "custom repository with a target": [
    withRepositories({ ...tools, target: "sle-11-x86_64" }),
    problem(
      "smt-ha:repositories[0].target",
      'is "sle-11-x86_64"',
      "must not be set where url is: the product says it",
      "pulumi config rm --path 'smt-ha:repositories[0].target'",
    ),
  ],
  "custom repository with a dot in its name": [
    withRepositories({ ...tools, name: "Tools-1.2" }),
    problem(
      "smt-ha:repositories[0].name",
      'is "Tools-1.2"',
      "must be letters, digits, _ and - for a custom repository",
      setPath("smt-ha:repositories[0].name", "Tools-1-2"),
    ),
  ],
  "credentials in a repository's URL": [
    withRepositories({ ...tools, url: "https://me:secret@rpm.example.com/tools" }),
    problem(
      "smt-ha:repositories[0].url",
      'is "https://me:secret@rpm.example.com/tools"',
      "must be an http, https, ftp or file URL without credentials",
      setPath("smt-ha:repositories[0].url", "https://rpm.example.com/tools"),
    ),
  ],
  "a repository twice": [
    withRepositories(pool, { ...pool, target: "sle-11-i586" }, tools, pool),
    problem(
      "smt-ha:repositories[3]",
      'is "SLES11-SP4-Pool"',
      "must differ from smt-ha:repositories[0]",
      "pulumi config rm --path 'smt-ha:repositories[3]'",
    ),
  ],
  "fewer slots than SMT nodes": [
    withKeys({
      "smt-ha:ocfsSlots": "2",
      "smt-ha:nodes": JSON.stringify([
        ...(JSON.parse(labStack["smt-ha:nodes"]) as unknown[]),
        { name: "node5", address: "192.0.2.15", role: "smt" },
      ]),
    }),
    problem(
      "smt-ha:ocfsSlots",
      'is "2"',
      "must be the number of smt nodes (3) at least, since each of them mounts the file system",
      set("smt-ha:ocfsSlots", "3"),
    ),
  ],
  "msgwait below twice the watchdog": [
    withKeys({ "smt-ha:watchdogTimeout": "20" }),
    problem(
      "smt-ha:msgwait",
      'is "30"',
      "must be twice watchdogTimeout (20) at least, or a node could still write after it is taken for dead",
      set("smt-ha:msgwait", "40"),
    ),
  ],
};

/** Certificates that don't do: the keys, the one to blame, and what is said of it. */
const badCertificates: Record<string, [Record<string, string>, string, string | RegExp]> = {
  "a CA without its key": [
    { caCertificateFile: "/pki/root.crt" },
    "caKeyFile",
    "must be set together with caCertificateFile",
  ],
  "a CA's key without its certificate": [
    { caKeyFile: "/pki/root.key" },
    "caCertificateFile",
    "must be set together with caKeyFile",
  ],
  "a certificate without its key": [
    { caCertificateFile: "/pki/chain", certificateFile: "/pki/server.crt" },
    "certificateKeyFile",
    "must be set together with caCertificateFile and certificateFile",
  ],
  "a CA that signs beside a certificate": [
    {
      caCertificateFile: "/pki/chain",
      caKeyFile: "/pki/issuing.key",
      certificateFile: "/pki/server.crt",
      certificateKeyFile: "/pki/server.key",
    },
    "caKeyFile",
    "must be empty where there is a certificate already, which no CA need sign",
  ],
  "a missing file": [
    { caCertificateFile: "/pki/none", caKeyFile: "/pki/root.key" },
    "caCertificateFile",
    "must name a readable file (ENOENT)",
  ],
  "a file of something else": [
    { caCertificateFile: "/keys/lab.pub", caKeyFile: "/pki/root.key" },
    "caCertificateFile",
    "must name a file of certificates in PEM",
  ],
  "a key with a passphrase": [
    { caCertificateFile: "/pki/root.crt", caKeyFile: "/pki/encrypted.key" },
    "caKeyFile",
    "must name a private key without a passphrase",
  ],
  "the key of another": [
    { caCertificateFile: "/pki/root.crt", caKeyFile: "/pki/other.key" },
    "caKeyFile",
    "must be the key of the first certificate in caCertificateFile",
  ],
  "a CA that is none": [
    { caCertificateFile: "/pki/server.crt", caKeyFile: "/pki/server.key" },
    "caCertificateFile",
    "must end with a root CA: CN=server is none",
  ],
  "a chain without its root": [
    { caCertificateFile: "/pki/issuing.crt", caKeyFile: "/pki/issuing.key" },
    "caCertificateFile",
    "must end with a root CA: CN=issuing is none",
  ],
  "a chain in the wrong order": [
    { caCertificateFile: "/pki/turned", caKeyFile: "/pki/root.key" },
    "caCertificateFile",
    "must hold certificates in order, each signed by the next CA: CN=root is not signed by CN=issuing",
  ],
  ...Object.fromEntries(
    (
      [
        [
          "of another CA",
          "/pki/root.crt",
          "server",
          "must hold certificates in order, each signed by the next CA: CN=server is not signed by CN=root",
        ],
        [
          "of another service",
          "/pki/chain",
          "elsewhere",
          "must have smt.smt-ha.lab among its names (SAN), which are: DNS:www.example.com",
        ],
        ["of a client", "/pki/chain", "client", "must be a server's: its extended key usage has no serverAuth"],
        [
          "that has ended",
          "/pki/chain",
          "ended",
          /^must hold what is valid now: CN=ended is valid from .* GMT to .* GMT$/,
        ],
      ] as const
    ).map(([name, caCertificateFile, file, rule]) => [
      `a certificate ${name}`,
      [
        { caCertificateFile, certificateFile: `/pki/${file}.crt`, certificateKeyFile: `/pki/${file}.key` },
        "certificateFile",
        rule,
      ],
    ]),
  ),
};

describe("refuses certificates", () => {
  test.each(Object.entries(badCertificates))("%s", (_, [keys, key, rule]) => {
    const problems = problemsOf(
      withKeys(Object.fromEntries(Object.entries(keys).map(([name, value]) => [`smt-ha:${name}`, value]))),
    );
    expect(problems).toEqual([expect.stringContaining(`  smt-ha:${key} `)]);
    const [, told] = /\n {4}rule: (.*)\n/.exec(problems[0]) ?? [];
    expect(told).toEqual(typeof rule === "string" ? rule : expect.stringMatching(rule));
    const example =
      key === "caKeyFile" && keys.certificateFile ? "''" : (rules as Record<string, { example: string }>)[key].example;
    expect(mendOf(problems[0])).toBe(set(`smt-ha:${key}`, example));
    expect(problems[0]).not.toContain("PRIVATE");
  });
});

describe("refuses", () => {
  test.each(Object.entries(bad))("%s", (_, [values, ...problems]) => {
    expect(problemsOf(values)).toEqual(problems);
  });
});

/** Runs every mending command, as a person would; again, where that shows further problems. */
function mend(values: Record<string, string>): { runs: number; left: readonly string[] } {
  let mended = values;
  for (let runs = 0; ; runs++) {
    const problems = problemsOf(mended);
    if (problems.length === 0 || runs === 3) {
      return { runs, left: problems };
    }
    mended = problems.map(mendOf).reduce((current, command) => applyCommand(command, current, "typed-hush"), mended);
  }
}

describe("the mending commands mend", () => {
  // Its first command sets the example's address, which another node has.
  const twice = ["bad address of a node"];

  test.each(Object.entries(bad))("%s", (name, [values]) => {
    expect(mend(values)).toEqual({ runs: twice.includes(name) ? 2 : 1, left: [] });
  });

  test("an empty configuration, up to a working one", () => {
    const defaults = Object.entries(schema).filter(([, key]) => key.default !== undefined);
    const values = Object.fromEntries(
      defaults.map(([key, { default: value }]) => [
        `smt-ha:${key}`,
        typeof value === "string" ? value : JSON.stringify(value),
      ]),
    );
    expect(problemsOf(values).length).toBeGreaterThan(10);
    expect(mend(values)).toEqual({ runs: 1, left: [] });
  });
});

test("tells every problem in one pass", () => {
  const values = withKeys({
    "smt-ha:platform": "sles9",
    "smt-ha:virtualIp": "192.0.2.12",
    "smt-ha:msgwait": "20",
    "smt-ha:chapSecret": "",
    "smt-ha:colour": "red",
    "smt-ha:ntpServers": "[]",
    "vsphere:password": undefined,
  });
  expect(problemsOf(values).map((text) => text.trim().split(" ")[0])).toEqual([
    "smt-ha:colour",
    "smt-ha:platform",
    "smt-ha:ntpServers",
    "smt-ha:virtualIp",
    "smt-ha:msgwait",
    "smt-ha:chapSecret",
    "vsphere:password",
  ]);
  expect(() => load(values)).toThrow(/^the stack's configuration has 7 problems:\n\n {2}smt-ha:colour is not known\n/);
  expect(() => load(withKeys({ "smt-ha:platform": "" }))).toThrow(/^the stack's configuration has 1 problem:\n/);
});

test("tells no secret", () => {
  const told = Object.values(bad).flatMap(([values]) => problemsOf({ ...values, "smt-ha:chapSecretx": "hush" }));
  expect(told.length).toBeGreaterThan(Object.keys(bad).length);
  expect(told.join("\n")).not.toContain("hush");
});

describe("Pulumi.yaml and the rules", () => {
  test("have the same keys", () => {
    expect(Object.keys(schema).sort()).toEqual(
      [...Object.keys(rules), "dnsServers", "ntpServers", "nodes", "repositories"].sort(),
    );
  });

  test("every key is described; what is secret here is secret there", () => {
    for (const [name, key] of Object.entries(schema)) {
      expect([name, key.description]).toEqual([name, expect.stringMatching(/^[A-Za-z].*\.$/s)]);
      expect([name, key.secret ?? false]).toEqual([
        name,
        (rules as Record<string, { secret?: true }>)[name]?.secret ?? false,
      ]);
    }
  });

  test("every default and every example satisfies its own rule", () => {
    for (const [name, rule] of Object.entries(rules)) {
      const key = schema[name];
      const accepts = (value: string): boolean => rule.type.safeParse(value).success;
      const defaultText = typeof key.default === "object" ? undefined : key.default?.toString();
      expect([name, defaultText === undefined || accepts(defaultText)]).toEqual([name, true]);
      expect([name, accepts(rule.example.replace(/'/g, ""))]).toEqual([name, true]);
    }
  });

  test("types agree", () => {
    for (const [name, rule] of Object.entries(rules)) {
      const parsed: unknown = rule.type.parse(rule.example.replace(/'/g, ""));
      const type = typeof parsed === "number" ? "integer" : typeof parsed;
      expect([name, schema[name].secret ? type : schema[name].type]).toEqual([name, type]);
    }
  });
});

test("reads files", () => {
  expect(readFile(__filename)).toBe(fs.readFileSync(__filename, "utf8"));
});
