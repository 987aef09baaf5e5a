import * as crypto from "crypto";
import * as fs from "fs";
import * as path from "path";
import * as pulumi from "@pulumi/pulumi";
import { remote } from "@pulumi/command";
import type { PlatformName } from "./platform";

/** Where the node-side files live in this project. */
const filesFolder = path.join(__dirname, "..", "files");

/** How to reach a node by SSH. */
export interface SshAccess {
  /** IPv4 address to connect to. */
  readonly address: string;
  /** Login user: root, or one with password-less sudo. */
  readonly user: string;
  /** TCP port. */
  readonly port: number;
  /** Private key, in OpenSSH or PEM format. */
  readonly privateKey: pulumi.Output<string>;
  /** Expected host key (`ssh-ed25519 AAAA…`); any is accepted where it is not given. */
  readonly hostKey?: string;
}

export interface RemoteHostArgs {
  readonly access: SshAccess;
  readonly platform: PlatformName;
  /** The VM behind the address: its steps run anew when it is replaced, and are forgotten with it. */
  readonly vm?: pulumi.CustomResource;
  /** How long the host may take until it answers by SSH, such as `10m`. */
  readonly readyTimeout: string;
}

export interface StepArgs {
  /** Tells apart the uses of a step that runs on a host more than once; part of the resource's name. */
  readonly label?: string;
  /** `--name value` for the step; lists are separated by spaces. Never a secret. */
  readonly options?: Readonly<Record<string, pulumi.Input<string | number>>>;
  /** Texts and secrets for the step, by section name; they travel on standard input. */
  readonly inputs?: Readonly<Record<string, pulumi.Input<string>>>;
}

/**
 * A node by SSH: the only place in the program that makes remote commands.
 *
 * It waits until the host answers, puts the node-side files in place once, and runs steps. The steps of one host run
 * one after the other, in the order of their creation; those of different hosts side by side.
 */
export class RemoteHost extends pulumi.ComponentResource {
  private readonly connection: remote.CommandArgs["connection"];
  private readonly sudo: string;
  private last: pulumi.Resource;

  constructor(
    private readonly node: string,
    private readonly args: RemoteHostArgs,
    opts?: pulumi.ComponentResourceOptions,
  ) {
    super("smt-ha:host:RemoteHost", node, {}, opts);
    const { access } = args;
    this.sudo = access.user === "root" ? "" : "sudo -n ";
    this.connection = {
      host: access.address,
      port: access.port,
      user: access.user,
      privateKey: access.privateKey,
      ...(access.hostKey && { hostKey: access.hostKey }),
    };

    const ready = new remote.Command(
      `${node}-ready`,
      {
        connection: { ...this.connection, dialErrorLimit: -1 },
        create: `${this.sudo}true`,
        addPreviousOutputInEnv: false,
        logging: remote.Logging.None,
        triggers: this.triggers(),
      },
      { ...this.childOptions(), customTimeouts: { create: args.readyTimeout } },
    );

    const revision = hashFiles(listFiles(filesFolder));
    const staged = `smt-ha-files-${revision}`;
    const files = new remote.CopyToRemote(
      `${node}-files`,
      {
        connection: this.connection,
        // Relative, so that the state does not depend on where the project is checked out.
        source: new pulumi.asset.FileArchive(path.relative(process.cwd(), filesFolder)),
        remotePath: staged,
        triggers: this.triggers(),
      },
      { ...this.childOptions(), dependsOn: ready },
    );
    this.last = new remote.Command(
      `${node}-install`,
      {
        connection: this.connection,
        create: `${this.sudo}bash ${staged}/files/install ${args.platform}`,
        addPreviousOutputInEnv: false,
        logging: remote.Logging.None,
        triggers: this.triggers(),
      },
      { ...this.childOptions(), dependsOn: files },
    );
    this.registerOutputs();
  }

