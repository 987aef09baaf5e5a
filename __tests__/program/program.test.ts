import * as fs from "fs";
import { runProgram } from "../support/program";
import { labSecrets, labStack, stackValues } from "../support/stack";
import type { Recording } from "../support/recorder";

// The lab makes its key when it starts: any will do here.
jest.mock("fs", () => {
  const actual = jest.requireActual<typeof import("fs")>("fs");
  const readFileSync = (file: string, ...rest: []): string | Buffer =>
    String(file).endsWith(".lab/ssh/id_ed25519")
      ? "-----BEGIN OPENSSH PRIVATE KEY-----\nkey-hush\n"
      : actual.readFileSync(file, ...rest);
  return { ...actual, readFileSync };
});

// There is no service to ask.
jest.mock("../../report/serviceReport", () => ({ serviceReport: (facts: object): object => facts }));

const device = "/dev/disk/by-path/ip-192.0.2.3:3260-iscsi-iqn.2026-01.lab.smt-ha:shared-lun-1";
const machineSteps = (node: string): string[] => [
  `RemoteHost ${node}`,
  `Command ${node}-ready`,
  `Stash ${node}-host-key`,
  `CopyToRemote ${node}-files`,
  `Command ${node}-install`,
  `Command ${node}-node-preflight`,
  `Command ${node}-node-hosts`,
  `Command ${node}-node-packages`,
  `Command ${node}-node-time`,
];

/** Everything that a resource waits for, directly or not. */
function allBefore(recording: Recording, id: string, found = new Set<string>()): Set<string> {
  for (const before of recording.find(id).after.filter((other) => !found.has(other))) {
    allBefore(recording, before, found.add(before));
  }
  return found;
}

