import * as fs from "fs";
import * as path from "path";
import { replicates } from "./database";
import { Aside, configFile, eventually, labFolder, must, onNode, report, run, runWith } from "./lab";
import { changedBy, expectSteadyState, realServers, threeNodes } from "./state";

const { nodes } = threeNodes;
const locks = path.join(labFolder, "pulumi", ".pulumi", "locks", "organization", "smt-ha", "dev");

/** Pulumi's own record of the stack: its lock and its state. Some five minutes. */
export function records(): void {
  describe("Pulumi's record of the stack", () => {
    beforeAll(() => eventually(300, expectSteadyState));

    /** How often ldirectord checks, in seconds, as each node's configuration has it. */
    const intervals = (): string[] =>
      nodes.map((node) => onNode(node, "sed -n 's/^checkinterval *= *//p' /etc/ha.d/ldirectord.cf"));

    test("two ups at once, without a lock: the nodes keep their steps apart, and both end well", async () => {
      const file = configFile("two-ups", { "smt-ha:checkInterval": 10, "smt-ha:mirrorSources": "true" });
      // Not by `up`, which would wait for the other one, as Pulumi does.
      const update = ["lab/stack", "dev", "update", "--yes", "--skip-preview", "--config-file", file];
      const first = new Aside("sh", "-c", '"$@" 2>&1; echo "ended with $?"', "update", ...update);
      const lock = await eventually(60, () => {
        const [name] = fs.readdirSync(locks);
        expect(name).toBeDefined();
        return path.join(locks, name);
      });
      fs.rmSync(lock);
      const second = run(update[0], ...update.slice(1));
      report("second up beside the first", `${second.seconds} s`);
      expect([second.code, second.output]).toEqual([0, expect.any(String)]);
      await eventually(300, () => expect(first.lines().at(-1)).toBe("ended with 0"));
      first.stop();
      expect(intervals()).toEqual(["10", "10", "10"]);
      expect(changedBy(must("lab/stack", "dev", "preview", "--config-file", file))).toEqual([]);
      must("make", "up");
      expect(intervals()).toEqual(["20", "20", "20"]);
      await eventually(60, expectSteadyState);
    });

    test("an older state is restored: up sees nothing to do, and status names the steps that bring it about", async () => {
      const status = (): string => run("lab/smt-ha", "status").output;
      const findings = (text: string): string[] =>
        text.split("\n").filter((line) => line.includes("it is not what the stack's state says"));
      expect(findings(status())).toEqual([]);
      const older = must("lab/stack", "dev", "stack", "export");
      const file = configFile("newer", { "smt-ha:checkInterval": 10 });
      must("lab/stack", "dev", "up", "--config-file", file, "--replace", "**::databases-replication");
      expect(runWith(older, "lab/stack", "dev", "stack", "import").code).toBe(0);

      expect(changedBy(must("make", "up"))).toEqual([]);
      expect(intervals()).toEqual(["10", "10", "10"]);
      const found = status();
      expect(findings(found)).toHaveLength(3);
      const names = [...found.matchAll(/--replace '([^']+)'/g)].flatMap(([, urn]) => ["--replace", urn]);
      expect(names).toEqual(expect.arrayContaining(["**::node3-director-configure", "**::node1-database-replicate"]));
      must("lab/stack", "dev", "up", ...names);
      expect(intervals()).toEqual(["20", "20", "20"]);
      expect(findings(status())).toEqual([]);
      for (const node of realServers) {
        await eventually(60, () => expect([node, replicates(node)]).toEqual([node, "Yes Yes"]));
      }
      await eventually(60, expectSteadyState);
    });
  });
}
