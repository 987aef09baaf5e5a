import { smtConf } from "../../components/smtNode";
import { repositoryList } from "../../components/smtRepositories";
import { putDatabase } from "../support/databaseFiles";
import { Result, TestNode } from "../support/node";
import { startWithStandIn } from "../support/standIn";

// SMT's steps, one after the other as in an "up", on the lab's SMT with a real MariaDB and a small upstream of its own.

// SMT's commands are slow on a machine that does other things.
jest.setTimeout(180_000);

let node: TestNode;
const executable = (file: string, text: string): void => node.writeCommand(file, `#!/bin/bash\n${text}\n`);

/** Serves /srv/upstream on port 80, to one who knows the password in /srv/password. */
const server = `
const { createServer } = require("http"), { readFileSync } = require("fs");
createServer(({ headers, url }, response) => {
  const wanted = "Basic " + Buffer.from("UC1:" + readFileSync("/srv/password")).toString("base64");
  try {
    if (headers.authorization !== wanted) throw 401;
    response.end(readFileSync("/srv/upstream" + decodeURIComponent(url)));
  } catch (code) {
    response.writeHead(code === 401 ? 401 : 404).end();
  }
}).listen(80);
`;

beforeAll(async () => {
  node = await startWithStandIn();

  // SMT's own commands, not the stand-ins that other tests have.
  node.check("rm /usr/local/sbin/smt-*");
  executable(
    "/usr/local/sbin/apt-get",
    'case "$*" in *install*) dpkg --install --force-depends /srv/packages/smt.deb ;; esac',
  );
  // Apache is missing on this machine, and not needed.
  for (const command of ["a2enmod", "a2ensite", "a2enconf", "apache2ctl"]) {
    executable(`/usr/local/sbin/${command}`, "true");
  }
  node.check("mkdir -p /etc/apache2/sites-available /etc/apache2/sites-enabled /etc/apache2/conf-available");
  // What Apache serves, and its authority where SMT looks for it.
  node.check(`cd /srv && openssl req -x509 -newkey rsa:2048 -nodes -subj /CN=authority -keyout key -out certificate
    cp certificate /etc/ssl/certs/$(openssl x509 -noout -hash -in certificate).0
    echo 'SSLCertificateFile /srv/certificate' >/etc/apache2/sites-enabled/tls.conf`);
  executable(
    "/usr/local/sbin/grep",
    `if [ "$*" = '-q  /smt ocfs2  /proc/mounts' ]; then mountpoint -q /smt; else exec /usr/bin/grep "$@"; fi`,
  );
  node.check("mkdir /smt && mount -t tmpfs -o mode=755 shared /smt");

  node.check("mkdir -p /run/mysqld && chown mysql /run/mysqld");
  await putDatabase(node, "/srv/database", "empty");
  node.check(`setsid mariadbd --no-defaults --user=mysql --datadir=/srv/database --skip-networking \
    --socket=/run/mysqld/mysqld.sock >/run/mariadbd.log 2>&1 &
    for i in $(seq 200); do mysqladmin ping >/dev/null 2>&1 && exit 0; sleep 0.2; done; cat /run/mariadbd.log; exit 1`);

  node.check("ip address add 192.0.2.4/24 dev eth0; ip link set eth0 up");
  node.write("/srv/password", "right-hush");
  node.write("/srv/server.js", server);
  node.write(
    "/srv/upstream/repo/repoindex.xml",
    '<repoindex><repo name="Lab-Pool" description="pool" target="sles-11-x86_64" path="$RCE/Lab-Pool/sles-11-x86_64"/></repoindex>',
  );
  node.check(`cd /srv/upstream && mkdir -p tools 'repo/$RCE/Lab-Pool/sles-11-x86_64'
    for folder in tools 'repo/$RCE/Lab-Pool/sles-11-x86_64'; do createrepo_c -q --no-database "$folder"; done`);
});

afterAll(() => node.stop());

const startUpstream = (): string =>
  node.check(`setsid ${process.execPath} /srv/server.js >/run/upstream.log 2>&1 & echo $! >/run/upstream.pid
    for i in $(seq 100); do (: </dev/tcp/192.0.2.4/80) 2>/dev/null && exit 0; sleep 0.1; done; exit 1`);
const stopUpstream = (): string => node.check("kill $(cat /run/upstream.pid); sleep 0.5");

const settings = (password: string): string =>
  smtConf(
    {
      serviceName: "smt.example.com",
      mountPoint: "/smt",
      mirrorSources: false,
      apiType: "SCC",
      credentials: { user: "UC1" },
    },
    "database-hush",
    password,
  );
const tools = {
  name: "Tools",
  custom: { productId: "SUSE_SLES/11.1/x86_64", description: "In-house tools", url: "http://192.0.2.4/tools" },
};
const repositories = repositoryList([{ name: "Lab-Pool", target: "sles-11-x86_64" }, tools]);
/** The products to which a repository is assigned. */
const assigned = (): string =>
  node.check(
    "mysql -N smt -e 'SELECT p.PRODUCTDATAID, c.NAME FROM ProductCatalogs a JOIN Products p ON p.ID = a.PRODUCTID JOIN Catalogs c ON c.ID = a.CATALOGID'",
  );
