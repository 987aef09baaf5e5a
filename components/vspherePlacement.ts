import * as pulumi from "@pulumi/pulumi";
import * as vsphere from "@pulumi/vsphere";

/** Where in the vCenter inventory the machines go, and from which template; all by name or inventory path. */
export interface VspherePlacementArgs {
  readonly datacenter: string;
  readonly datastore: string;
  /** Such as `cluster1/Resources`. */
  readonly resourcePool: string;
  /** Port group of the only network adapter. */
  readonly network: string;
  /** VM template to clone. */
  readonly template: string;
}

/** What a clone copies from its template. */
export type Template = Pick<
  vsphere.GetVirtualMachineResult,
  "id" | "guestId" | "firmware" | "scsiType" | "networkInterfaceTypes" | "disks"
> & {
  /** Whether it only stands for a template that was not found. Machines that exist ignore it. */
  readonly missing?: true;
};

/** The looked-up IDs, and the template. */
export interface VspherePlacement {
  readonly datacenterId: pulumi.Output<string>;
  readonly datastoreId: pulumi.Output<string>;
  readonly resourcePoolId: pulumi.Output<string>;
  readonly networkId: pulumi.Output<string>;
  readonly template: pulumi.Output<Template>;
}

/**
 * Looks up the names once for all machines. The preview fails on an unknown name. It only warns of an unknown template: that
 * is needed to create a machine, and not to keep one.
 */
export function lookUpPlacement(args: VspherePlacementArgs): VspherePlacement {
  const datacenterId = vsphere.getDatacenterOutput({ name: args.datacenter }).id;
  return {
    datacenterId,
    datastoreId: vsphere.getDatastoreOutput({ name: args.datastore, datacenterId }).id,
    resourcePoolId: vsphere.getResourcePoolOutput({ name: args.resourcePool, datacenterId }).id,
    networkId: vsphere.getNetworkOutput({ name: args.network, datacenterId }).id,
    template: datacenterId.apply((id) =>
      vsphere
        .getVirtualMachine({ name: args.template, datacenterId: id })
        .catch((error: unknown) => missingTemplate(args, error)),
    ),
  };
}

/** Machines that are to run on different hosts. */
export interface SeparateHostsArgs {
  readonly placement: Pick<VspherePlacement, "datacenterId">;
  /** Name of the cluster of hosts. */
  readonly drsCluster: string;
  /** Name of the rule, unique in the cluster. */
  readonly rule: string;
  readonly machines: readonly vsphere.VirtualMachine[];
}

/**
 * A rule by which DRS runs each machine on a host of its own, if the cluster has enough of them. If it has not, machines share
 * a host: a rule that must be followed would keep vSphere HA from starting a machine again.
 */
export function separateHosts(
  name: string,
  { placement: { datacenterId }, drsCluster, rule, machines }: SeparateHostsArgs,
): vsphere.ComputeClusterVmAntiAffinityRule {
  return new vsphere.ComputeClusterVmAntiAffinityRule(name, {
    name: rule,
    computeClusterId: vsphere.getComputeClusterOutput({ name: drsCluster, datacenterId }).id,
    virtualMachineIds: machines.map(({ id }) => id),
    mandatory: false,
  });
}

/** Stands for a template that was not found: a machine that is to be cloned from it fails, and says why. */
function missingTemplate({ template, datacenter }: VspherePlacementArgs, error: unknown): Template {
  const cause = `the template ${template} was not found in ${datacenter}`;
  const fix = "pulumi config set template NAME";
  void pulumi.log.warn(
    `${cause}. Machines that exist don't need it. A new one can't be created.\n` +
      `  cause: ${error instanceof Error ? error.message : String(error)}\n  fix:   ${fix}`,
  );
  return {
    missing: true,
    // The provider's error shows it.
    id: `none: ${cause}; fix: ${fix}`,
    guestId: "otherGuest",
    scsiType: "pvscsi",
    networkInterfaceTypes: ["vmxnet3"],
    disks: [{ label: "disk0", size: 1, thinProvisioned: true, eagerlyScrub: false, unitNumber: 0 }],
  };
}
