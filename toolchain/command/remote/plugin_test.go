package remote

import (
	"context"
	"strings"
	"testing"

	provider "github.com/pulumi/pulumi-go-provider"
	"github.com/pulumi/pulumi-go-provider/integration/fake"
	pulumiprovider "github.com/pulumi/pulumi/pkg/v3/resource/provider"
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource/plugin"
	pulumirpc "github.com/pulumi/pulumi/sdk/v3/proto/go"
	"google.golang.org/protobuf/types/known/structpb"
)

// engine drives the plugin as Pulumi's engine does, over its RPC types, and keeps what it logs.
type engine struct {
	t      *testing.T
	plugin pulumirpc.ResourceProviderServer
	server *fake.EngineServer
}

func startEngine(t *testing.T) *engine {
	t.Helper()
	server := fake.NewEngineServer()
	address, _, err := fake.StartEngineServer(t.Context(), server)
	if err != nil {
		t.Fatal(err)
	}
	host, err := pulumiprovider.NewHostClient(address)
	if err != nil {
		t.Fatal(err)
	}
	command, err := Provider()
	if err != nil {
		t.Fatal(err)
	}
	plugin, err := provider.RawServer("command", Version, command)(host)
	if err != nil {
		t.Fatal(err)
	}
	return &engine{t: t, plugin: plugin, server: server}
}

// managed is a resource as the engine keeps it in state.
type managed struct {
	engine  *engine
	urn     string
	id      string
	inputs  resource.PropertyMap
	outputs resource.PropertyMap
}

func (e *engine) resource(kind string) *managed {
	urn := "urn:pulumi:test::test::command:remote:" + kind + "::it"
	return &managed{engine: e, urn: urn}
}

func (r *managed) check(inputs map[string]any) (resource.PropertyMap, []*pulumirpc.CheckFailure) {
	r.engine.t.Helper()
	response, err := r.engine.plugin.Check(context.Background(), &pulumirpc.CheckRequest{
		Urn: r.urn, Olds: r.marshal(r.inputs), News: r.marshal(resource.NewPropertyMapFromMap(inputs)),
	})
	if err != nil {
		r.engine.t.Fatalf("check: %v", err)
	}
	return r.unmarshal(response.Inputs), response.Failures
}

func (r *managed) mustCheck(inputs map[string]any) resource.PropertyMap {
	r.engine.t.Helper()
	checked, failures := r.check(inputs)
	if len(failures) > 0 {
		r.engine.t.Fatalf("check: %v", failures)
	}
	return checked
}

func (r *managed) create(inputs map[string]any) error {
	r.engine.t.Helper()
	checked := r.mustCheck(inputs)
	response, err := r.engine.plugin.Create(r.engine.t.Context(), &pulumirpc.CreateRequest{
		Urn: r.urn, Properties: r.marshal(checked),
	})
	if err != nil {
		return err
	}
	r.id, r.inputs, r.outputs = response.Id, checked, r.unmarshal(response.Properties)
	return nil
}

func (r *managed) preview(inputs map[string]any) resource.PropertyMap {
	r.engine.t.Helper()
	response, err := r.engine.plugin.Create(r.engine.t.Context(), &pulumirpc.CreateRequest{
		Urn: r.urn, Properties: r.marshal(r.mustCheck(inputs)), Preview: true,
	})
	if err != nil {
		r.engine.t.Fatalf("preview: %v", err)
	}
	return r.unmarshal(response.Properties)
}

func (r *managed) diff(inputs map[string]any) *pulumirpc.DiffResponse {
	r.engine.t.Helper()
	response, err := r.engine.plugin.Diff(context.Background(), &pulumirpc.DiffRequest{
		Id: r.id, Urn: r.urn, Olds: r.marshal(r.outputs), OldInputs: r.marshal(r.inputs), News: r.marshal(r.mustCheck(inputs)),
	})
	if err != nil {
		r.engine.t.Fatalf("diff: %v", err)
	}
	return response
}

func (r *managed) update(inputs map[string]any) error {
	r.engine.t.Helper()
	checked := r.mustCheck(inputs)
	response, err := r.engine.plugin.Update(r.engine.t.Context(), &pulumirpc.UpdateRequest{
		Id: r.id, Urn: r.urn, Olds: r.marshal(r.outputs), OldInputs: r.marshal(r.inputs), News: r.marshal(checked),
	})
	if err != nil {
		return err
	}
	r.inputs, r.outputs = checked, r.unmarshal(response.Properties)
	return nil
}

func (r *managed) delete() error {
	_, err := r.engine.plugin.Delete(r.engine.t.Context(), &pulumirpc.DeleteRequest{
		Id: r.id, Urn: r.urn, Properties: r.marshal(r.outputs), OldInputs: r.marshal(r.inputs),
	})
	return err
}

// output returns a string that the resource has in state, secret or not.
func (r *managed) output(name resource.PropertyKey) string {
	value := r.outputs[name]
	for value.IsSecret() {
		value = value.SecretValue().Element
	}
	if !value.IsString() {
		return ""
	}
	return value.StringValue()
}

var keepAll = plugin.MarshalOptions{KeepUnknowns: true, KeepSecrets: true, KeepResources: true, KeepOutputValues: false}

func (r *managed) marshal(properties resource.PropertyMap) *structpb.Struct {
	r.engine.t.Helper()
	marshalled, err := plugin.MarshalProperties(properties, keepAll)
	if err != nil {
		r.engine.t.Fatal(err)
	}
	return marshalled
}

func (r *managed) unmarshal(properties *structpb.Struct) resource.PropertyMap {
	r.engine.t.Helper()
	unmarshalled, err := plugin.UnmarshalProperties(properties, keepAll)
	if err != nil {
		r.engine.t.Fatal(err)
	}
	return unmarshalled
}

// logged returns what the plugin has sent to the engine's log, a message a line.
func (e *engine) logged() string {
	var messages []string
	for _, entry := range e.server.Logs() {
		messages = append(messages, entry.Message)
	}
	return strings.Join(messages, "\n")
}

// with returns a copy of a map in which some keys have other values.
func with(values map[string]any, changes map[string]any) map[string]any {
	changed := make(map[string]any, len(values)+len(changes))
	for key, value := range values {
		changed[key] = value
	}
	for key, value := range changes {
		changed[key] = value
	}
	return changed
}
