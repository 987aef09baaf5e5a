import { CertificateAuthority, CertificateSource, renewalDate } from "../../components/certificateAuthority";
import { parseSections } from "../../components/stepCommand";
import { clusterNodes } from "../support/clusterNodes";
import { pem, record, Recording, valueOf } from "../support/recorder";

const own: CertificateSource = { kind: "generated", subject: "/O=Example/CN=Example SMT CA" };

interface Certified extends Recording {
  readonly caCertificate: string;
}
const certify = async (
  source: CertificateSource = own,
  {
    now = new Date("2026-11-24T12:00:00Z"),
    results = {},
    formerNames = [],
  }: { now?: Date; results?: Record<string, string>; formerNames?: readonly string[] } = {},
): Promise<Certified> => {
  let ca: Promise<string> | undefined;
  const recording = await record(
    () => {
      const nodes = clusterNodes(["smt", "smt", "director"], {
        service: { name: "smt.example.com", address: "192.0.2.10" },
      });
      ca = valueOf(
        new CertificateAuthority("certificates", {
          smtNodes: nodes.slice(0, 2),
          directors: nodes.slice(2),
          serviceName: "smt.example.com",
          formerNames,
          virtualIp: "192.0.2.10",
          prefixLength: 24,
          domain: "example.com",
          source,
          days: 730,
          now,
        }).caCertificate,
      );
    },
    { results },
  );
  return { ...recording, caCertificate: await (ca as Promise<string>) };
};
const steps = (recording: Recording, node: string): string[] =>
  recording
    .below("CertificateAuthority certificates")
    .filter((id) => id.startsWith(`Command ${node}-`))
    .map((id) => id.replace(`Command ${node}-certificate-`, ""));
/** Everything that comes before a resource, at however many removes. */
const before = (recording: Recording, id: string): Set<string> => {
  const found = new Set<string>();
  const visit = (other: string): void =>
    recording.find(other).after.forEach((earlier) => {
      if (!found.has(earlier)) {
        found.add(earlier);
        visit(earlier);
      }
    });
  visit(id);
  return found;
};
const step = (recording: Recording, name: string): unknown => {
  const { create, stdin } = recording.find(`Command ${name}`).inputs;
  return { create, stdin };
};
const inputs = ({ resources }: Recording): Map<string, string> =>
  new Map(resources.map((resource) => [resource.id, JSON.stringify(resource.inputs)]));
const changed = (one: Recording, other: Recording): string[] => {
  const earlier = inputs(one);
  return [...inputs(other)].flatMap(([id, text]) => (earlier.get(id) === text ? [] : [id]));
};

describe("a CA of its own", () => {
  test("is on the first SMT node; requests and certificates pass between the nodes", async () => {
    const recording = await certify();
    expect(recording.find("CertificateAuthority certificates").type).toBe("smt-ha:certificates:CertificateAuthority");
    expect(steps(recording, "node1")).toEqual(["authority", "request", "sign", "install", "trust-drop"]);
    expect(steps(recording, "node2")).toEqual(["request", "install", "trust-drop"]);
    expect(steps(recording, "node3")).toEqual(["trust-keep", "trust-drop"]);

    expect(step(recording, "node1-certificate-authority")).toEqual({
      create:
        "smt-ha certificate/authority --subject '/O=Example/CN=Example SMT CA' --days 3650 --service smt.example.com --domain example.com --network 192.0.2.10/24 --rev REV",
      stdin: undefined,
    });
    const csr = "-----BEGIN CERTIFICATE REQUEST-----\nAAAA\n-----END CERTIFICATE REQUEST-----\n";
    expect(step(recording, "node1-certificate-sign")).toEqual({
      create:
        "smt-ha certificate/sign --nodes 'node1 node2' --service smt.example.com --address 192.0.2.10 " +
        "--domain example.com --days 730 --renewal 2027-12-18 --rev REV",
      stdin: `@@ ca\n${pem("root")}@@ request.node1\n${csr}@@ request.node2\n${csr}`,
    });
    expect(step(recording, "node2-certificate-install")).toEqual({
      create: "smt-ha certificate/install --rev REV",
      stdin: `@@ certificate\n${pem("node2")}@@ root\n${pem("root")}`,
    });
    expect(step(recording, "node3-certificate-trust-keep")).toEqual({
      create: "smt-ha certificate/trust --role director --former keep --rev REV",
      stdin: `@@ root\n${pem("root")}`,
    });
    expect(recording.caCertificate).toBe(pem("root"));
  });

  test("signs for the service's former names too", async () => {
    const recording = await certify(own, { formerNames: ["mirror.example.com", "rmt.example.com"] });
    expect(step(recording, "node1-certificate-sign")).toMatchObject({
      create: expect.stringContaining(" --former-names 'mirror.example.com rmt.example.com' ") as unknown,
    });
  });

  test("every node trusts it before any server switches to it, and all have switched before the former is dropped", async () => {
    const recording = await certify();
    const trusting = [
      "Command node1-certificate-request",
      "Command node2-certificate-request",
      "Command node3-certificate-trust-keep",
    ];
    const switching = ["node1", "node2"].map((node) => `Command ${node}-certificate-install`);
    for (const id of switching) {
      expect([...before(recording, id)]).toEqual(expect.arrayContaining(trusting));
    }
    for (const node of ["node1", "node2", "node3"]) {
      expect([...before(recording, `Command ${node}-certificate-trust-drop`)]).toEqual(
        expect.arrayContaining(switching),
      );
    }
  });

  test("a CA of another subject changes its own steps only", async () => {
    const other: CertificateSource = { kind: "generated", subject: "/CN=Another CA" };
    const results = {
      "-certificate-authority": pem("another"),
      "-certificate-sign": `@@ node1\n${pem("a1")}@@ node2\n${pem("a2")}`,
    };
    const [one, two] = [await certify(), await certify(other, { results })];
    expect(changed(one, two).sort()).toEqual(two.below("CertificateAuthority certificates").sort());
  });

  test("the renewal changes the signing and, with it, the servers that get another certificate", async () => {
    const results = { "-certificate-sign": `@@ node1\n${pem("node1")}@@ node2\n${pem("renewed")}` };
    const [one, two] = [await certify(), await certify(own, { now: new Date("2027-11-24T12:00:00Z"), results })];
    expect(changed(one, two)).toEqual(["Command node1-certificate-sign", "Command node2-certificate-install"]);
  });

  test("nothing changes between renewals", async () => {
    const [one, two] = [await certify(), await certify(own, { now: new Date("2026-12-12T23:59:59Z") })];
    expect(changed(one, two)).toEqual([]);
  });
});

