import { repositoryList } from "../../components/smtRepositories";
import { smtConf } from "../../components/smtNode";
import { Result, TestNode } from "../support/node";

let node: TestNode;
beforeEach(async () => {
  node = await TestNode.start();
});
afterEach(() => node.stop());

const executable = (file: string, text: string): void => node.writeCommand(file, text);
/** The shared file system: one in memory, of which grep says that /proc/mounts calls it OCFS2 (the kernel may have none). */
const mountShared = (size = "64m"): void => {
  node.check(`mkdir -p /smt && mount -t tmpfs -o size=${size},mode=755 shared /smt`);
  executable(
    "/usr/local/sbin/grep",
    `#!/bin/bash\nif [ "$*" = '-q  /smt ocfs2  /proc/mounts' ]; then mountpoint -q /smt; else exec /usr/bin/grep "$@"; fi\n`,
  );
};
const makeUser = (uid = 480): void =>
  void node.check(`useradd -r -u ${uid} -g www-data -s /bin/false -d /var/lib/smt smt`);
const failed = (step: string, cause: string): RegExp =>
  new RegExp(`^smt-ha: node1: step ${step} failed\\n  cause: ${cause}.*\\n  fix:   .+\\n( {9}.+\\n)*  log: `, "m");

describe("smt/install", () => {
  const install = (uid = "480", password = "database-hush"): Result => node.step("smt/install", { uid }, { password });

  beforeEach(() => {
    node.write("/run/doubles/archive", "smt\nmariadb-server\n");
    node.check(
      `awk 'BEGIN { RS = ""; ORS = "\\n\\n" } !/^Package: (smt|mariadb-server)\\n/' /var/lib/dpkg/status >/run/status && cp /run/status /var/lib/dpkg/status`,
    );
    // The database: what it holds is a file for each database, another for its tables, and the password of the account smt.
    executable(
      "/usr/local/sbin/mysql",
      `#!/bin/bash
echo "mysql $*" >>/run/doubles/calls
case $1 in
--defaults-file=*) cmp -s <(sed -n 's/^password="\\(.*\\)"/\\1/p' "\${1#*=}") /run/doubles/account ;;
*)
  statements=$(cat)
  case $statements in
  *'SHOW TABLES'* | *'SELECT 1 FROM'*) [ ! -e /run/doubles/silent ] || { echo "ERROR 2013: Lost connection" >&2; exit 1; } ;;&
  *'DROP DATABASE smt'*) rm -f /run/doubles/database /run/doubles/tables ;;
  *"LIKE '"*) grep -s "^$(sed -n "s/.*LIKE '//p" <<<"$statements" | tr -d "'")" /run/doubles/tables || true ;;
  *'SHOW TABLES'*) [ -e /run/doubles/unfinished ] || cat /run/doubles/tables 2>/dev/null || true ;;
  *'SELECT 1 FROM'*) cut -s -d ' ' -f 3 /run/doubles/tables ;;
  esac
  sed -n "s/.*IDENTIFIED BY '\\(.*\\)';/\\1/w /run/doubles/granted" <<<"$statements"; if [ -s /run/doubles/granted ]; then mv /run/doubles/granted /run/doubles/account; fi
  ;;
esac
`,
    );
    executable(
      "/usr/lib/SMT/bin/smt-db",
      `#!/bin/bash
# As SMT's: asks for root's password, then for name, password and password of its account.
[ "$*" = "setup --yast" ] || exit 64
read -r root
[ ! -e /run/doubles/root-password ] || [ "$root" = "$(cat /run/doubles/root-password)" ] || { echo "Cannot connect to database: Access denied for user 'root'" >&2; exit 4; }
[ ! -e /run/doubles/database ] || { echo 'SMT database already exists.' >&2; exit 5; }
read -r name; read -r first; read -r second
[ "$first" = "$second" ] || { echo 'Passwords do not match.' >&2; exit 6; }
touch /run/doubles/database
[ ! -e /run/doubles/makes-no-tables ] || exit 0
echo Clients >/run/doubles/tables
echo "$first" >/run/doubles/account
`,
    );
  });

  test("makes the user before the package, and the database; the second time, nothing", () => {
    expect(install()).toEqual({
      code: 0,
      stdout: "",
      stderr: ["creating the user smt with the ID 480", "installing smt mariadb-server", "set up the database smt"]
        .map((line) => `node1: smt/install: ${line}\n`)
        .join(""),
    });
    expect(node.check("id -u smt; id -gn smt")).toBe("480\nwww-data\n");
    expect(node.read("/run/doubles/account")).toBe("database-hush\n");
    expect(node.calls().filter((call) => /^(apt-get|systemctl)/.test(call))).toEqual([
      "apt-get -q update",
      "apt-get -q -y -o DPkg::Lock::Timeout=300 install --no-install-recommends smt mariadb-server",
      "systemctl enable mariadb",
      "systemctl start mariadb",
    ]);

    expect(install()).toEqual({ code: 0, stdout: "", stderr: "" });
    expect(node.calls().filter((call) => /^(apt-get|systemctl)/.test(call))).toEqual([]);
    expect(node.filesWith("database-hush")).toEqual([]);
  });

  test("keeps the database that is there, and gives its account the new password", () => {
    install();
    expect(install("480", "another-hush").stderr).toBe(
      "node1: smt/install: setting the password of the database account smt\n",
    );
    expect(node.read("/run/doubles/account")).toBe("another-hush\n");
    expect(node.calls().join()).not.toContain("hush");
  });

  test("makes the database again if smt-db was interrupted, and never one with rows", () => {
    install();
    node.check("rm /run/doubles/tables");
    expect(install().stderr).toBe(
      "node1: smt/install: making the database smt again, since smt-db was interrupted\nnode1: smt/install: set up the database smt\n",
    );
    expect(node.read("/run/doubles/tables")).toBe("Clients\n");

    node.write("/run/doubles/unfinished", "");
    node.write("/run/doubles/tables", "Clients has 1\n");
    expect(install().stderr).toMatch(failed("smt/install", "SMT's database lacks tables, but has rows in Clients"));
    expect(node.read("/run/doubles/tables")).toBe("Clients has 1\n");
  });

  test("takes no database that does not answer for one without tables", () => {
    install();
    node.write("/run/doubles/silent", "");
    const { code, stderr } = install();
    expect([code, stderr]).toEqual([1, expect.not.stringContaining("making the database smt again")]);
    expect(node.read("/run/doubles/tables")).toBe("Clients\n");
  });

  test("reports that smt-db ends well without having made tables", () => {
    node.write("/run/doubles/makes-no-tables", "");
    expect(install().stderr).toMatch(failed("smt/install", "smt-db has not made SMT's tables"));
  });

  test("refuses a user smt with another ID, before the package", () => {
    makeUser(481);
    const { code, stderr } = install();
    expect(code).toBe(1);
    expect(stderr).toMatch(failed("smt/install", "the user smt has the ID 481 on this node, not 480"));
    expect(stderr).toContain("pulumi config set smtUid 481\n");
    expect(node.calls()).toEqual([]);
  });

  test("refuses an ID that another user has, before the package", () => {
    node.check("useradd -r -u 480 printer");
    const { code, stderr } = install();
    expect(code).toBe(1);
    expect(stderr).toMatch(failed("smt/install", "the user ID 480, which is configured for smt, belongs to printer"));
    expect(node.calls()).toEqual([]);
    expect(node.run("id smt").code).not.toBe(0);
  });

  test("reports that the database's root has another password; with the right one, it continues", () => {
    node.write("/run/doubles/root-password", "root-hush");
    const { code, stderr } = install();
    expect(code).toBe(1);
    expect(stderr).toMatch(
      failed("smt/install", "SMT cannot connect to the database as its root user: Cannot connect"),
    );
    expect(stderr).toContain("pulumi config set --secret databaseRootPassword");

    const given = node.step("smt/install", { uid: "480" }, { password: "database-hush", "root-password": "root-hush" });
    expect(given.stderr).toBe("node1: smt/install: set up the database smt\n");
    expect(node.calls().join() + node.filesWith("root-hush").join()).not.toContain("hush");
  });

  test.each([
    [6, "SMT read two different passwords for its database account"],
    [3, "SMT cannot read the section \\[DB\\] of /etc/smt.conf: no value"],
    [21, "smt-db setup ended with exit code 21: no value"],
  ])("reports what smt-db's exit code %d means", (exitCode, cause) => {
    executable("/usr/lib/SMT/bin/smt-db", `#!/bin/bash\necho 'no value' >&2\nexit ${exitCode}\n`);
    expect(install().stderr).toMatch(failed("smt/install", cause));
  });
});

