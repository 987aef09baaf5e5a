// Command pulumi-resource-vsphere serves the Terraform vSphere provider over Pulumi's bridge.
package main

import (
	"github.com/pulumi/pulumi-terraform-bridge/v3/pkg/tfbridge"

	"smt-ha/toolchain/vsphere"
)

func main() {
	tfbridge.Main("vsphere", vsphere.Version, vsphere.Provider(), vsphere.Schema)
}
