import * as pulumi from "@pulumi/pulumi";

/** A resource as the program asked Pulumi for it. References to other resources are `Class name`. */
export interface Recorded {
  readonly id: string;
  readonly type: string;
  readonly name: string;
  /** Secrets are `{ secret: value }`; what only a real run can know is left out; revisions of steps read `REV`. */
  readonly inputs: Record<string, unknown>;
  /** Revision of the step that it runs, or of the files that it copies. */
  readonly revision?: string;
  readonly parent?: string;
  /** What the order depends on: `dependsOn`, and the resources whose outputs are inputs, but for a connection's host key. */
  readonly after: readonly string[];
  readonly options: {
    readonly protect?: true;
    readonly deleteBeforeReplace?: true;
    readonly deletedWith?: string;
    readonly replaceWith?: readonly string[];
    readonly ignoreChanges?: readonly string[];
    readonly createTimeout?: string;
    readonly updateTimeout?: string;
  };
}

export interface Recording {
  readonly resources: readonly Recorded[];
  readonly invokes: readonly { readonly token: string; readonly inputs: unknown }[];
  /** The resource with this reference; an error if there is none. */
  find(id: string): Recorded;
  /** References of the resources below this one, in their order of creation. */
  below(id: string): string[];
}

/** The part of a registration request that is read here; the SDK does not export its type. */
interface RegisterRequest {
  getType(): string;
  getName(): string;
  getParent(): string;
  getObject(): Parameters<typeof pulumi.runtime.deserializeProperties>[0];
  getDependenciesList(): string[];
  getProtect(): boolean | undefined;
  getDeletebeforereplace(): boolean;
  getDeletedwith(): string;
  getReplaceWithList(): string[];
  getIgnorechangesList(): string[];
  getCustomtimeouts(): { getCreate(): string; getUpdate(): string } | undefined;
}

/** A template as vSphere describes it; sizes in GiB. */
export const template = {
  id: "42-template",
  guestId: "debian12_64Guest",
  firmware: "efi",
  scsiType: "pvscsi",
  networkInterfaceTypes: ["vmxnet3"],
  disks: [
    { size: 10, thinProvisioned: true, eagerlyScrub: false },
    { size: 3, thinProvisioned: false, eagerlyScrub: true },
  ],
};

/** A certificate of this name, for the eye of the program only. */
export const pem = (name: string): string =>
  `-----BEGIN CERTIFICATE-----\n${Buffer.from(name).toString("base64")}\n-----END CERTIFICATE-----\n`;

/** The results of steps, by the end of their names. */
const defaultResults: Readonly<Record<string, string>> = {
  "-ready": "ssh-ed25519 AAAA",
  "-certificate-authority": pem("root"),
  "-certificate-request": "-----BEGIN CERTIFICATE REQUEST-----\nAAAA\n-----END CERTIFICATE REQUEST-----\n",
  "-database-configure": `${JSON.stringify({ id: "aa", certificate: pem("database") })}\n`,
  "-database-survey": '{"member":false}\n',
  "-database-offer": '{"dump":"mysqld-bin.000001:500"}\n',
  "-database-seed": '{"file":"mysqld-bin.000001","position":600}\n',
  "-database-replicate": '{"marker":"cc"}\n',
  "-certificate-sign": ["node1", "node2"].map((name) => `@@ ${name}\n${pem(name)}`).join(""),
};

/**
 * Runs a program against Pulumi's mocks.
 *
 * @param program makes resources
 * @param results results of steps, by the end of their names; they replace the default ones
 * @param templateMissing whether vSphere has no template
 */
