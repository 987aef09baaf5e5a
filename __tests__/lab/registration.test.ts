import { databaseConfig } from "../../components/mysqlMasterPair";
import { putDatabase } from "../support/databaseFiles";
import { TestNode } from "../support/node";
import { startWithStandIn } from "../support/standIn";

// The registration of the lab's stand-in for SMT: its package on a test node, with a real Apache and two real MariaDBs that
// follow each other.

jest.setTimeout(180_000);

/** Apache as Debian has it, with the documents that web_follow_links opens. */
const apache = `
ServerName smt.example.com
Listen 80
User www-data
Group www-data
PidFile /run/apache2/apache2.pid
ErrorLog /var/log/apache2.log
DocumentRoot /var/www/html
${[
  "mpm_event",
  "auth_basic",
  "authn_core",
  "authz_core",
  "authz_user",
  "alias",
  "dir",
  "mime",
  "autoindex",
  "socache_shmcb",
  "ssl",
  "perl",
]
  .map((name) => `LoadModule ${name}_module /usr/lib/apache2/modules/mod_${name}.so`)
  .join("\n")}
TypesConfig /etc/mime.types
<Directory "/">
    Require all denied
</Directory>
<Directory "/var/www/html">
    Options FollowSymLinks
    Require all granted
</Directory>
Include /etc/apache2/conf-available/smt.conf
`;

const products = `
INSERT INTO Products (ID, PRODUCTDATAID, PRODUCT, VERSION, ARCH, PRODUCTLOWER, VERSIONLOWER, ARCHLOWER, FRIENDLY, PRODUCT_LIST, PARAMLIST, NEEDINFO)
VALUES (500, 1500, 'SLES', '12.5', 'x86_64', 'sles', '12.5', 'x86_64', 'SLES 12 SP5', 'Y', NULL, NULL),
  (501, 1501, 'sdk', '12.5', 'x86_64', 'sdk', '12.5', 'x86_64', 'SDK 12 SP5', 'Y', NULL, NULL),
  (502, 1502, 'Old', '11', NULL, 'old', '11', NULL, 'Old 11', 'Y',
   '<paramlist xmlns="x"><guid/><param id="processor"/></paramlist>',
   '<needinfo xmlns="x"><guid/><param id="a"><param id="processor" command="uname -p" class="mandatory"/></param><param id="memory" command="free"/></needinfo>');
INSERT INTO Catalogs (ID, CATALOGID, NAME, DESCRIPTION, TARGET, LOCALPATH, EXTHOST, EXTURL, CATALOGTYPE, DOMIRROR, MIRRORABLE)
VALUES (600, 'a', 'Pool', 'pool & more', 'sle-12-x86_64', '$RCE/Pool/sle-12-x86_64', '', '', 'nu', 'Y', 'Y'),
  (601, 'b', 'Tools', 'tools', NULL, '/RPMMD/Tools', '', '', 'zypp', 'Y', 'Y'),
  (602, 'c', 'Other', 'other', 'sle-12-s390x', '$RCE/Other', '', '', 'nu', 'Y', 'Y'),
  (603, 'd', 'Debug', 'debug', 'sle-12-x86_64', '$RCE/Debug', '', '', 'nu', 'N', 'Y'),
  (604, 'e', 'SDK', 'sdk', 'sle-12-x86_64', '$RCE/SDK', '', '', 'nu', 'N', 'Y');
INSERT INTO ProductCatalogs (PRODUCTID, CATALOGID, OPTIONAL)
VALUES (500, 600, 'N'), (500, 601, 'N'), (500, 602, 'N'), (500, 603, 'Y'), (501, 604, 'N'), (502, 600, 'N'), (502, 601, 'N');
INSERT INTO Targets (OS, TARGET) VALUES ('SUSE Linux Enterprise Server 12 (x86_64)', 'sle-12-x86_64');
`;

/** The databases' sockets. SMT has the first. */
const servers = ["/run/mysqld/mysqld.sock", "/run/mysqld/other.sock"];

let node: TestNode;

/** For an object that is expected: a text of this form, an object with these fields. */
const like = (form: RegExp): unknown => expect.stringMatching(form);
const having = (fields: object): unknown => expect.objectContaining(fields);

