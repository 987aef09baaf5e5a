import { firewallRules, type FirewallNode } from "../../components/nodeFirewall";
import { platforms } from "../../components/platform";
import { TestNode } from "../support/node";

// What only SLES has in a step, and what the whole sequence (sequence.test.ts) does not reach.

const nodes: readonly FirewallNode[] = [
  { role: "smt", address: "192.0.2.11", sshPort: 22 },
  { role: "smt", address: "192.0.2.12", sshPort: 22 },
  { role: "director", address: "192.0.2.13", sshPort: 22 },
];
const rules = (...members: readonly FirewallNode[]): string =>
  firewallRules(platforms.sles11, members[0], { nodes: members, virtualIp: "192.0.2.10", forwarding: "gate" });

let node: TestNode;
beforeEach(async () => {
  node = await TestNode.start({ platform: "sles11" });
  node.write("/run/doubles/packages", "SuSEfirewall2\nopenais\n");
});
afterEach(() => node.stop());

/** Runs a command with the platform's functions at hand, as a step would. */
const withPlatform = (command: string, stdin = ""): string =>
  node.check(
    `export PATH=/usr/local/sbin:$PATH SMT_HA=/usr/local/lib/smt-ha STEP=test STEP_LOG=/dev/null STEP_DIR=$(mktemp -d) STEP_WROTE=$(mktemp); exec 3>&2; . $SMT_HA/lib/step.sh; ${command}`,
    stdin,
  );

describe("SuSEfirewall2", () => {
  const settings = "/etc/sysconfig/SuSEfirewall2";
  const setting = (name: string): string => new RegExp(`^${name}="(.*)"$`, "m").exec(node.read(settings))?.[1] ?? "";
  const apply = (text: string): string => withPlatform("firewall_apply", text);

  test("keeps the node's own words, and replaces those of ours", () => {
    apply(rules(...nodes));
    expect(setting("FW_SERVICES_EXT_TCP")).toBe("5801 5901 22 80 443");
    expect(setting("FW_SERVICES_ACCEPT_EXT")).toContain("192.0.2.12,tcp,3306");
    expect(node.calls()).toEqual(["SuSEfirewall2 on"]);

    apply(rules(nodes[0], nodes[2]));
    expect(setting("FW_SERVICES_ACCEPT_EXT")).toBe(
      "192.0.2.11,udp,5404:5405 192.0.2.13,udp,5404:5405 192.0.2.11,tcp,3306 192.0.2.11,tcp,21064",
    );
    expect(node.calls()).toEqual(["SuSEfirewall2 start"]);

    const before = node.read(settings);
    apply(rules(nodes[0], nodes[2]));
    expect([node.read(settings), node.calls()]).toEqual([before, []]);
  });

  test("taken away, it leaves the settings as they were", () => {
    const before = node.read(settings);
    apply(rules(...nodes));
    withPlatform("firewall_remove");
    expect(node.read(settings)).toBe(before);
    expect(node.calls()).toEqual(["SuSEfirewall2 on", "SuSEfirewall2 off"]);
    withPlatform("firewall_remove");
    expect(node.calls()).toEqual([]);
  });

  test.each(['FW_ROUTE="$(reboot)"', "reboot", 'FW_ROUTE="yes'])("refuses what is no setting: %s", (line) => {
    // It shows what it refuses.
    expect(withPlatform("if firewall_check; then echo taken; fi", `FW_ROUTE="yes"\n${line}\n`)).toBe(`${line}\n`);
  });
});

test("a cluster that is not ours is refused, and goes on", () => {
  node.write("/etc/corosync/corosync.conf", "totem {\n\tversion: 2\n}\n");
  node.write("/run/doubles/active/openais", "");
  const { code, stderr } = node.step(
    "cluster/join",
    { cluster: "smtha", members: "3", "earliest-start": "50" },
    { "corosync.conf": "new", sbd: "new", authkey: "hush" },
  );
  expect(code).toBe(1);
  expect(stderr).toContain("  cause: a cluster runs on this node that smt-ha has not configured\n");
  expect(node.read("/etc/corosync/corosync.conf")).toBe("totem {\n\tversion: 2\n}\n");
  expect(node.calls()).toEqual([]);
});

test("a running member refuses another corosync.conf", () => {
  const ours = "# cluster_name: smtha\ntotem {\n\tnodeid: 11\n}\n";
  node.write("/etc/corosync/corosync.conf", ours);
  node.write("/etc/sysconfig/sbd", "sbd\n");
  node.write("/etc/corosync/authkey", "hush");
  node.write("/run/doubles/active/openais", "");
  const { stderr } = node.step(
    "cluster/join",
    { cluster: "smtha", members: "3", "earliest-start": "50" },
    { "corosync.conf": ours.replace("11", "21"), sbd: "sbd", authkey: "hush" },
  );
  expect(stderr).toContain("can't reload it while it runs\n  fix:   stop the cluster on all nodes (rcopenais stop)");
  expect(node.read("/etc/corosync/corosync.conf")).toBe(ours);
});

