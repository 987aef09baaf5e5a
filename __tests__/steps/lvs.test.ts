import { ldirectordConf } from "../../components/ldirectordConf";
import { directorSysctl } from "../../components/lvsDirector";
import { realServerSysctl } from "../../components/realServer";
import { commandLine } from "../../components/stepCommand";
import { guide } from "../support/balancing";
import { answer, sick, startPage } from "../support/healthPage";
import { succeed, TestNode } from "../support/node";

let node: TestNode;
beforeEach(async () => {
  node = await TestNode.start();
});
afterEach(() => node.stop());

describe("realserver/address", () => {
  const unit = "/etc/systemd/system/smt-ha-realserver.service";
  const give = (address: string, forwarding: "gate" | "masq"): string => {
    const inputs = { sysctl: realServerSysctl("eth0", forwarding) };
    return succeed(node.step("realserver/address", { address, forwarding, nic: "eth0" }, inputs)).stderr;
  };
  const addressesOn = (nic: string): string[] =>
    node.check(`ip -o -4 address show dev ${nic} scope global | awk '{ print $4 }'`).split("\n").filter(Boolean);
  const addresses = (): string[] => addressesOn("lo");
  const settings = (): string[] =>
    node.check("cd /proc/sys/net/ipv4/conf && cat {all,eth0}/arp_{ignore,announce}").split("\n").filter(Boolean);

  test("sets ARP and the address, now and at boot; the second time, nothing", () => {
    expect(give("192.0.2.10", "gate")).toBe(
      ["/etc/sysctl.d/90-smt-ha-realserver.conf", unit]
        .map((file) => `node1: realserver/address: wrote ${file}\n`)
        .join(""),
    );
    expect(addresses()).toEqual(["192.0.2.10/32"]);
    expect(settings()).toEqual(["1", "2", "1", "2"]);
    expect(node.read(unit)).toContain("ExecStart=/sbin/ip address replace 192.0.2.10/32 dev lo label lo:0\n");
    // Later, the cluster may have taken it off.
    expect(node.read(unit)).toContain("\nBefore=pacemaker.service\n");
    expect(node.check("readlink /etc/systemd/system/multi-user.target.wants/smt-ha-realserver.service").trim()).toBe(
      unit,
    );
    expect(give("192.0.2.10", "gate")).toBe("");
    expect(addresses()).toEqual(["192.0.2.10/32"]);
  });

  test("sets ARP on an interface with a dot in its name, such as a VLAN's", () => {
    node.check("ip link add eth0.100 type bridge");
    const inputs = { sysctl: realServerSysctl("eth0.100", "gate") };
    succeed(node.step("realserver/address", { address: "192.0.2.10", forwarding: "gate", nic: "eth0.100" }, inputs));
    expect(node.check("cat /proc/sys/net/ipv4/conf/eth0.100/arp_{ignore,announce}")).toBe("1\n2\n");
  });

  test("takes an address that is no longer the service's off lo", () => {
    give("192.0.2.10", "gate");
    expect(give("192.0.2.20", "gate")).toContain("removing 192.0.2.10/32 from lo\n");
    expect(addresses()).toEqual(["192.0.2.20/32"]);
  });

  describe("while the node balances", () => {
    /** What IPaddr2 does with lvs_support when it starts, and when it stops. */
    const take = (): string =>
      node.check("ip address del 192.0.2.10/32 dev lo && ip address add 192.0.2.10/24 dev eth0");
    const leave = (): string =>
      node.check("ip address del 192.0.2.10/24 dev eth0 && ip address add 192.0.2.10/32 brd 255.255.255.255 dev lo");

    test("leaves the address to the cluster, and what the cluster puts back as it is", () => {
      give("192.0.2.10", "gate");
      take();
      expect(give("192.0.2.10", "gate")).toBe("");
      expect([addressesOn("eth0"), addresses()]).toEqual([["192.0.2.11/24", "192.0.2.10/24"], []]);
      expect(settings()).toEqual(["1", "2", "1", "2"]);
      leave();
      expect(give("192.0.2.10", "gate")).toBe("");
      expect([addressesOn("eth0"), addresses()]).toEqual([["192.0.2.11/24"], ["192.0.2.10/32"]]);
    });

    test("sets up the next boot, if it was not there before", () => {
      node.check("ip address add 192.0.2.10/24 dev eth0");
      expect(give("192.0.2.10", "gate")).toContain(`wrote ${unit}\n`);
      expect(addresses()).toEqual([]);
    });

    test("takes a former address off lo that the cluster has put back", () => {
      give("192.0.2.10", "gate");
      take();
      leave();
      expect(give("192.0.2.20", "gate")).toContain("removing 192.0.2.10/32 from lo\n");
      expect(addresses()).toEqual(["192.0.2.20/32"]);
    });

    // IPaddr2 before 3.9.4 does not find it there.
    test("lets the address be on lo too", () => {
      give("192.0.2.10", "gate");
      node.check("ip address add 192.0.2.10/24 dev eth0");
      expect(give("192.0.2.10", "gate")).toBe("");
      expect([addressesOn("eth0"), addresses()]).toEqual([["192.0.2.11/24", "192.0.2.10/24"], ["192.0.2.10/32"]]);
    });
  });

  test("does not replace an address that is there, since an old kernel would refuse", () => {
    give("192.0.2.10", "gate");
    node.check("mv /sbin/ip /sbin/ip.real");
    node.writeCommand(
      "/sbin/ip",
      `#!/bin/sh\ncase "$*" in *" replace "*) echo "RTNETLINK answers: File exists" >&2; exit 2 ;; esac\nexec /sbin/ip.real "$@"\n`,
    );
    expect(give("192.0.2.10", "gate")).toBe("");
    expect(addresses()).toEqual(["192.0.2.10/32"]);
  });

  test("with masq, nothing is left of it", () => {
    give("192.0.2.10", "gate");
    give("192.0.2.10", "masq");
    expect(addresses()).toEqual([]);
    expect(settings()).toEqual(["0", "0", "0", "0"]);
    expect(node.run(`ls ${unit}`).code).not.toBe(0);
  });
});

