import * as fs from "fs";
import * as path from "path";
import { replicates } from "./database";
import { Aside, bootOf, eventually, labFolder, must, onNode, report, run, since } from "./lab";
import { expectSteadyState, realServers, table, tableOf, trustService } from "./state";

// Each client makes three connections by TLS, which an emulated node has to compute long for: two a second are too many.
const count = Number(process.env.REGISTRATIONS ?? 60);
const rate = Number(process.env.REGISTRATION_RATE ?? 0.5);

/** What a client saw: see registering.js. */
interface Client {
  readonly name: string;
  readonly start: number;
  readonly end: number;
  readonly guid?: string;
  /** The service has acknowledged its product. */
  readonly registered?: boolean;
  readonly step?: string;
  readonly error?: string;
}

const script = path.join(__dirname, "registering.js");
const sql = (node: string, statement: string): string => onNode(node, `mysql -N smt -e "${statement}"`);
const columns = "p.PRODUCT, p.VERSION, p.ARCH";

/** The product that lab-updates is assigned to, as a client names it. */
function product(): string {
  const tables = "Products p JOIN ProductCatalogs pc ON pc.PRODUCTID = p.ID JOIN Catalogs c ON c.ID = pc.CATALOGID";
  const found = sql("node1", `SELECT ${columns} FROM ${tables} WHERE c.NAME = 'lab-updates' LIMIT 1`);
  const [identifier, version, arch] = found.split("\t");
  return JSON.stringify({ identifier, version, arch });
}

/** Starts clients, who print a line of JSON each. */
const start = (...args: string[]): Aside => new Aside("lab/exec", "node", script, ...args, product());
const lines = (aside: Aside): Client[] => aside.lines().map((line) => JSON.parse(line) as Client);
const errors = (clients: readonly Client[]): string[] =>
  clients.filter(({ error }) => error).map(({ name, step, error }) => `${name}: ${step}: ${error}`);

async function ended(aside: Aside, expected: number): Promise<Client[]> {
  await eventually(expected / rate + 180, () => expect(aside.lines()).toHaveLength(expected));
  const clients = lines(aside);
  aside.stop();
  return clients;
}

const registrations = (node: string, prefix: string): string[] =>
  sql(
    node,
    `SELECT GUID, PRODUCTID FROM Clients JOIN Registration USING (GUID) WHERE HOSTNAME LIKE '${prefix}-%' ORDER BY 1, 2`,
  )
    .split("\n")
    .filter(Boolean);

/** Every acknowledged registration is on every node, once, and the databases follow each other. */
async function expectRegistered(prefix: string, clients: readonly Client[]): Promise<void> {
  const acknowledged = clients.filter(({ registered }) => registered).map(({ guid }) => guid ?? "");
  const start = Date.now();
  await eventually(180, () => {
    const found = realServers.map((node) => registrations(node, prefix));
    expect(found[1]).toEqual(found[0]);
    const guids = found[0].map((line) => line.split("\t")[0]);
    expect(guids).toHaveLength(new Set(guids).size);
    expect(acknowledged.filter((guid) => !guids.includes(guid))).toEqual([]);
  });
  report(`${prefix}: the last answer to the same registrations on both databases`, since(start));
  expect(realServers.map(replicates)).toEqual(["Yes Yes", "Yes Yes"]);
}

/** The figures of a load: what clients saw, how long they took, and which server's numbers they got. */
function reportLoad(prefix: string, clients: readonly Client[]): void {
  const seconds = clients.map(({ start, end }) => (end - start) / 1000).sort((one, other) => one - other);
  const servers = sql("node1", `SELECT ID % 10, COUNT(*) FROM Clients WHERE HOSTNAME LIKE '${prefix}-%' GROUP BY 1`);
  const made = servers.split("\n").map((line) => line.replace(/(\d+)\t(\d+)/, "$2 on node$1"));
  const median = seconds[Math.floor(seconds.length / 2)];
  report(
    prefix,
    `${clients.length} clients, ${rate} a second, ${made.join(", ")}; each ${median} s (median), ${seconds.at(-1)} s at most; ${errors(clients).length} errors`,
  );
  errors(clients).forEach((error) => report(prefix, error));
  expect(made).toHaveLength(realServers.length);
}

/** Makes each database apply the other's changes later, by so many seconds. */
const delay = (seconds: number): void =>
  realServers.forEach((node) => sql(node, `STOP SLAVE; CHANGE MASTER TO MASTER_DELAY = ${seconds}; START SLAVE`));

function forget(): void {
  for (const name of ["Registration", "MachineData"]) {
    sql("node1", `DELETE t FROM ${name} t JOIN Clients c ON c.GUID = t.GUID WHERE c.HOSTNAME LIKE 'load%'`);
  }
  sql("node1", "DELETE j FROM JobQueue j JOIN Clients c ON c.ID = j.GUID_ID WHERE c.HOSTNAME LIKE 'load%'");
  sql("node1", "DELETE FROM Clients WHERE HOSTNAME LIKE 'load%'");
}

