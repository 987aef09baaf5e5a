import type { DatabaseNode } from "../support/databaseNode";
import { allHave, nodes, stack, startNodes } from "../support/databases";

describe("a pair's positions", () => {
  beforeAll(async () => {
    await startNodes(2);
    expect((await stack.up(nodes)).failed).toEqual([]);
  });

  /** Puts the link of a node back to what it was before transaction IDs. */
  const byFile = (node: DatabaseNode): void => {
    const at = `MASTER_LOG_FILE = '${node.link("Relay_Master_Log_File")}', MASTER_LOG_POS = ${node.link("Exec_Master_Log_Pos")}`;
    node.sql(`STOP SLAVE; CHANGE MASTER TO ${at}, MASTER_USE_GTID = no; SET GLOBAL gtid_slave_pos = '';
      SET GLOBAL gtid_domain_id = 0; START SLAVE`);
    node.node.check("rm /etc/mysql/mariadb.conf.d/60-smt-ha-gtid.cnf");
  };

  test("are in the transactions of the data, and each database has a domain of its own", () => {
    expect(nodes.map((node) => node.link("Using_Gtid"))).toEqual(["Slave_Pos", "Slave_Pos"]);
    for (const node of nodes) {
      expect(
        node.sql("SELECT ENGINE FROM information_schema.TABLES WHERE TABLE_NAME = 'gtid_slave_pos'", "mysql"),
      ).toBe("InnoDB");
      const domain = 1 + parseInt(node.sql("SELECT value FROM state WHERE name = 'id'", "smt_ha").slice(0, 7), 16);
      expect(node.sql("SELECT @@global.gtid_domain_id")).toBe(String(domain));
      expect(node.node.read("/etc/mysql/mariadb.conf.d/60-smt-ha-gtid.cnf")).toContain(`gtid-domain-id = ${domain}\n`);
      expect(node.sql("SELECT @@global.binlog_format, @@global.slave_exec_mode")).toBe("ROW\tIDEMPOTENT");
    }
  });

  test("apply nothing twice after a reset that lost the last writes to a file", async () => {
    const [node1, node2] = nodes;
    node1.addClient("reset-1");
    await allHave("reset-1");
    node2.node.check("cp -a /var/lib/mysql/relay-log.info /root/");
    node1.addClient("reset-2");
    await allHave("reset-1", "reset-2");
    node2.kill();
    node2.node.check("cp -a /root/relay-log.info /var/lib/mysql/");
    node2.startServer();
    node1.addClient("reset-3");
    await allHave("reset-1", "reset-2", "reset-3");
    expect(node2.link("Slave_SQL_Running")).toBe("Yes");
  });

  test("survive a server that is killed while it writes and applies", async () => {
    const [node1, node2] = nodes;
    const writers = nodes.map(({ name, node }) =>
      node.start(
        // Not as fast as it can, or it would be done before the last round.
        `for i in $(seq 80); do until mysql smt -e "INSERT INTO Clients (GUID) SELECT '${name}-$i' FROM DUAL ` +
          `WHERE NOT EXISTS (SELECT 1 FROM Clients WHERE GUID = '${name}-$i'); DO SLEEP(0.1)" 2>/dev/null; do sleep 0.1; done; done`,
      ),
    );
    const ended = Promise.all(writers.map((writer) => new Promise((resolve) => writer.once("close", resolve))));
    for (let round = 0; round < 3; round++) {
      for (const node of [node2, node1]) {
        await new Promise((resolve) => setTimeout(resolve, 1500));
        node.kill();
        node.startServer();
      }
    }
    await ended;
    const written = nodes.flatMap(({ name }) => Array.from({ length: 80 }, (_, index) => `${name}-${index + 1}`));
    await allHave("reset-1", "reset-2", "reset-3", ...written);
    node1.sql("DELETE FROM Clients");
    await allHave();
  });

  test("move from file and position to transaction IDs in place, each change once", async () => {
    const [node1, node2] = nodes;
    nodes.forEach(byFile);
    nodes.forEach((node) => node.addClient(`file-${node.name}`));
    await allHave("file-node1", "file-node2");
    // What has arrived but is not applied must not count, even after a new connection.
    node2.sql("STOP SLAVE SQL_THREAD");
    node1.addClient("waits-1");
    node2.sql("STOP SLAVE IO_THREAD; START SLAVE IO_THREAD");
    node1.addClient("waits-2");
    await new Promise((resolve) => setTimeout(resolve, 1000));

    stack.forget();
    const { failed, messages } = await stack.up(nodes);
    expect(failed).toEqual([]);
    expect(messages).toContain("node2: database/replicate: following node1 by transaction IDs, from where the link is");
    expect(messages).not.toContain("restarting");
    nodes.forEach((node) => node.addClient(`gtid-${node.name}`));
    await allHave("file-node1", "file-node2", "waits-1", "waits-2", "gtid-node1", "gtid-node2");
    expect(nodes.map((node) => node.link("Using_Gtid"))).toEqual(["Slave_Pos", "Slave_Pos"]);
  });

  test("show a database that went back in time: it is refused, and nothing of the other is lost", async () => {
    const [node1, node2] = nodes;
    const before = node1.clients();
    node2.node.check("mysqladmin shutdown && cp -a /var/lib/mysql /root/backup");
    node2.startServer();
    node2.addClient("since-backup");
    node1.addClient("other");
    await allHave(...before, "since-backup", "other");
    // First without its link: when its own changes have come back, it may accept the other's link again.
    node2.node.check("mysqladmin shutdown && rm -rf /var/lib/mysql && mv /root/backup /var/lib/mysql");
    node2.node.write("/etc/mysql/mariadb.conf.d/99-test.cnf", "[mysqld]\nskip-slave-start\n");
    node2.startServer();
    const wayBack =
      "  fix:   give it the data of the others; on node2 only: mysql -e 'DROP DATABASE smt_ha'; " +
      "then pulumi up --replace '**node2-database-configure'\n";
    stack.forget("node1", "replicate");
    expect((await stack.up(nodes)).failed).toEqual([
      expect.stringContaining(
        "node1: step database/replicate failed\n  cause: the database of node2 went back in time: " +
          `this node has changes of it that it has lost, as after a restore\n${wayBack}`,
      ),
    ]);
    const refused = [
      expect.stringMatching(/node2: step database\/survey failed\n {2}cause: this node's database went back in time:/),
    ];
    node2.sql("START SLAVE");
    await new Promise((resolve) => setTimeout(resolve, 3000));
    stack.forget("node2", "survey");
    const { failed } = await stack.up(nodes);
    expect(failed).toEqual(refused);
    expect(failed[0]).toContain(wayBack);
    // It is wrong for good, however much it writes now.
    node2.startServer();
    for (let number = 0; number < 5; number++) {
      node2.sql("REPLACE INTO Catalogs (NAME) VALUES ('later')");
    }
    expect((await stack.up(nodes)).failed).toEqual(refused);

    node2.sql("DROP DATABASE smt_ha");
    stack.forget("node2");
    expect((await stack.up(nodes)).failed).toEqual([]);
    node2.addClient("after");
    await allHave(...before, "since-backup", "other", "after");
    stack.forget("node1", "replicate");
    stack.forget("node2", "replicate");
    expect((await stack.up(nodes)).failed).toEqual([]);
  });
});
