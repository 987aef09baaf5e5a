import * as fs from "fs";
import * as path from "path";
import { parse } from "yaml";
import { findingsOf } from "../../cli/findings";
import { prometheusText } from "../../cli/metrics";
import type { NodeAnswer } from "../../cli/nodeStatus";
import { parseExposition, type Family } from "../support/exposition";
import { answers, cluster, now, without, type Changes } from "../support/nodeStatus";

const textOf = (all: readonly NodeAnswer[], stack = "prod"): string =>
  prometheusText({ stack, time: now, answers: all, findings: findingsOf(all, now, "npx smt-ha") });
const scraped = (all: readonly NodeAnswer[]): Record<string, Family> => parseExposition(textOf(all));
/** The values of a metric, by the labels behind the stack's. */
const valuesOf = (all: readonly NodeAnswer[], metric: string): Record<string, number> =>
  Object.fromEntries(
    Object.entries(scraped(all)[metric]?.samples ?? {}).map(([labels, value]) => [
      labels.replace(/^stack="prod",/, ""),
      value,
    ]),
  );

test("tells how a stack is that is well", () => {
  const found = scraped(answers());
  expect(Object.fromEntries(Object.entries(found).map(([name, { samples }]) => [name, samples])))
    .toMatchInlineSnapshot(`
    {
      "ha_cluster_corosync_quorate": {
        "stack="prod",node="node1"": 1,
        "stack="prod",node="node2"": 1,
        "stack="prod",node="node3"": 1,
      },
      "ha_cluster_sbd_devices": {
        "stack="prod",node="node1",device="/dev/disk/by-path/lun-1-part1",status="healthy"": 1,
        "stack="prod",node="node2",device="/dev/disk/by-path/lun-1-part1",status="healthy"": 1,
        "stack="prod",node="node3",device="/dev/disk/by-path/lun-1-part1",status="healthy"": 1,
      },
      "smt_ha_balanced_servers": {
        "stack="prod",port="443"": 2,
        "stack="prod",port="80"": 2,
      },
      "smt_ha_certificate_expiry_timestamp_seconds": {
        "stack="prod",node="node1",file="/etc/ssl/private/smt-ha.pem"": 1798761600,
        "stack="prod",node="node2",file="/etc/ssl/private/smt-ha.pem"": 1798761600,
        "stack="prod",node="node3",file="/etc/ssl/private/smt-ha.pem"": 1798761600,
      },
      "smt_ha_mirror_last_run_errors": {
        "stack="prod",node="node1"": 0,
      },
      "smt_ha_mirror_last_run_timestamp_seconds": {
        "stack="prod",node="node1"": 1790909040,
      },
      "smt_ha_node_up": {
        "stack="prod",node="node1"": 1,
        "stack="prod",node="node2"": 1,
        "stack="prod",node="node3"": 1,
      },
      "smt_ha_problems": {
        "stack="prod",level="critical"": 0,
        "stack="prod",level="notice"": 0,
        "stack="prod",level="warning"": 0,
      },
      "smt_ha_replication_lag_seconds": {
        "stack="prod",node="node1"": 0,
        "stack="prod",node="node2"": 0,
      },
      "smt_ha_replication_running": {
        "stack="prod",node="node1"": 1,
        "stack="prod",node="node2"": 1,
      },
      "smt_ha_service_address": {
        "stack="prod",node="node1"": 0,
        "stack="prod",node="node2"": 0,
        "stack="prod",node="node3"": 1,
      },
    }
  `);
  for (const { type, help } of Object.values(found)) {
    expect([type, help]).toEqual(["gauge", expect.stringMatching(/^[A-Z].*\.$/)]);
  }
});

const link = { follows: "192.0.2.12", receives: "Yes", applies: true, behind: 7, encrypted: true, error: "" };
const node = (name: string): string => `node="${name}"`;

