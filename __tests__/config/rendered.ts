import { hostsFile } from "../../components/clusterNode";
import { corosyncConf } from "../../components/corosyncConf";
import { ldirectordConf } from "../../components/ldirectordConf";
import { lvsGroup } from "../../components/lvsDirector";
import { databaseConfig } from "../../components/mysqlMasterPair";
import { firewallRules } from "../../components/nodeFirewall";
import { baseServices } from "../../components/ocfsMount";
import { platforms } from "../../components/platform";
import { healthSettings, healthSite, realServerSysctl } from "../../components/realServer";
import { commandLine, parseSections, sections } from "../../components/stepCommand";
import { fencing, sbdConfig } from "../../components/sbdConf";
import { jobs } from "../../components/smtJobs";
import { smtConf } from "../../components/smtNode";
import { repositoryList } from "../../components/smtRepositories";
import type { StackConfig } from "../../config";

/** The lines that a text may have. */
const grammar: Readonly<Record<string, RegExp>> = {
  "corosync.conf": /^(# [\w ,.:-]+|[a-z]+ \{|\t?\}|\tnode \{|\tinterface \{|\t{1,2}[a-z0-9_]+: [\w.-]+|)$/,
  sbd: /^(# [\w ,.-]+|SBD_[A-Z_]+=("[\w/.:-]+"|[\w/,]+))$/,
  // No operation has Pacemaker's own time limit.
  crm: /^(property|primitive(?=.* op start timeout=)(?=.* op stop timeout=)(?=.* op monitor (interval=\d+ )?timeout=)|group|clone|location|colocation|order)( ([\w/.:=-]+%?|[a-z_]+="[\w/.:-]+"))+$/,
  "ldirectord.cf": /^(# [\w ,.-]+|virtual = [\d.:]+|\t?[a-z]+ = ([\w.: -]+|"[\w ./-]+")|)$/,
  nftables:
    /^(# [\w ,.-]+|(delete )?table inet smt-ha( \{)?|\tchain \w+ \{|\t{2}[\w ;:{}.,/-]+( comment "[\w ,]+")?|\t?\}|)$/,
  SuSEfirewall2: /^(# [\w ,.-]+|FW_[A-Z_]+="[\w.,:/ ]+")$/,
  hosts: /^[\d.]+( [a-z0-9.-]+){1,2}$/,
  sysctl: /^net\.ipv4\.conf\.[\w/-]+\.arp_(ignore|announce) = \d$/,
  health: /^(# [\w ,.-]+|[a-z]+=('[\w ./-]*'|\w+))$/,
  "health.conf": /^(# [\w ,.-]+| *<\/?\w+( "[\w/.-]+"| !?\w+\.c)?>| *\w+( [\w,]+)+|ScriptAlias( "[\w/.-]+"){2})$/,
  "my.cnf": /^(# .+|\[mysqld\]|[a-z-]+( = [\w.-]+)?|)$/,
  // A value ends with its line: what it holds has no meaning.
  "smt.conf": /^(\[(NU|DB|LOCAL)\]|\w+=[\t\P{Cc}]*)$/u,
  repositories: /^[\w.-]+\|([\w.-]*\|\|\||\|\d+\|[^\s|\p{Cc}]+\|(?!.*\|)[\t\P{Cc}]+)$/u,
};

/** Of a configuration, these are never outputs. */
interface Plain {
  readonly chap?: { readonly user: string; readonly secret: string };
  readonly credentials?: { readonly user: string; readonly password: string };
}

const plain = ({ disk, smt }: StackConfig): Plain => ({ chap: disk.chap, credentials: smt.credentials }) as Plain;

/** The texts that a configuration makes, each with its grammar. */
function texts(config: StackConfig): [keyof typeof grammar, string][] {
  const { balancing, cluster, disk, network, smt, virtualIp } = config;
  const platform = platforms[config.platform];
  const device = `/dev/disk/by-path/ip-${disk.portal}-iscsi-${disk.target}-lun-${disk.lun}`;
  const members = config.nodes.map(({ name, address }) => ({ nodeName: name, address }));
  const smtNodes = config.nodes.filter(({ role }) => role === "smt");
  const [smtNames, directors] = [smtNodes, config.nodes.filter(({ role }) => role === "director")].map((nodes) =>
    nodes.map(({ name }) => name),
  ) as [string[], string[]];
  const firewallNodes = config.nodes.map(({ role, address, ssh }) => ({
    role,
    address,
    sshPort: ssh.port,
    spare: config.directors.spares,
  }));
  return [
    ...members.map((member): [string, string] => [
      "corosync.conf",
      corosyncConf(
        platform,
        { ...network, clusterName: cluster.name, tokenTimeout: cluster.tokenTimeout, nodes: members },
        member,
      ),
    ]),
    ["sbd", sbdConfig(platform, `${device}-part1`)],
    ["crm", fencing(platform, { sbdDevice: `${device}-part1`, msgwait: cluster.msgwait })],
    ["crm", baseServices(platform, { device: `${device}-part2`, mountPoint: "/smt", smtNodes: smtNames, directors })],
    [
      "crm",
      lvsGroup(platform, {
        ...network,
        virtualIp,
        forwarding: balancing.forwarding,
        directors,
        spares: config.directors.spares ? smtNames : [],
        failback: config.directors.failback,
        others: config.directors.spares ? [] : smtNames,
      }),
    ],
    ["crm", jobs(platform, { smtNodes: smtNames, directors })],
    ["ldirectord.cf", ldirectordConf(virtualIp, smtNodes, balancing)],
    ...firewallNodes.map((node): [string, string] => [
      platform.firewall,
      firewallRules(platform, node, {
        nodes: firewallNodes,
        virtualIp,
        forwarding: balancing.forwarding,
        allow: config.firewallAllow,
      }),
    ]),
    ["hosts", hostsFile(config.nodes, network.domain, { name: config.serviceName, address: virtualIp })],
    ["sysctl", realServerSysctl(network.nic, balancing.forwarding)],
    [
      "health",
      healthSettings({ ...balancing, ...network, page: "/smt/page", database: true, peers: [virtualIp], virtualIp }),
    ],
    ["health.conf", healthSite(balancing.request)],
    ["my.cnf", databaseConfig(1, smtNodes.length)],
    [
      "smt.conf",
      smtConf(
        {
          ...smt,
          serviceName: config.serviceName,
          mountPoint: "/smt",
          credentials: plain(config).credentials,
        },
        "x",
        plain(config).credentials?.password,
      ),
    ],
    ["repositories", repositoryList(smt.repositories)],
  ];
}

/** What a configuration gives to steps as sections, beside those texts. */
const inputs = (config: StackConfig): string[] => {
  const { chap, credentials } = plain(config);
  const { database, balancing } = config;
  return [chap?.secret, database.rootPassword, credentials?.user, credentials?.password, balancing.receive].filter(
    (text) => text !== undefined,
  );
};

/** The options that a configuration gives to steps. */
const options = (config: StackConfig): string[] =>
  [
    ...[config.disk.portal, config.disk.target, plain(config).chap?.user, config.cluster.name, config.network.nic],
    ...[config.network.domain, config.serviceName, config.smt.mirrorTime, ...config.network.ntpServers],
    ...(config.certificates.source.kind === "generated" ? [config.certificates.source.subject] : []),
  ].filter((value) => value !== undefined);

/** What a configuration puts where it does not belong: lines of files, sections, and words of command lines. */
export function misplaced(config: StackConfig): string[] {
  const lines = texts(config).flatMap(([name, text]) =>
    text
      .replace(/\n$/, "")
      .split("\n")
      .filter((line) => text !== "" && !grammar[name]?.test(line))
      .map((line) => `${name}: ${JSON.stringify(line)}`),
  );
  const broken = inputs(config).filter((text) => {
    try {
      return !/^[\t\P{Cc}]*$/u.test(text) || parseSections(sections({ text })).text !== `${text}\n`;
    } catch {
      return true;
    }
  });
  const words = options(config).filter(
    (value) =>
      !/^smt-ha step --value ([\w@%+=:,./-]+|'([^'\0-\b\n-\x1f\x7f-\x9f]|'\\'')+') --rev r$/u.test(
        commandLine("step", { value }, "r"),
      ),
  );
  return [
    ...lines,
    ...broken.map((text) => `section: ${JSON.stringify(text)}`),
    ...words.map((word) => `option: ${word}`),
  ];
}
