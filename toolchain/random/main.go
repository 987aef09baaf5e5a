// Command pulumi-resource-random serves the Terraform random provider over Pulumi's bridge, with the type tokens and
// version of the official plugin that the npm package @pulumi/random asks for.
package main

import (
	"context"

	pf "github.com/pulumi/pulumi-terraform-bridge/v3/pkg/pf/tfbridge"
	"github.com/pulumi/pulumi-terraform-bridge/v3/pkg/tfbridge"
	"github.com/pulumi/pulumi-terraform-bridge/v3/pkg/tfbridge/tokens"
	"github.com/terraform-providers/terraform-provider-random/shim"
)

// version is that of @pulumi/random in package.json, because Pulumi finds a plugin by its version.
const version = "4.21.2"

// provider maps the Terraform resources to the official tokens, such as random:index/randomPassword:RandomPassword.
func provider() tfbridge.ProviderInfo {
	info := tfbridge.ProviderInfo{
		Name:         "random",
		Version:      version,
		P:            pf.ShimProvider(shim.NewProvider()),
		MetadataInfo: tfbridge.NewProviderMetadata([]byte("{}")),
	}
	standard := tokens.MakeStandard("random")
	info.MustComputeTokens(tokens.SingleModule("random_", "index", func(module, name string) (string, error) {
		return standard(module, "Random"+name)
	}))
	return info
}

func main() {
	// The schema is for code generators and documentation; the SDK comes from npm.
	pf.Main(context.Background(), "random", provider(), pf.ProviderMetadata{PackageSchema: []byte("{}")})
}
