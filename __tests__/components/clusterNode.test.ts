import * as pulumi from "@pulumi/pulumi";
import { ClusterNode, ClusterNodeArgs, hostsFile, sizeWarning } from "../../components/clusterNode";
import { lookUpPlacement } from "../../components/vspherePlacement";
import { clusterNodes } from "../support/clusterNodes";
import { record, Recording } from "../support/recorder";

const peers = [
  { name: "node1", address: "192.0.2.11" },
  { name: "node2", address: "192.0.2.12" },
];
const args = (): ClusterNodeArgs => ({
  role: "smt",
  access: { address: "192.0.2.11", user: "root", port: 22, privateKey: pulumi.secret("KEY") },
  platform: "debian12",
  network: {
    domain: "example.com",
    gateway: "192.0.2.1",
    prefixLength: 24,
    dnsServers: ["192.0.2.5"],
    ntpServers: ["192.0.2.1", "ntp.example.com"],
    nic: "eth0",
  },
  peers,
  initiatorName: "iqn.2016-04.com.open-iscsi:smtha.node1",
});
const onVsphere = (
  machine: { diskGiB?: number; folder?: string; protect?: boolean; resize?: boolean } = {},
  options: Parameters<typeof record>[1] = {},
): Promise<Recording> =>
  record(() => {
    const placement = lookUpPlacement({
      datacenter: "dc1",
      datastore: "store",
      resourcePool: "cluster1/Resources",
      network: "VM Network",
      template: "debian12",
    });
    new ClusterNode("node1", {
      ...args(),
      machine: {
        placement,
        cpus: 2,
        memoryMiB: 4096,
        resize: false,
        protect: true,
        ignoredAddresses: ["192.0.2.10"],
        ...machine,
      },
    });
  }, options);
/** What the program warns of meanwhile. */
const warnings = async (run: () => Promise<unknown>): Promise<string[]> => {
  const warn = jest.spyOn(pulumi.log, "warn").mockResolvedValue();
  await run();
  const texts = warn.mock.calls.map(([text]) => text);
  warn.mockRestore();
  return texts;
};

// The SDK makes a connection a secret as a whole.
const connection = {
  secret: {
    host: "192.0.2.11",
    port: 22,
    user: "root",
    privateKey: "KEY",
    hostKey: "ssh-ed25519 AAAA",
    dialErrorLimit: 10,
    perDialTimeout: 15,
  },
};

test("an existing host: its steps in order, and no machine", async () => {
  const recording = await record(() => new ClusterNode("node1", args()));

  const resources = recording.resources.map(({ type, name, parent }) => ({ type, name, parent }));
  expect(resources).toHaveLength(10);
  expect(resources).toEqual(
    expect.arrayContaining([
      { type: "smt-ha:machine:ClusterNode", name: "node1", parent: undefined },
      { type: "smt-ha:host:RemoteHost", name: "node1", parent: "ClusterNode node1" },
      { type: "command:remote:Command", name: "node1-ready", parent: "RemoteHost node1" },
      { type: "pulumi:index:Stash", name: "node1-host-key", parent: "RemoteHost node1" },
      { type: "command:remote:CopyToRemote", name: "node1-files", parent: "RemoteHost node1" },
      { type: "command:remote:Command", name: "node1-install", parent: "RemoteHost node1" },
      { type: "command:remote:Command", name: "node1-node-preflight", parent: "ClusterNode node1" },
      { type: "command:remote:Command", name: "node1-node-hosts", parent: "ClusterNode node1" },
      { type: "command:remote:Command", name: "node1-node-packages", parent: "ClusterNode node1" },
      { type: "command:remote:Command", name: "node1-node-time", parent: "ClusterNode node1" },
    ]),
  );
  const after = (id: string): readonly string[] => recording.find(id).after;
  expect(after("Command node1-ready")).toEqual([]);
  expect(after("CopyToRemote node1-files")).toEqual(["Command node1-ready"]);
  expect(after("Command node1-install")).toEqual(["CopyToRemote node1-files"]);
  expect(after("Command node1-node-preflight")).toEqual(["Command node1-install"]);
  expect(after("Command node1-node-hosts")).toEqual(["Command node1-install", "Command node1-node-preflight"]);
  expect(after("Command node1-node-packages")).toEqual(["Command node1-install", "Command node1-node-preflight"]);
  // The time service comes with the packages.
  expect(after("Command node1-node-time")).toEqual(["Command node1-install", "Command node1-node-packages"]);
  expect(recording.invokes).toEqual([]);

  // The host may be rebooting, but nobody is installing it.
  expect(recording.find("Command node1-ready")).toMatchObject({
    inputs: { connection: { secret: { dialErrorLimit: -1 } }, logging: "none" },
    options: { deleteBeforeReplace: true, createTimeout: "1m", updateTimeout: "1m" },
  });
});

