import { Result, TestNode } from "../support/node";

const target = "iqn.2026-01.com.example:smt";
const portal = "192.0.2.3:3260";
const device = (lun: number): string => `/dev/disk/by-path/ip-${portal}-iscsi-${target}-lun-${lun}`;
const initiator = "iqn.2016-04.com.open-iscsi:smtha.node1";
const record = `/etc/iscsi/nodes/${target}/192.0.2.3,3260,1/default`;

let node: TestNode;
beforeEach(async () => {
  node = await TestNode.start();
  node.write("/etc/iscsi/initiatorname.iscsi", "InitiatorName=iqn.1993-08.org.debian:01:of-the-template\n");
  addTarget(target, { luns: "1\n2\n" });
  addTarget("iqn.2026-01.com.example:other", { luns: "1\n" });
  await listen();
});
afterEach(() => node.stop());

/** Gives the portal a target; see the stand-in for iscsiadm. */
function addTarget(iqn: string, files: { luns: string; chap?: string; initiators?: string; broken?: string }): void {
  for (const [name, text] of Object.entries({ portal: `${portal},1`, ...files })) {
    node.write(`/run/doubles/targets/${iqn}/${name}`, text);
  }
}

/** A portal that answers on the node's network. */
async function listen(): Promise<void> {
  const listener =
    "use IO::Socket::INET; my $portal = IO::Socket::INET->new(LocalAddr => $ARGV[0], Listen => 5) or die $!;" +
    'syswrite STDOUT, "ready"; while (my $client = $portal->accept) { close $client }';
  const started = node.start(`ip address add 192.0.2.3/32 dev lo && exec perl -e '${listener}' ${portal}`);
  await new Promise((resolve) => started.stdout?.once("data", resolve));
}

const login = (options: Record<string, string> = {}, secret?: string): Result =>
  node.step(
    "iscsi/login",
    { portal, target, device: device(1), initiator, ...options },
    secret === undefined ? {} : { "chap-secret": secret },
  );
const failure = ({ code, stderr }: Result): { code: number | null; cause?: string; fix?: string } => ({
  code,
  cause: /^smt-ha: node1: step iscsi\/login failed\n {2}cause: (.*)$/m.exec(stderr)?.[1],
  fix: /^ {2}fix: {3}(.*)$/m.exec(stderr)?.[1],
});
const settings = (pattern: string): string => node.check(`grep '${pattern}' ${record} || true`);
const sessions = (): string => node.run("cat /run/doubles/sessions").stdout;

test("logs in under the node's own name, now and at every boot", () => {
  const { code, stderr } = login();

  expect([code, stderr]).toEqual([
    0,
    "node1: iscsi/login: wrote /etc/iscsi/initiatorname.iscsi\n" +
      `node1: iscsi/login: wrote ${record}\n` +
      `node1: iscsi/login: logging in to ${target} at ${portal}\n` +
      "node1: iscsi/login: wrote /etc/systemd/system/smt-ha-disk.service\n",
  ]);
  expect(node.read("/etc/iscsi/initiatorname.iscsi")).toBe(`InitiatorName=${initiator}\n`);
  expect(node.check(`stat -c %a /etc/iscsi/initiatorname.iscsi ${record}`)).toBe("600\n600\n");
  expect(settings("^node.startup ")).toBe("node.startup = automatic\n");
  expect(settings("^node.conn.0..startup ")).toBe("node.conn[0].startup = manual\n");
  expect(settings("auth")).toBe("node.session.auth.authmethod = None\nnode.session.auth.chap_algs = MD5\n");
  expect(sessions()).toBe(`tcp: [1] ${portal},1 ${target} (non-flash)\n`);
  expect(node.check("ls /etc/iscsi/nodes")).toBe(`${target}\n`);
  expect(node.calls()).toEqual([
    "systemctl restart iscsid",
    "systemctl enable iscsid",
    "systemctl start iscsid",
    `iscsiadm -m discoverydb -t sendtargets -p ${portal} -o nonpersistent --discover`,
    `iscsiadm -m node -T ${target} -p ${portal},1 -o new`,
    `iscsiadm -m node -T ${target} -p ${portal} --login`,
    "systemctl enable open-iscsi",
    "systemctl start open-iscsi",
    "systemctl daemon-reload",
    "systemctl start smt-ha-disk.service",
  ]);
  expect(node.read("/etc/systemd/system/smt-ha-disk.service")).toContain(
    `\nExecStart=/bin/bash /usr/local/lib/smt-ha/await-disk ${portal} ${target} ${device(1)}\n`,
  );
});

