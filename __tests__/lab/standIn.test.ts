import { spawnSync } from "child_process";
import * as fs from "fs";
import * as os from "os";
import * as path from "path";
import { putDatabase } from "../support/databaseFiles";
import { TestNode } from "../support/node";
import { startWithStandIn } from "../support/standIn";

/** The lab's stand-in for SMT: its package on a test node, with a real MariaDB, and the lab's upstream. */
const lab = path.join(__dirname, "../../lab");
const mirrored = "/smt/repo/RPMMD/lab-updates";
const credentials = { NUUser: "lab-mirror", NUPass: "lab-only-mirror" };

let node: TestNode;

/** For an object that is expected: a text of this form. */
const like = (form: RegExp): unknown => expect.stringMatching(form);

function must(cwd: string, command: string, ...args: string[]): void {
  const { status, stderr } = spawnSync(command, args, { cwd, encoding: "utf8" });
  if (status !== 0) {
    throw new Error(`${command} ${args.join(" ")}: ${stderr}`);
  }
}

/** Sets a key of smt.conf, in any section. */
const setKey = (key: string, value: string): string =>
  node.check(`sed -i 's|^${key}=.*|${key}=${value}|' /etc/smt.conf`);

/** Runs smt-mirror, which reports errors only as a count. */
function mirror(): { errors: number; output: string } {
  const output = node.check("smt-mirror -d -L /var/log/smt/smt-mirror.log");
  return { errors: Number(/^Errors: +: (\d+)$/m.exec(output)?.[1]), output };
}

const setup = (password = ""): number | null =>
  node.run("/usr/lib/SMT/bin/smt-db setup --yast", `${password}\nsmt\nsecret\nsecret\n`).code;

const startUpstream = (): string =>
  node.check("SMT_HA_LAB=/run/lab setsid /srv/lab serve upstream /srv/upstream >/run/upstream.log 2>&1 & sleep 0.5");
const stopUpstream = (): string => node.check("pkill -x lab");

beforeAll(async () => {
  const work = fs.mkdtempSync(path.join(os.tmpdir(), "lab-smt-"));
  must(lab, "upstream/build", path.join(work, "upstream"));
  // As "lab/up" has it: linked once for each state of its source.
  must(lab, "bash", "--norc", "-c", `. ./lib.sh && build_program && cp "$program" ${work}/lab`);
  node = await startWithStandIn();
  for (const part of ["upstream", "lab"]) {
    node.put(path.join(work, part), `/srv/${part}`);
  }
  fs.rmSync(work, { recursive: true });
  node.check("ip address add 192.0.2.4/24 dev eth0; ip link set eth0 up; mkdir -p /smt /run/mysqld");
  node.check(
    "useradd -r -u 480 -g www-data -s /bin/false -d /var/lib/smt smt; chown smt /smt; chown mysql /run/mysqld",
  );
  // Apache is missing on this machine, and not needed.
  node.check("dpkg --install --force-depends /srv/packages/smt.deb");
  await putDatabase(node, "/srv/database", "empty");
  node.check(`setsid mariadbd --no-defaults --user=mysql --datadir=/srv/database --skip-networking \
    --socket=/run/mysqld/mysqld.sock >/run/mariadbd.log 2>&1 &
    for i in $(seq 100); do mysqladmin ping >/dev/null 2>&1 && exit 0; sleep 0.2; done; cat /run/mariadbd.log; exit 1`);
}, 180_000);

afterAll(() => node.stop());

test("the package keeps the user that is there, and guards its configuration", () => {
  expect(node.check("id -u smt; stat -c %a:%U:%G /etc/smt.conf /var/www/html/repo /run/smt")).toBe(
    "480\n640:root:www-data\n755:smt:www-data\n755:smt:www-data\n",
  );
});

test("smt-db sets the database up once, and says what is wrong", () => {
  expect(node.run("/usr/lib/SMT/bin/smt-db setup --yast", "\nsmt\none\nother\n").code).toBe(6);
  expect(setup()).toBe(0);
  expect(setup()).toBe(5);
  expect(node.check("sed -n '/^\\[DB\\]/,/^$/p' /etc/smt.conf")).toBe(
    "[DB]\nconfig=dbi:mysql:database=smt;host=localhost\nuser=smt\npass=secret\n\n",
  );
  expect(node.read("/etc/smt.conf")).toContain("# Whether source packages are mirrored\n");
  expect(node.check("stat -c %a:%U:%G /etc/smt.conf")).toBe("640:root:www-data\n");
  const engines = "SELECT DISTINCT ENGINE FROM information_schema.TABLES WHERE TABLE_SCHEMA = 'smt'";
  expect(node.check(`mysql -N -e "${engines}"`)).toBe("InnoDB\n");
  setKey("config", "dbi:mysql:database=smt;host=localhost;mysql_socket=/run/none");
  expect(setup()).toBe(4);
  setKey("config", "dbi:mysql:database=smt;host=localhost");
});

