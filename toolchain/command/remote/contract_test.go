package remote

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	provider "github.com/pulumi/pulumi-go-provider"
	"github.com/pulumi/pulumi/pkg/v3/codegen/schema"
)

var update = flag.Bool("update", false, "rewrite testdata/contract.json from node_modules/@pulumi/command")

// contract is what a program that uses @pulumi/command relies on.
type contract struct {
	Version   string
	Resources map[string]resourceContract
	Types     map[string]map[string]property
	Logging   []string
}

type resourceContract struct {
	Inputs  map[string]property
	Outputs map[string]property
}

type property struct {
	Required         bool `json:",omitempty"`
	Secret           bool `json:",omitempty"`
	ReplaceOnChanges bool `json:",omitempty"`
	Default          any  `json:",omitempty"`
}

const (
	contractFile = "testdata/contract.json"
	sdkDir       = "../../../node_modules/@pulumi/command"
)

// The plugin's schema fulfills the committed contract.
func TestSchemaIsTheOneTheSDKUses(t *testing.T) {
	if *update {
		write(t, contractFile, toJSON(t, sdkContract(t)), 0o644)
	}
	var want contract
	if err := json.Unmarshal([]byte(read(t, contractFile)), &want); err != nil {
		t.Fatal(err)
	}
	if got := toJSON(t, pluginContract(t)); got != toJSON(t, want) {
		t.Errorf("the plugin's schema is\n%s\nbut %s says\n%s", got, contractFile, toJSON(t, want))
	}
}

func TestContractIsTheInstalledSDKs(t *testing.T) {
	if _, err := os.Stat(sdkDir); err != nil {
		t.Skipf("@pulumi/command is not installed (npm ci), so %s is taken as it is: %v", contractFile, err)
	}
	if got := toJSON(t, sdkContract(t)); got != read(t, contractFile) {
		t.Errorf("node_modules/@pulumi/command has\n%s\nbut %s says\n%s", got, contractFile, read(t, contractFile))
	}
}

