import type { Role } from "../../components/clusterNode";
import { directorSysctl, LvsDirector, lvsGroup } from "../../components/lvsDirector";
import { ldirectordConf, type LoadBalancing } from "../../components/ldirectordConf";
import { platforms } from "../../components/platform";
import { healthSettings, healthSite, RealServer, realServerSysctl } from "../../components/realServer";
import { guide } from "../support/balancing";
import { clusterNodes, haeCluster, marker, smtRoles } from "../support/clusterNodes";
import { record, Recording } from "../support/recorder";

const smtNodes = [1, 2].map((number) => ({ nodeName: `node${number}`, address: `192.0.2.1${number}` }));

const balance = (directors: number, balancing = guide, spare = false): Promise<Recording> =>
  record(() => {
    const nodes = clusterNodes([...smtRoles(2), ...Array<Role>(directors).fill("director")], { spare });
    const cluster = haeCluster(nodes);
    const service = { virtualIp: "192.0.2.10", nic: "eth0", balancing };
    const servers = nodes.filter((node) => node.role === "smt");
    const certificate = marker("certificate");
    const realServers = servers.map(
      (node, index) =>
        new RealServer(`${node.nodeName}-real-server`, {
          node,
          mount: { mountPoint: "/smt", ready: [marker(`mount-${index}`)] },
          database: { node, ready: [marker(`database-${index}`)] },
          peers: servers.filter((other) => other !== node).map(({ address }) => address),
          writesHealthPage: index === 0,
          serveAfter: [certificate],
          ...service,
        }),
    );
    new LvsDirector("load-balancer", {
      cluster,
      configureAfter: [...cluster.ready, certificate],
      directors: nodes.filter((node) => node.role === "director"),
      ...(spare ? { spares: servers, others: [] } : { others: servers }),
      realServers,
      prefixLength: 24,
      ...service,
    });
  });