test("without mirror credentials nothing is mirrored", () => {
  setKey("MirrorTo", "/smt");
  const { code, stdout } = node.run("smt-mirror");
  expect({ code, stdout }).toEqual({ code: 1, stdout: "Cannot read the Mirror Credentials\n" });
});

test("upstream's list is for the mirror's account", () => {
  startUpstream();
  setKey("NUUser", "wrong");
  setKey("NUPass", "wrong");
  expect(node.run("smt-sync")).toMatchObject({ code: 1, stdout: like(/^NCC is not supported/) });
  node.check("sed -i 's/^NUUser=/ApiType=SCC\\n&/' /etc/smt.conf");
  // The real smt-sync loses the exit code, too.
  for (const [command, code] of Object.entries({ "smt-scc-sync": 1, "smt-sync": 0 })) {
    expect(node.run(command)).toMatchObject({ code, stderr: like(/401 Unauthorized/) });
  }
  expect(node.check("mysql -N smt -e 'SELECT * FROM Products'")).toBe("");
  setKey("NUUser", credentials.NUUser);
  setKey("NUPass", credentials.NUPass);
  node.check("smt-scc-sync && smt-sync");
  expect(node.check("smt-list-products")).toMatch(/\| +100000 \| SUSE_SLES \| +11\.1 +\| x86_64 +\| - /);
  expect(node.check("smt-repos -m -b")).toBe(
    "\n| No      |  1 | nu   | Lab-Pool | sles-11-x86_64 | Lab-Pool for sles-11-x86_64 | Yes             | No      |\n\n",
  );
});

test("a custom repository is listed, enabled and disabled", () => {
  const custom =
    "--productid 100000 --name lab-updates --description 'Lab updates' --exturl http://192.0.2.4/lab-updates/";
  expect(node.run(`smt-setup-custom-repos ${custom.replace("100000", "434")}`)).toMatchObject({
    code: 1,
    stdout: "Invalid Product Number (434).\n",
  });
  expect(node.check(`smt-setup-custom-repos ${custom}`)).toBe("Repository successfully added.\n");
  expect(node.check(`smt-setup-custom-repos ${custom}`)).toBe("Repository successfully added.\n");
  expect(node.check("smt-catalogs -o")).toMatchInlineSnapshot(`
   ".--------------------------------------------------------------------------------------.
   | Mirror? | ID | Type | Name        | Target | Description | Can be Mirrored | Staging |
   +---------+----+------+-------------+--------+-------------+-----------------+---------+
   | Yes     |  1 | zypp | lab-updates | --     | Lab updates | Yes             | No      |
   '---------+----+------+-------------+--------+-------------+-----------------+---------'
   "
  `);
  expect(node.check("smt-repos -d lab-updates")).toBe("1 repository disabled.\n");
  expect(node.check("smt-catalogs -o -b").trim()).toBe("");
  expect(node.check("smt-repos -e lab-updates; smt-repos -e Lab-Pool sles-11-x86_64")).toBe(
    "1 repository enabled.\n1 repository enabled.\n",
  );
  expect(node.check("smt-repos -v lab-updates")).toContain("Assigned to product: SUSE_SLES 11.1 x86_64");
  const id = node.check("printf lab-updates | sha1sum").slice(0, 40);
  expect(node.check("smt-repos -v lab-updates")).toContain(`Repository ID: ${id}`);
  expect(node.run("smt-repos -e none")).toMatchObject({ stderr: "no repository named none\n" });
  expect(node.check("smt-repos -d", "x\n")).toMatch(/Select repository number .*canceled\.\n$/);
});

test("a custom repository is deleted by its ID, after a question", () => {
  const other = "--productid 100000 --name other --description Other --exturl http://192.0.2.4/none/";
  node.check(`smt-setup-custom-repos ${other}`);
  const remove = "smt-setup-custom-repos --delete $(printf other | sha1sum | cut -d ' ' -f 1)";
  expect(node.run(remove, "n\n")).toMatchObject({ code: 0, stdout: like(/Nothing deleted\.\n$/) });
  expect(node.run(remove, "y\n")).toMatchObject({ code: 0, stdout: like(/1 repositories removed\.\n$/) });
  expect(node.run(remove, "y\n")).toMatchObject({ code: 1, stdout: "No catalogs found.\n" });
  expect(
    node.check("mysql -N smt -e 'SELECT COUNT(*) FROM ProductCatalogs; SELECT NAME FROM Catalogs ORDER BY 1'"),
  ).toBe("1\nLab-Pool\nlab-updates\n");
});

