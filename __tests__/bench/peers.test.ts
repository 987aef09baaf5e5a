import { spawnSync } from "child_process";
import * as fs from "fs";
import * as os from "os";
import * as path from "path";
import { compared, peerTable, writePeers } from "../../bench/peers/document";
import type { Peers } from "../../bench/peers/measurement";
import { abstractProgram } from "../../bench/peers/abstract";
import { commandsBefore, playbookFiles, tasksOf, templateOf } from "../../bench/peers/playbook";
import type { AbstractProgram, Config, Operation } from "../../bench/peers/plan";
import { labStack } from "../support/stack";
import { cellsOf, expectWritten } from "../support/benchDocument";

// It would ask the service.
jest.mock("../../report/serviceReport", () => ({ serviceReport: () => "" }));

/** When the program's commands began and ended. */
const mockEvents: string[] = [];
const mockReady = new Set<string>();
// The nodes' first commands end once all of them have begun. The test would not end if the program waited for one.
jest.mock("../../bench/peers/program", () => {
  const actual = jest.requireActual<typeof import("../../bench/peers/program")>("../../bench/peers/program");
  const runProgram: typeof actual.runProgram = (config, perform) =>
    actual.runProgram(config, async (operation) => {
      const { name } = operation;
      mockEvents.push(`${name} begins`);
      while (name.endsWith("-ready") && mockReady.add(name).size < 3) {
        await new Promise(setImmediate);
      }
      const result = await perform(operation);
      mockEvents.push(`${name} ends`);
      return result;
    });
  return { ...actual, runProgram };
});

const root = path.join(__dirname, "../..");
const directory = fs.mkdtempSync(path.join(os.tmpdir(), "smt-ha-bench-"));
afterAll(() => fs.rmSync(directory, { recursive: true }));

