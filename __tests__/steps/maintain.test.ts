import { answer, healthy, pageSettings, sick, startPage } from "../support/healthPage";
import { Result, TestNode } from "../support/node";

let node: TestNode;
let peer: TestNode;
beforeEach(async () => {
  [node, peer] = await Promise.all([TestNode.start(), TestNode.start({ name: "node2", address: "192.0.2.12" })]);
  node.connect(peer);
  for (const server of [node, peer]) {
    startPage(server);
  }
  node.check("mkdir -p /etc/smt-ha /run/doubles/cib /run/doubles/active /var/lib/smt-ha");
  node.write("/etc/smt-ha/health.conf", pageSettings());
  node.write("/run/doubles/active/pacemaker", "");
  cluster("node1: online", "node2: online", "node3: online");
  node.write("/run/doubles/lvs-on", "node3\n");
  node.write("/run/doubles/successor", "node3\n");
  node.write("/run/doubles/cib/smt-ha-drained", "");
  // A step asks for the services before anything else, so this is how a test sees what it changes.
  node.calls();
});
afterEach(() => Promise.all([node.stop(), peer.stop()]));

const cluster = (...states: string[]): void =>
  node.write(
    "/run/doubles/crm_mon",
    `  * Current DC: node1 (version 2.1.5) - partition with quorum\n${states.map((state) => `  * Node ${state}\n`).join("")}`,
  );
const maintain = (drain = "0"): Result => node.step("node/maintain", { drain });
const resume = (): Result => node.step("node/resume");
const causeOf = ({ stderr }: Result): string | undefined => /^ {2}cause: (.*)$/m.exec(stderr)?.[1];
const calls = (): string[] => node.calls().map((call) => call.replace(/\/dev\/shm\S+/, "FILE"));
const lines = (step: string, ...texts: string[]): string => texts.map((text) => `node1: ${step}: ${text}\n`).join("");

const standby = (state: string): string =>
  `crm_attribute --node node1 --name standby --update ${state} --lifetime forever`;
const load = "crm -F configure load update FILE";
const unload = "crm -F configure delete drain-node1-after-LVS drain-node1-with-LVS drain-node1";