/** Clients register with the service, while the databases are behind each other and while a server is lost. Some half an hour. */
export function registration(): void {
  describe("registration", () => {
    beforeAll(() => eventually(300, expectSteadyState));
    afterAll(() => {
      delay(0);
      forget();
    });

    test("gives the real zypper its repositories, until the client is deregistered", async () => {
      const client = (...command: string[]): string => must("lab/client", ...command);
      const zypper = (...args: string[]): string => client("zypper", "--non-interactive", "--no-gpg-checks", ...args);
      const url = "https://smt.smt-ha.lab";
      const connect = (method: string, target: string, ...args: string[]): string =>
        client("curl", "-sS", "-w", "%{http_code}", "-X", method, ...args, `${url}/connect/${target}`);
      fs.rmSync(path.join(labFolder, "client"), { recursive: true, force: true });
      trustService();

      const announced = connect(
        "POST",
        "subscriptions/systems",
        "-d",
        '{"hostname":"load","distro_target":"sles-11-x86_64"}',
      );
      const { login, password } = JSON.parse(announced.replace(/200$/, "")) as { login: string; password: string };
      const as = ["-u", `${login}:${password}`];
      const activated = connect("POST", "systems/products", ...as, "-d", product());
      const service = JSON.parse(activated.replace(/200$/, "")) as { name: string; url: string };
      expect(service.url).toBe(`${url}?credentials=${service.name}`);

      const credentials = `/etc/zypp/credentials.d/${service.name}`;
      client(
        "sh",
        "-c",
        `mkdir -p \${0%/*} && printf 'username=%s\\npassword=%s\\n' "$1" "$2" >"$0"`,
        credentials,
        login,
        password,
      );
      zypper("addservice", "--type=ris", service.url, service.name);
      zypper("refresh-services");
      expect(zypper("repos", "--uri")).toContain(`${url}/repo/RPMMD/lab-updates`);
      zypper("refresh");
      zypper("download", "lab-manual");
      expect(client("find", "/var/cache/zypp/packages", "-name", "lab-manual*.rpm")).not.toBe("");

      expect(connect("DELETE", "systems", ...as)).toBe("204");
      for (const node of realServers) {
        await eventually(60, () => expect(sql(node, `SELECT GUID FROM Clients WHERE GUID = '${login}'`)).toBe(""));
      }
      expect(connect("GET", "systems/activations", ...as)).toMatch(/401$/);
      zypper("refresh-services");
      expect(run("lab/client", "zypper", "repos").output).toContain("No repositories defined");
    });

    test.each([0, 2, 10])(
      "of many clients, with databases that are %i seconds behind: no client sees it",
      async (lag) => {
        delay(lag);
        const prefix = `load${lag}`;
        const clients = await ended(start(`${count}`, `${rate}`, prefix), count);
        delay(0);
        reportLoad(prefix, clients);
        expect(errors(clients)).toEqual([]);
        await expectRegistered(prefix, clients);
      },
    );

    test("of a client twice at once: one of them at least succeeds, and replication goes on", async () => {
      const clients = await ended(start("twice", "16", "load-twice"), 32);
      report("a client twice at once", `${errors(clients).length} of ${clients.length} refused`);
      // The same server may find that the other request has made the row meanwhile.
      const unexpected = clients.filter(({ error }) => error && !/^500 .*Duplicate entry/.test(error));
      expect(errors(unexpected)).toEqual([]);
      expect(new Set(clients.filter(({ registered }) => registered).map(({ name }) => name)).size).toBe(16);
      await expectRegistered("load-twice", clients);
    });

    test("while a server loses its power: errors only until it is out of the pool", async () => {
      const aside = start(`${count}`, `${rate}`, "load-lost");
      await eventually(count / rate, () => expect(aside.lines().length).toBeGreaterThan(count / 4));
      const boot = bootOf("node2");
      const lost = Date.now();
      must("lab/vcenter", "reset", "node2");
      await eventually(120, () => expect(table()).toEqual(tableOf("node1")));
      const out = Date.now();
      report("power lost to real server out", since(lost, out));
      const clients = await ended(aside, count);
      await eventually(600, () => {
        expect(bootOf("node2")).not.toBe(boot);
        expectSteadyState();
      });
      reportLoad("load-lost", clients);
      // A request that was under way may wait for its time to be over.
      const late = clients.filter(({ start, end }) => end < lost || start > out + 1000);
      expect(errors(late)).toEqual([]);
      for (const node of realServers) {
        await eventually(180, () => expect([node, replicates(node)]).toEqual([node, "Yes Yes"]));
      }
      await expectRegistered("load-lost", clients);
    });
  });
}