describe("the program without Pulumi's engine", () => {
  const key = path.join(directory, "key");
  const values = { ...labStack, "smt-ha:sshPrivateKeyFile": key };
  const config: Config = Object.fromEntries(Object.entries(values).map(([name, value]) => [name, { value }]));
  let program: AbstractProgram;

  const operation = (name: string): Operation => program.operations.find((each) => each.name === name)!;
  const template = (name: string): string => {
    const { command, stdin } = operation(name);
    return templateOf(command, program.placeholders) + templateOf(stdin, program.placeholders);
  };

  beforeAll(async () => {
    fs.writeFileSync(key, "-----BEGIN OPENSSH PRIVATE KEY-----\nAAAA\n-----END OPENSSH PRIVATE KEY-----\n");
    program = await abstractProgram(config);
  });

  test("has each command of each node", () => {
    const names = program.operations.map(({ name }) => name);
    expect(new Set(names).size).toBe(names.length);
    expect(names).toEqual(
      expect.arrayContaining(["node1-ready", "node2-install", "node1-smt-mirror", "node3-cluster-configure-LVS"]),
    );
    expect(program.operations.every(({ name, node }) => name.startsWith(`${node}-`))).toBe(true);
  });

  test("begins a command as soon as all that it waits for has ended", () => {
    const at = (event: string): number => mockEvents.indexOf(event);
    expect(at("node3-ready begins")).toBeLessThan(at("node1-ready ends"));
    expect(at("node1-files ends")).toBeLessThan(at("node1-install begins"));
    expect(at("node2-certificate-request ends")).toBeLessThan(at("node1-certificate-sign begins"));
  });

  test("gives secrets and texts to the commands as Pulumi would, without its envelopes", () => {
    expect(operation("node1-iscsi-login").stdin).toBe("@@ chap-secret\nchap-hush\n");
    expect(operation("node1-cluster-password").stdin).toMatch(/^@@ password\n[0-9a-f]{24}\n$/);
    expect(operation("node1-iscsi-login").command).toMatch(/^smt-ha iscsi\/login --portal 192\.0\.2\.3:3260 /);
  });

  test("copies the node-side files where the installation expects them", () => {
    const { command, stdin } = operation("node1-files");
    const home = path.join(directory, "home");
    fs.mkdirSync(home);
    expect(spawnSync("sh", ["-c", command], { cwd: home, input: stdin }).status).toBe(0);
    const [, install] = /^bash (\S+) debian12$/.exec(operation("node1-install").command)!;
    expect(fs.readFileSync(path.join(home, install))).toEqual(fs.readFileSync(path.join(root, "files/install")));
  });

  test("passes on results, each as the playbook has it", () => {
    const stdout = (name: string): string => `hostvars["${name.slice(0, 5)}"]["${name.replaceAll("-", "_")}"].stdout`;
    const field = (name: string, key: string): string => `{{ (${stdout(name)} | from_json)["${key}"] | trim }}`;
    expect(template("node2-database-replicate")).toContain(
      `--followed node1=${field("node1-database-configure", "id")} --address 192.0.2.11 ` +
        `--file ${field("node1-database-seed", "file")} --position ${field("node1-database-seed", "position")} --`,
    );
    expect(template("node2-database-replicate")).toContain(
      `@@ certificate\n${field("node1-database-configure", "certificate")}\n`,
    );
    expect(template("node2-database-seed")).toContain(`--dump ${field("node1-database-offer", "dump")} --`);
    expect(template("node1-database-verify")).toContain(`=${field("node2-database-replicate", "marker")}'`);
    expect(template("node3-certificate-trust-drop")).toContain(
      `{{ ${stdout("node1-certificate-authority")} | trim }}\n`,
    );
    expect(template("node1-certificate-sign")).toContain(
      `@@ request.node2\n{{ ${stdout("node2-certificate-request")} | trim }}\n`,
    );
    expect(template("node2-certificate-install")).toContain(
      `{{ ${stdout("node1-certificate-sign")}.split("@@ node2")[1].split("@@ ")[0] | trim }}`,
    );
    const all = program.operations.map(({ name }) => template(name)).join("");
    expect(program.placeholders.filter(({ text }) => all.includes(text))).toEqual([]);
  });

  test("is a playbook whose secrets reach neither a command line nor a log", () => {
    const tasks = tasksOf(program, new Map());
    const files = playbookFiles(tasks, config, "/work");
    expect(Object.keys(files).sort()).toEqual([
      ...["ansible.cfg", "hosts", "node1.json", "node2.json", "node3.json", "playbook.json"],
    ]);
    expect(files.hosts.split("\n")[1]).toBe(
      `node2 ansible_host=192.0.2.12 ansible_user=root ansible_ssh_private_key_file=${key} ansible_python_interpreter=/usr/bin/python3`,
    );
    const login = (JSON.parse(files["node1.json"]) as Record<string, unknown>[]).find(
      ({ name }) => name === "node1-iscsi-login",
    )!;
    expect(login).toMatchObject({ register: "node1_iscsi_login", no_log: true });
    expect(login["ansible.builtin.shell"]).toMatchObject({
      cmd: expect.not.stringContaining("hush") as string,
      stdin: operation("node1-iscsi-login").stdin,
    });
  });
});

test("a template keeps all of a text but its placeholders", () => {
  const placeholders = [
    { text: "aaaa", expression: "x" },
    { text: "bbbb", expression: "y" },
  ];
  expect(templateOf("{ {{ 1 }} {% raw %}\n", placeholders)).toBe('{ {{ "{" }}{ 1 }} {{ "{" }}% raw %}\n');
  expect(templateOf("1 bbbb,aaaa", placeholders)).toBe("1 {{ y }},{{ x }}");
});

describe("the order", () => {
  test("has for each command those that it waits for, also by what lies between", () => {
    const waitsFor = new Map([
      ["urn::machine", []],
      ["urn::a-ready", ["urn::machine"]],
      ["urn::a-key", ["urn::a-ready"]],
      ["urn::b-ready", []],
      ["urn::b-join", ["urn::b-ready", "urn::a-key"]],
    ]);
    expect([...commandsBefore({ waitsFor }, (name) => /-(ready|join)$/.test(name))]).toEqual([
      ["a-ready", []],
      ["b-ready", []],
      ["b-join", ["b-ready", "a-ready"]],
    ]);
  });

  test("has a node wait for another one's last command that it needs, once", () => {
    const operations = ["a-1", "b-1", "a-2", "b-2", "b-3", "c-1", "b-4"].map((name): Operation => ({
      ...{ name, node: name.slice(0, 1), command: name, stdin: "" },
    }));
    const before = new Map([
      ["b-2", ["a-1", "a-2", "b-1"]],
      ["b-3", ["a-1"]],
      ["b-4", ["c-1", "a-2"]],
    ]);
    const tasks = tasksOf({ operations, placeholders: [] }, before);
    const names = Object.fromEntries(Object.entries(tasks).map(([node, own]) => [node, own.map(({ name }) => name)]));
    expect(names).toEqual({
      a: ["a-1", "a-2", "a-2 has ended"],
      b: ["b-1", "b-2 waits for a-2", "b-2", "b-3", "b-4 waits for c-1", "b-4"],
      c: ["c-1", "c-1 has ended"],
    });
  });
});

