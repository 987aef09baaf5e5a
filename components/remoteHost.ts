import * as crypto from "crypto";
import * as fs from "fs";
import * as path from "path";
import * as pulumi from "@pulumi/pulumi";
import { remote } from "@pulumi/command";
import type { PlatformName } from "./platform";
import { commandLine, sections } from "./stepCommand";

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
  readonly privateKey: pulumi.Input<string>;
  /** Expected host key (`ssh-ed25519 AAAA…`). Unset: the one that the host shows at the first contact. */
  readonly hostKey?: string;
}

export interface RemoteHostArgs {
  readonly access: SshAccess;
  /** What the host runs: the file under `files/platform` that its steps use. */
  readonly platform: PlatformName;
  /** The VM behind the address. Its steps run again when it is replaced, and are deleted with it. */
  readonly vm?: pulumi.CustomResource;
  /** Time limit until the host answers by SSH, such as `10m`. */
  readonly readyTimeout: string;
}

export interface StepArgs {
  /** Distinguishes the uses of a step that runs on a host more than once; part of the resource's name. */
  readonly label?: string;
  /** `--name value` for the step; lists are separated by spaces. Never a secret. */
  readonly options?: Readonly<Record<string, pulumi.Input<string | number>>>;
  /** Texts and secrets for the step, by section name; they travel on standard input. */
  readonly inputs?: Readonly<Record<string, pulumi.Input<string>>>;
}

export interface StepOptions {
  /** The component that the step belongs to. */
  readonly parent: pulumi.Resource;
  /** What the step waits for, beside the installation of the node-side files. */
  readonly dependsOn?: readonly pulumi.Resource[];
}

/** A node as steps see it. */
export interface StepNode {
  /** Host name, without the domain. */
  readonly nodeName: string;
  /** IPv4 address. */
  readonly address: string;
  readonly host: Pick<RemoteHost, "step">;
  /** What must be in place before a component uses the node. */
  readonly ready: readonly pulumi.Resource[];
}

/**
 * A node by SSH: the only place in the program that makes remote commands.
 *
 * It waits until the host answers, installs the node-side files once, and runs steps. A step waits for the resources in its
 * options. On the node, locks keep apart the steps that must not run together: one lock for each lane, which
 * `files/smt-ha` reads from the script.
 *
 * Only the command that waits for the host accepts an unknown host key, and it sends no secret. All other connections expect
 * the key that it found, or the given one.
 */
export class RemoteHost extends pulumi.ComponentResource {
  /** The host key that connections expect. */
  readonly hostKey: pulumi.Output<string>;
  private readonly connection: remote.CommandArgs["connection"];
  private readonly sudo: string;
  private readonly installed: pulumi.Resource;

  constructor(
    private readonly node: string,
    private readonly args: RemoteHostArgs,
    opts?: pulumi.ComponentResourceOptions,
  ) {
    super("smt-ha:host:RemoteHost", node, {}, opts);
    const { access } = args;
    this.sudo = access.user === "root" ? "" : "sudo -n ";
    const login = {
      host: access.address,
      port: access.port,
      user: access.user,
      privateKey: pulumi.secret(access.privateKey),
    };

    const ready = new remote.Command(
      `${node}-ready`,
      {
        connection: { ...login, ...(access.hostKey && { hostKey: access.hostKey }), dialErrorLimit: -1 },
        // sudo would read the script, and its session has no SSH_CONNECTION.
        ...(access.hostKey
          ? { create: `${this.sudo}true` }
          : {
              create: `${this.sudo && `${this.sudo}true </dev/null && `}bash -s`,
              stdin: fs.readFileSync(path.join(filesFolder, "host-key"), "utf8"),
            }),
        addPreviousOutputInEnv: false,
        logging: remote.Logging.None,
        triggers: this.triggers(),
      },
      { ...this.childOptions(), customTimeouts: { create: args.readyTimeout, update: args.readyTimeout } },
    );
    this.hostKey = access.hostKey ? pulumi.output(access.hostKey) : this.pin(ready);
    this.connection = { ...login, hostKey: this.hostKey };

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
    this.installed = new remote.Command(
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
   * Runs `files/steps/<step>` on this host. A change of its script, options or inputs runs it again, in place; nothing else
   * does.
   *
   * @returns the step; its `stdout` is the step's result as plain text without the last newline, empty if it has none
   * @throws if a line of an input starts with `@@ `, which starts a section
   */
  step(step: string, args: StepArgs, opts: StepOptions): remote.Command {
    return new remote.Command(
      [this.node, step.replace("/", "-"), ...(args.label ? [args.label] : [])].join("-"),
      {
        connection: this.connection,
        create: pulumi
          .all(args.options ?? {})
          .apply((options) => this.sudo + commandLine(step, options, this.revision(step))),
        ...(args.inputs && { stdin: pulumi.all(args.inputs).apply(sections) }),
        // sshd accepts no environment by default, and no step needs any.
        addPreviousOutputInEnv: false,
        // A step's progress is in its output and in its errors; streaming would show it twice.
        logging: remote.Logging.None,
        triggers: this.triggers(),
      },
      { ...this.childOptions(), parent: opts.parent, dependsOn: [this.installed, ...(opts.dependsOn ?? [])] },
    );
  }

  /** Keeps the first result of a command in the state until the command is replaced, as by another VM. */
  private pin(first: remote.Command): pulumi.Output<string> {
    const kept = new pulumi.Stash(
      `${this.node}-host-key`,
      { input: first.stdout },
      { ...this.childOptions(), replaceWith: [first] },
    );
    return kept.output.apply(String);
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
      // The same on every platform.
      .update(`${path.relative(filesFolder, file).split(path.sep).join("/")}\0`)
      .update(fs.readFileSync(file))
      .update("\0");
  }
  return hash.digest("hex").slice(0, 8);
}
