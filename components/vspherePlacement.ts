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

/** The looked-up IDs, and what a clone must copy from its template. */
export interface VspherePlacement {
  readonly datastoreId: pulumi.Output<string>;
  readonly resourcePoolId: pulumi.Output<string>;
  readonly networkId: pulumi.Output<string>;
  readonly template: pulumi.Output<vsphere.GetVirtualMachineResult>;
}

/** Looks up the names once for all machines. The preview fails on an unknown name. */
export function lookUpPlacement(args: VspherePlacementArgs): VspherePlacement {
  const datacenterId = vsphere.getDatacenterOutput({ name: args.datacenter }).id;
  return {
    datastoreId: vsphere.getDatastoreOutput({ name: args.datastore, datacenterId }).id,
    resourcePoolId: vsphere.getResourcePoolOutput({ name: args.resourcePool, datacenterId }).id,
    networkId: vsphere.getNetworkOutput({ name: args.network, datacenterId }).id,
    template: vsphere.getVirtualMachineOutput({ name: args.template, datacenterId }),
  };
}
