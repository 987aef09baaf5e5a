import { labSecrets, schema, stackValues } from "../support/stack";
import { applyCommand } from "../support/pulumiConfig";
import {
  type Change,
  files,
  fix,
  good,
  goodNodes,
  load,
  nodeChange,
  privateKey,
  problemsOf,
  withKeys,
} from "./fixtures";

const now = new Date("2026-01-01");

test("the lab's configuration, exactly", () => {
  expect(load(good, { now })).toEqual({
    platform: "debian12",
    nodes: [
      { name: "node1", address: "192.0.2.11", role: "smt" },
      { name: "node2", address: "192.0.2.12", role: "smt" },
      { name: "node3", address: "192.0.2.13", role: "director" },
    ].map((configured) => ({
      ...configured,
      ssh: { user: "root", port: 22, privateKey },
      initiatorName: `iqn.2016-04.com.open-iscsi:smtha.${configured.name}`,
    })),
    network: {
      domain: "smt-ha.lab",
      gateway: "192.0.2.1",
      prefixLength: 24,
      dnsServers: [],
      ntpServers: ["192.0.2.1"],
      nic: "eth0",
    },
    virtualIp: "192.0.2.10",
    serviceName: "smt.smt-ha.lab",
    firewall: true,
    firewallAllow: [],
    machines: {
      datacenter: "lab",
      datastore: "local",
      resourcePool: "cluster1/Resources",
      network: "VM Network",
      template: "debian12",
      cpus: 1,
      memoryMiB: 1536,
      drsCluster: "cluster1",
      protect: false,
    },
    disk: {
      portal: "192.0.2.3:3260",
      target: "iqn.2026-01.lab.smt-ha:shared",
      lun: 1,
      chap: { user: "smt-ha", secret: "chap-hush" },
      wipe: false,
      adopt: false,
      ocfsSlots: 8,
    },
    cluster: { name: "smtha", watchdogTimeout: 15, msgwait: 30, tokenTimeout: 5 },
    smt: {
      uid: 480,
      credentials: { user: "lab-mirror", password: "nu-hush" },
      mirrorSources: false,
      mirrorTime: "01:00",
      repositories: [
        {
          name: "lab-updates",
          custom: {
            productId: "SUSE_SLES/11.1/x86_64",
            description: "Lab updates",
            url: "http://192.0.2.4/lab-updates/",
          },
        },
        { name: "Lab-Pool", target: "sles-11-x86_64" },
      ],
    },
    certificates: {
      source: { kind: "generated", subject: "/O=smt-ha/CN=smt-ha root CA" },
      formerNames: [],
      days: 730,
      now,
    },
    directors: { spares: true, failback: false },
    balancing: {
      checkInterval: 20,
      checkTimeout: 5,
      failureCount: 2,
      autoReload: true,
      quiescent: false,
      scheduler: "wlc",
      persistence: 600,
      forwarding: "gate",
      request: "test.html",
      receive: "still alive",
    },
    database: {},
  });
});

test("optional keys", () => {
  const config = load(
    withKeys({
      ...nodeChange({
        1: {
          sshUser: "admin",
          sshPort: 2222,
          sshPrivateKeyFile: "/keys/node2",
          sshHostKey: "ssh-ed25519 AAAA",
          initiatorName: "iqn.2026-01.com.example:node2",
        },
      }),
      dnsServers: ["192.0.2.5", "192.0.2.6"],
      folder: "smt",
      diskGiB: "40",
      wipeSharedDisk: "true",
      adoptSharedDisk: "true",
      protectMachines: "true",
      clusterName: "SMT_ha",
      sshPrivateKeyFile: "~/.ssh/id_rsa",
      databaseRootPassword: "root hush",
      databaseWinner: "node2",
      serviceName: "updates.example.com",
      smtUid: "950",
      nuUser: "UC1",
      nuPassword: "nu-hush",
      mirrorSources: "true",
      mirrorTime: "23:15",
      repositories: [
        { name: "SLES11-SP4-Pool", target: "sle-11-x86_64" },
        { name: "ATI-Driver-SLE11-SP1" },
        { name: "Tools", productId: 1, description: "In-house packages", url: "https://rpm.example.com/tools" },
      ],
    }),
  );

  expect(config.serviceName).toBe("updates.example.com");
  expect(config.smt).toEqual({
    uid: 950,
    credentials: { user: "UC1", password: "nu-hush" },
    mirrorSources: true,
    mirrorTime: "23:15",
    repositories: [
      { name: "SLES11-SP4-Pool", target: "sle-11-x86_64" },
      { name: "ATI-Driver-SLE11-SP1" },
      {
        name: "Tools",
        custom: { productId: "1", description: "In-house packages", url: "https://rpm.example.com/tools" },
      },
    ],
  });
  expect(config.nodes[1]).toMatchObject({
    ssh: { user: "admin", port: 2222, privateKey: files["/keys/node2"], hostKey: "ssh-ed25519 AAAA" },
    initiatorName: "iqn.2026-01.com.example:node2",
  });
  // An IQN has neither capitals nor underscores.
  expect(config.nodes[0]?.initiatorName).toBe("iqn.2016-04.com.open-iscsi:smt-ha.node1");
  expect(config.network.dnsServers).toEqual(["192.0.2.5", "192.0.2.6"]);
  expect(config.machines).toMatchObject({ folder: "smt", diskGiB: 40, protect: true });
  expect(config.disk.wipe).toBe(true);
  expect(config.disk.adopt).toBe(true);
  expect(config.database).toEqual({ rootPassword: "root hush", winner: "node2" });
});

