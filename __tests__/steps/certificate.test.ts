import { X509Certificate } from "crypto";
import { parseSections } from "../../components/stepCommand";
import { Result, succeed, TestNode } from "../support/node";

// Keys take a second each, several times that on a machine that is busy.
jest.setTimeout(120_000);

let node: TestNode;
/** What a node has that made its keys before: for tests that are about something else, since each takes a second. */
let keys: string;
const start = async (): Promise<void> => {
  node = await TestNode.start();
  // Without what others hook on to the system's trust, which takes seconds too.
  node.check("mkdir -p /var/www/html && rm -rf /etc/smt-ha /etc/ca-certificates/update.d/*");
};
beforeAll(async () => {
  await start();
  subjects.forEach((subject) => authority(subject));
  request(authority());
  keys = node.check("tar -C / -c etc/smt-ha/ca etc/smt-ha/server | base64");
  await node.stop();
});
beforeEach(async () => {
  await start();
  node.check("base64 -d | tar -C / -x", keys);
});
afterEach(() => node.stop());

const day = 24 * 60 * 60 * 1000;
const inDays = (days: number): string => new Date(Date.now() + days * day).toISOString().slice(0, 10);

/** What a step that must succeed gives. */
const outputOf = (result: Result): string => succeed(result).stdout;
const permitted = { service: "smt.example.com", domain: "example.com", network: "192.0.2.10/24" };
const subjects = ["/O=Example/CN=Example SMT CA", "/O=Example/CN=Example SMT CA 2"];
const authority = (subject = subjects[0]): string =>
  outputOf(node.step("certificate/authority", { subject, days: "3650", ...permitted }));
const request = (root: string): string => outputOf(node.step("certificate/request", {}, { root }));
const names = { service: "smt.example.com", address: "192.0.2.10", domain: "example.com" };
const sign = (ca: string, requests: Record<string, string>, options: Record<string, string> = {}): Result =>
  node.step(
    "certificate/sign",
    { nodes: Object.keys(requests).join(" "), ...names, days: "730", renewal: inDays(400), ...options },
    { ca, ...Object.fromEntries(Object.entries(requests).map(([name, text]) => [`request.${name}`, text])) },
  );
const signed = (ca: string, csr: string, options: Record<string, string> = {}): string =>
  parseSections(outputOf(sign(ca, { node1: csr }, options))).node1;
const trust = (root: string, former: "keep" | "drop", role = "smt"): string =>
  node.step("certificate/trust", { role, former }, { root }).stderr;
const install = (certificate: string, root: string, key?: string): Result =>
  node.step("certificate/install", {}, { certificate, root, ...(key && { key }) });

/** Makes a key of a kind that takes no time, for what is not this project's own. */
const newKey = "-newkey ec -pkeyopt ec_paramgen_curve:prime256v1";
/** From now on, a CA that the node makes has such a key, for a test that is about something else. */
const quickAuthorities = (): void =>
  node.writeCommand(
    "/usr/local/sbin/openssl",
    `#!/bin/bash
[ "$*" != 'genrsa 3072' ] || set -- ecparam -genkey -noout -name prime256v1
exec /usr/bin/openssl "$@"
`,
  );
/** A key and a request that asks for names of its own. */
const foreignRequest = (): string =>
  node.check(
    `openssl req -new ${newKey} -nodes -keyout /root/foreign.key -subj /CN=evil.example.com -addext subjectAltName=DNS:evil.example.com,DNS:bank.example.com -addext basicConstraints=CA:TRUE`,
  );
const verify = (certificate: string, root: string, ...options: string[]): string => {
  node.write("/root/verify.crt", certificate);
  node.write("/root/verify.ca", root);
  return node
    .run(
      `openssl verify -no-CApath -no-CAstore -CAfile /root/verify.ca -purpose sslserver ${options.join(" ")} /root/verify.crt 2>&1`,
    )
    .stdout.trim();
};
const good = "/root/verify.crt: OK";

