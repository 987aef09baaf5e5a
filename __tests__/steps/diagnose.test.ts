import * as fs from "fs";
import * as path from "path";
import { diagnose } from "../../cli/diagnose";
import { filesOf } from "../support/archive";
import { FakeSsh } from "../support/fakeSsh";
import { TestNode, type TestNodeArgs } from "../support/node";
import { stackNodes } from "../support/nodeStatus";

let node: TestNode;
afterEach(() => node.stop());

/** Replaces a command of the node. */
const replace = (command: string, script: string): void =>
  node.writeCommand(`/usr/local/sbin/${command}`, `#!/bin/bash\n${script}\n`);
/** Changes the step, or a library that it uses. */
const change = (file: string, script: string): string => node.check(`sed -i '${script}' /usr/local/lib/smt-ha/${file}`);

/** A node that has all roles. */
async function start(args: TestNodeArgs = {}): Promise<void> {
  node = await TestNode.start(args);
  node.write("/etc/smt-ha/health.conf", "service='192.0.2.10' path='test.html' database='yes'\n");
  node.write("/etc/ha.d/ldirectord.cf", "virtual = 192.0.2.10:443\n");
  for (const sbd of ["/etc/default/sbd", "/etc/sysconfig/sbd"]) {
    node.write(sbd, 'SBD_DEVICE="/dev/disk/by-path/lun-1-part1"\n');
  }
}

function collect(): Record<string, string> {
  const { code, stdout, stderr } = node.step("node/diagnose");
  expect([code, stderr]).toEqual([0, ""]);
  return sectionsOf(stdout);
}
const sectionsOf = (text: string): Record<string, string> =>
  Object.fromEntries(
    text
      .split(/^@@ /m)
      .slice(1)
      .map((part) => [part.split("\n")[0], part.split("\n").slice(1).join("\n").replace(/^ /gm, "")]),
  );

/** What a full configuration keeps secret. The node knows most of it by its own files. */
const known = {
  chap: "chap-hush-1",
  chapIn: "chap-hush-2",
  upstream: "upstream hush 3",
  databaseSmt: 'smt"hush-4',
  replication: "replication-hush-5",
  health: "health-hush-6",
  root: "root-hush-7",
  registration: "registration-hush-8",
  authkey: "A".repeat(200) + "hush9",
};
const keyLine = (digit: number): string => `MIIhush${digit}${"k".repeat(56)}`;
/** What it does not know, and removes where a label names it. The command line knows it. */
const unknown = { hacluster: "hacluster-hush-10", vcenter: "vcenter-hush-11" };
const privateKey = `-----BEGIN RSA PRIVATE KEY-----\n${keyLine(1)}\n${keyLine(2)}\n-----END RSA PRIVATE KEY-----\n`;

/** Lines as configurations and logs have them: all secrets with labels, and by themselves what the node knows. */
const labelled = (secret: string): string =>
  `password = ${secret}
node.session.auth.password_in = ${secret}
Jan 1 00:00:00 node1 x[1]: NUPass=${secret}
{"password": ${JSON.stringify(secret)}, "x": 1}
<nvpair id="x" name="passwd" value="${secret.replace(/"/g, "&quot;")}"/>
<param id="secret">${secret}</param>
https://user:${encodeURIComponent(secret)}@example.com/
Authorization: Basic ${secret}
GRANT x IDENTIFIED BY '${secret}'
sudo: COMMAND=/usr/bin/smt --password ${secret}
Last_SQL_Error: Error on query. Query: 'INSERT INTO Clients VALUES ("x", "${secret}")'
`;
const plant =
  "passive: yes\ntoken: 10000\n(using password: YES)\n" +
  [...Object.values(known), ...Object.values(unknown)].map(labelled).join("") +
  Object.values(known)
    .map((secret) => `a word ${secret} another\n`)
    .join("") +
  `hacluster:${unknown.hacluster}\n${privateKey}${keyLine(3)}\n-----END RSA PRIVATE KEY-----\nJSON: ${JSON.stringify(privateKey)}\nthe end\n`;