/** The kernel's settings of IPVS are files in /run/doubles: the test's machine need not have IPVS. */
const ipvsSettingsInDoubles = (): string =>
  node.check("sed -i 's|=/proc/sys/net/ipv4/vs$|=/run/doubles|' /usr/local/lib/smt-ha/lib/ipvs.sh");

describe("director/configure on an SMT node", () => {
  const config = "/etc/ha.d/ldirectord.cf";
  const text = ldirectordConf("192.0.2.10", [{ address: "192.0.2.11" }, { address: "192.0.2.12" }], guide);
  const connections = "/etc/systemd/system/smt-ha-connections.service";
  const configure = (nic = "eth0"): string => {
    const inputs = { sysctl: directorSysctl, "ldirectord.cf": text };
    return succeed(node.step("director/configure", { config, address: "192.0.2.10", nic }, inputs)).stderr;
  };
  beforeEach(() => {
    // ldirectord, asked for its status while it does not run.
    node.writeCommand("/usr/local/sbin/ldirectord", '#!/bin/sh\n[ "$2" = status ] && exit 3\n');
    node.check("mkdir -p /etc/ha.d");
    // As its package leaves it.
    node.write("/run/doubles/enabled/ldirectord", "");
  });

  test("lets it forward, and leaves the start of ldirectord to the cluster; the second time, nothing", () => {
    expect(configure()).toBe(
      ["/etc/sysctl.d/90-smt-ha-director.conf", connections, config]
        .map((file) => `node1: director/configure: wrote ${file}\n`)
        .join(""),
    );
    expect(node.check("cat /proc/sys/net/ipv4/ip_forward").trim()).toBe("1");
    expect(node.read(config)).toBe(text);
    expect(node.run("ls /run/doubles/enabled/ldirectord").code).not.toBe(0);
    node.calls();
    expect(configure()).toBe("");
    expect(node.calls()).toEqual([]);
  });

  test("shares the connections of the node that balances, now and at every boot, also by another interface", () => {
    const daemons = (): string => node.read("/run/doubles/ipvs-daemons").replace(/ maxlen.*/g, "");
    const by = (nic: string): string =>
      `master sync daemon (mcast=${nic}, syncid=10,\nbackup sync daemon (mcast=${nic}, syncid=10,\n`;
    configure();
    expect(daemons()).toBe(by("eth0"));
    for (const role of ["master", "backup"]) {
      expect(node.read(connections)).toContain(
        `ExecStart=/sbin/ipvsadm --start-daemon ${role} --mcast-interface eth0 --syncid 10\n`,
      );
    }
    // A master without an address refuses to start.
    expect(node.read(connections)).toContain("After=systemd-sysctl.service network-online.target\n");
    configure("eth1");
    expect(daemons()).toBe(by("eth1"));
  });

  test("lets clients go from a drained server, also where the table has been there before the update", () => {
    ipvsSettingsInDoubles();
    node.write("/run/doubles/expire_quiescent_template", "0\n");
    configure();
    expect(node.read("/run/doubles/expire_quiescent_template")).toBe("1\n");
  });

  test("makes a running cluster look again that has found no ldirectord here before", () => {
    node.write("/run/doubles/active/pacemaker", "");
    node.write("/run/doubles/not-installed", "Director\n");
    expect(configure()).toContain("letting the cluster look for ldirectord again\n");
    expect(node.calls()).toContain("crm resource cleanup Director node1");
    expect(configure()).toBe("");
    expect(node.calls()).toEqual([]);
  });
});