describe("smt/configure", () => {
  const conf = "/etc/smt.conf";
  const original = `[NU]
NUUrl=https://nu.novell.com/
# the customer center's
NUUser=
NUPass=

[DB]
config = dbi:mysql:database=smt;host=localhost
user = smt
pass=

[LOCAL]
# Default should be http://server.domain.top/
url=
MirrorTo=/srv/www/htdocs
unknown=kept # as it is
#MirrorSRC=true
smtUser=smt

[REPORT]
url=mailto:root
MirrorTo=
`;
  const args = { serviceName: "smt.example.com", mountPoint: "/smt", mirrorSources: false };
  const credentials = { user: "UC1" };
  const configure = (text: string): Result => node.step("smt/configure", {}, { "smt.conf": text });
  const access = (): string => node.check(`stat -c '%a %U:%G' ${conf}`).trim();

  beforeEach(() => {
    node.write(conf, original);
    node.check(`chown root:www-data ${conf} && chmod 640 ${conf}`);
  });

  test("sets the program's keys in their sections, and keeps the rest", () => {
    expect(configure(smtConf({ ...args, credentials }, "database-hush", "nu=\\n\\1&hush"))).toEqual({
      code: 0,
      stdout: "",
      stderr: "node1: smt/configure: wrote /etc/smt.conf\n",
    });
    expect(node.read(conf)).toBe(
      original
        .replace("NUUser=", "NUUser=UC1")
        .replace("NUPass=", () => "NUPass=nu=\\n\\1&hush")
        .replace("pass=", "pass=database-hush")
        .replace("url=", "url=https://smt.example.com/")
        .replace("/srv/www/htdocs", "/smt")
        .replace("smtUser=smt\n", "smtUser=smt\nMirrorSRC=false\n"),
    );
    expect(access()).toBe("640 root:www-data");
    expect(node.calls()).toEqual([]);
  });

  test("writes nothing the second time", () => {
    configure(smtConf({ ...args, credentials }, "database-hush", "nu-hush"));
    const before = node.check(`stat -c '%i %Y' ${conf}`);
    expect(configure(smtConf({ ...args, credentials }, "database-hush", "nu-hush"))).toEqual({
      code: 0,
      stdout: "",
      stderr: "",
    });
    expect(node.check(`stat -c '%i %Y' ${conf}`)).toBe(before);
  });

  test("without mirror credentials, leaves those that are there", () => {
    node.write(conf, original.replace("NUPass=", "NUPass=own"));
    configure(smtConf({ ...args, mirrorSources: true }, "database-hush"));
    expect(node.read(conf)).toContain("NUUser=\nNUPass=own\n");
    expect(node.read(conf)).toContain("MirrorSRC=true\n\n[REPORT]");
  });

  test("makes good what a file lacks or has twice, and who may read it", () => {
    node.write(conf, "; by hand\r\n[LOCAL]\r\nurl=a\r\nurl=b\r\n[NU]");
    node.check(`chown smt:root ${conf} 2>/dev/null || chown nobody ${conf}; chmod 644 ${conf}`);
    configure(smtConf(args, "database-hush"));
    expect(node.read(conf)).toBe(
      "; by hand\r\n[LOCAL]\r\nurl=https://smt.example.com/\nMirrorTo=/smt\nMirrorSRC=false\n[NU]\n\n[DB]\nuser=smt\npass=database-hush\n",
    );
    expect(access()).toBe("640 root:www-data");
  });

  test("reports a missing file", () => {
    node.check(`rm ${conf}`);
    expect(configure(smtConf(args, "database-hush")).stderr).toMatch(
      failed("smt/configure", "there is no /etc/smt.conf"),
    );
  });
});

