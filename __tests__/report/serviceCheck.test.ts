import { execFileSync } from "child_process";
import { X509Certificate } from "crypto";
import * as fs from "fs";
import * as http from "http";
import * as https from "https";
import type { AddressInfo } from "net";
import * as os from "os";
import * as path from "path";
import {
  checkPort,
  checkServer,
  checkService,
  ServiceAddress,
  Unreachable,
  WrongAnswer,
} from "../../report/serviceCheck";

const folder = fs.mkdtempSync(path.join(os.tmpdir(), "smt-ha-"));
/** A key and a certificate for this name, signed by itself. */
function certificate(name: string): { key: string; cert: string } {
  const [key, cert] = ["key", "cert"].map((file) => path.join(folder, `${name}.${file}`));
  const subject = ["-subj", `/CN=${name}`, "-addext", `subjectAltName=DNS:${name}`, "-days", "1"];
  execFileSync("openssl", ["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", key, "-out", cert, ...subject], {
    stdio: "ignore",
  });
  return { key: fs.readFileSync(key, "utf8"), cert: fs.readFileSync(cert, "utf8") };
}
const own = certificate("smt.example.com");
const foreign = certificate("other.example.com");

let answer: { status: number; body: string; type?: string };
const servers: http.Server[] = [];
const handler: http.RequestListener = (request, response) => {
  // A server is asked for its link too, the service is not.
  const known = /^(smt\.example\.com\/test\.html|127\.0\.0\.1(:\d+)?\/test\.html\?link)$/.test(
    `${request.headers.host}${request.url}`,
  );
  response
    .writeHead(known ? answer.status : 404, { "content-type": answer.type ?? "text/html" })
    .end(known ? answer.body : "");
};
const listen = (server: http.Server): Promise<number> =>
  new Promise((resolve) => {
    servers.push(server);
    server.listen(0, "127.0.0.1", () => resolve((server.address() as AddressInfo).port));
  });

let ports: { http: number; https: number };
let foreignPort: number;
beforeAll(async () => {
  ports = { http: await listen(http.createServer(handler)), https: await listen(https.createServer(own, handler)) };
  foreignPort = await listen(https.createServer(foreign, handler));
});
afterAll(() => {
  servers.forEach((server) => server.close());
  fs.rmSync(folder, { recursive: true });
});
beforeEach(() => (answer = { status: 200, body: "still alive\n" }));

const page = { request: "test.html", receive: "still alive" };
const check = (
  scheme: "http" | "https",
  { at = ports, ...changes }: Partial<ServiceAddress> & { at?: typeof ports } = {},
): Promise<Date | undefined> =>
  checkService(
    scheme,
    {
      serviceName: "smt.example.com",
      virtualIp: "127.0.0.1",
      trusted: own.cert,
      ...page,
      ...changes,
    },
    { ports: at, timeout: 500 },
  );

describe.each(["http", "https"] as const)("%s", (scheme) => {
  test("is content with the health page, asked for by the service's name", () =>
    expect(check(scheme)).resolves.toEqual(
      scheme === "https" ? new Date(new X509Certificate(own.cert).validTo) : undefined,
    ));

  test.each([
    [503, "still alive"],
    [200, "moribund"],
  ])("refuses status %s with '%s'", async (status, body) => {
    answer = { status, body };
    await expect(check(scheme)).rejects.toThrow(
      new WrongAnswer(`${scheme}://smt.example.com/test.html answers with status ${status}, without "still alive"`),
    );
  });

  test("distinguishes a service that it can't reach from one that answers wrongly", async () => {
    await expect(check(scheme, { at: { http: 1, https: 1 } })).rejects.toBeInstanceOf(Unreachable);
  });

  test("does not wait for ever", async () => {
    // Takes connections and says nothing.
    const silent = http.createServer(() => undefined);
    const port = await listen(silent);
    await expect(check(scheme, { at: { http: port, https: port } })).rejects.toBeInstanceOf(
      scheme === "http" ? Unreachable : Error,
    );
    silent.closeAllConnections();
  });
});

test("refuses a certificate of a CA that it does not trust, or for another name", async () => {
  const other = { http: 1, https: foreignPort };
  await expect(check("https", { at: other })).rejects.toBeInstanceOf(WrongAnswer);
  await expect(check("https", { at: other, trusted: foreign.cert })).rejects.toThrow(
    /smt\.example\.com.*does not match/,
  );
});

describe("a server", () => {
  const ask = (port = ports.http): Promise<void> => checkServer("127.0.0.1", page, { port, timeout: 500 });

  test("is asked past the director, by its address", () => expect(ask()).resolves.toBeUndefined());

  test("names the causes for which it is not healthy", async () => {
    answer = { status: 503, body: "/smt is not mounted\nthe database does not answer\n", type: "text/plain" };
    await expect(ask()).rejects.toThrow(
      new WrongAnswer(
        "http://127.0.0.1/test.html?link answers with status 503: /smt is not mounted; the database does not answer",
      ),
    );
  });

  test("that has no page answers wrongly, without its web server's own page", async () => {
    answer = { status: 404, body: "<h1>Not Found</h1>" };
    await expect(ask()).rejects.toThrow(
      new WrongAnswer('http://127.0.0.1/test.html?link answers with status 404, without "still alive"'),
    );
  });

  test("that can't be reached is not called wrong", () => expect(ask(1)).rejects.toBeInstanceOf(Unreachable));
});

test("a port answers or not", async () => {
  await expect(checkPort("127.0.0.1", ports.http)).resolves.toBeUndefined();
  await expect(checkPort("127.0.0.1", 1)).rejects.toBeInstanceOf(Unreachable);
});
