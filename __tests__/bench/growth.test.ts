import * as fs from "fs";
import * as path from "path";
import { parse } from "yaml";
import type { Graph } from "../../bench/graph";
import { grown, growthOf, serialShare, sizeTable, stepGrowthTable, writeGrowth } from "../../bench/growth/document";
import { durationLines, durationsOf } from "../../bench/growth/durations";
import { connectionsOf, memoryOf } from "../../bench/growth/load";
import type { Growth, Size } from "../../bench/growth/measurement";
import { atOnce, isSerial, usesOf } from "../../bench/growth/serial";
import { configFor, nodesOf, sizes, virtualIp } from "../../bench/growth/stack";
import { median } from "../../bench/measurement";
import type { Step } from "../../bench/timeline";
import { load, withKeys } from "../config/fixtures";
import { cellsOf, expectWritten } from "../support/benchDocument";

const root = path.join(__dirname, "../..");

describe("the stack of a size", () => {
  const lab = parse(fs.readFileSync(path.join(root, "Pulumi.dev.yaml"), "utf8")) as { config: Record<string, unknown> };
  /** What the program gets as texts, in the namespace of its keys. */
  const changesFor = (size: number): Record<string, unknown> =>
    Object.fromEntries(
      Object.entries((configFor(lab, nodesOf(size), "/keys/lab") as typeof lab).config).filter(
        ([key, value]) => value !== lab.config[key],
      ),
    );

  test.each([3, 6, 9, 27, sizes.most])("is what the program takes for %i nodes that exist already", (size) => {
    const { nodes, machines, virtualIp: service } = load(withKeys(changesFor(size)));
    expect(nodes.filter(({ role }) => role === "smt")).toHaveLength(Math.round((2 * size) / 3));
    expect(nodes).toHaveLength(size);
    expect(machines).toBeUndefined();
    expect(service).toBe(virtualIp);
  });

  test("has one first node", () => {
    expect(nodesOf(4).map(({ place }) => place)).toEqual(["first", "smt", "smt", "director"]);
  });
});

const step = (node: string, name: string, start: number, end: number, more: Partial<Step> = {}): Step => ({
  ...{ node, name, start, end, op: "create", wait: 0, critical: false },
  ...more,
});

describe("the durations of the steps", () => {
  const steps = [
    step("", "default", 0, 500),
    step("a", "smt-install", 1000, 61_000, { reach: 3 }),
    step("a", "disk-partition", 2000, 2500),
    step("b", "smt-install", 1000, 31_000),
    step("c", "node-hosts", 1000, 1400, { reach: 2 }),
    step("d", "node-hosts", 1000, 9000),
  ];

  test("are those of the script alone, by the place of the node, of the first node there", () => {
    const { first, smt, director } = durationsOf(steps);
    expect([...first]).toEqual([
      ["smt-install", 57],
      ["disk-partition", 0.5],
    ]);
    expect([...smt]).toEqual([["smt-install", 30]]);
    expect([...director]).toEqual([["node-hosts", 0]]);
  });

  test("reach the stand-in as lines, with the empty step", () => {
    expect(durationLines(durationsOf(steps).first)).toBe("smt-install 57\ndisk-partition 0.5\ncluster-leave 0\n");
  });
});

test("the stand-in answers for each step whose result the program reads", () => {
  const folder = path.join(root, "files/steps");
  const withResult = fs
    .readdirSync(folder, { recursive: true, encoding: "utf8" })
    .filter(
      (name) =>
        name.includes("/") && /^(?! *#).*\bresult\b( <|;|$)/m.test(fs.readFileSync(path.join(folder, name), "utf8")),
    );
  // For an administrator, and for a VM's disk.
  const others = ["node/diagnose", "node/status", "node/system-disk", "node/update"];
  const standIn = fs.readFileSync(path.join(root, "bench/growth/stand-in"), "utf8");
  const answered = [...standIn.matchAll(/^ {2}([a-z/ |-]+)\)/gm)].flatMap(([, names]) => names.split(" | "));
  expect(answered.sort()).toEqual(withResult.filter((name) => !others.includes(name)).sort());
  expect(withResult).toEqual(expect.arrayContaining(others));
});

describe("the load", () => {
  test("counts established connections to an sshd, from this side only", () => {
    const row = (local: string, remote: string, state: string): string =>
      `   0: ${local} ${remote} ${state} 00000000:00000000 00:00000000 00000000     0        0 1 1 0 20 4 0 10 -1\n`;
    expect(
      connectionsOf(
        "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n" +
          row("010012C6:A000", "0B0012C6:0016", "01") +
          row("010012C6:A002", "0C0012C6:0016", "01") +
          row("010012C6:A004", "0B0012C6:0016", "06") +
          row("010012C6:0016", "0B0012C6:A001", "01") +
          row("010012C6:A006", "0B0012C6:0050", "01"),
      ),
    ).toBe(2);
  });

  test("is the memory of Pulumi and of all that it started, and of nothing else", () => {
    const process = (
      pid: number,
      parent: number,
      name: string,
      resident: number,
    ): Parameters<typeof memoryOf>[0][0] => ({
      ...{ pid, parent, name, resident },
    });
    expect(
      memoryOf([
        process(1, 0, "node", 1000),
        process(5, 1, "pulumi", 100),
        process(6, 5, "pulumi-languag", 20),
        process(7, 6, "node", 300),
        process(8, 5, "pulumi-resource", 40),
        process(9, 5, "pulumi-resource", 5),
        process(10, 1, "sshd", 7),
      ]),
    ).toEqual({ total: 465, engine: 100, program: 320, plugins: 45 });
  });
});