interface Answer {
  readonly status: number;
  readonly type: string;
  readonly body: string;
}

function request(method: string, target: string, { as = "", body = "", accept = "*/*" } = {}): Answer {
  const output = node.check(
    `curl -s -X ${method} ${as && `-u '${as}'`} -H 'Accept: ${accept}' --data-binary @- -w '\\n%{http_code} %{content_type}' 'http://127.0.0.1${target}'`,
    body,
  );
  const [, text, status, type] = /^([^]*)\n(\d+) (.*)$/.exec(output) ?? [];
  return { status: Number(status), type, body: text };
}
const json = ({ status, body }: Answer): unknown[] => [status, body && (JSON.parse(body) as unknown)];
const connect = (method: string, target: string, as = "", data?: unknown): unknown[] =>
  json(request(method, `/connect/${target}`, { as, body: data === undefined ? "" : JSON.stringify(data) }));
const sql = (statement: string, server = servers[0]): string =>
  node.check(`mysql -NS ${server} smt`, statement).trimEnd();

const sles = { identifier: "SLES", version: "12.5-0", arch: "x86_64" };
const refused = (status: number, error: string): unknown[] => [
  status,
  { type: "error", status, error, localized_error: error },
];
const unauthorized = [401, having({ status: 401, error: like(/not verify/) })];

/** Announces a client; gives its credentials as curl takes them. */
function announce(hostname: string, target = "sle-12-x86_64"): string {
  const [status, answer] = connect("POST", "subscriptions/systems", "", {
    hostname,
    distro_target: target,
    hwinfo: { hypervisor: "KVM" },
  });
  expect([status, answer]).toEqual([200, { login: like(/^SCC_[0-9a-f]{32}$/), password: like(/^[0-9a-f]{32}$/) }]);
  const { login, password } = answer as { login: string; password: string };
  return `${login}:${password}`;
}
/** Announces a client and activates the product. */
function register(hostname: string): string {
  const client = announce(hostname);
  expect(connect("POST", "systems/products", client, sles)[0]).toBe(200);
  return client;
}
const guidOf = (client: string): string => client.split(":")[0];
const setKey = (key: string, value: string): string =>
  node.check(`sed -i 's|^${key}=.*|${key}=${value}|' /etc/smt.conf`);

beforeAll(async () => {
  node = await startWithStandIn();
  node.check("dpkg --install --force-depends /srv/packages/smt.deb");
  node.check("mkdir -p /run/mysqld /run/apache2 && chown mysql /run/mysqld");
  for (const [index, socket] of servers.entries()) {
    // Any statement that is not safe to repeat is logged as rows.
    const server = `datadir = /srv/database${index}\nport = ${3306 + index}\nsocket = ${socket}\nuser = mysql\nbinlog-format = MIXED\n`;
    node.write(`/srv/${index}.cnf`, `${databaseConfig(index + 1, 2)}${server}`);
    await putDatabase(node, `/srv/database${index}`, "empty");
    node.check(`setsid mariadbd --defaults-file=/srv/${index}.cnf >/run/mariadbd${index}.log 2>&1 &
      for i in $(seq 200); do mysqladmin -S ${socket} ping >/dev/null 2>&1 && exit 0; sleep 0.2; done; cat /run/mariadbd${index}.log; exit 1`);
  }
  node.check("/usr/lib/SMT/bin/smt-db setup --yast", "\nsmt\nsecret\nsecret\n");
  node.check(`mysqldump --databases smt | mysql -S ${servers[1]}`);
  // Both accounts before the first link: it would try again after a minute only.
  for (const socket of servers) {
    node.check(
      `mysql -S ${socket}`,
      `GRANT ALL ON *.* TO smt@localhost IDENTIFIED BY 'secret'; GRANT REPLICATION SLAVE ON *.* TO smt@'127.0.0.1' IDENTIFIED BY 'secret'`,
    );
  }
  servers.forEach((socket, index) => {
    const [file, position] = node.check(`mysql -NS ${servers[1 - index]} -e 'SHOW MASTER STATUS'`).split("\t");
    const source = `MASTER_HOST = '127.0.0.1', MASTER_PORT = ${3307 - index}, MASTER_USER = 'smt', MASTER_PASSWORD = 'secret'`;
    node.check(
      `mysql -S ${socket}`,
      `CHANGE MASTER TO ${source}, MASTER_LOG_FILE = '${file}', MASTER_LOG_POS = ${position}; START SLAVE`,
    );
  });
  sql(products);
  setKey("url", "https://smt.example.com/");
  node.write("/etc/apache2/test.conf", apache);
  node.check("apache2 -f /etc/apache2/test.conf && sleep 1");
});