describe("node/maintain", () => {
  test("drains this server, then puts it in standby; the second time, nothing", () => {
    expect(maintain()).toEqual({
      code: 0,
      stdout: "",
      stderr: lines(
        "node/maintain",
        "draining: no new connections to 192.0.2.11",
        "standby",
        "node1 is out of service; to put it back: smt-ha node/resume",
      ),
    });
    expect(calls()).toEqual([load, standby("on")]);
    const drain = node.read("/run/doubles/cib/drain-node1");
    expect(drain).toContain("ocf:smt-ha:drain params server=192.0.2.11 ");
    // No operation has Pacemaker's own time limit.
    expect(drain.match(/op \w+ timeout=\d+ interval=0/g)).toHaveLength(3);
    expect(maintain().stderr).toBe(lines("node/maintain", "node1 is out of service already"));
    // Its cluster may be stopped, for an update.
    node.check("rm /run/doubles/active/pacemaker");
    expect(maintain().code).toBe(0);
    expect(calls()).toEqual([]);
    // Out of service, it still has a vote, which the others may need now.
    node.write("/run/doubles/active/pacemaker", "");
    cluster("node1: standby", "node2: OFFLINE", "node3: online");
    expect(causeOf(maintain())).toMatch("the service is not steady: node2 is OFFLINE");
    expect(causeOf(node.step("node/update"))).toBe("the others may need this node's vote: node2 is OFFLINE");
    expect(calls()).toEqual([]);
  });

  test("moves the service address away before it drains", () => {
    node.write("/run/doubles/lvs-on", "node1\n");
    expect(maintain().stderr).toContain("moving the service address\n");
    expect(calls()).toEqual(["crm_resource --ban --resource LVS --node node1", load, standby("on")]);
  });

  test("gives open connections their time to end", () => {
    const listen = "IO::Socket::INET->new(LocalPort => 443, Listen => 5)";
    node.check(`setsid perl -MIO::Socket -e '$s = ${listen}; sleep' >/dev/null 2>&1 </dev/null 3>&- &`);
    const connect = (seconds: number): string =>
      peer.check(
        `(until exec 4<>/dev/tcp/192.0.2.11/443; do :; done; sleep ${seconds}) >/dev/null 2>&1 </dev/null 3>&- &`,
      );
    connect(60);
    expect(maintain("2").stderr).toContain("1 connections are still open after 2 seconds; they break now\n");
    resume();
    peer.check("pkill -x sleep");
    connect(5);
    const start = Date.now();
    expect(maintain("30").stderr).not.toContain("still open");
    expect(Date.now() - start).toBeGreaterThan(3000);
  });

  test("a director needs no draining", () => {
    node.check("rm /etc/smt-ha/health.conf && mkdir -p /etc/ha.d");
    node.write("/etc/ha.d/ldirectord.cf", '\treal = 192.0.2.12:80 gate\n\trequest = "test.html"\n');
    node.write("/run/doubles/lvs-on", "node1\n");
    node.write("/run/doubles/standby-on", "echo node2 >/run/doubles/lvs-on");
    expect(maintain().code).toBe(0);
    expect(calls()).toEqual([standby("on")]);
  });

  test.each<[string, () => void, string]>([
    ["another node is away", () => cluster("node1: online", "node2: OFFLINE", "node3: online"), "node2 is OFFLINE"],
    ["another is out already", () => cluster("node1: online", "node2: online", "node3: standby"), "node3 is standby"],
    ["there is no quorum", () => node.write("/run/doubles/crm_mon", "* Node node1: online\n"), "no quorum"],
    ["its cluster is stopped", () => node.check("rm /run/doubles/active/pacemaker"), "the cluster does not run"],
    ["nobody balances", () => node.check("rm /run/doubles/lvs-on"), "the cluster runs Director on no node"],
    ["another server is sick", () => answer(peer, sick), "192.0.2.12 is not healthy: the files are away;the link too"],
    ["another server is silent", () => answer(peer, ""), "192.0.2.12 is not healthy: no answer"],
    ["the rest has no majority", () => cluster("node1: online", "node2: online"), "the other 1 of 2 nodes have no"],
    ["nobody can balance then", () => node.check("rm /run/doubles/successor"), "no other node could take the service"],
    [
      "SMT mirrors here",
      () => node.check("cp /bin/sleep /root/smt-mirror && (/root/smt-mirror 60 >/dev/null 2>&1 </dev/null 3>&- &)"),
      "SMT is mirroring on it",
    ],
  ])("refuses while %s, and changes nothing", (_, make, cause) => {
    make();
    const result = maintain();
    expect([result.code, causeOf(result)]).toEqual([1, expect.stringMatching(`^node1 stays as it is: .*${cause}`)]);
    expect(calls()).toEqual([]);
  });

  test("stops where something does not go as it must, and says how to go on", () => {
    node.write("/run/doubles/unsettled", "");
    const result = maintain();
    expect(causeOf(result)).toBe("the balancer did not begin to drain this server; the service goes on without node1");
    expect(result.stderr).toContain("then repeat this; or put the node back: smt-ha node/resume\n");
    node.check("rm /run/doubles/unsettled");
    expect(resume().code).toBe(0);
  });
});

describe("node/resume", () => {
  test("puts the node back and waits until all is steady; the second time, it only looks", () => {
    node.write("/run/doubles/lvs-on", "node1\n");
    maintain();
    node.calls();
    expect(resume()).toEqual({
      code: 0,
      stdout: "",
      stderr: lines("node/resume", "back in service", "node1 is back, and the service is steady"),
    });
    const release = "systemctl unmask --runtime pacemaker corosync sbd";
    expect(calls()).toEqual([release, standby("off"), unload, "crm_resource --clear --resource LVS --node node1"]);
    expect(resume().code).toBe(0);
    expect(calls()).toEqual([release, standby("off")]);
    expect(maintain().stderr).toContain("draining");
  });

  test("starts a cluster that an update has stopped", () => {
    maintain();
    node.check("rm /run/doubles/active/pacemaker");
    node.calls();
    expect(resume().stderr).toContain("starting the cluster on this node\n");
    expect(calls()).toContain("systemctl start pacemaker");
  });

  test("waits while the cluster does not answer yet", () => {
    maintain();
    node.check("cp /usr/local/sbin/crm_mon /root; printf '#!/bin/bash\nexit 102\n' >/usr/local/sbin/crm_mon");
    node.check("(sleep 4; cp /root/crm_mon /usr/local/sbin) >/dev/null 2>&1 </dev/null 3>&- &");
    expect(resume().code).toBe(0);
  });

  test("says how to go on where something unexpected happens", () => {
    maintain();
    node.write("/usr/local/sbin/crm_attribute", "#!/bin/bash\nexit 1\n");
    expect(resume().stderr).toContain("then repeat 'smt-ha node/resume', or put the node back: smt-ha node/resume\n");
  });

  test("waits until this server is healthy, and drains it until then", () => {
    maintain();
    answer(node, sick);
    node.calls();
    node.check(`(sleep 3; printf '${healthy}' >/run/doubles/page) >/dev/null 2>&1 </dev/null 3>&- &`);
    const start = Date.now();
    expect(resume().code).toBe(0);
    expect(Date.now() - start).toBeGreaterThan(2500);
    expect(calls().slice(1)).toEqual([standby("off"), unload]);
  });
});

