import * as pulumi from "@pulumi/pulumi";
import { checkService, type ServiceAddress, WrongAnswer } from "./serviceCheck";

/** What the steps of an `up` have verified. */
export interface ServiceFacts extends ServiceAddress {
  /** The director that held the service address when the nodes were verified. */
  readonly activeDirector: string;
  /** Names of the SMT nodes, each a real server with http and https. */
  readonly smtNodes: readonly string[];
  /** Where the SMT nodes have the shared file system. */
  readonly mountPoint: string;
  /** The repositories that every SMT node lists, such as `SLES11-SP1-Pool sle-11-x86_64`. */
  readonly repositories: readonly string[];
  /** State of the first mirroring, such as `mirrored`. */
  readonly mirroring: string;
}

/** Days before the end of a certificate from which on the report warns. */
const warningDays = 60;
const renewal = "run pulumi up to renew it, or put a new one into certificateFile";

/** The stack's last word: what was verified on the nodes, and how the service answers here, where the program runs. */
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
 * @param preview whether a wrong answer is no error, since the next `up` may fix it
 * @param warn gets what could not be verified from here
 * @throws WrongAnswer if the service answers, but not as it must
 */
export async function describeService(
  facts: ServiceFacts,
  preview: boolean,
  warn: (cause: string) => unknown,
): Promise<string> {
  const { serviceName, smtNodes, repositories, mirroring } = facts;
  const answer = async (scheme: "http" | "https"): Promise<string> => {
    try {
      const ends = await checkService(scheme, facts);
      const days = ends && Math.floor((ends.getTime() - Date.now()) / (24 * 60 * 60 * 1000));
      if (days !== undefined && days < warningDays) {
        warn(`the server certificate ends in ${days} days; then https fails for every client: ${renewal}`);
      }
      return ends ? `answers; its certificate ends on ${ends.toISOString().slice(0, 10)}` : "answers";
    } catch (error) {
      if (error instanceof WrongAnswer && !preview) {
        throw error;
      }
      const cause = (error as Error).message;
      warn(cause);
      return `not verified: ${cause}`;
    }
  };
  const [http, https] = await Promise.all([answer("http"), answer("https")]);
  const everywhere = smtNodes.join(", ");
  const rows = [
    ["service", `${serviceName} on ${facts.virtualIp}`],
    ["balanced", `http and https, by ${facts.activeDirector} to ${everywhere}`],
    ["http", http],
    ["https", https],
    ["shared files", `${facts.mountPoint} on ${everywhere}`],
    ["database", `each SMT node has what the others write: ${everywhere}`],
    ["repositories", `${repositories.length} listed on ${everywhere}; ${mirroring}`],
    ...repositories.map((name) => ["", name]),
    ["clients", `trust http://${serviceName}/smt.crt and register with ${serviceName}`],
  ] as const;
  return rows.map(([what, text]) => `${what.padEnd(13)} ${text}`.trimEnd()).join("\n");
}
