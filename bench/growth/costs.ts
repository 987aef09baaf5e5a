import { run } from "../commands";
import { median } from "../measurement";
import { emptyStep } from "./durations";
import type { Cost } from "./measurement";
import { keyFile } from "./hosts";

/** What is run on a host by SSH, from little to all that a step takes beside its script. */
const commands = {
  "connection, and `true`": "true",
  "connection, and the runner with an empty step: locks, log, mark": `smt-ha ${emptyStep}`,
} as const;

const repetitions = 21;

/** What a step costs by plain `ssh`, one after the other. */
export async function measureCosts(work: string, address: string): Promise<Cost[]> {
  const options = ["StrictHostKeyChecking=no", "UserKnownHostsFile=/dev/null", "LogLevel=ERROR", "BatchMode=yes"];
  const ssh = [
    ...["ssh", "-F", "none", "-i", keyFile(work)],
    ...options.flatMap((option) => ["-o", option]),
    `root@${address}`,
  ];
  const costs: Cost[] = [];
  for (const [what, command] of Object.entries(commands)) {
    const times: number[] = [];
    for (let count = 0; count < repetitions; count++) {
      times.push((await run([...ssh, command])).took);
    }
    costs.push({ what, took: median(times) });
  }
  return costs;
}
