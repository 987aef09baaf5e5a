import { Unreachable, WrongAnswer } from "../../report/serviceCheck";
import { ServiceFacts, describeService } from "../../report/serviceReport";

const check = jest.fn<Promise<Date | undefined>, [string, unknown]>();
jest.mock("../../report/serviceCheck", () => ({
  ...jest.requireActual<typeof import("../../report/serviceCheck")>("../../report/serviceCheck"),
  checkService: (...asked: [string, unknown]) => check(...asked),
}));

const facts: ServiceFacts = {
  serviceName: "smt.example.com",
  virtualIp: "192.0.2.10",
  trusted: "PEM",
  request: "test.html",
  receive: "still alive",
  activeDirector: "node3",
  smtNodes: ["node1", "node2"],
  mountPoint: "/smt",
  repositories: ["SLES11-SP1-Pool sle-11-x86_64", "Own"],
  mirroring: "mirrored",
};
const warn = jest.fn();
beforeEach(() => {
  jest.clearAllMocks();
  check.mockImplementation((scheme) =>
    Promise.resolve(scheme === "https" ? new Date("2028-11-23T12:00:00Z") : undefined),
  );
});

test("reads like a report", async () => {
  expect(await describeService(facts, false, warn)).toMatchInlineSnapshot(`
   "service       smt.example.com on 192.0.2.10
   balanced      http and https, by node3 to node1, node2
   http          answers
   https         answers; its certificate ends on 2028-11-23
   shared files  /smt on node1, node2
   database      each SMT node has what the others write: node1, node2
   repositories  2 listed on node1, node2; mirrored
                 SLES11-SP1-Pool sle-11-x86_64
                 Own
   clients       trust http://smt.example.com/smt.crt and register with smt.example.com"
  `);
  expect(check.mock.calls.map(([scheme]) => scheme)).toEqual(["http", "https"]);
  expect(warn).not.toHaveBeenCalled();
});

test("warns from 60 days before the certificate ends", async () => {
  const inDays = (days: number): Date => new Date(Date.now() + (days * 24 + 1) * 60 * 60 * 1000);
  check.mockImplementation((scheme) => Promise.resolve(scheme === "https" ? inDays(60) : undefined));
  await describeService(facts, false, warn);
  expect(warn).not.toHaveBeenCalled();
  check.mockImplementation((scheme) => Promise.resolve(scheme === "https" ? inDays(59) : undefined));
  await describeService(facts, false, warn);
  expect(warn.mock.calls).toEqual([[expect.stringMatching(/^the server certificate ends in 59 days; .* pulumi up/)]]);
});

test("says what could not be verified from here, and why", async () => {
  check.mockRejectedValue(new Unreachable("no route"));
  const report = await describeService(facts, false, warn);
  expect(report).toMatch(/^http +not verified: no route$/m);
  expect(report).toMatch(/^https +not verified: no route$/m);
  expect(warn.mock.calls).toEqual([["no route"], ["no route"]]);
});

test("is refused where the service answers wrongly, but not in a preview", async () => {
  check.mockRejectedValue(new WrongAnswer("status 503"));
  await expect(describeService(facts, false, warn)).rejects.toThrow("status 503");
  expect(await describeService(facts, true, warn)).toMatch(/^http +not verified: status 503$/m);
});
