import { createHash } from "crypto";
import { aside, bootOf, eventually, killWhen, must, onNode, report, run } from "./lab";
import { expectSteadyState, threeNodes } from "./state";

/** Twenty times, in seconds, that a seed decides: long enough that Pulumi has begun, too short for an `up`. */
const points = (seed: string): number[] =>
  Array.from({ length: 20 }, (_, index) => {
    const random = createHash("sha256").update(`${seed} ${index}`).digest().readUInt16BE() / 2 ** 16;
    return 8 + 50 * random;
  });

/** `up` from no machines is killed again and again; another one loses its connection. Some half an hour. */
export function kills(): void {
  describe("an up that is broken off", () => {
    test("by a kill at twenty points: the next one goes through, and another one has nothing to do", async () => {
      const seed = process.env.SEED ?? String(Date.now());
      report("points of the kills: SEED", seed);
      run("make", "down");
      must("lab/up");
      for (const seconds of points(seed)) {
        const end = Date.now() + seconds * 1000;
        await killWhen(() => Date.now() > end, "lab/stack", "dev", "up");
      }
      const last = run("make", "up");
      report("up after twenty kills", `${last.seconds} s`);
      expect([last.code, last.output]).toEqual([0, expect.any(String)]);
      await eventually(300, expectSteadyState);
      expect(must("make", "up")).toMatch(/Resources:\s+\d+ unchanged\s/);
      expect(run("lab/smt-ha", "status").output).toContain("all is well");
    });

    test("by its connection, in the middle of a step: it names node and step, and the next one goes through", async () => {
      const boots = threeNodes.nodes.map(bootOf);
      const step = "smt-ha smt/verif[y]";
      aside("node2", `until pgrep -f '${step}'; do sleep 0.2; done; pkill -f 'ssh[d]: root@notty'`);
      const { code, output } = run("lab/stack", "dev", "up", "--replace", "**::node2-smt-verify");
      report("up whose connection was cut", output.slice(output.indexOf("Diagnostics")));
      expect(code).not.toBe(0);
      expect(output).toContain("node2-smt-verify");
      expect(must("make", "up")).toContain("sbdDevice");
      expect(onNode("node2", `pgrep -f '${step}' || true`)).toBe("");
      expect(threeNodes.nodes.map(bootOf)).toEqual(boots);
      await eventually(60, expectSteadyState);
    });
  });
}