describe("smt/web", () => {
  const file = "/etc/apache2/conf-available/smt-ha-links.conf";

  beforeEach(() => {
    node.check("mkdir -p /etc/apache2/conf-available /run/doubles/active && touch /run/doubles/active/apache2");
    executable("/usr/local/sbin/a2enconf", '#!/bin/bash\necho "a2enconf $*" >>/run/doubles/calls\n');
    executable(
      "/usr/local/sbin/apache2ctl",
      '#!/bin/bash\necho "apache2ctl $*" >>/run/doubles/calls\n[ ! -e /run/doubles/broken ] || { echo "Syntax error on line 1 of /etc/apache2/x.conf" >&2; exit 1; }\n',
    );
    executable(
      "/usr/local/sbin/systemctl",
      '#!/bin/bash\necho "systemctl $*" >>/run/doubles/calls\n[ "$1" != is-active ] || [ -e "/run/doubles/active/$3" ]\n',
    );
  });

  test("lets Apache follow links, after a check and gracefully; the second time, nothing", () => {
    expect(node.step("smt/web")).toEqual({ code: 0, stdout: "", stderr: `node1: smt/web: wrote ${file}\n` });
    expect(node.read(file)).toContain('<Directory "/var/www/html">\n    Options FollowSymLinks\n');
    expect(node.calls()).toEqual(["a2enconf -q smt-ha-links", "apache2ctl configtest", "systemctl reload apache2"]);

    expect(node.step("smt/web").stderr).toBe("");
    expect(node.calls()).toEqual(["a2enconf -q smt-ha-links"]);
  });

  test("leaves an Apache that does not run alone", () => {
    node.check("rm /run/doubles/active/apache2");
    expect(node.step("smt/web").code).toBe(0);
    expect(node.calls()).toEqual(["a2enconf -q smt-ha-links"]);
  });

  test("does not reload a broken configuration", () => {
    node.write("/run/doubles/broken", "");
    expect(node.step("smt/web").stderr).toMatch(
      failed("smt/web", "Apache refuses its configuration: Syntax error on line 1 of /etc/apache2/x.conf"),
    );
    expect(node.calls().join()).not.toContain("reload");
  });
});

describe("smt/start", () => {
  beforeEach(() => {
    node.check("mkdir -p /etc/apache2/sites-available /etc/apache2/sites-enabled");
    for (const command of ["a2enmod", "a2ensite", "rcsmt"]) {
      executable(`/usr/local/sbin/${command}`, `#!/bin/bash\necho "${command} $*" >>/run/doubles/calls\n`);
    }
  });

  test("starts SMT when Apache has its certificate", () => {
    expect(node.step("smt/start").code).toBe(0);
    expect(node.calls()).toEqual(["a2enmod -q ssl", "a2ensite -q smt-ha-tls", "rcsmt start"]);
  });

  test("reports why SMT does not start", () => {
    executable("/usr/local/sbin/rcsmt", "#!/bin/bash\necho 'Setting smt certificate failed'\nexit 1\n");
    expect(node.step("smt/start").stderr).toMatch(
      failed("smt/start", "SMT does not start: Setting smt certificate failed"),
    );
  });
});