describe("node/update", () => {
  const update = (): Result => node.step("node/update");

  test("refuses a node in service", () => {
    expect(causeOf(update())).toBe("node1 is in service");
    expect(calls()).toEqual([]);
  });

  test("stops the cluster, updates all packages, and tells whether a reboot is needed", () => {
    maintain();
    node.calls();
    const updated = { code: 0, stdout: "", stderr: lines("node/update", "updating the packages") };
    expect(update()).toEqual({
      ...updated,
      stderr: lines("node/update", "stopping the cluster on this node", "updating the packages"),
    });
    expect(calls()).toEqual([
      "systemctl stop pacemaker corosync",
      "systemctl mask --runtime pacemaker corosync sbd",
      "apt-get -q update",
      "apt-get -q -y -o DPkg::Lock::Timeout=300 -o Dpkg::Options::=--force-confdef " +
        "-o Dpkg::Options::=--force-confold upgrade --with-new-pkgs",
      "systemctl unmask --runtime pacemaker corosync sbd",
    ]);
    node.write("/run/doubles/upgrade", "touch /run/reboot-required");
    expect(update()).toEqual({ ...updated, stdout: "reboot\n" });
    node.check("rm /run/reboot-required");
    // The kernel that runs here is another one.
    const kernel = "Package: linux-image-6.1.0-1-amd64\nStatus: install ok installed\nMaintainer: a test\n";
    node.write("/root/kernel", `${kernel}Architecture: amd64\nVersion: 6.1.1-1\nDescription: none\n\n`);
    node.write("/run/doubles/upgrade", "cat /root/kernel >>/var/lib/dpkg/status");
    expect(update()).toEqual({ ...updated, stdout: "reboot\n" });
  });

  test("leaves the node out if an update fails", () => {
    maintain();
    node.write("/run/doubles/upgrade", "echo 'E: no space' >&2; exit 100");
    const result = update();
    expect([result.code, causeOf(result)]).toEqual([
      1,
      expect.stringMatching(/^the packages could not .*E: no space$/),
    ]);
    expect(maintain().stderr).toContain("out of service already");
  });
});

describe("the whole cluster", () => {
  const stop = (): Result => node.step("cluster/stop");
  const start = (): Result => node.step("cluster/start");
  const resources = (stopped: boolean): string => `crm_attribute -t crm_config -n stop-all-resources -v ${stopped}`;

  test("stops what it runs before its services on this node; the second time, nothing", () => {
    expect(stop()).toEqual({
      code: 0,
      stdout: "",
      stderr: lines("cluster/stop", "stopping what the cluster runs", "stopping the cluster"),
    });
    expect(calls()).toEqual([resources(true), "systemctl stop pacemaker corosync"]);
    expect([stop(), calls()]).toEqual([{ code: 0, stdout: "", stderr: "" }, []]);
  });

  test.each<[string, () => void, string]>([
    ["a resource does not stop", () => node.write("/run/doubles/unsettled", ""), "does not stop its resources"],
    [
      "the shared file system stays",
      () => {
        node.check("sed -i 's|/proc/mounts|/run/doubles/mounts|' /usr/local/lib/smt-ha/lib/mount.sh");
        node.write("/run/doubles/mounts", "/dev/x /smt ocfs2 rw 0 0\n");
      },
      "the shared file system is still mounted",
    ],
  ])("keeps its services where %s, and says how to go on", (_, make, cause) => {
    make();
    const result = stop();
    expect([result.code, causeOf(result)]).toEqual([1, expect.stringContaining(cause)]);
    expect(result.stderr).toContain("repeat 'smt-ha cluster/stop', or start the cluster: smt-ha cluster/start\n");
    expect(calls()).toEqual([resources(true)]);
  });

  test("starts when all members are there, and waits until the service is steady", () => {
    stop();
    node.calls();
    cluster("node1: online", "node2: OFFLINE", "node3: standby");
    node.check("(sleep 3; sed -i s/OFFLINE/online/ /run/doubles/crm_mon) >/dev/null 2>&1 </dev/null 3>&- &");
    // Planned work on a node goes on: it is no member that is missing, but the service is not steady either.
    node.check("(sleep 6; sed -i s/standby/online/ /run/doubles/crm_mon) >/dev/null 2>&1 </dev/null 3>&- &");
    const begin = Date.now();
    expect(start()).toEqual({
      code: 0,
      stdout: "",
      stderr: lines("cluster/start", "starting the cluster", "the service is steady"),
    });
    expect(Date.now() - begin).toBeGreaterThan(5500);
    expect(calls()).toEqual(["systemctl start pacemaker", resources(false)]);
    expect(start().stderr).toBe(lines("cluster/start", "the service is steady"));
  });

  test("keeps everything stopped while a member is away", () => {
    stop();
    node.calls();
    node.check("sed -i 's/retry 300/retry 2/' /usr/local/lib/smt-ha/steps/cluster/start");
    cluster("node1: online", "node2: OFFLINE", "node3: online");
    expect(causeOf(start())).toBe("after 5 minutes, the cluster lacks members: node2 OFFLINE");
    expect(calls()).toEqual(["systemctl start pacemaker"]);
  });
});

