import { run, runRecorded } from "../../bench/commands";

/** A command that does what Pulumi does with the option that is added to it. */
const engine = (script: string): string[] => ["bash", "-c", script, "engine"];

test("events are recorded as they come, by this clock", async () => {
  const event = (sequence: number): string => JSON.stringify({ sequence, timestamp: 7 });
  const { arrivals, started, took } = await runRecorded(
    engine(`[ "$1 $PULUMI_DEBUG_COMMANDS" = "--event-log true" ]
exec 5<>"$2"; echo '${event(0)}' >&5; sleep 1.5; printf '%s' '${event(1).slice(0, 9)}' >&5; echo '${event(1).slice(9)}' >&5`),
  );
  expect(arrivals.map(({ event }) => event.sequence)).toEqual([0, 1]);
  const [first, second] = arrivals.map(({ at }) => at);
  expect(first).toBeGreaterThanOrEqual(started);
  // Less than the pause, for a busy machine that reads the first one late.
  expect(second - first).toBeGreaterThanOrEqual(250);
  expect(second).toBeLessThanOrEqual(started + took + 50);
});

test("a command that fails before it has an engine ends the recording, with what it said", async () => {
  await expect(runRecorded(engine("echo no lab >&2; exit 3"))).rejects.toThrow(
    /^bench: bash -c .* failed\n {2}cause: it ended with 3; the last lines of its output:\n {9}no lab\n {2}fix: {3}\S/,
  );
});

test("a command gets its input, and its output is what it printed to stdout alone", async () => {
  expect((await run(["bash", "-c", "cat; echo aside >&2"], "given")).stdout).toBe("given");
});
