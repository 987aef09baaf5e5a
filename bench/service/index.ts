import { spawnSync } from "child_process";
import * as path from "path";
import { Failure } from "../../cli/failure";
import { hereAndNow, say } from "../command";
import { run } from "../commands";
import { clientsOf, load } from "./clients";
import { served, writeService } from "./document";
import { withFiles } from "./files";
import {
  connectionCounts,
  type Figures,
  figuresOf,
  type Load,
  type Scheme,
  schemes,
  type ServiceMeasurement,
  sizes,
  type Size,
} from "./measurement";

const root = path.join(__dirname, "../..");

/** An SMT node of the lab. */
const node = "node1";

const rounds = 3;

/** Measures what clients of the lab's service get, and what the balancer has to do with it. The lab's stack is up. */
export async function service(): Promise<void> {
  if (spawnSync("wrk", ["--version"]).error) {
    throw new Failure("bench: not started", {
      cause: "wrk is not installed on this machine",
      fix: "apt-get install wrk",
    });
  }
  const { stdout } = await run(["lab/ssh", node, "crm_resource --resource Director --locate 2>&1"]);
  const director = stdout.trim().split(" ").at(-1) ?? "";
  const loads = await withFiles(node, () => measureLoads(director));
  const measurement: ServiceMeasurement = { where: hereAndNow(), director, loads };
  writeService(measurement, root);
  process.stdout.write(served(measurement));
  say("written: docs/performance.md, docs/performance/service.json");
}

async function measureLoads(director: string): Promise<Load[]> {
  const loads: Load[] = [];
  for (const scheme of schemes) {
    for (const size of Object.keys(sizes) as Size[]) {
      for (const connections of connectionCounts) {
        say(`${scheme}, ${sizes[size]}, ${connections} connections`);
        loads.push(await measureLoad(scheme, size, connections, director));
      }
    }
  }
  return loads;
}

/** The ways take turns, so that what else happens on the machine meets all of them. */
async function measureLoad(scheme: Scheme, size: Size, connections: number, director: string): Promise<Load> {
  // For each load: what the balancer remembers of a client lasts for ten minutes.
  const [one, other] = await clientsOf(scheme, director);
  const all = { scheme, size, connections };
  const half = { ...all, connections: connections / 2 };
  const figures = { direct: [] as Figures[], one: [] as Figures[], both: [] as Figures[] };
  for (let round = 0; round < rounds; round++) {
    figures.direct.push(figuresOf([await load(one, { ...all, direct: true })]));
    figures.one.push(figuresOf([await load(one, all)]));
    if (connections > 1) {
      figures.both.push(figuresOf(await Promise.all([load(one, half), load(other, half)])));
    }
  }
  const { both, ...single } = figures;
  return { ...all, rounds: both.length > 0 ? figures : single };
}