describe("the lab's stack", () => {
  const run = runProgram(labStack);

  test("makes three machines in the lab's vSphere", async () => {
    const { recording } = await run;
    const nodes = ["node1", "node2", "node3"];
    for (const node of nodes) {
      expect(recording.below(`ClusterNode ${node}`).sort()).toEqual(
        [`VirtualMachine ${node}`, ...machineSteps(node)].sort(),
      );
    }
    const machines = recording.resources.filter(({ type }) => type.includes("VirtualMachine"));
    expect(machines.map(({ name, inputs, options }) => [name, inputs.numCpus, inputs.memory, options.protect])).toEqual(
      nodes.map((node) => [node, 1, 1536, undefined]),
    );
    expect(machines.map(({ inputs }) => inputs.ignoredGuestIps)).toEqual(nodes.map(() => ["192.0.2.10"]));
    expect(recording.find("VirtualMachine node3").inputs.annotation).toBe("smt-ha director node of stack test");
    expect(recording.invokes.map(({ inputs }) => (inputs as { name: string }).name).sort()).toEqual(
      ["lab", "cluster1", "local", "cluster1/Resources", "VM Network", "debian12"].sort(),
    );
    expect(recording.find("ComputeClusterVmAntiAffinityRule separate-hosts")).toMatchObject({
      inputs: { name: "smt-ha smtha", virtualMachineIds: nodes.map((node) => `${node}-id`), mandatory: false },
      after: nodes.map((node) => `VirtualMachine ${node}`),
    });
  });

  test("attaches the shared disk to all of them", async () => {
    const { recording } = await run;
    expect(recording.below("IscsiSharedDisk shared-disk")).toHaveLength(7);
    expect(recording.find("Command node3-iscsi-login").inputs.create).toBe(
      "smt-ha iscsi/login --portal 192.0.2.3:3260 --target iqn.2026-01.lab.smt-ha:shared " +
        `--device ${device} --initiator iqn.2016-04.com.open-iscsi:smtha.node3 --chap-user smt-ha --rev REV`,
    );
    expect(recording.find("Command node1-disk-partition").inputs.create).toBe(
      `smt-ha disk/partition --device ${device} --cluster smtha --id 5a5a5a5a5a5a5a5a --adopt no --wipe no --rev REV`,
    );
  });

  test("names each step as its node's mark of it", async () => {
    const { recording } = await run;
    const commands = recording.resources.filter(({ inputs }) => String(inputs.create).startsWith("smt-ha "));
    expect(commands.length).toBeGreaterThan(80);
    for (const { name, inputs } of commands) {
      const [, step, options] = /^smt-ha (\S+) (.*)/.exec(String(inputs.create))!;
      const [, use] = /^# use: --(.+)$/m.exec(fs.readFileSync(`files/steps/${step}`, "utf8")) ?? [];
      const value = use ? `-${new RegExp(`--${use} (\\S+)`).exec(options)?.[1]}` : "";
      expect(name.replace(/^node\d-/, "")).toBe(step.replace("/", "-") + value);
    }
  });

  describe("a step waits for what it needs alone:", () => {
    const ring = ["offer", "seed", "replicate", "verify"].map((step) => `database-${step}`);
    const listing = ["smt-repositories", "smt-verify", "smt-mirror"];
    const serving = ["web-apache", "director-verify"];
    const loading = ["cluster-configure-LVS", "cluster-configure-Jobs"];
    const mounted = ["smt-links", ...ring, "smt-start", "web-health", ...listing, "web-health-page", ...serving];
    const joined = [
      ...["cluster-configure-fencing", "cluster-configure-base-services", "ocfs-verify"],
      ...[...mounted, ...loading],
    ];
    const databases = ["database-survey", ...ring, "smt-start", "web-health", ...listing, ...serving];
    const certified = ["smt-start", "web-health", ...listing, ...serving, ...loading];

    test.each([
      // Certificates, the databases and the cluster need the time. The disk, the firewall and the load balancer don't.
      [
        "node1-node-time",
        [
          ...[
            "cluster-join",
            ...joined,
            "smt-install",
            "smt-configure",
            "smt-web",
            "smt-schedule",
            "database-configure",
          ],
          ...["database-survey", "certificate-authority", "certificate-request", "certificate-sign"],
          ...["certificate-install", "certificate-trust-keep", "certificate-trust-drop"],
        ],
      ],
      [
        "node3-node-time",
        [
          ...["cluster-join", ...joined],
          ...["certificate-trust-keep", "certificate-install", "certificate-trust-drop"],
        ],
      ],
      // A database listens behind its own node's firewall. A member needs everyone's.
      ["node1-node-firewall", ["cluster-join", ...joined, "database-configure", "database-survey"]],
      ["node3-node-firewall", ["cluster-join", ...joined]],
      ["node2-iscsi-login", ["disk-partition", "disk-reread", "sbd-create", "ocfs-format", "cluster-join", ...joined]],
      ["node3-cluster-join", joined],
      ["node2-cluster-password", []],
      ["node1-cluster-configure-base-services", ["ocfs-verify", ...mounted, ...loading]],
      ["node2-ocfs-verify", mounted],
      ["node2-database-configure", databases],
      ["node2-certificate-install", ["certificate-trust-drop", ...certified]],
      ["node2-certificate-trust-drop", []],
      ["node2-smt-start", ["web-health", ...listing, ...serving]],
      ["node1-smt-repositories", ["smt-verify", "smt-mirror", ...serving]],
      ["node1-web-health-page", ["director-verify"]],
      // A server that does not exist yet would keep ldirectord from the others.
      ["node2-realserver-address", ["director-configure", ...loading, ...serving]],
      ["node1-director-configure", [...loading, "director-verify"]],
      ["node3-cluster-configure-LVS", ["cluster-configure-Jobs", "director-verify"]],
    ])("what waits for %s", async (id, waiting) => {
      const { recording } = await run;
      const steps = recording.resources.filter(({ inputs }) => String(inputs.create).startsWith("smt-ha "));
      const names = steps
        .filter((step) => allBefore(recording, step.id).has(`Command ${id}`))
        .map(({ name }) => name.replace(/^node\d-/, ""));
      expect([...new Set(names)].sort()).toEqual([...waiting].sort());
    });

    test("on its own node, if that is enough", async () => {
      const { recording } = await run;
      const before = (id: string): Set<string> => allBefore(recording, `Command ${id}`);
      expect([...before("node1-database-configure")].join()).not.toMatch(/node[23]-/);
      expect([...before("node2-cluster-password")].join()).not.toMatch(/node[13]-/);
      expect([...before("node1-certificate-authority")].join()).not.toMatch(/node[23]-/);
      expect([...before("node2-smt-install")].join()).not.toMatch(/node[13]-/);
    });

    test("ldirectord starts where the CA of all servers is trusted", async () => {
      const { recording } = await run;
      const before = allBefore(recording, "Command node3-cluster-configure-LVS");
      for (const step of ["node1-certificate-request", "node2-certificate-request", "node3-certificate-trust-keep"]) {
        expect(before).toContain(`Command ${step}`);
      }
    });
  });

  test("loads one part of the cluster's configuration at a time", async () => {
    const { recording } = await run;
    const parts = recording.resources.filter(({ name }) => name.includes("-cluster-configure-"));
    for (const [index, { id }] of parts.entries()) {
      for (const other of parts.slice(0, index)) {
        expect(allBefore(recording, id).has(other.id) || allBefore(recording, other.id).has(id)).toBe(true);
      }
    }
    expect(parts).toHaveLength(4);
  });

  test("ends with the nodes and their devices", async () => {
    expect((await run).outputs).toMatchObject({
      nodes: {
        node1: { role: "smt", address: "192.0.2.11", hostKey: "ssh-ed25519 AAAA" },
        node2: { role: "smt", address: "192.0.2.12", hostKey: "ssh-ed25519 AAAA" },
        node3: { role: "director", address: "192.0.2.13", hostKey: "ssh-ed25519 AAAA" },
      },
      sbdDevice: `${device}-part1`,
      dataDevice: `${device}-part2`,
    });
  });

  test("holds no secret in the open", async () => {
    const { recording, outputs } = await run;
    const text = (what: unknown): string => JSON.stringify(what);
    for (const secret of ["key-hush", "chap-hush", "authkey-hush"]) {
      expect(text(recording.resources)).toContain(secret);
    }
    const open = JSON.stringify([recording.resources, recording.invokes, outputs], (key, value: unknown) =>
      key === "secret" ? undefined : value,
    );
    expect(open).not.toContain("hush");
  });

  test("previews every step with its exact command line", async () => {
    const { recording } = await runProgram(labStack, { preview: true });
    const ids = (all: Recording): string[] => all.resources.map(({ id }) => id).sort();
    expect(ids(recording)).toEqual(ids((await run).recording));
    for (const { id, inputs } of recording.resources.filter(({ type }) => type === "command:remote:Command")) {
      expect([id, inputs.create]).toEqual([id, expect.stringMatching(/^(true$|bash |smt-ha \S+\/)/)]);
    }
  });
});

