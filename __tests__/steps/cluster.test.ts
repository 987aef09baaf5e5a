import { corosyncConf } from "../../components/corosyncConf";
import { baseServices } from "../../components/ocfsMount";
import { platforms } from "../../components/platform";
import { fencing, sbdConfig } from "../../components/sbdConf";
import { Disk } from "../support/disk";
import { Result, succeed, TestNode } from "../support/node";

const { debian12 } = platforms;
const fencingText = fencing(debian12, { msgwait: 30, sbdDevice: "/dev/sbd" });
const mountText = (...directors: string[]): string =>
  baseServices(debian12, { device: "/dev/data", mountPoint: "/smt", smtNodes: ["node1", "node2"], directors });

let node: TestNode;
beforeEach(async () => {
  node = await TestNode.start();
});
afterEach(() => node.stop());

const causeOf = ({ stderr }: Result): string | undefined => /^ {2}cause: (.*)$/m.exec(stderr)?.[1];
const nothing = { code: 0, stdout: "", stderr: "" };

describe("cluster/configure", () => {
  const text = fencingText + mountText("node3");
  const configure = (crm = text): Result => node.step("cluster/configure", { part: "all" }, { crm });
  const object = (name: string): string => node.run(`cat /run/doubles/cib/${name}`).stdout;
  const loads = (): string[] => node.calls().map((call) => call.replace(/\/dev\/shm\S+/, "FILE"));
  const load = "crm -F configure load update FILE";

  test("loads the text as a whole; the second time, nothing", () => {
    expect(configure()).toEqual({ ...nothing, stderr: "node1: cluster/configure: configuring all\n" });
    expect(loads()).toEqual([load]);
    expect(object("base-group")).toBe("group base-group dlm fs\n");
    expect(object("no-quorum-policy")).toBe("freeze\n");
    expect(configure()).toEqual(nothing);
    expect(loads()).toEqual([]);
  });

  test("restores what was changed by hand, be it an object or a property, and leaves the rest alone", () => {
    configure();
    node.write("/run/doubles/cib/mine", "primitive mine ocf:heartbeat:Dummy\n");
    expect(configure()).toEqual(nothing);
    for (const [name, value] of [
      ["fs", "primitive fs ocf:heartbeat:Filesystem meta target-role=Stopped\n"],
      ["stonith-timeout", "5s\n"],
    ]) {
      const before = object(name);
      node.write(`/run/doubles/cib/${name}`, value);
      expect(configure().stderr).toContain("configuring all\n");
      expect(object(name)).toBe(before);
    }
    node.check("rm /run/doubles/cib/Base-Services-not-on-node3");
    configure();
    expect(object("Base-Services-not-on-node3")).toBe(
      "location Base-Services-not-on-node3 base-services -inf: node3\n",
    );
    expect(object("mine")).toBe("primitive mine ocf:heartbeat:Dummy\n");
  });

  test("removes what the text no longer names, after the new, unless it is removed already", () => {
    configure(mountText("node3", "node4", "node5"));
    loads();
    node.check("rm /run/doubles/cib/Base-Services-not-on-node4");
    expect(configure(mountText("node6")).stderr).toContain(
      "removing Base-Services-not-on-node3 Base-Services-not-on-node5\n",
    );
    expect(loads()).toEqual([load, "crm -F configure delete Base-Services-not-on-node3 Base-Services-not-on-node5"]);
  });

  test("removes nothing where the cluster refuses the new text", () => {
    configure();
    loads();
    node.write("/run/doubles/crm-refuses", "");
    expect(causeOf(configure(fencingText))).toBe("the cluster refuses the configuration of all");
    expect(loads()).toEqual([load]);
    expect(object("fs")).toContain("Filesystem");
  });

  test("fails where crm ends well and the cluster has not taken the text, and then does it again", () => {
    node.write("/run/doubles/cib-refuses", "");
    const refused = configure();
    expect(refused.code).toBe(1);
    expect(causeOf(refused)).toBe("the cluster has not taken stonith-sbd of the configuration of all");
    node.check("rm /run/doubles/cib-refuses");
    expect(configure().code).toBe(0);
  });

  test("fails where the cluster does not settle or a resource fails, and then does it again", () => {
    node.write("/run/doubles/unsettled", "");
    node.write("/run/doubles/crm_mon", "  * fs\t(ocf:heartbeat:Filesystem):\t FAILED node1\n");
    expect(causeOf(configure())).toMatch(
      /^the cluster does not settle after the configuration of all: .*FAILED node1$/,
    );
    node.check("rm /run/doubles/unsettled");
    node.write("/run/doubles/crm_mon", "Failed Resource Actions:\n  * fs start on node1 returned error\n");
    expect(causeOf(configure())).toContain("resources failed:   * fs start on node1");
    // A fencing that failed long ago is history, which no cleanup of resources removes.
    node.write("/run/doubles/crm_mon", "Failed Fencing Actions:\n  * reboot of node9 failed: client=stonith_admin\n");
    expect(configure().code).toBe(0);
    node.write("/run/doubles/cib/stonith-timeout", "5s\n");
    node.check("rm /run/doubles/crm_mon");
    loads();
    expect(configure().code).toBe(0);
    expect(loads()).toEqual([load]);
  });
});

