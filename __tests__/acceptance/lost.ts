import { spawnSync } from "child_process";
import { eventually, must, onNode, report, root, run, since, upWith } from "./lab";
import { ask, changedBy, expectSteadyState, realServers, table, tableOf } from "./state";

const stack = (...args: string[]): string => must("lab/stack", "dev", ...args);
const machine = (node: string): string => `**VirtualMachine::${node}`;
const clients = (node: string): string => onNode(node, "mysql -N smt -e 'SELECT GUID FROM Clients ORDER BY GUID'");
const authority = "openssl x509 -noout -fingerprint -in /var/www/html/smt.crt";

/** A directory of root's on a node, as an archive in base64; and back. */
const pack = (node: string, directory: string): string => onNode(node, `tar -C ${directory} -c . | base64 -w 0`);
function unpack(node: string, directory: string, archive: string): void {
  const { status, stderr } = spawnSync(
    "lab/ssh",
    [node, `mkdir -p -m 700 ${directory} && base64 -d | tar -C ${directory} -x`],
    { cwd: root, input: archive, encoding: "utf8" },
  );
  expect([status, stderr]).toEqual([0, ""]);
}

/** Machines that are off for a while, or lost and made again as docs/operations says. Some six minutes each. */
export function lost(): void {
  test("a node whose plug is pulled is reported; an up that needs it names it, and the next one finishes the work", async () => {
    must("lab/vcenter", "power-off", "node2");
    await eventually(120, () => expect(table()).toEqual(tableOf("node1")));
    expect(ask("https")).toBe("still alive");
    const unchanged = run("lab/stack", "dev", "up");
    expect([unchanged.code, changedBy(unchanged.output)]).toEqual([0, []]);
    expect(unchanged.output).toMatch(/^node2 +smt: does not answer/m);
    const { code, output } = upWith("node-down", { "smt-ha:mirrorSources": "true" });
    expect(code).not.toBe(0);
    expect(output).toMatch(/node2-smt-configure/);
    expect(output).toMatch(/192\.0\.2\.12/);
    must("lab/vcenter", "power-on", "node2");
    await eventually(300, () => onNode("node2", "true"));
    expect(upWith("node-up", { "smt-ha:mirrorSources": "true" }).code).toBe(0);
    expect(onNode("node2", "grep ^MirrorSRC= /etc/smt.conf")).toBe("MirrorSRC=true");
    must("make", "up");
    await eventually(300, () => expectSteadyState());
  });

  describe("a node that is lost is made again", () => {
    beforeAll(() => eventually(300, () => expectSteadyState()));

    test.each(["node2", "node1"])("%s, with its data and the clients' trust", async (node) => {
      const other = realServers.find((name) => name !== node) ?? "";
      const before = { clients: clients(other), authority: onNode(other, authority) };
      const first = node === "node1";
      const backup = first && pack(node, "/etc/smt-ha/ca");
      const start = Date.now();
      must("lab/vcenter", "destroy", node);
      stack("refresh", "--yes", "--target", machine(node));
      if (backup) {
        stack("up", "--target", machine(node));
        await eventually(300, () => onNode(node, "true"));
        unpack(node, "/etc/smt-ha/ca", backup);
      }
      stack("up");
      await eventually(300, () => expectSteadyState());
      report(`${node} lost to steady state`, since(start));
      for (const name of realServers) {
        expect([name, { clients: clients(name), authority: onNode(name, authority) }]).toEqual([name, before]);
      }
    });
  });
}
