import * as pulumi from "@pulumi/pulumi";
import { ClusterNode, Role } from "../../components/clusterNode";
import { type AllowedPorts, FirewallNode, firewallRules, NodeFirewall } from "../../components/nodeFirewall";
import { type PlatformName, platforms } from "../../components/platform";
import { network } from "../support/clusterNodes";
import { record, Recording } from "../support/recorder";
import { TestNode } from "../support/node";

const roles: readonly Role[] = ["smt", "smt", "director"];
const nodes = roles.map((role, index): FirewallNode => ({ role, address: `192.0.2.1${index + 1}`, sshPort: 22 }));
const [smt, , director] = nodes;
const settings = { nodes, virtualIp: "192.0.2.10", forwarding: "gate" } as const;
const allow: readonly AllowedPorts[] = [
  { first: 9100, last: 9100, protocol: "tcp", from: "10.0.0.0/8" },
  { first: 5666, last: 5667, protocol: "tcp" },
  { first: 161, last: 161, protocol: "udp", from: "192.0.2.9" },
];

const protect = (enabled: boolean): Promise<Recording> =>
  record(() => {
    new NodeFirewall("firewall", {
      ...settings,
      allow,
      nodes: nodes.map(
        ({ role, address }, index) =>
          new ClusterNode(`node${index + 1}`, {
            role,
            access: { address, user: "root", port: 2222, privateKey: pulumi.secret("KEY") },
            platform: "debian12",
            network,
            peers: [],
            initiatorName: "iqn.2016-04.com.open-iscsi:smtha.node",
          }),
      ),
      enabled,
    });
  });

test.each([
  [true, "on"],
  [false, "off"],
])("every node has its rules; enabled: %s", async (enabled, state) => {
  const recording = await protect(enabled);
  expect(recording.find("NodeFirewall firewall").type).toBe("smt-ha:network:NodeFirewall");
  expect(recording.below("NodeFirewall firewall")).toEqual(
    nodes.map((_, index) => `Command node${index + 1}-node-firewall`),
  );
  const { create, stdin } = recording.find("Command node3-node-firewall").inputs;
  expect(create).toBe(`smt-ha node/firewall --state ${state} --ssh-port 2222 --rev REV`);
  expect(stdin).toContain("tcp dport 2222 accept");
  expect(stdin).toContain("ip saddr 10.0.0.0/8 tcp dport 9100 accept");
});

test("rules of an SMT node", () => expect(firewallRules(platforms.debian12, smt, settings)).toMatchSnapshot());
test("rules of a director", () => expect(firewallRules(platforms.debian12, director, settings)).toMatchSnapshot());