describe("corosync's key", () => {
  const [first, second] = ["hush".repeat(64), "tell".repeat(64)];
  const file = "/etc/corosync/authkey";
  const write = (authkey: string, cluster = "smtha"): Result => node.step("cluster/authkey", { cluster }, { authkey });
  const take = (authkey: string): Result => node.step("cluster/rekey", {}, { authkey });
  const online = (...names: string[]): void =>
    node.write("/run/doubles/crm_mon", names.map((name) => `  * Node ${name}: online:\n`).join(""));
  /** A member of the cluster that runs with the first key. */
  const runs = (): void => {
    node.check("mkdir -p /etc/corosync /run/doubles/active");
    node.write("/etc/corosync/corosync.conf", "totem {\n\tcluster_name: smtha\n\ttoken: 100\n}\n");
    succeed(write(first));
    node.write("/run/doubles/active/pacemaker", "");
    online("node1", "node2", "node3");
    node.calls();
  };
  const said = (step: string, text: string): Result => ({ ...nothing, stderr: `node1: cluster/${step}: ${text}\n` });

  test("is there before the first start, for which nothing is reloaded", () => {
    node.write("/etc/corosync/corosync.conf", "totem {\n\tcluster_name: debian\n}\n");
    // The package has started its sample.
    node.write("/run/doubles/active/pacemaker", "");
    node.check(`rm -f ${file}`);
    expect(write(first)).toEqual(said("authkey", `wrote ${file}`));
    expect(node.check(`stat -c %a-%s ${file}`)).toBe("400-256\n");
    expect(take(first)).toEqual(nothing);
    expect(node.calls()).toEqual([]);
  });

  test("changes while corosync runs by one reload; the second time, nothing", () => {
    runs();
    expect(write(second)).toEqual(said("authkey", `wrote ${file}`));
    expect([node.read(file), node.calls()]).toEqual([second, []]);
    expect(take(second)).toEqual(said("rekey", "corosync takes the new key"));
    expect(node.calls()).toEqual(["corosync-cfgtool -R"]);
    expect([write(second), take(second), node.calls()]).toEqual([nothing, nothing, []]);
  });

  test("is taken by a later run if the first one wrote it and no more", () => {
    runs();
    // Killed before the file was there, then before it was noted as taken.
    node.check("mkdir -p /var/lib/smt-ha && touch /var/lib/smt-ha/authkey-pending");
    write(second);
    expect(write(second)).toEqual(nothing);
    succeed(take(second));
    expect(node.calls()).toEqual(["corosync-cfgtool -R"]);
  });

  test("needs no reload where the cluster is stopped: it starts with the key", () => {
    runs();
    write(second);
    node.check("rm /run/doubles/active/pacemaker");
    expect(take(second)).toEqual(nothing);
    node.write("/run/doubles/active/pacemaker", "");
    expect([take(second), node.calls()]).toEqual([nothing, []]);
  });

  test("is not taken where it is another one than the stack's", () => {
    runs();
    write(second);
    const result = take(first);
    expect([result.code, causeOf(result)]).toEqual([
      1,
      `${file} is not the stack's key any more; the key in use stays`,
    ]);
    expect([node.calls(), result.stderr]).toEqual([[], expect.not.stringMatching(/hush|tell/)]);
  });

  test("is asked for again if the reload fails, or a member is lost by it", () => {
    runs();
    write(second);
    node.write("/run/doubles/reload-corosync", "exit 1\n");
    expect(causeOf(take(second))).toBe("corosync does not reload; the key in use stays");
    node.write("/run/doubles/reload-corosync", "sed -i 's/node2: online/node2: UNCLEAN/' /run/doubles/crm_mon\n");
    expect(causeOf(take(second))).toBe("only 2 of 3 members are left: node2 UNCLEAN");
    online("node1", "node2", "node3");
    node.check("rm /run/doubles/reload-corosync");
    succeed(take(second));
    expect(node.calls()).toEqual(Array(3).fill("corosync-cfgtool -R"));
  });

  test("of another cluster's member stays", () => {
    runs();
    expect(causeOf(write(second, "other"))).toBe("this node is a member of the cluster 'smtha', not of 'other'");
    expect(node.read(file)).toBe(first);
  });
});

