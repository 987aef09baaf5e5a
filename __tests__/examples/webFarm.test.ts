import { record, type Recording } from "../support/recorder";

const preview = (): Promise<Recording> =>
  record(() => import("../../examples/web-farm"), { preview: true, config: { "smt-ha:sshPrivateKey": "key-hush" } });

test("a web farm is previewed from the package's components alone, without SMT", async () => {
  const recording = await preview();
  const { resources } = recording;
  const commands = resources.filter(({ type }) => type === "command:remote:Command");
  expect(commands.map(({ name }) => name).filter((name) => /-(smt|database)-/.test(name))).toEqual([]);
  expect(recording.below("RealServer web1-server").sort()).toEqual([
    "Command web1-realserver-address",
    "Command web1-web-apache",
    "Command web1-web-health",
    "Command web1-web-health-page",
  ]);
  for (const { id, inputs } of commands) {
    expect([id, inputs.create]).toEqual([id, expect.stringMatching(/^(true$|bash |smt-ha \S+\/)/)]);
  }
});
