import { ldirectordConf } from "../../components/ldirectordConf";
import { guide } from "../support/balancing";
import { answer, pageSettings, sick, startPage } from "../support/healthPage";
import { TestNode, type TestNodeArgs } from "../support/node";

let node: TestNode;
afterEach(() => node.stop());

async function start(args: TestNodeArgs = {}): Promise<void> {
  node = await TestNode.start(args);
  node.check("mkdir -p /etc/smt-ha /etc/ha.d /run/doubles/cib /run/doubles/active /run/doubles/sbd /var/lib/smt-ha");
  // The kernel's own files, which this machine need not have.
  change("s|/proc/net/ip_vs|/run/doubles/ip_vs|; s|/proc/mounts|/run/doubles/mounts|");
  node.write("/run/doubles/mounts", "");
  // What the health page's account is told; the real client needs a server.
  replace("mysql", "cat /run/doubles/link");
  replace("dlm_tool", "cat /run/doubles/dlm");
}
/** Changes the step. */
const change = (script: string): string => node.check(`sed -i '${script}' /usr/local/lib/smt-ha/steps/node/status`);
/** Replaces a command of the node. */
const replace = (command: string, script: string): void =>
  node.writeCommand(`/usr/local/sbin/${command}`, `#!/bin/bash\n${script}\n`);

function document(): Record<string, unknown> {
  const { code, stdout, stderr } = node.step("node/status");
  expect([code, stderr]).toEqual([0, ""]);
  return JSON.parse(stdout) as Record<string, unknown>;
}
const answerTo = (question: string): unknown => document()[question];

const settings = pageSettings();

/** What crm_mon -1 -n of Pacemaker 2.1.5 prints. */
const monitor = `Cluster Summary:
  * Stack: corosync
  * Current DC: node2 (version 2.1.5-a3f44794f94) - partition with quorum
  * Last updated: Mon Nov 30 01:21:46 2026
  * 4 nodes configured

Node List:
  * Node node1: standby:
    * Resources:
  * Node node2: online:
    * Resources:
      * VirtIP\t(ocf:heartbeat:IPaddr2):\t Started
      * stonith-sbd\t(stonith:external/sbd):\t Started
      * Director\t(ocf:heartbeat:ldirectord):\t FAILED
  * Node node3: UNCLEAN (offline):
    * Resources:
  * Node node4: maintenance:
    * Resources:

Failed Resource Actions:
  * Director start on node2 returned 'error' (no "luck") at Fri May  8 15:21:03 2020 after 2.044s
`;

/** The same of Pacemaker 1.1, in part. */
const olderMonitor = `Stack: openais
Current DC: node2 - partition WITHOUT quorum
2 Nodes configured, 2 expected votes

Node node1 (11): online
\tfs:0\t(ocf::heartbeat:Filesystem) Started
\tVirtIP\t(ocf::heartbeat:IPaddr2):\tStarted node1
Node node2: OFFLINE

Failed actions:
    Director_monitor_0 (node=node1, call=4, rc=5, status=complete): not installed
    fs_monitor_20000 (node=node1, call=9, rc=1, status=Timed Out): unknown error
`;

const link = `*************************** 1. row ***************************
               Slave_IO_State: Waiting for master to send event
                  Master_Host: 192.0.2.12
                  Master_User: smt_replication
             Slave_IO_Running: Yes
            Slave_SQL_Running: Yes
                   Last_Errno: 0
                   Last_Error: 
           Master_SSL_Allowed: Yes
        Seconds_Behind_Master: 3
                Last_IO_Error: 
               Last_SQL_Error: 
`;