describe("smt/links", () => {
  const folder = "/var/www/html/repo";
  const links = (): Result => node.step("smt/links", { mount: "/smt" });

  beforeEach(() => {
    makeUser();
    node.check(`rm -rf ${folder} && mkdir -p ${folder}/full ${folder}/testing ${folder}/tools`);
  });

  test("links the directories, in place of the package's empty ones; the second time, nothing", () => {
    mountShared();
    expect(links().code).toBe(0);
    const expected = ["$RCE", "RPMMD", "SUSE", "full", "testing"];
    expect(node.check(`find ${folder} -type l -printf '%f %l %u:%g\\n' | sort`).trim().split("\n")).toEqual(
      expected.map((name) => `${name} /smt/repo/${name} smt:www-data`),
    );
    // Where the package's directories lead to nothing, its update would put directories in place of the links.
    expect(node.check("stat -c '%n %U:%G' /smt/repo /smt/repo/*")).toBe(
      "/smt/repo smt:www-data\n/smt/repo/full smt:www-data\n/smt/repo/testing smt:www-data\n",
    );
    expect(node.check(`ls ${folder}`)).toContain("tools");

    expect(links()).toEqual({ code: 0, stdout: "", stderr: "" });
  });

  test("corrects a link that leads elsewhere", () => {
    mountShared();
    node.check(`ln -s /srv/old ${folder}/RPMMD`);
    expect(links().stderr).toContain(`linked ${folder}/RPMMD to /smt/repo/RPMMD\n`);
    expect(node.check(`readlink ${folder}/RPMMD`)).toBe("/smt/repo/RPMMD\n");
  });

  test("never replaces a directory with something in it, nor changes anything then", () => {
    mountShared();
    node.check(`mkdir '${folder}/RPMMD' && cd ${folder}/RPMMD && touch a b c d`);
    const { code, stderr } = links();
    expect(code).toBe(1);
    expect(stderr).toMatch(
      failed("smt/links", `${folder}/RPMMD must be a link to .*, but is a directory with 4 entries \\(a b c\\)`),
    );
    expect(node.check(`ls ${folder}/RPMMD`)).toBe("a\nb\nc\nd\n");
    expect(node.check(`find ${folder} -type l`)).toBe("");
    expect(node.check("ls /smt")).toBe("");
  });

  test("never replaces a file", () => {
    mountShared();
    node.write(`${folder}/RPMMD`, "mine");
    expect(links().stderr).toMatch(failed("smt/links", `${folder}/RPMMD is a file`));
  });

  test("writes nothing to the local disk where the shared file system is not mounted", () => {
    node.check("mkdir -p /smt");
    expect(links().stderr).toMatch(failed("smt/links", "the shared file system is not mounted on /smt"));
    expect(node.check(`ls /smt; find ${folder} -type l`)).toBe("");
  });
});

describe("smt/schedule", () => {
  const cron = "/etc/cron.d/smt";
  const here = "[ -e /var/run/smt-ha-jobs ] && ";
  const lines = (time: string, guard = here): string =>
    `# run smt-daily once a night
*/15  *  *  *  *    root    ${guard}/usr/lib/SMT/bin/smt-repeated-register
${time}  *  *  *    root    ${guard}/usr/lib/SMT/bin/smt-daily
0     5  *  *  1    root    ${guard}/usr/lib/SMT/bin/smt-gen-report
*/30  *  *  *  *    root    /usr/lib/SMT/bin/smt-run-jobqueue-cleanup
`;
  const original = lines("0     1", "");
  const schedule = (time: string): Result => node.step("smt/schedule", { time });

  test("sets the time of the mirroring, and has the jobs of one node ask whether it is this one; the second time, nothing", () => {
    node.write(cron, original);
    expect(schedule("23:05")).toEqual({ code: 0, stdout: "", stderr: `node1: smt/schedule: wrote ${cron}\n` });
    expect(node.read(cron)).toBe(lines("5 23"));
    expect(schedule("23:05")).toEqual({ code: 0, stdout: "", stderr: "" });
  });

  test("takes in the file of a release that let the first node mirror, and no other", () => {
    node.write(cron, lines("# smt-ha: 0     1", ""));
    schedule("01:00");
    expect(node.read(cron)).toBe(lines("0 1"));
    expect(schedule("01:00").stderr).toBe("");
  });

  test("runs the jobs where the cluster has put them, and nowhere else", () => {
    const agent = (action: string): string => node.check(`bash /usr/lib/ocf/resource.d/smt-ha/jobs ${action}; echo $?`);
    node.write(cron, "0 1 * * * root echo smt-daily\n");
    schedule("01:00");
    const [, command] = / root (.*)\n$/.exec(node.read(cron)) ?? [];
    const job = (): string => node.check(`${command} || true`);
    expect([agent("monitor"), job()]).toEqual(["7\n", ""]);
    expect([agent("start"), agent("monitor"), job()]).toEqual(["0\n", "0\n", "smt-daily\n"]);
    expect([agent("stop"), agent("monitor"), job()]).toEqual(["0\n", "7\n", ""]);
  });

  test("keeps cron's link to SMT's own file, and has cron look at it", () => {
    node.write("/etc/smt.d/smt", original);
    node.check(`mkdir -p /etc/cron.d && ln -s /etc/smt.d/smt ${cron} && touch -d 2020-01-01 /etc/cron.d`);
    schedule("02:30");
    expect(node.check(`readlink ${cron}`)).toBe("/etc/smt.d/smt\n");
    expect(node.read(cron)).toContain("\n30 2  *  *  *");
    expect(node.check("find /etc -maxdepth 1 -name cron.d -newermt 2021-01-01")).not.toBe("");
  });

  test("reports that nothing mirrors", () => {
    node.write(cron, "# smt-daily\n");
    expect(schedule("01:00").stderr).toMatch(failed("smt/schedule", `no line of ${cron} mirrors`));
  });
});

