import { spawn } from "child_process";
import * as fs from "fs";
import * as path from "path";
import { Client, configFile, eventually, labFolder, must, onNode, report, root, run, since, sleep } from "./lab";
import { changedBy, expectSteadyState, full, realServers, table, tableOf, trustService } from "./state";

const peerOf = (node: string): string => (node === "node1" ? "node2" : "node1");

/** Registers a client on a node, as SMT does. */
const register = (node: string, guid: string): string =>
  onNode(node, `mysql smt -e "INSERT INTO Clients (GUID, HOSTNAME) VALUES ('${guid}', 'test')"`);
/** The clients of the tests that a node knows. */
const registered = (node: string): string =>
  onNode(node, "mysql -N smt -e \"SELECT GUID FROM Clients WHERE HOSTNAME = 'test' ORDER BY GUID\"").replace(
    /\n/g,
    " ",
  );
/** "Yes Yes" if a node gets the other's changes and applies them. */
export const replicates = (node: string): string =>
  onNode(node, "mysql -e 'SHOW SLAVE STATUS\\G' | sed -n 's/ *Slave_\\(IO\\|SQL\\)_Running: //p'").replace(/\n/g, " ");

/** "Yes Yes ANY" if a node's link is encrypted, checks the other's certificate, and the account takes no plain one. */
export const encryption = (node: string): string =>
  onNode(
    node,
    "mysql -e 'SHOW SLAVE STATUS\\G' | sed -n 's/ *Master_SSL_\\(Allowed\\|Verify_Server_Cert\\): //p'; " +
      "mysql -N -e \"SELECT ssl_type FROM mysql.user WHERE User = 'smt_replication'\"",
  ).replace(/\n/g, " ");

/**
 * Registers clients on a node, one after the other, until it is ended. Gives those that the database has acknowledged. On the
 * node it ends by itself: mysql does not mind that nobody reads what it prints.
 */
function keepRegistering(node: string, prefix: string): () => string[] {
  const file = path.join(labFolder, `registered-${node}.log`);
  const out = fs.openSync(file, "w");
  const guid = `${prefix}-${node}-$i`;
  const statements = `INSERT INTO Clients (GUID, HOSTNAME) VALUES ('${guid}', 'test'); SELECT '${guid}';`;
  const child = spawn(
    "lab/ssh",
    [
      node,
      `i=0; while [ $SECONDS -lt 30 ] && echo "${statements}"; do i=$((i + 1)); done | mysql --skip-column-names --unbuffered smt`,
    ],
    { cwd: root, stdio: ["ignore", out, "ignore"] },
  );
  fs.closeSync(out);
  return () => {
    child.kill();
    // The last line may be cut off.
    return fs.readFileSync(file, "utf8").split("\n").slice(0, -1);
  };
}

/** Resets a node while both write: both must have every acknowledged change once, and go on by themselves. */
async function resetWhileBusy(round: number): Promise<void> {
  onNode("node1", "mysql smt -e \"DELETE FROM Clients WHERE HOSTNAME = 'test'\"");
  const writers = realServers.map((node) => keepRegistering(node, `reset-${round}`));
  await sleep(15);
  must("lab/vcenter", "reset", "node2");
  await sleep(5);
  const acknowledged = writers.flatMap((end) => end());
  report(`reset ${round}: registrations acknowledged`, acknowledged.length);
  for (const node of realServers) {
    expect(acknowledged.filter((guid) => guid.includes(`-${node}-`)).length).toBeGreaterThan(10);
  }
  await eventually(300, () => expectSteadyState());
  for (const node of realServers) {
    await eventually(120, () => expect([node, replicates(node)]).toEqual([node, "Yes Yes"]));
  }
  // A GUID is unique, so none is there twice.
  await eventually(300, () => expect(registered("node2")).toBe(registered("node1")));
  const found = new Set(registered("node1").split(" "));
  expect(acknowledged.filter((guid) => !found.has(guid))).toEqual([]);
  onNode("node1", "mysql smt -e \"DELETE FROM Clients WHERE HOSTNAME = 'test'\"");
}

/** Ten resets of a node with a busy database, about two minutes each; and a database that is restored. */
export function resets(): void {
  describe("the databases survive a reset while both are busy", () => {
    test.each(Array.from({ length: 10 }, (_, index) => index + 1))("for the %i. time", resetWhileBusy);
  });

  describe("databases", () => {
    test("that went back in time are reported, and get the data of the other", async () => {
      const server = (command: string): string => onNode("node2", `systemctl ${command} mariadb`);
      server("stop");
      onNode("node2", "cp -a /var/lib/mysql /var/lib/mysql.backup");
      server("start");
      realServers.forEach((node) => register(node, `since-backup-${node}`));
      for (const node of realServers) {
        await eventually(60, () => expect(registered(node)).toContain(`since-backup-${peerOf(node)}`));
      }
      const before = registered("node1");
      server("stop");
      onNode("node2", "rm -rf /var/lib/mysql && mv /var/lib/mysql.backup /var/lib/mysql");
      server("start");
      // Its own changes come back to it.
      await eventually(120, () => expect(onNode("node2", "mysql -N -e 'CALL smt_ha.lost()'")).not.toBe(""));

      const { code, output } = run("lab/stack", "dev", "up", "--replace", "**-database-survey");
      expect(code).not.toBe(0);
      expect(output).toContain("node2: step database/survey failed");
      expect(output).toContain("went back in time");
      expect(output).toContain("on node2 only: mysql -e 'DROP DATABASE smt_ha'");
      expect(registered("node1")).toBe(before);

      onNode("node2", "mysql -e 'DROP DATABASE smt_ha'");
      must("lab/stack", "dev", "up", "--replace", "**node2-database-configure");
      expect(realServers.map(registered)).toEqual([before, before]);
      realServers.forEach((node) => register(node, `restored-${node}`));
      for (const node of realServers) {
        await eventually(60, () => expect(registered(node)).toContain(`restored-${peerOf(node)}`));
      }
    });
  });
}

