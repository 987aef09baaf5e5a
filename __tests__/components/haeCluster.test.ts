import * as pulumi from "@pulumi/pulumi";
import { corosyncConf } from "../../components/corosyncConf";
import { platforms } from "../../components/platform";
import { earliestStart, fencing, sbdConfig } from "../../components/sbdConf";
import { clusterNodes, haeCluster, marker, smtRoles } from "../support/clusterNodes";
import { record, Recording } from "../support/recorder";

const { debian12 } = platforms;
const members = (count: number): { nodeName: string; address: string }[] =>
  Array.from({ length: count }, (_, index) => ({ nodeName: `node${index + 1}`, address: `192.0.2.1${index + 1}` }));

const form = (count: number): Promise<Recording> =>
  record(() => {
    haeCluster(clusterNodes(smtRoles(count)), [marker("partitions")], { joinAfter: [marker("firewall")] });
  });

describe("the component", () => {
  test("writes the SBD header, lets every node join after it, and configures when all have joined", async () => {
    const recording = await form(3);
    expect(recording.find("HaeCluster cluster").type).toBe("smt-ha:cluster:HaeCluster");
    expect(recording.below("HaeCluster cluster").sort()).toEqual([
      "Command node1-cluster-authkey",
      "Command node1-cluster-configure-fencing",
      "Command node1-cluster-join",
      "Command node1-cluster-password",
      "Command node1-cluster-rekey",
      "Command node1-sbd-create",
      ...["node2", "node3"].flatMap((node) =>
        ["authkey", "join", "password", "rekey"].map((step) => `Command ${node}-cluster-${step}`),
      ),
      "RandomPassword cluster-authkey",
      "RandomPassword cluster-hacluster",
    ]);
    expect(recording.find("Command node1-sbd-create").inputs.create).toBe(
      "smt-ha sbd/create --device /dev/sbd --watchdog 15 --msgwait 30 --rev REV",
    );
    for (const node of ["node1", "node2", "node3"]) {
      const { inputs, after } = recording.find(`Command ${node}-cluster-join`);
      expect(inputs.create).toBe("smt-ha cluster/join --cluster smtha --members 3 --earliest-start 50 --rev REV");
      expect(after).toContain("Command node1-sbd-create");
      // It has the device, and every member has the time, resolves every other one and lets it through.
      expect(after).toEqual(
        expect.arrayContaining([
          "Command firewall",
          "Command node1-cluster-rekey",
          "Command node2-cluster-rekey",
          "Command node3-cluster-rekey",
          "Command node1-node-hosts",
          "Command node2-node-hosts",
          "Command node3-node-hosts",
          "Command node1-node-time",
          "Command node2-node-time",
          "Command node3-node-time",
          "Command partitions",
        ]),
      );
      // Side by side: each waits for the others itself.
      expect(after.filter((id) => id.endsWith("-cluster-join"))).toEqual([]);
    }
    const { inputs, after } = recording.find("Command node1-cluster-configure-fencing");
    expect([inputs.create, inputs.stdin]).toEqual([
      "smt-ha cluster/configure --part fencing --rev REV",
      `@@ crm\n${fencing(debian12, { msgwait: 30, sbdDevice: "/dev/sbd" })}`,
    ]);
    expect(after).toEqual([
      "Command node1-cluster-join",
      "Command node1-install",
      "Command node2-cluster-join",
      "Command node3-cluster-join",
    ]);
    // The header needs the disk alone, and the password its node.
    const prepared = ["Command node1-install", "Command node1-node-hosts", "Command node1-node-packages"];
    expect(recording.find("Command node1-sbd-create").after).toEqual([...prepared, "Command partitions"]);
    expect(recording.find("Command node1-cluster-password").after).toEqual([
      ...prepared,
      "RandomPassword cluster-hacluster",
    ]);
  });

  test("gives every node the key before any corosync takes it, and no join waits for a node's own only", async () => {
    const recording = await form(3);
    for (const node of ["node1", "node2", "node3"]) {
      const prepared = [`Command ${node}-install`, `Command ${node}-node-hosts`, `Command ${node}-node-packages`];
      expect(recording.find(`Command ${node}-cluster-authkey`)).toMatchObject({
        inputs: { create: "smt-ha cluster/authkey --cluster smtha --rev REV" },
        after: [...prepared, "RandomPassword cluster-authkey"],
      });
      expect(recording.find(`Command ${node}-cluster-rekey`)).toMatchObject({
        inputs: { create: "smt-ha cluster/rekey --rev REV" },
        after: [
          ...["node1", "node2", "node3"].map((other) => `Command ${other}-cluster-authkey`),
          ...prepared,
          "RandomPassword cluster-authkey",
        ].sort(),
      });
    }
  });

  test.each(["sles11", "sles12"] as const)(
    "%s, whose corosync keeps its key, gets it when it joins",
    async (platform) => {
      const recording = await record(() => {
        haeCluster(clusterNodes(smtRoles(3), { platform }));
      });
      expect(recording.below("HaeCluster cluster").filter((id) => /authkey$|rekey$/.test(id))).toEqual([
        "RandomPassword cluster-authkey",
      ]);
      expect(recording.find("Command node2-cluster-join").inputs.stdin).toEqual({
        secret: expect.stringContaining("@@ authkey\ncluster-authkey-hush\n") as string,
      });
    },
  );

  test("sends what it generates as a secret, on standard input alone", async () => {
    const recording = await form(3);
    for (const node of ["node1", "node2", "node3"]) {
      const inputs = (step: string): Record<string, unknown> =>
        recording.find(`Command ${node}-cluster-${step}`).inputs;
      expect(inputs("authkey").stdin).toEqual({ secret: "@@ authkey\ncluster-authkey-hush\n" });
      expect(inputs("rekey").stdin).toEqual(inputs("authkey").stdin);
      expect(inputs("password").stdin).toEqual({ secret: "@@ password\ncluster-hacluster-hush\n" });
      for (const step of ["authkey", "rekey", "password"]) {
        expect(JSON.stringify({ ...inputs(step), stdin: null })).not.toContain("hush");
      }
      expect(JSON.stringify(inputs("join"))).not.toContain("hush");
    }
  });

  test("a node whose VM is resized joins again after its restart, and waits until the cluster is complete", async () => {
    const recording = await record(() => {
      const nodes = clusterNodes(smtRoles(3));
      Object.assign(nodes[1], { resizedTo: pulumi.output("4 CPUs, 8192 MiB") });
      haeCluster(nodes);
    });
    const command = (node: string): unknown => recording.find(`Command ${node}-cluster-join`).inputs.create;
    expect(command("node2")).toBe(
      "smt-ha cluster/join --cluster smtha --members 3 --size '4 CPUs, 8192 MiB' --earliest-start 50 --rev REV",
    );
    expect(command("node1")).not.toContain("--size");
  });

  test("takes any number of nodes", async () => {
    const recording = await form(5);
    const joins = recording.below("HaeCluster cluster").filter((id) => id.endsWith("-cluster-join"));
    expect(joins).toHaveLength(5);
    expect(recording.find("Command node5-cluster-join").inputs.create).toContain("--members 5 ");
  });

  test.each([
    ["sles11", 4, 1],
    ["sles11", 3, 0],
    ["sles12", 4, 0],
  ] as const)("%s with %i nodes: %i warnings of a split into halves", async (platform, count, warnings) => {
    const warn = jest.spyOn(pulumi.log, "warn").mockResolvedValue();
    await record(() => {
      haeCluster(clusterNodes(smtRoles(count), { platform }));
    });
    const texts = warn.mock.calls.map(([text]) => text);
    warn.mockRestore();
    expect(texts).toEqual(Array(warnings).fill(expect.stringMatching(/^the cluster has 4 nodes, .* no tie breaker/)));
  });

  test("loads a part on the node that it names, after what it is given", async () => {
    const recording = await record(() => {
      const nodes = clusterNodes(smtRoles(3));
      const cluster = haeCluster(nodes);
      const prepared = nodes[1].host.step("web/apache", {}, { parent: cluster });
      const part = { part: "A", crm: "primitive a ocf:x:y", on: nodes[2] };
      cluster.configure(part, { parent: cluster, dependsOn: [...cluster.ready, prepared] });
    });
    const { inputs, after } = recording.find("Command node3-cluster-configure-A");
    expect(inputs).toMatchObject({
      create: "smt-ha cluster/configure --part A --rev REV",
      stdin: "@@ crm\nprimitive a ocf:x:y\n",
    });
    expect(after).toEqual(
      expect.arrayContaining(["Command node1-cluster-configure-fencing", "Command node2-web-apache"]),
    );
  });
});

