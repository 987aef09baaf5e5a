import * as fs from "fs";
import * as pulumi from "@pulumi/pulumi";
import { databaseConfig } from "../../components/mysqlMasterPair";
import { DatabaseNode, databaseFiles, DatabaseStack, sharedFolder } from "../support/databaseNode";
import { succeed } from "../support/node";

// Real servers start, stop and wait for each other.
jest.setTimeout(300_000);

const files = "smt-files";
let shared: string;
let nodes: DatabaseNode[] = [];
let stack: DatabaseStack;

beforeAll(async () => {
  shared = sharedFolder();
  await databaseFiles(shared, files);
});
afterAll(async () => {
  await Promise.all(nodes.map(({ node }) => node.stop()));
  fs.rmSync(shared, { recursive: true });
});

/** Adds a fresh node, or puts one in the place of a node that is lost. */
const startNode = async (number: number): Promise<DatabaseNode> => {
  await nodes[number - 1]?.node.stop();
  const fresh = await DatabaseNode.start(number, shared, files);
  nodes[number - 1] = fresh;
  stack.forget(fresh.name);
  nodes.find((other) => other !== fresh)?.node.connect(fresh.node);
  return fresh;
};
/** A new stack of so many fresh nodes. */
const startNodes = async (count: number): Promise<void> => {
  await Promise.all(nodes.map(({ node }) => node.stop()));
  nodes = [];
  stack = new DatabaseStack();
  for (let number = 1; number <= count; number++) {
    await startNode(number);
  }
};

const stepsOf = (names: string, steps: string): string[] =>
  names
    .split(" ")
    .flatMap((node) => steps.split(" ").map((step) => `${node} database/${step}`))
    .sort();