/** A stand-in for Apache, which this machine need not have: serves the pair that it finds when it starts or reloads. */
const startApache = (): void => {
  node.write(
    "/run/doubles/reload-apache2",
    `while pkill -f 'openssl s_serve[r]'; do sleep 0.1; done
     setsid openssl s_server -quiet -www -accept 443 -cert /etc/ssl/private/smt-ha.pem -key /etc/ssl/private/smt-ha.key </dev/null >/dev/null 2>&1 3>&- &
     for i in $(seq 100); do timeout 5 bash -c ': </dev/tcp/127.0.0.1/443' && exit 0; sleep 0.1; done 2>/dev/null
     exit 1`,
  );
  node.check("bash /run/doubles/reload-apache2 && mkdir -p /run/doubles/active && touch /run/doubles/active/apache2");
  node.calls();
};
/** What a client gets that verifies the name. */
const visit = (): { verified: boolean; fingerprint: string } => {
  const shown = node.run(
    "echo | openssl s_client -connect 127.0.0.1:443 -servername smt.example.com -verify_hostname smt.example.com -verify_return_error -CAfile /var/www/html/smt.crt -no-CApath -no-CAstore 2>&1",
  ).stdout;
  const [pem] = /-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/.exec(shown) ?? [""];
  return {
    verified: shown.includes("Verify return code: 0 (ok)"),
    fingerprint: pem && new X509Certificate(pem).fingerprint,
  };
};

describe("certificate/authority", () => {
  test("makes a root CA once, whose key is root's only", () => {
    node.check("rm -r /etc/smt-ha");
    const ca = authority();
    const certificate = new X509Certificate(ca);
    expect(certificate.subject).toBe("O=Example\nCN=Example SMT CA");
    expect(certificate.ca && certificate.verify(certificate.publicKey)).toBe(true);
    expect(Date.parse(certificate.validFrom)).toBeLessThan(Date.now() - day / 2);
    expect(Math.round((Date.parse(certificate.validTo) - Date.now()) / day)).toBe(3650);
    expect(node.check("stat -c '%a %U' /etc/smt-ha/ca /etc/smt-ha/ca/* /etc/smt-ha/ca/*/ca.key")).toBe(
      "700 root\n700 root\n600 root\n",
    );
    expect(authority()).toBe(ca);
  });

  test("another subject is another CA, and the former one is found again", () => {
    quickAuthorities();
    const [first, second] = [authority(), authority("/C=DE/O=Müller & Söhne (IT)/CN=SMT/emailAddress=a@example.com")];
    expect(new X509Certificate(second).subject).toBe("C=DE\nO=Müller & Söhne (IT)\nCN=SMT\nemailAddress=a@example.com");
    expect(authority()).toBe(first);
  });

  test("an interrupted run leaves no unfinished CA behind", () => {
    quickAuthorities();
    node.check("rm -r /etc/smt-ha && mkdir -p /etc/smt-ha/ca/new/issued && echo half >/etc/smt-ha/ca/new/ca.key");
    expect(new X509Certificate(authority()).ca).toBe(true);
    expect(node.check("ls /etc/smt-ha/ca | grep -cx new || true")).toBe("0\n");
  });

  describe("the administrator's", () => {
    const give = (certificate: string, key: string): Result =>
      node.step("certificate/authority", {}, { certificate, key });
    beforeEach(() => void node.check("rm -r /etc/smt-ha/ca"));
    const makeCa = (): { ca: string; key: string; root: string } => {
      const run = (command: string): string => node.check(`cd /root && ${command}`);
      run(
        "openssl req -x509 -newkey rsa:2048 -nodes -keyout root.key -out root.crt -days 3650 -subj '/CN=Corporate Root' 2>/dev/null",
      );
      run("openssl req -new -newkey rsa:2048 -nodes -keyout sub.key -out sub.csr -subj '/CN=Corporate Issuing' 2>&1");
      run("printf 'basicConstraints=critical,CA:TRUE' >sub.ext");
      run(
        "openssl x509 -req -in sub.csr -CA root.crt -CAkey root.key -CAcreateserial -days 3000 -extfile sub.ext -out sub.crt 2>&1",
      );
      const root = node.read("/root/root.crt");
      return { ca: node.read("/root/sub.crt") + root, key: node.read("/root/sub.key"), root };
    };

    test("signs, with the certificates above it", () => {
      const { ca, key, root } = makeCa();
      expect(outputOf(give(ca, key))).toBe(ca);
      const certificate = signed(ca, request(root));
      expect(new X509Certificate(certificate).issuer).toBe("CN=Corporate Issuing");
      const [issuing] = ca.split(/(?<=END CERTIFICATE-----\n)/);
      expect(outputOf(install(certificate + issuing, root))).toBe("");
      // SMT goes from the certificate to the root by what the system trusts, and offers the root alone.
      const hash = node.check("openssl x509 -noout -issuer_hash -in /etc/ssl/private/smt-ha.pem").trim();
      expect(node.read(`/etc/ssl/certs/${hash}.0`)).toBe(issuing);
      expect(node.read("/var/www/html/smt-ha.crt")).toBe(root);
      expect(install(certificate, root).stderr).toContain("unable to get local issuer certificate");
      expect(node.check("stat -c %a /etc/smt-ha/ca/*/ca.key")).toBe("600\n");

      node.check(
        `cd /root && openssl req -x509 ${newKey} -nodes -keyout own.key -out own.crt -days 9 -subj /CN=own 2>&1`,
      );
      const own = node.read("/root/own.crt");
      expect(install(own, own, node.read("/root/own.key")).stderr).toContain(
        "dropped /usr/local/share/ca-certificates/smt-ha.issuer-",
      );
      expect(node.run(`ls /etc/ssl/certs/${hash}.0`).code).not.toBe(0);
    });

    test("is refused with another key", () => {
      const { ca } = makeCa();
      const { code, stderr } = give(ca, node.read("/root/root.key"));
      expect(code).toBe(1);
      expect(stderr).toContain("cause: the CA's certificate and key do not belong together\n");
      expect(node.run("ls /etc/smt-ha/ca").stdout).toBe("");
    });
  });
});

