import { succeed, TestNode } from "../support/node";

let node: TestNode;
beforeEach(async () => {
  node = await TestNode.start();
});
afterEach(() => node.stop());

const wrote = (step: string, file: string): string => `node1: ${step}: wrote ${file}\n`;

describe("node/preflight", () => {
  const options = {
    role: "smt",
    name: "node1",
    address: "192.0.2.11",
    nic: "eth0",
    members: "node1 node2 node3",
  };

  test("passes a node that is what the configuration says, and changes nothing", () => {
    expect(node.step("node/preflight", options)).toEqual({
      code: 0,
      stdout: "",
      stderr: "node1: node/preflight: Debian GNU/Linux 12 on eth0 192.0.2.11\n",
    });
    expect(node.calls()).toEqual([]);
  });

  test("lists all that is wrong at once", () => {
    node.write("/etc/os-release", 'ID=ubuntu\nVERSION_ID="24.04"\nPRETTY_NAME="Ubuntu 24.04 LTS"\n');
    const { code, stderr } = node.step("node/preflight", {
      ...options,
      name: "node2",
      address: "192.0.2.1",
      nic: "eth1",
    });

    expect(code).toBe(1);
    expect(stderr).toBe(
      "smt-ha: node1: step node/preflight failed\n" +
        "  cause: the node is not what the configuration says:\n" +
        "         - it runs Ubuntu 24.04 LTS, not Debian GNU/Linux 12\n" +
        "         - its host name is node1, not node2\n" +
        "         - no interface eth1 with the address 192.0.2.1\n" +
        "  fix:   change the host, its template or the configuration, then run 'pulumi up' again\n" +
        "  log:   /var/log/smt-ha/node-preflight.log on node1\n",
    );
  });

  test.each([
    ["smt", "ocfs2 dlm"],
    ["director", "ip_vs"],
    ["smt director", "ocfs2 dlm ip_vs"],
  ])("names each module that a kernel lacks, for role %s: %s", (role, modules) => {
    for (const module of ["ocfs2", "dlm", "ip_vs"]) {
      node.write(`/run/doubles/lacks-module-${module}`, "");
    }
    const { code, stderr } = node.step("node/preflight", { ...options, role });
    expect(code).toBe(1);
    const named = [...stderr.matchAll(/has no module (\S+); the package linux-image-amd64 has/g)].map(
      ([, name]) => name,
    );
    expect(named.sort()).toEqual(modules.split(" ").sort());
  });

  describe("of a VM", () => {
    const vm = { ...options, prefix: "24", gateway: "192.0.2.1", dns: "192.0.2.5 192.0.2.6" };
    const problems = (changes: Record<string, string> = {}): string[] =>
      [...node.step("node/preflight", { ...vm, ...changes }).stderr.matchAll(/^ +- (.*); a VM gets it/gm)].map(
        ([, problem]) => problem,
      );
    beforeEach(() => {
      node.addDefaultRoute();
      node.write("/etc/resolv.conf", "search example.com\nnameserver 192.0.2.5\n nameserver 192.0.2.6\n");
    });

    test("passes the network that it was cloned with", () =>
      expect(node.step("node/preflight", vm)).toMatchObject({
        code: 0,
        stderr: "node1: node/preflight: Debian GNU/Linux 12 on eth0 192.0.2.11\n",
      }));

    test("refuses another prefix, gateway and name server, and says where to change them", () => {
      expect(problems({ prefix: "16", gateway: "192.0.2.10", dns: "192.0.2.5 192.0.2.50" })).toEqual([
        "its network prefix on eth0 has 24 bits, not 16",
        "its default gateway is 192.0.2.1, not 192.0.2.10",
        "it does not ask the name server 192.0.2.50, but 192.0.2.5 192.0.2.6",
      ]);
      expect(node.step("node/preflight", { ...vm, prefix: "16" }).stderr).toContain(
        "cloned: change it in /etc/network/interfaces or /etc/systemd/network, and /etc/resolv.conf\n",
      );
    });

    test("looks behind systemd-resolved", () => {
      node.write("/etc/resolv.conf", "nameserver 127.0.0.53\n");
      expect(problems()).toHaveLength(2);
      node.write("/run/systemd/resolve/resolv.conf", "nameserver 192.0.2.5\nnameserver 192.0.2.6\n");
      expect(problems()).toEqual([]);
    });

    test("without a default route and a name server", () => {
      node.check("ip route flush table main && rm /etc/resolv.conf");
      expect(problems()).toEqual([
        "its default gateway is not set, not 192.0.2.1",
        "it does not ask the name server 192.0.2.5, but none",
        "it does not ask the name server 192.0.2.6, but none",
      ]);
    });
  });

  test.each(["192.0.2.1", "192.0.2.111", "192.0.2.12"])("distinguishes %s from 192.0.2.11", (address) => {
    expect(node.step("node/preflight", { ...options, address }).stderr).toContain(
      `- no interface eth0 with the address ${address}\n`,
    );
  });
});

