import * as path from "path";
import { Failure } from "../../cli/failure";
import { run } from "../commands";
import type { Count, Scheme, Size } from "./measurement";

/** The service's address in the lab. */
const service = "192.0.2.10";

/** The ends of the clients' addresses: none is another machine's, or of those that lab/client may take. */
const numbers = [200, 201, 202, 203, 204, 205, 206, 207] as const;

/** Each round of a load lasts so many seconds. */
const duration = 15;

/** A client, and the real server that the balancer keeps it with. */
export interface Client {
  readonly number: number;
  /** Address. */
  readonly server: string;
}

/** Runs a command as a client. */
const asClient = async (number: number, ...command: string[]): Promise<string> =>
  (await run(["lab/exec", "unshare", "--net", "bench/service/client", String(number), ...command])).stdout;

/** A file's address, at the service or at one server. */
const url = (scheme: Scheme, size: Size, at: string): string => `${scheme}://${at}/repo/RPMMD/smt-ha-bench/${size}`;

/**
 * A client for each of two real servers, in the order of the servers' addresses. The balancer decides which client asks which one,
 * and remembers it, so each of some clients asks until both are asked.
 *
 * @param director the node that balances
 */
export async function clientsOf(scheme: Scheme, director: string): Promise<readonly [Client, Client]> {
  const found = new Map<string, Client>();
  for (const number of numbers) {
    await asClient(number, "curl", "-sSfk", "--head", url(scheme, "small", service));
    const server = serverOf(number, scheme, (await run(["lab/ssh", director, "ipvsadm -Lnc"])).stdout);
    if (server !== undefined && !found.has(server)) {
      found.set(server, { number, server });
    }
    const [one, other] = [...found.values()].sort((a, b) => (a.server < b.server ? -1 : 1));
    if (one && other) {
      return [one, other];
    }
  }
  throw new Failure("bench: the service not measured", {
    cause: `the balancer on ${director} sends all of ${numbers.length} clients to ${[...found.keys()].join(" ") || "none"}`,
    fix: "bring both real servers into the pool: lab/smt-ha status says what is wrong",
  });
}

/** The real server that a list of the balancer's connections (`ipvsadm -Lnc`) has for a client. */
export function serverOf(number: number, scheme: Scheme, connections: string): string | undefined {
  const port = scheme === "http" ? 80 : 443;
  const line = new RegExp(
    `^.* 192\\.0\\.2\\.${number}:\\d+ +${service.replaceAll(".", "\\.")}:${port} +([\\d.]+):`,
    "m",
  );
  return line.exec(connections)?.[1];
}

/** Has a client ask for a file over so many connections, at the service or directly at its own server. */
export async function load(
  client: Client,
  { scheme, size, connections, direct }: { scheme: Scheme; size: Size; connections: number; direct?: boolean },
): Promise<Count> {
  const printed = await asClient(
    client.number,
    ...["wrk", "--threads", "1", "--connections", String(connections), "--duration", `${duration}s`],
    ...["--timeout", "60s", "--script", path.join(__dirname, "report.lua")],
    url(scheme, size, direct ? client.server : service),
  );
  return JSON.parse(printed.trim().split("\n").at(-1) ?? "") as Count;
}
