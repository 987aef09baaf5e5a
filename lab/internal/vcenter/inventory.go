package vcenter

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"

	"github.com/vmware/govmomi/object"
	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/simulator/esx"
	"github.com/vmware/govmomi/simulator/vpx"
	"github.com/vmware/govmomi/vim25"
	"github.com/vmware/govmomi/vim25/mo"
	"github.com/vmware/govmomi/vim25/types"

	"smt-ha/lab/internal/settings"
)

// inventory is the simulator's inventory, with the lab's side of its machines.
type inventory struct {
	state      settings.State
	hypervisor Hypervisor
	service    *simulator.Service
	registry   *simulator.Registry
	template   types.ManagedObjectReference

	mutex    sync.Mutex
	machines map[types.ManagedObjectReference]*machine
}

// record is a machine as the state directory stores it.
type record struct {
	VM mo.VirtualMachine
	// Booted means that the guest has customized itself, which it does only at its first boot.
	Booted bool
}

// newInventory creates the inventory: always the same datacenter, cluster, host, datastore, network and template (with
// a disk of this many bytes), and the machines and the cluster's rule that the state directory records.
func newInventory(state settings.State, hypervisor Hypervisor, templateDisk int64) (*simulator.Service, error) {
	for _, dir := range []string{state.Datastore(), state.Inventory()} {
		if err := os.MkdirAll(dir, 0o700); err != nil {
			return nil, err
		}
	}
	ctx := simulator.NewContext()
	service := simulator.New(simulator.NewServiceInstance(ctx, vpx.ServiceContent, vpx.RootFolder))
	inv := &inventory{
		state: state, hypervisor: hypervisor, service: service, registry: service.Context.Map,
		machines: map[types.ManagedObjectReference]*machine{},
	}
	if err := inv.build(templateDisk); err != nil {
		return nil, fmt.Errorf("vCenter inventory: %w", err)
	}
	if err := inv.restore(); err != nil {
		return nil, fmt.Errorf("vCenter inventory: %w", err)
	}
	inv.registry.Handler = inv.handle
	return service, nil
}

// build creates the objects that every lab has. The simulator numbers objects in the order of their creation, so
// references in machine records stay valid in the next run.
func (inv *inventory) build(templateDisk int64) error {
	ctx := inv.service.Context
	client, err := vim25.NewClient(context.Background(), inv.service)
	if err != nil {
		return err
	}
	datacenter, err := object.NewRootFolder(client).CreateDatacenter(ctx, settings.Datacenter)
	if err != nil {
		return err
	}
	folders, err := datacenter.Folders(ctx)
	if err != nil {
		return err
	}
	cluster, err := folders.HostFolder.CreateCluster(ctx, settings.Cluster, types.ClusterConfigSpecEx{})
	if err != nil {
		return err
	}
	task, err := cluster.AddHost(ctx, types.HostConnectSpec{HostName: settings.Host}, true, nil, nil)
	if err != nil {
		return err
	}
	if err := task.Wait(ctx); err != nil {
		return err
	}
	// The provider asks for a cluster as for a single host. vSphere looks at the ID alone.
	single := inv.registry.Get(cluster.Reference()).(*simulator.ClusterComputeResource).ComputeResource
	single.Self.Type = "ComputeResource"
	inv.registry.Put(&single)
	host := object.NewHostSystem(client, inv.registry.Any("HostSystem").Reference())
	datastores, err := host.ConfigManager().DatastoreSystem(ctx)
	if err != nil {
		return err
	}
	if _, err := datastores.CreateLocalDatastore(ctx, settings.Datastore, inv.state.Datastore()); err != nil {
		return err
	}
	// Clients compare this version with a machine's before they change the machine.
	version, err := strconv.Atoi(strings.TrimPrefix(esx.HardwareVersion, "vmx-"))
	if err != nil {
		return err
	}
	for _, browser := range inv.registry.AllReference("EnvironmentBrowser") {
		browser.(*simulator.EnvironmentBrowser).QueryConfigOptionResponse.Returnval = &types.VirtualMachineConfigOption{
			Version: esx.HardwareVersion, DefaultDevice: esx.VirtualDevice,
			HardwareOptions: types.VirtualHardwareOption{HwVersion: int32(version)},
		}
	}
	return inv.buildTemplate(ctx, client, folders, host, templateDisk)
}

// buildTemplate registers the template. Clones start from its hardware; it has no files of its own.
func (inv *inventory) buildTemplate(
	ctx context.Context, client *vim25.Client, folders *object.DatacenterFolders, host *object.HostSystem, disk int64,
) error {
	// The simulator writes a few files for every machine it creates.
	files := filepath.Join(inv.state.Datastore(), settings.Template)
	if err := os.RemoveAll(files); err != nil {
		return err
	}
	spec, err := templateSpec(disk)
	if err != nil {
		return err
	}
	pool, err := host.ResourcePool(ctx)
	if err != nil {
		return err
	}
	task, err := folders.VmFolder.CreateVM(ctx, spec, pool, host)
	if err != nil {
		return err
	}
	info, err := task.WaitForResult(ctx, nil)
	if err != nil {
		return err
	}
	inv.template = info.Result.(types.ManagedObjectReference)
	inv.registry.Get(inv.template).(*simulator.VirtualMachine).Config.SwapPlacement = swapPlacement
	return object.NewVirtualMachine(client, inv.template).MarkAsTemplate(ctx)
}