describe("the component", () => {
  test("prepares the real servers and the director before the group, and verifies after it", async () => {
    const recording = await balance(1);
    expect(recording.find("LvsDirector load-balancer").type).toBe("smt-ha:balancer:LvsDirector");
    expect(recording.find("RealServer node1-real-server").type).toBe("smt-ha:balancer:RealServer");
    expect(recording.below("RealServer node1-real-server").sort()).toEqual([
      "Command node1-realserver-address",
      "Command node1-web-apache",
      "Command node1-web-health",
      "Command node1-web-health-page",
      "RandomPassword node1-real-server-health",
    ]);
    expect(recording.below("RealServer node2-real-server").sort()).toEqual([
      "Command node2-realserver-address",
      "Command node2-web-apache",
      "Command node2-web-health",
      "RandomPassword node2-real-server-health",
    ]);
    expect(recording.below("LvsDirector load-balancer")).toEqual([
      "Command node3-director-configure",
      "Command node3-cluster-configure-LVS",
      "Command node3-director-verify",
    ]);
    const after = (name: string): readonly string[] =>
      recording.find(`Command ${name}`).after.filter((id) => !/-(install|node-hosts|node-packages)$/.test(id));
    // Not after the real servers: the group starts while they get ready.
    expect(after("node3-cluster-configure-LVS")).toEqual([
      "Command certificate",
      "Command node1-cluster-configure-fencing",
      "Command node3-director-configure",
    ]);
    // Apache has its certificate before.
    expect(after("node2-web-apache")).toEqual([
      "Command certificate",
      "Command node2-realserver-address",
      "Command node2-web-health",
    ]);
    // The account is made in the database, beside the table that it may read.
    expect(after("node2-web-health")).toEqual(["Command database-1", "RandomPassword node2-real-server-health"]);
    // Early: a cluster with spares waits for it.
    expect(after("node1-realserver-address")).toEqual([]);
    expect(after("node1-web-health-page")).toEqual(["Command mount-0"]);
    // A running ldirectord asks each server that its file has.
    expect(after("node3-director-configure")).toEqual([
      "Command node1-realserver-address",
      "Command node2-realserver-address",
    ]);
    expect(after("node3-director-verify")).toEqual([
      "Command node1-web-apache",
      "Command node1-web-health-page",
      "Command node2-web-apache",
      "Command node3-cluster-configure-LVS",
    ]);
  });

  test("gives each step what it needs and nothing that would run it again needlessly", async () => {
    const recording = await balance(1);
    const step = (name: string): unknown => {
      const { create, stdin } = recording.find(`Command ${name}`).inputs;
      return { create, stdin };
    };
    expect(step("node2-realserver-address")).toEqual({
      create: "smt-ha realserver/address --address 192.0.2.10 --forwarding gate --nic eth0 --rev REV",
      stdin: `@@ sysctl\n${realServerSysctl("eth0", "gate")}`,
    });
    expect(step("node2-web-apache")).toEqual({
      create: "smt-ha web/apache --ports '443 80' --rev REV",
      stdin: `@@ health\n${healthSite("test.html")}`,
    });
    expect(step("node2-web-health")).toEqual({
      create: "smt-ha web/health --rev REV",
      stdin: {
        secret: `@@ settings\n${healthSettings({
          page: "/smt/health/test.html",
          request: "test.html",
          checkTimeout: 5,
          database: true,
          peers: ["192.0.2.11"],
          virtualIp: "192.0.2.10",
          nic: "eth0",
        })}@@ password\nnode2-real-server-health-hush\n`,
      },
    });
    expect(step("node1-web-health-page")).toEqual({
      create: "smt-ha web/health-page --mount /smt --file health/test.html --rev REV",
      stdin: "@@ page\nstill alive\n",
    });
    expect(step("node3-director-configure")).toEqual({
      create: "smt-ha director/configure --config /etc/ha.d/ldirectord.cf --address 192.0.2.10 --nic eth0 --rev REV",
      stdin: `@@ sysctl\n${directorSysctl}@@ ldirectord.cf\n${ldirectordConf("192.0.2.10", smtNodes, guide)}`,
    });
    expect(step("node3-director-verify")).toEqual({
      create:
        "smt-ha director/verify --address 192.0.2.10 --ports '443 80' --servers '192.0.2.11 192.0.2.12' " +
        "--config /etc/ha.d/ldirectord.cf --rev REV",
      stdin: undefined,
    });
  });

  test("a changed check interval changes the director's configuration step only", async () => {
    const inputs = ({ resources }: Recording): Map<string, string> =>
      new Map(resources.map((resource) => [resource.id, JSON.stringify(resource.inputs)]));
    const before = inputs(await balance(1));
    const after = inputs(await balance(1, { ...guide, checkInterval: 10 }));
    const changed = [...after.keys()].filter((id) => after.get(id) !== before.get(id));
    expect(changed).toEqual(["Command node3-director-configure"]);
  });

  test("every director gets the same configuration before the group", async () => {
    const recording = await balance(2);
    const [one, two] = ["node3", "node4"].map(
      (node) => recording.find(`Command ${node}-director-configure`).inputs.stdin,
    );
    expect(one).toBe(two);
    expect(recording.find("Command node3-cluster-configure-LVS").after).toEqual(
      expect.arrayContaining(["Command node3-director-configure", "Command node4-director-configure"]),
    );
    expect(recording.below("LvsDirector load-balancer")).toContain("Command node4-director-verify");
  });

  test("a spare is set up and verified like a director, and has the address on lo before the group may come to it", async () => {
    const recording = await balance(1, guide, true);
    expect(recording.below("LvsDirector load-balancer").sort()).toEqual(
      [
        "Command node3-cluster-configure-LVS",
        ...["node1", "node2", "node3"].flatMap((node) => [
          `Command ${node}-director-configure`,
          `Command ${node}-director-verify`,
        ]),
      ].sort(),
    );
    const inputs = (name: string): unknown => recording.find(`Command ${name}`).inputs;
    for (const step of ["director-configure", "director-verify"]) {
      const { create, stdin } = inputs(`node3-${step}`) as Record<string, unknown>;
      expect(inputs(`node1-${step}`)).toMatchObject({ create, ...(stdin !== undefined && { stdin }) });
    }
    const { after } = recording.find("Command node3-cluster-configure-LVS");
    for (const node of ["node1", "node2"]) {
      expect(after).toContain(`Command ${node}-director-configure`);
      expect(recording.find(`Command ${node}-director-configure`).after).toContain(
        `Command ${node}-realserver-address`,
      );
    }
    // The group still does not wait until the real servers answer.
    expect(after.filter((id) => /-web-/.test(id))).toEqual([]);
    expect(inputs("node3-cluster-configure-LVS")).toMatchObject({
      stdin: `@@ crm\n${lvsGroup(platforms.debian12, {
        virtualIp: "192.0.2.10",
        nic: "eth0",
        prefixLength: 24,
        forwarding: "gate",
        directors: ["node3"],
        spares: ["node1", "node2"],
        failback: false,
        others: [],
      })}`,
    });
  });
});

describe("ldirectord.cf", () => {
  test("has the guide's parameters", () => {
    expect(ldirectordConf("192.0.2.10", smtNodes, guide)).toMatchSnapshot();
  });

  test("has all others", () => {
    const other: LoadBalancing = {
      checkInterval: 3,
      checkTimeout: 2,
      failureCount: 1,
      autoReload: false,
      quiescent: true,
      scheduler: "rr",
      persistence: 600,
      forwarding: "ipip",
      request: "health/page.html",
      receive: "all well",
      fallback: "192.0.2.99",
    };
    expect(ldirectordConf("192.0.2.10", [...smtNodes, { address: "192.0.2.15" }], other)).toMatchSnapshot();
  });

  test("keeps to ldirectord's layout: options indented, a blank line between virtual services, no trailing space", () => {
    const lines = ldirectordConf("192.0.2.10", smtNodes, guide).split("\n");
    expect(lines.filter((line) => /\s$/.test(line))).toEqual([]);
    lines.forEach((line, index) => {
      if (line.startsWith("virtual = ")) {
        expect([line, lines[index - 1]]).toEqual([line, ""]);
        expect(lines[index + 1]).toMatch(/^\t\S/);
      }
    });
  });
});