test("ports for the firewall to open: one or a range, by TCP unless it says UDP, for a source or everyone", () => {
  const firewallAllow = [
    { port: 9100, from: "10.0.0.0/8" },
    { port: "5666-5667" },
    { port: 161, protocol: "udp", from: "192.0.2.9" },
    // The cluster's own, for a source that is named.
    { port: 3306, from: "192.0.2.9/32" },
    { port: 5405 },
  ];
  expect(load(withKeys({ firewallAllow })).firewallAllow).toEqual([
    { first: 9100, last: 9100, protocol: "tcp", from: "10.0.0.0/8" },
    { first: 5666, last: 5667, protocol: "tcp", from: undefined },
    { first: 161, last: 161, protocol: "udp", from: "192.0.2.9" },
    { first: 3306, last: 3306, protocol: "tcp", from: "192.0.2.9/32" },
    { first: 5405, last: 5405, protocol: "tcp", from: undefined },
  ]);
});

test("the stack of SLES 11 is valid, like the lab's", () => {
  const values = { ...stackValues("sles11", labSecrets), "smt-ha:sshPrivateKeyFile": "/keys/rsa" };
  const lab = load(good, { now });
  expect(load(values, { now })).toEqual({
    ...lab,
    smt: {
      ...lab.smt,
      // Its SMT takes a product's number without knowing any.
      repositories: lab.smt.repositories.map(({ custom, ...repository }) =>
        custom ? { ...repository, custom: { ...custom, productId: "434" } } : repository,
      ),
    },
    platform: "sles11",
    nodes: lab.nodes.map((node) => ({ ...node, ssh: { ...node.ssh, privateKey: files["/keys/rsa"] } })),
  });
});

test("existing hosts need nothing of vSphere, and a target may do without CHAP", () => {
  const config = load(
    withKeys({
      machines: "existing",
      ...Object.fromEntries(Object.keys(good).flatMap((key) => (key.startsWith("vsphere:") ? [[key, undefined]] : []))),
      ...Object.fromEntries(["datacenter", "datastore", "resourcePool", "network", "template"].map((key) => [key, ""])),
      chapUser: "",
      chapSecret: "",
    }),
  );
  expect(config.machines).toBeUndefined();
  expect(config.disk.chap).toBeUndefined();
});

test("the environment can replace the vSphere provider's keys", () => {
  const values = withKeys({
    "vsphere:vsphereServer": undefined,
    "vsphere:user": undefined,
    "vsphere:password": undefined,
  });
  const environment = { VSPHERE_SERVER: "vcenter", VSPHERE_USER: "me", VSPHERE_PASSWORD: "hush" };
  expect(problemsOf(values)).toHaveLength(3);
  expect(problemsOf(values, { environment })).toEqual([]);
});

test.each([
  ["virtualIP", { virtualIp: undefined, virtualIP: "192.0.2.10" }],
  ["chapSecrt", { chapSecret: undefined, chapSecrt: "chap-hush" }],
  ["adress", { nodes: [{ name: "node1", adress: "192.0.2.11", role: "smt" }, ...goodNodes.slice(1)] }],
])("a misspelt key can be renamed: %s", (key, change) => {
  const values = withKeys(change);
  const [problem = ""] = problemsOf(values);
  expect(problem).toContain(key);
  const [, rename = ""] = /\n {11}or rename it: (.+)$/.exec(problem) ?? [];
  expect(load(applyCommand(rename, values, ""), { now })).toEqual(load(good, { now }));
});

test("a name that every JavaScript object has is no known key", () => {
  expect(problemsOf(withKeys({ constructor: "x" }))).toHaveLength(1);
  expect(problemsOf(withKeys(nodeChange({ 0: { toString: "x" } })))).toHaveLength(1);
});

test("a value is shown on one line, with what can't be seen, and cut if it is long", () => {
  const shown = (value: string): string | undefined =>
    /is (.*)/.exec(problemsOf(withKeys({ platform: value }))[0] ?? "")?.[1];
  expect(shown("debian12\u00a0")).toBe('"debian12\\u00a0"');
  expect(shown("debian\u200b12")).toBe('"debian\\u200b12"');
  expect(shown("\x1b[2J\x9b1m\u{e0041}\n")).toBe('"\\u001b[2J\\u009b1m\\udb40\\udc41\\n"');
  expect(shown("x".repeat(300))).toBe(`"${"x".repeat(200)}…"`);
});