describe("certificate/request", () => {
  test("makes a key once, trusts the CA and offers it to clients; the second time, nothing", () => {
    const root = authority();
    node.check("rm -r /etc/smt-ha/server");
    const csr = request(root);
    expect(node.check("stat -c %a /etc/smt-ha/server/node.key /var/www/html/smt.crt /var/www/html/smt-ha.crt")).toBe(
      "600\n644\n644\n",
    );
    expect(node.read("/var/www/html/smt.crt")).toBe(root);
    expect(node.read("/var/www/html/smt-ha.crt")).toBe(root);
    expect(node.check("openssl verify /var/www/html/smt.crt")).toBe("/var/www/html/smt.crt: OK\n");
    expect(node.step("certificate/request", {}, { root })).toEqual({ code: 0, stdout: csr, stderr: "" });
  });
});

describe("certificate/trust", () => {
  const trusted = (root: string): boolean => {
    node.write("/root/root.crt", root);
    const inLinks = node.run("openssl verify -no-CAfile /root/root.crt").code === 0;
    const inBundle = node.read("/etc/ssl/certs/ca-certificates.crt").includes(root);
    expect(inLinks).toBe(inBundle);
    return inLinks;
  };

  test("keeps the former CA until it is dropped, and offers clients what it trusts, the new one first", () => {
    const [first, second] = subjects.map((subject) => authority(subject));
    trust(first, "keep");
    trust(second, "keep");
    expect([first, second].map(trusted)).toEqual([true, true]);
    expect(node.read("/var/www/html/smt.crt")).toBe(second + first);
    expect(trust(second, "keep")).toBe("");

    expect(trust(second, "drop")).toContain("certificate/trust: dropped /usr/local/share/ca-certificates/smt-ha-");
    expect([first, second].map(trusted)).toEqual([false, true]);
    expect(node.read("/var/www/html/smt.crt")).toBe(second);
    expect(trust(second, "drop")).toBe("");
  });

  test("a director offers nothing", () => {
    trust(authority(), "keep", "director");
    expect(node.run("ls /var/www/html/smt.crt").code).not.toBe(0);
  });

  test("finishes a run that was interrupted between a file and the system's trust", () => {
    const [first, second] = subjects.map((subject) => authority(subject));
    trust(first, "keep");
    // As if killed in the middle of either.
    node.check(
      "printf 'exit 1' >/usr/local/sbin/update-ca-certificates && chmod 755 /usr/local/sbin/update-ca-certificates",
    );
    expect(node.step("certificate/trust", { role: "smt", former: "drop" }, { root: second }).code).toBe(1);
    expect(node.check("ls /usr/local/share/ca-certificates/smt-ha-* | wc -l")).toBe("1\n");
    node.check("rm /usr/local/sbin/update-ca-certificates");
    trust(second, "drop");
    expect([first, second].map(trusted)).toEqual([false, true]);
  });

  test("distinguishes two CAs of one name", () => {
    quickAuthorities();
    const first = authority();
    node.check("rm -r /etc/smt-ha/ca");
    const second = authority();
    trust(first, "keep");
    trust(second, "keep");
    expect([first, second].map(trusted)).toEqual([true, true]);
    const csr = request(second);
    expect(outputOf(install(signed(second, csr), second))).toBe("");
  });
});

