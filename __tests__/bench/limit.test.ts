import * as fs from "fs";
import * as os from "os";
import * as path from "path";
import { limit } from "../../bench/peers/limit";
import type { Config } from "../../bench/peers/plan";
import { labStack } from "../support/stack";

// It would ask the service.
jest.mock("../../report/serviceReport", () => ({ serviceReport: () => "" }));

/** In place of ssh: answers what the program reads, and keeps what it was given. */
const ssh = `#!/bin/bash
command=\${@: -1}
printf '%s\\n' "$*" "$(cat)" @@@ >"$(mktemp "$CALLS/XXXXXX")"
pem() { printf -- '-----BEGIN CERTIFICATE-----\\n%s\\n-----END CERTIFICATE-----\\n' "$1"; }
case $command in
*certificate/authority*) pem authority ;;
*certificate/sign*) for node in node1 node2; do echo "@@ $node"; pem "signed-$node"; done ;;
*database/configure*) echo "{\\"id\\":\\"id-$(cut -d ' ' -f 6 <<<"$command")\\"}" ;;
*database/survey*) echo '{"member":false}' ;;
*database/offer*) echo '{"dump":"mysqld-bin.000001:4"}' ;;
*database/seed*) echo '{"file":"mysqld-bin.000007","position":342}' ;;
*database/replicate*) echo '{"marker":"marker"}' ;;
esac
`;

test("bare ssh runs all commands, with the results of those before them, and secrets on standard input alone", async () => {
  const directory = fs.mkdtempSync(path.join(os.tmpdir(), "smt-ha-bench-"));
  const key = path.join(directory, "key");
  fs.writeFileSync(key, "-----BEGIN OPENSSH PRIVATE KEY-----\nAAAA\n-----END OPENSSH PRIVATE KEY-----\n");
  fs.writeFileSync(path.join(directory, "ssh"), ssh, { mode: 0o755 });
  process.env.PATH = `${directory}:${process.env.PATH}`;
  process.env.CALLS = path.join(directory, "calls");
  fs.mkdirSync(process.env.CALLS);
  const values = { ...labStack, "smt-ha:sshPrivateKeyFile": key };
  const config: Config = Object.fromEntries(Object.entries(values).map(([name, value]) => [name, { value }]));

  const ran = await limit(config, directory);
  const calls = fs
    .readdirSync(process.env.CALLS)
    .map((file) => fs.readFileSync(path.join(directory, "calls", file), "utf8"));
  expect(new Set(ran.map(({ name }) => name)).size).toBe(calls.length);
  expect(ran.find(({ name }) => name === "node3-director-verify")!.start).toBeGreaterThanOrEqual(
    ran.find(({ name }) => name === "node2-web-apache")!.end,
  );
  const call = (part: string): string => calls.find((each) => each.includes(part))!;
  expect(call("database/replicate --followed node1=")).toMatch(
    / root@192\.0\.2\.12 smt-ha database\/replicate --followed node1=id-192\.0\.2\.11 .* --file mysqld-bin\.000007 --position 342 /,
  );
  expect(call("certificate/install")).toMatch(/\nsigned-node[12]\n/);
  expect(call("iscsi/login")).toMatch(/\n@@ chap-secret\nchap-hush\n/);
  expect(calls.map((each) => each.split("\n")[0]).filter((line) => line.includes("hush"))).toEqual([]);
  fs.rmSync(directory, { recursive: true });
});