test.each([
  ["cpus\u00a0", '"smt-ha:cpus\\u00a0"'],
  ["it's; reboot", '"smt-ha:it\'s; reboot"'],
  ["domain.name", "smt-ha:domain.name"],
  ["--", "smt-ha:--"],
])("a key that is no word of a command is removed from the file: %s", (key, shown) => {
  const file = "\n    fix:   remove it from the stack's file, Pulumi.STACK.yaml";
  const nearest = /^ {4}cause: it must be a known key; the nearest one is \w+$/m;
  const found = [...problemsOf(withKeys({ [key]: "2" })), ...problemsOf(withKeys(nodeChange({ 0: { [key]: "2" } })))];
  expect(found).toEqual(
    [shown, shown.replace("smt-ha:", "smt-ha:nodes[0].")].map((): unknown => expect.stringContaining(file)),
  );
  expect(found.map((text) => text.split(" is not known")[0]?.trim())).toEqual([
    shown,
    shown.replace("smt-ha:", "smt-ha:nodes[0]."),
  ]);
  found.forEach((text) => expect(text).toMatch(nearest));
});

test("the commands that remove items of a list begin at its end, so that none meets another item", () => {
  const [first, second] = [{ name: "First" }, { name: "Second" }];
  const values = withKeys({ repositories: [first, "x", second, first, "y"] });
  expect(problemsOf(values).map((text) => /repositories\S+/.exec(text)?.[0])).toEqual([
    "repositories[4]",
    "repositories[3]",
    "repositories[1]",
  ]);
  const removed = problemsOf(values)
    .map((text) => text.split("fix:   ")[1] ?? "")
    .reduce((current, command) => applyCommand(command, current, ""), values);
  expect(JSON.parse(removed["smt-ha:repositories"] ?? "")).toEqual([first, second]);
});

test("without nodes, the keys that name one are not blamed", () => {
  const names = (change: Change): (string | undefined)[] =>
    problemsOf(withKeys({ databaseWinner: "node2", resizeNode: "node2", ...change })).map(
      (text) => text.trim().split(" ")[0],
    );
  expect(names({ nodes: undefined })).toEqual(["smt-ha:nodes", "smt-ha:nodes"]);
  expect(names({ nodes: [] })).toEqual(["smt-ha:nodes", "smt-ha:nodes"]);
});

test("the fixing commands lead from an empty configuration to a valid one", () => {
  const defaults = Object.entries(schema).filter(([, key]) => key.default !== undefined);
  const values = Object.fromEntries(
    defaults.map(([key, { default: value }]) => [
      `smt-ha:${key}`,
      typeof value === "string" ? value : JSON.stringify(value),
    ]),
  );
  expect(problemsOf(values).length).toBeGreaterThan(10);
  expect(fix(values)).toEqual({ runs: 1, left: [] });
});

test("reports every problem in one pass", () => {
  const values = withKeys({
    platform: "sles9",
    virtualIp: "192.0.2.12",
    msgwait: "20",
    chapSecret: "",
    colour: "red",
    ntpServers: [],
    "vsphere:password": undefined,
  });
  expect(problemsOf(values).map((text) => text.trim().split(" ")[0])).toEqual([
    "smt-ha:colour",
    "smt-ha:platform",
    "smt-ha:ntpServers",
    "smt-ha:virtualIp",
    "smt-ha:msgwait",
    "smt-ha:chapSecret",
    "vsphere:password",
  ]);
  expect(() => load(values)).toThrow(/^the stack's configuration has 7 problems:\n\n {2}smt-ha:colour is not known\n/);
  expect(() => load(withKeys({ platform: "" }))).toThrow(/^the stack's configuration has 1 problem:\n/);
});

test("an SSH agent that is gone is refused before any step fails for it", () => {
  const environment = { SSH_AUTH_SOCK: "/tmp/gone" };
  expect(problemsOf(good, { environment })).toEqual([
    '  SSH_AUTH_SOCK is "/tmp/gone"\n' +
      "    cause: it must name the socket of an SSH agent that runs, or be unset\n" +
      "    fix:   unset SSH_AUTH_SOCK",
  ]);
  const readFile = (file: string): string => {
    if (file === "/tmp/gone") {
      throw Object.assign(new Error("a socket"), { code: "ENXIO" });
    }
    return files[file] ?? "";
  };
  expect(problemsOf(good, { environment, readFile })).toEqual([]);
});

describe("an SMT node balances while no director can", () => {
  const spares = (change: Change): boolean => load(withKeys(change)).directors.spares;

  test.each(["debian12", "sles11", "sles12"])("by default on %s", (platform) =>
    expect(spares({ platform, ...(platform === "sles11" && { sshPrivateKeyFile: "/keys/rsa" }) })).toBe(true),
  );
  test.each(["ipip", "masq"])("not with forwarding %s", (forwarding) => expect(spares({ forwarding })).toBe(false));
  test("not if the configuration says no", () => expect(spares({ spareDirectors: "false" })).toBe(false));
});