test("fresh machines have empty disks and boot again", () => {
  const lab = path.join(directory, "lab-state");
  const calls = path.join(directory, "calls");
  const stub = (file: string, text: string): void => {
    fs.mkdirSync(path.dirname(path.join(directory, file)), { recursive: true });
    fs.writeFileSync(path.join(directory, file), `#!/bin/bash\n${text}\n`, { mode: 0o755 });
  };
  stub(
    "lab/vcenter",
    `[ "$1" != list ] || { printf 'node1 poweredOn\\nnode2 poweredOff\\n'; exit; }\necho "$*" >>${calls}`,
  );
  stub("lab/ssh", `echo "ssh $*" >>${calls}`);
  stub(
    "bin/qemu-img",
    `[ "$1" = info ] && echo '{"full-backing-filename": "/template/disk.qcow2", "virtual-size": 99}' || echo "$*" >>${calls}`,
  );
  stub("bin/ssh", "exit 255");
  fs.mkdirSync(path.join(directory, "bench/peers"), { recursive: true });
  fs.copyFileSync(path.join(root, "bench/peers/fresh"), path.join(directory, "bench/peers/fresh"));
  for (const node of ["node1", "node2"]) {
    fs.mkdirSync(path.join(lab, "datastore", node), { recursive: true });
    fs.writeFileSync(path.join(lab, "datastore", node, "disk0.qcow2"), "");
  }
  const lun = path.join(lab, "san/shared.img");
  ["run", "san"].forEach((name) => fs.mkdirSync(path.join(lab, name)));
  fs.writeFileSync(lun, "data");
  const { ino } = fs.statSync(lun);

  const env = { ...process.env, PATH: `${path.join(directory, "bin")}:${process.env.PATH}`, SMT_HA_LAB: lab };
  const { status, stderr } = spawnSync(path.join(directory, "bench/peers/fresh"), { env, encoding: "utf8" });
  expect([status, stderr]).toEqual([0, ""]);
  const create = (node: string): string =>
    `create -q -f qcow2 -F qcow2 -b /template/disk.qcow2 ${lab}/datastore/${node}/disk0.qcow2 99`;
  expect(fs.readFileSync(calls, "utf8").trim().split("\n")).toEqual([
    "power-off node1",
    ...[create("node1"), create("node2"), "power-on node1", "power-on node2"],
    ...["node1", "node2"].flatMap((node) => [
      `ssh ${node} true`,
      `ssh ${node} timeout 300 systemctl is-system-running --wait`,
    ]),
  ]);
  // The SAN goes on with the same file.
  expect([fs.readFileSync(lun).toString("hex"), fs.statSync(lun).ino]).toEqual(["00000000", ino]);
});

describe("the document", () => {
  const peers: Peers = {
    ...{ where: "2026-10-02 on 2 CPUs (none)", ansible: "ansible-playbook [core 2.14.18]", commands: 95 },
    took: { limit: [100_000, 90_000, 120_000], ansible: [300_000, 200_000, 250_000], up: [150_000, 160_000, 110_000] },
  };

  test("has all runs, their medians, and `up` against each", () => {
    const rows = cellsOf(peerTable(peers)).slice(2);
    expect(rows).toEqual([
      ["the commands by bare `ssh`", "100.00, 90.00, 120.00", "100.00", "1.50"],
      ["the commands by Ansible", "300.00, 200.00, 250.00", "250.00", "0.60"],
      ["`pulumi up`", "150.00, 160.00, 110.00", "150.00", "1.00"],
    ]);
  });

  test("is written with its data, and can be written again", () => {
    expectWritten(writePeers, peers, compared(peers), "peers.json");
  });
});