const pool = { name: "SLES11-SP4-Pool", target: "sle-11-x86_64" };
const tools = {
  name: "Tools",
  custom: { productId: "SLES/12.5/x86_64", description: "In-house packages", url: "http://rpm.lab/tools" },
};
const upstream =
  "N|nu|SLES11-SP4-Pool|sle-11-i586|Pool|Y|\nN|nu|SLES11-SP4-Pool|sle-11-x86_64|Pool|Y|\nN|nu|Secret-Pool|sle-11-x86_64|Not for us|N|\n";

describe("smt/repositories", () => {
  // The database's table Products: a line "ID|PRODUCTDATAID|identifier/version/architecture|release" for each.
  beforeEach(() => {
    node.write("/run/doubles/products", "100011|1878|sles/12.5/x86_64|\n");
    executable(
      "/usr/local/sbin/mysql",
      `#!/bin/bash
# Stand-in for mysql, asked for the number of a product.
statements=$(cat)
number=$(sed -n 's/.*PRODUCTDATAID = //p' <<<"$statements")
name=$(grep -o "LOWER('[^']*')" <<<"$statements" | sed "s/LOWER('\\(.*\\)')/\\1/" | paste -s -d / | tr A-Z a-z)
awk -F '|' -v OFS='\t' -v number="$number" -v name="$name" '$2 == number || $3 == name { print $1, $4 }' /run/doubles/products
`,
    );
  });

  const apply = (...repositories: Parameters<typeof repositoryList>[0]): Result =>
    node.step("smt/repositories", {}, { repositories: repositoryList(repositories) });
  const enabled = (): string[] =>
    node.check("grep ^Y /run/doubles/catalogs | cut -d '|' -f 3-4 | sort").trim().split("\n");
  const changes = (): string[] => node.calls().filter((call) => !/ -b/.test(call));

  test("enables what upstream lists, sets up what is custom; the second time, nothing", () => {
    node.write("/run/doubles/upstream", upstream);
    expect(apply(pool, tools)).toEqual({
      code: 0,
      stdout: "",
      stderr: [
        "getting the list of repositories from upstream",
        "mirrors SLES11-SP4-Pool for sle-11-x86_64",
        "set up the custom repository Tools",
      ]
        .map((line) => `node1: smt/repositories: ${line}\n`)
        .join(""),
    });
    expect(enabled()).toEqual(["SLES11-SP4-Pool|sle-11-x86_64", "Tools|"]);
    expect(changes()).toEqual([
      "smt-scc-sync ",
      "smt-repos -e SLES11-SP4-Pool sle-11-x86_64",
      "smt-setup-custom-repos --productid 100011 --name Tools --description In-house packages --exturl http://rpm.lab/tools",
    ]);

    expect(apply(pool, tools)).toEqual({ code: 0, stdout: "", stderr: "" });
    expect(changes()).toEqual([]);
  });

  test("gets the list from upstream only for repositories that it does not know", () => {
    node.write("/run/doubles/catalogs", upstream);
    expect(apply(pool).code).toBe(0);
    expect(changes()).toEqual(["smt-repos -e SLES11-SP4-Pool sle-11-x86_64"]);
  });

  const forProduct = (productId: string): typeof tools => ({ ...tools, custom: { ...tools.custom, productId } });

  test("gets the products from upstream where SMT does not know that of a custom repository", () => {
    node.write("/run/doubles/products", "");
    node.write("/run/doubles/upstream", "");
    node.write("/run/doubles/upstream-products", "100021|1878|sles/12.5/x86_64|\n");
    expect(apply(tools).code).toBe(0);
    expect(enabled()).toEqual(["Tools|"]);
    expect(changes().filter((call) => /^smt-(scc-sync|setup)/.test(call))).toEqual([
      "smt-scc-sync ",
      expect.stringContaining("--productid 100021 "),
    ]);

    const { code, stderr } = apply(forProduct("SLES/12.6/x86_64"));
    expect(code).toBe(1);
    expect(stderr).toMatch(
      failed("smt/repositories", "SMT knows no product SLES/12.6/x86_64, whose clients are to get the .* Tools"),
    );
    expect(stderr).toContain("smt-list-products\n");
  });

  test("takes the customer center's number of a product, which is not SMT's own", () => {
    expect(apply(forProduct("1878")).code).toBe(0);
    expect(changes().join()).toContain("--productid 100011 ");
  });

  test("takes the release of a product that has no name of its own, and refuses to guess one", () => {
    node.write(
      "/run/doubles/products",
      "100001|10|sles/12.5/x86_64|dvd\n100011|1878|sles/12.5/x86_64|\n100021|20|hae/1/x86_64|a\n100031|30|hae/1/x86_64|b\n",
    );
    expect(apply(tools).code).toBe(0);
    expect(changes().join()).toContain("--productid 100011 ");
    const { stderr } = apply(forProduct("hae/1/x86_64"));
    expect(stderr).toMatch(failed("smt/repositories", "SMT knows more than one product hae/1/x86_64"));
    expect(apply(forProduct("30")).code).toBe(0);
  });

  test("takes a custom repository that has moved to its new place", () => {
    apply(tools);
    node.calls();
    const moved = { ...tools, custom: { ...tools.custom, url: "http://rpm.lab/new" } };
    expect(apply(moved).stderr).toContain("set up the custom repository Tools\n");
    expect(node.read("/run/doubles/catalogs")).toBe("Y|zypp|Tools||In-house packages|Y|http://rpm.lab/new\n");
    changes();
    expect(apply(moved).stderr).toBe("");
  });

  test("enables again what was disabled by hand, and leaves what was enabled by hand", () => {
    node.write("/run/doubles/catalogs", upstream);
    apply(pool, tools);
    node.check(
      "cd /usr/local/sbin; ./smt-repos -d SLES11-SP4-Pool sle-11-x86_64; ./smt-repos -d Tools; ./smt-repos -e SLES11-SP4-Pool sle-11-i586",
    );
    node.calls();
    expect(apply(pool, tools).code).toBe(0);
    expect(enabled()).toEqual(["SLES11-SP4-Pool|sle-11-i586", "SLES11-SP4-Pool|sle-11-x86_64", "Tools|"]);
    expect(changes()).toEqual(["smt-repos -e SLES11-SP4-Pool sle-11-x86_64", "smt-repos -e Tools"]);
  });

  test("a repository that is no longer configured is no longer mirrored, and a custom one is deleted", () => {
    node.write("/run/doubles/catalogs", upstream);
    apply(pool, tools);
    expect(apply(tools).stderr).toContain(
      "no longer mirrors SLES11-SP4-Pool for sle-11-x86_64; its packages stay on disk\n",
    );
    expect(enabled()).toEqual(["Tools|"]);
    expect(apply().stderr).toContain("deleted the custom repository Tools; its packages stay on disk\n");
    expect(node.read("/run/doubles/catalogs")).toBe(upstream);
    node.calls();
    expect(apply()).toEqual({ code: 0, stdout: "", stderr: "" });
    expect(changes()).toEqual([]);
  });

  test("a custom repository that is disabled, or that was deleted by hand, leaves the list", () => {
    node.write("/run/doubles/upstream", upstream);
    const more = { ...tools, name: "More" };
    apply(tools, more, pool);
    node.check("cd /usr/local/sbin; ./smt-repos -d Tools; sed -i '/|More|/d' /run/doubles/catalogs");
    node.calls();
    expect(apply(pool).code).toBe(0);
    expect(changes()).toEqual([expect.stringMatching(/^smt-setup-custom-repos --delete [0-9a-f]{40}$/)]);
    expect(node.read("/run/doubles/catalogs")).not.toMatch(/Tools|More/);
  });

  test("reports a custom repository that SMT has not deleted, and tries again", () => {
    apply(tools);
    node.write("/run/doubles/deletes-nothing", "");
    expect(apply().stderr).toMatch(
      failed("smt/repositories", "SMT has not deleted the custom repository Tools: .*Nothing deleted\\."),
    );
    node.check("rm /run/doubles/deletes-nothing");
    expect(apply().stderr).toContain("deleted the custom repository Tools");
  });

  test.each([
    [{ name: "SLES11-SP9-Pool", target: "x" }, "upstream lists no repository SLES11-SP9-Pool for x"],
    [{ name: "SLES11-SP4-Pool" }, "there is more than one repository SLES11-SP4-Pool, for: sle-11-i586 sle-11-x86_64"],
    [
      { name: "Secret-Pool", target: "sle-11-x86_64" },
      "upstream does not let this SMT mirror Secret-Pool for sle-11-x86_64",
    ],
  ])("refuses what upstream does not have: %j", (repository, cause) => {
    node.write("/run/doubles/upstream", upstream);
    expect(apply(repository).stderr).toMatch(failed("smt/repositories", cause));
  });

  test("reports that upstream refuses the credentials; with the right ones, it continues", () => {
    const { stderr } = apply(tools, pool);
    expect(stderr).toMatch(
      failed("smt/repositories", "SMT cannot get upstream's list of repositories: .*: 401 Authorization Required"),
    );
    expect(stderr).toContain("check nuUser and nuPassword");
    node.write("/run/doubles/upstream", upstream);
    expect(apply(tools, pool).code).toBe(0);
  });

  test("reports that the database is down", () => {
    node.write("/run/doubles/database-down", "");
    expect(apply(pool).stderr).toMatch(
      failed("smt/repositories", "SMT cannot list its repositories: Cannot connect to the database"),
    );
  });
});