test("web/health-page writes nothing where the shared file system is not mounted", () => {
  const { code, stderr } = node.step(
    "web/health-page",
    { mount: "/smt", file: "health/test.html" },
    { page: "still alive" },
  );
  expect(code).toBe(1);
  expect(stderr).toContain("cause: the shared file system is not mounted on /smt\n");
  expect(node.run("ls -d /smt").code).not.toBe(0);
});

describe("director/verify", () => {
  const options = {
    address: "192.0.2.10",
    ports: "443 80",
    servers: "192.0.2.11 192.0.2.12",
    config: "/etc/ldirectord.cf",
  };
  beforeEach(() => node.write("/etc/ldirectord.cf", "checkinterval = 20\n"));
  const real = (port: number, server: string, weight = 1): string =>
    `-a -t 192.0.2.10:${port} -r 192.0.2.${server}:${port} -g -w ${weight}\n`;
  const virtual = (port: number): string => `-A -t 192.0.2.10:${port} -s wlc\n`;
  const complete = virtual(80) + real(80, "11") + real(80, "12") + virtual(443) + real(443, "11") + real(443, "12");
  const place = (on: string, table: string): void => {
    node.write("/run/doubles/lvs-on", on);
    node.write("/run/doubles/ipvs", table);
  };
  /** The step runs until a change, and then passes. */
  const waitsUntil = async (change: () => void): Promise<void> => {
    const step = node.start(commandLine("director/verify", options, "1a2b3c4d"));
    step.stdin?.end();
    const ended = new Promise((resolve) => step.once("exit", resolve));
    await new Promise((resolve) => setTimeout(resolve, 2500));
    expect(step.exitCode).toBeNull();
    change();
    expect(await ended).toBe(0);
  };

  test("passes the director that has the address and the whole table, with any other entries", () => {
    node.check("ip address add 192.0.2.10/24 dev eth0");
    place("node1", `${complete}-A -t 192.0.2.77:25 -s rr\n-a -t 192.0.2.77:25 -r 192.0.2.1:25 -m -w 0\n`);
    expect(node.step("director/verify", options)).toEqual({
      code: 0,
      stdout: "node1\n",
      stderr: "node1: director/verify: node1 holds 192.0.2.10\n",
    });
  });

  test("passes a real server that balances in place of a director, and is one of its own servers", () => {
    succeed(
      node.step(
        "realserver/address",
        { address: "192.0.2.10", forwarding: "gate", nic: "eth0" },
        { sysctl: realServerSysctl("eth0", "gate") },
      ),
    );
    node.check("ip address del 192.0.2.10/32 dev lo && ip address add 192.0.2.10/24 dev eth0");
    place("node1", complete);
    expect(node.step("director/verify", options).stdout).toBe("node1\n");
  });

  test("passes a director that waits, with an empty table", () => {
    place("node4", "");
    expect(node.step("director/verify", options).stderr).toBe("node1: director/verify: node4 holds 192.0.2.10\n");
  });

  test.each([
    ["a real server is missing", complete.replace(real(443, "12"), "")],
    ["a real server has weight 0", complete.replace(real(80, "11"), real(80, "11", 0))],
    ["a virtual service is missing", virtual(80) + real(80, "11") + real(80, "12")],
    ["a real server is one too many", complete + real(80, "15")],
  ])("waits while %s", async (_, table) => {
    node.check("ip address add 192.0.2.10/24 dev eth0");
    place("node1", table);
    await waitsUntil(() => place("node1", complete));
  });

  test("waits while a real server that is to balance has the address on lo only", async () => {
    node.check("ip address add 192.0.2.10/32 dev lo label lo:0");
    place("node1", complete);
    await waitsUntil(() => node.check("ip address add 192.0.2.10/24 dev eth0"));
  });

  test("waits while a director that does not balance still has entries", async () => {
    place("node4", complete);
    await waitsUntil(() => place("node4", ""));
  });
});

