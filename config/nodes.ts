import type { Role } from "../components/clusterNode";
import { platforms, type PlatformName } from "../components/platform";
import { readFields } from "./fields";
import type { FreeValues } from "./network";
import type { KeyFiles } from "./privateKeys";
import type { Problems } from "./problems";
import { ipv4Address, iqn, oneOf, text, type Key } from "./rules";
import { sshGroup } from "./ssh";
import type { NodeConfig } from "./stackConfig";

const { sshUser, sshPort, sshPrivateKeyFile } = sshGroup.keys;

export const nodesKey = {
  fields: {
    name: text(
      "a host name of lower-case letters, digits and -, without the domain",
      "node1",
      /^[a-z]([a-z0-9-]{0,61}[a-z0-9])?$/,
    ),
    address: ipv4Address("192.0.2.11"),
    role: oneOf<Role>("smt", "director"),
    sshUser,
    sshPort,
    sshPrivateKeyFile,
    sshHostKey: text("a public host key", "'ssh-ed25519 AAAA…'", /^(ssh|ecdsa)-\S+ [^\s\p{Cc}]+( \P{Cc}*)?$/u),
    initiatorName: iqn("the node's initiator name", "iqn.2016-04.com.open-iscsi:smtha.node1"),
  },
  description:
    "The nodes: at least two with role smt and one with role director. Each has a name (host name), an address (IPv4) and a role. " +
    "It may have its own sshUser, sshPort, sshPrivateKeyFile, sshHostKey and initiatorName. Once-per-cluster work (CA, list of repositories, formatting) runs on the first smt node.",
} as const satisfies Key;

/** Values that nodes share unless they have their own; undefined if refused. */
interface Shared {
  readonly platform?: PlatformName;
  readonly clusterName?: string;
  readonly sshUser?: string;
  readonly sshPort?: number;
  readonly sshPrivateKeyFile?: string;
  readonly requireHostKeys?: boolean;
}

/** The nodes of the list. Placeholders stand for values that have been refused. */
export function readNodes(
  list: readonly unknown[],
  shared: Shared,
  files: KeyFiles,
  problems: Problems,
): readonly NodeConfig[] {
  const onlyRsa =
    shared.platform && platforms[shared.platform].rsaKeysOnly
      ? `an RSA key, the only kind that sshd of platform ${shared.platform} knows`
      : undefined;
  const privateKey = (key: string, file = ""): string => (file && files.privateKey(key, file, onlyRsa)) || "";
  const sharedKey = privateKey("sshPrivateKeyFile", shared.sshPrivateKeyFile);

  return list.map((item, index) => {
    const key = `nodes[${index}]`;
    const node = readFields(key, item, nodesKey.fields, ["name", "address", "role"], problems);
    if (onlyRsa && node.sshHostKey && !node.sshHostKey.startsWith("ssh-rsa ")) {
      problems.refuse(`${key}.sshHostKey`, `must be ${onlyRsa}`, { set: "'ssh-rsa AAAA…'" });
    }
    if (shared.requireHostKeys && !problems.isRefused(key) && !("sshHostKey" in Object(item))) {
      problems.refuse(`${key}.sshHostKey`, "must be set, because requireHostKeys is true", {
        set: onlyRsa ? "'ssh-rsa AAAA…'" : nodesKey.fields.sshHostKey.example,
      });
    }
    const { name = "" } = node;
    return {
      name,
      address: node.address ?? "",
      role: node.role ?? "smt",
      ssh: {
        user: node.sshUser ?? shared.sshUser ?? "",
        port: node.sshPort ?? shared.sshPort ?? 0,
        privateKey: node.sshPrivateKeyFile ? privateKey(`${key}.sshPrivateKeyFile`, node.sshPrivateKeyFile) : sharedKey,
        hostKey: node.sshHostKey,
      },
      initiatorName: node.initiatorName ?? (name && defaultInitiatorName(shared.clusterName ?? "", name)),
    };
  });
}

/** An IQN has neither capitals nor underscores. */
const defaultInitiatorName = (clusterName: string, node: string): string =>
  `iqn.2016-04.com.open-iscsi:${clusterName.toLowerCase().replace(/_/g, "-")}.${node}`;

/** How many nodes of each role there must be, and why. */
const roles: readonly { role: Role; least: number; why: string }[] = [
  { role: "smt", least: 2, why: "must list two, so that one serves when the other fails" },
  { role: "director", least: 1, why: "must list one to hold the service address" },
];

/** Refuses too few nodes of a role, and values that two nodes have. */
export function checkNodes(nodes: readonly NodeConfig[], free: FreeValues, problems: Problems): void {
  let end = nodes.length;
  for (const { role, least, why } of roles) {
    const count = nodes.filter((node) => node.role === role).length;
    if (count < least) {
      const pairs = Array.from({ length: least - count }, () => `nodes[${end++}]`).flatMap((node) => [
        `${node}.name=${free.name()}`,
        `${node}.address=${free.address()}`,
        `${node}.role=${role}`,
      ]);
      problems.refuse("nodes", why, {
        found: `has ${count} node${count === 1 ? "" : "s"} with role ${role}, needs at least ${least}`,
        run: `pulumi config set-all --path ${pairs.map((pair) => `--plaintext '${pair}'`).join(" ")}`,
      });
    }
  }
  nodes.forEach((node, index) => {
    const differs = (field: "name" | "address" | "initiatorName", proposal: () => string): boolean => {
      const first = nodes.findIndex((other) => other[field] === node[field]);
      if (first === index || node[field] === "") {
        return true;
      }
      problems.refuse(`nodes[${index}].${field}`, `must differ from that of nodes[${first}]`, { set: proposal() });
      return false;
    };
    differs("address", () => free.address());
    // A duplicate name also duplicates the initiator name: report the name only.
    if (differs("name", () => free.name())) {
      differs("initiatorName", () => `${node.initiatorName}.${index}`);
    }
  });
}