describe("cluster/join", () => {
  const members = (count: number, first = 11): { nodeName: string; address: string }[] =>
    Array.from({ length: count }, (_, index) => ({
      nodeName: `node${index + 1}`,
      address: `192.0.2.${first + index}`,
    }));
  const conf = (count: number, first?: number): string => {
    const nodes = members(count, first);
    return corosyncConf(debian12, { clusterName: "smtha", prefixLength: 24, tokenTimeout: 5, nodes }, nodes[0]);
  };
  const join = (count = 3, inputs: Record<string, string> = {}, cluster = "smtha"): Result => {
    const online = members(count).map(({ nodeName }) => `  * Node ${nodeName}: online:\n`);
    node.write("/run/doubles/crm_mon", `  * Current DC: node1 - partition with quorum\n${online.join("")}`);
    return node.step(
      "cluster/join",
      { cluster, members: String(count), "earliest-start": "35" },
      { "corosync.conf": conf(count), sbd: sbdConfig(debian12, "/dev/sbd"), ...inputs },
    );
  };
  const sample = "totem {\n\tcluster_name: debian\n}\n";
  beforeEach(() => {
    node.check("rm -rf /etc/corosync /etc/default/sbd && mkdir -p /etc/corosync");
    node.write("/etc/corosync/corosync.conf", sample);
  });

  test("configures and starts the cluster; the second time, nothing", () => {
    expect(join().code).toBe(0);
    expect(node.calls()).toEqual([
      "systemctl stop pacemaker corosync",
      "modprobe softdog",
      "systemctl daemon-reload",
      "systemctl enable sbd",
      "systemctl enable corosync",
      "systemctl enable pacemaker",
      "systemctl start pacemaker",
    ]);
    expect(node.read("/etc/corosync/corosync.conf")).toBe(conf(3));
    // softdog dies with the kernel: a panic must restart the node.
    const panic = "kernel.panic = 10\nkernel.panic_on_oops = 1\n";
    expect([node.read("/etc/sysctl.d/90-smt-ha-cluster.conf"), node.read("/run/doubles/kernel")]).toEqual([
      panic,
      panic,
    ]);
    expect(join()).toEqual(nothing);
    expect(node.calls()).toEqual(["modprobe softdog"]);
  });

  test("does not let the DLM's own unit start corosync", () => {
    node.write("/run/doubles/enabled/dlm", "");
    join();
    expect(node.calls()).toContain("systemctl disable dlm");
  });

  test("waits for the disk, however late it comes, and stops before the initiator", () => {
    join();
    const unit = "[Unit]\nRequires=smt-ha-disk.service\nAfter=smt-ha-disk.service open-iscsi.service\n";
    const look = "\n[Service]\nExecStartPre=-/bin/bash /usr/local/lib/smt-ha/orderly-stop look\n";
    const settings = (name: string): string => node.read(`/etc/systemd/system/${name}.d/smt-ha.conf`);
    expect(settings("resource-agents-deps.target")).toBe(unit);
    expect(settings("sbd.service")).toBe(unit + look);
  });

  test.each(["standby", "maintenance"])("a node in %s is a member", (state) => {
    const nodes = ["node1: online", `node2: ${state}`, "node3: online"].map((text) => `  * Node ${text}:\n`);
    join();
    node.write("/run/doubles/crm_mon", `  * Current DC: node1 - partition with quorum\n${nodes.join("")}`);
    const inputs = { "corosync.conf": conf(3), sbd: sbdConfig(debian12, "/dev/sbd") };
    expect(node.step("cluster/join", { cluster: "smtha", members: "3", "earliest-start": "35" }, inputs)).toEqual(
      nothing,
    );
  });

  test("clears the CIB of a package's first start, and never one of a cluster of its own", () => {
    node.write("/var/lib/pacemaker/cib/cib.xml", "<cib/>");
    join();
    expect(node.run("ls /var/lib/pacemaker/cib/cib.xml").code).not.toBe(0);
    node.write("/var/lib/pacemaker/cib/cib.xml", "<cib/>");
    node.check("rm /run/doubles/active/pacemaker");
    join();
    expect(node.read("/var/lib/pacemaker/cib/cib.xml")).toBe("<cib/>");
  });

  test("a member that runs takes a new node in by a reload", () => {
    join();
    node.calls();
    expect(join(4).stderr).toBe(
      "node1: cluster/join: wrote /etc/corosync/corosync.conf\n" +
        "node1: cluster/join: corosync has reloaded its configuration\n" +
        "node1: cluster/join: the tie breaker works once the cluster on this node has restarted\n",
    );
    expect(node.calls()).toEqual(["modprobe softdog", "corosync-cfgtool -R"]);
    const drift = (): string => node.step("node/status", { only: "drift" }).stdout;
    expect(drift()).toContain('"tieBreakerPending": true');
    node.write("/run/doubles/quorum-flags", "Quorate AutoTieBreaker");
    expect(drift()).toContain('"tieBreakerPending": false');
  });

  test("an odd number of nodes has no tie breaker to wait for", () => {
    join(4);
    node.calls();
    expect(join(5).stderr).not.toContain("tie breaker");
  });

  test("a member that runs removes a node that is no longer configured", () => {
    join(4);
    node.write(
      "/run/doubles/nodes",
      members(4)
        .map(({ nodeName }, index) => `<node id="${11 + index}" uname="${nodeName}"/>\n`)
        .join(""),
    );
    node.calls();
    expect(join(3).stderr).toBe(
      "node1: cluster/join: wrote /etc/corosync/corosync.conf\n" +
        "node1: cluster/join: corosync has reloaded its configuration\n" +
        "node1: cluster/join: removing node4 from the cluster: it is no longer configured\n",
    );
    expect(node.calls()).toEqual(["modprobe softdog", "corosync-cfgtool -R", "crm_node --force --remove node4"]);
    expect(join(3)).toEqual(nothing);
  });

  test.each([
    ["another cluster's member", {}, "other", "this node is a member of the cluster 'smtha', not of 'other'"],
    ["a key of its own while it runs", { authkey: "tell".repeat(64) }, "smtha", "the authentication key would change"],
    [
      "a new SBD device while it runs",
      { sbd: sbdConfig(debian12, "/dev/other") },
      "smtha",
      "SBD's configuration would",
    ],
    ["new numbers while it runs", { "corosync.conf": conf(3, 21) }, "smtha", "the number of node1 node2 node3 would"],
  ])("refuses %s, and changes nothing", (_, inputs, cluster, cause) => {
    join();
    node.calls();
    const files = "cat /etc/corosync/* /etc/default/sbd | sha256sum";
    const before = node.check(files);
    const result = join(3, inputs, cluster);
    expect([result.code, causeOf(result)]).toEqual([1, expect.stringContaining(cause)]);
    expect(result.stderr).not.toMatch(/hush|tell/);
    expect([node.check(files), node.calls()]).toEqual([before, []]);
  });

  describe("a boot", () => {
    /** A command of a unit, with the time since the boot and the mounts that the test gives. */
    const run = (unit: string, name: string, verb: string): void => {
      const settings = node.read(`/etc/systemd/system/${unit}.service.d/smt-ha.conf`);
      const command = new RegExp(`^${name}=-?(.* ${verb}\\b.*)$`, "m").exec(settings)?.[1];
      node.check(
        "sed -i 's|/proc/uptime|/run/uptime|; s|/proc/mounts|/run/mounts|' /usr/local/lib/smt-ha/orderly-stop",
      );
      node.check(`SBD_DEVICE=/run/sbd-disk ${command}`);
    };
    /** For how many seconds the start waits; empty if it doesn't. */
    const wait = (unit = "corosync"): string => {
      run(unit, "ExecStartPre", "wait");
      return node.check("cd /run && touch slept && cat slept && rm slept").trim();
    };
    /** SBD starts. */
    const look = (slots: string): void => {
      node.write("/run/doubles/sbd/slots", slots);
      run("sbd", "ExecStartPre", "look");
    };
    const forget = (): void => run("pacemaker", "ExecStartPre", "forget");
    const remember = (ended = "Result=success\nExecMainCode=1\nExecMainStatus=0\n", mounts = ""): void => {
      node.write("/run/doubles/show-pacemaker.service", ended);
      node.write("/run/mounts", mounts);
      run("pacemaker", "ExecStopPost", "remember");
    };
    beforeEach(() => {
      join();
      node.write("/run/uptime", "33.90 7.00\n");
      node.writeCommand(
        "/usr/local/sbin/sleep",
        "#!/bin/bash\n# Stand-in for sleep, which notes how long.\necho $1 >>/run/slept\n",
      );
    });

    test("after a fencing starts the cluster once the fencing is known", () => {
      expect(wait()).toBe("2");
      node.write("/run/uptime", "35.10 7.00\n");
      expect(wait()).toBe("");
    });

    test("while the others fence this node waits until that is over, on a disk that comes late too", () => {
      node.write("/run/sbd-disk", "SBD_SBD_");
      node.write("/run/doubles/sbd/header", "Timeout (msgwait)  : 30\n");
      remember();
      look("0\tnode1\treset\tnode3\n1\tnode3\tclear\t\n");
      expect([wait("corosync"), wait("pacemaker")]).toEqual(["36", "36"]);
      node.write("/run/uptime", "60.10 7.00\n");
      expect([wait("corosync"), wait("pacemaker")]).toEqual(["9", "9"]);
      for (const left of ["clear", "exit"]) {
        look(`0\tnode1\t${left}\tnode1\n1\tnode3\treset\tnode1\n`);
        expect([wait("corosync"), wait("pacemaker")]).toEqual(["", ""]);
      }
    });

    test("bears that SBD takes its note of an earlier fencing away meanwhile", () => {
      // A reader gets the time once; then the file is gone.
      node.check(
        "mkfifo /var/run/smt-ha-fenced; (echo 60 >/var/run/smt-ha-fenced; rm /var/run/smt-ha-fenced) >/dev/null 2>&1 &",
      );
      expect(wait()).toBe("27");
    });

    test("after an orderly stop starts it at once, and the next one after a fencing not", () => {
      remember();
      expect(wait()).toBe("");
      forget();
      expect(wait()).toBe("2");
    });

    test.each([
      ["Pacemaker was killed", "Result=signal\nExecMainCode=2\nExecMainStatus=9\n", ""],
      ["this node was fenced meanwhile", "Result=success\nExecMainCode=1\nExecMainStatus=100\n", ""],
      ["/smt stayed mounted", undefined, "/dev/sdb2 /smt ocfs2 rw 0 0\n"],
    ])("waits where %s", (_, ended, mounts) => {
      remember(ended, mounts);
      expect(wait()).toBe("2");
    });
  });
});

