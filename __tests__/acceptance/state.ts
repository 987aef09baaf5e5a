import { parse } from "yaml";
import * as fs from "fs";
import * as path from "path";
import { eachOnNode, must, onNode, root } from "./lab";

export const realServers = ["node1", "node2"];
export const sharedTarget = "iqn.2026-01.lab.smt-ha:shared";
/** A node's name for a LUN of the lab's SAN. */
export const lunDevice = (lun: number, target = sharedTarget): string =>
  `/dev/disk/by-path/ip-192.0.2.3:3260-iscsi-${target}-lun-${lun}`;
export const sharedDisk = lunDevice(1);

/** The lab's stack: its nodes. Each may balance: a director first, then the real servers. */
export const threeNodes = { nodes: [...realServers, "node3"] };
/** The same with a second director. */
export const fourNodes = { nodes: [...threeNodes.nodes, "node4"] };

/** The `nodes` of the stack with two directors. */
export const twoDirectors = (
  parse(fs.readFileSync(path.join(root, "Pulumi.two-directors.yaml"), "utf8")) as {
    config: { "smt-ha:nodes": unknown[] };
  }
).config["smt-ha:nodes"];

/** The node that holds the service address, as one of the cluster says: a login costs that one a second of its time. */
export const activeDirector = (asked = "node1"): string =>
  onNode(asked, "crm_resource --resource Director --locate 2>&1").split(" ").pop() ?? "";

/** The real servers with weight in a table as `ipvsadm -Sn` prints it, such as `80 192.0.2.11`. */
const withWeight = (rules: string): string[] =>
  [...rules.matchAll(/-a -t 192\.0\.2\.10:(\d+) -r ([\d.]+):\d+ .*-w [1-9]/g)]
    .map(([, port, server]) => `${port} ${server}`)
    .sort();

/** The real servers with weight in the table of the node that balances, or of another one. */
export const table = (node = activeDirector()): string[] => withWeight(onNode(node, "ipvsadm -Sn"));

/** Moves the service address to a node, and leaves no constraint behind. */
export function moveTo(node: string): void {
  if (activeDirector() !== node) {
    onNode("node1", `crm_resource --move --resource LVS --node ${node} && crm_resource --wait`);
    onNode("node1", "crm_resource --clear --resource LVS");
  }
}

/** The table while all real servers, or only these, are healthy. */
export const tableOf = (...servers: string[]): string[] =>
  [443, 80].flatMap((port) => servers.map((server) => `${port} 192.0.2.1${server.slice(-1)}`));
export const full = tableOf(...realServers);

/** Asks the service for its health page, as the client of this number (0 to 63); throws where it does not answer. */
export const ask = (scheme: "http" | "https", client = 0): string => {
  const from = `192.0.2.${128 + client}`;
  return must("lab/client", "curl", "-skf", "--max-time", "5", "--interface", from, `${scheme}://192.0.2.10/test.html`);
};

/** Makes the lab's client trust the authority that the service hands out. */
export function trustService(): void {
  const file = "/usr/local/share/ca-certificates/smt.crt";
  must("lab/client", "curl", "-fsS", "-o", file, "http://smt.smt-ha.lab/smt.crt");
  must("lab/client", "update-ca-certificates");
}

/** The state that every test must leave behind. */
export function expectSteadyState({ nodes } = threeNodes): void {
  const [monitor, errors, slots, located] = eachOnNode(
    "node1",
    "crm_mon -R -r -n -1",
    "crm_verify -LV",
    `sbd -d ${sharedDisk}-part1 list`,
    "crm_resource --resource Director --locate",
  );
  expect(monitor).toContain("partition with quorum");
  for (const node of nodes) {
    expect(monitor).toMatch(new RegExp(`Node ${node}( \\(\\d+\\))?: online`));
    expect(slots).toMatch(new RegExp(`\t${node}\tclear`));
  }
  expect(monitor.match(/Node node\d/g)).toHaveLength(nodes.length);
  // A fencing that failed while the storage was away stays in the history.
  const present = monitor.replace(/Failed Fencing Actions:\n( +\*.*\(a later attempt .*succeeded\)\n?)+/, "");
  expect(present).not.toMatch(/FAILED|Failed|UNCLEAN|failed:/);
  expect(errors).toBe("");
  const holder = located.split(" ").pop() ?? "";
  expect(nodes).toContain(holder);
  for (const node of nodes) {
    const [mounts, onNetwork, onLoopback, rules] = eachOnNode(
      node,
      "grep -c ' /smt ocfs2 ' /proc/mounts",
      "ip -o -4 address show to 192.0.2.10 dev eth0 | wc -l",
      "ip -o -4 address show to 192.0.2.10 dev lo | wc -l",
      "ipvsadm -Sn",
    );
    const active = node === holder;
    const isServer = realServers.includes(node);
    expect([node, mounts, onNetwork, onLoopback]).toEqual([
      node,
      isServer ? "1" : "0",
      active ? "1" : "0",
      isServer && !active ? "1" : "0",
    ]);
    // A table that is left behind could pass a packet round in a circle, so not even a virtual service may be.
    expect([node, active ? withWeight(rules) : rules]).toEqual([node, active ? full : ""]);
  }
}

/** What would differ if a member's cluster services had been restarted: their processes, and when these started. */
export const services = (node: string): string =>
  onNode(
    node,
    "systemctl show --property Id,MainPID,ExecMainStartTimestampMonotonic sbd corosync pacemaker; cat /proc/sys/kernel/random/boot_id",
  );

/** What the cluster has done with each resource on a node, and when it last made a difference. */
export function resourceHistory(node: string): string[] {
  const status = onNode("node1", "cibadmin --query --scope status");
  const state = status.split("<node_state ").find((part) => part.includes(` uname="${node}"`)) ?? "";
  return [...state.matchAll(/<lrm_rsc_op id="([^"]+)"[^>]* last-rc-change="(\d+)"/g)].map(
    ([, id, time]) => `${id} ${time}`,
  );
}

/** Names of the resources that a `pulumi up` has changed, or a `preview` would. */
export const changedBy = (output: string): string[] => [
  ...new Set(
    [...output.matchAll(/^ +[-+~]{1,2} +\w+:[\w:/]+ (\S+) (?:create|update|replace|delete)d?\b/gm)].map(
      ([, name]) => name,
    ),
  ),
];
