import { X509Certificate } from "crypto";
import * as fs from "fs";
import * as path from "path";
import {
  UnknownValueError,
  type ResourceValidationArgs,
  type ResourceValidationPolicy,
  type StackValidationPolicy,
} from "@pulumi/policy";
import { keys } from "../config/keys";
import type { Key } from "../config/rules";

const day = 24 * 60 * 60 * 1000;
/** More days than these must be left of every certificate, after an `up` and until the next one at the latest. */
const leastDays = 30;

const machine = "vsphere:index/virtualMachine:VirtualMachine";
const command = "command:remote:Command";
const copy = "command:remote:CopyToRemote";

/** How a violation is fixed: a line of its own, like those of the program. */
const violation = (cause: string, fix: string): string => `${cause}\n  fix:   ${fix}`;

const protectMachines: ResourceValidationPolicy = {
  name: "protect-machines",
  description: "Pulumi refuses to delete a machine.",
  enforcementLevel: "mandatory",
  validateResource: ({ type, name, opts }, report) => {
    if (type === machine && !opts.protect) {
      report(violation(`Pulumi may delete ${name}, also to replace it.`, "pulumi config set protectMachines true"));
    }
  },
};

const wipeNothing: ResourceValidationPolicy = {
  name: "wipe-nothing",
  description: "No step may overwrite or take over what the shared disk holds.",
  enforcementLevel: "mandatory",
  validateResource: ({ type, name, props }, report) => {
    if (type !== command || !/-(disk-partition|ocfs-format)$/.test(name)) {
      return;
    }
    for (const [option, key] of [
      ["wipe", "wipeSharedDisk"],
      ["adopt", "adoptSharedDisk"],
    ] as const) {
      if (String(props.create).includes(` --${option} yes `)) {
        report(violation(`${name} may ${option} a disk that holds data of others.`, `pulumi config rm ${key}`));
      }
    }
  },
};

const verifyHostKeys: ResourceValidationPolicy = {
  name: "verify-host-keys",
  description: "No connection accepts the key that a host shows first.",
  enforcementLevel: "mandatory",
  validateResource: ({ type, name, props }, report) => {
    const connection = type === command || type === copy ? connectionOf(props) : undefined;
    if (connection && !("hostKey" in connection)) {
      report(
        violation(
          `${name} accepts whatever key its host shows.`,
          "set sshHostKey of each node, then: pulumi config set requireHostKeys true",
        ),
      );
    }
  },
};

const fence: StackValidationPolicy = {
  name: "fence",
  description: "A cluster fences its nodes, before it shares a disk.",
  enforcementLevel: "mandatory",
  validateStack: ({ resources }, report) => {
    const commands = resources.filter(({ type }) => type === command);
    const member = commands.find(({ name }) => name.endsWith("-cluster-join"));
    const parts = commands.filter(({ name }) => name.includes("-cluster-configure-"));
    const texts = parts.map(({ props }) => String(props.stdin)).join("\n");
    const fences = /^primitive \S+ stonith:/m.test(texts) && /\bstonith-enabled="?true\b/.test(texts);
    if (member && (!fences || /\bstonith-enabled="?false\b/.test(texts))) {
      report(
        violation(
          "The cluster has no fencing: two nodes may write to the shared disk at the same time.",
          "let HaeCluster configure it",
        ),
        member.urn,
      );
    }
  },
};

const certificateLifetime: ResourceValidationPolicy = {
  name: "certificate-lifetime",
  description: `Every certificate is valid for more than ${leastDays} days.`,
  enforcementLevel: "mandatory",
  validateResource: ({ type, name, props }, report) => {
    if (type === command && name.endsWith("-certificate-sign")) {
      const days = Number(/ --days (\d+) /.exec(String(props.create))?.[1]);
      // up renews in each half of the lifetime, so half of it is what is left in the worst case.
      if (Math.floor(days / 2) <= leastDays) {
        report(
          violation(
            `Certificates for ${days} days may have ${Math.floor(days / 2)} days left when up renews them.`,
            "pulumi config rm certificateDays",
          ),
        );
      }
    }
    if (type === command && name.endsWith("-certificate-install")) {
      for (const { subject, validTo } of certificatesIn(String(props.stdin))) {
        const left = Math.floor((Date.parse(validTo) - Date.now()) / day);
        if (left <= leastDays) {
          report(
            violation(
              `The certificate of ${subject.replace(/\n/g, ", ")} ends in ${left} days.`,
              "renew it: docs/operations/certificates.md",
            ),
          );
        }
      }
    }
  },
};

/** The keys of secrets, with the namespace of a project; those of the provider have their own. */
const secretKeys = (project: string): readonly string[] => [
  ...Object.entries<Key>(keys).flatMap(([name, key]) => ("secret" in key && key.secret ? [`${project}:${name}`] : [])),
  "vsphere:password",
];

/**
 * The keys of secrets that a stack's file holds in the open. What Pulumi encrypted is an object with `secure`.
 *
 * @param file the text of Pulumi.STACK.yaml
 */
export function secretsInTheOpen(file: string, project: string): readonly string[] {
  const found = [...file.matchAll(/^ +["']?((?:[\w-]+:)?\w+)["']?: +(?!\{|""|'')(\S)/gm)].map(([, key = ""]) =>
    key.includes(":") ? key : `${project}:${key}`,
  );
  return secretKeys(project).filter((key) => found.includes(key));
}

const keepSecretsSecret: StackValidationPolicy = {
  name: "keep-secrets-secret",
  description: "The stack's file holds no secret in the open.",
  enforcementLevel: "mandatory",
  validateStack: ({ resources: [first] }, report) => {
    // Pulumi tells a policy nothing of the configuration. A URN names the stack and its project.
    const [, , stack = "", project = ""] = first?.urn.split(/::?/) ?? [];
    const file = path.join(__dirname, "..", `Pulumi.${stack}.yaml`);
    for (const key of fs.existsSync(file) ? secretsInTheOpen(fs.readFileSync(file, "utf8"), project) : []) {
      report(
        violation(
          `Pulumi.${stack}.yaml holds ${key} in the open: whoever reads the file reads it.`,
          `pulumi config set --secret ${key} "$(pulumi config get ${key})"`,
        ),
      );
    }
  },
};

export const policies = [protectMachines, wipeNothing, verifyHostKeys, fence, certificateLifetime, keepSecretsSecret];

/** How a step connects; undefined in a preview if that is not known yet, because the host key comes from the first contact. */
function connectionOf(props: ResourceValidationArgs["props"]): object | undefined {
  try {
    return props.connection as object;
  } catch (error) {
    if (error instanceof UnknownValueError) {
      return undefined;
    }
    throw error;
  }
}

const certificatesIn = (text: string): X509Certificate[] =>
  (text.match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g) ?? []).map(
    (pem) => new X509Certificate(pem),
  );