// restore loads the machines of an earlier run, and removes directories that an interrupted clone left in the datastore.
func (inv *inventory) restore() error {
	files, err := filepath.Glob(filepath.Join(inv.state.Inventory(), "vm-*.json"))
	if err != nil {
		return err
	}
	known := map[string]bool{settings.Template: true}
	for _, file := range files {
		m, err := inv.load(file)
		if err != nil {
			return fmt.Errorf("%s: %w", file, err)
		}
		known[filepath.Base(m.dir())] = true
	}
	if err := inv.restoreCluster(); err != nil {
		return fmt.Errorf("%s: %w", inv.clusterFile(), err)
	}
	// New objects must not get the numbers of restored ones.
	if err := inv.registry.AlignCounter(); err != nil {
		return err
	}
	dirs, err := os.ReadDir(inv.state.Datastore())
	if err != nil {
		return err
	}
	for _, dir := range dirs {
		if !known[dir.Name()] {
			log.Printf("removing %s, which belongs to no machine", dir.Name())
			if err := os.RemoveAll(filepath.Join(inv.state.Datastore(), dir.Name())); err != nil {
				return err
			}
		}
	}
	return nil
}

func (inv *inventory) load(file string) (*machine, error) {
	content, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	var saved record
	if err := types.NewJSONDecoder(bytes.NewReader(content)).Decode(&saved); err != nil {
		return nil, err
	}
	vm := &simulator.VirtualMachine{VirtualMachine: saved.VM, DataSets: map[string]*simulator.DataSet{}}
	parent, ok := inv.registry.Get(*vm.Parent).(*simulator.Folder)
	if !ok {
		return nil, fmt.Errorf("folder %s does not exist", vm.Parent)
	}
	ctx := inv.context()
	inv.registry.PutEntity(parent, vm)
	inv.registry.AddReference(ctx, parent, &parent.ChildEntity, vm.Self)
	if host, ok := inv.registry.Get(*vm.Runtime.Host).(*simulator.HostSystem); ok {
		inv.registry.AddReference(ctx, host, &host.Vm, vm.Self)
	}
	if pool, ok := inv.registry.Get(*vm.ResourcePool).(*simulator.ResourcePool); ok {
		inv.registry.AddReference(ctx, pool, &pool.Vm, vm.Self)
	}
	for _, ref := range vm.Datastore {
		if datastore, ok := inv.registry.Get(ref).(*simulator.Datastore); ok {
			inv.registry.AddReference(ctx, datastore, &datastore.Vm, vm.Self)
		}
	}
	m := inv.machine(vm)
	m.booted = saved.Booted
	m.reattach(ctx)
	return m, nil
}

// machine returns the lab's side of a machine of the simulator.
func (inv *inventory) machine(vm *simulator.VirtualMachine) *machine {
	inv.mutex.Lock()
	defer inv.mutex.Unlock()
	m, ok := inv.machines[vm.Self]
	if !ok {
		m = &machine{VirtualMachine: vm, inventory: inv}
		inv.machines[vm.Self] = m
	}
	return m
}

func (inv *inventory) file(ref types.ManagedObjectReference) string {
	return filepath.Join(inv.state.Inventory(), ref.Value+".json")
}

// save records a machine in its file, which it replaces atomically.
func (inv *inventory) save(m *machine) error {
	var buffer bytes.Buffer
	if err := types.NewJSONEncoder(&buffer).Encode(record{m.VirtualMachine.VirtualMachine, m.booted}); err != nil {
		return err
	}
	return replaceFile(inv.file(m.Self), buffer.Bytes())
}

// replaceFile replaces a file atomically.
func replaceFile(file string, content []byte) error {
	if err := os.WriteFile(file+".new", content, 0o600); err != nil {
		return err
	}
	return os.Rename(file+".new", file)
}

// forget removes a machine's record and files.
func (inv *inventory) forget(m *machine) error {
	inv.mutex.Lock()
	delete(inv.machines, m.Self)
	inv.mutex.Unlock()
	return errors.Join(os.Remove(inv.file(m.Self)), os.RemoveAll(m.dir()))
}

// context returns a new context: a context owns the simulator's locks that it takes.
func (inv *inventory) context() *simulator.Context {
	ctx := *inv.service.Context
	return &ctx
}

// post publishes an event.
func (inv *inventory) post(ctx *simulator.Context, events ...types.BaseEvent) {
	manager := inv.registry.EventManager()
	inv.registry.WithLock(ctx, manager, func() {
		for _, event := range events {
			manager.PostEvent(inv.context(), &types.PostEvent{EventToPost: event})
		}
	})
}

// completed waits for a task of the simulator and returns its outcome.
func (inv *inventory) completed(ref types.ManagedObjectReference) (types.AnyType, types.BaseMethodFault) {
	task := inv.registry.Get(ref).(*simulator.Task)
	task.Wait()
	if task.Info.Error != nil {
		return nil, task.Info.Error.Fault
	}
	return task.Info.Result, nil
}
