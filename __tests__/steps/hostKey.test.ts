import { ChildProcess, execFileSync, spawn, spawnSync } from "child_process";
import * as fs from "fs";
import { AddressInfo, connect, createServer } from "net";
import * as os from "os";
import * as path from "path";
import { filesFolder } from "../support/node";

const folder = fs.mkdtempSync(path.join(os.tmpdir(), "smt-ha-"));
const servers: ChildProcess[] = [];
afterAll(() => {
  servers.forEach((server) => server.kill());
  fs.rmSync(folder, { recursive: true });
});

const freePort = (): Promise<number> =>
  new Promise((resolve) => {
    const server = createServer().listen(0, "127.0.0.1", () => {
      const { port } = server.address() as AddressInfo;
      server.close(() => resolve(port));
    });
  });
const answers = (port: number): Promise<boolean> =>
  new Promise((resolve) => {
    const socket = connect(port, "127.0.0.1", () => resolve(true)).on("error", () => resolve(false));
    socket.on("close", () => socket.destroy());
    setTimeout(() => socket.end(), 100);
  });

const makeKey = (type: string): string => {
  const file = path.join(folder, type);
  if (!fs.existsSync(file)) {
    execFileSync("ssh-keygen", ["-q", "-t", type, "-N", "", "-f", file]);
  }
  return file;
};
const publicKey = (type: string): string =>
  fs
    .readFileSync(`${makeKey(type)}.pub`, "utf8")
    .split(" ")
    .slice(0, 2)
    .join(" ");

/** Starts a real sshd with keys of these types. */
async function startSshd(types: readonly string[]): Promise<number> {
  const port = await freePort();
  const config = path.join(folder, `sshd_config.${port}`);
  const keys = types.map((type) => `HostKey ${makeKey(type)}\n`);
  fs.writeFileSync(config, `ListenAddress 127.0.0.1\nPort ${port}\nPidFile none\nStrictModes no\n${keys.join("")}`);
  fs.mkdirSync("/run/sshd", { recursive: true });
  servers.push(spawn("/usr/sbin/sshd", ["-D", "-f", config], { stdio: "ignore" }));
  while (!(await answers(port))) {
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  return port;
}

/** Runs the script as Pulumi does, in a session of the sshd at this port. */
const askFor = (port: number): { status: number | null; stdout: string; stderr: string } =>
  spawnSync("bash", ["-s"], {
    input: fs.readFileSync(path.join(filesFolder, "host-key")),
    env: { ...process.env, SSH_CONNECTION: `127.0.0.1 50000 127.0.0.1 ${port}` },
    encoding: "utf8",
  });

test.each([
  [["rsa", "ecdsa", "ed25519"], "ed25519"],
  [["rsa", "ecdsa"], "ecdsa"],
  // As on SLES 11.
  [["rsa"], "rsa"],
])("of sshd's keys %j, the %s key", async (types, chosen) => {
  const { status, stdout } = askFor(await startSshd(types));
  expect([status, stdout]).toEqual([0, `${publicKey(chosen)}\n`]);
});

test("says where it found none, and what to do", async () => {
  const port = await freePort();
  const { status, stdout, stderr } = askFor(port);
  expect([status, stdout]).toEqual([1, ""]);
  expect(stderr).toMatch(/^smt-ha: .*: host key unknown\n/);
  expect(stderr).toContain(`  cause: ssh-keyscan finds no key of sshd at 127.0.0.1 port ${port}\n`);
  expect(stderr).toMatch(/\n {2}fix: {3}\S.*sshHostKey/);
});