func toJSON(t *testing.T, value contract) string {
	t.Helper()
	text, err := json.MarshalIndent(value, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	return string(text) + "\n"
}

// pluginContract reads the plugin's own schema.
func pluginContract(t *testing.T) contract {
	t.Helper()
	command, err := Provider()
	if err != nil {
		t.Fatal(err)
	}
	spec, err := provider.GetSchema(context.Background(), "command", Version, command)
	if err != nil {
		t.Fatal(err)
	}
	properties := func(specs map[string]schema.PropertySpec, required []string) map[string]property {
		result := map[string]property{}
		for name, spec := range specs {
			result[name] = property{
				Required:         slices.Contains(required, name),
				Secret:           spec.Secret,
				ReplaceOnChanges: spec.ReplaceOnChanges,
				Default:          spec.Default,
			}
		}
		return result
	}
	result := contract{Version: spec.Version, Resources: map[string]resourceContract{}, Types: map[string]map[string]property{}}
	for token, resource := range spec.Resources {
		result.Resources[token] = resourceContract{
			Inputs:  properties(resource.InputProperties, resource.RequiredInputs),
			Outputs: properties(resource.Properties, resource.Required),
		}
	}
	for token, object := range spec.Types {
		if len(object.Enum) == 0 {
			result.Types[token] = properties(object.Properties, object.Required)
			continue
		}
		for _, value := range object.Enum {
			result.Logging = append(result.Logging, fmt.Sprint(value.Value))
		}
	}
	slices.Sort(result.Logging)
	return result
}

var (
	field         = regexp.MustCompile(`(?m)^\s+(?:readonly )?(\w+)(\??): ([^;]*);`)
	optionalField = regexp.MustCompile(`\| undefined>$`)
	secretInput   = regexp.MustCompile(`resourceInputs\["(\w+)"\] = [^;]*pulumi\.secret\(`)
	secretOutputs = regexp.MustCompile(`additionalSecretOutputs: (\[".*?"\])`)
	replacing     = regexp.MustCompile(`replaceOnChanges: (\[".*?"\])`)
	defaultValue  = regexp.MustCompile(`(\w+): \(val\.\w+\) \?\? ([^,]+),`)
	enumValue     = regexp.MustCompile(`readonly \w+: "(\w+)"`)
	mapType       = regexp.MustCompile(`\{\s*\[key: string\]: [^;]*;\s*\}`)
	comment       = regexp.MustCompile(`(?s)/\*\*.*?\*/`)
)

// sdkContract reads the declarations and the code that were generated from the official plugin's schema.
func sdkContract(t *testing.T) contract {
	t.Helper()
	source := func(name string) string {
		text := comment.ReplaceAllString(read(t, filepath.Join(sdkDir, name)), "")
		return mapType.ReplaceAllString(text, "Map")
	}
	var pkg struct{ Version string }
	if err := json.Unmarshal([]byte(read(t, filepath.Join(sdkDir, "package.json"))), &pkg); err != nil {
		t.Fatal(err)
	}
	result := contract{
		Version:   pkg.Version,
		Resources: map[string]resourceContract{},
		Types:     map[string]map[string]property{},
	}

	inputTypes, defaults := source("types/input.d.ts"), source("types/input.js")
	for _, name := range []string{"Connection", "ProxyConnection"} {
		properties := fields(t, block(t, inputTypes, "interface "+name+"Args {"))
		function := block(t, defaults, "function "+strings.ToLower(name[:1])+name[1:]+"ArgsProvideDefaults(val) {")
		for _, match := range defaultValue.FindAllStringSubmatch(function, -1) {
			entry := properties[match[1]]
			if err := json.Unmarshal([]byte(match[2]), &entry.Default); err != nil {
				t.Fatal(err)
			}
			properties[match[1]] = entry
		}
		// The SDK does not show these, because it makes a connection a secret as a whole. Without them, a change between this
		// plugin and the official one would run every command again.
		for _, name := range []string{"password", "privateKey", "privateKeyPassword"} {
			set(properties, name, func(p *property) { p.Secret = true })
		}
		result.Types["command:remote:"+name] = properties
	}

	for _, name := range []string{"Command", "CopyToRemote"} {
		file := strings.ToLower(name[:1]) + name[1:]
		declarations, code := source("remote/"+file+".d.ts"), source("remote/"+file+".js")
		inputs := fields(t, block(t, declarations, "interface "+name+"Args {"))
		outputs := fields(t, block(t, declarations, "class "+name+" extends"))
		for _, match := range secretInput.FindAllStringSubmatch(code, -1) {
			set(inputs, match[1], func(p *property) { p.Secret = true })
		}
		for _, name := range list(t, secretOutputs, code) {
			set(outputs, name, func(p *property) { p.Secret = true })
		}
		for _, path := range list(t, replacing, code) {
			name := strings.TrimSuffix(path, "[*]")
			set(inputs, name, func(p *property) { p.ReplaceOnChanges = true })
			set(outputs, name, func(p *property) { p.ReplaceOnChanges = true })
		}
		result.Resources["command:remote:"+name] = resourceContract{Inputs: inputs, Outputs: outputs}
	}

	for _, match := range enumValue.FindAllStringSubmatch(source("types/enums/remote/index.d.ts"), -1) {
		result.Logging = append(result.Logging, match[1])
	}
	slices.Sort(result.Logging)
	return result
}

// block returns the text from an opening line to the next line that closes a block.
func block(t *testing.T, text, opening string) string {
	t.Helper()
	_, rest, found := strings.Cut(text, opening)
	if !found {
		t.Fatalf("the SDK has no %q", opening)
	}
	end := regexp.MustCompile(`(?m)^(    )?}`).FindStringIndex(rest)
	if end == nil {
		t.Fatalf("%q does not end", opening)
	}
	return rest[:end[0]]
}

func fields(t *testing.T, text string) map[string]property {
	t.Helper()
	result := map[string]property{}
	for _, match := range field.FindAllStringSubmatch(text, -1) {
		result[match[1]] = property{Required: match[2] == "" && !optionalField.MatchString(match[3])}
	}
	return result
}

func set(properties map[string]property, name string, change func(*property)) {
	entry := properties[name]
	change(&entry)
	properties[name] = entry
}

func list(t *testing.T, pattern *regexp.Regexp, code string) []string {
	t.Helper()
	match := pattern.FindStringSubmatch(code)
	if match == nil {
		return nil
	}
	var names []string
	if err := json.Unmarshal([]byte(match[1]), &names); err != nil {
		t.Fatal(err)
	}
	return names
}
