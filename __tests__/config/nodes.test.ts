import { goodNodes, nodeChange, privateKey, testRefusals, type Refusal } from "./fixtures";

const inSubnet = "must be a host's address in the subnet of the gateway, 192.0.2.1/24";
const onlyRsa = "an RSA key, the only kind that sshd of platform sles11 knows";

const lists: readonly Refusal[] = [
  [
    "one SMT node",
    { nodes: goodNodes.filter((_, index) => index !== 1) },
    [
      "nodes",
      "has 1 node with role smt, needs at least 2",
      "must list two, so that one serves when the other fails",
      "set-all --path --plaintext 'nodes[2].name=node2' --plaintext 'nodes[2].address=192.0.2.2' --plaintext 'nodes[2].role=smt'",
    ],
  ],
  [
    "no director",
    { nodes: goodNodes.slice(0, 2) },
    [
      "nodes",
      "has 0 nodes with role director, needs at least 1",
      "must list one to hold the service address",
      "set-all --path --plaintext 'nodes[2].name=node3' --plaintext 'nodes[2].address=192.0.2.2' --plaintext 'nodes[2].role=director'",
    ],
  ],
  [
    "unknown role",
    nodeChange({ 2: { role: "lvs" } }),
    ["nodes[2].role", 'is "lvs"', "must be one of: smt, director", "set --path 'nodes[2].role' smt"],
    [
      "nodes",
      "has 0 nodes with role director, needs at least 1",
      "must list one to hold the service address",
      "set-all --path --plaintext 'nodes[3].name=node4' --plaintext 'nodes[3].address=192.0.2.2' --plaintext 'nodes[3].role=director'",
    ],
  ],
  [
    "nodes that are no list",
    { nodes: "node1,node2,node3" },
    ["nodes", 'is "node1,node2,node3"', "must be a list", "rm nodes"],
    [
      "nodes",
      "has 0 nodes with role smt, needs at least 2",
      "must list two, so that one serves when the other fails",
      "set-all --path --plaintext 'nodes[0].name=node1' --plaintext 'nodes[0].address=192.0.2.2' --plaintext 'nodes[0].role=smt' " +
        "--plaintext 'nodes[1].name=node2' --plaintext 'nodes[1].address=192.0.2.4' --plaintext 'nodes[1].role=smt'",
    ],
    [
      "nodes",
      "has 0 nodes with role director, needs at least 1",
      "must list one to hold the service address",
      "set-all --path --plaintext 'nodes[2].name=node3' --plaintext 'nodes[2].address=192.0.2.5' --plaintext 'nodes[2].role=director'",
    ],
  ],
  [
    "a node that is only a name",
    { nodes: [...goodNodes, "node4"] },
    ["nodes[3]", 'is "node4"', "must be an object with name, address and role", "rm --path 'nodes[3]'"],
  ],
  [
    "a node that is a list",
    { nodes: [...goodNodes, ["node4"]] },
    ["nodes[3]", 'is "[\\"node4\\"]"', "must be an object with name, address and role", "rm --path 'nodes[3]'"],
  ],
  [
    "a node that is only a name, where each must have a host key",
    {
      nodes: [...goodNodes.map((node) => ({ ...node, sshHostKey: "ssh-ed25519 AAAA" })), "node4"],
      requireHostKeys: true,
    },
    ["nodes[3]", 'is "node4"', "must be an object with name, address and role", "rm --path 'nodes[3]'"],
  ],
  [
    "a key of a node without anything behind it",
    { nodes: goodNodes.map((node, index) => (index === 0 ? { ...node, name: null } : node)) },
    [
      "nodes[0].name",
      "is not set",
      "must be a host name of lower-case letters, digits and -, without the domain",
      "set --path 'nodes[0].name' node1",
    ],
  ],
  [
    "a node whose name is refused, where other keys name it",
    { ...nodeChange({ 1: { name: "Node2" } }), databaseWinner: "node2", resizeNode: "node2" },
    [
      "nodes[1].name",
      'is "Node2"',
      "must be a host name of lower-case letters, digits and -, without the domain",
      "set --path 'nodes[1].name' node1",
    ],
  ],
  [
    "an unknown role, which is not counted as smt",
    { nodes: [...goodNodes, { name: "node4", address: "192.0.2.14", role: "lvs" }], ocfsSlots: "2" },
    ["nodes[3].role", 'is "lvs"', "must be one of: smt, director", "set --path 'nodes[3].role' smt"],
  ],
  [
    "unknown key of a node",
    nodeChange({ 0: { adress: "192.0.2.11" } }),
    [
      "nodes[0].adress",
      "is not known",
      "must be a known key; the nearest one is address",
      "rm --path 'nodes[0].adress'\n" +
        `           or rename it: pulumi config set --path 'nodes[0].address' "$(pulumi config get --path 'nodes[0].adress')"` +
        " && pulumi config rm --path 'nodes[0].adress'",
    ],
  ],
];