describe("a real server", () => {
  beforeEach(async () => {
    await start();
    startPage(node);
    node.write("/etc/smt-ha/health.conf", settings);
    node.write("/etc/smt-ha/health.cnf", "[client]\npassword=hush-1\n");
    node.write("/run/doubles/crm_mon", monitor);
    node.write("/run/doubles/link", link);
    node.write("/run/doubles/dlm", "dlm lockspaces\nname          7DA412FE\nid            0x0f3d2b43\n\n");
    node.write("/etc/default/sbd", 'SBD_DEVICE="/dev/disk/by-path/lun-1-part1"\n');
    node.write("/run/doubles/sbd/slots", "0\tnode1\tclear\t\n1\tnode2\treset\tnode1\n");
  });

  test("tells all that it knows", () => {
    const made = "-x509 -newkey rsa:2048 -nodes -keyout /dev/null -subj /CN=test -days 30";
    node.check(
      `mkdir -p /etc/ssl/private /var/log/smt && openssl req ${made} -out /etc/ssl/private/smt-ha.pem 2>/dev/null`,
    );
    node.write("/var/lib/smt-ha/out-of-service", "");
    node.write("/run/doubles/mounts", "/dev/sdb2 / ocfs2 rw 0 0\n/dev/sda1 /boot ext4 rw 0 0\n");
    node.write("/run/doubles/cib/smt-ha-drained", '<nvpair id="x" name="smt-ha-drained" value="192.0.2.12"/>');
    node.write("/run/doubles/cib/cli-", '<rsc_location id="cli-ban-LVS-on-node2" rsc="LVS" node="node2"/>');
    node.write("/run/doubles/cib/drain-", '<primitive class="ocf" id="drain-node2" type="drain"/>');
    node.write("/var/run/smt-ha-jobs", "");
    node.write("/etc/cron.d/smt", "# 5 3 * * * root smt-daily\n30 2 * * * root /usr/lib/SMT/bin/smt-daily\n");
    node.write(
      "/var/log/smt/smt-mirror.log",
      `2026-10-01 02:40:00 Errors:                   : 9
2026-10-02 02:40:00 =&gt; Errors                      : 1
2026-10-02 02:44:00 Total transfered files    : 12
2026-10-02 02:44:00 Total transfered file size: 34567
2026-10-02 02:44:00 Errors:                   : 1
`,
    );
    node.check("ip address add 192.0.2.10/32 dev lo");
    node.write("/run/doubles/upgrade", "echo 'Inst apache2 [1] (2 Debian)'; echo 'Conf apache2 (2 Debian)'");
    node.check("cd /var/lib/smt-ha && rm -rf steps && mkdir steps && echo 0123456789abcdef >steps/node-time");
    const found = document();
    expect(found).toEqual({
      node: "node1",
      platform: "debian12",
      revision: expect.stringMatching(/^\d+-\d+$/) as string,
      system: "Debian GNU/Linux 12 (bookworm)",
      uptime: expect.any(Number) as number,
      serves: true,
      balances: false,
      outOfService: true,
      steps: [{ name: "node-time", mark: "0123456789abcdef" }],
      cluster: {
        runs: true,
        quorum: true,
        nodes: [
          { name: "node1", state: "standby" },
          { name: "node2", state: "online" },
          { name: "node3", state: "UNCLEAN (offline)" },
          { name: "node4", state: "maintenance" },
        ],
        resources: [
          { name: "VirtIP", node: "node2", state: "Started" },
          { name: "stonith-sbd", node: "node2", state: "Started" },
          { name: "Director", node: "node2", state: "FAILED" },
        ],
        failures: ["Director start on node2 returned 'error' (no \"luck\") at Fri May  8 15:21:03 2020 after 2.044s"],
      },
      planned: { drained: ["192.0.2.12"], resources: ["drain-node2"], constraints: ["cli-ban-LVS-on-node2"] },
      drift: { parts: [], tieBreakerPending: false },
      files: { changed: [] },
      fencing: {
        device: "/dev/disk/by-path/lun-1-part1",
        slots: [
          { node: "node1", message: "clear", from: "" },
          { node: "node2", message: "reset", from: "node1" },
        ],
      },
      locking: { spaces: [{ name: "7DA412FE", waits: "" }] },
      disks: {
        systems: [{ directory: "/", free: expect.any(Number) as number, size: expect.any(Number) as number }],
      },
      shared: {
        systems: [{ directory: "/", free: expect.any(Number) as number, size: expect.any(Number) as number }],
      },
      address: { service: "192.0.2.10", interfaces: ["lo"] },
      health: { status: 200, lines: ["still alive"] },
      database: {
        follows: "192.0.2.12",
        receives: "Yes",
        applies: true,
        behind: 3,
        encrypted: true,
        error: "",
      },
      certificates: {
        certificates: [
          {
            file: "/etc/ssl/private/smt-ha.pem",
            from: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/) as string,
            to: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/) as string,
          },
        ],
      },
      mirror: {
        running: false,
        schedule: "02:30",
        last: { ended: expect.any(Number) as number, files: 12, bytes: 34567, errors: 1 },
      },
      clock: { synchronised: false },
      packages: { pending: 1, reboot: false },
    });
    const [{ from, to }] = (found.certificates as { certificates: { from: string; to: string }[] }).certificates;
    expect(Date.parse(to) - Date.parse(from)).toBe(30 * 24 * 60 * 60 * 1000);
    expect(Math.abs(Date.parse(from) - Date.now())).toBeLessThan(60_000);
    expect(node.check(`date -d @${(found.mirror as { last: { ended: number } }).last.ended} '+%F %T'`)).toBe(
      "2026-10-02 02:44:00\n",
    );
    expect(JSON.stringify(found)).not.toContain("hush");
  });

  test("changes nothing, and writes no more than its log, which holds the last run only", () => {
    document();
    node.check("rm -r /var/log/smt-ha");
    node.calls();
    const before = node.filesWith("");
    document();
    expect(node.filesWith("").filter((file) => !before.includes(file))).toEqual(["/var/log/smt-ha/node-status.log"]);
    expect(node.calls()).toEqual([]);
    document();
    expect(node.check("grep -c == /var/log/smt-ha/node-status.log")).toBe("1\n");
    expect(node.check("ls /dev/shm")).toBe("");
    node.check("mount -t tmpfs -o ro none /var/log/smt-ha");
    expect(answerTo("health")).toEqual({ status: 200, lines: ["still alive"] });
  });

  test("answers while a step of every lane is at work", () => {
    const locks = ["packages", "network", "time", "disk", "sbd", "cluster", "web", "database", "smt"]
      .map((lane, index) => `exec ${index + 10}>/var/lock/smt-ha-${lane}.lock; flock ${index + 10}`)
      .join("; ");
    node.check(`(${locks}; touch /run/locked; exec sleep 60) >/dev/null 2>&1 </dev/null 3>&- &`);
    node.check("until [ -e /run/locked ]; do sleep 0.1; done");
    const before = Date.now();
    expect(answerTo("health")).toEqual({ status: 200, lines: ["still alive"] });
    expect(Date.now() - before).toBeLessThan(30_000);
  });

  test("waits for no question longer than the limit, and leaves no process behind", () => {
    change("s/^limit=.*/limit=2/");
    replace("crm_mon", "sleep 300 & sleep 301");
    replace("sbd", "trap '' TERM; sleep 302");
    const found = document();
    expect([found.cluster, found.fencing]).toEqual([
      { unknown: "no answer within 2 seconds" },
      { unknown: "no answer within 2 seconds" },
    ]);
    expect(found.health).toEqual({ status: 200, lines: ["still alive"] });
    expect(node.run("ps -eo stat,args | grep '^[^Z].* sleep 30[0-9]'").stdout).toBe("");
  });

  test("tells why it does not know something", () => {
    replace("dlm_tool", "echo 'cannot connect' >&2; exit 1");
    replace("mysql", "echo 'ERROR 2002 (HY000): no socket' >&2; exit 1");
    node.check("rm /usr/local/sbin/sbd");
    const found = document();
    expect([found.locking, found.database, found.fencing]).toEqual([
      { unknown: "cannot connect" },
      { unknown: "ERROR 2002 (HY000): no socket" },
      { unknown: "sbd: command not found" },
    ]);
  });

  test("tells whether its cluster is stopped, or does not answer", () => {
    replace("crm_mon", "echo 'Connection refused' >&2; exit 102");
    expect(answerTo("cluster")).toEqual({ runs: false });
    node.write("/run/doubles/active/pacemaker", "");
    expect(answerTo("cluster")).toEqual({ unknown: "Connection refused" });
  });

  test("tells what was changed by hand in the cluster's configuration", () => {
    node.write("/run/doubles/active/pacemaker", "");
    node.check("rm /run/doubles/crm_mon");
    const crm = "property stonith-enabled=true no-quorum-policy=freeze\nprimitive stonith-sbd stonith:external/sbd\n";
    expect(node.step("cluster/configure", { part: "fencing" }, { crm }).code).toBe(0);
    expect(answerTo("drift")).toEqual({ parts: [], tieBreakerPending: false });
    node.write("/run/doubles/cib/no-quorum-policy", "stop\n");
    node.write("/etc/corosync/corosync.conf", "quorum {\n\tauto_tie_breaker: 1\n}\n");
    expect(answerTo("drift")).toEqual({
      parts: [{ name: "fencing", changes: ["missing: freeze", "found: stop"] }],
      tieBreakerPending: true,
    });
  });

  test("tells which files are no longer as steps have left them, and whose they are", () => {
    for (const [name, script] of [
      [
        "one",
        "echo 1 | install_file 644 /etc/first; echo 1 | install_file 600 /etc/key; echo 1 | install_file 644 /etc/both",
      ],
      ["two", "echo 2 | install_file 644 /etc/second; echo 2 | install_file 644 /etc/both"],
    ]) {
      node.write(
        `/usr/local/lib/smt-ha/steps/test/${name}`,
        `#!/bin/bash\n# lane: first\n. "$SMT_HA/lib/step.sh"\n${script}\n`,
      );
      expect(node.step(`test/${name}`).code).toBe(0);
    }
    expect(node.step("node/hosts", {}, { hosts: "192.0.2.11 node1\n" }).code).toBe(0);
    const changed = (): unknown => (answerTo("files") as { changed: unknown }).changed;
    node.check("echo '192.0.2.99 printer' >>/etc/hosts");
    expect(changed()).toEqual([]);
    node.check(
      "echo by hand >>/etc/first; chmod 644 /etc/key; rm /etc/second; echo 3 >/etc/both; sed -i 's/^# smt-ha end/192.0.2.9 node9\\n&/' /etc/hosts",
    );
    expect(changed()).toEqual([
      { file: "/etc/hosts", how: "content", steps: ["node-hosts"] },
      { file: "/etc/both", how: "content", steps: ["test-one", "test-two"] },
      { file: "/etc/first", how: "content", steps: ["test-one"] },
      { file: "/etc/key", how: "rights", steps: ["test-one"] },
      { file: "/etc/second", how: "gone", steps: ["test-two"] },
    ]);
    // What restores them: the steps again.
    expect([node.step("test/one").code, node.step("test/two").code]).toEqual([0, 0]);
    expect(node.step("node/hosts", {}, { hosts: "192.0.2.11 node1\n" }).code).toBe(0);
    expect(changed()).toEqual([]);
  });

  test("answers some questions only, where it is asked for these", () => {
    const { stdout } = node.step("node/status", { only: "drift files" });
    const found = JSON.parse(stdout) as object;
    expect(found).toMatchObject({ node: "node1", drift: {}, files: { changed: [] } });
    expect(Object.keys(found).slice(-3)).toEqual(["steps", "drift", "files"]);
  });

  test.each([
    ["the page's causes", sick, { status: 503, lines: ["the files are away", "the link too"] }],
    ["no server", undefined, { status: 0, lines: ["Apache does not answer"] }],
  ])("tells why it can't serve: %s", (_, page, health) => {
    if (page) {
      answer(node, page);
    } else {
      node.check("pkill -f /root/server");
    }
    expect(answerTo("health")).toEqual(health);
  });

  test("shows no data in the error of a link", () => {
    node.write(
      "/run/doubles/link",
      link
        .replace("Slave_SQL_Running: Yes", "Slave_SQL_Running: No")
        .replace("Seconds_Behind_Master: 3", "Seconds_Behind_Master: NULL")
        .replace("Slave_IO_Running: Yes", "Slave_IO_Running: Connecting")
        .replace(
          /Last_(SQL_|)Error: /g,
          "$&Error 'Duplicate entry' on query. Default database: 'smt'. Query: 'INSERT INTO Clients VALUES (\"hush-2\")'",
        ),
    );
    expect(answerTo("database")).toEqual({
      follows: "192.0.2.12",
      receives: "Connecting",
      applies: false,
      behind: null,
      encrypted: true,
      error: "Error 'Duplicate entry' on query. Default database: 'smt'.",
    });
    node.write("/run/doubles/link", "");
    expect(answerTo("database")).toEqual({ follows: "" });
  });

  test("a lock manager that waits is told, with what it waits for", () => {
    const space = (name: string): string => `name          ${name}\nid            0x0f3d2b43\n`;
    const waits = "new change    member 2 joined 0 remove 1 failed 1 seq 3,3\nnew status    wait fencing\n";
    node.write("/run/doubles/dlm", `dlm lockspaces\n${space("A")}${waits}\n${space("B")}\n`);
    expect(answerTo("locking")).toEqual({
      spaces: [
        { name: "A", waits: "fencing" },
        { name: "B", waits: "" },
      ],
    });
  });

  test("the pending packages are computed once, also if that takes longer than a question may", () => {
    change("s/^limit=.*/limit=1/");
    const compute = "sleep 3; echo 'Inst apache2 [1] (2 Debian)'";
    node.write("/run/doubles/upgrade", `echo computed >>/run/computed; ${compute}`);
    expect(answerTo("packages")).toEqual({ unknown: "no answer within 1 seconds" });
    expect(answerTo("packages")).toEqual({ unknown: "it is being computed: ask again" });
    node.check("until [ -s /var/run/smt-ha-packages ]; do sleep 0.1; done");
    expect(answerTo("packages")).toEqual({ pending: 1, reboot: false });
    expect(node.read("/run/computed")).toBe("computed\n");
    // Lists that are newer, and a package that asks for a reboot.
    node.check("sleep 0.1; touch /run/reboot-required");
    expect(answerTo("packages")).toEqual({ unknown: "no answer within 1 seconds" });
    node.check("until [ /var/run/smt-ha-packages -nt /run/reboot-required ]; do sleep 0.1; done");
    expect(answerTo("packages")).toEqual({ pending: 1, reboot: true });
  });

  test("any text comes through as it is", () => {
    // What TypeScript, JSON, awk and the shell could each take for something else.
    const text = String.raw`a "quoted" \n \\ back\slash 'single' $HOME $(reboot) & %s {} ü € 😀`;
    node.write("/run/doubles/crm_mon", `${monitor}  * ${text}\u0001\u001b[31m\tend\n  * x\ufffd\n`);
    node.check("sed -i 's/x\\xef\\xbf\\xbd/x\\xff/' /run/doubles/crm_mon");
    const { failures } = answerTo("cluster") as { failures: string[] };
    expect(failures.slice(1)).toEqual([`${text}\u0001\u001b[31m\tend`, "x\ufffd"]);
  });

  test("an older cluster's monitor is understood too", () => {
    node.write("/run/doubles/crm_mon", olderMonitor);
    expect(answerTo("cluster")).toEqual({
      runs: true,
      quorum: false,
      nodes: [
        { name: "node1", state: "online" },
        { name: "node2", state: "OFFLINE" },
      ],
      resources: [
        { name: "fs", node: "node1", state: "Started" },
        { name: "VirtIP", node: "node1", state: "Started" },
      ],
      failures: ["fs_monitor_20000 (node=node1, call=9, rc=1, status=Timed Out): unknown error"],
    });
  });

  test("the clock's state is told with its offset", () => {
    replace("chronyc", "echo 'System time     : 0.000123 seconds slow of NTP time'; echo 'Leap status     : Normal'");
    expect(answerTo("clock")).toEqual({ synchronised: true, ahead: -0.000123 });
  });
});

