import { spawn, type ChildProcess } from "child_process";
import * as fs from "fs";
import * as path from "path";
import { createInterface } from "readline";
import { Failure } from "../../cli/failure";
import { run } from "../commands";
import { durationLines, type Durations, type Place } from "./durations";
import { gateway, prefixLength, virtualIp, type GrowthNode } from "./stack";

/** The private key that the hosts accept. */
export const keyFile = (work: string): string => path.join(work, "key");

/** Makes the network of the hosts, and what they share: a key, the certificate that they answer with, the steps' durations. */
export async function prepare(work: string, durations: Durations): Promise<void> {
  await run(["ip", "link", "set", "lo", "up"]);
  await run(["ip", "link", "add", "growth", "type", "bridge"]);
  await run(["ip", "address", "add", `${gateway}/${prefixLength}`, "dev", "growth"]);
  await run(["ip", "link", "set", "growth", "up"]);
  await run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", keyFile(work)]);
  const { stdout } = await run(
    "openssl req -x509 -newkey rsa:2048 -nodes -keyout /dev/null -subj /CN=growth -days 30".split(" "),
  );
  fs.writeFileSync(path.join(work, "certificate"), stdout);
  for (const place of Object.keys(durations) as Place[]) {
    fs.writeFileSync(path.join(work, `steps.${place}`), durationLines(durations[place]));
  }
}

/** Starts the hosts. The first director has the service's address, where nothing listens. */
export async function startHosts(work: string, nodes: readonly GrowthNode[]): Promise<{ stop: () => Promise<void> }> {
  const holder = nodes.find(({ role }) => role === "director");
  const hosts = await Promise.all(
    nodes.map((node) => startHost(work, node, node === holder ? [node.address, virtualIp] : [node.address])),
  );
  return { stop: async () => void (await Promise.all(hosts.map(stopHost))) };
}

async function startHost(
  work: string,
  { name, place }: GrowthNode,
  addresses: readonly string[],
): Promise<ChildProcess> {
  const host = spawn(
    "unshare",
    [
      ..."--net --uts --mount --pid --fork --kill-child".split(" "),
      ...[path.join(__dirname, "host"), work, name, place],
      ...addresses.map((address) => `${address}/${prefixLength}`),
    ],
    { stdio: ["pipe", "pipe", "pipe"] },
  );
  let errors = "";
  host.stderr.setEncoding("utf8").on("data", (text: string) => (errors += text));
  await new Promise<void>((resolve, reject) => {
    createInterface(host.stdout).once("line", () => resolve());
    host.once("error", reject);
    host.once("close", (code) =>
      reject(
        new Failure(`bench: the host ${name} did not start`, {
          cause: `bench/growth/host ended with ${code}: ${errors.trim()}`,
          fix: "remove the cause; it needs overlayfs, network namespaces, iproute2 and openssh-server",
        }),
      ),
    );
  });
  return host;
}

/** Ends a host: its namespaces end with its first process, and its network interfaces with them. */
const stopHost = (host: ChildProcess): Promise<void> =>
  new Promise((resolve) => {
    host.once("close", () => resolve());
    host.stdin?.end();
  });