afterAll(() => node.stop());

/** What the database has of a client, other than its secret and its times. */
const stored = (guid: string): string[] =>
  [
    `SELECT PRODUCTID FROM Registration WHERE GUID = '${guid}' ORDER BY PRODUCTID`,
    `SELECT CONCAT_WS('=', KEYNAME, VALUE) FROM MachineData WHERE GUID = '${guid}' AND KEYNAME NOT IN ('machinedata', 'secret') ORDER BY KEYNAME`,
    `SELECT CONCAT_WS(' ', TYPE, PERSISTENT, TIMELAG) FROM JobQueue JOIN Clients ON GUID_ID = Clients.ID WHERE GUID = '${guid}'`,
  ].map((query) => sql(query).replace(/\n/g, " "));
const slesData = "product-arch-500=x86_64 product-name-500=SLES product-rel-500 product-version-500=12.5";

describe("SUSEConnect's protocol", () => {
  test("announces a client, with a login and a secret of its own", () => {
    const client = announce("one");
    const guid = guidOf(client);
    expect(sql(`SELECT HOSTNAME, TARGET, SECRET, REGTYPE FROM Clients WHERE GUID = '${guid}'`)).toBe(
      `one\tsle-12-x86_64\t${client.split(":")[1]}\tSC`,
    );
    expect(stored(guid)).toEqual(["", "host=Y virttype=KVM", "1 1 23:00:00"]);
    expect(sql(`SELECT VALUE FROM MachineData WHERE GUID = '${guid}' AND KEYNAME = 'machinedata'`)).toContain("one");
  });

  test("takes a client's address for its name, and refuses one without a target", () => {
    const [, answer] = connect("POST", "subscriptions/systems", "", { distro_target: "sle-12-x86_64" });
    expect(sql(`SELECT HOSTNAME FROM Clients WHERE GUID = '${(answer as { login: string }).login}'`)).toMatch(
      /^(localhost|127\.0\.0\.1)$/,
    );
    expect(connect("POST", "subscriptions/systems", "", { hostname: "one" })).toEqual(refused(404, "Not Found"));
  });

  test("activates a product, and tells the service and its repositories; again, it changes nothing", () => {
    const client = announce("two");
    const service = {
      id: 1,
      name: "SMT-https_smt_example_com",
      obsoleted_service_name: "SMT-https_smt_example_com",
      url: "https://smt.example.com?credentials=SMT-https_smt_example_com",
      product: having({ id: 500, identifier: "SLES", version: "12.5", available: true, free: true }),
    };
    const [status, answer] = connect("POST", "systems/products", client, { ...sles, token: "code" });
    expect([status, answer]).toEqual([200, service]);
    const { product } = answer as { product: { repositories: unknown[] } };
    expect(product.repositories).toHaveLength(4);
    expect(product.repositories[0]).toEqual({
      id: 600,
      name: "Pool",
      description: "pool & more",
      distro_target: "sle-12-x86_64",
      url: "https://smt.example.com/repo/$RCE/Pool/sle-12-x86_64",
      enabled: true,
      autorefresh: true,
      installer_updates: false,
    });
    const token = slesData.replace(" product-version", " product-token-500=code product-version");
    expect(stored(guidOf(client))).toEqual(["500", `host=Y ${token} virttype=KVM`, "1 1 23:00:00"]);

    expect(connect("POST", "systems/products", client, sles)).toEqual([200, service]);
    expect(stored(guidOf(client))).toEqual(["500", `host=Y ${slesData} virttype=KVM`, "1 1 23:00:00"]);
    expect(connect("GET", "systems/activations", client)).toEqual([
      200,
      [
        {
          system_id: Number(sql(`SELECT ID FROM Clients WHERE GUID = '${guidOf(client)}'`)),
          regcode: null,
          type: null,
          status: null,
          starts_at: null,
          expires_at: null,
          service,
        },
      ],
    ]);
    const shown = [200, { ...product, extensions: [] }];
    expect(connect("GET", "systems/products?identifier=SLES&version=12.5&arch=x86%5F64", client)).toEqual(shown);
  });

  test("names what it can't activate", () => {
    const client = announce("three");
    const activate = (data: unknown): unknown[] => connect("POST", "systems/products", client, data);
    expect(activate({ ...sles, version: "13" })).toEqual(refused(422, "No valid product found"));
    expect(activate({ ...sles, arch: "" })).toEqual(refused(422, "Missing required parameter: arch"));
    const sdk = { ...sles, identifier: "sdk" };
    expect(activate(sdk)).toEqual([
      422,
      having({
        error: like(/^Product not \(fully\) mirrored on this server.*\n.*\n {2}\* SDK \(sdk,12\.5,x86_64\)\n$/),
      }),
    ]);
    expect(connect("GET", "systems/products?identifier=SLES&version=12.5&arch=x86_64", client)).toEqual(
      refused(422, "The requested product is not activated on this system."),
    );
    expect(connect("GET", "systems/activations", client)).toEqual(
      refused(422, "No products activated on this system."),
    );
    expect(stored(guidOf(client))[0]).toBe("");
    sql("UPDATE Catalogs SET DOMIRROR = 'Y' WHERE NAME = 'SDK'");
    expect(activate(sdk)[0]).toBe(200);
    sql("UPDATE Catalogs SET DOMIRROR = 'N' WHERE NAME = 'SDK'");
  });

  test("updates a client and forgets it", () => {
    const client = register("four");
    const guid = guidOf(client);
    expect(connect("PUT", "systems", client, { hostname: "new", distro_target: "sle-12-s390x" })).toEqual([200, {}]);
    expect(sql(`SELECT HOSTNAME, TARGET FROM Clients WHERE GUID = '${guid}'`)).toBe("new\tsle-12-s390x");
    expect(stored(guid)[1]).toBe(slesData);
    sql(`UPDATE Clients SET LASTCONTACT = '2020-01-01' WHERE GUID = '${guid}'`);
    expect(connect("PATCH", "systems", client, {})[0]).toBe(200);
    expect(sql(`SELECT LASTCONTACT > '2021-01-01' FROM Clients WHERE GUID = '${guid}'`)).toBe("1");

    expect(connect("DELETE", "systems", client)).toEqual([204, ""]);
    expect(stored(guid)).toEqual(["", "", ""]);
    expect(sql(`SELECT COUNT(*) FROM Clients WHERE GUID = '${guid}'`)).toBe("0");
    expect(connect("DELETE", "systems", client)).toEqual(unauthorized);
  });

  test.each([
    ["no credentials", ""],
    ["the secret of nobody", "nobody:secret"],
    ["no secret", "five:"],
    ["a wrong secret", "five:wrong"],
  ])("refuses %s", (_, as) => {
    sql("INSERT IGNORE INTO Clients (GUID, SECRET) VALUES ('five', '')");
    const calls: readonly [string, string][] = [
      ["POST", "systems/products"],
      ["GET", "systems/activations"],
      ["PUT", "systems"],
      ["DELETE", "systems"],
    ];
    for (const [method, target] of calls) {
      expect(connect(method, target, as, sles)).toEqual(unauthorized);
    }
    expect(node.check(`curl -si -u '${as}' http://127.0.0.1/connect/systems`)).toMatch(
      /^WWW-Authenticate: Basic realm="SMT-Client-Authentication"/m,
    );
  });

  test("says which version it speaks, and refuses others and unknown requests", () => {
    const ask = (accept: string): unknown[] => json(request("GET", "/connect/subscriptions/x", { accept }));
    expect(ask("application/vnd.scc.suse.com.v4+json")).toEqual(refused(404, "Not Found"));
    expect(ask("application/json,application/vnd.scc.suse.com.v9+json")).toEqual([
      406,
      having({ error: "API version not supported" }),
    ]);
    expect(node.check("curl -si http://127.0.0.1/connect/subscriptions/x")).toMatch(/^scc-api-version: v4\r$/m);
    const broken = request("POST", "/connect/subscriptions/systems", { body: "{" });
    expect(broken).toMatchObject({ status: 500, type: "application/json" });
    expect(JSON.parse(broken.body)).toMatchObject({
      status: 500,
      error: like(/Internal Server Error/),
    });
  });

  test("says when the database refuses, or is away", () => {
    const client = announce("six");
    sql("RENAME TABLE Registration TO Hidden");
    expect(connect("POST", "systems/products", client, sles)).toEqual([
      500,
      having({ error: like(/^DBERROR: .*Registration/) }),
    ]);
    sql("RENAME TABLE Hidden TO Registration");
    node.check(
      "mv /run/mysqld/mysqld.sock /run/mysqld/hidden && mysqladmin -S /run/mysqld/hidden kill $(mysql -NS /run/mysqld/hidden -e \"SELECT GROUP_CONCAT(id) FROM information_schema.processlist WHERE USER = 'smt'\")",
    );
    expect(connect("POST", "systems/products", client, sles)[0]).toBe(500);
    node.check("mv /run/mysqld/hidden /run/mysqld/mysqld.sock");
    expect(connect("POST", "systems/products", client, sles)[0]).toBe(200);
  });
});

