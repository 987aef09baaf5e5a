import { spawnSync } from "child_process";
import { once } from "events";
import * as fs from "fs";
import * as path from "path";
import { serverOf } from "../../bench/service/clients";
import { loadTable, ratioTable, served, writeService } from "../../bench/service/document";
import {
  type Count,
  type Figures,
  figuresOf,
  ratio,
  type ServiceMeasurement,
  typical,
} from "../../bench/service/measurement";
import { memoryDirectory } from "../support/memory";
import { TestNode } from "../support/node";
import { cellsOf, expectWritten } from "../support/benchDocument";

const root = path.join(__dirname, "../..");

describe("what clients got", () => {
  const count = (requests: number, latencies: readonly number[], more: Partial<Count> = {}): Count => ({
    ...{ requests, bytes: 1000 * requests, microseconds: 2e6, failed: 0, latencies, ...more },
  });

  test("is the sum of the rates of those that ran at the same time", () => {
    const { requests, bytes, failed } = figuresOf([
      count(100, [1000], { failed: 1 }),
      count(100, [1000], { microseconds: 4e6, failed: 2 }),
    ]);
    expect([requests, bytes, failed]).toEqual([75, 75_000, 3]);
  });

  test("has the latencies of all requests, however many each client made", () => {
    const hundred = Array.from({ length: 100 }, (_, index) => 1000 * (index + 1));
    expect(figuresOf([count(100, hundred)])).toMatchObject({ median: 50, slowest: 99 });
    // Nine of ten requests are those of the fast client.
    expect(figuresOf([count(900, [1000, 1000]), count(100, [5000, 8000])])).toMatchObject({ median: 1, slowest: 8 });
  });

  test("has no latency where no request was answered, but what was read", () => {
    expect(figuresOf([count(0, [0, 0], { bytes: 3e6 })])).toEqual({ requests: 0, bytes: 1.5e6, failed: 0 });
  });
});

const round = (bytes: number, median?: number): Figures => ({
  ...{ requests: bytes / 1024, bytes, failed: 1, ...(median !== undefined && { median, slowest: 2 * median }) },
});

test("a load's figures are the medians of its rounds, and all that failed", () => {
  expect(typical([round(1024, 5), round(3072, 1), round(2048, 3)])).toEqual({
    ...{ requests: 2, bytes: 2048, failed: 3, median: 3, slowest: 6 },
  });
  expect(typical([round(1024), round(1024, 4), round(1024)]).median).toBe(4);
  expect(typical([round(1024)])).toMatchObject({ median: undefined, slowest: undefined });
});

test("a ratio is that of each round, since the machine differs from round to round", () => {
  const bytes = ({ bytes: value }: Figures): number => value;
  expect(ratio([round(200), round(20), round(3)], [round(100), round(10), round(1)], bytes)).toBe(2);
  expect(ratio([round(200)], undefined, bytes)).toBeUndefined();
  expect(ratio([round(200)], [round(0)], bytes)).toBeUndefined();
});

test("a client's real server is the one that the balancer has for the scheme", () => {
  const connections = `IPVS connection entries
pro expire state       source             virtual            destination
TCP 01:55  FIN_WAIT    192.0.2.201:41000  192.0.2.10:80      192.0.2.11:80
TCP 09:55  NONE        192.0.2.200:0      192.0.2.10:443     192.0.2.12:443
TCP 09:58  NONE        192.0.2.200:0      192.0.2.10:80      192.0.2.11:80
`;
  expect(serverOf(200, "http", connections)).toBe("192.0.2.11");
  expect(serverOf(200, "https", connections)).toBe("192.0.2.12");
  expect(serverOf(201, "http", connections)).toBe("192.0.2.11");
  expect(serverOf(20, "http", connections)).toBeUndefined();
});

