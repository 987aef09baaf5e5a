// Package shim makes the Terraform random provider importable. Its constructor lives in an internal package, which Go
// lets only paths below the provider's own module import; hence this module's path.
package shim

import (
	"github.com/hashicorp/terraform-plugin-framework/provider"

	random "github.com/terraform-providers/terraform-provider-random/internal/provider"
)

// NewProvider returns the Terraform random provider.
func NewProvider() provider.Provider {
	return random.New()
}
