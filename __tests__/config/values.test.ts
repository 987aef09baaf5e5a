import { goodNodes, nodeChange, testRefusals, type Change, type Refusal } from "./fixtures";

const pool = { name: "SLES11-SP4-Pool", target: "sle-11-x86_64" };
const tools = {
  name: "Tools",
  productId: "SLES/12.5/x86_64",
  description: "In-house packages",
  url: "https://rpm.example.com/tools",
};
/** These repositories, and what they need. */
const withRepositories = (...repositories: readonly unknown[]): Change => ({
  repositories,
  nuUser: "UC1",
  nuPassword: "nu-hush",
});

const service: readonly Refusal[] = [
  [
    "unknown platform",
    { platform: "sles9" },
    ["platform", 'is "sles9"', "must be one of: debian12, sles11, sles12", "set platform debian12"],
  ],
  [
    "missing platform",
    { platform: undefined },
    ["platform", "is not set", "must be one of: debian12, sles11, sles12", "set platform debian12"],
  ],
  [
    "unknown kind of machines",
    { machines: "vmware" },
    ["machines", 'is "vmware"', "must be one of: vsphere, existing", "set machines vsphere"],
  ],
  [
    "unknown key",
    { virtualIP: "192.0.2.10" },
    [
      "virtualIP",
      "is not known",
      "must be a known key; the nearest one is virtualIp",
      "rm virtualIP\n" +
        '           or rename it: pulumi config set virtualIp "$(pulumi config get virtualIP)" && pulumi config rm virtualIP',
    ],
  ],
  [
    "unknown key that is nearest to a secret",
    { chapSecrt: "chap-hush" },
    [
      "chapSecrt",
      "is not known",
      "must be a known key; the nearest one is chapSecret",
      "rm chapSecrt\n" +
        '           or rename it: pulumi config set --secret chapSecret "$(pulumi config get chapSecrt)" && pulumi config rm chapSecrt',
    ],
  ],
  [
    "unknown key that is nearest to a list",
    { ntpServer: ["192.0.2.1"] },
    ["ntpServer", "is not known", "must be a known key; the nearest one is ntpServers", "rm ntpServer"],
  ],
  [
    "service name that no certificate can have as its common name",
    { serviceName: `smt.${"long-".repeat(12)}x.example.com` },
    [
      "serviceName",
      `is "smt.${"long-".repeat(12)}x.example.com"`,
      "must have at most 64 characters, like any common name of a certificate",
      "set serviceName smt.example.com",
    ],
  ],
  [
    "service name that is a node's",
    { serviceName: "node2.smt-ha.lab" },
    ["serviceName", 'is "node2.smt-ha.lab"', "must differ from the name of node2", "set serviceName smt.smt-ha.lab"],
  ],
  [
    "node with the name that the service has by default",
    nodeChange({ 1: { name: "smt" } }),
    [
      "serviceName",
      "is not set",
      "must be set: without it, the name is smt.smt-ha.lab, which must differ from the name of smt",
      "set serviceName smt-service.smt-ha.lab",
    ],
  ],
  [
    "domain that makes the service's default name too long",
    { domain: `${"long-".repeat(12)}x.example.com` },
    [
      "serviceName",
      "is not set",
      `must be set: without it, the name is smt.${"long-".repeat(12)}x.example.com, which must have at most 64 characters, like any common name of a certificate`,
      "set serviceName smt.example.com",
    ],
  ],
  [
    "service name that is a node's, in a domain that is refused",
    { serviceName: "node2", domain: "Lab" },
    ["domain", 'is "Lab"', "must be a domain name in lower case", "set domain example.com"],
    ["serviceName", 'is "node2"', "must differ from the name of node2", "set serviceName smt.example.com"],
  ],
  ...["192.0.2.312", "010.0.0.1", "192.0.2", `${"x".repeat(64)}.com`].map((serviceName): Refusal => [
    `service name ${serviceName}`,
    { serviceName },
    ["serviceName", `is "${serviceName}"`, "must be a DNS name in lower case", "set serviceName smt.example.com"],
  ]),
  [
    "service name that is a URL",
    { serviceName: "https://smt.example.com" },
    [
      "serviceName",
      'is "https://smt.example.com"',
      "must be a DNS name in lower case",
      "set serviceName smt.example.com",
    ],
  ],
];