  /**
   * Runs `files/steps/<step>` on this host, after the steps created before it. A change of its script, options or
   * inputs runs it again, in place; nothing else does.
   */
  step(step: string, args: StepArgs, opts: { parent: pulumi.Resource; dependsOn?: pulumi.Resource[] }): remote.Command {
    const command = new remote.Command(
      [this.node, step.replace("/", "-"), ...(args.label ? [args.label] : [])].join("-"),
      {
        connection: this.connection,
        create: pulumi
          .all(args.options ?? {})
          .apply((options) => this.sudo + commandLine(step, options, this.revision(step))),
        ...(args.inputs && { stdin: pulumi.all(args.inputs).apply(sections) }),
        // sshd accepts no environment by default, and no step wants any.
        addPreviousOutputInEnv: false,
        // What a step prints is in its output and in its errors; streaming it too would show it twice.
        logging: remote.Logging.None,
        triggers: this.triggers(),
      },
      { ...this.childOptions(), parent: opts.parent, dependsOn: [this.last, ...(opts.dependsOn ?? [])] },
    );
    this.last = command;
    return command;
  }

  private triggers(): pulumi.Output<string>[] | undefined {
    return this.args.vm && [this.args.vm.id];
  }

  private childOptions(): pulumi.CustomResourceOptions {
    return { parent: this, deleteBeforeReplace: true, deletedWith: this.args.vm };
  }

  /** What a step runs: the runner, the library, the platform and its own script. */
  private revision(step: string): string {
    return hashFiles([
      path.join(filesFolder, "smt-ha"),
      ...listFiles(path.join(filesFolder, "lib")),
      path.join(filesFolder, "platform", `${this.args.platform}.sh`),
      path.join(filesFolder, "steps", step),
    ]);
  }
}

/** The line that runs a step, such as `smt-ha iscsi/login --lun 1 --rev 1a2b3c4d`: an administrator can type it too. */
export function commandLine(
  step: string,
  options: Readonly<Record<string, string | number>>,
  revision: string,
): string {
  const words = Object.entries({ ...options, rev: revision }).map(
    ([name, value]) => `--${name} ${quote(String(value))}`,
  );
  return ["smt-ha", step, ...words].join(" ");
}

/** Renders inputs as the sections that `files/smt-ha` takes apart again: a line `@@ NAME`, then the text. */
export function sections(inputs: Readonly<Record<string, string>>): string {
  return Object.entries(inputs)
    .map(([name, text]) => {
      if (/^@@ /m.test(text)) {
        throw new Error(`the text of section ${name} has a line that starts with "@@ "`);
      }
      return `@@ ${name}\n${text}${text.endsWith("\n") ? "" : "\n"}`;
    })
    .join("");
}

/** Takes sections apart: the result of a step that has more than one. */
export function parseSections(text: string): Record<string, string> {
  const [, ...parts] = text.split(/^@@ (.+)\n/m);
  return Object.fromEntries(
    Array.from({ length: parts.length / 2 }, (_, index) => {
      const content = parts[2 * index + 1];
      return [parts[2 * index], content.endsWith("\n") ? content : `${content}\n`];
    }),
  );
}

function quote(value: string): string {
  return /^[\w@%+=:,./-]+$/.test(value) ? value : `'${value.replace(/'/g, `'\\''`)}'`;
}

function listFiles(folder: string): string[] {
  return fs
    .readdirSync(folder, { withFileTypes: true })
    .flatMap((entry) => {
      const entryPath = path.join(folder, entry.name);
      return entry.isDirectory() ? listFiles(entryPath) : [entryPath];
    })
    .sort();
}

function hashFiles(files: string[]): string {
  const hash = crypto.createHash("sha256");
  for (const file of files) {
    hash
      .update(`${path.relative(filesFolder, file)}\0`)
      .update(fs.readFileSync(file))
      .update("\0");
  }
  return hash.digest("hex").slice(0, 8);
}