test("a second time changes nothing, even where the portal no longer answers to a discovery", () => {
  login();
  node.calls();
  const before = node.read(record);
  node.check("rm -r /run/doubles/targets/*/portal");

  expect(login()).toEqual({ code: 0, stdout: "", stderr: "" });
  expect(node.read(record)).toBe(before);
  expect(node.calls()).toEqual([
    "systemctl start iscsid",
    "systemctl start open-iscsi",
    "systemctl start smt-ha-disk.service",
  ]);
});

test("a target that is down now keeps its record: the next boot logs in again", () => {
  login();
  node.check("rm /run/doubles/sessions");
  node.write(`/run/doubles/targets/${target}/broken`, "");
  expect(failure(login()).cause).toContain("failed (iscsiadm exit code 8)");
  expect(node.run(`cat ${record}`).code).toBe(0);
});

describe("at boot, until the disk is there", () => {
  const awaitDisk = `bash /usr/local/lib/smt-ha/await-disk ${portal} ${target} ${device(1)}`;
  beforeEach(() => {
    login();
    node.check("rm -f /run/doubles/sessions /dev/disk/by-path/*");
    node.calls();
  });

  test("logs in again and again while the target is down", async () => {
    node.write(`/run/doubles/targets/${target}/broken`, "");
    const waiting = node.runAside(awaitDisk);
    await new Promise((resolve) => setTimeout(resolve, 2000));
    node.check(`rm /run/doubles/targets/${target}/broken`);
    expect(await waiting).toMatchObject({ code: 0, stdout: `waiting for ${device(1)}\n${device(1)} is there\n` });
    expect(node.calls().filter((call) => call.endsWith("--login"))).toHaveLength(2);
  });

  test("looks again for a LUN that its target offers later", async () => {
    node.write(`/run/doubles/targets/${target}/luns`, "");
    const waiting = node.runAside(awaitDisk);
    await new Promise((resolve) => setTimeout(resolve, 2000));
    node.write(`/run/doubles/targets/${target}/luns`, "1\n");
    expect((await waiting).code).toBe(0);
  });
});

test("another session on the node does not count, and stays", () => {
  addTarget("iqn.2026-01.com.example:smt-old", { luns: "9\n" });
  node.write("/etc/iscsi/initiatorname.iscsi", `InitiatorName=${initiator}\n`);
  node.write("/run/doubles/sessions", `tcp: [7] ${portal},1 iqn.2026-01.com.example:smt-old (non-flash)\n`);

  expect(login().code).toBe(0);
  expect(sessions().split("\n")).toHaveLength(3);
  expect(sessions()).toContain("smt-old");
});

test("a session that is lost comes back", () => {
  login();
  node.check("rm /run/doubles/sessions");
  expect(login()).toEqual({
    code: 0,
    stdout: "",
    stderr: `node1: iscsi/login: logging in to ${target} at ${portal}\n`,
  });
});

describe("CHAP", () => {
  test("logs in with a secret that nobody else sees", () => {
    addTarget(target, { luns: "1\n", chap: "smt hush hush&\\1'\"$x" });
    const { code, stderr } = login({ "chap-user": "smt" }, "hush hush&\\1'\"$x");

    expect([code, stderr]).toEqual([0, expect.not.stringContaining("hush")]);
    expect(settings("auth")).toBe(
      "node.session.auth.authmethod = CHAP\nnode.session.auth.username = smt\n" +
        "node.session.auth.password = hush hush&\\1'\"$x\nnode.session.auth.chap_algs = MD5\n",
    );
    expect(node.check(`stat -c %a ${record}`)).toBe("600\n");
    expect(node.filesWith("hush hush")).toEqual([record]);
    expect(node.read("/run/doubles/seen")).toContain("smt-ha iscsi/login");
    expect(node.read("/run/doubles/seen")).not.toContain("hush");
    expect(node.check("ls /dev/shm")).toBe("");
  });

  test("that is the same changes nothing; that is new, or no more, changes the record alone", () => {
    addTarget(target, { luns: "1\n", chap: "smt first" });
    login({ "chap-user": "smt" }, "first");
    expect(login({ "chap-user": "smt" }, "first")).toEqual({ code: 0, stdout: "", stderr: "" });
    node.calls();

    expect(login({ "chap-user": "smt" }, "second").stderr).toBe(`node1: iscsi/login: wrote ${record}\n`);
    expect(settings("password")).toBe("node.session.auth.password = second\n");
    expect(login().stderr).toBe(`node1: iscsi/login: wrote ${record}\n`);
    expect(settings("auth")).toBe("node.session.auth.authmethod = None\nnode.session.auth.chap_algs = MD5\n");
    expect(node.calls().filter((call) => call.startsWith("iscsiadm"))).toEqual([]);
  });

  test.each([
    ["wrong secret", { "chap-user": "smt" }, "wrong-hush"],
    ["wrong user", { "chap-user": "other" }, "hush"],
    ["no credentials", {}, undefined],
  ])("with a %s fails, shows no secret, and leaves no record to delay the boot", (_, options, secret) => {
    addTarget(target, { luns: "1\n", chap: "smt hush" });
    const result = login(options, secret);

    expect(failure(result)).toEqual({
      code: 1,
      cause: `target ${target} refuses this node's login: wrong CHAP user or secret, or ${initiator} is not on its access list`,
      fix: "make chapUser and chapSecret in the configuration match the target's; the target's log says more",
    });
    expect(result.stderr + node.read("/var/log/smt-ha/iscsi-login.log")).not.toContain("hush");
    expect(node.check("ls /etc/iscsi/nodes")).toBe("");
    expect(node.filesWith("hush")).toEqual([]);

    // With the right secret, the login succeeds.
    expect(login({ "chap-user": "smt" }, "hush").code).toBe(0);
  });

  test("without a secret asks for it", () => {
    expect(failure(login({ "chap-user": "smt" }))).toMatchObject({
      cause: "section '@@ chap-secret' is missing on standard input",
    });
  });
});