const machines: readonly Refusal[] = [
  [
    "missing vCenter password",
    { "vsphere:password": undefined },
    [
      "vsphere:password",
      "is not set",
      "must be set, or VSPHERE_PASSWORD in the environment",
      "set --secret vsphere:password",
    ],
  ],
  [
    "missing port group",
    { network: "" },
    ["network", "is not set", "must be the name of a port group, for machines: vsphere", "set network 'VM Network'"],
  ],
  [
    "too little memory",
    { memoryMiB: "512" },
    ["memoryMiB", 'is "512"', "must be a whole number of MiB from 1024 to 1048576", "set memoryMiB 4096"],
  ],
];

const disk: readonly Refusal[] = [
  [
    "portal without a port",
    { portal: "192.0.2.3" },
    ["portal", 'is "192.0.2.3"', "must be ADDRESS:PORT, such as 192.0.2.3:3260", "set portal 192.0.2.3:3260"],
  ],
  [
    "portal with a port that the device's name would not have",
    { portal: "192.0.2.3:03260" },
    ["portal", 'is "192.0.2.3:03260"', "must be ADDRESS:PORT, such as 192.0.2.3:3260", "set portal 192.0.2.3:3260"],
  ],
  [
    "target that is no IQN",
    { target: "shared" },
    [
      "target",
      'is "shared"',
      "must be the shared disk's target, an IQN such as iqn.2026-01.com.example:smt",
      "set target iqn.2026-01.com.example:smt",
    ],
  ],
  [
    "CHAP user without a secret",
    { chapSecret: "" },
    ["chapSecret", "is not set", "must be set together with chapUser", "set --secret chapSecret"],
  ],
  [
    "CHAP secret of two lines",
    { chapSecret: "hush\nhush" },
    [
      "chapSecret",
      "is not valid",
      "must be the secret that belongs to chapUser, on one line",
      "set --secret chapSecret",
    ],
  ],
  [
    "CHAP secret with a character that a shell can't hold",
    { chapSecret: "hu\0sh" },
    [
      "chapSecret",
      "is not valid",
      "must be the secret that belongs to chapUser, on one line",
      "set --secret chapSecret",
    ],
  ],
  [
    "CHAP secret that steps would read as the start of another input",
    { chapSecret: "@@ hush" },
    [
      "chapSecret",
      "is not valid",
      'must not begin with "@@ ", by which steps tell the parts of their input',
      "set --secret chapSecret",
    ],
  ],
  [
    "CHAP user with a space after it",
    { chapUser: "smt " },
    ["chapUser", 'is "smt "', "must be the name that the target knows the nodes by, on one line", "set chapUser smt"],
  ],
  [
    "CHAP secret without a user",
    { chapUser: "" },
    ["chapUser", "is not set", "must be set together with chapSecret", "set chapUser smt"],
  ],
  [
    "flag that is neither true nor false",
    { wipeSharedDisk: "yes" },
    ["wipeSharedDisk", 'is "yes"', "must be true or false", "set wipeSharedDisk false"],
  ],
  [
    "fewer slots than SMT nodes",
    { ocfsSlots: "2", nodes: [...goodNodes, { name: "node5", address: "192.0.2.15", role: "smt" }] },
    [
      "ocfsSlots",
      'is "2"',
      "must be at least the number of smt nodes (3), since each of them mounts the file system",
      "set ocfsSlots 3",
    ],
  ],
];

