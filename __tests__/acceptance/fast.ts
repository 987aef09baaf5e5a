import * as fs from "fs";
import * as path from "path";
import { parse } from "yaml";
import { aside, bootOf, eventually, hung, must, onNode, outage, report, root, since, upWith } from "./lab";
import { takenOver } from "./spares";
import { ask, expectSteadyState, moveTo, table, tableOf, threeNodes } from "./state";

const { nodes } = threeNodes;

/** The faster values, as docs/failover.md shows them. */
function profile(): Record<string, number> {
  const page = fs.readFileSync(path.join(root, "docs/failover.md"), "utf8");
  return parse(/```yaml\n(.*?)```/s.exec(page)![1]) as Record<string, number>;
}

/**
 * Takes in timeouts that are fixed while the cluster runs, as the refusal says: stops the cluster on all nodes, writes SBD's
 * header anew, starts the cluster, and runs `up` again.
 */
async function takeIn(up: () => { readonly code: number | null; readonly output: string }): Promise<void> {
  const refused = up();
  expect(refused.code).not.toBe(0);
  const fix =
    /fix: {3}stop the cluster on all nodes \(([^)]+)\), run '(sbd [^']+)' on one,\s+start the cluster \(([^)]+)\)/;
  const [, stop, create, start] = fix.exec(refused.output)!;
  const boots = nodes.map(bootOf);
  nodes.forEach((node) => aside(node, stop));
  const stopped = "systemctl is-active sbd corosync pacemaker || true";
  await eventually(180, () =>
    nodes.forEach((node) => expect(onNode(node, stopped)).toBe("inactive\ninactive\ninactive")),
  );
  onNode("node1", create);
  nodes.forEach((node) => onNode(node, start));
  expect(up().code).toBe(0);
  await eventually(300, expectSteadyState);
  expect(nodes.map(bootOf)).toEqual(boots);
}

/** Failures with the faster values of docs/failover.md. Some fifteen minutes. */
export function fast(): void {
  describe("with the faster values", () => {
    beforeAll(() => eventually(300, expectSteadyState));

    test("which a stopped cluster takes in as the refusal says", () => takeIn(() => upWith("fast", profile())));

    test("an SMT node takes over within half a minute when the director's plug is pulled", async () => {
      moveTo("node3");
      await eventually(60, expectSteadyState);
      const off = (): string => must("lab/vcenter", "power-off", "node3");
      const client = await takenOver("faster values, director off", "node1", off);
      const { start, end } = outage(client.stop());
      must("lab/vcenter", "power-on", "node3");
      await eventually(300, expectSteadyState);
      expect(end - start).toBeLessThan(30_000);
    });

    test("a real server whose Apache hangs leaves the pool", async () => {
      const start = Date.now();
      hung("node2", "apache2", 60);
      await eventually(60, () => expect(table()).toEqual(tableOf("node1")));
      report("faster values, Apache hung: real server out", since(start));
      expect(ask("https")).toBe("still alive");
      await eventually(180, expectSteadyState);
    });

    test("and takes the usual ones in the same way", () => takeIn(() => upWith("usual", {})));
  });
}