test("node/packages names the modules that the running kernel lacks once their packages are installed", () => {
  for (const name of ["dlm", "ocfs2"]) {
    node.write(`/run/doubles/lacks-module-${name}`, "");
  }
  // As if all packages were there.
  node.writeCommand("/usr/local/sbin/dpkg-query", "#!/bin/bash\nshift 3; printf 'ii %s\\n' \"$@\"\n");
  const { code, stderr } = node.step("node/packages", { role: "smt" });
  expect(code).toBe(1);
  expect(stderr).toMatch(
    /cause: the running kernel \S+ lacks modules, although their packages are installed: dlm ocfs2\n/,
  );
  expect(stderr).toContain("fix:   reboot this node");
  expect(node.step("node/packages", { role: "director" })).toEqual({ code: 0, stdout: "", stderr: "" });
});

describe("node/preflight, of a member of a cluster", () => {
  const options = { role: "smt", name: "node1", address: "192.0.2.11", nic: "eth0", members: "node1 node2" };
  const preflight = (state: string): string => {
    const nodes = ["node1", "node2", "node3"];
    node.write(
      "/etc/corosync/corosync.conf",
      "\tcluster_name: smtha\n" + nodes.map((name) => `\tnode {\n\t\tname: ${name}\n\t}\n`).join(""),
    );
    node.write("/run/doubles/active/pacemaker", "");
    node.write("/run/doubles/crm_mon", `  * Node node1: online:\n  * Node node2: online:\n  * Node node3${state}:\n`);
    return node.step("node/preflight", options).stderr;
  };

  test.each([": online", ": UNCLEAN (offline)", " (13): pending"])(
    "refuses to drop a node that the cluster knows as %s, and names the way out",
    (state) =>
      expect(preflight(state)).toContain(
        "- node3 is no longer configured, but still in the cluster: run 'smt-ha cluster/leave' on node3 first\n",
      ),
  );

  test.each([": OFFLINE", " (13): OFFLINE"])("lets one go that has left, %s", (state) =>
    expect(preflight(state)).toBe("node1: node/preflight: Debian GNU/Linux 12 on eth0 192.0.2.11\n"),
  );
});

describe("node/hosts", () => {
  const hosts = "192.0.2.11 node1.example.com node1\n192.0.2.12 node2.example.com node2\n";
  const block = `# smt-ha begin: written by smt-ha, changes are lost\n${hosts}# smt-ha end\n`;

  test("adds the nodes, removes what would send a node to itself, keeps the rest", () => {
    node.write(
      "/etc/hosts",
      "127.0.0.1 localhost\n127.0.1.1 node1.old node1\n# a note on node2\n192.0.2.99  printer printer2 # near node1\n198.51.100.1\tnode2\n::1 ip6-localhost\n",
    );
    const result = node.step("node/hosts", {}, { hosts });

    expect(result).toEqual({ code: 0, stdout: "", stderr: wrote("node/hosts", "/etc/hosts") });
    expect(node.read("/etc/hosts")).toBe(
      `127.0.0.1 localhost\n# a note on node2\n192.0.2.99  printer printer2 # near node1\n::1 ip6-localhost\n${block}`,
    );
    expect(node.check("stat -c %a /etc/hosts")).toBe("644\n");
  });

  test("a line of other names too keeps those: localhost above all", () => {
    node.write("/etc/hosts", "127.0.0.1 localhost node1 # of an installer\n127.0.1.1 node1.example.com node1\n");
    node.step("node/hosts", {}, { hosts });
    expect(node.read("/etc/hosts")).toBe(`127.0.0.1 localhost\n${block}`);
  });

  test("changes nothing the second time, and replaces its own lines when the nodes change", () => {
    node.step("node/hosts", {}, { hosts });
    expect(node.step("node/hosts", {}, { hosts })).toEqual({ code: 0, stdout: "", stderr: "" });

    const one = "192.0.2.21 node1.example.com node1\n";
    expect(node.step("node/hosts", {}, { hosts: one }).stderr).toBe(wrote("node/hosts", "/etc/hosts"));
    expect(node.read("/etc/hosts")).toBe(`127.0.0.1 localhost\n${block.replace(hosts, one)}`);
  });

  test("verifies that the names resolve", () => {
    node.write("/etc/nsswitch.conf", "hosts: db\n");
    const { code, stderr } = node.step("node/hosts", {}, { hosts });
    expect(code).toBe(1);
    expect(stderr).toContain("  cause: node1.example.com does not resolve to 192.0.2.11, but to: \n");
    expect(stderr).toContain("  fix:   let 'files' come first in the line 'hosts:' of /etc/nsswitch.conf\n");
  });
});