describe("names what is wrong", () => {
  test("a portal that does not answer", () => {
    const other = "192.0.2.3:3261";
    expect(failure(login({ portal: other, device: device(1).replace(portal, other) }))).toEqual({
      code: 1,
      cause: `portal ${other} does not answer`,
      fix: "correct portal in the configuration, start the target's service, or open the firewalls between",
    });
    expect(node.run("ls /etc/iscsi/nodes").code).toBe(2);
  });

  test("a portal that is no iSCSI target", () => {
    node.check("rm -r /run/doubles/targets");
    expect(failure(login())).toEqual({
      code: 1,
      cause: `portal ${portal} answers, but its discovery fails`,
      fix: "find the reason in the target's log and in /var/log/smt-ha/iscsi-login.log",
    });
  });

  test("a target that the portal does not offer, and what it offers", () => {
    expect(failure(login({ target: "iqn.2026-01.com.example:wrong" }))).toEqual({
      code: 1,
      cause:
        `portal ${portal} does not offer target iqn.2026-01.com.example:wrong to ${initiator}; ` +
        `it offers: iqn.2026-01.com.example:other ${target} `,
      fix: `correct target in the configuration, or admit ${initiator} to the target's access list`,
    });
    expect(node.run("ls /etc/iscsi/nodes").code).toBe(2);
  });

  test("a target that does not admit this node", () => {
    addTarget(target, { luns: "1\n", initiators: "iqn.2016-04.com.open-iscsi:smtha.node2\n" });
    expect(failure(login()).cause).toBe(
      `portal ${portal} does not offer target ${target} to ${initiator}; it offers: iqn.2026-01.com.example:other `,
    );
  });

  test("a login that breaks down", () => {
    addTarget(target, { luns: "1\n", broken: "" });
    expect(failure(login())).toMatchObject({
      code: 1,
      cause: `login to target ${target} at ${portal} failed (iscsiadm exit code 8)`,
    });
    expect(node.check("ls /etc/iscsi/nodes")).toBe("");
  });

  test("a LUN that is not there, and those that are", () => {
    // Half a minute of waiting, made short on this node.
    node.check("sed -i 's/^retry 30 /retry 1 /' /usr/local/lib/smt-ha/steps/iscsi/login");
    expect(failure(login({ device: device(5) }))).toEqual({
      code: 1,
      cause: `target ${target} has no LUN 5; it has: 1 2`,
      fix: "correct lun in the configuration (the first LUN is 1 with tgt, 0 with LIO)",
    });
  });

  test("sessions under another initiator name, which it leaves alone", () => {
    const session = `tcp: [7] 198.51.100.1:3260,1 iqn.2020-01.com.example:backup (non-flash)\n`;
    node.write("/run/doubles/sessions", session);
    expect(failure(login())).toEqual({
      code: 1,
      cause: `this node has iSCSI sessions under the initiator name iqn.1993-08.org.debian:01:of-the-template, so it can't become ${initiator}`,
      fix: "keep that name: set initiatorName: iqn.1993-08.org.debian:01:of-the-template for this node in the configuration",
    });
    expect(node.read("/etc/iscsi/initiatorname.iscsi")).toContain("of-the-template");
    expect(sessions()).toBe(session);
    expect(node.calls()).toEqual([]);
  });
});
