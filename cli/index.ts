import * as path from "path";
import { Argument, Command, InvalidArgumentError, Option } from "commander";
import { Failure } from "./failure";
import { interruption } from "./interruption";
import { maintain, maintainDefaults, type MaintainOptions } from "./maintain";
import type { Rotatable } from "./rotate";
import type { StatusOptions } from "./status";

/** The exit code of a command that fails. */
let failed = 1;
/** That of what tells how a stack is: monitoring takes 1 for a warning. */
const unknownState = 3;
const stateCodes = "\nExit codes: 0 all is well, 1 warning, 2 critical, 3 the state is not known.";

const program = new Command()
  // lab/smt-ha names itself.
  .name(process.env.SMT_HA_COMMAND ?? "npx smt-ha")
  .description("Works on the nodes of a stack, from the administrator's machine.");

program
  .command("up")
  .description(
    "Runs 'pulumi up'. Where its output is no terminal, says what runs on which node in place of each begin.",
  )
  .argument("[options...]", "as 'pulumi up' takes them, such as --stack STACK and --yes")
  .addOption(new Option("--event-log <file>", "Pulumi's own, which this command needs itself").hideHelp())
  .allowUnknownOption()
  .action(async (args: string[], { eventLog }: { eventLog?: string }) => {
    const { up } = await import("./up");
    process.exitCode = await up(args, eventLog);
  });

program
  .command("maintain")
  .description("Takes nodes out of service, one after the other, updates each, reboots it if needed and takes it back.")
  .argument("[node...]", "names of nodes, in the order of the work (default: all nodes of the stack)")
  .option("--stack <stack>", "name of the stack (default: the selected one)")
  .option("--drain <seconds>", "time for open downloads to end", seconds, maintainDefaults.drain)
  .addOption(
    new Option("--reboot <when>", "when a node is rebooted")
      .choices(["needed", "always", "never"])
      .default(maintainDefaults.reboot),
  )
  .option("--no-update", "leave the packages as they are")
  .action(async (names: string[], options: MaintainOptions & { stack?: string }) => {
    const { signal } = interruption();
    // Pulumi takes a second to load, which no usage message has to wait for.
    const { readStack } = await import("./stack");
    const stack = await readStack(options.stack, process.cwd());
    await maintain({ stack, names, options, command: program.name(), signal });
  });

program
  .command("rotate")
  .description("Replaces a secret of a stack by a new one. Says what will change, and asks.")
  .addArgument(
    new Argument(
      "<what>",
      "hacluster's password, the replication's password, the key of the cluster's traffic, or the service's CA",
    ).choices(["hacluster", "replication", "authkey", "ca"]),
  )
  .option("--stack <stack>", "name of the stack (default: the selected one)")
  .option("--yes", "ask nothing")
  .action(async (what: Rotatable, options: { stack?: string; yes?: boolean }) => {
    // One after the other: what both import, must have loaded as a whole.
    const { readStack } = await import("./stack");
    const { rotate } = await import("./rotate");
    const stack = await readStack(options.stack, process.cwd());
    await rotate({ what, stack, options, command: program.name() });
  });

program
  .command("status")
  .description("Shows how the nodes of a stack are, what is wrong and how to fix it. Changes nothing.")
  .option("--stack <stack>", "name of the stack (default: the selected one)")
  .option("--json", "print the nodes' documents and the findings as JSON")
  .option("--html <file>", "also write a page that shows the same", calledFrom)
  .option("--prometheus <file>", "also write metrics for the textfile collector of Prometheus", calledFrom)
  .addOption(new Option("--watch", "ask again every few seconds, until Ctrl-C").conflicts("json"))
  .addHelpText("after", stateCodes)
  .exitOverride(({ exitCode }) => process.exit(exitCode && unknownState))
  .action(async (options: StatusOptions & { stack?: string }) => {
    failed = unknownState;
    const { signal } = interruption();
    const [{ readStack }, { status }] = await Promise.all([import("./stack"), import("./status")]);
    const stack = await readStack(options.stack, process.cwd());
    process.exitCode = await status({ stack, options, command: program.name(), signal });
  });

program
  .command("drift")
  .description("Shows what was changed by hand on the nodes, and the commands that restore it. Changes nothing.")
  .option("--stack <stack>", "name of the stack (default: the selected one)")
  .option("--json", "print the changes as JSON")
  .addHelpText("after", "\nExit codes: 0 nothing was changed, 1 something was, 3 not every node can tell.")
  .exitOverride(({ exitCode }) => process.exit(exitCode && unknownState))
  .action(async (options: { stack?: string; json?: boolean }) => {
    failed = unknownState;
    const { signal } = interruption();
    const [{ readStack }, { drift }] = await Promise.all([import("./stack"), import("./drift")]);
    const stack = await readStack(options.stack, process.cwd());
    process.exitCode = await drift({ stack, options, signal });
  });

program
  .command("diagnose")
  .description("Packs what an expert asks for, from all nodes and without secrets, into one archive. Changes nothing.")
  .option("--stack <stack>", "name of the stack (default: the selected one)")
  .option("--output <file>", "the archive (default: smt-ha-STACK-TIME.tar.gz)", calledFrom)
  .addHelpText("after", stateCodes)
  .exitOverride(({ exitCode }) => process.exit(exitCode && unknownState))
  .action(async (options: { stack?: string; output?: string }) => {
    failed = unknownState;
    const { signal } = interruption();
    const [{ readStack }, { readSecrets }, { archiveName, diagnose }] = await Promise.all([
      import("./stack"),
      import("./secrets"),
      import("./diagnose"),
    ]);
    const stack = await readStack(options.stack, process.cwd());
    const secrets = await readSecrets(stack, process.cwd());
    const output = options.output ?? calledFrom(archiveName(stack.name, new Date()));
    process.exitCode = await diagnose({ stack, secrets, output, command: program.name(), signal });
  });

function seconds(text: string): number {
  if (!/^\d{1,5}$/.test(text)) {
    throw new InvalidArgumentError("It must be a whole number of seconds.");
  }
  return Number(text);
}

/** The path of a file that is named from where the command was called. */
function calledFrom(file: string): string {
  return path.resolve(process.env.SMT_HA_CALLED_IN ?? "", file);
}

program.parseAsync().catch((error: unknown) => {
  process.exitCode = failed;
  console.error(error instanceof Failure ? error.message : error);
});
