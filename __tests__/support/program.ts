import * as pulumi from "@pulumi/pulumi";
import { record, type Recording } from "./recorder";

/** What holds nothing of a program, or what each recording sets up anew: to load it takes longer than to run the program. */
const kept = [
  "@pulumi/pulumi",
  "@pulumi/pulumi/runtime",
  "@pulumi/command",
  "@pulumi/random",
  "@pulumi/vsphere",
  "zod",
];

/** Runs index.ts as Pulumi does, in fresh modules of its own; returns what it made, exported and warned of, or its error. */
export async function runProgram(
  config: Record<string, string>,
  options: { preview?: boolean; project?: string; results?: Record<string, string> } = {},
): Promise<{ recording: Recording; outputs: Record<string, unknown>; warnings: string[] }> {
  let result: Awaited<ReturnType<typeof runProgram>> | undefined;
  for (const name of kept) {
    const loaded = jest.requireActual<object>(name);
    jest.doMock(name, () => loaded);
  }
  await jest.isolateModulesAsync(async () => {
    let outputs: Record<string, unknown> = {};
    const warn = jest.spyOn(pulumi.log, "warn").mockResolvedValue();
    const recording = await record(
      async () => {
        outputs = await import("../../index").then(
          (exported) =>
            new Promise<Record<string, unknown>>((resolve) => void pulumi.output({ ...exported }).apply(resolve)),
          (error: unknown) => ({ error }),
        );
      },
      { config, ...options },
    );
    result = { recording, outputs, warnings: warn.mock.calls.map(([text]) => text) };
    warn.mockRestore();
  });
  return result as NonNullable<typeof result>;
}
