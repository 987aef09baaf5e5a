// Package shim makes the Terraform random provider importable. The provider's constructor is in an internal package, which
// Go lets only paths below the provider's module import. That is why this module has such a path.
package shim

import (
	"github.com/hashicorp/terraform-plugin-framework/provider"

	random "github.com/terraform-providers/terraform-provider-random/internal/provider"
)

// NewProvider returns the Terraform random provider.
func NewProvider() provider.Provider {
	return random.New()
}
