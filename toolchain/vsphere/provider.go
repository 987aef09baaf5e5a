// Package vsphere maps the Terraform vSphere provider to the tokens of Pulumi's official vsphere plugin, cut down to
// what placing and running a virtual machine needs.
package vsphere

import (
	_ "embed" // for the schema

	"github.com/hashicorp/terraform-plugin-sdk/helper/schema"
	"github.com/hashicorp/terraform-provider-vsphere/vsphere"
	"github.com/pulumi/pulumi-terraform-bridge/v3/pkg/tfbridge"
	"github.com/pulumi/pulumi-terraform-bridge/v3/pkg/tfbridge/tokens"
	shim "github.com/pulumi/pulumi-terraform-bridge/v3/pkg/tfshim/sdk-v1"
)

// Version is that of the official plugin. The generated SDK asks for it, so that Pulumi uses the official plugin where it can
// be downloaded.
const Version = "4.17.0"

// Schema is the package schema of the cut-down provider, written by cmd/sdk.
//
//go:embed schema.json
var Schema []byte

var (
	resources   = []string{"vsphere_compute_cluster_vm_anti_affinity_rule", "vsphere_folder", "vsphere_virtual_machine"}
	dataSources = []string{
		"vsphere_compute_cluster",
		"vsphere_datacenter",
		"vsphere_datastore",
		"vsphere_host",
		"vsphere_network",
		"vsphere_resource_pool",
		"vsphere_virtual_machine",
	}
)

// Provider returns the bridged provider. It panics if a name above is unknown to the Terraform provider.
func Provider() tfbridge.ProviderInfo {
	terraform := vsphere.Provider().(*schema.Provider)
	terraform.ResourcesMap = only(terraform.ResourcesMap, resources)
	terraform.DataSourcesMap = only(terraform.DataSourcesMap, dataSources)

	info := tfbridge.ProviderInfo{
		Name:        "vsphere",
		Version:     Version,
		P:           shim.NewProvider(terraform),
		Description: "The part of VMware vSphere that smt-ha uses.",
		JavaScript: &tfbridge.JavaScriptInfo{
			PackageName:          "@pulumi/vsphere",
			Dependencies:         map[string]string{"@pulumi/pulumi": "^3.259.0"},
			RespectSchemaVersion: true,
		},
	}
	info.MustComputeTokens(tokens.SingleModule("vsphere_", "index", tokens.MakeStandard("vsphere")))
	return info
}

func only(all map[string]*schema.Resource, names []string) map[string]*schema.Resource {
	chosen := make(map[string]*schema.Resource, len(names))
	for _, name := range names {
		if all[name] == nil {
			panic("the Terraform vSphere provider has no " + name)
		}
		chosen[name] = all[name]
	}
	return chosen
}
