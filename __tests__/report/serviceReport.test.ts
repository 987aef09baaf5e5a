import { Unreachable, WrongAnswer } from "../../report/serviceCheck";
import { type ReportedNode, type ServiceFacts, describeService } from "../../report/serviceReport";

const service = jest.fn<Promise<Date | undefined>, [scheme: string, facts: unknown]>();
const server = jest.fn<Promise<void>, [address: string, page: unknown]>();
const port = jest.fn<Promise<void>, [address: string, port: number]>();
jest.mock("../../report/serviceCheck", () => ({
  ...jest.requireActual<typeof import("../../report/serviceCheck")>("../../report/serviceCheck"),
  checkService: (...asked: [string, unknown]) => service(...asked),
  checkServer: (...asked: [string, unknown]) => server(...asked),
  checkPort: (...asked: [string, number]) => port(...asked),
}));

const node = (name: string, role: ReportedNode["role"], address: string): ReportedNode => ({
  name,
  role,
  address,
  sshPort: 22,
  managed: true,
});
const facts: ServiceFacts = {
  serviceName: "smt.example.com",
  virtualIp: "192.0.2.10",
  trusted: "PEM",
  request: "test.html",
  receive: "still alive",
  nodes: [
    node("node1", "smt", "192.0.2.11"),
    node("node2", "smt", "192.0.2.12"),
    node("node3", "director", "192.0.2.13"),
  ],
  certificateDays: 730,
  activeDirector: "node3",
  mountPoint: "/smt",
  repositories: ["SLES11-SP1-Pool sle-11-x86_64", "Own"],
  mirroring: "mirrored",
};
const warn = jest.fn<void, [string]>();
const warnings = (): string[] => warn.mock.calls.map(([cause]) => cause);
/** A node's row. */
const row = (report: string, name: string): string | undefined => new RegExp(`^${name} +(.*)$`, "m").exec(report)?.[1];

const certificateEnds = (days: number): void => {
  const ends = new Date(Date.now() + (days * 24 + 1) * 60 * 60 * 1000);
  service.mockImplementation((scheme) => Promise.resolve(scheme === "https" ? ends : undefined));
};
/** The node at this address fails these checks. */
const fail = (address: string, { ssh, health }: { ssh?: Error; health?: Error }): void => {
  port.mockImplementation((asked) => (ssh && asked === address ? Promise.reject(ssh) : Promise.resolve()));
  server.mockImplementation((asked) => (health && asked === address ? Promise.reject(health) : Promise.resolve()));
};
const off = { ssh: new Unreachable("no answer within 10 s"), health: new Unreachable("no route") };
beforeEach(() => {
  jest.clearAllMocks();
  service.mockImplementation((scheme) =>
    Promise.resolve(scheme === "https" ? new Date("2028-11-23T12:00:00Z") : undefined),
  );
  fail("", {});
});

test("reads like a report: what it sees now, then what only steps have seen", async () => {
  expect(await describeService(facts, false, warn)).toMatchInlineSnapshot(`
    "service       smt.example.com on 192.0.2.10
    http          answers
    https         answers; its certificate ends on 2028-11-23
    node1         smt: healthy
    node2         smt: healthy
    node3         director: is on
    clients       trust http://smt.example.com/smt.crt and register with smt.example.com

    as of its last change, not verified now:
    balanced      http and https, by node3 to node1, node2
    shared files  /smt on node1, node2
    repositories  2 listed on node1, node2; mirrored
                  SLES11-SP1-Pool sle-11-x86_64
                  Own"
  `);
  expect(service.mock.calls.map(([scheme]) => scheme)).toEqual(["http", "https"]);
  expect(server.mock.calls.map(([address]) => address)).toEqual(["192.0.2.11", "192.0.2.12"]);
  expect(port.mock.calls).toEqual(["192.0.2.11", "192.0.2.12", "192.0.2.13"].map((address) => [address, 22]));
  expect(warnings()).toEqual([]);
});

test("says if an SMT node balances in place of a director", async () => {
  const report = await describeService({ ...facts, activeDirector: "node1" }, false, warn);
  expect(row(report, "balanced")).toBe("http and https, by node1, in place of a director, to node1, node2");
});

