import * as fs from "fs";
import * as path from "path";
import { parse, stringify } from "yaml";
import { Failure } from "../cli/failure";
import { hereAndNow, main, say } from "./command";
import { exported, run, runRecorded, stack } from "./commands";
import { measured, writeDocument } from "./document";
import { spansOf } from "./engine";
import { graphOf } from "./graph";
import { growth } from "./growth";
import type { Measurement, Run } from "./measurement";
import { askLogs, scriptStarts, withReach } from "./nodeLogs";
import { peers } from "./peers";
import { service } from "./service";
import { comparison } from "./tables";
import { stepsOf } from "./timeline";

const root = path.join(__dirname, "..");
const lab = process.env.SMT_HA_LAB ?? path.join(root, ".lab");

/** Does what a target of the Makefile does, with a command of Pulumi that is recorded. */
async function measure(title: string, before: readonly string[], command: readonly string[]): Promise<Run> {
  say(title);
  const parts: Record<string, number> = {};
  for (const part of before) {
    parts[path.dirname(part)] = (await run([part])).took;
  }
  const { started, took, arrivals } = await runRecorded([...stack, ...command]);
  const [first, last] = [arrivals[0], arrivals.at(-1)].map((arrival) => (arrival?.at ?? started) - started);
  const graph = graphOf(await exported());
  const steps = stepsOf(spansOf(arrivals), graph, started);
  const logs = await Promise.all(
    graph.nodes.map(async (node) => [node, scriptStarts((await run(["lab/ssh", node, askLogs])).stdout)] as const),
  );
  const engine = { start: first ?? 0, end: last ?? 0 };
  return { parts: { ...parts, stack: took }, engine, steps: withReach(steps, started, new Map(logs)) };
}

/** The lab stack's configuration with another time of the mirroring, as a file for --config-file. */
function changedConfig(): string {
  const settings = parse(fs.readFileSync(path.join(root, "Pulumi.dev.yaml"), "utf8")) as {
    config: Record<string, unknown>;
  };
  settings.config["smt-ha:mirrorTime"] = "03:45";
  const file = path.join(lab, "Pulumi.bench.yaml");
  fs.writeFileSync(file, stringify(settings));
  return file;
}

/** The lab's memory, as its status says it. */
async function memory(): Promise<number> {
  const { stdout } = await run(["lab/status"]);
  const [, mib] = /^memory of the lab\s+(\d+) MiB$/m.exec(stdout) ?? [];
  return Number(mib);
}

async function bench(): Promise<Measurement> {
  say("down");
  await run(["make", "down"]);
  const up = await measure("up, from nothing", ["toolchain/build", "lab/up"], ["up"]);
  const again = await measure("up, again", ["toolchain/build", "lab/up"], ["up"]);
  const preview = await measure("preview", ["lab/up"], ["preview"]);
  const change = await measure(
    "up, with one key changed",
    ["toolchain/build", "lab/up"],
    ["up", "--config-file", changedConfig()],
  );
  const memoryMiB = await memory();
  say("down");
  const { took: down } = await run(["make", "down"]);
  return { where: hereAndNow(), runs: { up, again, preview, change }, memoryMiB, down };
}

/** An earlier measurement to compare with; undefined if none is asked for. */
function baseFrom(file: string | undefined): Measurement | undefined {
  if (!file) {
    return undefined;
  }
  try {
    return JSON.parse(fs.readFileSync(path.resolve(root, file), "utf8")) as Measurement;
  } catch (error) {
    throw new Failure("bench: not started", {
      cause: `BASE=${file}: ${(error as Error).message}`,
      fix: "name a data.json that an earlier bench has written: docs/performance/data.json, or a copy of it",
    });
  }
}

async function measureLab(): Promise<void> {
  // Before the bench: it writes to the same place.
  const base = baseFrom(process.env.BASE);
  const measurement = await bench();
  writeDocument(measurement, root);
  process.stdout.write(`${measured(measurement)}\n${base ? `\n${comparison(base, measurement)}` : ""}`);
  say("written: docs/performance.md, docs/performance/");
}

const [subject, ...words] = process.argv.slice(2);
main(async () => {
  switch (subject) {
    case undefined:
      return measureLab();
    case "growth":
      return growth(words);
    case "service":
      return service();
    case "peers":
      return peers();
    default:
      throw new Failure(`bench: there is no '${subject}' to measure`, {
        fix: "npm run bench (the lab); npm run bench -- growth [NODES...], service or peers",
      });
  }
});
