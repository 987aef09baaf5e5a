import { spawnSync } from "child_process";
import * as crypto from "crypto";
import * as path from "path";
import * as pulumi from "@pulumi/pulumi";
import { nodeOfName } from "../../cli/state";
import { type Config, nodesIn, type Operation } from "./plan";

const root = path.join(__dirname, "../..");

/**
 * Runs the program without Pulumi's engine, for hosts that exist already. `perform` does what the engine would have a plugin do on a
 * node, as soon as all that it waits for has ended: order and data come from the program itself.
 *
 * It can run once in a process.
 *
 * @param perform gives the command's stdout
 */
export async function runProgram(config: Config, perform: (operation: Operation) => Promise<string>): Promise<void> {
  const nodes = nodesIn(config).map(({ name }) => name);
  const outputsOf = async (type: string, name: string, inputs: Inputs): Promise<Inputs> => {
    const own = (command: unknown, stdin: unknown): Promise<string> =>
      perform({ name, node: nodeOfName(name, nodes), command: String(command), stdin: String(stdin) });
    switch (type) {
      case "command:remote:Command":
        return { stdout: (await own(inputs.create, inputs.stdin ?? "")).replace(/\n$/, "") };
      case "command:remote:CopyToRemote": {
        const directory = String(inputs.remotePath);
        await own(`mkdir -p ${directory} && base64 -d | tar -xz -C ${directory}`, archive());
        return {};
      }
      case "random:index/randomId:RandomId":
        return { hex: crypto.randomBytes(Number(inputs.byteLength)).toString("hex") };
      case "random:index/randomPassword:RandomPassword":
        return { result: crypto.randomBytes(Number(inputs.length)).toString("hex").slice(0, Number(inputs.length)) };
      case "pulumi:index:Stash":
        return { output: inputs.input };
      default:
        // A component.
        return {};
    }
  };
  await pulumi.runtime.setMocks(
    {
      call: ({ token }) => {
        throw new Error(`the program asks for ${token}, which existing hosts don't need`);
      },
      newResource: async ({ name, type, inputs: wrapped }) => {
        const inputs = opened(wrapped) as Inputs;
        return { id: name, state: { ...inputs, ...(await outputsOf(type, name, inputs)) } };
      },
    },
    "smt-ha",
    "dev",
  );
  const values = Object.fromEntries(Object.entries(config).map(([key, { value }]) => [key, value]));
  pulumi.runtime.setAllConfig({ ...values, "smt-ha:machines": "existing" });
  await import("../../index");
  await pulumi.runtime.disconnect();
}

type Inputs = Readonly<Record<string, unknown>>;

/** The node-side files, as text. */
const archive = (): string => spawnSync("tar", ["-C", root, "-cz", "files"]).stdout.toString("base64");

/** A value without the envelopes in which Pulumi puts secrets. */
function opened(value: unknown): unknown {
  if (Array.isArray(value)) {
    return value.map(opened);
  }
  if (typeof value !== "object" || value === null || pulumi.asset.Archive.isInstance(value)) {
    return value;
  }
  return "4dabf18193072939515e22adb298388d" in value
    ? opened((value as { readonly value?: unknown }).value)
    : Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, opened(inner)]));
}
