import { execFileSync } from "child_process";
import * as sdk from "@pulumi/policy";
import type {
  ResourceValidationArgs,
  ResourceValidationPolicy,
  StackValidationArgs,
  StackValidationPolicy,
} from "@pulumi/policy";
import { policies, secretsInTheOpen } from "../../policy/policies";
import { runProgram } from "../support/program";
import type { Recorded, Recording } from "../support/recorder";
import { exampleStack } from "../support/stack";

// The keys that the stacks name are the reader's own, and so is the file of the stack "open".
jest.mock("fs", () => {
  const actual = jest.requireActual<typeof import("fs")>("fs");
  const { rsaKey } = jest.requireActual<typeof import("../support/keyFile")>("../support/keyFile");
  const isOpen = (file: unknown): boolean => String(file).endsWith("/Pulumi.open.yaml");
  return {
    ...actual,
    existsSync: (file: string): boolean => isOpen(file) || actual.existsSync(file),
    readFileSync: (file: string, ...rest: []): string | Buffer =>
      /\.ssh\/id_\w+$/.test(String(file))
        ? rsaKey
        : isOpen(file)
          ? "config:\n  smt-ha:nuPassword: hush\n"
          : actual.readFileSync(file, ...rest),
  };
});

// There is no service to ask.
jest.mock("../../report/serviceReport", () => ({ serviceReport: (facts: object): object => facts }));

/** A certificate that is valid for so many days. */
const certificate = (days: number): string =>
  execFileSync(
    "openssl",
    `req -x509 -newkey rsa:2048 -nodes -keyout /dev/null -subj /CN=${days}.example.com -days ${days}`.split(" "),
    { encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] },
  );
const lasting = certificate(400);

/** What the program makes of a stack to start from, with some keys changed, and with servers' certificates. */
async function made(
  example: string,
  changes: Readonly<Record<string, string>> = {},
  server = lasting,
): Promise<Recording> {
  const nodes = ["node1", "node2", "smt1", "smt2"];
  const { recording, outputs } = await runProgram(
    { ...exampleStack(example), ...changes },
    {
      results: {
        "-certificate-authority": lasting,
        "-certificate-sign": nodes.map((node) => `@@ ${node}\n${server}`).join(""),
      },
    },
  );
  expect(outputs.error).toBeUndefined();
  return recording;
}

/** Inputs as a policy sees them: secrets are open. */
const open = (value: unknown): unknown =>
  Array.isArray(value)
    ? value.map(open)
    : typeof value !== "object" || value === null
      ? value
      : "secret" in value
        ? open(value.secret)
        : Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, open(inner)]));

/** How the SDK shows inputs to a policy; its declarations leave it out. */
const { unknownCheckingProxy } = sdk as unknown as { unknownCheckingProxy: (inputs: unknown) => unknown };

/** What a policy reports of resources. */
function reports(policy: string, resources: readonly Recorded[], stack = "dev"): string[] {
  const messages: string[] = [];
  const report = (message: string): unknown => messages.push(message);
  const seen = resources.map(({ type, name, inputs, options }) => ({
    type,
    name,
    urn: `urn:pulumi:${stack}::smt-ha::${type}::${name}`,
    props: unknownCheckingProxy(open(inputs)),
    opts: { protect: options.protect ?? false },
  }));
  const found = policies.find(({ name }) => name === policy) as ResourceValidationPolicy | StackValidationPolicy;
  if ("validateStack" in found) {
    void found.validateStack({ resources: seen } as unknown as StackValidationArgs, report);
  } else {
    const validate = found.validateResource as (args: ResourceValidationArgs, violation: typeof report) => void;
    seen.forEach((resource) => validate(resource as unknown as ResourceValidationArgs, report));
  }
  return messages;
}

const guide = made("vmware-workstation");

test.each(policies.map(({ name }) => name))("%s has nothing against the guide's stack", async (policy) => {
  expect(reports(policy, (await guide).resources)).toEqual([]);
});

test("each policy that is not kept stops an up", () => {
  expect(policies.map(({ enforcementLevel }) => enforcementLevel)).toEqual(policies.map(() => "mandatory"));
});