test("each step: its command line, its inputs, one connection", async () => {
  const recording = await record(() => new ClusterNode("node1", args()));
  const step = (name: string): unknown => recording.find(`Command node1-${name}`).inputs;
  // Of sshd's environment, and of output that would be shown twice, there is none.
  const common = { connection, addPreviousOutputInEnv: false, logging: "none" };

  expect(step("install")).toEqual({ ...common, create: "bash smt-ha-files-REV/files/install debian12" });
  expect(step("node-preflight")).toEqual({
    ...common,
    create:
      "smt-ha node/preflight --role smt --name node1 --address 192.0.2.11 --nic eth0 --members 'node1 node2' --rev REV",
  });
  expect(step("node-hosts")).toEqual({
    ...common,
    create: "smt-ha node/hosts --rev REV",
    stdin: "@@ hosts\n192.0.2.11 node1.example.com node1\n192.0.2.12 node2.example.com node2\n",
  });
  expect(step("node-packages")).toEqual({ ...common, create: "smt-ha node/packages --role smt --rev REV" });
  expect(step("node-time")).toEqual({
    ...common,
    create: "smt-ha node/time --servers '192.0.2.1 ntp.example.com' --rev REV",
  });
});

test("a machine on vSphere: cloned from the template at its place, with the node's address", async () => {
  const recording = await onVsphere();

  const machine = recording.find("VirtualMachine node1");
  expect(machine.type).toBe("vsphere:index/virtualMachine:VirtualMachine");
  expect(machine.parent).toBe("ClusterNode node1");
  expect(machine.inputs).toEqual({
    name: "node1",
    annotation: "smt-ha smt node of stack test",
    resourcePoolId: "getResourcePool-id",
    datastoreId: "getDatastore-id",
    numCpus: 2,
    memory: 4096,
    guestId: "debian12_64Guest",
    firmware: "efi",
    scsiType: "pvscsi",
    networkInterfaces: [{ networkId: "getNetwork-id", adapterType: "vmxnet3" }],
    disks: [
      { label: "disk0", unitNumber: 0, size: 10, thinProvisioned: true, eagerlyScrub: false },
      { label: "disk1", unitNumber: 1, size: 3, thinProvisioned: false, eagerlyScrub: true },
    ],
    clone: {
      templateUuid: "42-template",
      customize: {
        linuxOptions: { hostName: "node1", domain: "example.com" },
        networkInterfaces: [{ ipv4Address: "192.0.2.11", ipv4Netmask: 24 }],
        ipv4Gateway: "192.0.2.1",
        dnsServerLists: ["192.0.2.5"],
        dnsSuffixLists: ["example.com"],
      },
    },
    ignoredGuestIps: ["192.0.2.10"],
  });
  // What it got from its template stays when the template changes; its size is the configuration's if that says so.
  const born = ["clone", "guestId", "firmware", "scsiType", "networkInterfaces[*].adapterType"];
  const size = ["numCpus", "memory"];
  expect(machine.options).toEqual({
    protect: true,
    deleteBeforeReplace: true,
    ignoreChanges: [...born, "disks", ...size],
  });
  const sized = (await onVsphere({ diskGiB: 40 })).find("VirtualMachine node1");
  expect(sized.options.ignoreChanges).toEqual([...born, "disks[*].thinProvisioned", "disks[*].eagerlyScrub", ...size]);
});

