import { spawnSync } from "child_process";
import * as fs from "fs";
import * as path from "path";
import { corosyncConf } from "../../components/corosyncConf";
import type { Forwarding } from "../../components/ldirectordConf";
import { lvsGroup } from "../../components/lvsDirector";
import { firewallRules, type FirewallNode } from "../../components/nodeFirewall";
import { baseServices } from "../../components/ocfsMount";
import { platformNames, platforms } from "../../components/platform";
import { fencing, sbdConfig } from "../../components/sbdConf";
import { jobs } from "../../components/smtJobs";
import { filesFolder } from "../support/node";

const members = ["node1", "node2", "node3"].map((nodeName, index) => ({ nodeName, address: `192.0.2.1${index + 1}` }));
const [node1, , node3] = members;
const firewallNodes = members.map(({ address }): FirewallNode => ({
  address,
  sshPort: 22,
  role: address === node3.address ? "director" : "smt",
}));

describe.each(platformNames)("what the program makes for %s", (name) => {
  const platform = platforms[name];
  // SLES refuses tunnels.
  const forwardings: readonly Forwarding[] = name === "debian12" ? ["gate", "ipip"] : ["gate"];
  const cluster = { clusterName: "smtha", prefixLength: 24, tokenTimeout: 5, nodes: members };
  const mount = { mountPoint: "/smt", smtNodes: ["node1", "node2"], directors: ["node3"] };

  test.each([
    ["corosync.conf", corosyncConf(platform, cluster, node1)],
    ["SBD's configuration", sbdConfig(platform, "/dev/disk/by-path/lun-1-part1")],
    ["fencing", fencing(platform, { msgwait: 30, sbdDevice: "/dev/disk/by-path/lun-1-part1" })],
    ["base-services before the file system", baseServices(platform, mount)],
    ["base-services", baseServices(platform, { ...mount, device: "/dev/disk/by-path/lun-1-part2" })],
    ["Jobs", jobs(platform, mount)],
    [
      "LVS",
      lvsGroup(platform, {
        virtualIp: "192.0.2.10",
        nic: "eth0",
        prefixLength: 24,
        forwarding: "gate",
        others: ["node1", "node2"],
        directors: ["node3"],
        spares: [],
        failback: false,
      }),
    ],
    [
      "LVS with spares",
      lvsGroup(platform, {
        virtualIp: "192.0.2.10",
        nic: "eth0",
        prefixLength: 24,
        forwarding: "gate",
        others: [],
        directors: ["node3"],
        spares: ["node1", "node2"],
        failback: false,
      }),
    ],
    [
      "the firewall of a spare",
      firewallRules(
        platform,
        { ...firewallNodes[0], spare: true },
        { nodes: firewallNodes, virtualIp: "192.0.2.10", forwarding: "gate" },
      ),
    ],
    ...forwardings.flatMap((forwarding) =>
      [firewallNodes[0], firewallNodes[2]].map((node): [string, string] => [
        `the firewall of role ${node.role} with ${forwarding}`,
        firewallRules(platform, node, { nodes: firewallNodes, virtualIp: "192.0.2.10", forwarding }),
      ]),
    ),
  ])("%s", (_, text) => expect(text).toMatchSnapshot());
});

test("corosync 1: each node its own number, and for each cluster and network another multicast address", () => {
  const conf = (clusterName: string, address: string, prefixLength = 24): string =>
    corosyncConf(
      platforms.sles11,
      { clusterName, prefixLength, tokenTimeout: 5, nodes: [] },
      { nodeName: "node", address },
    );
  const value = (text: string, name: string): string | undefined => new RegExp(`\\t${name}: (.*)`).exec(text)?.[1];

  expect(value(conf("smtha", "192.0.2.12"), "nodeid")).toBe("12");
  expect(value(conf("smtha", "192.0.2.12"), "bindnetaddr")).toBe("192.0.2.0");
  expect(value(conf("smtha", "10.1.2.200", 20), "bindnetaddr")).toBe("10.1.0.0");
  expect(value(conf("smtha", "10.1.2.200", 20), "nodeid")).toBe("712");
  const multicast = [conf("smtha", "192.0.2.12"), conf("other", "192.0.2.12"), conf("smtha", "198.51.100.12")].map(
    (text) => value(text, "mcastaddr"),
  );
  expect(new Set(multicast).size).toBe(3);
  for (const address of multicast) {
    expect(address).toMatch(/^239\.192\.\d+\.\d+$/);
  }
  expect(value(conf("smtha", "192.0.2.13"), "mcastaddr")).toBe(multicast[0]);
});

test("corosync 1: the consensus timeout follows the token timeout", () => {
  const conf = (tokenTimeout: number): string =>
    corosyncConf(platforms.sles11, { clusterName: "smtha", prefixLength: 24, tokenTimeout, nodes: members }, node1);
  expect(conf(20)).toBe(conf(5).replace("token: 5000", "token: 20000").replace("consensus: 6000", "consensus: 24000"));
});

describe("the platforms' files", () => {
  const read = (folder: string): string[] =>
    fs
      .readdirSync(path.join(filesFolder, folder), { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map((entry) => fs.readFileSync(path.join(entry.parentPath, entry.name), "utf8"));

  /** Names of functions and variables that a platform's file defines. */
  const defined = (name: string): string[] => {
    const { stdout, stderr } = spawnSync(
      "bash",
      [
        "--norc",
        "-c",
        `before=$(compgen -A variable); set -eu; . "$SMT_HA/platform/${name}.sh"; compgen -A function; comm -13 <(sort -u <<<"$before") <(compgen -A variable | sort -u)`,
      ],
      { encoding: "utf8", env: { SMT_HA: filesFolder, PATH: process.env.PATH, LC_ALL: "C" } },
    );
    expect(stderr).toBe("");
    return stdout.split("\n").filter((word) => word && word !== "before");
  };

  test("there is one for each entry, and no other", () => {
    expect(fs.readdirSync(path.join(filesFolder, "platform")).sort()).toEqual(
      platformNames.map((name) => `${name}.sh`).sort(),
    );
  });

  test.each(platformNames)("%s defines all that the steps ask a platform for", (name) => {
    const all = new Set(platformNames.flatMap(defined));
    // What a library defines for its own platforms only is none of the steps' business.
    const words = new Set(
      [...read("steps"), fs.readFileSync(path.join(filesFolder, "lib/cluster.sh"), "utf8")].flatMap(
        (text) => text.replace(/^\s*#.*$/gm, "").match(/\w+/g) ?? [],
      ),
    );
    const asked = [...all].filter((word) => words.has(word));
    expect(asked).toEqual(expect.arrayContaining(["packages_of", "service_enable", "SBD_CONFIG", "ocfs_make"]));
    expect(asked.filter((word) => !defined(name).includes(word))).toEqual([]);
  });

  test("no step names a platform or what only some have", () => {
    for (const text of read("steps")) {
      expect(text.replace(/^#.*$/gm, "")).not.toMatch(
        /\b(debian|sles|suse|zypper|apt-get|dpkg|rpm|systemctl|chkconfig|journalctl|a2en\w+|nft|iptables|wipefs|ss)\b|\btimeout \d/i,
      );
    }
  });
});