describe("the resource agent drain", () => {
  const agent = (action: string): string =>
    node.check(
      `OCF_RESKEY_server=192.0.2.11 OCF_RESKEY_config=/etc/ha.d/ldirectord.cf bash /usr/lib/ocf/resource.d/smt-ha/drain ${action} 2>&1; echo $?`,
    );
  const service = (port: number): string[] => [
    `-A -t 192.0.2.10:${port} -s wlc`,
    `-a -t 192.0.2.10:${port} -r 192.0.2.11:${port} -g -w 1`,
    `-a -t 192.0.2.10:${port} -r 192.0.2.12:${port} -g -w 1`,
  ];
  const table = (...rows: string[]): void => node.write("/run/doubles/ipvs", rows.map((row) => `${row}\n`).join(""));
  const weights = (): string => node.check(`sed -n 's/.*-r \\(.*\\) -g -w/\\1/p' /run/doubles/ipvs`);

  beforeEach(() => {
    node.check("mkdir -p /etc/ha.d");
    node.write("/etc/ha.d/ldirectord.cf", 'checkinterval = 20\n\trequest = "test.html"\n');
  });

  test("gives the server no new connections while it runs", () => {
    table(...service(443), ...service(80));
    expect(agent("monitor")).toBe("7\n");
    expect(agent("start")).toBe("0\n");
    expect(agent("monitor")).toBe("0\n");
    expect(weights()).toBe("192.0.2.11:443 0\n192.0.2.12:443 1\n192.0.2.11:80 0\n192.0.2.12:80 1\n");
    expect(calls()).toEqual(["attrd_updater -n smt-ha-drained -U 192.0.2.11"]);
    expect(agent("stop")).toBe("0\n");
    expect(weights()).toBe("192.0.2.11:443 1\n192.0.2.12:443 1\n192.0.2.11:80 1\n192.0.2.12:80 1\n");
    expect(agent("monitor")).toBe("7\n");
    expect(calls()).toEqual(["attrd_updater -n smt-ha-drained -D"]);
    // As on a node where it has never run.
    table(...service(80).map((row) => row.replace("-w 1", "-w 0")));
    expect(agent("stop")).toBe("0\n");
    expect(weights()).toBe("192.0.2.11:80 0\n192.0.2.12:80 0\n");
  });

  test("waits until another server is there", () => {
    table(...service(80).slice(0, 2));
    node.write("/run/doubles/later", [...service(80), ""].join("\n"));
    node.check("(sleep 3; mv /run/doubles/later /run/doubles/ipvs) >/dev/null 2>&1 </dev/null 3>&- &");
    expect(agent("start")).toBe("0\n");
    expect(weights()).toBe("192.0.2.11:80 0\n192.0.2.12:80 1\n");
  });

  test("never takes the last server: it succeeds, but says nothing", () => {
    const alone = service(80).map((row) => row.replace("-r 192.0.2.12:80 -g -w 1", "-r 192.0.2.12:80 -g -w 0"));
    table(...alone);
    node.check("sed -i 's/(60 + 2 /(1 + 0 /' /usr/local/lib/smt-ha/ocf/drain");
    expect(agent("start")).toBe("0\n");
    expect(weights()).toBe("192.0.2.11:80 1\n192.0.2.12:80 0\n");
    expect(calls()).toEqual([]);
  });

  test("waits for nothing where the server is down, and never gives it connections again", () => {
    table(...service(80).map((row) => row.replace("192.0.2.11:80 -g -w 1", "192.0.2.11:80 -g -w 0")));
    answer(node, sick);
    expect(agent("start")).toBe("0\n");
    expect(calls()).toEqual(["attrd_updater -n smt-ha-drained -U 192.0.2.11"]);
    expect(agent("stop")).toBe("0\n");
    expect(weights()).toBe("192.0.2.11:80 0\n192.0.2.12:80 1\n");
  });
});