test("only the machine that may be resized takes other CPUs and memory, with a word of its restart", async () => {
  let recording: Recording | undefined;
  const texts = await warnings(async () => (recording = await onVsphere({ resize: true })));
  expect(recording?.find("VirtualMachine node1").options.ignoreChanges).not.toContain("memory");
  expect(texts).toEqual([expect.stringMatching(/^node1 is resizeNode: .* shuts it down and starts it again/)]);
  expect(await warnings(() => onVsphere())).toEqual([]);
});

test("a machine of another size than configured: says what it keeps, and the way to resize it", () => {
  const has = { cpus: 2, memoryMiB: 4096 };
  expect(sizeWarning("node1", has, has)).toBeUndefined();
  expect(sizeWarning("node1", has, { cpus: 2, memoryMiB: 8192 })).toBe(
    "node1 keeps 2 CPUs and 4096 MiB, although the configuration says 2 CPUs and 8192 MiB\n" +
      "  cause: vSphere shuts a machine down to change them, and all nodes at once would end the service\n" +
      "  fix:   one node after the other: pulumi config set resizeNode node1 && pulumi up",
  );
  expect(sizeWarning("node1", has, { cpus: 4, memoryMiB: 4096 })).toContain("says 4 CPUs and 4096 MiB");
});

test("without its template, a machine that exists keeps what it has, and the reason shows where one is cloned", async () => {
  let recording: Recording | undefined;
  const texts = await warnings(async () => (recording = await onVsphere({}, { templateMissing: true })));
  expect(texts).toEqual([
    "the template debian12 was not found in dc1. Machines that exist don't need it. A new one can't be created.\n" +
      "  cause: vm 'debian12' not found\n  fix:   pulumi config set template NAME",
  ]);
  const { inputs, options } = recording?.find("VirtualMachine node1") ?? {};
  expect(inputs?.clone).toMatchObject({
    templateUuid: "none: the template debian12 was not found in dc1; fix: pulumi config set template NAME",
  });
  // All that comes from a template is ignored on a machine that exists.
  const fromTemplate = ["clone", "guestId", "firmware", "scsiType", "networkInterfaces[*].adapterType", "disks"];
  expect(options?.ignoreChanges).toEqual(expect.arrayContaining(fromTemplate));
});

test("an SMT node that can balance is prepared for both roles, a director for its own", async () => {
  const recording = await record(() => void clusterNodes(["smt", "director"], { spare: true }));
  const roleOf = (name: string): string | undefined =>
    / --role ('[^']*'|\S+) /.exec(String(recording.find(`Command ${name}`).inputs.create))?.[1];
  expect(["node1-node-preflight", "node1-node-packages"].map(roleOf)).toEqual(["'smt director'", "'smt director'"]);
  expect(["node2-node-preflight", "node2-node-packages"].map(roleOf)).toEqual(["director", "director"]);
});

test("a machine's preflight knows what it was cloned with", async () => {
  const recording = await onVsphere();
  expect(recording.find("Command node1-node-preflight").inputs.create).toBe(
    "smt-ha node/preflight --role smt --name node1 --address 192.0.2.11 --nic eth0 --members 'node1 node2' " +
      "--prefix 24 --gateway 192.0.2.1 --dns 192.0.2.5 --rev REV",
  );
});