describe("a stack on vSphere with other settings", () => {
  // One program at a time.
  const other = guide.then(() =>
    made("vsphere-sles12", {
      "smt-ha:protectMachines": "false",
      "smt-ha:wipeSharedDisk": "true",
      "smt-ha:adoptSharedDisk": "true",
      "smt-ha:certificateDays": "61",
    }),
  );
  const found = async (policy: string): Promise<string[]> => reports(policy, (await other).resources);

  test("may delete its machines", async () => {
    expect(await found("protect-machines")).toEqual(
      ["smt1", "smt2", "lvs1"].map(
        (node) => `Pulumi may delete ${node}, also to replace it.\n  fix:   pulumi config set protectMachines true`,
      ),
    );
  });

  test("may wipe the shared disk, and take it over", async () => {
    const wipe = "a disk that holds data of others.\n  fix:   pulumi config rm wipeSharedDisk";
    expect((await found("wipe-nothing")).sort()).toEqual([
      "smt1-disk-partition may adopt a disk that holds data of others.\n  fix:   pulumi config rm adoptSharedDisk",
      `smt1-disk-partition may wipe ${wipe}`,
      `smt1-ocfs-format may wipe ${wipe}`,
    ]);
  });

  test("accepts each host's key at the first contact", async () => {
    expect(await found("verify-host-keys")).toEqual(
      ["smt1", "smt2", "lvs1"].map((node) => expect.stringContaining(`${node}-ready accepts whatever key`) as string),
    );
  });

  test("may have certificates with 30 days", async () => {
    expect(await found("certificate-lifetime")).toEqual([
      "Certificates for 61 days may have 30 days left when up renews them.\n  fix:   pulumi config rm certificateDays",
    ]);
  });
});

test("a connection that waits for the key of the first contact is none that accepts any key", async () => {
  // Pulumi's text for a text that is not known yet.
  const unknown = "04da6b54-80e4-46f7-96ec-b56ff0331ba9";
  const step = (await guide).find("Command node1-node-time");
  expect(reports("verify-host-keys", [{ ...step, inputs: { ...step.inputs, connection: unknown } }])).toEqual([]);
});

test("a server's certificate that ends soon is reported for each server", async () => {
  const { resources } = await made("vmware-workstation", {}, certificate(20));
  expect(reports("certificate-lifetime", resources)).toEqual(
    [1, 2].map(
      () => "The certificate of CN=20.example.com ends in 19 days.\n  fix:   renew it: docs/operations/certificates.md",
    ),
  );
});

test("a cluster without fencing is reported", async () => {
  const { resources } = await guide;
  const fix = expect.stringContaining("The cluster has no fencing") as string;
  expect(
    reports(
      "fence",
      resources.filter(({ name }) => !name.endsWith("-cluster-configure-fencing")),
    ),
  ).toEqual([fix]);
  const off = resources.map((resource) => ({
    ...resource,
    inputs: JSON.parse(
      JSON.stringify(resource.inputs).replace("stonith-enabled=true", "stonith-enabled=false"),
    ) as Recorded["inputs"],
  }));
  expect(reports("fence", off)).toEqual([fix]);
});

describe("secrets in a stack's file", () => {
  test("are reported with the command that encrypts them, and not shown", async () => {
    expect(reports("keep-secrets-secret", (await guide).resources, "open")).toEqual([
      "Pulumi.open.yaml holds smt-ha:nuPassword in the open: whoever reads the file reads it.\n" +
        '  fix:   pulumi config set --secret smt-ha:nuPassword "$(pulumi config get smt-ha:nuPassword)"',
    ]);
  });

  test.each([
    ["encrypted", "  other:nuPassword:\n    secure: v1:a:b\n  vsphere:password: {secure: v1:a:b}\n", []],
    ["empty", '  other:nuPassword: ""\n', []],
    ["of another program", "  smt-ha:nuPassword: hush\n", []],
    ["without a namespace", "  chapSecret: hush\n", ["other:chapSecret"]],
    ["in quotes", '  "vsphere:password": "hush"\n', ["vsphere:password"]],
  ])("%s", (_, lines, keys) => {
    expect(secretsInTheOpen(`config:\n${lines}`, "other")).toEqual(keys);
  });
});