/** Runs an `up` that changes something, which no client must notice; gives what it changed. */
function serving(...args: string[]): string[] {
  const client = new Client();
  const { code, output } = run("lab/stack", "dev", "up", ...args);
  expect([code, client.stop().filter(({ status }) => status !== 200)]).toEqual([0, []]);
  return changedBy(output).sort();
}

/** The databases lose nothing when a part of the system stops. Also: changes of the service while it serves. */
export function database(): void {
  describe("the databases", () => {
    beforeAll(async () => {
      await eventually(300, () => expectSteadyState());
      onNode("node1", "mysql smt -e \"DELETE FROM Clients WHERE HOSTNAME = 'test'\"");
    });

    test("take a server without its database out of the pool, and catch up with what was written meanwhile", async () => {
      onNode("node2", "systemctl stop mariadb");
      const stopped = Date.now();
      await eventually(90, () => expect(table()).toEqual(tableOf("node1")));
      report("database stopped to real server out", since(stopped));
      for (let number = 0; number < 10; number++) {
        register("node1", `stopped-${number}`);
      }
      onNode("node2", "systemctl start mariadb");
      const start = Date.now();
      await eventually(120, () => expect(registered("node2")).toBe(registered("node1")));
      report("database started to caught up", since(start));
      expect(registered("node2").split(" ")).toHaveLength(10);
      await eventually(120, () => expect(replicates("node1")).toBe("Yes Yes"));
      await eventually(60, () => expect(table()).toEqual(full));
    });

    test("have all that was written on either while they did not see each other", async () => {
      const cut =
        "table inet cut { chain input { type filter hook input priority -10; tcp dport 3306 drop; tcp sport 3306 drop; }; }";
      for (const node of realServers) {
        onNode(node, `nft '${cut}'`);
      }
      for (const node of realServers) {
        register(node, `cut-${node}`);
      }
      for (const node of realServers) {
        expect(registered(node)).toContain(`cut-${node}`);
        expect(registered(node)).not.toContain(`cut-${peerOf(node)}`);
        onNode(node, "nft delete table inet cut");
      }
      const start = Date.now();
      for (const node of realServers) {
        await eventually(180, () => expect(registered(node)).toContain(`cut-${peerOf(node)}`));
      }
      report("databases see each other to both have all", since(start));
      expect(registered("node1")).toBe(registered("node2"));
    });

    test("go on after a client has registered on both at once", async () => {
      realServers.forEach((node) => onNode(node, "mysql -e 'STOP SLAVE SQL_THREAD'"));
      realServers.forEach((node) => register(node, "twice"));
      realServers.forEach((node) => onNode(node, "mysql -e 'START SLAVE'"));
      onNode("node1", `mysql smt -e "UPDATE Clients SET DESCRIPTION = 'again' WHERE GUID = 'twice'"`);
      const description = `mysql -N smt -e "SELECT DESCRIPTION FROM Clients WHERE GUID = 'twice'"`;
      await eventually(60, () => {
        for (const node of realServers) {
          expect([replicates(node), onNode(node, description)]).toEqual(["Yes Yes", "again"]);
        }
      });
      onNode("node2", `mysql smt -e "DELETE FROM Clients WHERE GUID = 'twice'"`);
      await eventually(60, () => realServers.forEach((node) => expect(onNode(node, description)).toBe("")));
    });
  });
}

/** Clients move to another root CA. Some five minutes. */
export function authority(): void {
  describe("while it serves", () => {
    beforeAll(() => eventually(300, () => expectSteadyState()));

    test("takes another authority: clients that trust it are served throughout", async () => {
      const before = onNode("node1", "openssl x509 -noout -serial -in /var/www/html/smt.crt");
      const file = configFile("authority", { "smt-ha:caSubject": "/O=smt-ha/CN=another root CA" });
      const changed = serving("--config-file", file);
      expect(changed.every((name) => /-certificate-/.test(name))).toBe(true);
      expect(changed).toContain("node1-certificate-authority");
      expect(changed).toContain("node2-certificate-install");
      expect(onNode("node1", "openssl x509 -noout -serial -in /var/www/html/smt.crt")).not.toBe(before);
      trustService();
      expect(must("lab/client", "curl", "-fsS", "https://smt.smt-ha.lab/test.html")).toBe("still alive");
      await eventually(90, () => expectSteadyState());
      // The databases have certificates of their own, so that a link that connects again meets the same one.
      for (const node of realServers) {
        onNode(node, "mysql -e 'STOP SLAVE; START SLAVE'");
        await eventually(60, () => expect([node, replicates(node)]).toEqual([node, "Yes Yes"]));
      }
      serving();
    });
  });
}