describe("the resource agent table", () => {
  const file = "/etc/ha.d/ldirectord.cf";
  const agent = (action: string): string =>
    node.check(`OCF_RESKEY_config=${file} bash /usr/lib/ocf/resource.d/smt-ha/table ${action} 2>&1; echo $?`);
  const table = (): string[] => node.run("cat /run/doubles/ipvs").stdout.split("\n").filter(Boolean);
  const servers = (port: number, ...numbers: string[]): string[] => [
    ...numbers.map((server) => `-a -t 192.0.2.10:${port} -r 192.0.2.${server}:${port} -g -w 1`),
  ];
  const virtual = (port: number): string => `-A -t 192.0.2.10:${port} -s wlc`;
  const mail = "-A -t 192.0.2.77:25 -s rr";

  let peer: TestNode;
  beforeEach(async () => {
    peer = await TestNode.start({ name: "node2", address: "192.0.2.12" });
    node.connect(peer);
    node.check("mkdir -p /etc/ha.d");
    node.write(file, ldirectordConf("192.0.2.10", [{ address: "192.0.2.11" }, { address: "192.0.2.12" }], guide));
    node.write("/run/doubles/ipvs", `${mail}\n`);
    startPage(node);
    startPage(peer);
    // A new link can lose its first packets, which would be a silent server's second.
    node.check("until curl -s -o /dev/null http://192.0.2.12/; do sleep 0.1; done");
  });
  afterEach(() => peer.stop());

  test("fills the table with the healthy servers, and empties it at the end", () => {
    expect(agent("monitor")).toBe("7\n");
    expect(agent("start")).toBe("0\n");
    const full = [...servers(443, "11", "12"), ...servers(80, "11", "12")];
    // On a busy machine, the second server may need longer than a start waits for it.
    for (let again = 0; again < 20 && table().length < full.length + 3; again++) {
      expect(agent("stop") + agent("start")).toBe("0\n0\n");
    }
    expect(table()).toEqual([mail, virtual(443), virtual(80), ...full]);
    expect(agent("monitor")).toBe("0\n");
    // A restart by the cluster, which may not know that it runs: the clients keep the table.
    node.check("ip address add 192.0.2.10/24 dev eth0");
    expect(agent("stop") + agent("start")).toBe("0\n0\n");
    expect(table()).toEqual([mail, virtual(443), virtual(80), ...full]);
    node.check("ip address del 192.0.2.10/24 dev eth0 && ip address add 192.0.2.10/32 dev lo");
    expect(agent("stop")).toBe("0\n");
    expect(table()).toEqual([mail]);
    expect(agent("monitor")).toBe("7\n");
  });

  test("waits for the first healthy server, not for one that is silent", () => {
    const seconds = (): number => {
      const start = Date.now();
      expect(agent("start") + agent("stop")).toBe("0\n0\n");
      return Date.now() - start;
    };
    peer.check("pkill -STOP -f /root/server");
    const one = seconds();
    node.check("pkill -STOP -f /root/server");
    expect(one).toBeLessThan(seconds());
  });

  test("takes each server that has not refused where it hears of none in time", () => {
    answer(peer, sick);
    node.check("pkill -STOP -f /root/server");
    expect(agent("start")).toBe("0\n");
    expect(table()).toEqual([mail, virtual(443), virtual(80), ...servers(443, "11"), ...servers(80, "11")]);
  });

  test("does so also where its wait takes longer than the questions, as on a busy node", () => {
    answer(peer, sick);
    node.check("pkill -STOP -f /root/server");
    node.check("sed -i 's/exec @ARGV'\\'' 5 bash/exec @ARGV'\\'' 2 bash/' /usr/local/lib/smt-ha/lib/balancer.sh");
    expect(node.read("/usr/local/lib/smt-ha/lib/balancer.sh")).toContain("' 2 bash");
    expect(agent("start")).toBe("0\n");
    expect(table()).toEqual([mail, virtual(443), virtual(80), ...servers(443, "11"), ...servers(80, "11")]);
  });

  test.each<[string, () => void]>([
    ["is sick", () => answer(peer, sick)],
    ["is silent", () => peer.check("pkill -STOP -f /root/server")],
    ["is gone", () => peer.check("ip link set eth0 down")],
  ])("leaves a server out that %s", (_, make) => {
    make();
    const start = Date.now();
    expect(agent("start")).toBe("0\n");
    expect(Date.now() - start).toBeLessThan(8000);
    expect(table()).toEqual([mail, virtual(443), virtual(80), ...servers(443, "11"), ...servers(80, "11")]);
  });

  test("lets a client go from a server that gets no new connections, as far as the kernel can", () => {
    ipvsSettingsInDoubles();
    node.write("/run/doubles/expire_quiescent_template", "0\n");
    agent("start");
    expect(node.read("/run/doubles/expire_quiescent_template")).toBe("1\n");
    expect(node.run("ls /run/doubles/conn_reuse_mode").code).not.toBe(0);
    node.write("/run/doubles/conn_reuse_mode", "1\n");
    agent("start");
    expect(node.read("/run/doubles/conn_reuse_mode")).toBe("3\n");
  });

  test("keeps a client with its server from the start on, where the configuration says so", () => {
    const balancing = { ...guide, persistence: 600 };
    node.write(file, ldirectordConf("192.0.2.10", [{ address: "192.0.2.11" }], balancing));
    agent("start");
    const persistent = [443, 80].map((port) => `${virtual(port)} -p 600`);
    expect(table()).toEqual([mail, ...persistent, ...servers(443, "11"), ...servers(80, "11")]);
  });

  test("leaves a table alone that ldirectord has made, and one that it has not made", () => {
    node.write("/run/doubles/ipvs", `${virtual(80)}\n`);
    expect(agent("start")).toBe("0\n");
    expect(table()).toEqual([virtual(80)]);
    // As the cluster asks on a node where it has never run.
    node.check("rm /run/smt-ha-table");
    expect(agent("stop")).toBe("0\n");
    expect(table()).toEqual([virtual(80)]);
  });

  test("starts and stops where ldirectord's configuration is gone: a failure of a stop fences the node", () => {
    expect(agent("start")).toBe("0\n");
    node.check(`rm ${file}`);
    expect(agent("stop")).toMatch(/(^|\n)0\n$/);
    expect(agent("start")).toMatch(/(^|\n)0\n$/);
  });

  test("a start that can't fill the table succeeds, so that the address comes", () => {
    node.write("/usr/local/sbin/ipvsadm", "#!/bin/bash\n[ $1 = -Sn ]\n");
    expect(agent("start")).toMatch(/^the table stays incomplete.*\n0\n$/);
  });
});
