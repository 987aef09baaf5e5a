// Package remote runs commands on, and copies files to, hosts over SSH: the remote module of Pulumi's command package.
// Its name and its type names are the tokens that programs use (command:remote:Command).
package remote

import (
	provider "github.com/pulumi/pulumi-go-provider"
	"github.com/pulumi/pulumi-go-provider/infer"
)

// Version is that of @pulumi/command in package.json, because Pulumi finds a plugin by its version.
const Version = "1.2.1"

// Provider returns the plugin's resources as a Pulumi provider.
func Provider() (provider.Provider, error) {
	return infer.NewProviderBuilder().
		WithResources(infer.Resource(&Command{}), infer.Resource(&CopyToRemote{})).
		Build()
}
