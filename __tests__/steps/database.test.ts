import * as fs from "fs";
import { allHave, nodes, shared, stack, startNode, startNodes, stepsOf } from "../support/databases";

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

  test("starts again after a failed start too, such as on a full disk", () => {
    const unit = nodes[0].node.check("cat /etc/systemd/system/mariadb.service.d/smt-ha.conf");
    expect(unit).toBe("[Service]\nRestart=on-failure\nRestartSec=10\n");
  });

  test("an up again does nothing, and every step run again changes nothing", async () => {
    expect(await stack.up(nodes)).toEqual({ ran: [], failed: [], messages: "" });
    const places = (): string[] => nodes.map((node) => node.link("Relay_Log_File"));
    const before = places();
    stack.forget();
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

  test("a row that both have made does not stop the link: the one that comes later replaces it", async () => {
    const [node1, node2] = nodes;
    node2.sql("SET sql_log_bin = 0; INSERT INTO Clients (GUID, HOSTNAME) VALUES ('twice', 'second')");
    node1.sql("INSERT INTO Clients (GUID, HOSTNAME) VALUES ('twice', 'first')");
    node1.addClient("eighth");
    await allHave("before", "one", "two", "three", "four", "five", "six", "seven", "twice", "eighth");
    expect(node2.sql("SELECT HOSTNAME FROM Clients WHERE GUID = 'twice'")).toBe("first");
    node1.sql("DELETE FROM Clients WHERE GUID = 'eighth'");
  });

  test("a change that can't be applied stops the link; it is reported, and never skipped", async () => {
    const [node1, node2] = nodes;
    node2.sql("SET sql_log_bin = 0; ALTER TABLE Clients ADD EXTRA INT");
    node1.sql("ALTER TABLE Clients ADD EXTRA INT");
    stack.forget("node2", "replicate");
    const { failed } = await stack.up(nodes, { password: "hush-2" });
    expect(failed).toHaveLength(1);
    expect(failed[0]).toMatch(
      /node2: step database\/replicate failed\n {2}cause: the link to node1 is broken: .*'EXTRA'/,
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
