import * as fs from "fs";
import * as path from "path";
import fc from "fast-check";
import { type Span, spansOf } from "../../bench/engine";
import { type Graph, graphOf } from "../../bench/graph";
import { scriptStarts, withReach } from "../../bench/nodeLogs";
import type { Arrival } from "../../cli/engine";
import { type ExportedState, nodeOfName } from "../../cli/state";
import { criticalPath, linksOf, pathLength, type Step, stepsOf } from "../../bench/timeline";

const recorded = (file: string): string => fs.readFileSync(path.join(__dirname, "recorded", file), "utf8");
const arrivalsOf = (name: string): Arrival[] =>
  recorded(`${name}.events.ndjson`)
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line) as Arrival);
const state = JSON.parse(recorded("state.json")) as ExportedState;

/** Steps of a run that Pulumi has recorded, since its first event. */
const stepsIn = (name: string): Step[] => {
  const arrivals = arrivalsOf(name);
  return stepsOf(spansOf(arrivals), graphOf(state), arrivals[0].at);
};
const pathOf = (steps: readonly Step[]): string[] =>
  steps.filter(({ critical }) => critical).map(({ node, name, op }) => `${node} ${name}: ${op}`);

describe("an up from nothing, as Pulumi has recorded it", () => {
  const steps = stepsIn("up");

  test("has each resource once, by node, and no component", () => {
    expect(steps.map(({ node, name }) => `${node} ${name}`).sort()).toEqual([
      " cluster-key",
      " default_1_2_1",
      " default_4_21_2",
      "node1 cluster-join",
      "node1 disk-partition",
      "node1 iscsi-login",
      "node1 smt-install",
      "node2 cluster-join",
      "node2 iscsi-login",
    ]);
    expect(new Set(steps.map(({ op }) => op))).toEqual(new Set(["create"]));
  });

  test("takes its times from the arrival of the events: a step that sleeps takes at least as long", () => {
    const took = Object.fromEntries(steps.map(({ node, name, start, end }) => [`${node} ${name}`, end - start]));
    const slept = { "node1 iscsi-login": 700, "node2 iscsi-login": 300, "node1 disk-partition": 900 };
    for (const [step, least] of Object.entries(slept)) {
      expect([step, took[step] >= least]).toEqual([step, true]);
    }
  });

  test("has the path of the slower login, and waits for a component by what that waits for", () => {
    expect(pathOf(steps)).toEqual([
      " default_1_2_1: create",
      "node1 iscsi-login: create",
      "node1 disk-partition: create",
      "node2 cluster-join: create",
    ]);
  });

  test("waits and steps of the path fill the time until its end", () => {
    const path = steps.filter(({ critical }) => critical);
    const waits = path.reduce((sum, { wait }) => sum + wait, 0);
    expect(waits + pathLength(steps)).toBe(path.at(-1)?.end);
    expect(steps.filter(({ wait }) => wait < 0)).toEqual([]);
  });
});

test("a replacement is a deletion, then a creation that waits for it", () => {
  expect(pathOf(stepsIn("change")).slice(-2)).toEqual([
    "node2 cluster-join: delete-replaced",
    "node2 cluster-join: create-replacement",
  ]);
});

test("events without an operation's end are refused", () => {
  const ends = ({ event }: Arrival): boolean => event.resOutputsEvent !== undefined;
  const cut = arrivalsOf("up").filter((arrival) => !(ends(arrival) && JSON.stringify(arrival).includes("smt-install")));
  expect(() => spansOf(cut)).toThrow(
    "no end of the operation: create urn:pulumi:t::web-farm::command:remote:Command::node1-smt-install",
  );
});

test("a name belongs to the node with the longest name that it begins with", () => {
  const nodes = ["smt", "smt-1", "smt-10"];
  expect(
    ["smt-1-node-time", "smt-10-ready", "smt-1", "smt-x", "smtp-x", "key"].map((name) => nodeOfName(name, nodes)),
  ).toEqual(["smt-1", "smt-10", "smt-1", "smt", "", ""]);
});