export async function record(
  program: () => unknown,
  {
    config = {},
    preview = false,
    project = "smt-ha",
    results = {},
    templateMissing = false,
  }: {
    config?: Record<string, string>;
    preview?: boolean;
    project?: string;
    results?: Record<string, string>;
    templateMissing?: boolean;
  } = {},
): Promise<Recording> {
  const resources: Recorded[] = [];
  const invokes: Recording["invokes"][number][] = [];
  await pulumi.runtime.setMocks(
    {
      newResource: ({ name, type, inputs }) => ({
        id: `${name}-id`,
        state: {
          ...(inputs as object),
          ...(type === "command:remote:Command" && {
            stdout:
              [...Object.entries(results), ...Object.entries(defaultResults)].find(([end]) =>
                name.endsWith(end),
              )?.[1] ?? "",
          }),
          ...(type === "random:index/randomId:RandomId" && { hex: "5a5a5a5a5a5a5a5a" }),
          // Generated passwords are secrets.
          ...(type === "random:index/randomPassword:RandomPassword" && { result: pulumi.secret(`${name}-hush`) }),
          ...(type === "pulumi:index:Stash" && { output: (inputs as { input: unknown }).input }),
        },
      }),
      call: ({ token, inputs }) => {
        invokes.push({ token, inputs });
        if (templateMissing && token.endsWith(":getVirtualMachine")) {
          // The SDK reads the details, as of an error of gRPC.
          throw Object.assign(new Error(), { details: "vm 'debian12' not found" });
        }
        return token.endsWith(":getVirtualMachine") ? template : { id: `${token.split(":").pop()}-id` };
      },
    },
    project,
    "test",
    preview,
  );
  pulumi.runtime.setAllConfig(config);

  // The mocks do not receive options, so this reads the requests on their way to them.
  const monitor = pulumi.runtime.getMonitor() as unknown as {
    registerResource(request: RegisterRequest, callback: unknown): Promise<void>;
  };
  const register = monitor.registerResource.bind(monitor);
  monitor.registerResource = (request, callback) => {
    const inputs = pulumi.runtime.deserializeProperties(request.getObject()) as Record<string, unknown>;
    const revision = /(?:--rev |smt-ha-files-)([0-9a-f]{8})/.exec(
      JSON.stringify([inputs.create, inputs.remotePath]),
    )?.[1];
    const timeout = request.getCustomtimeouts()?.getCreate();
    const updateTimeout = request.getCustomtimeouts()?.getUpdate();
    resources.push({
      id: `${className(request.getType())} ${request.getName()}`,
      type: request.getType(),
      name: request.getName(),
      inputs: plain(inputs) as Record<string, unknown>,
      ...(revision && { revision }),
      ...(!isStack(request.getParent()) && { parent: reference(request.getParent()) }),
      after: request
        .getDependenciesList()
        .filter((urn) => !isStack(urn) && !isHostKey(urn))
        .map(reference)
        .sort(),
      options: {
        ...(request.getProtect() && { protect: true as const }),
        ...(request.getDeletebeforereplace() && { deleteBeforeReplace: true as const }),
        ...(request.getDeletedwith() && { deletedWith: reference(request.getDeletedwith()) }),
        ...(request.getReplaceWithList().length > 0 && { replaceWith: request.getReplaceWithList().map(reference) }),
        ...(request.getIgnorechangesList().length > 0 && { ignoreChanges: request.getIgnorechangesList() }),
        ...(timeout && { createTimeout: timeout }),
        ...(updateTimeout && { updateTimeout }),
      },
    });
    return register(request, callback);
  };

  // Pulumi asks for the stack of each promise and resource as text, which nobody reads here: to find the place of every frame takes
  // longer than the program itself. An error of the program gets its text later, from Jest.
  Error.prepareStackTrace = String;
  try {
    await program();
    await pulumi.runtime.disconnect();
  } finally {
    Reflect.deleteProperty(Error, "prepareStackTrace");
  }

  const recorded = resources.filter(({ type }) => type !== "pulumi:pulumi:Stack");
  const find = (id: string): Recorded => {
    const found = recorded.filter((resource) => resource.id === id);
    if (found.length !== 1) {
      throw new Error(`${found.length} resources ${id}; there are:\n${recorded.map((r) => r.id).join("\n")}`);
    }
    return found[0];
  };
  const isBelow = (resource: Recorded, id: string): boolean =>
    resource.parent !== undefined && (resource.parent === id || isBelow(find(resource.parent), id));
  return {
    resources: recorded,
    invokes,
    find,
    below: (id) => recorded.filter((resource) => isBelow(resource, id)).map((resource) => resource.id),
  };
}

/** The value of an output. */
export const valueOf = <T>(output: pulumi.Output<T>): Promise<T> => new Promise((resolve) => output.apply(resolve));

const className = (type: string): string => type.split(/[:$]/).pop() ?? type;
const isStack = (urn: string): boolean => urn === "" || urn.includes("::pulumi:pulumi:Stack::");
const isHostKey = (urn: string): boolean => urn.includes("pulumi:index:Stash::");
const reference = (urn: string): string => {
  const [, , type, name] = urn.split("::");
  return `${className(type)} ${name}`;
};

const signature = "4dabf18193072939515e22adb298388d";

/** Takes the SDK's envelopes apart and gives all revisions the same text. */
function plain(value: unknown): unknown {
  if (typeof value === "string") {
    return value.replace(/(--rev |smt-ha-files-)[0-9a-f]{8}\b/, "$1REV");
  }
  if (Array.isArray(value)) {
    return value.map(plain);
  }
  if (pulumi.asset.Archive.isInstance(value) || typeof value !== "object" || value === null) {
    return value;
  }
  if (signature in value) {
    return { secret: plain((value as unknown as { value: unknown }).value) };
  }
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, plain(inner)]));
}
