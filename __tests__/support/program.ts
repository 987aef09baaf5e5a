import type { Recording } from "./recorder";

/** Runs index.ts as Pulumi does, once in a fresh SDK; returns what it made, exported and warned of, or its error. */
export async function runProgram(
  config: Record<string, string>,
  options: { preview?: boolean; project?: string; results?: Record<string, string> } = {},
): Promise<{ recording: Recording; outputs: Record<string, unknown>; warnings: string[] }> {
  let result: Awaited<ReturnType<typeof runProgram>> | undefined;
  await jest.isolateModulesAsync(async () => {
    const sdk = await import("@pulumi/pulumi");
    const { record: recordIsolated } = await import("./recorder");
    let outputs: Record<string, unknown> = {};
    const warn = jest.spyOn(sdk.log, "warn").mockResolvedValue();
    const recording = await recordIsolated(
      async () => {
        outputs = await import("../../index").then(
          (exported) =>
            new Promise<Record<string, unknown>>((resolve) => void sdk.output({ ...exported }).apply(resolve)),
          (error: unknown) => ({ error }),
        );
      },
      { sdk, config, ...options },
    );
    result = { recording, outputs, warnings: warn.mock.calls.map(([text]) => text) };
  });
  return result as NonNullable<typeof result>;
}