const call = (command: string, body = ""): Answer =>
  request("POST", `/center/regsvc?command=${command}&lang=en-US&version=1.0`, { body });
const product = (name: string, version: string): string =>
  `<product version="${version}" release="" arch="x86_64">${name}</product>`;
const ask = (products: string, params = "", attributes = 'accept="optional"', guid = "g1"): Answer =>
  call(
    "register",
    `<register xmlns="x" ${attributes}><guid>${guid}</guid><host type="Y">h</host>${products}<param id="secret">s1</param>
      <param id="hostname">seven</param><param id="ostarget">SUSE Linux Enterprise Server 12 (x86_64)</param>${params}</register>`,
  );

describe("suse_register's protocol", () => {
  test("lists products and their parameters", () => {
    expect(call("listproducts").body).toContain("<product>SLES</product>");
    expect(call("listparams", `<listparams>${product("Old", "11")}</listparams>`)).toEqual({
      status: 200,
      type: "text/xml",
      body: '<?xml version="1.0" encoding="UTF-8"?>\n<paramlist xmlns="x"><guid/><param id="processor"/></paramlist>',
    });
  });

  test("asks for what a product needs to know", () => {
    expect(ask(product("Old", "11")).body).toContain(
      '<needinfo xmlns="x"><param id="a"><param class="mandatory" command="uname -p" id="processor"/></param><param command="free" id="memory"/></needinfo>',
    );
    expect(ask(product("Old", "11"), "", 'accept="mandatory"').body).not.toContain("free");
    expect(sql("SELECT COUNT(*) FROM Clients WHERE GUID = 'g1'")).toBe("0");
  });

  test("registers a client, and tells its repositories; again, it replaces its products", () => {
    const told = '<param id="processor">p</param><param id="memory"/>';
    const answer = ask(product("Old", "11") + product("SLES", "12.5"), told).body;
    expect(answer.replace(/generated="\d+"/, "")).toMatchInlineSnapshot(`
      "<?xml version="1.0" encoding="UTF-8"?>
      <zmdconfig xmlns="http://www.novell.com/xml/center/regsvc-1_0" lang="en"><guid>g1</guid><service id="SMT-https_smt_example_com" description="Local NU Server" type="nu"><param id="url">https://smt.example.com/</param><param name="catalog" url="https://smt.example.com/repo/$RCE/Pool/sle-12-x86_64">Pool</param></service><service id="Tools" description="tools" type="zypp"><param id="url">https://smt.example.com/repo/RPMMD/Tools</param><param name="catalog">Tools</param></service><status ><productstatus product="SLES" version="12.5" release="" arch="x86_64" result="success" errorcode="OK"><message>Ok.</message></productstatus><productstatus product="Old" version="11" release="" arch="" result="success" errorcode="OK"><message>Ok.</message></productstatus></status></zmdconfig>"
    `);
    const client = "SELECT HOSTNAME, TARGET, SECRET, REGTYPE FROM Clients WHERE GUID = 'g1'";
    expect(sql(client)).toBe("seven\tsle-12-x86_64\ts1\tSR");
    const [registered, data, job] = stored("g1");
    expect([registered, job]).toEqual(["500 502", "1 1 23:00:00"]);
    expect(data).toMatch(
      /^host=h hostname=seven memory= ostarget=SUSE Linux Enterprise Server 12 \(x86_64\) processor=p product-arch-500=x86_64 .* virttype=Y$/,
    );

    expect(ask(product("SLES", "12.5")).body).toContain("<zmdconfig");
    expect(stored("g1")[0]).toBe("500");
    expect(stored("g1")[1]).not.toMatch(/502|memory/);
    expect(sql(client)).toBe("seven\tsle-12-x86_64\ts1\tSR");
  });

  test("refuses what it doesn't know", () => {
    const text = { status: 400, type: "text/plain" };
    expect(ask(product("None", "1"))).toEqual({ ...text, body: "Product (None 1  x86_64) not found on Server." });
    expect(call("none")).toEqual({ ...text, body: "Bad Request" });
    expect(call("register", "<register>")).toEqual({ ...text, body: "Bad Request" });
    expect(request("POST", "/center/regsvc?command=register&version=2.0")).toEqual({
      ...text,
      body: "Invalid protocol version.",
    });
  });
});