describe("a spare", () => {
  const spare = { ...smt, spare: true };
  const lines = (platform: PlatformName, node: FirewallNode): string[] =>
    firewallRules(platforms[platform], node, { ...settings, nodes: [spare, ...nodes.slice(1)] }).split("\n");

  test("tracks neither half of the service's connections and learns those of the others, and is an SMT node else", () => {
    const added = lines("debian12", spare).filter((line) => !lines("debian12", smt).includes(line));
    expect(added.map((line) => line.trim())).toEqual([
      "chain prerouting {",
      "type filter hook prerouting priority raw; policy accept;",
      "ip daddr 192.0.2.10 tcp dport { 80, 443 } notrack",
      "chain output {",
      "type filter hook output priority raw; policy accept;",
      "ip saddr 192.0.2.10 tcp sport { 80, 443 } notrack",
      'ip saddr { 192.0.2.11, 192.0.2.13 } udp dport 8848 accept comment "LVS connections"',
    ]);
    expect(lines("debian12", smt).filter((line) => !lines("debian12", spare).includes(line))).toEqual([]);
  });

  test.each(["sles11", "sles12"] as const)(
    "on %s, routes and learns the connections, as a director does",
    (platform) => {
      const added = (node: FirewallNode): string[] =>
        lines(platform, node)
          .flatMap((line) => line.split(/[" ]/))
          .filter((word) => !lines(platform, smt).join(" ").includes(word));
      const balancing = [
        "192.0.2.11,udp,8848",
        "192.0.2.13,udp,8848",
        "FW_ROUTE=",
        "yes",
        "FW_STOP_KEEP_ROUTING_STATE=",
        "yes",
      ];
      expect(added(spare)).toEqual(balancing);
      expect(added(director)).toEqual(balancing);
    },
  );
});

test("with tunnels, SMT nodes take them from the directors, which take none", () => {
  const tunnels = { ...settings, forwarding: "ipip" } as const;
  expect(firewallRules(platforms.debian12, smt, tunnels)).toContain("ip saddr { 192.0.2.13 } ip protocol ipip accept");
  expect(firewallRules(platforms.debian12, director, tunnels)).toBe(
    firewallRules(platforms.debian12, director, settings),
  );
});

describe("further ports", () => {
  const added = (platform: PlatformName): string[] => {
    const [before, after] = [settings, { ...settings, allow }].map((args) =>
      firewallRules(platforms[platform], director, args).split("\n"),
    );
    return after.filter((line) => !before.includes(line)).map((line) => line.trim());
  };

  test("on Debian: a rule each", () =>
    expect(added("debian12")).toEqual([
      'ip saddr 10.0.0.0/8 tcp dport 9100 accept comment "firewallAllow"',
      'tcp dport 5666-5667 accept comment "firewallAllow"',
      'ip saddr 192.0.2.9 udp dport 161 accept comment "firewallAllow"',
    ]));

  test.each(["sles11", "sles12"] as const)("on %s: words in SuSEfirewall2's list", (platform) => {
    const [list] = added(platform);
    expect(list).toMatch(/^FW_SERVICES_ACCEPT_EXT="192\.0\.2\.11,udp,5404:5405 /);
    expect(list).toMatch(/ 10\.0\.0\.0\/8,tcp,9100 0\/0,tcp,5666:5667 192\.0\.2\.9,udp,161"$/);
  });

  test("none leaves the rules as they are", () =>
    expect(firewallRules(platforms.debian12, smt, { ...settings, allow: [] })).toBe(
      firewallRules(platforms.debian12, smt, settings),
    ));
});

describe("node/firewall", () => {
  let node: TestNode;
  beforeEach(async () => {
    node = await TestNode.start();
  });
  afterEach(() => node.stop());

  const unit = "/etc/systemd/system/smt-ha-firewall.service";
  const dropIn = "/etc/systemd/system/nftables.service.d/smt-ha.conf";
  const step = (
    state: "on" | "off",
    port = "22",
    rules = firewallRules(platforms.debian12, smt, settings),
  ): ReturnType<TestNode["step"]> => node.step("node/firewall", { state, "ssh-port": port }, { rules });
  const listen = async (port: number): Promise<void> => {
    node.start(`exec python3 -m http.server ${port}`);
    while (!node.check(`ss -Hltn "sport = :${port}"`)) {
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  };

  test("puts the rules in force, now and at boot; the second time, nothing", async () => {
    await listen(22);
    expect(step("on")).toEqual({
      code: 0,
      stdout: "",
      stderr: ["/etc/smt-ha/firewall.nft", unit, dropIn]
        .map((file) => `node1: node/firewall: wrote ${file}\n`)
        .join(""),
    });
    expect(node.check("nft list table inet smt-ha")).toContain("policy drop");
    expect(node.calls()).toEqual([
      "systemctl daemon-reload",
      "systemctl enable smt-ha-firewall.service",
      "systemctl start smt-ha-firewall.service",
    ]);
    expect(step("on")).toEqual({ code: 0, stdout: "", stderr: "" });
    expect(node.calls()).toEqual([]);
  });

  test("opens further ports, to their sources only", async () => {
    const client = await TestNode.start({ name: "client", address: "192.0.2.9" });
    try {
      client.connect(node);
      for (const port of [5667, 9100, 9200]) {
        await listen(port);
      }
      const open = (allowed: readonly AllowedPorts[]): string => {
        node.check("nft -f -", firewallRules(platforms.debian12, smt, { ...settings, allow: allowed }));
        const ask = 'timeout 2 bash -c ": </dev/tcp/192.0.2.11/$port" && echo $port';
        return client.run(`for port in 5667 9100 9200; do (${ask}) & done; wait`).stdout;
      };
      expect(open(allow)).toBe("5667\n");
      expect(open([{ first: 9100, last: 9100, protocol: "tcp", from: "192.0.2.0/28" }])).toBe("9100\n");
      expect(open([])).toBe("");
    } finally {
      await client.stop();
    }
  });

  test("refuses to lock everyone out", async () => {
    await listen(2222);
    const { code, stderr } = step("on");
    expect(code).toBe(1);
    expect(stderr).toContain("cause: no SSH server listens on port 22: the firewall would lock everyone out");
    expect(node.run("nft list table inet smt-ha").code).not.toBe(0);
  });

  test("refuses rules that the node does not understand, and writes none of them", async () => {
    await listen(22);
    const { code, stderr } = step("on", "22", "table inet smt-ha { chain }\n");
    expect([code, stderr]).toEqual([1, expect.stringContaining("cause: the node refuses the firewall's rules\n")]);
    expect(node.run("ls /etc/smt-ha/firewall.nft").code).not.toBe(0);
  });

  test("takes the rules away, and nothing where there are none", async () => {
    expect(step("off")).toEqual({ code: 0, stdout: "", stderr: "" });
    await listen(22);
    step("on");
    node.calls();
    expect(step("off").code).toBe(0);
    expect(node.calls()).toEqual(["systemctl disable --now smt-ha-firewall.service", "systemctl daemon-reload"]);
    expect(node.run(`cat ${unit} ${dropIn} /etc/smt-ha/firewall.nft`).stdout).toBe("");
  });
});