test("blocks of a file keep their places, and leave the rest alone", () => {
  node.write("/etc/lines", "first\nlast\n");
  const block = (name: string, text: string): string => {
    withPlatform(`install_block /etc/lines ${name}`, text);
    return node
      .read("/etc/lines")
      .replace(/# smt-ha (\w): (\w+)\n/g, "$1 $2|")
      .replace(/\n/g, "|");
  };
  expect(block("a", "one\n")).toBe("first|last|a begin|one|a end|");
  expect(block("b", "two\n")).toBe("first|last|a begin|one|a end|b begin|two|b end|");
  expect(block("a", "three\nfour\n")).toBe("first|last|a begin|three|four|a end|b begin|two|b end|");
  expect(block("a", "")).toBe("first|last|b begin|two|b end|");
});

test("blocks that steps of different lanes write at the same time are all there", () => {
  node.write("/etc/lines", "first\n");
  const blocks = withPlatform(`for round in $(seq 15); do
      for name in a b c; do
        (STEP_DIR=$(mktemp -d); echo "$name $round" | install_block /etc/lines $name) &
      done
      wait
      grep -v '^#' /etc/lines | sort | paste -s -d ,
    done`);
  expect(blocks).toBe(Array.from({ length: 15 }, (_, i) => `a ${i + 1},b ${i + 1},c ${i + 1},first\n`).join(""));
});

describe("iscsi/login with a daemon that runs", () => {
  const login = (initiator: string): string =>
    node.step("iscsi/login", { portal: "192.0.2.3:3260", target: "iqn.t", device: "/dev/none", initiator }).stderr;
  test("ends it, since its script would let it go on with the template's name", () => {
    node.write("/run/doubles/packages", "open-iscsi\n");
    node.write("/etc/iscsi/initiatorname.iscsi", "InitiatorName=iqn.template\n");
    node.check("PATH=/usr/local/sbin:$PATH service open-iscsi start");
    // It goes on as far as the portal, which does not answer.
    expect(login("iqn.node1")).toContain("portal 192.0.2.3:3260 does not answer");
    expect(node.read("/run/doubles/active/iscsid")).toBe("InitiatorName=iqn.node1\n");
  });
});

test("the nightly run mirrors without a sync, which no longer succeeds; the second time, nothing", () => {
  const cron = "/etc/smt.d/novell.com-smt";
  node.write(cron, "0     1  *  *  *    root    /usr/lib/SMT/bin/smt-daily\n");
  const schedule = (time: string): string => node.step("smt/schedule", { time }).stderr;
  schedule("02:30");
  expect(node.read(cron)).toBe(
    "30 2  *  *  *    root    [ -e /var/run/smt-ha-jobs ] && /usr/sbin/smt-mirror -L /var/log/smt/smt-mirror.log --mail\n",
  );
  expect(schedule("02:30")).toBe("");
});

test("SMT's tables outlive a power failure, though this database would make others", () => {
  node.write("/run/doubles/archive", "smt\nmysql\nperl-DBD-mysql\napache2-mod_perl\n");
  node.check("groupadd -r www");
  expect(node.step("smt/install", { uid: "480" }, { password: "hush" }).code).toBe(0);
  expect(node.read("/run/doubles/tables")).toBe("InnoDB\n");
  // Those of a later version too.
  withPlatform("database_configure", "[mysqld]\nserver-id = 1\n");
  expect(node.read("/etc/my-smt-ha.cnf")).toBe("[mysqld]\nserver-id = 1\ndefault-storage-engine = InnoDB\n");
});

describe("SLES 12", () => {
  let node12: TestNode;
  beforeEach(async () => {
    node12 = await TestNode.start({ platform: "sles12" });
    node12.write("/run/doubles/packages", "apache2\nmariadb\n");
  });
  afterEach(() => node12.stop());

  test("an update changes SMT's tables on the node that is out of service", () => {
    const update = (): ReturnType<TestNode["step"]> => node12.step("node/update");
    const upgrades = (): string[] => node12.calls().filter((call) => call.startsWith("smt-schema"));
    expect(update().code).toBe(0);
    expect(upgrades()).toEqual([]);
    node12.write("/run/doubles/packages", "smt\nmariadb\n");
    expect(update().code).toBe(0);
    expect(upgrades()).toEqual(["smt-schema-upgrade --yes"]);

    node12.write("/run/doubles/upgrade-fails", "");
    const { code, stderr } = update();
    expect(code).toBe(1);
    expect(stderr).toContain("  cause: SMT's tables could not be upgraded: Upgrade failed, please see log [");
  });

  test("a start that fails names where SMT says why", () => {
    node12.check("rm /etc/zypp/credentials.d/SCCcredentials");
    node12.check("cp -R /usr/share/fake-smt/. /; mkdir -p /run/doubles/active; touch /run/doubles/active/mariadb");
    node12.write("/run/doubles/packages", "apache2\nmariadb\nsmt\n");
    const { stderr } = node12.step("smt/start");
    expect(stderr).toMatch(/ {2}cause: SMT does not start: .*\n {2}fix: {3}correct what 'journalctl -b -t root' and /);
  });

  test("a database without a version of its tables is not finished", () => {
    node12.write("/run/doubles/archive", "smt\nmariadb\n");
    node12.write("/run/doubles/database", "");
    node12.check("groupadd -r www");
    const install = (): string =>
      node12.step("smt/install", { uid: "480" }, { password: "hush" }).stderr.replace(/^node1: smt\/install: /gm, "");
    expect(install()).toContain(
      "making the database smt again, since smt-db was interrupted\nset up the database smt\n",
    );
    expect(install()).toBe("");
  });
});
