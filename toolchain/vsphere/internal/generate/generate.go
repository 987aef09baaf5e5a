// Package generate generates the package schema of the bridged vSphere provider and its Node SDK.
package generate

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"github.com/pulumi/pulumi-terraform-bridge/v3/pkg/tfgen"
	"github.com/pulumi/pulumi/pkg/v3/codegen/nodejs"
	pschema "github.com/pulumi/pulumi/pkg/v3/codegen/schema"
	"github.com/pulumi/pulumi/sdk/v3/go/common/diag"
	"github.com/pulumi/pulumi/sdk/v3/go/common/diag/colors"

	"smt-ha/toolchain/vsphere"
)

// SDK is a Node package: file contents by slash-separated path.
type SDK map[string][]byte

// Files are generated from the provider.
type Files struct {
	// Schema is the package schema, as indented JSON.
	Schema []byte
	// SDK is the Node SDK for Schema.
	SDK SDK
}

// Generate generates the schema and the SDK without network or files. The documentation comes from the Terraform
// provider's descriptions of properties.
func Generate() (Files, error) {
	log := diag.DefaultSink(os.Stderr, os.Stderr, diag.FormatOptions{Color: colors.Never})
	generated, err := tfgen.GenerateSchemaWithOptions(tfgen.GenerateSchemaOptions{
		ProviderInfo:    vsphere.Provider(),
		DiagnosticsSink: log,
		XInMemoryDocs:   true,
	})
	if err != nil {
		return Files{}, fmt.Errorf("generating the schema: %w", err)
	}
	spec := generated.PackageSpec

	var schema bytes.Buffer
	encoder := json.NewEncoder(&schema)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	if err := encoder.Encode(spec); err != nil {
		return Files{}, fmt.Errorf("encoding the schema: %w", err)
	}

	pkg, diags, err := pschema.BindSpec(spec, pschema.NewNullLoader(), pschema.ValidationOptions{})
	if err != nil {
		return Files{}, fmt.Errorf("binding the schema: %w", err)
	}
	if diags.HasErrors() {
		return Files{}, fmt.Errorf("binding the schema: %w", diags)
	}
	sdk, err := nodejs.GeneratePackage("toolchain/sdk", pkg, nil, nil, true, nil)
	if err != nil {
		return Files{}, fmt.Errorf("generating the SDK: %w", err)
	}
	return Files{Schema: schema.Bytes(), SDK: sdk}, nil
}

// notGenerated are the directories that npm and the TypeScript compiler create in the SDK's directory.
var notGenerated = []string{"bin", "node_modules"}

// Write replaces a directory's content with the SDK, except for notGenerated.
func (s SDK) Write(dir string) error {
	old, err := os.ReadDir(dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	for _, entry := range old {
		if slices.Contains(notGenerated, entry.Name()) {
			continue
		}
		if err := os.RemoveAll(filepath.Join(dir, entry.Name())); err != nil {
			return err
		}
	}
	for name, content := range s {
		path := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(path, content, 0o644); err != nil {
			return err
		}
	}
	return nil
}