describe("smt/verify", () => {
  const inputs = { repositories: repositoryList([pool, tools]) };

  test("waits until the node lists all of them as mirrored", async () => {
    const step = node.start("smt-ha smt/verify --rev 1a2b3c4d");
    step.stdin?.end(`@@ repositories\n${inputs.repositories}`);
    const ended = new Promise((resolve) => step.once("exit", resolve));
    await new Promise((resolve) => setTimeout(resolve, 2500));
    expect(step.exitCode).toBeNull();
    node.write("/run/doubles/catalogs", upstream + "Y|zypp|Tools||In-house packages|Y|http://rpm.lab/tools\n");
    await new Promise((resolve) => setTimeout(resolve, 1500));
    expect(step.exitCode).toBeNull();
    node.check("/usr/local/sbin/smt-repos -e SLES11-SP4-Pool sle-11-x86_64");
    expect(await ended).toBe(0);
  });

  test("waits for as long as the database applies what the others have written", async () => {
    node.check("sed -i 's/while_applying 120/while_applying 2/' /usr/local/lib/smt-ha/steps/smt/verify");
    executable(
      "/usr/local/sbin/mysql",
      `#!/bin/bash\n# Stand-in for mysql, whose link applies a change each time that it is asked.\ncat >/dev/null\n[ ! -e /run/doubles/applies ] || echo "Exec_Master_Log_Pos: $(date +%N)"\n`,
    );
    node.write("/run/doubles/applies", "");
    const step = node.runAside("smt-ha smt/verify --rev 1a2b3c4d", `@@ repositories\n${inputs.repositories}`);
    await new Promise((resolve) => setTimeout(resolve, 6000));
    node.check("rm /run/doubles/applies");
    const removed = Date.now();
    expect((await step).stderr).toMatch(failed("smt/verify", "this node does not list: SLES11-SP4-Pool Tools"));
    expect(Date.now() - removed).toBeGreaterThan(1000);
  });

  test("has nothing to wait for without repositories", () => {
    expect(node.step("smt/verify", {}, { repositories: "" }).code).toBe(0);
  });
});