describe("certificate/sign", () => {
  test("gives the service's names, not those that a request asks for", () => {
    const ca = authority();
    const certificates = parseSections(outputOf(sign(ca, { node1: request(ca), node2: foreignRequest() })));
    expect(Object.keys(certificates)).toEqual(["node1", "node2"]);
    for (const [name, pem] of Object.entries(certificates)) {
      const certificate = new X509Certificate(pem);
      expect(certificate.subject).toBe("CN=smt.example.com");
      expect(certificate.subjectAltName).toBe(`DNS:smt.example.com, DNS:${name}.example.com, IP Address:192.0.2.10`);
      expect(certificate.ca).toBe(false);
      expect(verify(pem, ca)).toBe(good);
      for (const host of ["smt.example.com", `${name}.example.com`]) {
        expect(verify(pem, ca, "-verify_hostname", host)).toBe(good);
      }
      expect(verify(pem, ca, "-verify_ip", "192.0.2.10")).toBe(good);
      expect(verify(pem, ca, "-verify_hostname", "evil.example.com")).toContain("hostname mismatch");
      expect(Math.round((Date.parse(certificate.validTo) - Date.now()) / day)).toBe(730);
    }
  });

  test("a new CA permits the service's names and network, and no others", () => {
    const ca = authority();
    const text = node.check("openssl x509 -noout -ext nameConstraints", ca);
    expect(
      text
        .trim()
        .split("\n")
        .map((line) => line.trim()),
    ).toEqual([
      "X509v3 Name Constraints:",
      "Permitted:",
      "DNS:example.com",
      "DNS:smt.example.com",
      "IP:192.0.2.0/255.255.255.0",
    ]);
    // What a thief of the key could sign.
    const forge = (names: string): string =>
      node.check(
        `cd /root && openssl req -new ${newKey} -nodes -keyout forged.key -subj /CN=forged -out forged.csr 2>/dev/null &&
         echo 'subjectAltName=${names}' >forged.ext && folder=$(dirname $(grep -lF "$(sed -n 5p verify.ca)" /etc/smt-ha/ca/*/ca.crt)) &&
         openssl x509 -req -in forged.csr -CA $folder/ca.crt -CAkey $folder/ca.key -days 3 -extfile forged.ext 2>/dev/null | tee forged.crt`,
      );
    // A list in the background is a shell of its own, which a signal ends without its server.
    const curl = (host: string): Result =>
      node.run(
        `cd /root || exit
         openssl s_server -quiet -www -accept 443 -cert forged.crt -key forged.key </dev/null >/dev/null 2>&1 &
         for i in $(seq 100); do timeout 5 bash -c ': </dev/tcp/127.0.0.1/443' && break; sleep 0.1; done 2>/dev/null
         curl -sS -o /dev/null --noproxy '*' --cacert /root/verify.ca --resolve ${host}:443:127.0.0.1 https://${host}/
         code=$?; kill $!; wait; exit $code`,
      );
    node.write("/root/verify.ca", ca);
    for (const [names, host] of [
      ["DNS:new.example.com", "new.example.com"],
      ["DNS:smt.example.com,IP:192.0.2.99", "smt.example.com"],
    ] as const) {
      expect(verify(forge(names), ca)).toBe(good);
      expect(curl(host)).toMatchObject({ code: 0, stderr: "" });
    }
    for (const host of ["bank.example.org", "node1", "notexample.com"]) {
      expect(verify(forge(`DNS:${host}`), ca)).toContain("permitted subtree violation");
      expect(curl(host).stderr).toContain("permitted subtree violation");
    }
    for (const address of ["198.51.100.1", "2001:db8::1"]) {
      expect(verify(forge(`IP:${address}`), ca)).toContain("permitted subtree violation");
    }
  });

  test.each<[string, Record<string, string>]>([
    ["another domain", { service: "mirror.example.org" }],
    ["another network", { address: "198.51.100.10" }],
  ])("refuses what the CA does not permit: %s; the certificate in use stays", (_, options) => {
    const ca = authority();
    const csr = request(ca);
    const certificate = signed(ca, csr);
    const { code, stderr } = sign(ca, { node1: csr }, options);
    expect(code).toBe(1);
    expect(stderr).toMatch(/cause: the CA does not permit a certificate for DNS:.*permitted subtree violation/);
    expect(stderr).toContain("or configure another CA, by caSubject or caCertificateFile\n");
    expect(signed(ca, csr)).toBe(certificate);
  });

  test("a CA from before, without constraints, stays and goes on signing what it has signed", () => {
    quickAuthorities();
    node.check("rm -r /etc/smt-ha/ca && sed -i 's/^[$]{3:+.*//' /usr/local/lib/smt-ha/lib/certificates.sh");
    const former = authority();
    const certificate = new X509Certificate(signed(former, request(former)));
    node.check("cp smt-ha-files-test/files/lib/certificates.sh /usr/local/lib/smt-ha/lib/");
    expect(authority()).toBe(former);
    expect(new X509Certificate(signed(former, request(former))).fingerprint).toBe(certificate.fingerprint);
    expect(certificate.subjectAltName).toContain("DNS:node1,");
  });

  test("a renamed service keeps its former names until they are dropped", () => {
    const ca = authority();
    const csr = request(ca);
    const namesOf = (pem: string): string | undefined => new X509Certificate(pem).subjectAltName;
    const renamed = signed(ca, csr, {
      service: "mirror.example.com",
      "former-names": "smt.example.com rmt.example.com",
    });
    expect(namesOf(renamed)).toBe(
      "DNS:mirror.example.com, DNS:smt.example.com, DNS:rmt.example.com, DNS:node1.example.com, IP Address:192.0.2.10",
    );
    expect(verify(renamed, ca, "-verify_hostname", "smt.example.com")).toBe(good);
    expect(namesOf(signed(ca, csr, { service: "mirror.example.com" }))).toBe(
      "DNS:mirror.example.com, DNS:node1.example.com, IP Address:192.0.2.10",
    );
  });

  test("serials are random, distinct and on record", () => {
    const ca = authority();
    const csr = request(ca);
    const serials = [390, 500, 729].map(
      (days) => new X509Certificate(signed(ca, csr, { days: String(days + 1), renewal: inDays(days) })).serialNumber,
    );
    expect(new Set(serials).size).toBe(3);
    expect(serials.map((serial) => serial.length > 24)).toEqual([true, true, true]);
    const own = new X509Certificate(ca).serialNumber;
    const record = node.check(`cut -f 4 $(grep -l ${own} /etc/smt-ha/ca/*/index.txt)`).split("\n").filter(Boolean);
    expect(record).toEqual([own, ...serials]);
  });

  test("a certificate stays the same until it is due", () => {
    const ca = authority();
    const requests = { node1: request(ca), node2: foreignRequest() };
    const first = outputOf(sign(ca, requests));
    expect(sign(ca, requests)).toEqual({ code: 0, stdout: first, stderr: "" });
    expect(sign(ca, requests, { renewal: inDays(729) })).toEqual({ code: 0, stdout: first, stderr: "" });

    const renewed = sign(ca, requests, { renewal: inDays(732), days: "1000" });
    expect(renewed.stderr).toBe(
      ["node1", "node2"].map((name) => `node1: certificate/sign: signing the certificate of ${name}\n`).join(""),
    );
    expect(renewed.stdout).not.toBe(first);
  });

  test("other names, another key or another CA make a new one, of the node that it is about", () => {
    const ca = authority();
    const requests = { node1: request(ca), node2: foreignRequest() };
    const first = parseSections(outputOf(sign(ca, requests)));
    const other = parseSections(outputOf(sign(ca, { ...requests, node2: foreignRequest() })));
    expect(other.node1).toBe(first.node1);
    expect(other.node2).not.toBe(first.node2);

    const renamed = new X509Certificate(signed(ca, requests.node1, { service: "mirror.example.com" }));
    expect(renamed.subject).toBe("CN=mirror.example.com");
    expect(new X509Certificate(signed(authority(subjects[1]), requests.node1)).issuer).toContain("SMT CA 2");
  });

  test("refuses a request that is not signed with its key", () => {
    const ca = authority();
    const body = Buffer.from(foreignRequest().replace(/-----.*\n?/g, ""), "base64");
    body[body.length - 1] ^= 1;
    const broken = `-----BEGIN CERTIFICATE REQUEST-----\n${body.toString("base64").replace(/(.{64})/g, "$1\n")}\n-----END CERTIFICATE REQUEST-----\n`;
    const { code, stdout, stderr } = sign(ca, { node2: broken });
    expect([code, stdout]).toEqual([1, ""]);
    expect(stderr).toContain("cause: the request of node2 is not signed with its own key\n");
    expect(node.run("ls /etc/smt-ha/ca/*/node2.crt").code).not.toBe(0);
  });

  test("refuses to sign beyond the end of the CA", () => {
    quickAuthorities();
    const ca = outputOf(node.step("certificate/authority", { subject: "/CN=Short", days: "729", ...permitted }));
    const { code, stderr } = sign(ca, { node1: request(ca) });
    expect(code).toBe(1);
    expect(stderr).toMatch(/cause: the CA expires on \w.* GMT, before a certificate of 730 days would\n/);
  });

  test("reports that the CA's key is elsewhere", () => {
    const ca = authority();
    const csr = request(ca);
    node.check("rm -r /etc/smt-ha/ca");
    const { code, stderr } = sign(ca, { node1: csr });
    expect(code).toBe(1);
    expect(stderr).toContain("cause: this node does not have the key of the CA that signs\n");
  });
});