describe("node/packages", () => {
  const hold = "/etc/apt/apt.conf.d/90smt-ha";
  /** The platform's packages for a role. */
  const wanted = (role: string): string[] =>
    node
      .check(`SMT_HA=/usr/local/lib/smt-ha; . $SMT_HA/platform.sh; packages_of "${role}"`)
      .split(/\s+/)
      .filter(Boolean);
  const installed = (): string[] =>
    node.check("dpkg-query -W -f '${binary:Package} ${db:Status-Abbrev}\\n'").split("\n");
  const withoutPackages = (packages: readonly string[]): void =>
    void node.check(
      `awk -v names="${packages.join(" ")}" 'BEGIN { RS = ""; ORS = "\\n\\n"; split(names, list, " "); for (i in list) ours["Package: " list[i]] = 1 }
         { first = $0; sub(/\\n.*/, "", first) } !(first in ours)' /var/lib/dpkg/status >/run/status && cp /run/status /var/lib/dpkg/status`,
    );

  test("an SMT node that can balance has the packages of both roles", () => {
    const only = (role: string): string[] =>
      wanted(role).filter((name) => !wanted(role === "smt" ? "director" : "smt").includes(name));
    expect(wanted("smt director").sort()).toEqual([...wanted("smt"), ...only("director")].sort());
    expect(only("director")).toEqual(["ldirectord", "ipvsadm"]);
  });

  test.each(["smt", "director", "smt director"])(
    "installs what is missing of the role %s, once and without questions",
    (role) => {
      const packages = wanted(role);
      expect(packages).toEqual(expect.arrayContaining(["chrony", "open-iscsi", "parted"]));
      withoutPackages(packages);
      node.write("/run/doubles/archive", packages.join("\n") + "\n");

      expect(node.step("node/packages", { role })).toEqual({
        code: 0,
        stdout: "",
        stderr: wrote("node/packages", hold) + `node1: node/packages: installing ${packages.join(" ")}\n`,
      });
      expect(installed()).toEqual(expect.arrayContaining(packages.map((name) => `${name} ii `)));
      expect(node.calls()).toEqual([
        "apt-get -q update",
        `apt-get -q -y -o DPkg::Lock::Timeout=300 install --no-install-recommends ${packages.join(" ")}`,
      ]);

      expect(node.step("node/packages", { role })).toEqual({ code: 0, stdout: "", stderr: "" });
      expect(node.calls()).toEqual([]);
    },
  );

  test("installs only what is missing, also what was removed but for its configuration", () => {
    const packages = wanted("smt");
    withoutPackages(packages);
    node.write("/run/doubles/archive", packages.join("\n") + "\n");
    node.check("/usr/local/sbin/apt-get install " + packages.join(" "));
    node.check("sed -i '/^Package: parted$/ { n; s/.*/Status: deinstall ok config-files/ }' /var/lib/dpkg/status");
    node.calls();

    expect(node.step("node/packages", { role: "smt" }).stderr).toContain("installing parted\n");
    expect(node.calls()[1]).toMatch(/ --no-install-recommends parted$/);
  });

  test("waits while another program holds the lock of the lists", () => {
    const packages = wanted("smt");
    withoutPackages(packages);
    node.write("/run/doubles/archive", packages.join("\n") + "\n");
    node.write("/run/doubles/lists-locked", "once\n");
    expect(node.step("node/packages", { role: "smt" }).code).toBe(0);
    expect(node.calls().filter((call) => call.endsWith("update"))).toHaveLength(2);
  });

  test("unattended-upgrades leaves the cluster's packages alone and never reboots, whatever else is configured", () => {
    node.write(
      "/etc/apt/apt.conf.d/50unattended-upgrades",
      'Unattended-Upgrade::Package-Blacklist { "own"; };\nUnattended-Upgrade::Automatic-Reboot "true";\n',
    );
    node.write("/run/doubles/archive", [...wanted("smt"), ...wanted("director")].join("\n"));
    succeed(node.step("node/packages", { role: "smt" }));

    const settings = node.check("apt-config dump --format '%F=%v%n'").split("\n");
    expect(settings).toContain("Unattended-Upgrade::Automatic-Reboot=false");
    const held = settings.flatMap((line) => /^Unattended-Upgrade::Package-Blacklist::=(.*)/.exec(line)?.[1] ?? []);
    expect(held).toContain("own");
    // As unattended-upgrades does: by Python's re.match, whose start is the name's.
    const matches = (name: string): boolean => held.some((pattern) => new RegExp(`^(?:${pattern})`).test(name));
    // Neither a daemon of the service nor a part of one.
    const free = ["chrony", "nftables", "parted", "ca-certificates", "openssl", "smtpd", "linux-image-amd64"];
    const service = [...wanted("smt"), ...wanted("director"), "smt", "mariadb-server", "mariadb-server-core"];
    expect(service.filter((name) => !matches(name) && !free.includes(name))).toEqual([]);
    expect(free.filter(matches)).toEqual([]);
    for (const name of ["apache2-bin", "cluster-glue", "libapache2-mod-perl2", "pacemaker-cli-utils", "systemd-sysv"]) {
      expect([name, matches(name)]).toEqual([name, true]);
    }
    expect(node.step("node/packages", { role: "smt" }).stderr).toBe("");
  });

  test("names what could not be installed, and shows why in the log", () => {
    const packages = wanted("smt");
    withoutPackages(packages);
    node.write("/run/doubles/archive", "");
    const { code, stderr } = node.step("node/packages", { role: "smt" });

    expect(code).toBe(1);
    expect(stderr).toContain(`  cause: these packages could not be installed: ${packages.join(" ")}\n`);
    expect(stderr).toContain("  fix:   check the node's package sources and its network, then run 'pulumi up' again\n");
    expect(node.read("/var/log/smt-ha/node-packages.log")).toContain("E: Unable to locate package chrony");
  });
});