/** Whether all nodes have exactly these clients, soon. */
const allHave = async (...guids: string[]): Promise<void> => {
  const wanted = JSON.stringify(nodes.map(() => [...guids].sort()));
  const found = (): string => JSON.stringify(nodes.map((node) => node.clients()));
  for (let tries = 0; found() !== wanted && tries < 200; tries++) {
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  expect([found(), ...nodes.map((node) => node.link("Last_Error"))]).toEqual([wanted, ...nodes.map(() => "")]);
};

describe("a pair", () => {
  beforeAll(() => startNodes(2));

  test("is formed with the data of the first node", async () => {
    const [node1, node2] = nodes;
    node1.addClient("before");
    expect((await stack.up(nodes)).failed).toEqual([]);
    node1.addClient("one");
    node2.addClient("two");
    await allHave("before", "one", "two");
    expect(node1.sql("SELECT ID FROM Clients WHERE GUID IN ('one', 'two')")).toBe("11\n12");
    expect(fs.existsSync(`${shared}/.smt-ha-seed`)).toBe(false);
    expect([node1, node2].map((node) => node.link("Seconds_Behind_Master"))).toEqual(["0", "0"]);
    expect([node1, node2].map((node) => node.link("Master_SSL_Verify_Server_Cert"))).toEqual(["Yes", "Yes"]);
  });

  test("an up again does nothing, and every step run again changes nothing", async () => {
    expect(await stack.up(nodes)).toEqual({ ran: [], failed: [], messages: "" });
    const places = (): string[] => nodes.map((node) => node.link("Relay_Log_File"));
    const before = places();
    stack = new DatabaseStack();
    const { ran, failed, messages } = await stack.up(nodes);
    expect([ran.length, failed, messages]).toEqual([12, [], ""]);
    expect(places()).toEqual(before);
  });

  test("a new replication password reaches account and link, and nothing is lost", async () => {
    const [node1] = nodes;
    const { ran, failed } = await stack.up(nodes, { password: "hush-2" });
    expect([ran, failed]).toEqual([stepsOf("node1 node2", "replicate seed verify"), []]);
    node1.addClient("three");
    await allHave("before", "one", "two", "three");
    const login = (password: string, option: string): number | null =>
      nodes[1].node.run(`MYSQL_PWD=${password} mysql -h 192.0.2.11 -u smt_replication ${option} -e 'SELECT 1'`).code;
    expect([login("hush-2", "--ssl"), login("hush-1", "--ssl"), login("hush-2", "--skip-ssl")]).toEqual([0, 1, 1]);
    for (const { node } of nodes) {
      expect(node.filesWith("hush")).toEqual(["/var/lib/mysql/master.info"]);
      expect(node.check("stat -c %a /var/lib/mysql/master.info").trim()).toBe("660");
    }
  });

  test("cut off from each other, both go on, and healed, both have all", async () => {
    const [node1, node2] = nodes;
    node1.node.check("ip link set eth0 down");
    node1.addClient("four");
    node2.addClient("five");
    await new Promise((resolve) => setTimeout(resolve, 1000));
    expect(node2.clients()).not.toContain("four");
    node1.node.check("ip link set eth0 up");
    await allHave("before", "one", "two", "three", "four", "five");
  });

  test("a link that was stopped goes on where it was", async () => {
    const [node1, node2] = nodes;
    node2.sql("STOP SLAVE");
    node1.addClient("six");
    stack.forget("node2", "replicate");
    expect((await stack.up(nodes, { password: "hush-2" })).failed).toEqual([]);
    await allHave("before", "one", "two", "three", "four", "five", "six");
  });

  test("a database that was down catches up by itself", async () => {
    const [node1, node2] = nodes;
    node2.node.check("mysqladmin shutdown");
    node1.addClient("seven");
    node2.node.check("bash /run/doubles/start-mariadb");
    await allHave("before", "one", "two", "three", "four", "five", "six", "seven");
  });

  test("a row that both have stops the link; it is reported, and never skipped", async () => {
    const [node1, node2] = nodes;
    node2.sql("SET sql_log_bin = 0; INSERT INTO Clients (GUID) VALUES ('twice')");
    node1.sql("INSERT INTO Clients (GUID) VALUES ('twice')");
    stack.forget("node2", "replicate");
    const { failed } = await stack.up(nodes, { password: "hush-2" });
    expect(failed).toHaveLength(1);
    expect(failed[0]).toMatch(
      /node2: step database\/replicate failed\n {2}cause: the link to node1 is broken: .*'twice'/,
    );
    expect(failed[0]).toContain("pulumi up --replace '**node2-database-configure'");

    // The second of the ways that it names.
    node2.sql("DROP DATABASE smt_ha");
    stack.forget("node2");
    expect((await stack.up(nodes, { password: "hush-2" })).failed).toEqual([]);
    await allHave("before", "one", "two", "three", "four", "five", "six", "seven", "twice");
  });

  test("a re-created node gets the data of the other, whichever it is", async () => {
    await startNode(2);
    expect((await stack.up(nodes)).failed).toEqual([]);
    nodes[1].addClient("eight");
    await allHave("before", "one", "two", "three", "four", "five", "six", "seven", "twice", "eight");

    await startNode(1);
    expect((await stack.up(nodes)).failed).toEqual([]);
    nodes[0].addClient("nine");
    await allHave("before", "one", "two", "three", "four", "five", "six", "seven", "twice", "eight", "nine");
  });

  test("a third node makes it a ring, and nothing is lost on the way", async () => {
    const all = nodes[0].clients();
    // What is still under way when the ring is formed.
    nodes[0].sql("STOP SLAVE");
    nodes[1].addClient("ten");
    nodes[0].sql("START SLAVE");
    await startNode(3);
    expect((await stack.up(nodes)).failed).toEqual([]);
    nodes.forEach((node) => node.addClient(`ring-${node.name}`));
    await allHave(...all, "ten", "ring-node1", "ring-node2", "ring-node3");
    expect(nodes.map((node) => node.link("Master_Host"))).toEqual(["192.0.2.13", "192.0.2.11", "192.0.2.12"]);
  });

  test("a re-created node in the middle of a ring", async () => {
    const all = nodes[0].clients();
    // Or it would take half a minute until it gives up the connection.
    nodes[2].sql("STOP SLAVE IO_THREAD");
    await startNode(2);
    expect((await stack.up(nodes)).failed).toEqual([]);
    nodes.forEach((node) => node.addClient(`again-${node.name}`));
    await allHave(...all, "again-node1", "again-node2", "again-node3");
  });
});

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
        `for i in $(seq 120); do until mysql smt -e "INSERT INTO Clients (GUID) SELECT '${name}-$i' FROM DUAL ` +
          `WHERE NOT EXISTS (SELECT 1 FROM Clients WHERE GUID = '${name}-$i')" 2>/dev/null; do sleep 0.1; done; done`,
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
    const written = nodes.flatMap(({ name }) => Array.from({ length: 120 }, (_, index) => `${name}-${index + 1}`));
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

    stack = new DatabaseStack();
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
