import * as net from "net";
import { z } from "zod";
import type { Problems } from "./problems";
import {
  flag,
  integer,
  iqn,
  lineOfText,
  optional,
  secret,
  tcpPort,
  text,
  type Checked,
  type Group,
  type Values,
} from "./rules";
import type { DiskConfig } from "./stackConfig";

export const diskGroup = {
  heading: "The shared disk",
  keys: {
    portal: {
      ...text("ADDRESS:PORT, such as 192.0.2.3:3260", "192.0.2.3:3260"),
      schema: z.string().refine(isPortal),
      description: "iSCSI portal of the shared disk, ADDRESS:PORT.",
    },
    target: {
      ...iqn("the shared disk's target", "iqn.2026-01.com.example:smt"),
      description: "IQN of the shared disk's target.",
    },
    lun: {
      ...integer(0, 16383, 1),
      default: 0,
      description: "Number of the LUN. The first one is 0 with LIO and 1 with tgt.",
    },
    chapUser: {
      ...optional(lineOfText("the name that the target knows the nodes by", "smt")),
      default: "",
      description: "CHAP user that the nodes log in to the target as. Empty: they log in without CHAP.",
    },
    chapSecret: {
      ...secret(optional(lineOfText("the secret that belongs to chapUser", ""))),
      default: "",
      description: "CHAP secret of chapUser. Required with chapUser.",
    },
    wipeSharedDisk: {
      ...flag(false),
      default: false,
      description:
        "Whether pulumi up may overwrite foreign data on the shared disk; this cluster's own data always stays. false: pulumi up refuses a disk with foreign data.",
    },
    adoptSharedDisk: {
      ...flag(false),
      default: false,
      description:
        "Whether pulumi up may take over a shared disk that another stack has partitioned for a cluster of the same name, with its data. Only if that stack no longer exists: two clusters would destroy the data. false: pulumi up refuses such a disk.",
    },
    ocfsSlots: {
      ...integer(2, 32, 8),
      default: 8,
      description:
        "How many nodes can mount the shared file system at the same time; at least the number of smt nodes. Fixed once the file system exists.",
    },
  },
} as const satisfies Group;

type DiskKeys = typeof diskGroup.keys;

/**
 * Refuses half a pair of CHAP credentials, and a file system with fewer slots than there are SMT nodes.
 *
 * @param smtNodes number of SMT nodes
 */
export function checkDisk({ ocfsSlots }: Checked<DiskKeys>, smtNodes: number, problems: Problems): void {
  if (ocfsSlots !== undefined && ocfsSlots < smtNodes) {
    problems.refuse(
      "ocfsSlots",
      `must be at least the number of smt nodes (${smtNodes}), since each of them mounts the file system`,
      { set: String(smtNodes) },
    );
  }
  problems.requireTogether(["chapUser", "chapSecret"]);
}

export const diskConfig = (values: Values<DiskKeys>): DiskConfig => ({
  portal: values.portal,
  target: values.target,
  lun: values.lun,
  chap: values.chapUser && values.chapSecret ? { user: values.chapUser, secret: values.chapSecret } : undefined,
  wipe: values.wipeSharedDisk,
  adopt: values.adoptSharedDisk,
  ocfsSlots: values.ocfsSlots,
});

function isPortal(value: string): boolean {
  const [address = "", port, ...rest] = value.split(":");
  // The device's name holds the port as it is here: 03260 would never appear.
  return rest.length === 0 && net.isIPv4(address) && String(tcpPort.schema.safeParse(port).data) === port;
}
