import * as pulumi from "@pulumi/pulumi";
import { databaseConfig } from "../../components/mysqlMasterPair";
import type { DatabaseNode } from "../support/databaseNode";
import { allHave, nodes, stack, startNodes, stepsOf } from "../support/databases";
import { succeed } from "../support/node";

describe("a pair's links", () => {
  beforeAll(() => startNodes(2));

  const fields = "Slave_IO_Running Master_SSL_Allowed Master_SSL_Verify_Server_Cert".split(" ");
  const links = (): string[] => nodes.map((node) => fields.map((field) => node.link(field)).join(" "));
  const plain = ["Yes No No", "Yes No No"];
  const encrypted = ["Yes Yes Yes", "Yes Yes Yes"];
  /** Which logins each database takes from the one that follows it: "" for any, "ANY" for those by TLS only. */
  const required = (): string[] =>
    nodes.map((node) => node.sql("SELECT ssl_type FROM mysql.user WHERE User = 'smt_replication'"));
  const pids = (): string[] => nodes.map(({ node }) => node.read("/run/mysqld/pid"));
  const reconnect = (): void => nodes.forEach((node) => node.sql("STOP SLAVE; START SLAVE"));
  /** Waits until a node's link has failed. */
  const refused = async (node: DatabaseNode): Promise<string> => {
    for (let tries = 0; node.link("Last_IO_Error") === "" && tries < 100; tries++) {
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
    return node.link("Last_IO_Error");
  };

  test("of an earlier release move to TLS in place, and are never refused on the way", async () => {
    const warn = jest.spyOn(pulumi.log, "warn").mockResolvedValue();
    expect((await stack.up(nodes, { plain: true })).failed).toEqual([]);
    warn.mockRestore();
    expect([links(), required()]).toEqual([plain, ["", ""]]);
    nodes.forEach((node) => node.addClient(`plain-${node.name}`));
    await allHave("plain-node1", "plain-node2");

    // Killed at two places, and each time the links run, even those that connect again.
    expect((await stack.up(nodes, { stopBefore: "replicate" })).failed).toEqual([]);
    reconnect();
    nodes.forEach((node) => node.addClient(`half-${node.name}`));
    await allHave("plain-node1", "plain-node2", "half-node1", "half-node2");
    expect([links(), required()]).toEqual([plain, ["", ""]]);
    const before = pids();
    const { messages } = await stack.up(nodes, { stopBefore: "verify" });
    expect(messages).toContain(
      "node2: database/replicate: following node1 with a new password, address or certificate",
    );
    expect(required()).toEqual(["", ""]);

    expect((await stack.up(nodes)).failed).toEqual([]);
    reconnect();
    nodes.forEach((node) => node.addClient(`tls-${node.name}`));
    await allHave("plain-node1", "plain-node2", "half-node1", "half-node2", "tls-node1", "tls-node2");
    expect([links(), required(), pids()]).toEqual([encrypted, ["ANY", "ANY"], before]);
  });

  test("are out of others' sight, and so are the keys", () => {
    for (const { node } of nodes) {
      expect(node.check("cd /etc/smt-ha/database && stat -c '%a %U:%G %n' . server.key").trim()).toBe(
        "750 root:mysql .\n640 root:mysql server.key",
      );
      expect(node.check("mysql -N -e 'SELECT @@tls_version'").trim()).toBe("TLSv1.2,TLSv1.3");
    }
  });

  test("accept the certificate of the other database only; the fix is in the message, and restarts nothing", async () => {
    const [node1, node2] = nodes;
    const before = pids();
    const all = node1.clients();
    // Somebody else answers at node2's address.
    node2.node.check("rm /etc/smt-ha/database/server.*");
    const options = { mount: "/smt", "tls-address": "192.0.2.99" };
    succeed(node2.node.step("database/configure", options, { config: databaseConfig(2, 2) }));
    reconnect();
    expect(await refused(node1)).toContain("SSL connection error");

    stack.forget("node1", "replicate");
    expect((await stack.up(nodes)).failed).toEqual([
      expect.stringContaining(
        "node1: step database/replicate failed\n  cause: the server at 192.0.2.12 does not present the certificate of " +
          "the database of node2; this link stays as it is: ERROR 2026 (HY000): TLS/SSL error: self-signed certificate\n" +
          "  fix:   find what answers at 192.0.2.12; if it is node2, " +
          "run: pulumi up --replace '**node2-database-configure'\n",
      ),
    ]);

    // A certificate that node1 trusts, but for another address.
    node1.node.write("/etc/smt-ha/database/followed.crt", node2.node.read("/etc/smt-ha/database/server.crt"));
    reconnect();
    expect(await refused(node1)).toContain("certificate validation failure");

    stack.forget("node2", "configure");
    const { ran, failed, messages } = await stack.up(nodes);
    expect([failed, ran]).toEqual([
      [],
      [...stepsOf("node2", "configure"), ...stepsOf("node1", "replicate"), ...stepsOf("node1 node2", "verify")].sort(),
    ]);
    expect(messages).not.toContain("restarting");
    nodes.forEach((node) => node.addClient(`renewed-${node.name}`));
    await allHave(...all, "renewed-node1", "renewed-node2");
    expect([links(), pids()]).toEqual([encrypted, before]);
  });

  test("a link that was made plain by hand is encrypted again", async () => {
    const [node1] = nodes;
    node1.sql("STOP SLAVE; CHANGE MASTER TO MASTER_SSL_VERIFY_SERVER_CERT = 0; START SLAVE");
    stack.forget("node1", "verify");
    expect((await stack.up(nodes)).failed).toEqual([
      expect.stringMatching(
        /node1: step database\/verify failed\n {2}cause: the link is not encrypted, or does not check/,
      ),
    ]);
    stack.forget("node1", "replicate");
    expect((await stack.up(nodes)).failed).toEqual([]);
    expect(links()).toEqual(encrypted);
  });
});
