// Measures the growth. It runs in namespaces of its own (index.ts): what it makes ends with it, whatever ends it.
import * as fs from "fs";
import * as path from "path";
import { parse, stringify } from "yaml";
import type { ExportedState } from "../../cli/state";
import { itemAt } from "../../components/lists";
import { hereAndNow, main, say } from "../command";
import { run, runRecorded } from "../commands";
import { spansOf } from "../engine";
import { graphOf } from "../graph";
import { type Measurement, median } from "../measurement";
import { pathLength, type Step, stepsOf } from "../timeline";
import { measureCosts } from "./costs";
import { grown, writeGrowth } from "./document";
import { durationsOf, type Durations } from "./durations";
import { type Growth, type Limit, limits, type Size } from "./measurement";
import { keyFile, prepare, startHosts } from "./hosts";
import { type Load, watchLoad } from "./load";
import { atOnce, usesOf } from "./serial";
import { configFor, type GrowthNode, nodesOf } from "./stack";

const root = path.join(__dirname, "../..");
// In memory, and only in these namespaces.
const work = "/dev/shm";

/** A measurement of `up` on the lab. Until the bench has made one, what is known of another `up`. */
const measuredUp = ["docs/performance/data.json", "bench/growth/steps.json"]
  .map((file) => path.join(root, file))
  .find((file) => fs.existsSync(file));

/** All steps, such as `cluster/join`. */
const knownSteps = fs
  .readdirSync(path.join(root, "files/steps"), { recursive: true, encoding: "utf8" })
  .filter((name) => name.includes("/"));

const pulumi = ["toolchain/run", "pulumi"];

/** Runs a command of Pulumi. Records what its engine does, and the load meanwhile. */
async function watch(command: readonly string[]): Promise<Awaited<ReturnType<typeof runRecorded>> & { load: Load }> {
  const stop = watchLoad();
  const recorded = await runRecorded([...pulumi, ...command]).finally(stop);
  return { ...recorded, load: stop() };
}

/** Brings a stack of these nodes up from nothing, and once more. */
async function measure(nodes: readonly GrowthNode[], limit: Limit, durations: Durations): Promise<Size> {
  const directory = fs.mkdtempSync(path.join(work, "stack-"));
  process.env.PULUMI_BACKEND_URL = `file://${directory}`;
  const config = path.join(directory, "config.yaml");
  const lab = parse(fs.readFileSync(path.join(root, "Pulumi.dev.yaml"), "utf8")) as { config: Record<string, unknown> };
  fs.writeFileSync(config, stringify(configFor(lab, nodes, keyFile(work))));
  await run([...pulumi, "stack", "select", "--create", "dev"]);

  const command = ["up", "--yes", "--skip-preview", "--config-file", config, ...limits[limit]];
  say(`${nodes.length} nodes, limit ${limit}: up, from nothing`);
  const up = await watch(command);
  say(`${nodes.length} nodes, limit ${limit}: up, again`);
  const again = await watch(command);

  const graph = graphOf(JSON.parse((await run([...pulumi, "stack", "export"])).stdout) as ExportedState);
  const spans = spansOf(up.arrivals);
  const steps = stepsOf(spans, graph, up.started);
  return {
    nodes: nodes.length,
    smtNodes: nodes.filter(({ role }) => role === "smt").length,
    limit,
    up: up.took,
    again: again.took,
    path: pathLength(steps),
    operations: atOnce(spans),
    load: up.load,
    loadAgain: again.load,
    beside: median(besideScripts(steps, nodes, durations)),
    uses: usesOf(steps, graph, knownSteps),
  };
}

/** What each step took beside its script, in milliseconds. */
function besideScripts(steps: readonly Step[], nodes: readonly GrowthNode[], durations: Durations): number[] {
  const places = new Map(nodes.map(({ name, place }) => [name, place]));
  return steps.flatMap(({ node, name, start, end }) => {
    const place = places.get(node);
    const script = place && durations[place].get(name);
    return script === undefined ? [] : end - start - 1000 * script;
  });
}

main(async () => {
  const { where: source, runs } = JSON.parse(fs.readFileSync(String(measuredUp), "utf8")) as Measurement;
  const durations = durationsOf(runs.up.steps);
  // As for the lab's stack, whose configuration this is.
  process.env.PULUMI_CONFIG_PASSPHRASE = "lab";
  process.env.PULUMI_STACK = "dev";
  process.env.PULUMI_NODEJS_TRANSPILE_ONLY = "true";
  await prepare(work, durations);
  const growth: Growth = { where: hereAndNow(), source, sizes: [], costs: [] };
  for (const nodes of process.argv.slice(2).map(Number).map(nodesOf)) {
    for (const limit of Object.keys(limits) as Limit[]) {
      const hosts = await startHosts(work, nodes);
      growth.sizes.push(await measure(nodes, limit, durations));
      if (growth.costs.length === 0) {
        // Where the program has installed the runner.
        growth.costs.push(...(await measureCosts(work, itemAt(nodes, 0).address)));
      }
      await hosts.stop();
      // Each time, because all of them take long.
      writeGrowth(growth, root);
    }
  }
  process.stdout.write(grown(growth));
  say("written: docs/performance.md, docs/performance/growth.json");
});