describe("the group", () => {
  const args = {
    virtualIp: "192.0.2.10",
    nic: "eth0",
    prefixLength: 24,
    others: ["node1", "node2"],
    directors: ["node3", "node4"],
    spares: [],
    failback: false,
  };
  const group = ({ forwarding }: LoadBalancing): string => lvsGroup(platforms.debian12, { ...args, forwarding });
  const withSpares = (platform: "debian12" | "sles11", failback = false, spares = ["node1", "node2"]): string =>
    lvsGroup(platforms[platform], { ...args, forwarding: "gate", others: [], spares, failback });

  test("is kept on the directors and off every SMT node, with the guide's names", () => {
    expect(group(guide)).toMatchSnapshot();
  });

  test.each(["debian12", "sles11"] as const)(
    "with spares on %s: the directors first, then the SMT nodes in order",
    (on) => expect(withSpares(on).replace(/^(primitive|group).*\n/gm, "")).toMatchSnapshot(),
  );

  test("with spares, the running group's own text stays, so that it runs on", () => {
    const own = (text: string): string[] => text.split("\n").filter((line) => !line.startsWith("location "));
    expect(own(withSpares("debian12"))).toEqual(own(group(guide)));
  });

  describe.each([1, 2, 30])("with %s spares", (count) => {
    const spares = Array.from({ length: count }, (_, index) => `smt${index}`);
    /** Each node's score, and the group's stickiness while so many of its members run. */
    const scores = (text: string): Record<string, number> =>
      Object.fromEntries(
        [...text.matchAll(/^location .* (\d+): (\S+)$/gm)].map(([, score, node]) => [node, Number(score)]),
      );
    const stickiness = (text: string, members: number): number =>
      members * Number(/resource-stickiness=(\d+)/.exec(text)?.[1]);

    test.each([false, true])("a director comes first, the SMT nodes follow in order; failback: %s", (failback) => {
      const of = scores(withSpares("debian12", failback, spares));
      const ranked = [...new Set(Object.values(of))].sort((one, other) => other - one);
      expect(of.node3).toBe(of.node4);
      expect([of.node3, ...spares.map((node) => of[node])]).toEqual(ranked);
      expect(ranked.at(-1)).toBeGreaterThan(0);
    });

    test("the group stays where it is, also while only the address runs", () => {
      const text = withSpares("debian12", false, spares);
      const of = Object.values(scores(text));
      expect(Math.max(...of) - Math.min(...of)).toBeLessThan(stickiness(text, 1));
    });

    test("with failback, it returns to a director, and moves for nothing else", () => {
      const text = withSpares("debian12", true, spares);
      const of = scores(text);
      expect(of.node3 - (of[spares[0]] ?? 0)).toBeGreaterThan(stickiness(text, 2));
      expect((of[spares[0]] ?? 0) - (of[spares.at(-1) ?? ""] ?? 0)).toBeLessThan(stickiness(text, 1));
    });
  });

  test("with failback, a director that can't hold the address gets it once in an hour, not every two minutes", () => {
    const expires = (text: string): string | undefined => /failure-timeout=(\d+)/.exec(text)?.[1];
    expect(expires(withSpares("debian12", true))).toBe("3600");
    expect(expires(withSpares("debian12", false))).toBe("120");
    expect(lvsGroup(platforms.debian12, { ...args, forwarding: "gate", failback: true })).toBe(group(guide));
  });

  test.each(["ipip", "masq"] as const)("asks for no loopback support with %s", (forwarding) => {
    expect(group({ ...guide, forwarding })).not.toContain("lvs_support");
  });
});

describe("kernel settings", () => {
  test("a director forwards", () => {
    expect(directorSysctl).toMatchSnapshot();
  });

  test.each(["gate", "ipip", "masq"] as const)("a real server's with %s", (forwarding) => {
    expect(realServerSysctl("ens192", forwarding)).toMatchSnapshot();
  });

  test("a real server's on an interface with a dot in its name", () => {
    expect(realServerSysctl("eth0.100", "gate")).toContain("\nnet.ipv4.conf.eth0/100.arp_ignore = 1\n");
  });
});

test("the health page is a script with the node's settings", () => {
  expect(
    healthSettings({
      page: "/smt/health/test.html",
      request: "test.html",
      checkTimeout: 5,
      database: true,
      peers: ["192.0.2.12", "192.0.2.13"],
      virtualIp: "192.0.2.10",
      nic: "eth0",
    }),
  ).toMatchSnapshot();
  expect(healthSite("test.html")).toMatchSnapshot();
});