const fields: readonly Refusal[] = [
  [
    "bad address of a node",
    nodeChange({ 1: { address: "192.0.2.312" } }),
    ["nodes[1].address", 'is "192.0.2.312"', "must be an IPv4 address", "set --path 'nodes[1].address' 192.0.2.11"],
  ],
  [
    "duplicate name",
    nodeChange({ 1: { name: "node1" } }),
    ["nodes[1].name", 'is "node1"', "must differ from that of nodes[0]", "set --path 'nodes[1].name' node2"],
  ],
  [
    "duplicate address",
    nodeChange({ 2: { address: "192.0.2.11" } }),
    [
      "nodes[2].address",
      'is "192.0.2.11"',
      "must differ from that of nodes[0]",
      "set --path 'nodes[2].address' 192.0.2.2",
    ],
  ],
  [
    "duplicate initiator name",
    nodeChange({ 1: { initiatorName: "iqn.2016-04.com.open-iscsi:smtha.node1" } }),
    [
      "nodes[1].initiatorName",
      'is "iqn.2016-04.com.open-iscsi:smtha.node1"',
      "must differ from that of nodes[0]",
      "set --path 'nodes[1].initiatorName' iqn.2016-04.com.open-iscsi:smtha.node1.1",
    ],
  ],
  [
    "name with a domain",
    nodeChange({ 0: { name: "node1.example.com" } }),
    [
      "nodes[0].name",
      'is "node1.example.com"',
      "must be a host name of lower-case letters, digits and -, without the domain",
      "set --path 'nodes[0].name' node1",
    ],
  ],
  [
    "node outside the subnet",
    nodeChange({ 0: { address: "198.51.100.11" } }),
    ["nodes[0].address", 'is "198.51.100.11"', inSubnet, "set --path 'nodes[0].address' 192.0.2.2"],
  ],
  [
    "node with the gateway's address",
    nodeChange({ 0: { address: "192.0.2.1" } }),
    ["nodes[0].address", 'is "192.0.2.1"', "must differ from the gateway", "set --path 'nodes[0].address' 192.0.2.2"],
  ],
];

const network: readonly Refusal[] = [
  [
    "bad virtual address",
    { virtualIp: "smt.example.com" },
    ["virtualIp", 'is "smt.example.com"', "must be an IPv4 address", "set virtualIp 192.0.2.10"],
  ],
  [
    "bad gateway",
    { gateway: "192.0.2" },
    ["gateway", 'is "192.0.2"', "must be an IPv4 address", "set gateway 192.0.2.1"],
  ],
  [
    "bad prefix",
    { prefixLength: "255.255.255.0" },
    ["prefixLength", 'is "255.255.255.0"', "must be a whole number of bits from 8 to 29", "set prefixLength 24"],
  ],
  [
    "prefix out of range",
    { prefixLength: "30" },
    ["prefixLength", 'is "30"', "must be a whole number of bits from 8 to 29", "set prefixLength 24"],
  ],
  [
    "virtual address outside the subnet",
    { virtualIp: "192.0.3.10" },
    ["virtualIp", 'is "192.0.3.10"', inSubnet, "set virtualIp 192.0.2.2"],
  ],
  [
    "virtual address that is the broadcast address",
    { virtualIp: "192.0.2.255" },
    ["virtualIp", 'is "192.0.2.255"', inSubnet, "set virtualIp 192.0.2.2"],
  ],
  [
    "virtual address that is a node's",
    { virtualIp: "192.0.2.12" },
    ["virtualIp", 'is "192.0.2.12"', "must differ from the address of node2", "set virtualIp 192.0.2.2"],
  ],
  [
    "virtual address that is the gateway's",
    { virtualIp: "192.0.2.1" },
    ["virtualIp", 'is "192.0.2.1"', "must differ from the gateway", "set virtualIp 192.0.2.2"],
  ],
  [
    "gateway that is the network's address",
    { gateway: "192.0.2.0" },
    [
      "gateway",
      'is "192.0.2.0"',
      "must be a host's address in the subnet of the gateway, 192.0.2.0/24",
      "set gateway 192.0.2.1",
    ],
  ],
  [
    "no time server",
    { ntpServers: [] },
    ["ntpServers", "is empty", "must list at least one time server", "set --path 'ntpServers[0]' 192.0.2.1"],
  ],
  [
    "bad time server",
    { ntpServers: ["192.0.2.1", "time server"] },
    ["ntpServers[1]", 'is "time server"', "must be a name or an IPv4 address", "set --path 'ntpServers[1]' 192.0.2.1"],
  ],
  ...["010.0.0.1", "192.0.2.312"].map((server): Refusal => [
    `time server ${server}, which looks like an address`,
    { ntpServers: [server] },
    ["ntpServers[0]", `is "${server}"`, "must be a name or an IPv4 address", "set --path 'ntpServers[0]' 192.0.2.1"],
  ]),
  [
    "time server without anything behind it",
    { ntpServers: [null] },
    ["ntpServers[0]", "is not set", "must be a name or an IPv4 address", "set --path 'ntpServers[0]' 192.0.2.1"],
  ],
  [
    "bad name server",
    { dnsServers: ["ns.example.com"] },
    ["dnsServers[0]", 'is "ns.example.com"', "must be an IPv4 address", "set --path 'dnsServers[0]' 192.0.2.1"],
  ],
];