const setUp = (password: string): Result[] => [
  node.step("smt/install", { uid: "480" }, { password: "database-hush" }),
  node.step("smt/configure", {}, { "smt.conf": settings(password) }),
  node.step("smt/web"),
  node.step("smt/links", { mount: "/smt" }),
  node.step("smt/schedule", { time: "02:30" }),
];
const list = (text = repositories): Result => node.step("smt/repositories", {}, { repositories: text });
const mirror = (): Result => node.step("smt/mirror", { mount: "/smt", timeout: "60" }, { repositories });
const silent = { code: 0, stdout: "", stderr: "" };

test("sets SMT up; the second time, nothing is left to do", () => {
  expect(setUp("wrong-hush").map(({ code }) => code)).toEqual([0, 0, 0, 0, 0]);
  expect(node.check("id -u smt")).toBe("480\n");
  expect(node.check("stat -c %a:%U:%G /etc/smt.conf")).toBe("640:root:www-data\n");
  expect(setUp("wrong-hush")).toEqual([silent, silent, silent, silent, silent]);
  expect(node.step("smt/start").code).toBe(0);
});

test("an interrupted smt-db setup is made good", () => {
  node.check("mysql -e 'DROP DATABASE smt; CREATE DATABASE smt'");
  const { code, stderr } = node.step("smt/install", { uid: "480" }, { password: "database-hush" });
  expect([code, stderr]).toEqual([
    0,
    expect.stringContaining("making the database smt again, since smt-db was interrupted\n"),
  ]);
  expect(setUp("wrong-hush").map(({ code }) => code)).toEqual([0, 0, 0, 0, 0]);
});

test("wrong mirror credentials and an unreachable upstream are reported, and the next run succeeds", () => {
  expect(list().stderr).toMatch(/cause: SMT cannot get upstream's list of repositories: .*Can't connect/);
  startUpstream();
  expect(list().stderr).toMatch(/cause: SMT cannot get upstream's list of repositories: .* 401 /);
  setUp("right-hush");
  expect(list().stderr).toMatch(/mirrors Lab-Pool for sles-11-x86_64\n.*set up the custom repository Tools\n$/);
  expect(list()).toEqual(silent);
  expect(assigned()).toBe("434\tTools\n");
  expect(node.step("smt/verify", {}, { repositories })).toEqual(silent);
});

test("mirrors to where Apache looks, and reports why it cannot", () => {
  expect(mirror()).toMatchObject({ code: 0, stdout: "mirrored\n" });
  node.check("test -f '/var/www/html/repo/$RCE/Lab-Pool/sles-11-x86_64/repodata/repomd.xml'");
  node.check("test -f /var/www/html/repo/RPMMD/Tools/repodata/repomd.xml");

  // A sync while a custom repository does not answer keeps SMT from mirroring it, without an error.
  node.check("mv /srv/upstream/tools /srv/away && smt-scc-sync");
  expect(mirror().stderr).toMatch(/cause: SMT has not mirrored Tools: .*\n.*\n *smt-scc-sync on this node/);
  node.check("mv /srv/away /srv/upstream/tools && smt-scc-sync");
  expect(mirror().stdout).toBe("mirrored\n");

  node.write("/srv/password", "changed");
  expect(mirror().stderr).toMatch(
    /cause: upstream refuses the mirror credentials: E 'http:.*: 401 .*the first of 2 errors/,
  );
  stopUpstream();
  expect(mirror().stderr).toMatch(/cause: this node cannot reach upstream: E 'http:.*Can't connect/);
});

test("a product may be named by the customer center's number, and a custom repository moves to it", () => {
  const numbered = { ...tools, custom: { ...tools.custom, productId: "434" } };
  expect(list(repositoryList([numbered])).stderr).toContain("set up the custom repository Tools\n");
  expect(assigned()).toBe("434\tTools\n");
});

test("what is off the list is disabled, or deleted if it is custom; its packages stay", () => {
  expect(list(repositoryList([])).code).toBe(0);
  expect(node.check("smt-catalogs -b").trim()).toMatch(/^\| No +\| +1 \| nu +\| Lab-Pool .*$/);
  // Otherwise SMT would not register clients of its product.
  expect(assigned()).toBe("");
  node.check("test -f /smt/repo/RPMMD/Tools/repodata/repomd.xml");
});

test("no password shows", () => {
  const found = node.check("cat /var/log/smt-ha/* /var/log/smt/*; ps -ef");
  expect(found).not.toMatch(/hush/);
  expect(node.filesWith("database-hush").filter((file) => !file.startsWith("/srv/database"))).toEqual([
    "/etc/smt.conf",
  ]);
});