describe("the certificate's end", () => {
  test.each([
    // The same program that has just renewed a short one must not warn of it.
    [730, 60, 59],
    [90, 45, 44],
    [2, 1, 0],
    [undefined, 60, 59],
  ])("of %s days: is far with %s days left, and near with %s", async (certificateDays, far, near) => {
    certificateEnds(far);
    await describeService({ ...facts, certificateDays }, false, warn);
    expect(warnings()).toEqual([]);
    certificateEnds(near);
    await describeService({ ...facts, certificateDays }, false, warn);
    expect(warnings()).toEqual([
      expect.stringMatching(
        new RegExp(
          `^the server certificate ends in ${near} days; .*${certificateDays ? "pulumi up to renew" : "certificateFile"}`,
        ),
      ),
    ]);
  });
});

describe("the service", () => {
  test("that can't be reached from here is a warning, with the cause", async () => {
    service.mockRejectedValue(new Unreachable("no route"));
    const report = await describeService(facts, false, warn);
    expect(row(report, "http")).toBe("not verified from here: no route");
    expect(row(report, "https")).toBe("not verified from here: no route");
    expect(warnings()).toEqual(["no route", "no route"]);
  });

  test("that answers wrongly is an error, but not in a preview", async () => {
    service.mockRejectedValue(new WrongAnswer("status 503"));
    await expect(describeService(facts, false, warn)).rejects.toThrow("status 503");
    expect(row(await describeService(facts, true, warn), "http")).toBe("not verified from here: status 503");
  });
});

describe("a node", () => {
  test("that is off is named, with the way back", async () => {
    fail("192.0.2.12", off);
    const report = await describeService(facts, false, warn);
    expect(row(report, "node2")).toBe("smt: does not answer from here");
    expect(row(report, "node1")).toBe("smt: healthy");
    expect(warnings()).toEqual([
      "node2 (192.0.2.12) does not answer from here (SSH, port 22: no answer within 10 s)\n" +
        "  fix:   power it on; if it is lost: pulumi refresh --target '**VirtualMachine::node2', then pulumi up " +
        '("Re-create a lost node" in docs/operations/changing-a-stack.md)',
    ]);
  });

  test("director that is off is named too", async () => {
    fail("192.0.2.13", off);
    expect(row(await describeService(facts, false, warn), "node3")).toBe("director: does not answer from here");
    expect(warnings()).toEqual([expect.stringMatching(/^node3 .*\n.*VirtualMachine::node3/)]);
  });

  test.each([
    ["the first SMT node, whose CA comes back first", facts.nodes],
    ["an existing host", facts.nodes.map((one) => ({ ...one, managed: false }))],
  ])("gets no command that would be wrong: %s", async (_, nodes) => {
    fail("192.0.2.11", off);
    await describeService({ ...facts, nodes }, false, warn);
    expect(warnings()).toEqual([expect.stringMatching(/^node1 .*\n.*if it is lost: "Re-create a lost node" in docs/)]);
  });

  test("that is not healthy is named with its causes, and is no error: the service works without it", async () => {
    fail("192.0.2.12", {
      health: new WrongAnswer("http://192.0.2.12/test.html answers with status 503: /smt is not mounted"),
    });
    const report = await describeService(facts, false, warn);
    expect(row(report, "node2")).toMatch(/^smt: not healthy: .* \/smt is not mounted$/);
    expect(warnings()).toEqual([expect.stringMatching(/^node2 is not healthy: .* \/smt is not mounted$/)]);
  });

  test("whose page can't be reached from here is not called healthy", async () => {
    fail("192.0.2.12", { health: off.health });
    const report = await describeService(facts, false, warn);
    expect(row(report, "node2")).toBe("smt: is on; its health is not verified from here: no route");
    expect(warnings()).toEqual(["no route"]);
  });

  test("that answers clients but not SSH is on", async () => {
    fail("192.0.2.12", { ssh: off.ssh });
    const report = await describeService(facts, false, warn);
    expect(row(report, "node2")).toBe("smt: healthy; SSH does not answer from here");
    expect(warnings()).toEqual([
      "node2 (192.0.2.12) does not answer by SSH from here (port 22): no answer within 10 s",
    ]);
  });
});