test("SMT mirrors on its first node, what and with which credentials the configuration says", async () => {
  const { recording } = await runProgram({
    ...labStack,
    "smt-ha:nuUser": "UC1",
    "smt-ha:nuPassword": "nu-hush",
    "smt-ha:mirrorTime": "02:30",
    "smt-ha:repositories": JSON.stringify([{ name: "Pool", target: "sle-11-x86_64" }]),
  });
  const step = (name: string): unknown => recording.find(`Command ${name}`).inputs;

  expect(step("node1-smt-schedule")).toMatchObject({ create: "smt-ha smt/schedule --time 02:30 --rev REV" });
  expect(step("node2-smt-schedule")).toMatchObject({ create: "smt-ha smt/schedule --time 02:30 --rev REV" });
  expect(step("node1-smt-mirror")).toMatchObject({
    // Other credentials are tried at once.
    stdin: { secret: "@@ repositories\nPool|sle-11-x86_64|||\n@@ account\nUC1\nnu-hush\n" },
  });
  for (const node of ["node1", "node2"]) {
    const { stdin } = step(`${node}-smt-configure`) as { stdin: { secret: string } };
    expect(stdin.secret).toMatch(
      new RegExp(
        `^NUUser=UC1\\nNUPass=nu-hush\\n(.*\\n)*pass=${node}-smt-database-hush\\n(.*\\n)*url=https://smt.smt-ha.lab/$`,
        "m",
      ),
    );
    expect(recording.find(`Command ${node}-smt-links`).after).toContain(`Command ${node}-ocfs-verify`);
  }
  expect(recording.resources.map(({ id }) => id).filter((id) => id.startsWith("Command node3-smt-"))).toEqual([]);
});

