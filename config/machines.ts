import type { VspherePlacementArgs } from "../components/vspherePlacement";
import type { Problems } from "./problems";
import { flag, integer, optional, secret, text, type Checked, type Group, type Values } from "./rules";
import type { ConfigSource } from "./source";
import type { MachineConfig } from "./stackConfig";

export const machinesGroup = {
  heading: "Machines on vSphere",
  note:
    "The vSphere provider has keys of its own: vsphere:vsphereServer, vsphere:user and vsphere:password. The environment " +
    "variables VSPHERE_SERVER, VSPHERE_USER and VSPHERE_PASSWORD can replace them.",
  keys: {
    datacenter: {
      ...optional(text("the name of a datacenter", "dc1")),
      default: "",
      description: "Datacenter, by name. Required with machines vsphere.",
    },
    datastore: {
      ...optional(text("the name of a datastore", "datastore1")),
      default: "",
      description: "Datastore of the VMs, by name. Required with machines vsphere.",
    },
    resourcePool: {
      ...optional(text("the path of a resource pool", "cluster1/Resources")),
      default: "",
      description: "Resource pool of the VMs, such as cluster1/Resources. Required with machines vsphere.",
    },
    network: {
      ...optional(text("the name of a port group", "'VM Network'")),
      default: "",
      description: "Port group of the VMs' only network adapter. Required with machines vsphere.",
    },
    template: {
      ...optional(text("the path of a VM template", "sles12sp5")),
      default: "",
      description: "VM template to clone, by name or inventory path. Required with machines vsphere.",
    },
    folder: {
      ...optional(text("the path of a VM folder", "smt")),
      default: "",
      description: "VM folder, by path. Empty: the datacenter's root folder.",
    },
    cpus: {
      ...integer(1, 128, 2),
      default: 2,
      description: "Virtual CPUs of each VM. A VM that exists takes a change as resizeNode only.",
    },
    memoryMiB: {
      ...integer(1024, 1048576, 4096, "MiB"),
      default: 4096,
      description: "Memory of each VM, in MiB. A VM that exists takes a change as resizeNode only.",
    },
    diskGiB: {
      ...integer(0, 65536, 40, "GiB"),
      default: 0,
      description:
        "Size of each VM's system disk, in GiB; never less than the template's. 0: the template's size. The root file system grows with it if it is plain (ext4, xfs or btrfs, in the last partition); up warns if it does not.",
    },
    resizeNode: {
      ...optional(text("the name of a node", "node1")),
      default: "",
      description:
        "The node whose VM takes changed cpus and memoryMiB: it is shut down and started again. The other VMs keep theirs. Empty: every VM keeps its own.",
    },
    drsCluster: {
      ...optional(text("the name of a cluster of hosts", "cluster1")),
      default: "",
      description:
        "The cluster of ESXi hosts, by name, that the VMs are in: a rule of its DRS runs each VM on another host if there are enough. Empty: no rule.",
    },
    protectMachines: {
      ...flag(true),
      default: true,
      description:
        "Whether Pulumi refuses to delete a VM, also to replace it. Set it to false and run pulumi up before you remove a node or run pulumi destroy, which leaves the shared disk as it is.",
    },
  },
} as const satisfies Group;

type MachineKeys = typeof machinesGroup.keys;

/** Keys of the vSphere provider, each with the environment variable that can replace it. */
const providerKeys = [
  ["vsphereServer", "VSPHERE_SERVER"],
  ["user", "VSPHERE_USER"],
  ["password", "VSPHERE_PASSWORD"],
] as const;

/** Names of the inventory for the machines; refuses the keys that only machines on vSphere need. */
export function readPlacement(
  values: Checked<MachineKeys>,
  environment: ConfigSource["environment"],
  problems: Problems,
): VspherePlacementArgs {
  const required = (key: keyof VspherePlacementArgs): string => {
    if (problems.isEmpty(key)) {
      problems.refuse(key, `must be ${machinesGroup.keys[key].must}, for machines: vsphere`);
    }
    return values[key] ?? "";
  };
  const placement = {
    datacenter: required("datacenter"),
    datastore: required("datastore"),
    resourcePool: required("resourcePool"),
    network: required("network"),
    template: required("template"),
  };
  for (const [key, variable] of providerKeys) {
    if (!environment[variable]) {
      const rule = text(`set, or ${variable} in the environment`, "");
      problems.check(`vsphere:${key}`, key === "password" ? secret(rule) : rule);
    }
  }
  return placement;
}

/** Refuses to resize a node that there is not. */
export function checkResize({ resizeNode }: Checked<MachineKeys>, nodes: readonly string[], problems: Problems): void {
  if (resizeNode && !nodes.includes(resizeNode)) {
    problems.refuse("resizeNode", `must be one of the nodes: ${nodes.join(", ")}`, { set: nodes[0] });
  }
}

export const machineConfig = (values: Values<MachineKeys>, placement: VspherePlacementArgs): MachineConfig => ({
  ...placement,
  folder: values.folder,
  cpus: values.cpus,
  memoryMiB: values.memoryMiB,
  diskGiB: values.diskGiB || undefined,
  resizeNode: values.resizeNode,
  drsCluster: values.drsCluster,
  protect: values.protectMachines,
});