test("the administrator's CA: its key is a secret, its certificates are none", async () => {
  const bundle = pem("issuing") + pem("corporate root");
  const recording = await certify(
    { kind: "suppliedAuthority", ca: bundle, key: "key-hush\n" },
    { results: { "-certificate-authority": bundle } },
  );
  expect(step(recording, "node1-certificate-authority")).toEqual({
    create: "smt-ha certificate/authority --rev REV",
    stdin: { secret: `@@ certificate\n${bundle}@@ key\nkey-hush\n` },
  });
  // Below the root, a server shows what is between.
  expect(step(recording, "node1-certificate-install")).toEqual({
    create: "smt-ha certificate/install --rev REV",
    stdin: `@@ certificate\n${pem("node1")}${pem("issuing")}@@ root\n${pem("corporate root")}`,
  });
  expect(recording.caCertificate).toBe(pem("corporate root"));
});

test("the administrator's certificate goes to every server as it is", async () => {
  const recording = await certify({
    kind: "suppliedCertificate",
    certificate: pem("given") + pem("issuing"),
    key: "key-hush\n",
    ca: pem("corporate root"),
  });
  expect(steps(recording, "node1")).toEqual(["trust-keep", "install", "trust-drop"]);
  expect(steps(recording, "node3")).toEqual(["trust-keep", "trust-drop"]);
  expect(step(recording, "node2-certificate-install")).toEqual({
    create: "smt-ha certificate/install --rev REV",
    stdin: {
      secret: `@@ certificate\n${pem("given")}${pem("issuing")}@@ key\nkey-hush\n@@ root\n${pem("corporate root")}`,
    },
  });
  expect([...before(recording, "Command node1-certificate-install")]).toEqual(
    expect.arrayContaining(["node1", "node2", "node3"].map((node) => `Command ${node}-certificate-trust-keep`)),
  );
});

describe("the date of renewal", () => {
  const day = 24 * 60 * 60 * 1000;
  test.each([2, 3, 90, 365, 730, 1825])("of %d days: once in a period, and no certificate ends before it", (days) => {
    const start = Date.parse("2026-01-01T12:00:00Z");
    // One up a period, each as late as can be, for ten periods: at each, what the last one left is still valid.
    let ends = 0;
    let last = "";
    let renewals = 0;
    const due: string[] = [];
    for (let now = start; now < start + 5 * days * day; now += day) {
      const date = renewalDate(new Date(now), days);
      if (date !== last) {
        expect(ends === 0 || ends >= now).toBe(true);
        renewals += ends < Date.parse(date) ? 1 : 0;
        ends = ends < Date.parse(date) ? now + days * day : ends;
        last = date;
      }
      if (ends < Date.parse(date)) {
        due.push(new Date(now).toISOString());
      }
    }
    // What was signed in a period is not due in it.
    expect(due).toEqual([]);
    const periods = (5 * days) / Math.floor(days / 2);
    expect(Math.abs(renewals - periods)).toBeLessThanOrEqual(1.5);
  });
});

test("sections are taken apart again, also when the last newline was lost", () => {
  expect(parseSections("@@ node1\na\nb\n@@ node2\nc")).toEqual({ node1: "a\nb\n", node2: "c\n" });
  expect(parseSections("")).toEqual({});
});