const index = (as = ""): Answer => request("GET", "/repo/repoindex.xml", { as });
const names = (as: string): string[] => [...index(as).body.matchAll(/<repo name="([^"]+)"/g)].map(([, name]) => name);

describe("the repositories", () => {
  beforeAll(() =>
    node.check(`cd /var/www/html/repo && mkdir -p '$RCE/Pool/sle-12-x86_64' '$RCE/SDK' tools && echo data >'$RCE/Pool/sle-12-x86_64/file'
      echo data >'$RCE/SDK/file'; echo data >tools/file`),
  );

  test("are listed for each client: those of its products and its target that are mirrored", () => {
    const client = register("eight");
    expect(index(client)).toMatchObject({ status: 200, type: "text/xml" });
    expect(index(client).body).toMatchInlineSnapshot(`
      "<?xml version="1.0" encoding="UTF-8"?>
      <repoindex>
      <repo name="Pool" alias="Pool" description="pool &amp; more" distro_target="sle-12-x86_64" path="$RCE/Pool/sle-12-x86_64" priority="0" pub="0" autorefresh="1" enabled="1"/>
      <repo name="Tools" alias="Tools" description="tools" distro_target="" path="/RPMMD/Tools" priority="0" pub="0" autorefresh="1" enabled="1"/>
      </repoindex>"
    `);
    expect(names("g1:s1")).toEqual(["Pool"]);
    // Of two products that share one, too.
    expect(connect("POST", "systems/products", client, { ...sles, identifier: "old", version: "11" })[0]).toBe(200);
    expect(names(client)).toEqual(["Pool", "Tools"]);
    sql("UPDATE Catalogs SET DOMIRROR = 'N' WHERE NAME = 'Tools'");
    expect(names(client)).toEqual(["Pool"]);
    sql("UPDATE Catalogs SET DOMIRROR = 'Y' WHERE NAME = 'Tools'");
    sql(`UPDATE Clients SET LASTCONTACT = '2020-01-01' WHERE GUID = '${guidOf(client)}'`);
    index(client);
    expect(sql(`SELECT LASTCONTACT > '2021-01-01' FROM Clients WHERE GUID = '${guidOf(client)}'`)).toBe("1");
    expect(names(announce("nine"))).toEqual([]);
  });

  test("have an index for those with credentials only, which is empty for one who is not known here", () => {
    expect(index().status).toBe(401);
    expect([index("nobody:x").status, names("nobody:x")]).toEqual([200, []]);
  });

  test("are for all, for clients, or for those who have them, as smt.conf says", () => {
    const client = register("ten");
    const seen = (as: string): number[] =>
      ["$RCE/Pool/sle-12-x86_64/file", "$RCE/SDK/file", "tools/file"].map(
        (file) => request("GET", `/repo/${encodeURI(file)}`, { as }).status,
      );
    const wrong = `${guidOf(client)}:wrong`;
    expect(["", wrong, client].map(seen)).toEqual([
      [200, 200, 200],
      [200, 200, 200],
      [200, 200, 200],
    ]);
    setKey("requiredAuthType", "lazy");
    expect(["", wrong, client].map(seen)).toEqual([
      [401, 401, 200],
      [401, 401, 200],
      [200, 200, 200],
    ]);
    setKey("requiredAuthType", "strict");
    expect(["", wrong, client].map(seen)).toEqual([
      [401, 401, 200],
      [401, 401, 200],
      [200, 403, 200],
    ]);
    setKey("requiredAuthType", "none");
  });
});