test("what upstream does not offer at a sync is left out, and can't be enabled", () => {
  node.check("mv /srv/upstream/lab-updates /srv/away && smt-scc-sync");
  expect(node.check("smt-mirror -d -L /var/log/smt/smt-mirror.log")).toMatch(
    /^WARNING: The following repositories cannot be mirrored\.\n(.*\n)+\* lab-updates \n(.*\n)*Errors: +: 0$/m,
  );
  node.check("smt-repos -d lab-updates");
  expect(node.check("smt-repos -e lab-updates")).toBe("0 repositories enabled.\n");
  node.check("mv /srv/away /srv/upstream/lab-updates && smt-scc-sync && rm -r /smt/repo");
  expect(node.check("smt-repos -e lab-updates")).toBe("1 repository enabled.\n");
});

test("smt-mirror makes real repositories, as the user smt, without sources", () => {
  setKey("MirrorSRC", "false");
  expect(mirror().errors).toBe(0);
  expect(node.check(`cd ${mirrored} && find . -name '*.rpm' | sort`)).toBe(
    "./noarch/lab-firmware-0.9-1.noarch.rpm\n./noarch/lab-manual-1.2-1.noarch.rpm\n./noarch/lab-release-1.0-1.noarch.rpm\n",
  );
  node.check(`cmp ${mirrored}/repodata/repomd.xml /srv/upstream/lab-updates/repodata/repomd.xml`);
  expect(node.check("cd '/smt/repo/$RCE/Lab-Pool/sles-11-x86_64' && stat -c %U:%G noarch/*.rpm repodata")).toBe(
    "smt:www-data\nsmt:www-data\n",
  );
  expect(node.check("find /smt -name '.repodata' -o -name '.old.repodata' -o -name '*.part'")).toBe("");
  expect(mirror().output.match(/All files are up-to-date/g)).toHaveLength(2);
});

test("a broken package leaves the repository as it was, and the next run fixes it", () => {
  const repository = "/srv/upstream/lab-updates";
  const before = node.check(`sha256sum ${mirrored}/repodata/repomd.xml`);
  node.check(
    `cp -a ${repository} /srv/good && rm -r ${repository}/repodata && createrepo_c -q --no-database -s sha ${repository}`,
  );
  node.check(`rm ${mirrored}/noarch/lab-manual* && echo broken >>${repository}/noarch/lab-manual-1.2-1.noarch.rpm`);
  const broken = mirror();
  expect(broken.errors).toBe(1);
  expect(broken.output).toMatch(/^E 'http:\/\/192\.0\.2\.4\/lab-updates\/noarch\/lab-manual.*': Checksum mismatch$/m);
  expect(node.check(`sha256sum ${mirrored}/repodata/repomd.xml; ls ${mirrored}/noarch`)).toBe(
    `${before}lab-firmware-0.9-1.noarch.rpm\nlab-release-1.0-1.noarch.rpm\n`,
  );
  node.check(`cp /srv/good/noarch/lab-manual* ${repository}/noarch/`);
  expect(mirror().errors).toBe(0);
  node.check(`cmp ${mirrored}/repodata/repomd.xml ${repository}/repodata/repomd.xml`);
});

test("a full disk, refused credentials and an upstream that is away are named", () => {
  node.check("mkdir /small && mount -t tmpfs -o size=4m small /small && chown smt /small");
  setKey("MirrorTo", "/small");
  expect(mirror()).toMatchObject({
    errors: 1,
    output: like(/^E '\/small\/.*': No space left on device$/m),
  });
  expect(node.check("find /small -path '*/repodata/*' -path '*lab-updates*'; find /small -name '*.part'")).toBe("");
  setKey("MirrorTo", "/smt");
  setKey("NUPass", "wrong");
  expect(mirror()).toMatchObject({ errors: 1, output: like(/^E 'http:.*': 401 /m) });
  stopUpstream();
  expect(mirror()).toMatchObject({
    errors: 2,
    output: like(/^E 'http:.*': 500 Can't connect to .*refused/m),
  });
});

test("one mirroring at a time: another says so, and a lock that was left behind does not count", () => {
  const running = node.start("cp /bin/sleep /run/smt-mirror; /run/smt-mirror 60");
  node.check("while ! pgrep -x smt-mirror; do sleep 0.1; done >/run/smt/smt-mirror.pid");
  node.check("printf %s $(pgrep -x smt-mirror) >/run/smt/smt-mirror.pid");
  expect(node.check("smt-mirror")).toBe("Mirror process is still running.\n");
  running.kill();
  node.check("pkill -x smt-mirror; echo -n 4194300 >/run/smt/smt-mirror.pid; chown smt /run/smt/smt-mirror.pid");
  expect(mirror().output).toContain("Summary");
  expect(node.check("ls /run/smt")).toBe("");
});