test("cluster/leave stops the cluster, now and at every boot", () => {
  const units = ["pacemaker", "corosync", "sbd"];
  for (const unit of units) {
    node.write(`/run/doubles/active/${unit}`, "");
    node.write(`/run/doubles/enabled/${unit}`, "");
  }
  expect(node.step("cluster/leave").code).toBe(0);
  expect(node.calls()).toEqual(["systemctl stop pacemaker corosync", "systemctl disable pacemaker corosync sbd"]);
  expect(node.step("cluster/leave").code).toBe(0);
});

test("cluster/leave takes along what node/maintain has left, if the cluster still runs", () => {
  const leave = (): string[] => {
    succeed(node.step("cluster/leave"));
    return node.calls();
  };
  for (const id of ["drain-node1", "drain-node1-with-LVS", "drain-node1-after-LVS", "cli-ban-LVS-on-node1"]) {
    node.write(`/run/doubles/cib/${id}`, "");
  }
  node.write("/var/lib/smt-ha/out-of-service", "");
  node.write("/run/doubles/active/pacemaker", "");
  expect(leave().slice(0, 3)).toEqual([
    "crm -F configure delete drain-node1-after-LVS drain-node1-with-LVS drain-node1",
    "crm_resource --clear --resource LVS --node node1",
    "systemctl stop pacemaker corosync",
  ]);
  expect(node.run("ls /var/lib/smt-ha/out-of-service").code).not.toBe(0);
  // Nothing is left, or nobody takes it.
  expect(leave().filter((call) => call.startsWith("crm"))).toEqual([]);
});

