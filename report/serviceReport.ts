import * as pulumi from "@pulumi/pulumi";
import type { Role } from "../components/clusterNode";
import { checkPort, checkServer, checkService, type ServiceAddress, WrongAnswer } from "./serviceCheck";

/** A node to look at. */
export interface ReportedNode {
  readonly name: string;
  readonly role: Role;
  /** IPv4 address. */
  readonly address: string;
  /** TCP port of sshd. */
  readonly sshPort: number;
  /** Whether Pulumi created it as a VM. */
  readonly managed: boolean;
}

/** What the report tells: where to look, and what the steps knew when they last ran. */
export interface ServiceFacts extends ServiceAddress {
  readonly nodes: readonly ReportedNode[];
  /** Days that a certificate is valid, if the program renews it; undefined if the administrator does. */
  readonly certificateDays: number | undefined;
  /** The node that held the service address: a director, or an SMT node in place of one. */
  readonly activeDirector: string;
  /** Where the SMT nodes have the shared file system. */
  readonly mountPoint: string;
  /** The repositories that every SMT node lists, such as `SLES11-SP1-Pool sle-11-x86_64`. */
  readonly repositories: readonly string[];
  /** State of the first mirroring, such as `mirrored`. */
  readonly mirroring: string;
}

/** Days before the end of a certificate from which on the report warns, unless it is renewed later than that. */
export const warningDays = 60;

/**
 * The stack's last word: how the service and each node answer here, where the program runs, each time that it runs. What only
 * a step can see is as of that step's last run.
 */
export function serviceReport(facts: {
  readonly [Fact in keyof ServiceFacts]: pulumi.Input<ServiceFacts[Fact]>;
}): pulumi.Output<string> {
  const preview = pulumi.runtime.isDryRun();
  return pulumi
    .all(facts)
    .apply((known) => describeService(known as unknown as ServiceFacts, preview, (cause) => pulumi.log.warn(cause)));
}

/**
 * The report as text, a row for each part of the service.
 *
 * A service that answers wrongly is an error. A node that does is a warning, because the service works without it, and it may
 * be off on purpose.
 *
 * @param preview whether a wrong answer of the service is no error, since the next `up` may fix it
 * @param warn gets what is wrong with a node, and what could not be verified from here
 * @throws WrongAnswer if the service answers, but not as it must
 */
export async function describeService(
  facts: ServiceFacts,
  preview: boolean,
  warn: (cause: string) => unknown,
): Promise<string> {
  const { serviceName, nodes, repositories, mirroring } = facts;
  const firstServer = nodes.find(({ role }) => role === "smt");
  const [http, https, ...states] = await Promise.all([
    describeAnswer("http", facts, preview, warn),
    describeAnswer("https", facts, preview, warn),
    ...nodes.map((node) => describeNode(node, facts, node === firstServer, warn)),
  ]);
  const servers = nodes.filter(({ role }) => role === "smt").map(({ name }) => name);
  const active = facts.activeDirector;
  const balancer = servers.includes(active) ? `${active}, in place of a director,` : active;
  const rows: readonly (readonly [string, string])[] = [
    ["service", `${serviceName} on ${facts.virtualIp}`],
    ["http", http],
    ["https", https],
    ...nodes.map(({ name, role }, index) => [name, `${role}: ${states[index]}`] as const),
    ["clients", `trust http://${serviceName}/smt.crt and register with ${serviceName}`],
    ["", ""],
    ["as of its last change, not verified now:", ""],
    ["balanced", `http and https, by ${balancer} to ${servers.join(", ")}`],
    ["shared files", `${facts.mountPoint} on ${servers.join(", ")}`],
    ["repositories", `${repositories.length} listed on ${servers.join(", ")}; ${mirroring}`],
    ...repositories.map((name) => ["", name] as const),
  ];
  return rows.map(([what, text]) => `${what.padEnd(13)} ${text}`.trimEnd()).join("\n");
}

/** How the service answers. */
async function describeAnswer(
  scheme: "http" | "https",
  facts: ServiceFacts,
  preview: boolean,
  warn: (cause: string) => unknown,
): Promise<string> {
  try {
    const ends = await checkService(scheme, facts);
    if (!ends) {
      return "answers";
    }
    const days = Math.floor((ends.getTime() - Date.now()) / (24 * 60 * 60 * 1000));
    // A certificate is renewed at least half its time before its end.
    const renewed = facts.certificateDays;
    if (days < Math.min(warningDays, (renewed ?? Infinity) / 2)) {
      const renewal = renewed ? "run pulumi up to renew it" : "put a new one into certificateFile and run pulumi up";
      warn(`the server certificate ends in ${days} days; then https fails for every client: ${renewal}`);
    }
    return `answers; its certificate ends on ${ends.toISOString().slice(0, 10)}`;
  } catch (error) {
    if (error instanceof WrongAnswer && !preview) {
      throw error;
    }
    const cause = (error as Error).message;
    warn(cause);
    return `not verified from here: ${cause}`;
  }
}

/** The cause of a failure, or nothing. */
const failureOf = (check: Promise<void>): Promise<Error | undefined> =>
  check.then(
    () => undefined,
    (error: Error) => error,
  );

/** How a node answers: its sshd, and the health page of an SMT node. */
async function describeNode(
  node: ReportedNode,
  facts: ServiceFacts,
  first: boolean,
  warn: (cause: string) => unknown,
): Promise<string> {
  const who = `${node.name} (${node.address})`;
  const isServer = node.role === "smt";
  const [ssh, health] = await Promise.all([
    failureOf(checkPort(node.address, node.sshPort)),
    isServer ? failureOf(checkServer(node.address, facts)) : undefined,
  ]);
  if (health instanceof WrongAnswer) {
    warn(`${node.name} is not healthy: ${health.message}`);
    return `not healthy: ${health.message}`;
  }
  if (ssh && (health || !isServer)) {
    warn(
      `${who} does not answer from here (SSH, port ${node.sshPort}: ${ssh.message})\n  fix:   ${wayBack(node, first)}`,
    );
    return "does not answer from here";
  }
  if (health) {
    warn(health.message);
    return `is on; its health is not verified from here: ${health.message}`;
  }
  if (ssh) {
    warn(`${who} does not answer by SSH from here (port ${node.sshPort}): ${ssh.message}`);
  }
  return isServer ? `healthy${ssh ? "; SSH does not answer from here" : ""}` : "is on";
}

/** How a node that is off or lost comes back. */
function wayBack({ name, managed }: ReportedNode, first: boolean): string {
  const section = '"Re-create a lost node" in docs/operations/changing-a-stack.md';
  return managed && !first
    ? `power it on; if it is lost: pulumi refresh --target '**VirtualMachine::${name}', then pulumi up (${section})`
    : `power it on; if it is lost: ${section}`;
}
