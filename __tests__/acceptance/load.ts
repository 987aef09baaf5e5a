import { again, Aside, Client, eventually, onNode, outage } from "./lab";
import { realServers } from "./state";

/** What clients and writers saw of a fault. */
export interface LoadResult {
  /** Requests by http and https, each with five seconds to be answered. */
  readonly requests: number;
  readonly failed: number;
  /** Longest time without an answer by either scheme, in seconds. */
  readonly longestGap: number;
  /** Writes to the databases and to the shared files that were acknowledged. */
  readonly acknowledged: number;
  /** Those of them that a node lacks afterwards, each with the node. */
  readonly lost: readonly string[];
}

const table = "smt.Clients";
const directory = "/smt/load";

/**
 * Writes a row and a file about once a second, and prints each that was acknowledged: `row ID`, `file ID`. It writes no file
 * while the shared file system is not mounted, because the directory exists there only.
 */
const write = `while :; do
  id=load-$(uname -n)-$(date +%s%N)
  mysql -e "INSERT INTO ${table} (GUID, HOSTNAME) VALUES ('$id', 'load')" && echo "row $id"
  echo $id >${directory}/$id && sync ${directory}/$id && echo "file $id"
  sleep 0.5
done 2>/dev/null`;

/** A writer on a node, which connects again whenever the node is back. */
const writer = (node: string): Aside => new Aside("sh", "-c", again('lab/ssh "$0" "$1"'), node, write);

/** Clients of the service, and writers on every database and on the shared files, until it is stopped. */
export class Load {
  private readonly clients = [new Client(), new Client(5, "https")];
  private readonly writers: readonly Aside[];

  constructor() {
    onNode("node1", `mkdir -p ${directory}`);
    this.writers = realServers.map(writer);
  }

  /** When a node has written each of its files, as of `Date.now()`, by its own clock. */
  filesOf(node: string): number[] {
    return onNode("node1", `ls ${directory}`)
      .split("\n")
      .filter((file) => file.startsWith(`load-${node}-`))
      .map((file) => Number(file.split("-")[2]) / 1e6);
  }

  /** Ends it once the service is steady; waits until every node has every acknowledged write, for two minutes at most. */
  async stop(): Promise<LoadResult> {
    const answers = this.clients.map((client) => client.stop());
    const acknowledged = this.writers.flatMap((writer) => writer.stop());
    const lost = (): string[] =>
      realServers.flatMap((node) => {
        const has = new Set(
          onNode(
            node,
            `mysql -N -e "SELECT CONCAT('row ', GUID) FROM ${table} WHERE HOSTNAME = 'load'"; ls ${directory} | sed 's/^/file /'`,
          ).split("\n"),
        );
        return acknowledged.filter((line) => !has.has(line)).map((line) => `${line} on ${node}`);
      });
    await eventually(120, () => expect(lost()).toEqual([])).catch(() => undefined);
    const result = {
      requests: answers.flat().length,
      failed: answers.flat().filter(({ status }) => status !== 200).length,
      longestGap: Math.max(...answers.map(outage).map(({ start, end }) => (end - start) / 1000)),
      acknowledged: acknowledged.length,
      lost: lost(),
    };
    onNode("node1", `mysql -e "DELETE FROM ${table} WHERE HOSTNAME = 'load'"; rm -rf ${directory}`);
    return result;
  }
}
