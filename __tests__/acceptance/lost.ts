import { spawnSync } from "child_process";
import { eventually, must, onNode, report, root, since } from "./lab";
import { expectSteadyState, realServers } from "./state";

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

/** Machines that are lost are made again, as docs/operations says. Some six minutes each. */
export function lost(): void {
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