describe("debian12's configuration", () => {
  const conf = (nodes: ReturnType<typeof members>, prefixLength = 24, tokenTimeout = 5): string =>
    corosyncConf(debian12, { clusterName: "smtha", prefixLength, tokenTimeout, nodes }, nodes[0]);

  test("corosync.conf of three nodes and of five", () => {
    expect(conf(members(3))).toMatchSnapshot();
    expect(conf(members(5))).toMatchSnapshot();
  });

  test("an even number of nodes has a tie breaker, an odd one has not", () => {
    const breaker = "quorum {\n\tprovider: corosync_votequorum\n\tauto_tie_breaker: 1\n}\n";
    expect(conf(members(4))).toContain(breaker);
    expect(conf(members(6))).toContain(breaker);
    expect(conf(members(3))).not.toContain("tie_breaker");
    expect(conf(members(5))).not.toContain("tie_breaker");
  });

  test("a node keeps its number when other nodes come before it", () => {
    const number = (text: string, node: string): string | undefined =>
      new RegExp(`name: ${node}\\n\\t\\tnodeid: (\\d+)`).exec(text)?.[1];
    const [node1, node2, node3] = members(3);
    const without = conf([node1, node3]);
    const added = conf([node2, node1, node3]);
    expect([number(without, "node3"), number(added, "node3")]).toEqual(["13", "13"]);
    // Where the subnet is wider, so is the number.
    const wide = conf([node3], 16);
    expect(number(wide, "node3")).toBe("525");
  });

  test("SBD", () => expect(sbdConfig(debian12, "/dev/disk/by-path/lun-1-part1")).toMatchSnapshot());

  test.each([
    [10, 5, 26],
    [30, 5, 50],
    [120, 5, 158],
    [30, 20, 89],
  ])("with msgwait %i and tokenTimeout %i, a booted node waits until its %ith second", (msgwait, token, second) =>
    expect(earliestStart(msgwait, token)).toBe(second),
  );

  test("tokenTimeout is corosync's token timeout, in milliseconds", () =>
    expect(conf(members(3), 24, 20)).toBe(conf(members(3)).replace("token: 5000", "token: 20000")));

  test("more nodes do not prolong it", () => expect(conf(members(9))).toMatch(/\ttoken_coefficient: 0\n/));

  test.each([10, 30, 120])("fencing with msgwait %i", (msgwait) => {
    const text = fencing(debian12, { msgwait, sbdDevice: "/dev/sbd" });
    expect(text).toMatchSnapshot();
    // Fencing that is given up before the node counts as dead would never succeed.
    expect(Number(/stonith-timeout=(\d+)s/.exec(text)?.[1])).toBeGreaterThanOrEqual(1.2 * msgwait);
  });
});