test("operations that end when another starts are not at work at the same time", () => {
  const span = (start: number, end: number): Parameters<typeof atOnce>[0][0] => ({ urn: "", op: "create", start, end });
  expect(atOnce([span(0, 10), span(5, 20), span(10, 30), span(12, 14)])).toBe(3);
  expect(atOnce([])).toBe(0);
});

test("the median of an even number of values is the lower one in the middle", () => {
  expect([median([3, 1, 2]), median([4, 1, 3, 2]), median([])]).toEqual([2, 2, 0]);
});

const urn = (name: string): string => `urn:pulumi:dev::smt-ha::command:remote:Command::${name}`;
const graph: Graph = {
  nodes: ["node1", "node2", "node3"],
  waitsFor: new Map(
    (
      [
        ["node1-cluster-join", []],
        ["node2-cluster-join", []],
        ["node3-cluster-join", []],
        ["node1-cluster-configure-fencing", ["node1-cluster-join", "node2-cluster-join", "node3-cluster-join"]],
        ["node1-web-health", []],
        ["node1-web-health-page", ["node1-cluster-configure-fencing", "node1-web-health"]],
        ["node3-cluster-configure-LVS", ["node1-web-health-page"]],
        ["node2-database-verify", ["node1-web-health"]],
        ["node1-database-verify", ["node2-web-health", "shared-disk-id"]],
      ] as const
    ).map(([name, waitsFor]) => [urn(name), waitsFor.map(urn)]),
  ),
};
const known = ["cluster/join", "cluster/configure", "web/health", "web/health-page", "database/verify"];
const uses = usesOf(
  [
    step("node1", "cluster-join", 0, 1000, { critical: true }),
    step("node2", "cluster-join", 0, 800),
    step("node1", "cluster-configure-fencing", 1000, 5000, { critical: true }),
    step("node1", "web-health-page", 5000, 5500, { critical: true }),
    step("node3", "cluster-configure-LVS", 5500, 9000, { critical: true }),
  ],
  graph,
  known,
);

test("a step is serial if each of its runs waits for another, also by what lies between", () => {
  const use = (name: string): unknown => uses.find(({ step: called }) => called === name);
  expect(use("cluster/configure")).toEqual({
    ...{ step: "cluster/configure", times: 2, chain: 2, nodes: 2, critical: 7500 },
  });
  expect(use("cluster/join")).toEqual({ step: "cluster/join", times: 3, chain: 1, nodes: 0, critical: 1000 });
  expect(use("web/health-page")).toEqual({ step: "web/health-page", times: 1, chain: 1, nodes: 0, critical: 500 });
  expect(use("database/verify")).toEqual({ step: "database/verify", times: 2, chain: 1, nodes: 1, critical: 0 });
  expect(uses.filter(isSerial).map(({ step: called }) => called)).toEqual([
    ...["cluster/configure", "web/health", "web/health-page"],
  ]);
});

describe("the document", () => {
  const size = (nodes: number, limit: Size["limit"], up: number): Size => ({
    ...{ nodes, smtNodes: (2 * nodes) / 3, limit, up, again: 4000, path: 9000, operations: 8, beside: 700, uses },
    load: { connections: nodes, memory: { total: 512_000, engine: 204_800, program: 204_800, plugins: 102_400 } },
    loadAgain: { connections: 0, memory: { total: 307_200, engine: 102_400, program: 102_400, plugins: 102_400 } },
  });
  const growth: Growth = {
    where: "2026-10-02 on 2 CPUs (none)",
    source: "an `up` of the tests",
    sizes: [size(3, "default", 10_000), size(3, "none", 9000), size(27, "default", 80_000), size(27, "none", 11_700)],
    costs: [{ what: "connection, and `true`", took: 250 }],
  };
  test("has a row for each size and limit", () => {
    const rows = cellsOf(sizeTable(growth.sizes));
    expect(rows).toHaveLength(6);
    expect(rows[5]).toEqual([
      ...["27", "18", "none", "11.70", "9.00", "4.00", "8", "27", "500", "200", "200", "100", "300"],
    ]);
  });

  test("says how much longer the largest stack takes, by the limit", () => {
    expect(growthOf(growth.sizes, "default")).toContain("8.00 times as long with 27 nodes as with 3");
    expect(growthOf(growth.sizes, "none")).toContain("1.30 times as long with 27 nodes as with 3");
    expect(growthOf(growth.sizes.slice(0, 2), "none")).toBe("");
  });

  test("shows the steps that are serial or on the critical path, with the share of the serial ones", () => {
    const rows = cellsOf(stepGrowthTable(growth.sizes.filter(({ limit }) => limit === "none"))).slice(2);
    expect(rows.map(([name, , , , serial, critical]) => [name, serial, critical])).toEqual([
      ["`cluster/join`", "", "1.0, 1.0"],
      ["`cluster/configure`", "yes", "7.5, 7.5"],
      ["`web/health-page`", "yes", "0.5, 0.5"],
    ]);
    expect(serialShare(growth.sizes[0])).toBe(
      "With 3 nodes, 8.00 s of the critical path's 9.00 s are serial (89 %).\n",
    );
  });

  test("is written with its data, and can be written again", () => {
    const text = expectWritten(writeGrowth, growth, grown(growth), "growth.json");
    expect(text).toContain("<!-- measured -->");
  });
});