test("a machine's options: folder, a larger system disk but never a smaller one, no protection", async () => {
  const found = async (machine: Parameters<typeof onVsphere>[0]): Promise<unknown> => {
    const { inputs, options } = (await onVsphere(machine)).find("VirtualMachine node1");
    const sizes = (inputs.disks as { size: number }[]).map(({ size }) => size);
    return { folder: inputs.folder, sizes, protect: options.protect };
  };

  expect(await found({ diskGiB: 40, folder: "smt", protect: false })).toEqual({
    folder: "smt",
    sizes: [40, 3],
    protect: undefined,
  });
  expect(await found({ diskGiB: 5 })).toEqual({ folder: undefined, sizes: [10, 3], protect: true });
});

describe("a machine with a larger system disk", () => {
  const command = "Command node1-node-system-disk";

  test("lets the root file system fill it before packages need the room, again when its size changes", async () => {
    const recording = await onVsphere({ diskGiB: 40 });
    expect(recording.find(command)).toMatchObject({
      inputs: { create: "smt-ha node/system-disk --gib 40 --rev REV", triggers: ["node1-id"] },
      after: ["Command node1-install", "Command node1-node-preflight", "VirtualMachine node1"],
    });
    expect(recording.find("Command node1-node-packages").after).toContain(command);
    expect((await onVsphere({ diskGiB: 50 })).find(command).inputs.create).toContain(" --gib 50 ");
  });

  test("warns of what the step has left as it is, and says how the warning ends", async () => {
    const left =
      "the root file system does not grow with its disk of 40 GiB\n  cause: it is ext3\n  fix:   grow it by hand";
    const results = { "-system-disk": left };
    expect(await warnings(() => onVsphere({ diskGiB: 40 }, { results }))).toEqual([
      `node1: ${left}\n  then:  pulumi up --replace '**::node1-node-system-disk', which looks again`,
    ]);
    expect(await warnings(() => onVsphere({ diskGiB: 40 }))).toEqual([]);
  });

  test("only if diskGiB says so: the disk is not the program's otherwise", async () => {
    const { resources } = await onVsphere();
    expect(resources.filter(({ name }) => name.endsWith("system-disk"))).toEqual([]);
  });
});

test("a machine's steps wait for it, run again when it is replaced, and are deleted with it", async () => {
  const recording = await onVsphere();

  // Also when its key or port changes: an update without a limit would dial for ever.
  expect(recording.find("Command node1-ready").options).toMatchObject({ createTimeout: "10m", updateTimeout: "10m" });
  const remote = recording.resources.filter(({ type }) => type.startsWith("command:"));
  expect(remote).toHaveLength(7);
  for (const { after, inputs, options } of remote) {
    expect(after).toContain("VirtualMachine node1");
    expect(inputs.triggers).toEqual(["node1-id"]);
    expect(options.deletedWith).toBe("VirtualMachine node1");
    expect(options.deleteBeforeReplace).toBe(true);
  }
});

test("where machines go is looked up in their datacenter", async () => {
  const { invokes } = await onVsphere();
  const lookUp = (token: string): unknown =>
    invokes.find((invoke) => invoke.token === `vsphere:index/${token}:${token}`)?.inputs;

  expect(invokes).toHaveLength(5);
  expect(lookUp("getDatacenter")).toEqual({ name: "dc1" });
  expect(lookUp("getDatastore")).toEqual({ name: "store", datacenterId: "getDatacenter-id" });
  expect(lookUp("getResourcePool")).toEqual({ name: "cluster1/Resources", datacenterId: "getDatacenter-id" });
  expect(lookUp("getNetwork")).toEqual({ name: "VM Network", datacenterId: "getDatacenter-id" });
  expect(lookUp("getVirtualMachine")).toEqual({ name: "debian12", datacenterId: "getDatacenter-id" });
});

test("the lines for /etc/hosts", () => {
  expect(hostsFile(peers, "lab.example")).toBe(
    "192.0.2.11 node1.lab.example node1\n192.0.2.12 node2.lab.example node2\n",
  );
  expect(hostsFile(peers.slice(1), "lab.example", { name: "smt.lab.example", address: "192.0.2.10" })).toBe(
    "192.0.2.12 node2.lab.example node2\n192.0.2.10 smt.lab.example\n",
  );
});