describe("the SMT nodes as spare directors", () => {
  const role = (recording: Recording, node: string): string | undefined =>
    / --role ('[^']*'|\S+) /.exec(String(recording.find(`Command ${node}-node-packages`).inputs.create))?.[1];
  const text = (recording: Recording, id: string): string => String(recording.find(`Command ${id}`).inputs.stdin);
  const without = async (values: Record<string, string>): Promise<void> => {
    const { recording } = await runProgram({ ...labStack, ...values });
    expect(recording.resources.map(({ name }) => name).filter((name) => /node[12]-director-/.test(name))).toEqual([]);
    expect(role(recording, "node1")).toBe("smt");
    expect(text(recording, "node3-cluster-configure-LVS")).toContain("location LVS-not-on-node1 LVS -inf: node1\n");
    expect(text(recording, "node1-node-firewall")).not.toContain("notrack");
  };

  test("are all that they need, by default", async () => {
    const { recording } = await runProgram(labStack);
    for (const node of ["node1", "node2"]) {
      expect(role(recording, node)).toBe("'smt director'");
      expect(text(recording, `${node}-node-firewall`)).toContain("notrack");
      const before = allBefore(recording, "Command node3-cluster-configure-LVS");
      for (const step of ["node-packages", "node-firewall", "director-configure", "realserver-address"]) {
        expect(before).toContain(`Command ${node}-${step}`);
      }
      expect(before).not.toContain(`Command ${node}-web-apache`);
    }
    expect(text(recording, "node3-cluster-configure-LVS")).toMatch(/ LVS \S+ 3: node3\n.* 2: node1\n.* 1: node2\n$/);
  });

  test("are none if the configuration says so", () => without({ "smt-ha:spareDirectors": "false" }));
  test("are none by default where answers must pass the director", () => without({ "smt-ha:forwarding": "masq" }));

  test("hand over to a director that is back, if the configuration says so", async () => {
    const { recording } = await runProgram({ ...labStack, "smt-ha:directorFailback": "true" });
    expect(text(recording, "node3-cluster-configure-LVS")).toContain(" 1000: node3\n");
  });
});

describe("the lab's stack with two directors", () => {
  const values = stackValues("two-directors", labSecrets);

  test("differs from the other by its fourth node alone", () => {
    const { "smt-ha:nodes": nodes, ...others } = values;
    const { "smt-ha:nodes": three, ...same } = labStack;
    expect(others).toEqual(same);
    expect(JSON.parse(nodes)).toEqual([
      ...(JSON.parse(three) as unknown[]),
      { name: "node4", address: "192.0.2.14", role: "director" },
    ]);
  });

  test("a node joins when all others know it and let it through, and is balancing only when it is ready", async () => {
    const { recording } = await runProgram(values);
    const beforeJoin = allBefore(recording, "Command node4-cluster-join");
    for (const node of ["node1", "node2", "node3", "node4"]) {
      expect(beforeJoin).toContain(`Command ${node}-node-hosts`);
      expect(beforeJoin).toContain(`Command ${node}-node-firewall`);
    }
    expect(allBefore(recording, "Command node3-cluster-configure-LVS")).toContain("Command node4-director-configure");
    const text = (id: string): string => String(recording.find(id).inputs.stdin);
    expect(text("Command node3-cluster-configure-LVS")).toContain(
      "location LVS-on-node4 LVS resource-discovery=exclusive 3:",
    );
    expect(text("Command node1-cluster-configure-base-services")).toContain(
      "Base-Services-not-on-node4 base-services -inf:",
    );
  });
});

test("existing hosts: the same steps without machines, and without a word to vSphere", async () => {
  const config = Object.fromEntries(
    Object.entries({ ...labStack, "smt-ha:machines": "existing" }).filter(([key]) => !key.startsWith("vsphere:")),
  );
  const { recording, outputs } = await runProgram(config);

  expect(recording.resources.filter(({ type }) => type.includes("vsphere"))).toEqual([]);
  expect(recording.invokes).toEqual([]);
  expect(recording.below("ClusterNode node2").sort()).toEqual(machineSteps("node2").sort());
  expect(recording.find("Command node2-ready").options.createTimeout).toBe("1m");
  expect(outputs.sbdDevice).toBe(`${device}-part1`);
});

test("a director that is listed first partitions nothing", async () => {
  const nodes = JSON.parse(labStack["smt-ha:nodes"]) as unknown[];
  const { recording } = await runProgram({
    ...labStack,
    "smt-ha:nodes": JSON.stringify([nodes[2], nodes[0], nodes[1]]),
  });

  const partitioning = recording.resources.filter(({ name }) => name.endsWith("-disk-partition"));
  expect(partitioning.map(({ name }) => name)).toEqual(["node1-disk-partition"]);
});

test("a bad configuration makes nothing at all", async () => {
  const { recording, outputs } = await runProgram({ ...labStack, "smt-ha:virtualIp": "192.0.2.300" });

  expect(String(outputs.error)).toMatch(/smt-ha:virtualIp is "192\.0\.2\.300"/);
  expect(recording.resources).toEqual([]);
  expect(recording.invokes).toEqual([]);
});
