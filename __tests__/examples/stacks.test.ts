import { ConfigError, loadConfig } from "../../config";
import { rsaKey } from "../support/keyFile";
import { runProgram } from "../support/program";
import { exampleStack, exampleStacks, secretsOf } from "../support/stack";
import type { Recording } from "../support/recorder";

// The keys that the stacks name are the reader's own.
jest.mock("fs", () => {
  const actual = jest.requireActual<typeof import("fs")>("fs");
  const { rsaKey: key } = jest.requireActual<typeof import("../support/keyFile")>("../support/keyFile");
  const readFileSync = (file: string, ...rest: []): string | Buffer =>
    /\.ssh\/id_\w+$/.test(String(file)) ? key : actual.readFileSync(file, ...rest);
  return { ...actual, readFileSync };
});

// There is no service to ask.
jest.mock("../../report/serviceReport", () => ({ serviceReport: (facts: object): object => facts }));

const previews = new Map<string, Promise<Recording>>();
/** The preview of a stack to start from, in a project of this name. */
async function preview(example: string, project = "smt-ha"): Promise<Recording> {
  const key = `${project}/${example}`;
  const run = async (): Promise<Recording> => {
    const { recording, outputs } = await runProgram(exampleStack(example, project), { preview: true, project });
    expect(outputs.error).toBeUndefined();
    return recording;
  };
  const found = previews.get(key) ?? run();
  previews.set(key, found);
  return found;
}
const names = (recording: Recording, type: string): string[] =>
  recording.resources.filter((resource) => resource.type === type).map(({ name }) => name);
const machine = "vsphere:index/virtualMachine:VirtualMachine";
const command = (recording: Recording, name: string): string => String(recording.find(`Command ${name}`).inputs.create);

test("those that the documents name, and no others", () => {
  expect(exampleStacks.sort()).toEqual(["three-smt-nodes", "two-directors", "vmware-workstation", "vsphere-sles12"]);
});

test.each(exampleStacks)("%s lacks its secrets only, and says how to set each", (example) => {
  const secrets = secretsOf(example);
  const load = (values: Record<string, string>): unknown =>
    loadConfig({ project: "smt-ha", values, environment: {}, readFile: () => rsaKey });
  expect(() => load(exampleStack(example))).not.toThrow();

  const without = Object.fromEntries(
    Object.entries(exampleStack(example)).map(([key, value]) => [
      key,
      secrets.some((secret) => key === secret || key === `smt-ha:${secret}`) ? "" : value,
    ]),
  );
  const problems = ((): readonly string[] => {
    try {
      load(without);
      return [];
    } catch (error) {
      return (error as ConfigError).problems;
    }
  })();
  expect(problems.map((problem) => /fix: {3}(.*)/.exec(problem)?.[1]).sort()).toEqual(
    secrets.map((key) => `pulumi config set --secret ${key}`).sort(),
  );
});

test("a stack makes the same in a project of another name", async () => {
  const made = (recording: Recording): string[] => recording.resources.map(({ id }) => id).sort();
  expect(made(await preview("three-smt-nodes", "other"))).toEqual(made(await preview("three-smt-nodes")));
});

test("vSphere with SLES 12: three machines that are protected and kept on different hosts", async () => {
  const recording = await preview("vsphere-sles12");
  expect(names(recording, machine)).toEqual(["smt1", "smt2", "lvs1"]);
  expect(recording.find("VirtualMachine lvs1").options.protect).toBe(true);
  expect(recording.find("ComputeClusterVmAntiAffinityRule separate-hosts").after).toHaveLength(3);
  expect(command(recording, "smt1-install")).toMatch(/ sles12$/);
});

test("the guide: existing hosts with SLES 11, nothing of vSphere", async () => {
  const recording = await preview("vmware-workstation");
  expect(recording.resources.filter(({ type }) => type.startsWith("vsphere:"))).toEqual([]);
  expect(command(recording, "node3-install")).toMatch(/ sles11$/);
  expect(recording.find("Command node1-ready").inputs.connection).toMatchObject({
    secret: {
      hostKey: "ssh-rsa THE-KEY-OF-node1",
    },
  });
});

test("two directors: both can hold the service address", async () => {
  const recording = await preview("two-directors");
  expect(names(recording, machine)).toEqual(["smt1", "smt2", "lvs1", "lvs2"]);
  for (const director of ["lvs1", "lvs2"]) {
    expect(recording.find(`Command ${director}-director-configure`)).toBeDefined();
  }
});

test("three SMT nodes: each database follows the one before it, in a ring", async () => {
  const recording = await preview("three-smt-nodes");
  const followed = ["smt1", "smt2", "smt3"].map(
    (node) => /--followed (\w+)=/.exec(command(recording, `${node}-database-replicate`))?.[1],
  );
  expect(followed).toEqual(["smt3", "smt1", "smt2"]);
});