/** The node's own files that hold secrets, where it finds them. */
const holders: Readonly<Record<string, string>> = {
  "/etc/iscsi/nodes/iqn.x/192.0.2.3,3260,1/default": `node.session.auth.password = ${known.chap}\n`,
  "/etc/iscsi/iscsid.conf": `node.session.auth.password_in = ${known.chapIn}\n`,
  "/etc/smt.conf": `[NU]\nNUPass = ${known.upstream}\n[DB]\npass = ${known.databaseSmt}\n`,
  "/var/lib/mysql/master.info": `33\nlog.1\n4\n192.0.2.12\nsmt_replication\n${known.replication}\n`,
  "/etc/smt-ha/health.cnf": `[client]\npassword=${known.health}\n`,
  "/root/.my.cnf": `[client]\npassword = "${known.root}"\n`,
  "/etc/zypp/credentials.d/SCCcredentials": `username=SCC\npassword=${known.registration}\n`,
  "/etc/corosync/authkey": known.authkey,
};
/** Files that it copies. */
const copied = [
  "/etc/iscsi/nodes/iqn.x/192.0.2.3,3260,1/default",
  "/etc/iscsi/iscsid.conf",
  "/etc/iscsi/initiatorname.iscsi",
  "/etc/smt.conf",
  "/etc/cron.d/smt",
  "/etc/default/sbd",
  "/etc/hosts",
  "/etc/corosync/corosync.conf",
  "/etc/chrony/conf.d/smt-ha.conf",
  "/etc/ha.d/ldirectord.cf",
  "/etc/smt-ha/health.conf",
  "/etc/mysql/mariadb.conf.d/60-smt-ha.cnf",
  "/var/log/mysql/error.log",
  "/var/log/pacemaker/pacemaker.log",
  "/var/log/ldirectord.log",
  "/var/log/apache2/error.log",
  "/var/log/smt/smt-mirror.log",
  "/var/log/smt-ha/smt-mirror.log",
];
/** Commands of which the step shows the output. */
const shown =
  "crm_mon crm_verify cibadmin crm corosync-quorumtool corosync-cfgtool sbd dlm_tool mounted.ocfs2 iscsiadm mysql ipvsadm " +
  "apache2ctl dmesg sysctl dpkg-query nft journalctl systemctl chronyc openssl ip ps df uptime";
/** Sections of the kernel's own files and of commands that the step itself needs. */
const kernel =
  /^(disks\/(mounts|partitions|by-path)|dlm\/o2cb|system\/(memory|modules|kernel|files)|cluster\/drift-|steps\/node-diagnose|certificates\/)/;