describe("two databases that follow each other", () => {
  const use = (server: string): string =>
    setKey("config", `dbi:mysql:database=smt;host=localhost;mysql_socket=${server}`);
  /** All rows of a database, and the state of its link. */
  const state = (server: string): string =>
    node.check(
      `mysqldump -S ${server} --no-create-info --compact --skip-extended-insert smt | sort; mysql -S ${server} -e 'SHOW SLAVE STATUS\\G' | sed -n 's/^ *Last_.*Error: //p'`,
    );
  const expectSame = async (but = /$^/g): Promise<void> => {
    const same = (): string[] => servers.map((server) => state(server).replace(but, ""));
    for (let tries = 0; new Set(same()).size > 1 && tries < 20; tries++) {
      await new Promise((resolve) => setTimeout(resolve, 200));
    }
    const [one, other] = same();
    expect(one).toBe(other);
  };
  afterAll(() => use(servers[0]));

  test("have all that clients did on either", async () => {
    use(servers[1]);
    const client = register("eleven");
    await expectSame();
    use(servers[0]);
    expect(names(client)).toEqual(["Pool", "Tools"]);
    expect(connect("PUT", "systems", client, { hostname: "eleven again" })[0]).toBe(200);
    register("twelve");
    await expectSame();
    // Each gives its own numbers.
    expect(sql("SELECT HOSTNAME, ID % 10 FROM Clients WHERE HOSTNAME IN ('eleven again', 'twelve') ORDER BY 1")).toBe(
      "eleven again\t2\ntwelve\t1",
    );
    const events = node.check("cd /srv && mysqlbinlog database?/mysqld-bin.0* | grep -c Table_map || true");
    expect(events).toBe("0\n");
  });

  test("go on after the same client was on both before they knew, as rows that replace each other", async () => {
    const client = announce("thirteen");
    await expectSame();
    for (const server of servers) {
      sql("SET GLOBAL binlog_format = ROW; SET GLOBAL slave_exec_mode = IDEMPOTENT; STOP SLAVE SQL_THREAD", server);
    }
    node.check("apache2 -f /etc/apache2/test.conf -k graceful");
    for (const server of servers) {
      use(server);
      expect(connect("POST", "systems/products", client, sles)[0]).toBe(200);
      expect(ask(product("SLES", "12.5"), "", "", "g2").status).toBe(200);
    }
    servers.forEach((server) => sql("START SLAVE SQL_THREAD", server));
    // Each has the other's row then, with its time and its number, until the client changes it.
    await expectSame(/^INSERT INTO `Clients` .*'g2'.*|\d+-\d+-\d+ \d+:\d+:\d+/gm);
    const numbers = (): string[] =>
      servers.map((server) => sql("SELECT ID % 10 FROM Clients WHERE GUID = 'g2'", server));
    expect(numbers()).toEqual(["2", "1"]);
    sql("UPDATE Clients SET DESCRIPTION = 'after'", servers[1]);
    await expectSame(/\d+-\d+-\d+ \d+:\d+:\d+/g);
    expect(numbers()).toEqual(["1", "1"]);
    expect(stored(guidOf(client))[0]).toBe("500");
  });
});