/** A graph whose steps wait for earlier ones, how long each takes, and how long each hesitates. */
const graphs = fc
  .array(
    fc.record({
      takes: fc.nat(50),
      hesitates: fc.nat(5),
      waitsFor: fc.array(fc.nat(30), { maxLength: 4 }),
    }),
    { minLength: 1, maxLength: 30 },
  )
  .map((steps) => steps.map((step, index) => ({ ...step, waitsFor: step.waitsFor.filter((other) => other < index) })));
type Planned = readonly { takes: number; hesitates: number; waitsFor: readonly number[] }[];

/** Runs a graph: each step starts when all that it waits for have ended, and when it has hesitated. */
function runOf(plan: Planned): { spans: Span[]; waitsFor: Graph["waitsFor"] } {
  const spans: Span[] = [];
  for (const { takes, hesitates, waitsFor } of plan) {
    const start = Math.max(0, ...waitsFor.map((other) => spans[other].end)) + hesitates;
    spans.push({ urn: `step::${spans.length}`, op: "create", start, end: start + takes });
  }
  return {
    spans: [...spans].sort((a, b) => a.start - b.start),
    waitsFor: new Map(plan.map(({ waitsFor }, index) => [`step::${index}`, waitsFor.map((other) => `step::${other}`)])),
  };
}

const lengthOf = (spans: readonly Span[]): number => spans.reduce((sum, { start, end }) => sum + end - start, 0);
const pathIn = ({ spans, waitsFor }: ReturnType<typeof runOf>): Span[] =>
  criticalPath(linksOf(spans, waitsFor)).map(({ span }) => span);

test("where no step hesitates, the path is as long as the longest chain, and as the whole run", () => {
  fc.assert(
    fc.property(graphs, (plan) => {
      const prompt = plan.map((step) => ({ ...step, hesitates: 0 }));
      const chains: number[] = [];
      for (const { takes, waitsFor } of prompt) {
        chains.push(takes + Math.max(0, ...waitsFor.map((other) => chains[other])));
      }
      const run = runOf(prompt);
      expect(lengthOf(pathIn(run))).toBe(Math.max(...chains));
      expect(lengthOf(pathIn(run))).toBe(Math.max(...run.spans.map(({ end }) => end)));
    }),
  );
});

test("the path is never longer than the run, and each of its steps waits for the one before it", () => {
  fc.assert(
    fc.property(graphs, (plan) => {
      const run = runOf(plan);
      const path = pathIn(run);
      expect(lengthOf(path)).toBeLessThanOrEqual(Math.max(...run.spans.map(({ end }) => end)));
      path.slice(1).forEach((span, index) => expect(run.waitsFor.get(span.urn)).toContain(path[index].urn));
      expect(run.waitsFor.get(path[0].urn)).toEqual([]);
    }),
  );
});

describe("the logs of a node", () => {
  const origin = Date.parse("2026-10-02T10:00:00Z");
  const step = (name: string, start: number, end: number, node = "node1"): Step => ({
    name,
    node,
    op: "create",
    start,
    end,
    wait: 0,
    critical: false,
  });
  const logs = scriptStarts(
    [
      "+02:00",
      "cluster-configure.log:== 2026-10-02 12:00:05",
      "cluster-configure.log:== 2026-10-02 12:00:21",
      "cluster-join.log:== 2026-10-01 09:00:00",
      "cluster-join.log:== 2026-10-02 12:00:03",
      "",
    ].join("\n"),
  );
  const reaches = (...steps: Step[]): (number | undefined)[] =>
    withReach(steps, origin, new Map([["node1", logs]])).map(({ reach }) => reach);

  test("say when a step's script ran, in the node's time zone; each use of a step has its own run", () => {
    expect(
      reaches(
        step("cluster-join", 500, 4000),
        step("cluster-configure-fencing", 4900, 6000),
        step("cluster-configure-LVS", 15_000, 22_000),
      ),
    ).toEqual([2, 0, 6]);
  });

  test("say nothing of what has no log, of a run at another time, and of another node's step", () => {
    expect(
      reaches(step("files", 0, 9000), step("cluster-join", 4100, 9000), step("cluster-join", 500, 4000, "node2")),
    ).toEqual([undefined, undefined, undefined]);
  });
});