describe("node/time", () => {
  const config = "/etc/chrony/conf.d/smt-ha.conf";
  const step = (servers: string): ReturnType<TestNode["step"]> => node.step("node/time", { servers });

  test("follows the servers, now and at every boot; the second time, nothing", () => {
    expect(step("192.0.2.1 ntp.example.com")).toEqual({ code: 0, stdout: "", stderr: wrote("node/time", config) });
    expect(node.read(config)).toBe("server 192.0.2.1 iburst\nserver ntp.example.com iburst\n");
    expect(node.calls()).toEqual(["systemctl enable chrony", "systemctl restart chrony"]);

    expect(step("192.0.2.1 ntp.example.com")).toEqual({ code: 0, stdout: "", stderr: "" });
    expect(node.calls()).toEqual([]);
  });

  test("a change of servers, or a service that stands still, restarts it", () => {
    step("192.0.2.1");
    node.calls();
    step("192.0.2.9");
    expect(node.calls()).toEqual(["systemctl restart chrony"]);
    node.check("rm /run/doubles/active/chrony");
    expect(step("192.0.2.9")).toEqual({ code: 0, stdout: "", stderr: "" });
    expect(node.calls()).toEqual(["systemctl restart chrony"]);
  });

  test("restarts it also if a run before was killed when the file was there", () => {
    step("192.0.2.1");
    // Kills the step, which has called systemctl, which has called this.
    node.write("/run/doubles/start-chrony", "kill -9 $(ps -o ppid= -p $PPID)");
    expect(step("192.0.2.9").code).toBe(137);
    node.check("rm /run/doubles/start-chrony");
    node.calls();
    expect(step("192.0.2.9")).toEqual({ code: 0, stdout: "", stderr: "" });
    expect(node.calls()).toEqual(["systemctl restart chrony"]);
    step("192.0.2.9");
    expect(node.calls()).toEqual([]);
  });

  test("names the servers that give no time", () => {
    // Two minutes of waiting, made short on this node.
    node.check("sed -i 's/retry 120 /retry 1 /' /usr/local/lib/smt-ha/steps/node/time && touch /run/doubles/no-time");
    const { code, stderr } = step("192.0.2.1 192.0.2.9");
    expect(code).toBe(1);
    expect(stderr).toContain("  cause: the clock does not follow any of: 192.0.2.1 192.0.2.9\n");
    expect(stderr).toContain(
      "  fix:   let a time server answer to this node (UDP port 123), or name another in ntpServers\n",
    );
  });
});
