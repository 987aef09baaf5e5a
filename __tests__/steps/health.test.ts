import * as fs from "fs";
import { DatabaseNode, DatabaseStack, sharedFolder } from "../support/databaseNode";
import { pageSettings } from "../support/healthPage";
import { succeed } from "../support/node";

// Real servers start, stop and wait for each other.
jest.setTimeout(300_000);

/** Stand-in for Apache, which these tests don't need whole: runs the page's script for each request on port 80. */
const webServer = `
use IO::Socket::INET;
my $server = IO::Socket::INET->new(LocalPort => 80, Listen => 5, ReuseAddr => 1) or die $!;
while (my $client = $server->accept) {
  my ($query) = <$client> =~ /\\?(\\S*)/;
  my $answer = \`runuser -u www-data -- env "QUERY_STRING=$query" /usr/local/lib/smt-ha/health\`;
  my $status = $answer =~ s/^Status: (.*)\\r\\n// ? $1 : "200 OK";
  print $client "HTTP/1.0 $status\\r\\n$answer";
  close $client;
}`;

let shared: string;
let nodes: DatabaseNode[] = [];

const page = (node: DatabaseNode, query = ""): string =>
  node.node.check(`curl -s -w '%{http_code}' 'http://127.0.0.1/test.html${query}'`).replace(/\n(\d+)$/, "\n$1");
const healthy = "still alive\n200";

beforeAll(async () => {
  shared = sharedFolder();
  fs.chmodSync(shared, 0o755);
  for (const number of [1, 2]) {
    nodes.push(await DatabaseNode.start(number, shared));
  }
  nodes[0].node.connect(nodes[1].node);
  const { failed } = await new DatabaseStack().up(nodes);
  expect(failed).toEqual([]);
  nodes.forEach(({ node }, index) => {
    const settings = pageSettings({ peers: [nodes[1 - index].address] });
    succeed(node.step("web/health", {}, { settings, password: "hush-3" }));
    // No answer of the database is young enough for the next check.
    node.check("echo interval=0 >>/etc/smt-ha/health.conf");
    node.write("/root/server", webServer);
    node.check("setsid perl /root/server >/dev/null 2>&1 </dev/null 3>&- &");
  });
  succeed(nodes[0].node.step("web/health-page", { mount: "/smt", file: "health/test.html" }, { page: "still alive" }));
});
afterAll(async () => {
  await Promise.all(nodes.map(({ node }) => node.stop()));
  nodes = [];
  fs.rmSync(shared, { recursive: true });
});

test("is the page's first line while all is well", () => {
  expect(nodes.map((node) => page(node))).toEqual([healthy, healthy]);
  expect(nodes.map((node) => page(node, "?link"))).toEqual([healthy, healthy]);
});

test("a node that is out of service can't serve", () => {
  const [{ node }] = nodes;
  node.write("/var/lib/smt-ha/out-of-service", "");
  expect(page(nodes[0])).toBe("it is out of service for planned work; to put it back: smt-ha node/resume\n503");
  node.check("rm /var/lib/smt-ha/out-of-service");
  expect(page(nodes[0])).toBe(healthy);
});

test("a node that passes requests on without the service address on the network can't serve", () => {
  const [{ node }] = nodes;
  // The kernel's own table, which this machine need not have.
  const table = "/run/doubles/ip_vs";
  node.check(`sed -i 's|/proc/net/ip_vs|${table}|' /usr/local/lib/smt-ha/health`);
  const entries = (address: string): string =>
    `IP Virtual Server version 1.2.1 (size=4096)\nProt LocalAddress:Port Scheduler Flags\n  -> RemoteAddress:Port Forward Weight ActiveConn InActConn\nTCP  ${address}:0050 wlc  \n  -> C000020C:0050      Route   1      0          0         \n`;
  node.write(table, entries("C000020A"));
  expect(page(nodes[0])).toBe(
    "it still balances, although it does not have 192.0.2.10 on eth0; to end that: ipvsadm -C\n503",
  );
  node.check("ip address add 192.0.2.10/24 dev eth0");
  expect(page(nodes[0])).toBe(healthy);
  node.check("ip address del 192.0.2.10/24 dev eth0");
  // Another's service, and an empty table.
  node.write(table, entries("C6336401"));
  expect(page(nodes[0])).toBe(healthy);
  node.write(table, entries("C000020A").replace(/TCP[^]*/, ""));
  expect(page(nodes[0])).toBe(healthy);
});

test("keeps the database's password from others than Apache", () => {
  const [{ node }] = nodes;
  expect(node.check("stat -c '%a %U %G' /etc/smt-ha/health.cnf").trim()).toBe("640 root www-data");
  expect(node.check("cat /var/log/smt-ha/web-health.log")).not.toContain("hush");
});

test("reads the page past the memory: without its disk, the node can't serve", () => {
  fs.renameSync(`${shared}/health`, `${shared}/away`);
  expect(page(nodes[0])).toBe(
    "the shared files can't be read: dd: failed to open '/smt/health/test.html': No such file or directory\n503",
  );
  fs.renameSync(`${shared}/away`, `${shared}/health`);
  expect(page(nodes[0])).toBe(healthy);
});