const ssh: readonly Refusal[] = [
  [
    "SSH key that is not there",
    { sshPrivateKeyFile: "/keys/none" },
    [
      "sshPrivateKeyFile",
      'is "/keys/none"',
      "must name a readable file (ENOENT)",
      "set sshPrivateKeyFile ~/.ssh/id_rsa",
    ],
  ],
  [
    "public key for a private one",
    nodeChange({ 1: { sshPrivateKeyFile: "/keys/lab.pub" } }),
    [
      "nodes[1].sshPrivateKeyFile",
      'is "/keys/lab.pub"',
      "must name a private key",
      "set --path 'nodes[1].sshPrivateKeyFile' ~/.ssh/id_rsa",
    ],
  ],
  [
    "SSH keys with a passphrase",
    nodeChange({
      0: { sshPrivateKeyFile: "/keys/pem-encrypted" },
      1: { sshPrivateKeyFile: "/keys/openssh-encrypted" },
    }),
    [
      "nodes[0].sshPrivateKeyFile",
      'is "/keys/pem-encrypted"',
      "must name a private key without a passphrase",
      "set --path 'nodes[0].sshPrivateKeyFile' ~/.ssh/id_rsa",
    ],
    [
      "nodes[1].sshPrivateKeyFile",
      'is "/keys/openssh-encrypted"',
      "must name a private key without a passphrase",
      "set --path 'nodes[1].sshPrivateKeyFile' ~/.ssh/id_rsa",
    ],
  ],
  [
    "bad SSH port",
    nodeChange({ 0: { sshPort: 0 } }),
    ["nodes[0].sshPort", 'is "0"', "must be a whole number from 1 to 65535", "set --path 'nodes[0].sshPort' 22"],
  ],
  [
    "host key that is a fingerprint",
    nodeChange({ 0: { sshHostKey: "SHA256:abc" } }),
    [
      "nodes[0].sshHostKey",
      'is "SHA256:abc"',
      "must be a public host key",
      "set --path 'nodes[0].sshHostKey' 'ssh-ed25519 AAAA…'",
    ],
  ],
  [
    "host keys of two lines",
    nodeChange({ 0: { sshHostKey: "ssh-ed25519 AAAA\nssh-rsa AAAA" } }),
    [
      "nodes[0].sshHostKey",
      'is "ssh-ed25519 AAAA\\nssh-rsa AAAA"',
      "must be a public host key",
      "set --path 'nodes[0].sshHostKey' 'ssh-ed25519 AAAA…'",
    ],
  ],
  [
    "text of an SSH key in place of its path",
    { sshPrivateKeyFile: privateKey },
    ["sshPrivateKeyFile", "is not valid", "must be the path of a private key", "set sshPrivateKeyFile ~/.ssh/id_rsa"],
  ],
  [
    "a node without a host key, where each must have one",
    {
      ...nodeChange({ 0: { sshHostKey: "ssh-ed25519 AAAA" }, 2: { sshHostKey: "ssh-ed25519 BBBB" } }),
      requireHostKeys: true,
    },
    [
      "nodes[1].sshHostKey",
      "is not set",
      "must be set, because requireHostKeys is true",
      "set --path 'nodes[1].sshHostKey' 'ssh-ed25519 AAAA…'",
    ],
  ],
  [
    "SSH keys that SLES 11 does not know",
    {
      ...nodeChange({
        0: { sshPrivateKeyFile: "/keys/ed25519-pem", sshHostKey: "ssh-ed25519 AAAA" },
        1: { sshPrivateKeyFile: "/keys/rsa", sshHostKey: "ssh-rsa AAAA" },
      }),
      platform: "sles11",
      sshPrivateKeyFile: "/keys/ed25519",
    },
    ["sshPrivateKeyFile", 'is "/keys/ed25519"', `must name ${onlyRsa}`, "set sshPrivateKeyFile ~/.ssh/id_rsa"],
    [
      "nodes[0].sshHostKey",
      'is "ssh-ed25519 AAAA"',
      `must be ${onlyRsa}`,
      "set --path 'nodes[0].sshHostKey' 'ssh-rsa AAAA…'",
    ],
    [
      "nodes[0].sshPrivateKeyFile",
      'is "/keys/ed25519-pem"',
      `must name ${onlyRsa}`,
      "set --path 'nodes[0].sshPrivateKeyFile' ~/.ssh/id_rsa",
    ],
  ],
];

// The fixes of these set the example: an address or a name that another node has, a role of which there are too many.
testRefusals(
  [...lists, ...fields, ...network, ...ssh],
  [
    "bad address of a node",
    "a node whose name is refused, where other keys name it",
    "an unknown role, which is not counted as smt",
  ],
);
