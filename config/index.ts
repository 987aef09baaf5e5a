import { checkBalancing, directorConfig, loadBalancing } from "./balancing";
import { CertificateFiles } from "./certificates";
import { checkCluster, clusterConfig } from "./cluster";
import { checkDatabase, databaseConfig } from "./database";
import { checkDisk, diskConfig } from "./disk";
import { readValues, refuseUnknown } from "./fields";
import { readAllowedPorts } from "./firewall";
import { keys } from "./keys";
import { checkResize, machineConfig, readPlacement } from "./machines";
import { checkAddresses, checkTimeServers, FreeValues, networkOfNodes } from "./network";
import { checkNodes, readNodes } from "./nodes";
import { KeyFiles } from "./privateKeys";
import { Problems } from "./problems";
import { readRepositories } from "./repositories";
import type { Checked, Values } from "./rules";
import { checkedServiceName, checkServiceName, serviceNameOf } from "./service";
import { checkMirrorCredentials, smtConfig } from "./smt";
import { completeSource, type ConfigSource } from "./source";
import { checkAgent, sshGroup } from "./ssh";
import type { NodeConfig, StackConfig } from "./stackConfig";

export { ConfigError } from "./problems";
export type { ConfigSource } from "./source";
export type * from "./stackConfig";

/**
 * Reads and checks a stack's configuration.
 *
 * @param source replaces what Pulumi and this process would give
 * @throws ConfigError with every problem: the key, its value (never a secret's), the cause and the command that fixes it
 */
export function loadConfig(source: Partial<ConfigSource> = {}): StackConfig {
  const { project, values, environment, readFile, now } = completeSource(source);
  const problems = new Problems({ project, values });
  const files = new KeyFiles(problems, readFile);

  for (const name of Object.keys(values).filter((key) => key.startsWith(`${project}:`))) {
    refuseUnknownKey(name.slice(project.length + 1), problems);
  }
  const checked = readValues(keys, problems);
  const nodes = readNodes(checked.nodes ?? [], checked, files, problems);
  const firewallAllow = readAllowedPorts(checked.firewallAllow ?? [], problems);
  const repositories = readRepositories(checked.repositories ?? [], problems);
  checkAll(checked, nodes, problems);
  checkAgent({ environment, readFile }, problems);
  const names = [checkedServiceName(checked, problems), ...(checked.formerServiceNames ?? [])];
  const certificateSource = new CertificateFiles(checked, files, problems, now).source(
    names.filter((name) => name !== undefined),
  );
  const placement = checked.machines === "vsphere" ? readPlacement(checked, environment, problems) : undefined;
  problems.throwIfAny();

  // No key was refused, so each key has a value.
  const valid = checked as Values<typeof keys>;
  return {
    platform: valid.platform,
    nodes,
    network: networkOfNodes(valid),
    virtualIp: valid.virtualIp,
    serviceName: serviceNameOf(valid),
    firewall: valid.firewall,
    firewallAllow,
    machines: placement && machineConfig(valid, placement),
    disk: diskConfig(valid),
    cluster: clusterConfig(valid),
    smt: smtConfig(valid, repositories),
    certificates: {
      source: certificateSource,
      formerNames: valid.formerServiceNames,
      days: valid.certificateDays,
      now,
    },
    balancing: loadBalancing(valid),
    directors: directorConfig(valid),
    database: databaseConfig(valid),
  };
}

/**
 * Reads and checks only what leads to the nodes, for commands that need no more: a problem elsewhere, such as an old
 * certificate, must not keep an administrator from them.
 *
 * @param source replaces what Pulumi and this process would give
 * @throws ConfigError with every problem of these keys
 */
export function loadNodes(source: Partial<ConfigSource> = {}): readonly NodeConfig[] {
  const { project, values, readFile } = completeSource(source);
  const problems = new Problems({ project, values });
  const { platform, nodes, clusterName } = keys;
  const checked = readValues({ platform, nodes, clusterName, ...sshGroup.keys }, problems);
  const read = readNodes(checked.nodes ?? [], checked, new KeyFiles(problems, readFile), problems);
  problems.throwIfAny();
  return read;
}

function refuseUnknownKey(name: string, problems: Problems): void {
  if (!Object.hasOwn(keys, name)) {
    refuseUnknown("", name, keys, problems);
  }
}

/** The checks between keys. */
function checkAll(checked: Checked<typeof keys>, nodes: readonly NodeConfig[], problems: Problems): void {
  const isRefused = (index: number, field: string): boolean => problems.isRefused(`nodes[${index}]${field}`);
  const known = nodes.filter((_, index) => !["", ".name", ".role"].some((field) => isRefused(index, field)));
  const smtNodes = known.filter(({ role }) => role === "smt").map(({ name }) => name);
  const portal = checked.portal ?? keys.portal.example;
  const free = new FreeValues(checked, [
    checked.gateway ?? keys.gateway.example,
    checked.virtualIp ?? keys.virtualIp.example,
    portal.slice(0, portal.indexOf(":")),
    ...nodes.flatMap(({ name, address }) => [name, address]),
  ]);
  checkTimeServers(checked, problems);
  checkNodes(nodes, free, problems);
  checkAddresses(checked, nodes, free, problems);
  checkServiceName(checked, nodes, problems);
  checkCluster(checked, problems);
  checkDisk(checked, smtNodes.length, problems);
  checkInputs(problems);
  checkMirrorCredentials((checked.repositories ?? []).length > 0, problems);
  checkBalancing(checked, problems);
  // Keys that name a node: a node whose own name was refused may be the one.
  if (known.length === nodes.length && nodes.length > 0) {
    checkDatabase(checked, smtNodes, problems);
    checkResize(
      checked,
      nodes.map(({ name }) => name),
      problems,
    );
  }
}

/** Refuses a text that a step would take for the start of a section of its input. */
function checkInputs(problems: Problems): void {
  for (const key of ["chapSecret", "nuUser", "nuPassword", "databaseRootPassword"]) {
    if (problems.textOf(key)?.startsWith("@@ ")) {
      problems.refuse(key, 'must not begin with "@@ ", by which steps tell the parts of their input');
    }
  }
}
