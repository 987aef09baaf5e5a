import { keys } from "../../config/keys";
import { files, load, problemsOf, withKeys } from "./fixtures";
import { pem, pkiFiles } from "./pki";

type FileKey = "caCertificateFile" | "caKeyFile" | "certificateFile" | "certificateKeyFile";

Object.assign(files, pkiFiles);

describe("the administrator's own", () => {
  test("CA, with the certificates above it", () => {
    expect(
      load(withKeys({ caCertificateFile: "/pki/chain", caKeyFile: "/pki/issuing.key" })).certificates.source,
    ).toEqual({
      kind: "suppliedAuthority",
      ca: files["/pki/chain"],
      key: pem("issuing.key"),
    });
  });

  test.each([
    ["/pki/server.crt", "/pki/chain"],
    ["~/smt-ca/server.crt", "/pki/chain"],
  ])("certificate %s, which servers send with every CA below the root", (certificateFile, caCertificateFile) => {
    const keys = { caCertificateFile, certificateFile, certificateKeyFile: "/pki/server.key" };
    expect(load(withKeys(keys)).certificates.source).toEqual({
      kind: "suppliedCertificate",
      certificate: pem("server.crt", "issuing.crt"),
      key: pem("server.key"),
      ca: pem("root.crt"),
    });
  });
});

/** Certificates that are refused: the keys, the one at fault, and the cause. */
const refused: Record<string, readonly [Record<string, string>, FileKey, string | RegExp]> = {
  "a CA without its key": [
    { caCertificateFile: "/pki/root.crt" },
    "caKeyFile",
    "must be set together with caCertificateFile",
  ],
  "a CA's key without its certificate": [
    { caKeyFile: "/pki/root.key" },
    "caCertificateFile",
    "must be set together with caKeyFile",
  ],
  "a certificate without its key": [
    { caCertificateFile: "/pki/chain", certificateFile: "/pki/server.crt" },
    "certificateKeyFile",
    "must be set together with caCertificateFile and certificateFile",
  ],
  "a CA that signs beside a certificate": [
    {
      caCertificateFile: "/pki/chain",
      caKeyFile: "/pki/issuing.key",
      certificateFile: "/pki/server.crt",
      certificateKeyFile: "/pki/server.key",
    },
    "caKeyFile",
    "must be empty with certificateFile, which no CA needs to sign",
  ],
  "a missing file": [
    { caCertificateFile: "/pki/none", caKeyFile: "/pki/root.key" },
    "caCertificateFile",
    "must name a readable file (ENOENT)",
  ],
  "a file of something else": [
    { caCertificateFile: "/keys/lab.pub", caKeyFile: "/pki/root.key" },
    "caCertificateFile",
    "must name a file of certificates in PEM",
  ],
  "a key with a passphrase": [
    { caCertificateFile: "/pki/root.crt", caKeyFile: "/pki/encrypted.key" },
    "caKeyFile",
    "must name a private key without a passphrase",
  ],
  "the key of another": [
    { caCertificateFile: "/pki/root.crt", caKeyFile: "/pki/other.key" },
    "caKeyFile",
    "must be the key of the first certificate in caCertificateFile",
  ],
  "a CA that is not one": [
    { caCertificateFile: "/pki/server.crt", caKeyFile: "/pki/server.key" },
    "caCertificateFile",
    "must end with a root CA: CN=server is none",
  ],
  "a chain without its root": [
    { caCertificateFile: "/pki/issuing.crt", caKeyFile: "/pki/issuing.key" },
    "caCertificateFile",
    "must end with a root CA: CN=issuing is none",
  ],
  "a chain in the wrong order": [
    { caCertificateFile: "/pki/turned", caKeyFile: "/pki/root.key" },
    "caCertificateFile",
    "must hold certificates in order, each signed by the next CA: CN=root is not signed by CN=issuing",
  ],
  ...Object.fromEntries(
    (
      [
        [
          "of another CA",
          "/pki/root.crt",
          "server",
          "must hold certificates in order, each signed by the next CA: CN=server is not signed by CN=root",
        ],
        [
          "of another service",
          "/pki/chain",
          "elsewhere",
          "must have smt.smt-ha.lab among its names (SAN), which are: DNS:www.example.com",
        ],
        ["of a client", "/pki/chain", "client", "must be a server's: its extended key usage has no serverAuth"],
        [
          "that has expired",
          "/pki/chain",
          "expired",
          /^must hold what is valid now: CN=expired is valid from .* GMT to .* GMT$/,
        ],
      ] as const
    ).map(([name, caCertificateFile, file, cause]) => [
      `a certificate ${name}`,
      [
        { caCertificateFile, certificateFile: `/pki/${file}.crt`, certificateKeyFile: `/pki/${file}.key` },
        "certificateFile",
        cause,
      ],
    ]),
  ),
};

describe("refuses", () => {
  test.each(Object.entries(refused))("%s", (_, [change, key, cause]) => {
    const problems = problemsOf(withKeys(change));
    expect(problems).toEqual([expect.stringContaining(`  smt-ha:${key} `)]);
    const [problem = ""] = problems;
    const [, foundCause] = /\n {4}cause: it (.*)\n/.exec(problem) ?? [];
    expect(foundCause).toEqual(typeof cause === "string" ? cause : expect.stringMatching(cause));
    const example = key === "caKeyFile" && change.certificateFile ? "''" : keys[key].example;
    expect(problem).toMatch(new RegExp(`\\n {4}fix: {3}pulumi config set ${key} ${example}$`));
    expect(problem).not.toContain("PRIVATE");
  });
});

test("a CA that signs beside a certificate's key alone", () => {
  const change = {
    caCertificateFile: "/pki/chain",
    caKeyFile: "/pki/issuing.key",
    certificateKeyFile: "/pki/server.key",
  };
  const problems = problemsOf(withKeys(change)).map((text) => text.split("\n").slice(0, 2).join(""));
  expect(problems).toEqual([
    '  smt-ha:caKeyFile is "/pki/issuing.key"    cause: it must be empty with certificateKeyFile, which no CA needs to sign',
    "  smt-ha:certificateFile is not set    cause: it must be set together with caCertificateFile and certificateKeyFile",
  ]);
});

test.each([
  ["domain", "Lab", "domain"],
  ["serviceName", "Lab", "serviceName"],
  ["formerServiceNames", ["Lab"], "formerServiceNames[0]"],
  ["caCertificateFile", "/pki/ch\nain", "caCertificateFile"],
])("where %s is refused, a certificate is not blamed for it", (key, value, refusedKey) => {
  const certificate = {
    caCertificateFile: "/pki/chain",
    certificateFile: "/pki/server.crt",
    certificateKeyFile: "/pki/server.key",
  };
  expect(problemsOf(withKeys({ ...certificate, [key]: value }))).toEqual([
    expect.stringContaining(`  smt-ha:${refusedKey} is `),
  ]);
});

test("the clock of the source decides what is valid", () => {
  const change = { caCertificateFile: "/pki/root.crt", caKeyFile: "/pki/root.key" };
  const now = new Date(Date.now() + 31 * 24 * 60 * 60 * 1000);
  expect(problemsOf(withKeys(change))).toEqual([]);
  expect(problemsOf(withKeys(change), { now })).toEqual([
    expect.stringContaining("\n    cause: it must hold what is valid now: CN=root is valid from "),
  ]);
});
