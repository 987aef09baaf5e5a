import type { Forwarding, LoadBalancing } from "../components/ldirectordConf";
import { platforms, type PlatformName } from "../components/platform";
import { setCommand, type Problems } from "./problems";
import { flag, integer, ipv4Address, oneOf, optional, text, type Checked, type Group, type Values } from "./rules";
import type { DirectorConfig } from "./stackConfig";

/** IPVS schedulers: the guide's first, then by name. */
const schedulers = ["wlc", "dh", "lblc", "lblcr", "lc", "nq", "rr", "sed", "sh", "wrr"] as const;

export const balancingGroup = {
  heading: "The load balancer",
  keys: {
    checkInterval: {
      ...integer(1, 3600, 20, "seconds"),
      default: 20,
      description: "Seconds between two checks of a real server.",
    },
    checkTimeout: {
      ...integer(1, 300, 5, "seconds"),
      default: 5,
      description: "Seconds within which a real server must answer a check. A later answer fails the check.",
    },
    failureCount: {
      ...integer(1, 100, 2),
      default: 2,
      description:
        "Number of failed checks in a row after which a real server gets no more requests. With 1, all leave at once while the storage is away.",
    },
    autoReload: {
      ...flag(true),
      default: true,
      description:
        "Whether ldirectord reloads a changed configuration at its next check. false: it keeps the old one until it restarts.",
    },
    quiescent: {
      ...flag(false),
      default: false,
      description:
        "Whether a failed real server stays in the table with weight 0 and keeps its connections. false: it leaves the table.",
    },
    scheduler: {
      ...oneOf(...schedulers),
      default: "wlc",
      description: `IPVS scheduler: ${schedulers.slice(0, -1).join(", ")} or ${schedulers[schedulers.length - 1]}.`,
    },
    persistence: {
      ...integer(0, 86400, 600, "seconds"),
      default: 600,
      description:
        "Seconds for which a client stays with its real server after its last connection, for each of https and http. A registration takes several connections, and the " +
        "other server's database may not have the first one's rows yet. Clients behind one NAT address share a server. 0: each connection may go to another server.",
    },
    forwarding: {
      ...oneOf<Forwarding>("gate", "ipip", "masq"),
      default: "gate",
      description:
        "How packets reach the real servers: gate (direct routing), ipip (tunnels; not on SLES) or masq (NAT; the real servers' default gateway must be the service address).",
    },
    spareDirectors: {
      ...optional(oneOf("true", "false")),
      default: "",
      description:
        "Whether an SMT node takes the service address while no director can, the first SMT node first. So three nodes have no single point of failure. " +
        "true needs forwarding gate: with ipip and masq, only a director can pass packets on. Empty: true with gate, otherwise false.",
    },
    directorFailback: {
      ...flag(false),
      default: false,
      description:
        "Whether the service address leaves an SMT node as soon as a director is back. Each move costs clients a few seconds (on sles11 also their open downloads), so by default it stays " +
        "until that SMT node is updated, fails or is told to hand it over. Without spareDirectors, it has no effect.",
    },
    request: {
      ...text(
        "a path of letters, digits, / . _ and -, without a leading /",
        "test.html",
        /^(?!\.{1,2}(\/|$))[\w.-]+(\/(?!\.{1,2}(\/|$))[\w.-]+)*$/,
      ),
      default: "test.html",
      description: "Path of the health page on the real servers, without a leading slash.",
    },
    receive: {
      ...text(
        "letters, digits, spaces, _ and - (ldirectord takes others as a pattern)",
        "'still alive'",
        /^[\w-]+( [\w-]+)*$/,
      ),
      default: "still alive",
      description: "Text of the health page, by which ldirectord recognizes a healthy real server.",
    },
    fallback: {
      ...optional(ipv4Address("192.0.2.20")),
      default: "",
      description: "IPv4 address of a server that gets all requests while no real server is healthy. Empty: none.",
    },
  },
} as const satisfies Group;

type BalancingKeys = typeof balancingGroup.keys;

/** What balancing depends on elsewhere in the configuration. */
interface Surroundings {
  readonly platform?: PlatformName;
  readonly firewall?: boolean;
  readonly virtualIp?: string;
}

/** Refuses a fallback that leads back to the director, and ways of forwarding that the platform or spares break. */
export function checkBalancing(
  { fallback, forwarding, spareDirectors, platform, firewall, virtualIp }: Checked<BalancingKeys> & Surroundings,
  problems: Problems,
): void {
  if (spareDirectors === "true" && forwarding !== undefined && forwarding !== "gate") {
    const why = {
      masq: "what a real server answers must pass the director",
      ipip: "real servers take tunnels from directors only",
    };
    problems.refuse("spareDirectors", `must not be true when forwarding is ${forwarding}: ${why[forwarding]}`, {
      run: `${setCommand("spareDirectors", "false")}\nor use direct routing: ${setCommand("forwarding", "gate")}`,
    });
  }
  if (fallback !== undefined && fallback === virtualIp) {
    problems.refuse("fallback", "must differ from virtualIp, or requests would come back to the director");
  }
  if (platform && platforms[platform].firewall === "SuSEfirewall2") {
    if (forwarding === "masq" && firewall) {
      problems.refuse(
        "forwarding",
        `must be gate when firewall is true on ${platform}: SuSEfirewall2 drops what real servers answer through a director`,
      );
    }
    if (forwarding === "ipip") {
      problems.refuse(
        "forwarding",
        `must not be ipip on ${platform}: its reverse path filter drops what comes by a tunnel`,
      );
    }
  }
}

/** Which nodes balance. Every platform can have spares. */
export const directorConfig = (values: Values<BalancingKeys>): DirectorConfig => ({
  spares: values.spareDirectors ? values.spareDirectors === "true" : values.forwarding === "gate",
  failback: values.directorFailback,
});

export const loadBalancing = (values: Values<BalancingKeys>): LoadBalancing => ({
  checkInterval: values.checkInterval,
  checkTimeout: values.checkTimeout,
  failureCount: values.failureCount,
  autoReload: values.autoReload,
  quiescent: values.quiescent,
  scheduler: values.scheduler,
  persistence: values.persistence,
  forwarding: values.forwarding,
  request: values.request,
  receive: values.receive,
  fallback: values.fallback,
});
