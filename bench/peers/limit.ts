import * as path from "path";
import { run } from "../commands";
import type { Ran } from "./measurement";
import { type Config, nodesIn } from "./plan";
import { runProgram } from "./program";

/**
 * Brings the service up by bare ssh: each command of the program starts as soon as all that it waits for has ended.
 *
 * @param work directory for the connections' sockets
 * @returns when each command ran
 */
export async function limit(config: Config, work: string): Promise<readonly Ran[]> {
  const addresses = new Map(nodesIn(config).map(({ name, address }) => [name, address]));
  const options = [
    ...["BatchMode=yes", "IdentitiesOnly=yes", "StrictHostKeyChecking=no", "UserKnownHostsFile=/dev/null"],
    // One connection for each node.
    ...["LogLevel=ERROR", "ControlMaster=auto", "ControlPersist=60", `ControlPath=${path.join(work, "ssh-%h")}`],
  ];
  const ssh = [
    ...["ssh", "-F", "none", "-i", config["smt-ha:sshPrivateKeyFile"]?.value ?? ""],
    ...options.flatMap((option) => ["-o", option]),
  ];
  const ran: Ran[] = [];
  await runProgram(config, async ({ name, node, command, stdin }) => {
    try {
      const { stdout, started, took } = await run([...ssh, `root@${String(addresses.get(node))}`, command], stdin);
      ran.push({ name, start: started, end: started + took });
      return stdout;
    } catch (error) {
      // Pulumi would go on, and report what waits for it.
      process.stderr.write(`${name}: ${(error as Error).message}\n`);
      process.exit(1);
    }
  });
  return ran;
}
