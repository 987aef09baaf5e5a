import { balancingGroup } from "./balancing";
import { certificatesGroup } from "./certificates";
import { clusterGroup } from "./cluster";
import { databaseGroup } from "./database";
import { diskGroup } from "./disk";
import { machinesGroup } from "./machines";
import { networkGroup } from "./network";
import type { Group } from "./rules";
import { serviceGroup } from "./service";
import { smtGroup } from "./smt";
import { sshGroup } from "./ssh";

/** Every key, in the order of Pulumi.yaml and docs/configuration.md, which `npm run generate` writes from here. */
export const groups: readonly Group[] = [
  serviceGroup,
  networkGroup,
  sshGroup,
  machinesGroup,
  diskGroup,
  clusterGroup,
  certificatesGroup,
  smtGroup,
  balancingGroup,
  databaseGroup,
];

/** Every key by its name. */
export const keys = {
  ...serviceGroup.keys,
  ...networkGroup.keys,
  ...sshGroup.keys,
  ...machinesGroup.keys,
  ...diskGroup.keys,
  ...clusterGroup.keys,
  ...certificatesGroup.keys,
  ...smtGroup.keys,
  ...balancingGroup.keys,
  ...databaseGroup.keys,
} as const;