const cluster: readonly Refusal[] = [
  [
    "long cluster name",
    { clusterName: "seventeen-letters" },
    [
      "clusterName",
      'is "seventeen-letters"',
      "must be 1 to 16 letters, digits, - or _ (OCFS2 takes no more)",
      "set clusterName smtha",
    ],
  ],
  [
    "msgwait below twice the watchdog",
    { watchdogTimeout: "20" },
    [
      "msgwait",
      'is "30"',
      "must be at least twice watchdogTimeout (20), or a node could still write after it is taken for dead",
      "set msgwait 40",
    ],
  ],
];

const requiredWithRepositories =
  "is required when repositories is set: without mirror credentials SMT mirrors nothing, not even custom repositories";

const smt: readonly Refusal[] = [
  [
    "user ID of root",
    { smtUid: "0" },
    ["smtUid", 'is "0"', "must be a whole number from 1 to 65533", "set smtUid 480"],
  ],
  [
    "time that does not exist",
    { mirrorTime: "24:00" },
    ["mirrorTime", 'is "24:00"', "must be a time of day, HH:MM", "set mirrorTime 01:00"],
  ],
  [
    "repositories without mirror credentials",
    { repositories: [tools], nuUser: "", nuPassword: "" },
    ["nuUser", "is not set", requiredWithRepositories, "set nuUser UC1234567"],
    ["nuPassword", "is not set", requiredWithRepositories, "set --secret nuPassword"],
  ],
  [
    "mirror credentials without a password",
    { repositories: [], nuUser: "UC1", nuPassword: "" },
    ["nuPassword", "is not set", "must be set together with nuUser", "set --secret nuPassword"],
  ],
  [
    "mirror credentials without a user",
    { repositories: [], nuUser: "", nuPassword: "nu-hush" },
    ["nuUser", "is not set", "must be set together with nuPassword", "set nuUser UC1234567"],
  ],
  [
    "mirror password of two lines",
    { nuUser: "UC1", nuPassword: "nu-hush\nnu-hush" },
    [
      "nuPassword",
      "is not valid",
      "must be the password that belongs to nuUser, on one line",
      "set --secret nuPassword",
    ],
  ],
];

const repositories: readonly Refusal[] = [
  [
    "repositories that are no list",
    { repositories: "SLES11-SP4-Pool" },
    ["repositories", 'is "SLES11-SP4-Pool"', "must be a list", "rm repositories"],
  ],
  [
    "a repository that is only a name",
    withRepositories(pool, "Tools"),
    ["repositories[1]", 'is "Tools"', "must be an object with name", "rm --path 'repositories[1]'"],
  ],
  [
    "unknown key of a repository",
    withRepositories({ ...tools, uri: "https://rpm.example.com" }),
    [
      "repositories[0].uri",
      "is not known",
      "must be a known key; the nearest one is url",
      "rm --path 'repositories[0].uri'\n" +
        `           or rename it: pulumi config set --path 'repositories[0].url' "$(pulumi config get --path 'repositories[0].uri')"` +
        " && pulumi config rm --path 'repositories[0].uri'",
    ],
  ],
  [
    "custom repository without its product and description",
    withRepositories({ name: "Tools", url: "https://rpm.example.com/tools" }),
    [
      "repositories[0].productId",
      "is not set",
      "must be a product as identifier/version/architecture, or its number in the customer center",
      "set --path 'repositories[0].productId' SLES/12.5/x86_64",
    ],
    [
      "repositories[0].description",
      "is not set",
      "must be a text on one line, without |",
      "set --path 'repositories[0].description' 'In-house packages'",
    ],
  ],
  ...["SLES", "SLES/12.5", "SLES/12.5/x86_64/GA", "SLES/12 SP5/x86_64", "SLES/'/x86_64", "0", -1].map(
    (productId): Refusal => [
      `custom repository for the product ${productId}`,
      withRepositories({ ...tools, productId }),
      [
        "repositories[0].productId",
        `is ${typeof productId === "number" ? `"${productId}"` : JSON.stringify(productId)}`,
        "must be a product as identifier/version/architecture, or its number in the customer center",
        "set --path 'repositories[0].productId' SLES/12.5/x86_64",
      ],
    ],
  ),
  [
    "custom repository with a target",
    withRepositories({ ...tools, target: "sle-11-x86_64" }),
    [
      "repositories[0].target",
      'is "sle-11-x86_64"',
      "must not be set with url: the product determines it",
      "rm --path 'repositories[0].target'",
    ],
  ],
  [
    "custom repository with a dot in its name",
    withRepositories({ ...tools, name: "Tools-1.2" }),
    [
      "repositories[0].name",
      'is "Tools-1.2"',
      "must be letters, digits, _ and - for a custom repository",
      "set --path 'repositories[0].name' Tools-1-2",
    ],
  ],
  [
    "credentials in a repository's URL",
    withRepositories({ ...tools, url: "https://me:secret@rpm.example.com/tools" }),
    [
      "repositories[0].url",
      'is "https://me:secret@rpm.example.com/tools"',
      "must be an http, https, ftp or file URL without credentials",
      "set --path 'repositories[0].url' https://rpm.example.com/tools",
    ],
  ],
  [
    "a description with a line break of another system",
    withRepositories({ ...tools, description: "In-house\rpackages" }),
    [
      "repositories[0].description",
      'is "In-house\\rpackages"',
      "must be a text on one line, without |",
      "set --path 'repositories[0].description' 'In-house packages'",
    ],
  ],
  [
    "a repository twice",
    withRepositories(pool, { ...pool, target: "sle-11-i586" }, tools, pool),
    ["repositories[3]", 'is "SLES11-SP4-Pool"', "must differ from repositories[0]", "rm --path 'repositories[3]'"],
  ],
];

