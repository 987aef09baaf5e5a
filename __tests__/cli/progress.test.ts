import * as fs from "fs";
import * as os from "os";
import * as path from "path";
import type { Arrival } from "../../cli/engine";
import { durationsIn, isNoise, Progress } from "../../cli/progress";

/** A preview and an update that Pulumi has recorded: two steps of it fail. */
const arrivals = fs
  .readFileSync(path.join(__dirname, "recorded/up.events.ndjson"), "utf8")
  .trim()
  .split("\n")
  .map((line) => JSON.parse(line) as Arrival);
const updating = arrivals.map(({ event }) => event.preludeEvent !== undefined).lastIndexOf(true);
const measured = new Map([["iscsi-login", 45_000]]);

/** The events until one about a resource, and what was told at once. */
function replay(until: (arrival: Arrival) => boolean, from: readonly Arrival[] = arrivals): [Progress, string, number] {
  const progress = new Progress(measured);
  const end = from.findIndex((arrival, index) => index > updating && until(arrival));
  const told = from.slice(0, end + 1).map((arrival) => progress.take(arrival));
  return [progress, told.join(""), from[end].at];
}

const starts =
  (name: string) =>
  ({ event }: Arrival) =>
    event.resourcePreEvent?.metadata.urn.endsWith(`::${name}`) === true;
const ended = ({ event }: Arrival): boolean => event.summaryEvent !== undefined;

test("a summary says what is done, what runs on which node since when, what it took in the lab, and who waits", () => {
  const [progress, , at] = replay(starts("node1-smt-install"));
  expect(progress.summary(at + 60_000)).toBe(
    `smt-ha: 1:04: 7 of 13 resources done; at work: shared-disk, node2, node1-smt; longest: node1-iscsi-login
  node1  iscsi-login 62 s (lab: 45 s), smt-install 60 s
  node2  ready 60 s
`,
  );
});

test("a step that says what it is about is quoted", () => {
  const [progress, , at] = replay(({ event }) => event.diagnosticEvent?.message.includes("attempt 4") === true);
  expect(progress.summary(at + 60_000)).toContain(
    "  node2  ready 61 s: connecting to root@127.0.0.1:2298: attempt 4 of 5 failed, trying again: dial tcp ",
  );
});

test("a node on which nothing runs waits if it has something left", () => {
  const [progress, , at] = replay(starts("node1-iscsi-login"));
  const [, , late] = replay(ended);
  const without = (part: string): Arrival[] => arrivals.filter((arrival) => !JSON.stringify(arrival).includes(part));
  expect(progress.summary(at + 60_000)).toContain("  node2  iscsi-login 60 s (lab: 45 s)\n");
  const [waiting] = replay(starts("node1-smt-install"), without("node2-ready"));
  expect(waiting.summary(late)).toContain("  node2  waits, 1 left\n");
  const [done] = replay(
    starts("node1-smt-install"),
    without("node2-ready").filter((arrival) => !JSON.stringify(arrival).includes("node2-cluster")),
  );
  expect(done.summary(late)).toContain("  node2  done\n");
});

test("nothing is said while no step takes long, of a preview, and at the end", () => {
  const [progress, , at] = replay(starts("node1-smt-install"));
  expect(progress.summary(at + 5000)).toBe("");
  const preview = new Progress(measured);
  const planned = arrivals.findIndex(starts("node1-smt-install"));
  arrivals.slice(0, planned + 1).forEach((arrival) => preview.take(arrival));
  expect(preview.summary(arrivals[planned].at + 60_000)).toBe("");
  const [over, , last] = replay(ended);
  expect(over.summary(last + 60_000)).toBe("");
});

test("without what the program has asked for, no number of all resources is made up", () => {
  const silent = arrivals.map((arrival) =>
    arrival.event.diagnosticEvent?.severity === ("debug" as string)
      ? { ...arrival, event: { ...arrival.event, diagnosticEvent: undefined } }
      : arrival,
  );
  const [progress, , at] = replay(starts("node1-smt-install"), silent);
  expect(progress.summary(at + 60_000)).toMatch(
    /^smt-ha: 1:04: \d+ resources done; .*\n {4}node1-iscsi-login 62 s, node2-ready 60 s, node1-smt-install 60 s\n$/,
  );
});

test("a failure is told at once, as the step reports it or in the same form; the summary counts it", () => {
  const [, told] = replay(ended);
  expect(told).toBe(`smt-ha: node2: ready failed
  cause: connecting to root@127.0.0.1:2298: after 5 failed attempts: dial tcp 127.0.0.1:2298: connect: connection refused
  fix:   remove the cause, then run this command again: it goes on from there
smt-ha: node1: step smt/install failed
  cause: the disk is full
  fix:   make room, then run 'pulumi up' again
  log:   /var/log/smt-ha/smt-install.log on node1
`);
  const failures = arrivals.filter(({ event }) => event.resOpFailedEvent);
  const [progress, , at] = replay((arrival) => arrival === failures[1]);
  expect(progress.summary(at + 60_000)).toMatch(
    / 7 of 13 resources done, 2 failed; .*\n.*\n {2}node2 {2}nothing runs\n$/,
  );
});

test.each([
  [" +  command:remote:Command node1-ready creating (0s) ", true],
  [" ~  command:remote:Command node1-iscsi-login updating (0s) [diff: ~create]", true],
  [" ++ command:remote:Command node1-iscsi-login creating replacement (0s) ", true],
  [
    " +  command:remote:Command node2-ready creating (0s) connecting to root@127.0.0.1:2298: attempt 1 of 5 failed",
    true,
  ],
  [" +  command:remote:Command node1-smt-install creating (1s) error: on root@127.0.0.1:2299: Process exited", true],
  [" +  command:remote:Command node1-iscsi-login created (15s) ", false],
  [" +- command:remote:Command node1-iscsi-login replaced (0.00s) ", false],
  [" -- command:remote:Command node1-iscsi-login deleted original (0.24s) ", false],
  [" +  command:remote:Command node2-ready **creating failed** error: connecting to root@127.0.0.1:2298", false],
  [" +  command:remote:Command node1-iscsi-login create ", false],
  ["    pulumi:pulumi:Stack smt-ha-t  ", false],
  ["Updating (t):", false],
  ["    node1: smt/install: wrote /etc/smt.conf", false],
  ["    + 9 created", false],
])("of Pulumi's lines, %j goes: %j", (line, noise) => expect(isNoise(line)).toBe(noise));

test("how long a step takes is the longest of the first measurement that is there, and unknown without one", () => {
  const directory = fs.mkdtempSync(path.join(os.tmpdir(), "smt-ha-measured-"));
  const file = path.join(directory, "data.json");
  const steps = [1000, 3000, 2000].map((end, index) => ({
    node: `node${index}`,
    name: "cluster-join",
    start: 500,
    end,
  }));
  fs.writeFileSync(file, JSON.stringify({ where: "here", runs: { up: { steps } } }));
  const recorded = path.join(__dirname, "../../bench/growth/steps.json");
  expect(durationsIn([path.join(directory, "gone"), file, recorded])).toEqual(new Map([["cluster-join", 2500]]));
  expect(durationsIn([path.join(directory, "gone")])).toEqual(new Map());
  expect(durationsIn([recorded]).get("certificate-authority")).toBe(92_000);
  fs.rmSync(directory, { recursive: true });
});
