import { spawn } from "child_process";
import * as fs from "fs";
import * as os from "os";
import * as path from "path";
import { diagnosePage } from "./diagnosePage";
import { Failure } from "./failure";
import { replaceFile } from "./outputFile";
import { summaryOf } from "./overview";
import { askNode, type NoAnswer } from "./question";
import { remover } from "./secrets";
import { withSsh, type Ssh } from "./ssh";
import type { Stack, StackNode } from "./stack";
import { connectTimeout, exitCodeOf, exitCodes, reportOf, statusJson } from "./status";
import { statusPage } from "./statusPage";

export interface DiagnoseArgs {
  readonly stack: Stack;
  /** Values that must not be in the archive; what the nodes know themselves they have removed already. */
  readonly secrets: readonly string[];
  /** The archive. */
  readonly output: string;
  /** What runs this command line, such as `npx smt-ha`. */
  readonly command: string;
  readonly signal: AbortSignal;
}

/** What there is of a node. */
export interface Collected {
  readonly name: string;
  readonly sections: readonly Section[];
  /** Why there is nothing. */
  readonly failure?: NoAnswer;
}

interface Section {
  readonly group: string;
  readonly name: string;
  /** Its path in the archive. */
  readonly file: string;
  readonly text: string;
}

/** Seconds that a node may take: the step itself ends within 180, and an emulated node needs some more. */
const collectTimeout = 300;

/**
 * Collects from all nodes at the same time what an expert asks for, and writes it into one archive without secrets.
 *
 * @returns the exit code, which tells how the stack is
 */
export async function diagnose(args: DiagnoseArgs): Promise<number> {
  const { stack, signal } = args;
  return await withSsh(
    stack.nodes,
    async (ssh) => {
      const report = await reportOf(ssh, args);
      const clean = remover(args.secrets);
      const nodes = await Promise.all(stack.nodes.map((node) => collect(ssh, node, clean, signal)));
      if (signal.aborted) {
        return exitCodes.unknown;
      }
      const name = path.basename(args.output).replace(/\.(tar\.gz|tgz)$/, "");
      await writeArchive(args.output, name, [
        { file: "index.html", text: clean(diagnosePage(report, nodes)) },
        { file: "status.html", text: clean(statusPage(report)) },
        { file: "status.json", text: clean(statusJson(report)) },
        ...nodes.flatMap(({ sections }) => sections),
      ]);
      say(`stack ${stack.name}: ${summaryOf(report)}`);
      say(`${args.output}: begin with ${name}/index.html`);
      return exitCodeOf(report);
    },
    { connectTimeout },
  );
}

async function collect(
  ssh: Ssh,
  node: StackNode,
  clean: (text: string) => string,
  signal: AbortSignal,
): Promise<Collected> {
  const { name } = node;
  const start = Date.now();
  const question = { step: "node/diagnose", limit: collectTimeout };
  const said = await askNode(ssh, node, question, (text) => sectionsOf(name, clean(text)), signal);
  if (signal.aborted) {
    return { name, sections: [] };
  }
  if ("failure" in said) {
    const [cause, fix] = [clean(said.failure.cause), clean(said.failure.fix)];
    say(`${name}: nothing: ${cause.replace(new RegExp(`^${name} `), "")}\n  fix:   ${fix}`);
    return { name, sections: [], failure: { cause, fix } };
  }
  say(`${name}: ${said.answer.length} files (${Math.round((Date.now() - start) / 1000)} s)`);
  return { name, sections: said.answer };
}

/** The sections of a step's result: a line `@@ GROUP/NAME`, then each line after a space. */
function sectionsOf(node: string, result: string): Section[] | undefined {
  const sections = result.split(/^@@ /m).flatMap((part): Section[] => {
    // Nothing else may become a path.
    const [, group, name] = /^([a-z]+)\/(\w[\w.-]*)\n/.exec(part) ?? [];
    if (!group || !name) {
      return [];
    }
    const [, ...lines] = part.split("\n");
    return [{ group, name, file: `${node}/${group}/${name}.txt`, text: lines.map((line) => line.slice(1)).join("\n") }];
  });
  return sections.length > 0 ? sections : undefined;
}

/** Packs files into one directory of an archive, which its owner alone can read. */
async function writeArchive(
  archive: string,
  name: string,
  files: readonly { readonly file: string; readonly text: string }[],
): Promise<void> {
  // Its mode is 700.
  const directory = fs.mkdtempSync(path.join(os.tmpdir(), "smt-ha-"));
  try {
    for (const { file, text } of files) {
      const target = path.join(directory, name, file);
      fs.mkdirSync(path.dirname(target), { recursive: true });
      fs.writeFileSync(target, text);
    }
    await replaceFile(archive, "diagnose", (unfinished) => {
      fs.rmSync(unfinished, { force: true });
      return tar(directory, name, fs.openSync(unfinished, "wx", 0o600));
    });
  } finally {
    fs.rmSync(directory, { recursive: true });
  }
}

/** Packs a directory into an open file, by the system's tar. */
async function tar(directory: string, name: string, output: number): Promise<void> {
  const child = spawn("tar", ["-czf", "-", "-C", directory, "--", name], {
    stdio: ["ignore", output, "pipe"],
    // The default, but for tests: Jest gives them an environment of their own.
    env: process.env,
  });
  fs.closeSync(output);
  let said = "";
  child.stderr?.setEncoding("utf8").on("data", (text: string) => (said += text));
  const end = await new Promise<number | null | Error>((resolve) =>
    child.once("error", resolve).once("close", resolve),
  );
  if (end !== 0) {
    throw new Failure("smt-ha: diagnose not written", {
      cause: `tar failed: ${end instanceof Error ? end.message : said.trim()}`,
      fix: "install tar and gzip, and leave enough space on the disk",
    });
  }
}

/** The archive's name where none is given. */
export const archiveName = (stack: string, time: Date): string =>
  `smt-ha-${stack.replace(/\W+/g, "-")}-${time.toISOString().slice(0, 16).replace(/[-:]/g, "")}Z.tar.gz`;

function say(line: string): void {
  process.stdout.write(`${line}\n`);
}