describe("while a read of the shared files does not end", () => {
  // A pipe without a writer hangs as a disk does that is away.
  const put = ({ node }: DatabaseNode, state: "away" | "back"): string =>
    node.check(
      state === "away"
        ? "[ -p /smt/health/hangs ] || mkfifo /smt/health/hangs; sed -i s/test.html\\'/hangs\\'/ /etc/smt-ha/health.conf"
        : "sed -i s/hangs\\'/test.html\\'/ /etc/smt-ha/health.conf",
    );
  const patience = (from: number, to: number): void =>
    nodes.forEach(({ node }) => node.check(`sed -i s/^seconds=${from}/seconds=${to}/ /etc/smt-ha/health.conf`));
  beforeAll(() => patience(4, 2));
  afterAll(() => patience(2, 4));

  test("a node can't serve if another server can", () => {
    const [node1, node2] = nodes;
    put(node1, "away");
    for (let checks = 0; checks < 2; checks++) {
      const start = Date.now();
      expect(page(node1)).toBe("the check of the files takes longer than 2 s\n503");
      expect(Date.now() - start).toBeLessThan(3_000);
    }
    expect(page(node2)).toBe(healthy);
  });

  test("the servers serve on, and say so, if none can", () => {
    const [node1, node2] = nodes;
    put(node2, "away");
    const alone = "still alive\nthe check of the files takes longer than 2 s, and no other server is better\n200";
    expect(page(node1)).toBe(alone);
    expect(page(node2)).toBe(alone);
    expect(page(node1, "?files")).toBe("the check of the files takes longer than 2 s\n503");
  });

  test("a server leaves that can't serve for another reason too", () => {
    const [, node2] = nodes;
    node2.node.write("/var/lib/smt-ha/out-of-service", "");
    expect(page(node2)).toContain("it is out of service for planned work; to put it back: smt-ha node/resume\n503");
    node2.node.check("rm /var/lib/smt-ha/out-of-service");
  });

  test("a server is better again as soon as its read ends", () => {
    const [node1, node2] = nodes;
    put(node2, "back");
    expect(page(node1)).toBe("the check of the files takes longer than 2 s\n503");
    expect(page(node2)).toBe(healthy);
    put(node1, "back");
    expect(page(node1)).toBe(healthy);
  });
});

test("a link that has stopped takes the node out while another server has a working one", () => {
  const [node1, node2] = nodes;
  node1.sql("STOP SLAVE");
  expect(page(node1)).toBe("the replication link has stopped\n503");
  expect(page(node2)).toBe(healthy);
  // Neither is better than the other: both serve on, and say so.
  node2.sql("STOP SLAVE");
  const both = "still alive\nthe replication link has stopped\n200";
  expect([page(node1), page(node2)]).toEqual([both, both]);
  expect(page(node1, "?link")).toContain("\n503");
  node2.sql("START SLAVE");
  node1.sql("START SLAVE");
});

test("a link that is broken is named with its cause", () => {
  const [node1, node2] = nodes;
  node1.sql("SET sql_log_bin = 0; ALTER TABLE Catalogs ADD EXTRA INT");
  node2.sql("ALTER TABLE Catalogs ADD EXTRA INT");
  for (let tries = 0; node1.link("Slave_SQL_Running") === "Yes" && tries < 100; tries++) {
    node1.node.check("sleep 0.1");
  }
  expect(page(node1)).toMatch(/^the replication link has stopped: .*Duplicate column name 'EXTRA'.*\n503$/);
  node1.sql("SET sql_log_bin = 0; ALTER TABLE Catalogs DROP EXTRA");
  node1.sql("START SLAVE");
  for (let tries = 0; page(node1) !== healthy && tries < 100; tries++) {
    node1.node.check("sleep 0.1");
  }
  expect(page(node1)).toBe(healthy);
});

test("the database is asked again beside the page, which answers with what it said before", () => {
  const [node1] = nodes;
  node1.node.check("sed -i 's/^interval=0/interval=20/' /etc/smt-ha/health.conf");
  const clients = (): number => Number(node1.sql("SHOW GLOBAL STATUS LIKE 'Connections'").split("\t")[1]);
  expect(page(node1)).toBe(healthy);
  const before = clients();
  expect([page(node1), page(node1)]).toEqual([healthy, healthy]);
  // Only this test's own question.
  expect(clients() - before).toBe(1);
  node1.node.check("sed -i 's/^interval=20/interval=0/' /etc/smt-ha/health.conf");
});

test("the step that verifies a link lets the page ask at once: up believes the page right after", () => {
  const [node1] = nodes;
  node1.sql("STOP SLAVE");
  expect(page(node1)).toBe("the replication link has stopped\n503");
  node1.node.check("sed -i 's/^interval=0/interval=20/' /etc/smt-ha/health.conf");
  node1.sql("START SLAVE");
  expect(page(node1)).toBe("the replication link has stopped\n503");
  succeed(node1.node.step("database/verify", { markers: "" }));
  expect(page(node1)).toBe(healthy);
  node1.node.check("sed -i 's/^interval=20/interval=0/' /etc/smt-ha/health.conf");
});

test("a server whose peer's database is gone stays in; that peer does not", () => {
  const [node1, node2] = nodes;
  node2.node.check("mysqladmin shutdown");
  expect(page(node2)).toMatch(/^the database does not answer: ERROR 2002 .*\n503$/);
  expect(page(node1)).toBe(healthy);
  node2.node.check("bash /run/doubles/start-mariadb");
});

test("without a database, only the files count", () => {
  const [{ node }] = nodes;
  const settings = pageSettings({ database: false, peers: [] });
  succeed(node.step("web/health", {}, { settings }));
  node.check("mysqladmin shutdown");
  expect(page(nodes[0])).toBe(healthy);
});
