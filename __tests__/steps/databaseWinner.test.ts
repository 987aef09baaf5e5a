import * as fs from "fs";
import { allHave, nodes, shared, stack, startNode, startNodes } from "../support/databases";

describe("nodes with different registrations", () => {
  beforeAll(() => startNodes(2));

  test("are refused, until the configuration names the winner", async () => {
    const [node1, node2] = nodes;
    node1.addClient("of-node1");
    node2.addClient("of-node2");
    const { failed } = await stack.up(nodes);
    expect(failed).toEqual([
      expect.stringMatching(
        /node2: step database\/seed failed\n {2}cause: 1 registrations of this node are not on node1 and would be lost: of-node2\n {2}fix: {3}pulumi config set databaseWinner NODE, one of: node1 node2;/,
      ),
    ]);
    expect(node2.clients()).toEqual(["of-node2"]);
    // Neither is barred meanwhile.
    node2.addClient("later");

    expect((await stack.up(nodes, { winner: "node2" })).failed).toEqual([]);
    await allHave("of-node2", "later");
    const backups = node1.node.check("stat -c '%a %n' /var/lib/smt-ha/database-*.sql").trim().split("\n");
    expect(backups).toEqual([expect.stringMatching(/^600 /)]);
    expect(node1.node.read(backups[0].slice(4))).toContain("of-node1");
  });

  test("a missing dump is reported, with the way to a new one", async () => {
    await startNode(1);
    const after = stack.up(nodes, { winner: "node2", stopBefore: "seed" });
    expect((await after).failed).toEqual([]);
    fs.rmSync(`${shared}/.smt-ha-seed`, { recursive: true });
    const { failed } = await stack.up(nodes);
    expect(failed).toEqual([expect.stringContaining("pulumi up --replace '**-database-offer'")]);
    stack.forget("node1", "offer");
    stack.forget("node2", "offer");
    nodes[1].addClient("since");
    expect((await stack.up(nodes)).failed).toEqual([]);
    await allHave("of-node2", "later", "since");
  });
});