test("cluster/password sets hacluster's password and shows it nowhere", () => {
  node.check("getent passwd hacluster >/dev/null || useradd --system hacluster");
  expect(node.step("cluster/password", {}, { password: "hush-1" })).toEqual(nothing);
  const [, method, salt] = /^hacluster:\$(\w+)\$(.*)\$[^$]*:/m.exec(node.read("/etc/shadow")) ?? [];
  expect([method, salt]).toEqual([expect.stringMatching(/./), expect.stringMatching(/./)]);
  expect(node.filesWith("hush-1")).toEqual([]);
});

describe("on the shared disk", () => {
  let disk: Disk;
  beforeEach(() => {
    disk = new Disk(node);
    expect(
      node.step("disk/partition", { device: disk.device, cluster: "smtha", id: "0123", adopt: "no", wipe: "no" }).code,
    ).toBe(0);
  });
  afterEach(() => disk.detach());

  describe("sbd/create", () => {
    const create = (watchdog = "15", msgwait = "30"): Result =>
      node.step("sbd/create", { device: `${disk.device}-part1`, watchdog, msgwait });
    const slots = (text: string): void => node.write("/run/doubles/sbd/slots", text);

    test("writes the header once", () => {
      expect(create().stderr).toBe("node1: sbd/create: writing the SBD header (watchdog 15 s, msgwait 30 s)\n");
      expect(node.calls()).toContain("sbd create 15 30");
      slots("0\tnode1\tclear\t\n");
      expect(create()).toEqual(nothing);
      expect(node.calls()).toEqual([]);
    });

    test("re-creates it for other timeouts while no node has used it", () => {
      create();
      expect(create("20", "40").stderr).toContain(
        "re-creating the SBD header (watchdog 20 s, msgwait 40 s): no node has used it\n",
      );
    });

    test("never writes over one in use", () => {
      create();
      slots("0\tnode1\tclear\t\n1\tnode2\treset\tnode1\n");
      node.calls();
      const { code, stderr } = create("20", "40");
      expect([code, stderr]).toEqual([1, expect.stringContaining("msgwait 30 s, and is in use by: node1 node2\n")]);
      expect(stderr).toContain(
        "fix:   stop the cluster on all nodes (systemctl stop pacemaker corosync), run 'sbd -d ",
      );
      expect(node.calls()).toEqual([]);
    });

    test("never writes over something else", () => {
      disk.change("mkfs.ext4 -q $disk-part1");
      const before = disk.contents();
      expect(causeOf(create())).toBe(`${disk.device}-part1 is to hold SBD, but holds ext4`);
      expect(disk.contents()).toBe(before);
    });
  });

  describe("ocfs/format", () => {
    let options: Record<string, string>;
    beforeEach(() => {
      options = { device: `${disk.device}-part2`, cluster: "smtha", label: "smt", slots: "8", wipe: "no" };
    });
    const format = (wipe: "yes" | "no" = "no", cluster = "smtha"): Result =>
      node.step("ocfs/format", { ...options, cluster, wipe });
    const made = (): string[] => node.calls().filter((call) => call.startsWith("mkfs.ocfs2"));

    test.each(["no", "yes"] as const)("makes the file system once, with wipe %s", (wipe) => {
      expect(format(wipe).code).toBe(0);
      expect(made()).toEqual([
        `mkfs.ocfs2 --force -x -N 8 -L smt --cluster-stack=pcmk --cluster-name=smtha ${disk.device}-part2`,
      ]);
      const before = disk.contents();
      expect(format(wipe)).toEqual(nothing);
      expect([made(), disk.contents()]).toEqual([[], before]);
    });

    test("makes it again after an interrupted mkfs, which leaves a superblock and nothing in it", () => {
      format();
      made();
      node.write("/run/doubles/ocfs-unfinished", "");
      expect(format().stderr).toContain("has left the file system unfinished: making it again\n");
      expect(made()).toHaveLength(1);
      node.check("rm /run/doubles/ocfs-unfinished");
      expect(format()).toEqual(nothing);
    });

    test("refuses another number of slots than the file system has, and says how to get it", () => {
      format();
      made();
      const before = disk.contents();
      const { code, stderr } = node.step("ocfs/format", { ...options, slots: "12" });
      expect([code, stderr]).toEqual([1, expect.stringContaining("is made for 8 nodes, not for 12\n")]);
      expect(stderr).toContain(`'tunefs.ocfs2 -N 12 ${disk.device}-part2' here`);
      expect([made(), disk.contents()]).toEqual([[], before]);
    });

    test("does not take a disk that it can't read for a blank one", () => {
      options.device = "/dev/disk/by-path/gone-part2";
      expect(causeOf(format("yes"))).toBe("/dev/disk/by-path/gone-part2 can't be read");
      expect(made()).toEqual([]);
    });

    test.each([
      ["another cluster's", "", "an OCFS2 file system '' of the cluster 'other'"],
      ["a foreign", "mkfs.ext4 -q -F -L backup $disk-part2", "ext4 'backup'"],
    ])("refuses %s file system, and destroys it with wipe", (_, change, found) => {
      format("no", "other");
      if (change) {
        disk.change(change);
      }
      made();
      const before = disk.contents();
      expect(causeOf(format())).toBe(`${disk.device}-part2 holds ${found}`);
      expect([made(), disk.contents()]).toEqual([[], before]);
      expect(format("yes").stderr).toContain(`wiping, as wipeSharedDisk says: ${found}\n`);
      expect(made()).toHaveLength(1);
    });
  });
});