const aPort = "must be a port from 1 to 65535, or a range such as 5666-5667";
const aSource = "must be an IPv4 address, or a network such as 10.0.0.0/8";
const firewallAllow: readonly Refusal[] = [
  ...["0", "9100-9000", "65536", "http", "9100,9101"].map((port): Refusal => [
    `port ${port} for the firewall to open`,
    { firewallAllow: [{ port }] },
    ["firewallAllow[0].port", `is "${port}"`, aPort, "set --path 'firewallAllow[0].port' 9100"],
  ]),
  ...["10.0.0.0/33", "10.0.0.0/0", "10.1.2.3/8", "monitor.example.com", "2001:db8::1", "10.0.0.0/8/8"].map(
    (from): Refusal => [
      `source ${from} for the firewall to admit`,
      { firewallAllow: [{ port: 161, protocol: "udp", from }] },
      ["firewallAllow[0].from", `is "${from}"`, aSource, "set --path 'firewallAllow[0].from' 10.0.0.0/8"],
    ],
  ),
  [
    "protocol that has no ports",
    { firewallAllow: [{ port: 9100, protocol: "icmp" }] },
    [
      "firewallAllow[0].protocol",
      'is "icmp"',
      "must be one of: tcp, udp",
      "set --path 'firewallAllow[0].protocol' tcp",
    ],
  ],
  [
    "opening without a port",
    { firewallAllow: [{ from: "10.0.0.0/8" }] },
    ["firewallAllow[0].port", "is not set", aPort, "set --path 'firewallAllow[0].port' 9100"],
  ],
  ...[
    ["3306", "tcp", "MySQL"],
    ["5000-6000", "udp", "corosync"],
    ["21064-21070", "tcp", "the DLM"],
  ].map(([port, protocol, name]): Refusal => [
    `port of ${name} open to everyone`,
    { firewallAllow: [{ port, protocol }] },
    [
      "firewallAllow[0].from",
      "is not set",
      `must name who may reach the port of ${name}: only the nodes need it`,
      "set --path 'firewallAllow[0].from' 10.0.0.0/8\n           or keep it closed: pulumi config rm --path 'firewallAllow[0]'",
    ],
  ]),
];