/** Puts all secrets everywhere. */
function plantAll(): void {
  node.write("/root/plant", plant);
  for (const [file, text] of Object.entries(holders)) {
    node.write(file, text);
  }
  for (const file of copied) {
    node.check(`mkdir -p $(dirname '${file}') && cat /root/plant >>'${file}'`);
  }
  node.check("mkdir -p /var/lib/smt-ha/cluster /etc/ssl/private && touch /var/lib/smt-ha/cluster/fencing.crm");
  node.check("cp /root/plant /etc/ssl/private/smt-ha.pem");
  for (const command of shown.split(" ")) {
    replace(command, "cat /root/plant");
  }
}
const secretLines = [...Object.values(known), keyLine(1), keyLine(2), keyLine(3)];
const allSecrets = [...secretLines, ...Object.values(unknown)];
const forms = (secret: string): string[] => [
  secret,
  JSON.stringify(secret).slice(1, -1),
  encodeURIComponent(secret),
  secret.replace(/"/g, "&quot;"),
];

test("no secret of a full configuration is in the archive, and each would be without the removal", async () => {
  await start();
  plantAll();
  const cleaned = collect();
  for (const [name, text] of Object.entries(cleaned)) {
    const left = allSecrets.flatMap(forms).filter((secret) => text.includes(secret));
    expect([name, left]).toEqual([name, []]);
  }
  // What is none stays.
  for (const line of ["passive: yes", "token: 10000", "(using password: YES)", "a word [removed] another", "the end"]) {
    expect(cleaned["cluster/crm_mon"].split("\n")).toContain(line);
  }

  // The whole way, where the command line has to remove all by itself.
  change(
    "lib/secrets.sh",
    "s/kept\\[++lines\\] = clean(\\$0)/kept[++lines] = $0/; /^    inside {/s/inside/0/; s/PRIVATE KEY/NO KEY/",
  );
  const { stdout } = node.step("node/diagnose");
  const leaky = sectionsOf(stdout);
  expect(Object.keys(leaky)).toEqual(Object.keys(cleaned));
  for (const [name, text] of Object.entries(leaky).filter(([section]) => !kernel.test(section))) {
    const missing = text.includes("[there is no such file]")
      ? []
      : allSecrets.filter((secret) => !text.includes(secret));
    expect([name, missing]).toEqual([name, []]);
  }
  const ssh = new FakeSsh();
  try {
    jest.spyOn(process.stdout, "write").mockReturnValue(true);
    const output = path.join(ssh.directory, "found.tar.gz");
    fs.writeFileSync(path.join(ssh.directory, "sections"), stdout);
    ssh.answer({ "* smt-ha node/diagnose": "cat sections", "* smt-ha node/status": "exit 1" });
    const secrets = [
      ...Object.values(known),
      ...Object.values(unknown),
      `${privateKey}${privateKey.replace(keyLine(1), keyLine(3))}`,
    ];
    const signal = new AbortController().signal;
    await diagnose({ stack: { name: "prod", nodes: stackNodes }, secrets, output, command: "npx smt-ha", signal });
    const files = Object.values(filesOf(output)).join("");
    expect(files).toContain("a word [removed] another");
    expect(allSecrets.flatMap(forms).filter((secret) => files.includes(secret))).toEqual([]);
  } finally {
    jest.restoreAllMocks();
    ssh.remove();
  }
});

test("notes in place what is missing, fails or takes too long, and leaves no process behind", async () => {
  await start();
  change("steps/node/diagnose", "s/^patience=.*/patience=2/");
  node.check("rm /usr/local/sbin/ipvsadm");
  replace("crm_mon", "echo 'Connection refused' >&2; exit 102");
  replace("iscsiadm", "trap '' ALRM TERM; sleep 301 & sleep 301");
  node.write("/var/lib/smt-ha/keep", "");
  const found = collect();
  expect(found["balancer/table"]).toBe("$ ipvsadm -Ln\n[there is no command ipvsadm]\n");
  expect(found["cluster/crm_mon"]).toBe("$ crm_mon -1 -r -f\nConnection refused\n[exit code 102]\n");
  expect(found["iscsi/sessions"]).toBe("$ iscsiadm -m session -P 3\n[no end within 2 seconds]\n");
  expect(found["iscsi/iscsid.conf"]).toBe("# /etc/iscsi/iscsid.conf\n[there is no such file]\n");
  expect(Object.keys(found).filter((name) => name.endsWith("/incomplete"))).toEqual([]);
  expect(found["system/kernel"]).toMatch(/^\$ uname -a\nLinux node1 /);
  expect(node.run("ps -eo stat,args | grep '^[^Z].* sleep 30[0-9]'").stdout).toBe("");
});

test("ends in time, with what each group has by then", async () => {
  await start();
  change("steps/node/diagnose", "s/^limit=.*/limit=8/; s/- 5 - SECONDS/- 6 - SECONDS/");
  replace("crm_mon", "sleep 301");
  node.check("mkdir -p /var/log/smt && seq 1 100000 >/var/log/smt/b.log");
  replace("tail", "exec sleep 302");
  const found = collect();
  expect(found["cluster/crm_mon"]).toMatch(/\n\[no end within [12] seconds\]\n$/);
  expect(found["cluster/crm_verify"]).toBe("$ crm_verify -L -V\n[left out: the 8 seconds are over]\n");
  expect(found["smt/incomplete"]).toBe("[incomplete: this group had no good end within 8 seconds]\n");
  expect(found["smt/cron"]).toContain("# /etc/cron.d/smt\n");
  expect(node.run("ps -eo stat,args | grep '^[^Z].* sleep 30[0-9]'").stdout).toBe("");
});

test("a section holds the end of what is long, in whole lines", async () => {
  await start();
  change("steps/node/diagnose", "s/^most=.*/most=1000/");
  replace("crm_mon", "seq 1 2000");
  node.check("mkdir -p /var/log/smt && seq 1 2000 >/var/log/smt/smt-mirror.log");
  const found = collect();
  const lines = (name: string): string[] => found[name].trimEnd().split("\n");
  expect(lines("cluster/crm_mon").slice(0, 3)).toEqual([
    "$ crm_mon -1 -r -f",
    "[left out: the first 1800 lines]",
    "1801",
  ]);
  expect(lines("cluster/crm_mon").slice(-1)).toEqual(["2000"]);
  expect(lines("smt/smt-mirror.log").slice(1, 3)).toEqual([
    "[left out: the first 7893 bytes, and the rest of a line]",
    "1802",
  ]);
  expect(lines("smt/smt-mirror.log").slice(-1)).toEqual(["2000"]);
});

test("changes nothing but its log, and waits for no other step", async () => {
  await start();
  collect();
  node.check("rm -r /var/log/smt-ha");
  const before = node.filesWith("");
  node.check(
    "(exec 10>/var/lock/smt-ha-cluster.lock; flock 10; touch /run/locked; exec sleep 60) >/dev/null 2>&1 </dev/null 3>&- &",
  );
  node.check("until [ -e /run/locked ]; do sleep 0.1; done");
  collect();
  expect(node.filesWith("").filter((file) => !before.includes(file))).toEqual(["/var/log/smt-ha/node-diagnose.log"]);
  expect(node.check("ls /dev/shm")).toBe("");
});

test.each(["sles11", "sles12"] as const)("%s shows its own commands and files", async (platform) => {
  await start({ platform });
  node.write("/var/log/messages", "an event\n");
  replace("journalctl", "echo an event");
  const found = collect();
  expect(found[platform === "sles11" ? "logs/messages" : "logs/warnings"]).toContain("an event\n");
  expect(found["system/packages"]).toMatch(/^\$ rpm -qa\n/);
  expect(found["system/time"]).toMatch(/^\$ ntpq -pn\n/);
  expect(found["sbd/slots"]).toMatch(/^\$ sbd -d \/dev\/disk\/by-path\/lun-1-part1 list\n/);
  expect(Object.keys(found).filter((name) => name.endsWith("/incomplete"))).toEqual([]);
});