describe("certificate/install", () => {
  const inUse = (): string => node.read("/etc/ssl/private/smt-ha.pem");
  const matches = (): boolean =>
    node.check("openssl x509 -noout -pubkey -in /etc/ssl/private/smt-ha.pem") ===
    node.check("openssl pkey -pubout -in /etc/ssl/private/smt-ha.key");

  test("puts a verified pair in place; the second time, nothing", () => {
    const ca = authority();
    const certificate = signed(ca, request(ca));
    expect(install(certificate, ca).stderr).toMatch(/^$/);
    expect(inUse()).toBe(certificate);
    expect(matches()).toBe(true);
    expect(node.check("stat -L -c %a /etc/ssl/private/smt-ha.key /etc/ssl/private/smt-ha.pem")).toBe("600\n644\n");
    expect(install(certificate, ca)).toEqual({ code: 0, stdout: "", stderr: "" });
    expect(node.calls()).toEqual([]);
  });

  test("Apache takes in a new certificate, once, and only if it is another", () => {
    const ca = authority();
    const csr = request(ca);
    succeed(install(signed(ca, csr), ca));
    startApache();
    const before = visit();
    expect(before.verified).toBe(true);
    succeed(install(signed(ca, csr), ca));
    expect(node.calls()).toEqual([]);

    const renewed = signed(ca, csr, { days: "1000", renewal: inDays(900) });
    succeed(install(renewed, ca));
    expect(node.calls()).toEqual(["systemctl reload apache2"]);
    expect(visit()).toEqual({ verified: true, fingerprint: new X509Certificate(renewed).fingerprint });
    expect(node.check("ls -d /etc/smt-ha/server/*/ | grep -vc current")).toBe("1\n");
  });

  test("an Apache that missed it, by a run that was interrupted before the reload, is reloaded the next time", () => {
    const ca = authority();
    const csr = request(ca);
    succeed(install(signed(ca, csr), ca));
    startApache();
    const renewed = signed(ca, csr, { days: "1000", renewal: inDays(900) });
    node.check("mv /run/doubles/reload-apache2 /run/reload && echo 'exit 1' >/run/doubles/reload-apache2");
    expect(install(renewed, ca).code).not.toBe(0);
    expect(inUse()).toBe(renewed);
    node.check("mv /run/reload /run/doubles/reload-apache2");
    succeed(install(renewed, ca));
    expect(visit().fingerprint).toBe(new X509Certificate(renewed).fingerprint);
  });

  test("clients go on while the CA changes", () => {
    const [first, second] = subjects.map((subject) => authority(subject));
    const csr = request(first);
    succeed(install(signed(first, csr), first));
    startApache();
    expect(request(second)).toBe(csr);
    expect(visit().verified).toBe(true);
    succeed(install(signed(second, csr), second));
    expect(visit().verified).toBe(true);
    trust(second, "drop");
    expect(visit().verified).toBe(true);
  });

  test("refuses a certificate of another key, of another CA or of another time, and keeps the pair in use", () => {
    const ca = authority();
    const csr = request(ca);
    const certificate = signed(ca, csr);
    succeed(install(certificate, ca));

    const foreign = parseSections(outputOf(sign(ca, { node2: foreignRequest() }))).node2;
    expect(install(foreign, ca).stderr).toContain(
      "cause: the certificate belongs to another key than this server's; the pair in use stays\n",
    );
    // Trusted by the system, but not the service's CA.
    const other = authority(subjects[1]);
    trust(other, "keep");
    expect(install(signed(other, csr), ca).stderr).toMatch(
      /cause: the certificate does not verify; the pair in use stays: .*unable to get local issuer certificate/,
    );
    // Signed by hand, to have ended yesterday.
    const [root, leaf] = ["/root/own.crt", "/root/ended.crt"];
    node.check(
      `cd /root && openssl req -x509 ${newKey} -nodes -keyout own.key -out ${root} -days 9 -subj /CN=own 2>/dev/null &&
       mkdir own && touch own/index && printf '[ca]\ndefault_ca=o\n[o]\ndatabase=own/index\nserial=own/serial\nnew_certs_dir=own\ncertificate=own.crt\nprivate_key=own.key\ndefault_md=sha256\npolicy=p\n[p]\ncommonName=supplied\n' >own.cnf &&
       cat >own.csr && openssl ca -batch -notext -config own.cnf -create_serial -startdate 20250101000000Z -enddate 20250201000000Z -in own.csr -out ${leaf} 2>&1`,
      csr,
    );
    expect(install(node.read(leaf), node.read(root)).stderr).toMatch(
      /cause: the certificate does not verify; the pair in use stays: .*certificate has expired/,
    );
    expect(inUse()).toBe(certificate);
    expect(matches()).toBe(true);
  });

  test("takes over a pair of others, and matches however far that gets", () => {
    node.check(
      `cd /etc/ssl/private && openssl req -x509 ${newKey} -nodes -keyout smt-ha.key -out smt-ha.pem -days 30 -subj /CN=before 2>&1`,
    );
    const before = inUse();
    const ca = authority();
    const certificate = signed(ca, request(ca));
    // Ends before every exchange of a name, one run after the other.
    node.writeCommand(
      "/usr/local/sbin/mv",
      `#!/bin/bash\ncount=$(cat /run/count 2>/dev/null || echo 0); [ $count -gt 0 ] || exit 1; echo $((count - 1)) >/run/count; exec /bin/mv "$@"`,
    );
    const seen: string[] = [];
    for (let done = false, allowed = 0; !done; allowed++) {
      node.write("/run/count", String(allowed));
      // From the same start each time.
      node.check("rm -rf /run/start && mkdir -p /run/start && cp -a /etc/ssl/private /etc/smt-ha/server /run/start");
      done = install(certificate, ca).code === 0;
      expect([allowed, matches()]).toEqual([allowed, true]);
      seen.push(inUse());
      if (!done) {
        node.check(
          "rm -rf /etc/ssl/private /etc/smt-ha/server && cp -a /run/start/private /etc/ssl/private && cp -a /run/start/server /etc/smt-ha/server",
        );
      }
    }
    expect(seen.length).toBeGreaterThan(5);
    expect(new Set(seen)).toEqual(new Set([before, certificate]));
  });

  test("the administrator's pair", () => {
    node.check(
      `cd /root && openssl req -x509 ${newKey} -nodes -keyout given.key -out given.crt -days 30 -subj /CN=smt.example.com -addext keyUsage=digitalSignature,keyCertSign 2>&1`,
    );
    const [certificate, key] = [node.read("/root/given.crt"), node.read("/root/given.key")];
    succeed(install(certificate, certificate, key));
    expect(node.read("/etc/ssl/private/smt-ha.key")).toBe(key);
    expect(node.check("stat -L -c %a /etc/ssl/private/smt-ha.key")).toBe("600\n");
    expect(node.run(`grep -rlF "$(sed -n 2p /root/given.key)" /var/log /dev/shm`).stdout).toBe("");
  });
});

test("no private key is shown, logged or readable by others", () => {
  const ca = authority();
  const csr = request(ca);
  const certificate = signed(ca, csr);
  succeed(install(certificate, ca));
  const keys = node.check("cat /etc/smt-ha/ca/*/ca.key /etc/smt-ha/server/node.key");
  const lines = keys.split("\n").filter((line) => line.length === 64);
  expect(lines.length).toBeGreaterThan(50);
  for (const line of [lines[5], lines[lines.length - 5]]) {
    expect(ca + csr + certificate).not.toContain(line);
    for (const file of node.filesWith(line)) {
      expect([file, node.check(`stat -c %a ${file}`)]).toEqual([file, "600\n"]);
    }
  }
});