const balancing: readonly Refusal[] = [
  ...["..", "../test.html", "health/./test.html"].map((request): Refusal => [
    `health page's path ${request}, which no server is asked for`,
    { request },
    [
      "request",
      `is "${request}"`,
      "must be a path of letters, digits, / . _ and -, without a leading /",
      "set request test.html",
    ],
  ]),
  [
    "masquerading behind SuSEfirewall2",
    { platform: "sles12", forwarding: "masq" },
    [
      "forwarding",
      'is "masq"',
      "must be gate when firewall is true on sles12: SuSEfirewall2 drops what real servers answer through a director",
      "set forwarding gate",
    ],
  ],
  [
    "tunnels on SLES",
    { platform: "sles12", forwarding: "ipip" },
    [
      "forwarding",
      'is "ipip"',
      "must not be ipip on sles12: its reverse path filter drops what comes by a tunnel",
      "set forwarding gate",
    ],
  ],
  [
    "health page's text that would be a pattern",
    { receive: "still.*" },
    [
      "receive",
      'is "still.*"',
      "must be letters, digits, spaces, _ and - (ldirectord takes others as a pattern)",
      "set receive 'still alive'",
    ],
  ],
  ...(["masq", "ipip"] as const).map((forwarding): Refusal => [
    `spares with ${forwarding}`,
    { spareDirectors: "true", forwarding },
    [
      "spareDirectors",
      'is "true"',
      `must not be true when forwarding is ${forwarding}: ${forwarding === "masq" ? "what a real server answers must pass the director" : "real servers take tunnels from directors only"}`,
      "set spareDirectors false\n           or use direct routing: pulumi config set forwarding gate",
    ],
  ]),
  [
    "fallback that is the director",
    { fallback: "192.0.2.10" },
    [
      "fallback",
      'is "192.0.2.10"',
      "must differ from virtualIp, or requests would come back to the director",
      "set fallback 192.0.2.20",
    ],
  ],
];

const database: readonly Refusal[] = [
  [
    "database password of two lines",
    { databaseRootPassword: "hush\nhush" },
    [
      "databaseRootPassword",
      "is not valid",
      "must be the password of the database's root, on one line",
      "set --secret databaseRootPassword",
    ],
  ],
  [
    "resized node that there is not",
    { resizeNode: "node9" },
    ["resizeNode", 'is "node9"', "must be one of the nodes: node1, node2, node3", "set resizeNode node1"],
  ],
  [
    "database winner that is a director",
    { databaseWinner: "node3" },
    ["databaseWinner", 'is "node3"', "must be the name of an SMT node: node1, node2", "set databaseWinner ''"],
  ],
];

const certificates: readonly Refusal[] = [
  [
    "certificates of a day",
    { certificateDays: "1" },
    ["certificateDays", 'is "1"', "must be a whole number of days from 2 to 1825", "set certificateDays 730"],
  ],
  ...[
    "SMT CA",
    "/O=Example",
    "/C=Germany/CN=SMT",
    "/X=1/CN=SMT",
    "/CN=SMT/",
    "/CN=S\\M",
    "/CN=SMT/emailAddress=müller@example.com",
    `/CN=${"x".repeat(65)}`,
    "/CN=a\n@@ root",
  ].map((caSubject): Refusal => [
    `CA subject ${caSubject}`,
    { caSubject },
    [
      "caSubject",
      `is ${JSON.stringify(caSubject)}`,
      "must be a distinguished name with a CN, such as '/O=Example/CN=Example SMT CA', of the types C, ST, L, O, OU, CN and emailAddress",
      "set caSubject '/O=Example/CN=Example SMT CA'",
    ],
  ]),
];

testRefusals([
  ...service,
  ...machines,
  ...disk,
  ...cluster,
  ...smt,
  ...repositories,
  ...firewallAllow,
  ...balancing,
  ...database,
  ...certificates,
]);
