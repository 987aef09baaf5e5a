import * as http from "http";
import * as https from "https";
import * as net from "net";
import type { TLSSocket } from "tls";
import { servicePorts } from "../components/ports";

/** The page by which a server says that it is healthy. */
export interface HealthPage {
  /** Path, without a leading slash. */
  readonly request: string;
  /** What it says if all is well. Otherwise its status is not 200, and it names the causes, one a line. */
  readonly receive: string;
}

export interface ServiceAddress extends HealthPage {
  /** DNS name of the service, which its certificate must hold. */
  readonly serviceName: string;
  /** IPv4 address of the service. */
  readonly virtualIp: string;
  /** Certificates that a client trusts, in PEM. */
  readonly trusted: string;
}

/** What is asked can't be reached from here, which need not be its fault. */
export class Unreachable extends Error {}

/** What is asked can be reached from here, and answers otherwise than it must. */
export class WrongAnswer extends Error {}

/** Milliseconds that an answer may take. */
const defaultTimeout = 10_000;

/**
 * Asks the service for its health page as a client does, by its name and through the node that balances, but without a name server.
 *
 * @returns with https, when the certificate ends
 * @throws Unreachable, WrongAnswer
 */
export function checkService(
  scheme: "http" | "https",
  { serviceName, virtualIp, trusted, request, receive }: ServiceAddress,
  {
    ports = servicePorts,
    timeout = defaultTimeout,
  }: { ports?: Readonly<Record<"http" | "https", number>>; timeout?: number } = {},
): Promise<Date | undefined> {
  const options = {
    host: virtualIp,
    port: ports[scheme],
    path: `/${request}`,
    headers: { host: serviceName },
    timeout,
    agent: false,
  } as const;
  return askPage(`${scheme}://${serviceName}/${request}`, receive, timeout, (handle) =>
    scheme === "https"
      ? https.get({ ...options, ca: trusted, servername: serviceName }, handle)
      : http.get(options, handle),
  );
}

/**
 * Asks one server for its health page, past the director. With `?link`, it is not healthy without a working replication link
 * either, even if no other server has one.
 *
 * @throws Unreachable, WrongAnswer
 */
export async function checkServer(
  address: string,
  { request, receive }: HealthPage,
  { port = servicePorts.http, timeout = defaultTimeout }: { port?: number; timeout?: number } = {},
): Promise<void> {
  const page = `${request}?link`;
  await askPage(`http://${address}/${page}`, receive, timeout, (handle) =>
    http.get({ host: address, port, path: `/${page}`, timeout, agent: false }, handle),
  );
}

/**
 * Connects to a TCP port.
 *
 * @throws Unreachable
 */
export function checkPort(address: string, port: number, timeout = defaultTimeout): Promise<void> {
  return new Promise((resolve, reject) => {
    const socket = net.connect({ host: address, port, timeout }, () => {
      socket.destroy();
      resolve();
    });
    socket.on("timeout", () => socket.destroy(noAnswer(timeout)));
    socket.on("error", ({ message }) => reject(new Unreachable(message)));
  });
}

const noAnswer = (timeout: number): Error => new Error(`no answer within ${timeout / 1000} s`);

function askPage(
  url: string,
  receive: string,
  timeout: number,
  get: (handle: (response: http.IncomingMessage) => void) => http.ClientRequest,
): Promise<Date | undefined> {
  return new Promise((resolve, reject) => {
    const asked = get((response) => {
      // Not at the response's end, when the connection may be gone.
      const ends = url.startsWith("https")
        ? new Date((response.socket as TLSSocket).getPeerCertificate().valid_to)
        : undefined;
      let body = "";
      response.setEncoding("utf8");
      response.on("data", (text: string) => (body += text));
      response.on("end", () =>
        response.statusCode === 200 && body.includes(receive)
          ? resolve(ends)
          : reject(
              new WrongAnswer(`${url} answers with status ${response.statusCode}${causes(response, body, receive)}`),
            ),
      );
    });
    asked.on("timeout", () => asked.destroy(noAnswer(timeout)));
    asked.on("error", (error: NodeJS.ErrnoException) =>
      // Of Node's errors, those of TLS are not of a system call.
      reject(
        /CERT|SSL|TLS|ISSUER|SIGNATURE|SELF_SIGNED/.test(error.code ?? "")
          ? new WrongAnswer(`${url}: ${error.message}`)
          : new Unreachable(`${url} can't be reached from here: ${error.message}`),
      ),
    );
  });
}

/** What a health page names as the causes. Apache's own pages are HTML. */
function causes(response: http.IncomingMessage, body: string, receive: string): string {
  const lines = body.split("\n").filter((line) => line.trim() !== "");
  return response.statusCode !== 200 && response.headers["content-type"]?.startsWith("text/plain") && lines.length > 0
    ? `: ${lines.join("; ")}`
    : `, without "${receive}"`;
}