test.each<[string, Readonly<Record<string, Changes>>, string, Record<string, number>]>([
  [
    "a node without quorum",
    { node1: cluster({ quorum: false }) },
    "ha_cluster_corosync_quorate",
    { [node("node1")]: 0, [node("node2")]: 1, [node("node3")]: 1 },
  ],
  [
    "a cluster that is stopped",
    { node1: { cluster: { runs: false } } },
    "ha_cluster_corosync_quorate",
    { [node("node2")]: 1, [node("node3")]: 1 },
  ],
  [
    "a fencing device that a node can't read, and one that is not asked",
    { node2: { fencing: { unknown: "no answer" } }, node3: { fencing: undefined } },
    "ha_cluster_sbd_devices",
    {
      'node="node1",device="/dev/disk/by-path/lun-1-part1",status="healthy"': 1,
      'node="node2",device="/dev/disk/by-path/lun-1-part1",status="unhealthy"': 1,
    },
  ],
  [
    "a service address on two nodes",
    { node1: { address: { service: "192.0.2.10", interfaces: ["lo", "eth0"] } } },
    "smt_ha_service_address",
    { [node("node1")]: 1, [node("node2")]: 0, [node("node3")]: 1 },
  ],
  [
    "a table without servers for a port",
    {
      node3: {
        table: {
          services: [
            {
              address: "192.0.2.10:80",
              servers: [0, 1].map((weight) => ({ address: `192.0.2.1${weight}:80`, weight, active: 0, inactive: 0 })),
            },
          ],
        },
      },
    },
    "smt_ha_balanced_servers",
    { 'port="443"': 0, 'port="80"': 1 },
  ],
  [
    "a table that no node balances by",
    { "*": cluster({ places: { VirtIP: undefined } }) },
    "smt_ha_balanced_servers",
    {},
  ],
  [
    "links that run, do not receive, and are none",
    { node1: { database: { ...link, receives: "Connecting" } }, node2: { database: { follows: "" } } },
    "smt_ha_replication_running",
    { [node("node1")]: 0, [node("node2")]: 0 },
  ],
  [
    "a link that has stopped",
    { node1: { database: { ...link, applies: false, behind: null } } },
    "smt_ha_replication_running",
    { [node("node1")]: 0, [node("node2")]: 1 },
  ],
  [
    "a lag that is not known",
    { node1: { database: link }, node2: { database: { ...link, behind: null } } },
    "smt_ha_replication_lag_seconds",
    { [node("node1")]: 7 },
  ],
])("%s", (_, changes, metric, samples) => {
  expect(valuesOf(answers(changes), metric)).toEqual(samples);
});

test("a node that does not answer is down, and has no other samples", () => {
  const all = without("node2", answers());
  expect(valuesOf(all, "smt_ha_node_up")).toEqual({ [node("node1")]: 1, [node("node2")]: 0, [node("node3")]: 1 });
  expect(valuesOf(all, "smt_ha_problems")).toMatchObject({ 'level="warning"': 1, 'level="critical"': 0 });
  expect(textOf(all).match(/node2/g)).toHaveLength(1);
});

test("where no node answers, that is all", () => {
  const all = ["node1", "node2", "node3"].reduce((rest, name) => without(name, rest), answers());
  expect(Object.keys(scraped(all))).toEqual(["smt_ha_problems", "smt_ha_node_up"]);
});

test("any text is a label", () => {
  const text = textOf(answers(), 'a "quoted"\\n\nb');
  expect(parseExposition(text)).toHaveProperty("smt_ha_node_up");
  expect(text).toContain(String.raw`stack="a \"quoted\"\\n\nb"`);
});

test.each([
  ["no end", '# HELP a b\n# TYPE a gauge\na{b="c"} 1'],
  ["a type before the help", '# TYPE a gauge\n# HELP a b\na{b="c"} 1\n'],
  ["a metric twice", '# HELP a b\n# TYPE a gauge\na{b="c"} 1\n# HELP a b\n# TYPE a gauge\na{b="d"} 1\n'],
  ["a sample twice", '# HELP a b\n# TYPE a gauge\na{b="c"} 1\na{b="c"} 2\n'],
  ["a label twice", '# HELP a b\n# TYPE a gauge\na{b="c",b="d"} 1\n'],
  ["a quote in a label", '# HELP a b\n# TYPE a gauge\na{b="c"d"} 1\n'],
  ["no number", '# HELP a b\n# TYPE a gauge\na{b="c"} null\n'],
  ["a time", '# HELP a b\n# TYPE a gauge\na{b="c"} 1 1234\n'],
  ["another metric's sample", '# HELP a b\n# TYPE a gauge\nc{b="c"} 1\n'],
  ["a metric without samples", "# HELP a b\n# TYPE a gauge\n"],
])("the tests' reader refuses %s", (_, text) => {
  expect(() => parseExposition(text)).toThrow();
});

describe("docs/operations/alerts.md", () => {
  const document = fs.readFileSync(path.join(__dirname, "../../docs/operations/alerts.md"), "utf8");
  const written = Object.keys(scraped(answers()));

  test("has every metric, and no other one", () => {
    const [table] = /^\| metric [^]*?\n\n/m.exec(document) ?? [""];
    expect([...table.matchAll(/^\| `(\w+)/gm)].map(([, name]) => name).sort()).toEqual([...written].sort());
    const named = document.match(/\b(smt_ha|ha_cluster)_\w+/g) ?? [];
    expect(named.filter((name) => !written.includes(name) && name !== "ha_cluster_exporter")).toEqual([]);
  });

  test("its rules are complete", () => {
    const [, rules] = /```yaml\n(groups:[^]*?)```/.exec(document) ?? [];
    const { groups } = parse(rules ?? "") as { groups: { name: string; rules: Record<string, unknown>[] }[] };
    const all = groups.flatMap((group) => group.rules);
    expect(all.length).toBeGreaterThan(5);
    for (const rule of all) {
      expect(rule).toEqual({
        alert: expect.stringMatching(/^Smt[A-Za-z]+$/) as string,
        expr: expect.stringMatching(/\b(smt_ha|ha_cluster|node_textfile)_\w+/) as string,
        for: expect.stringMatching(/^\d+[mh]$/) as string,
        labels: { severity: expect.stringMatching(/^(critical|warning)$/) as string },
        annotations: { summary: expect.any(String) as string },
      });
    }
  });
});