test("clients at the same time are machines of their own in the lab's network", () => {
  // A lab's namespace in place of the real one, for these commands only. Its server says who asks.
  const server = `require("net").createServer((client) => client.end(client.remoteAddress)).listen(80, "192.0.2.1",
    () => console.log("listens"))`;
  const { stdout, stderr } = spawnSync(
    "unshare",
    [
      ..."--net --mount-proc --pid --fork --kill-child bash --norc -euc".split(" "),
      `mkdir -p /run/netns && mount -t tmpfs tmpfs /run/netns
       touch /run/netns/smt-ha-lab && mount --bind /proc/$$/ns/net /run/netns/smt-ha-lab
       ip link add lab0 type bridge && ip address add 192.0.2.1/24 dev lab0 && ip link set lab0 up
       exec 3< <(exec "$1" -e "$2") && read -r _ <&3
       ask() { unshare --net "$0" "$1" bash -c 'cat </dev/tcp/192.0.2.1/80; echo; sleep 0.5'; }
       ask 200 & one=$!; ask 201 & wait $one $!
       ask 200`,
      path.join(root, "bench/service/client"),
      process.execPath,
      server,
    ],
    { encoding: "utf8" },
  );
  expect([stdout.trim().split("\n").sort(), stderr]).toEqual([["192.0.2.200", "192.0.2.200", "192.0.2.201"], ""]);
});

describe("the files that clients ask for", () => {
  const script = fs.readFileSync(path.join(root, "bench/service/files"), "utf8");
  const directory = "/smt/repo/RPMMD/smt-ha-bench";

  test("last as long as the bench that holds them", async () => {
    const shared = memoryDirectory("shared");
    const node = await TestNode.start({ shared });
    const keeper = node.start(script);
    const [made] = (await once(keeper.stdout!, "data")) as [Buffer];
    expect(made.toString()).toBe("made\n");
    expect(node.check(`cd ${directory} && stat --format '%n %s %A' *`)).toBe(
      "large 104857600 -rw-r--r--\nsmall 1024 -rw-r--r--\n",
    );
    // All that is left of a bench that was killed: the end of its pipe.
    keeper.stdin!.end();
    await once(keeper, "close");
    expect(node.check("ls -A /smt/repo/RPMMD")).toBe("");
    await node.stop();
    fs.rmSync(shared, { recursive: true });
  });

  test("are not made beside the shared file system, nor where it has no room for them", async () => {
    const node = await TestNode.start();
    expect(node.run(script)).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(/^\/smt is not mounted on node1: /) as string,
    });
    node.check("mkdir -p /smt && mount -t tmpfs -o size=150m tmpfs /smt");
    expect(node.run(script)).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(/^\/smt has less than 200 MiB free/) as string,
    });
    expect(node.check("ls -A /smt")).toBe("");
    await node.stop();
  });
});

describe("the document", () => {
  const measurement: ServiceMeasurement = {
    where: "2026-10-02 on 2 CPUs (none)",
    director: "node3",
    loads: [
      {
        ...{ scheme: "http", size: "small", connections: 1 },
        rounds: { direct: [round(2_097_152, 4)], one: [round(1_048_576, 6)] },
      },
      {
        ...{ scheme: "https", size: "large", connections: 200 },
        rounds: { direct: [round(3e6)], one: [round(2e6)], both: [round(5e6)] },
      },
    ],
  };
  const rowsOf = (table: string): string[][] => cellsOf(table).slice(2);

  test("has a row for each way of each load", () => {
    const rows = rowsOf(loadTable(measurement));
    expect(rows).toHaveLength(5);
    expect(rows[0]).toEqual([...["http", "1 KiB", "1", "one Apache, directly", "2048.0", "2.00", "4.00", "8.00", "1"]]);
    expect(rows[4].slice(0, 4)).toEqual(["https", "100 MiB", "200", "the service, both"]);
    expect(rows[4].slice(6, 8)).toEqual(["-", "-"]);
  });

  test("says what the balancer costs a request, and what the second server gives", () => {
    expect(rowsOf(ratioTable(measurement))).toEqual([
      ["http", "1 KiB", "1", "2.00", "1.50", "-"],
      ["https", "100 MiB", "200", "1.50", "-", "2.50"],
    ]);
  });

  test("is written with its data, and can be written again", () => {
    expectWritten(writeService, measurement, served(measurement), "service.json");
  });
});