describe("smt/mirror", () => {
  const mirror = (timeout = 20, repositories: Parameters<typeof repositoryList>[0] = [pool]): Result =>
    node.step(
      "smt/mirror",
      { mount: "/smt", timeout: String(timeout) },
      { repositories: repositoryList(repositories) },
    );
  /** SMT's program with this behaviour; it says what the real one says. */
  const program = (behaviour: string, errors = 0): void =>
    executable(
      "/usr/sbin/smt-mirror",
      `#!/bin/bash\n# Stand-in for smt-mirror, which needs SMT and its upstream.\nset -euo pipefail\n[ "$1 $2 $3" = "-d -L /var/log/smt/smt-mirror.log" ] || exit 64\nid -un >>/run/doubles/ran\n${behaviour}\necho Summary\necho 'Errors:                   : ${errors}'\n`,
    );
  const runs = (): number => node.read("/run/doubles/ran").split("\n").length - 1;

  beforeEach(() => {
    makeUser();
    mountShared();
    node.check("touch /run/doubles/ran && chown smt /run/doubles/ran && mkdir -p /smt/repo && chown smt /smt/repo");
  });

  test("mirrors as the user smt, and keeps what it said", () => {
    program("echo 'D /smt/repo/a.rpm' && touch /smt/repo/a.rpm");
    expect(mirror()).toEqual({
      code: 0,
      stdout: "mirrored\n",
      stderr:
        "node1: smt/mirror: mirroring; its log: /var/log/smt-ha/mirror.log\nnode1: smt/mirror: mirrored 1 repositories\n",
    });
    expect(node.read("/run/doubles/ran")).toBe("smt\n");
    expect(node.read("/var/log/smt-ha/mirror.log")).toMatch(/^== .+\nD \/smt\/repo\/a\.rpm\nSummary\n/);
    expect(node.check("stat -c %a /var/log/smt-ha/mirror.log")).toBe("600\n");
  });

  test("continues when the connection breaks; the next step waits for it", async () => {
    program("sleep 10");
    const step = node.start("smt-ha smt/mirror --mount /smt --timeout 60 --rev 1a2b3c4d");
    step.stdin?.end(`@@ repositories\n${repositoryList([pool])}`);
    await new Promise((resolve) => setTimeout(resolve, 1000));
    node.check("until pgrep -x smt-mirror >/dev/null; do sleep 0.1; done; kill -KILL $(pgrep -f 'smt/[m]irror')");

    const { code, stdout, stderr } = mirror(60);
    expect([code, stdout]).toEqual([0, "mirrored\n"]);
    expect(stderr).toContain("waiting for a mirror run in progress\n");
    expect(runs()).toBe(1);
  });

  test("mirrors once more where the running one was started for another list", () => {
    program("sleep 3");
    expect(mirror(1).stdout).toBe("still running\n");
    expect(mirror(20, [pool, { name: "New", target: "x" }]).stdout).toBe("mirrored\n");
    expect(runs()).toBe(2);
  });

  test("does not wait for longer than it must, and leaves nothing behind that would keep the connection", () => {
    program("sleep 30");
    const { code, stdout, stderr } = mirror(1);
    expect([code, stdout]).toEqual([0, "still running\n"]);
    expect(stderr).toContain("it continues, and the nightly run takes over: /var/log/smt-ha/mirror.log\n");
    expect(node.check("pgrep -x smt-mirror")).not.toBe("");
  });

  test("writes nothing to the local disk where the shared file system is not mounted", () => {
    program("touch /smt/repo/a.rpm");
    node.check("umount /smt");
    expect(mirror().stderr).toMatch(failed("smt/mirror", "the shared file system is not mounted on /smt"));
    expect(runs()).toBe(0);
    expect(node.check("ls -A /smt")).toBe("");
    // Nor in the night, when nobody checks: below the mount, the user smt may not write.
    expect(node.run("su -s /bin/sh smt -c 'mkdir -p /smt/repo'").code).not.toBe(0);
  });

  test.each([
    [
      "E 'https://nu.novell.com/repo/x': 401 Authorization Required",
      "upstream refuses the mirror credentials: E 'https",
      "nuPassword",
    ],
    [
      "E 'http://192.0.2.4/x': 500 Can't connect to 192.0.2.4:80 (Connection refused)",
      "this node cannot reach upstream: E 'http",
      "network",
    ],
    ["E 'http://192.0.2.4/x': 404 Not Found", "upstream has no such repository: E 'http", "url"],
    [
      "E 'https://rpm.lab/x': 500 CURL ERROR(28) Timeout was reached",
      "this node cannot reach upstream: E 'https",
      "network",
    ],
    [
      "E 'https://rpm.lab/x': 500 CURL ERROR(60) Peer certificate cannot be authenticated with given CA certificates",
      "upstream's TLS is not accepted here: E 'https",
      "/usr/local/share/ca-certificates",
    ],
    [
      "E 'https://rpm.lab/x': 500 Can't connect to rpm.lab:443 (certificate verify failed)",
      "upstream's TLS is not accepted here: E 'https",
      "trust",
    ],
    [
      "E '/smt/repo/x': Checksum mismatch'",
      "smt-mirror ended with exit code 0 and 1 errors: E '/smt/repo/x': Checksum",
      "smt-mirror.log",
    ],
  ])("reports why it fails: %s; and finishes when that is fixed", (line, cause, fix) => {
    program(`echo "${line}"`, 1);
    const { code, stderr } = mirror();
    expect(code).toBe(1);
    expect(stderr).toMatch(failed("smt/mirror", cause));
    expect(/fix: {3}(.*)/.exec(stderr)?.[1]).toContain(fix);

    program("true");
    expect(mirror().stdout).toBe("mirrored\n");
  });

  const barred = (...repositories: string[]): void =>
    program(
      `printf '%s\\n' 'WARNING: The following repositories cannot be mirrored.' '         Maybe you have not enough permissions to download these repositories?' '' ${repositories.map((name) => `'* ${name}'`).join(" ")}`,
    );

  test("reports what SMT leaves out, which is no error to SMT; and finishes when upstream offers it again", () => {
    // As SMT prints them: a custom one without a target, but with a space.
    barred("SLES11-SP4-Pool sle-11-x86_64", "Tools ");
    const { code, stderr } = mirror(20, [pool, tools]);
    expect(code).toBe(1);
    expect(stderr).toMatch(
      failed("smt/mirror", "SMT has not mirrored SLES11-SP4-Pool for sle-11-x86_64, Tools: upstream did not offer"),
    );
    expect(stderr).toContain("smt-scc-sync on this node");
    barred("SLES11-SP4-Pool sle-11-i586", "Other ");
    expect(mirror(20, [pool, tools]).stdout).toBe("mirrored\n");
    barred("SLES11-SP4-Pool sle-11-i586");
    expect(mirror(20, [{ name: pool.name }]).stderr).toMatch(
      failed("smt/mirror", "SMT has not mirrored SLES11-SP4-Pool:"),
    );
  });

  test("reports missing credentials, although SMT names no number of errors", () => {
    program("echo 'Cannot read the Mirror Credentials'; exit 1");
    expect(mirror().stderr).toMatch(failed("smt/mirror", "SMT finds no mirror credentials in /etc/smt.conf"));
  });

  test("reports a full shared file system; and finishes when there is room", () => {
    node.check("umount /smt");
    mountShared("2m");
    node.check("mkdir /smt/repo && chown smt /smt/repo");
    program("dd if=/dev/zero of=/smt/repo/a.rpm bs=1M count=4 || echo \"E 'http://192.0.2.4/a.rpm'\"", 1);
    const { stderr } = mirror();
    expect(stderr).toMatch(failed("smt/mirror", "the shared file system is full: 0 MiB are free on /smt"));
    expect(stderr).toContain("delete their directories below /smt/repo");

    node.check("mount -o remount,size=16m /smt");
    program("dd if=/dev/zero of=/smt/repo/a.rpm bs=1M count=4");
    expect(mirror().stdout).toBe("mirrored\n");
  });

  test("waits for a mirror run of SMT's own, and mirrors then", () => {
    program(
      'if [ "$(pgrep -x smt-mirror | wc -l)" -gt 2 ]; then touch /tmp/refused; echo "Mirror process is still running."; exit 0; fi; ' +
        '[ "${4:-}" != night ] || until [ -e /tmp/refused ]; do sleep 0.1; done',
    );
    node.start("su -s /bin/sh smt -c 'exec /usr/sbin/smt-mirror -d -L /var/log/smt/smt-mirror.log night'");
    node.check("until pgrep -x smt-mirror >/dev/null; do sleep 0.1; done");
    expect(mirror().stdout).toBe("mirrored\n");
    expect(runs()).toBeGreaterThan(2);
  });

  test("reports that SMT cannot acquire its lock, if no mirror run holds it", () => {
    program("echo 'Mirror process is still running.'; exit 0");
    expect(mirror().stderr).toMatch(
      failed("smt/mirror", "SMT reports a mirror run in progress, but no smt-mirror process exists"),
    );
  });

  test("reports an interrupted job, and starts it again", async () => {
    program("sleep 30");
    const step = node.start("smt-ha smt/mirror --mount /smt --timeout 20 --rev 1a2b3c4d");
    step.stdin?.end(`@@ repositories\n${repositoryList([pool])}`);
    const ended = new Promise((resolve) => step.once("exit", resolve));
    await new Promise((resolve) => setTimeout(resolve, 1000));
    node.check("until pgrep -x smt-mirror >/dev/null; do sleep 0.1; done");
    node.check("kill -KILL $(pgrep -f 'job /var/log/smt-[h]a') $(pgrep -x sleep -u smt) $(pgrep -x smt-mirror)");
    expect(await ended).toBe(1);
    expect(node.read("/var/log/smt-ha/smt-mirror.log")).toMatch(failed("smt/mirror", "the mirror run was interrupted"));

    program("true");
    expect(mirror().stdout).toBe("mirrored\n");
  });
});
