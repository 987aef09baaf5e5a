import * as http from "http";
import * as https from "https";
import type { TLSSocket } from "tls";
import { servicePorts } from "../components/ports";

export interface ServiceAddress {
  /** DNS name of the service, which its certificate must hold. */
  readonly serviceName: string;
  /** IPv4 address of the service. */
  readonly virtualIp: string;
  /** Certificates that a client trusts, in PEM. */
  readonly trusted: string;
  /** Path of the health page, without a leading slash. */
  readonly request: string;
  /** What the health page says. */
  readonly receive: string;
  /** TCP ports of http and https; other ones for tests only. */
  readonly ports?: { readonly http: number; readonly https: number };
}

/** The service cannot be reached from here, which need not be its fault. */
export class Unreachable extends Error {}

/** The service can be reached from here, and answers otherwise than it must. */
export class WrongAnswer extends Error {}

/**
 * Asks the service for its health page as a client does, by its name and through the director, but without a name server.
 *
 * @param timeout milliseconds
 * @returns with https, when the certificate ends
 * @throws Unreachable, WrongAnswer
 */
export function checkService(
  scheme: "http" | "https",
  { serviceName, virtualIp, trusted, request, receive, ports = servicePorts }: ServiceAddress,
  timeout = 10_000,
): Promise<Date | undefined> {
  const url = `${scheme}://${serviceName}/${request}`;
  const options = {
    host: virtualIp,
    port: ports[scheme],
    path: `/${request}`,
    headers: { host: serviceName },
    timeout,
  };
  return new Promise((resolve, reject) => {
    const handle = (response: http.IncomingMessage): void => {
      // Not at the response's end, when the connection may be gone.
      const ends =
        scheme === "https" ? new Date((response.socket as TLSSocket).getPeerCertificate().valid_to) : undefined;
      let body = "";
      response.setEncoding("utf8");
      response.on("data", (text: string) => (body += text));
      response.on("end", () =>
        response.statusCode === 200 && body.includes(receive)
          ? resolve(ends)
          : reject(new WrongAnswer(`${url} answers with status ${response.statusCode}, without "${receive}"`)),
      );
    };
    const asked =
      scheme === "https"
        ? https.get({ ...options, ca: trusted, servername: serviceName, agent: false }, handle)
        : http.get({ ...options, agent: false }, handle);
    asked.on("timeout", () => asked.destroy(new Error(`no answer within ${timeout / 1000} s`)));
    asked.on("error", (error: NodeJS.ErrnoException) =>
      // Of Node's errors, those of TLS are not of a system call.
      reject(
        /CERT|SSL|TLS|ISSUER|SIGNATURE|SELF_SIGNED/.test(error.code ?? "")
          ? new WrongAnswer(`${url}: ${error.message}`)
          : new Unreachable(`${url} can't be reached from here at ${virtualIp}: ${error.message}`),
      ),
    );
  });
}