test("a director tells its table, and is asked nothing that only a real server knows", async () => {
  await start({ name: "node3", address: "192.0.2.13" });
  node.write(
    "/etc/ha.d/ldirectord.cf",
    ldirectordConf("192.0.2.10", [{ address: "192.0.2.11" }, { address: "192.0.2.12" }], guide),
  );
  node.check("ip address add 192.0.2.10/24 dev eth0");
  node.write(
    "/run/doubles/ip_vs",
    `IP Virtual Server version 1.2.1 (size=4096)
Prot LocalAddress:Port Scheduler Flags
  -> RemoteAddress:Port Forward Weight ActiveConn InActConn
TCP  C000020A:01BB wlc 
TCP  C000020A:0050 wlc 
  -> C000020C:0050      Route   1      7          19        
  -> C000020B:0050      Route   0      0          0         
`,
  );
  const found = document();
  expect(found).toMatchObject({
    node: "node3",
    serves: false,
    balances: true,
    address: { service: "192.0.2.10", interfaces: ["eth0"] },
    table: {
      services: [
        { address: "192.0.2.10:443", servers: [] },
        {
          address: "192.0.2.10:80",
          servers: [
            { address: "192.0.2.12:80", weight: 1, active: 7, inactive: 19 },
            { address: "192.0.2.11:80", weight: 0, active: 0, inactive: 0 },
          ],
        },
      ],
    },
  });
  for (const question of ["shared", "locking", "health", "database", "mirror", "fencing"]) {
    expect(found).not.toHaveProperty(question);
  }
});

test("a node that no step has set up yet answers too", async () => {
  await start();
  node.check("rm /usr/local/sbin/crm_mon");
  expect(document()).toMatchObject({ node: "node1", serves: false, balances: false, cluster: { runs: false } });
});

test.each(["sles11", "sles12"] as const)("%s answers with its own commands", async (platform) => {
  await start({ platform });
  node.write("/etc/smt-ha/health.conf", settings);
  node.write("/run/doubles/cib-nothing", platform === "sles11" ? "22" : "6");
  node.write("/etc/ntp.conf", "server 192.0.2.1 iburst\n");
  node.check(`touch /run/doubles/active/${platform === "sles11" ? "ntp" : "ntpd"}`);
  replace(
    "zypper",
    '[ "$*" = "--non-interactive --no-refresh patch-check" ] && echo "3 patches needed (1 security patch)" && exit 101',
  );
  const found = document();
  expect(found).toMatchObject({
    platform,
    cluster: { runs: true },
    planned: { drained: [], resources: [], constraints: [] },
    drift: { parts: [], tieBreakerPending: false },
    clock: { synchronised: true, ahead: -0.0001 },
    packages: { pending: 3, reboot: true },
  });
  expect(node.run("cat /run/doubles/refused").stdout).toBe("");
});
