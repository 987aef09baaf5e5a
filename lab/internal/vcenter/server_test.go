package vcenter

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"net/url"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/vmware/govmomi"
	"github.com/vmware/govmomi/event"
	"github.com/vmware/govmomi/fault"
	"github.com/vmware/govmomi/find"
	"github.com/vmware/govmomi/object"
	"github.com/vmware/govmomi/property"
	"github.com/vmware/govmomi/vim25/mo"
	"github.com/vmware/govmomi/vim25/types"

	"smt-ha/lab/internal/qemu"
	"smt-ha/lab/internal/settings"
	"smt-ha/lab/internal/vcenter/client"
)

// fakeHypervisor stands in for QEMU, which these tests need not start. It records its calls.
type fakeHypervisor struct {
	mutex    sync.Mutex
	prepared map[string]qemu.Machine
	on       map[string]*fakeRunning
	starts   int
	broken   error
}

type fakeRunning struct {
	machine qemu.Machine
	off     chan struct{}
	once    sync.Once
	mutex   sync.Mutex
	guest   *qemu.Guest
	calls   []string
}

func newFake() *fakeHypervisor {
	return &fakeHypervisor{prepared: map[string]qemu.Machine{}, on: map[string]*fakeRunning{}}
}

func (f *fakeHypervisor) PrepareDisks(m qemu.Machine) error {
	f.mutex.Lock()
	defer f.mutex.Unlock()
	f.prepared[m.Name] = m
	return nil
}

func (f *fakeHypervisor) Start(m qemu.Machine) (Running, error) {
	f.mutex.Lock()
	defer f.mutex.Unlock()
	if f.broken != nil {
		return nil, f.broken
	}
	f.starts++
	f.on[m.Name] = &fakeRunning{machine: m, off: make(chan struct{})}
	return f.on[m.Name], nil
}

func (f *fakeHypervisor) Find(m qemu.Machine) (Running, bool) {
	f.mutex.Lock()
	defer f.mutex.Unlock()
	r, ok := f.on[m.Name]
	return r, ok
}

func (f *fakeHypervisor) running(name string) *fakeRunning {
	f.mutex.Lock()
	defer f.mutex.Unlock()
	return f.on[name]
}

func (r *fakeRunning) Stop() error {
	r.once.Do(func() { close(r.off) })
	return nil
}

func (r *fakeRunning) Reset() error {
	r.record("reset")
	r.answer(nil)
	return nil
}

func (r *fakeRunning) GrowDisks(disks []qemu.Disk) error {
	for _, disk := range disks {
		r.record(fmt.Sprintf("%s:%dG", disk.File, disk.Bytes>>30))
	}
	return nil
}

func (r *fakeRunning) Wait() { <-r.off }

func (r *fakeRunning) Shutdown(mode string) error {
	r.record(mode)
	return nil
}

func (r *fakeRunning) Ask(time.Duration) (*qemu.Guest, error) {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	if r.guest == nil {
		return nil, errors.New("silent")
	}
	return r.guest, nil
}

func (r *fakeRunning) answer(guest *qemu.Guest) {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	r.guest = guest
}

func (r *fakeRunning) record(call string) {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	r.calls = append(r.calls, call)
}

func (r *fakeRunning) recorded() string {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	return strings.Join(r.calls, " ")
}

// lab is a vCenter under test with a client.
type lab struct {
	*testing.T
	ctx        context.Context
	state      settings.State
	hypervisor *fakeHypervisor
	server     *Server
	client     *govmomi.Client
	finder     *find.Finder
}

const templateDisk = 8 << 30

func newLab(t *testing.T) *lab {
	l := &lab{T: t, ctx: context.Background(), state: settings.State(t.TempDir()), hypervisor: newFake()}
	l.start()
	t.Cleanup(func() { l.server.Close() })
	return l
}

func (l *lab) start() {
	l.Helper()
	server, err := Start(l.state, l.hypervisor, templateDisk, "127.0.0.1:0")
	if err != nil {
		l.Fatal(err)
	}
	l.server = server
	if l.client, err = govmomi.NewClient(l.ctx, server.http.URL, true); err != nil {
		l.Fatal(err)
	}
	l.finder = find.NewFinder(l.client.Client, true)
	datacenter, err := l.finder.Datacenter(l.ctx, settings.Datacenter)
	if err != nil {
		l.Fatal(err)
	}
	l.finder.SetDatacenter(datacenter)
}

func (l *lab) restart() {
	l.server.Close()
	l.start()
}

func (l *lab) machine(name string) *object.VirtualMachine {
	l.Helper()
	vm, err := l.finder.VirtualMachine(l.ctx, name)
	if err != nil {
		l.Fatal(err)
	}
	return vm
}

func (l *lab) properties(vm *object.VirtualMachine) mo.VirtualMachine {
	l.Helper()
	var properties mo.VirtualMachine
	if err := vm.Properties(l.ctx, vm.Reference(), nil, &properties); err != nil {
		l.Fatal(err)
	}
	return properties
}

func (l *lab) cloneSpec() types.VirtualMachineCloneSpec {
	l.Helper()
	pool, err := l.finder.ResourcePool(l.ctx, settings.Cluster+"/Resources")
	if err != nil {
		l.Fatal(err)
	}
	datastore, err := l.finder.Datastore(l.ctx, settings.Datastore)
	if err != nil {
		l.Fatal(err)
	}
	return types.VirtualMachineCloneSpec{Location: types.VirtualMachineRelocateSpec{
		Pool: types.NewReference(pool.Reference()), Datastore: types.NewReference(datastore.Reference()),
	}}
}

func (l *lab) clone(source, name string, change func(*types.VirtualMachineCloneSpec)) error {
	l.Helper()
	folders, err := l.finder.DefaultFolder(l.ctx)
	if err != nil {
		l.Fatal(err)
	}
	spec := l.cloneSpec()
	if change != nil {
		change(&spec)
	}
	return wait(l.ctx)(l.machine(source).Clone(l.ctx, folders, name, spec))
}

func (l *lab) mustClone(name string) *object.VirtualMachine {
	l.Helper()
	if err := l.clone(settings.Template, name, nil); err != nil {
		l.Fatal(err)
	}
	return l.machine(name)
}

func (l *lab) must(task *object.Task, err error) {
	l.Helper()
	if err := wait(l.ctx)(task, err); err != nil {
		l.Fatal(err)
	}
}

// refuses checks that a call or its task fails with a fault of type F that has this text.
func refuses[F types.BaseMethodFault](l *lab, text string, err error) {
	l.Helper()
	var want F
	if err == nil {
		l.Errorf("accepted; want %T", want)
	} else if _, ok := fault.As(err, &want); !ok || !strings.Contains(err.Error(), text) {
		l.Errorf("fault %q (%T); want %T with %q", err, err, want, text)
	}
}

func wait(ctx context.Context) func(*object.Task, error) error {
	return func(task *object.Task, err error) error {
		if err != nil {
			return err
		}
		return task.Wait(ctx)
	}
}

// eventually waits until a machine's properties are as wanted.
func (l *lab) eventually(vm *object.VirtualMachine, what string, wanted func(mo.VirtualMachine) bool) {
	l.Helper()
	deadline := time.Now().Add(15 * time.Second)
	for !wanted(l.properties(vm)) {
		if time.Now().After(deadline) {
			l.Fatalf("%s: not within 15 seconds", what)
		}
		time.Sleep(50 * time.Millisecond)
	}
}

func (l *lab) power(vm *object.VirtualMachine) types.VirtualMachinePowerState {
	return l.properties(vm).Runtime.PowerState
}

func guestOf(r *fakeRunning, address string) *qemu.Guest {
	return &qemu.Guest{
		HostName: "guest", OS: "Debian GNU/Linux 12 (bookworm)",
		Interfaces: []qemu.Interface{{Name: "eth0", MAC: r.machine.NICs[0].MAC, Addresses: []netip.Prefix{netip.MustParsePrefix(address)}}},
		Routes:     []qemu.Route{{Destination: netip.MustParsePrefix("0.0.0.0/0"), Gateway: netip.MustParseAddr("192.0.2.1"), Interface: "eth0"}},
	}
}

func TestInventory(t *testing.T) {
	l := newLab(t)
	template := l.properties(l.machine(settings.Template))
	if !template.Config.Template || template.Config.GuestId != "debian12_64Guest" || template.Config.SwapPlacement != "inherit" {
		t.Errorf("template: %v %s %s", template.Config.Template, template.Config.GuestId, template.Config.SwapPlacement)
	}
	disk := object.VirtualDeviceList(template.Config.Hardware.Device).SelectByType((*types.VirtualDisk)(nil))
	if len(disk) != 1 || disk[0].(*types.VirtualDisk).CapacityInBytes != templateDisk {
		t.Errorf("template's disks: %v", disk)
	}
	if _, err := l.finder.Network(l.ctx, settings.Network); err != nil {
		t.Error(err)
	}
	hosts, err := l.finder.ClusterComputeResource(l.ctx, settings.Cluster)
	if err != nil {
		t.Fatal(err)
	}
	var asSingle mo.ComputeResource
	single := types.ManagedObjectReference{Type: "ComputeResource", Value: hosts.Reference().Value}
	if err := hosts.Properties(l.ctx, single, []string{"environmentBrowser"}, &asSingle); err != nil || asSingle.EnvironmentBrowser == nil {
		t.Errorf("the cluster as a single host: %v %v", asSingle.EnvironmentBrowser, err)
	}
	wrong := *l.server.http.URL
	wrong.User = nil
	stranger, err := govmomi.NewClient(l.ctx, &wrong, true)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := find.NewFinder(stranger.Client).DefaultDatacenter(l.ctx); err == nil {
		t.Error("the inventory can be read without a login")
	}
}

func TestLogin(t *testing.T) {
	l := newLab(t)
	u := *l.server.http.URL
	for _, user := range []*url.Userinfo{
		url.UserPassword(settings.VCenterUser, "wrong"), url.UserPassword("root", settings.VCenterPassword),
	} {
		u.User = user
		_, err := govmomi.NewClient(l.ctx, &u, true)
		refuses[*types.InvalidLogin](l, "", err)
	}
}

func TestCloneHasTheHardwareAskedFor(t *testing.T) {
	l := newLab(t)
	err := l.clone(settings.Template, "node1", func(spec *types.VirtualMachineCloneSpec) {
		spec.Config = &types.VirtualMachineConfigSpec{
			NumCPUs: 2, MemoryMB: 1536, Annotation: "a note",
			ExtraConfig: []types.BaseOptionValue{&types.OptionValue{Key: "some.key", Value: "some value"}},
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	vm := l.machine("node1")
	properties := l.properties(vm)
	if properties.Config.Annotation != "a note" || properties.Config.SwapPlacement != "inherit" {
		t.Errorf("annotation %q, swap %q", properties.Config.Annotation, properties.Config.SwapPlacement)
	}
	if value, _ := object.OptionValueList(properties.Config.ExtraConfig).GetString("some.key"); value != "some value" {
		t.Errorf("extraConfig: %q", value)
	}
	disks, err := vm.Device(l.ctx)
	if err != nil {
		t.Fatal(err)
	}
	disk := disks.SelectByType((*types.VirtualDisk)(nil))[0].(*types.VirtualDisk)
	disk.CapacityInBytes, disk.CapacityInKB = 10<<30, 10<<20
	if err := vm.EditDevice(l.ctx, disk); err != nil {
		t.Fatal(err)
	}
	l.must(vm.PowerOn(l.ctx))
	got := l.hypervisor.running("node1").machine
	want := qemu.Machine{
		Dir: filepath.Join(l.state.Datastore(), "node1"), Name: "node1", UUID: properties.Config.Uuid, CPUs: 2, MemoryMiB: 1536,
		Disks: []qemu.Disk{{File: "node1.qcow2", Bytes: 10 << 30}},
	}
	if len(got.NICs) != 1 || !strings.HasPrefix(got.NICs[0].MAC, "00:50:56:") || got.NICs[0].Tap != vm.Reference().Value+".0" {
		t.Errorf("network cards: %+v", got.NICs)
	}
	want.NICs = got.NICs
	if got.UUID == "" || !reflect.DeepEqual(got, want) || !reflect.DeepEqual(l.hypervisor.prepared["node1"], want) {
		t.Errorf("started %+v\nprepared %+v\nwant %+v", got, l.hypervisor.prepared["node1"], want)
	}
	l.must(vm.PowerOff(l.ctx))
	disk.CapacityInBytes, disk.CapacityInKB = 9<<30, 9<<20
	refuses[*types.InvalidDeviceOperation](l, "", vm.EditDevice(l.ctx, disk))
}

func TestClonesDiffer(t *testing.T) {
	l := newLab(t)
	uuids, macs := map[string]bool{}, map[string]bool{}
	for _, name := range []string{"node1", "node2", "node3"} {
		l.mustClone(name)
		m := l.hypervisor.prepared[name]
		uuids[m.UUID], macs[m.NICs[0].MAC] = true, true
	}
	if len(uuids) != 3 || len(macs) != 3 {
		t.Errorf("UUIDs %v, MAC addresses %v", uuids, macs)
	}
	refuses[*types.DuplicateName](l, "node2 exists", l.clone(settings.Template, "node2", nil))
	first := l.hypervisor.prepared["node1"].UUID
	l.must(l.machine("node1").Destroy(l.ctx))
	l.mustClone("node1")
	if again := l.hypervisor.prepared["node1"].UUID; again == first {
		t.Error("another machine of the same name has the same UUID")
	}
}

func TestStaticMAC(t *testing.T) {
	l := newLab(t)
	vm := l.mustClone("node1")
	devices, err := vm.Device(l.ctx)
	if err != nil {
		t.Fatal(err)
	}
	card := devices.SelectByType((*types.VirtualEthernetCard)(nil))[0].(types.BaseVirtualEthernetCard)
	card.GetVirtualEthernetCard().AddressType = string(types.VirtualEthernetCardMacTypeManual)
	card.GetVirtualEthernetCard().MacAddress = "00:50:56:00:12:34"
	if err := vm.EditDevice(l.ctx, card.(types.BaseVirtualDevice)); err != nil {
		t.Fatal(err)
	}
	if got := l.hypervisor.prepared["node1"].NICs[0].MAC; got != "00:50:56:00:12:34" {
		t.Errorf("MAC address %s", got)
	}
}

func TestClusterKeepsItsRule(t *testing.T) {
	l := newLab(t)
	var machines []types.ManagedObjectReference
	for _, name := range []string{"node1", "node2"} {
		machines = append(machines, l.mustClone(name).Reference())
	}
	hosts := func() *object.ClusterComputeResource {
		found, err := l.finder.ClusterComputeResource(l.ctx, settings.Cluster)
		if err != nil {
			t.Fatal(err)
		}
		return found
	}
	rules := func() []types.BaseClusterRuleInfo {
		config, err := hosts().Configuration(l.ctx)
		if err != nil {
			t.Fatal(err)
		}
		return config.Rule
	}
	reconfigure := func(specs ...types.ClusterRuleSpec) error {
		return wait(l.ctx)(hosts().Reconfigure(l.ctx, &types.ClusterConfigSpecEx{RulesSpec: specs}, true))
	}
	add := func(name string) types.ClusterRuleSpec {
		return types.ClusterRuleSpec{
			ArrayUpdateSpec: types.ArrayUpdateSpec{Operation: types.ArrayUpdateOperationAdd},
			Info:            &types.ClusterAntiAffinityRuleSpec{ClusterRuleInfo: types.ClusterRuleInfo{Name: name}, Vm: machines},
		}
	}

	refuses[*types.NotSupported](l, "nothing else", reconfigure())
	if err := reconfigure(add("apart")); err != nil {
		t.Fatal(err)
	}
	refuses[*types.NotSupported](l, "one rule", reconfigure(add("again")))
	before := rules()
	l.restart()
	if after := rules(); len(after) != 1 || !reflect.DeepEqual(after, before) {
		t.Fatalf("rules after a restart: %+v, before: %+v", after, before)
	}
	remove := types.ClusterRuleSpec{ArrayUpdateSpec: types.ArrayUpdateSpec{
		Operation: types.ArrayUpdateOperationRemove, RemoveKey: before[0].GetClusterRuleInfo().Key,
	}}
	if err := reconfigure(remove); err != nil || len(rules()) != 0 {
		t.Errorf("removed: %v, left: %v", err, rules())
	}
}

func TestRefusals(t *testing.T) {
	l := newLab(t)
	vm := l.mustClone("node1")
	template := l.machine(settings.Template)
	folder, err := l.finder.DefaultFolder(l.ctx)
	if err != nil {
		t.Fatal(err)
	}
	pool, err := l.finder.ResourcePool(l.ctx, settings.Cluster+"/Resources")
	if err != nil {
		t.Fatal(err)
	}
	run := wait(l.ctx)
	refuses[*types.NotSupported](l, "", run(vm.CreateSnapshot(l.ctx, "s", "", false, false)))
	refuses[*types.NotSupported](l, "", run(vm.Relocate(l.ctx, types.VirtualMachineRelocateSpec{}, types.VirtualMachineMovePriorityDefaultPriority)))
	refuses[*types.NotSupported](l, "", run(vm.Suspend(l.ctx)))
	refuses[*types.NotSupported](l, "", vm.Unregister(l.ctx))
	refuses[*types.NotSupported](l, "", vm.MarkAsTemplate(l.ctx))
	refuses[*types.NotSupported](l, "", run(folder.CreateVM(l.ctx, types.VirtualMachineConfigSpec{Name: "bare"}, pool, nil)))
	refuses[*types.NotSupported](l, "", run(folder.Destroy(l.ctx)))
	_, err = folder.CreateFolder(l.ctx, "sub")
	refuses[*types.NotSupported](l, "", err)

	refuses[*types.NotSupported](l, "clones debian12 only", l.clone("node1", "node2", nil))
	refuses[*types.NotSupported](l, "template stays as it is", run(template.Destroy(l.ctx)))
	refuses[*types.NotSupported](l, "template stays as it is", run(template.Reconfigure(l.ctx, types.VirtualMachineConfigSpec{MemoryMB: 512})))
	refuses[*types.InvalidState](l, "", run(template.PowerOn(l.ctx)))
	refuses[*types.InvalidName](l, `"../etc" is no host name`, l.clone(settings.Template, "../etc", nil))
	refuses[*types.InvalidArgument](l, "spec.location.pool", l.clone(settings.Template, "node2", func(s *types.VirtualMachineCloneSpec) { s.Location.Pool = nil }))

	reconfigure := func(spec types.VirtualMachineConfigSpec) error { return run(vm.Reconfigure(l.ctx, spec)) }
	refuses[*types.NotSupported](l, "no firmware", reconfigure(types.VirtualMachineConfigSpec{Firmware: "efi"}))
	refuses[*types.NotSupported](l, "no memoryAllocation", reconfigure(types.VirtualMachineConfigSpec{
		MemoryAllocation: &types.ResourceAllocationInfo{Reservation: types.NewInt64(512)},
	}))
	// Of two unsupported properties always the same one is reported.
	for range 10 {
		refuses[*types.NotSupported](l, "no firmware", reconfigure(types.VirtualMachineConfigSpec{
			MemoryHotAddEnabled: types.NewBool(true), Firmware: "efi", ChangeTrackingEnabled: types.NewBool(true),
		}))
	}
	refuses[*types.NotSupported](l, "keep their name", reconfigure(types.VirtualMachineConfigSpec{Name: "other"}))
	refuses[*types.NotSupported](l, "no memoryHotAddEnabled", reconfigure(types.VirtualMachineConfigSpec{MemoryHotAddEnabled: types.NewBool(true)}))

	devices, err := vm.Device(l.ctx)
	if err != nil {
		t.Fatal(err)
	}
	card, err := devices.CreateEthernetCard("vmxnet3", &types.VirtualEthernetCardNetworkBackingInfo{
		VirtualDeviceDeviceBackingInfo: types.VirtualDeviceDeviceBackingInfo{DeviceName: "Another Network"},
	})
	if err != nil {
		t.Fatal(err)
	}
	refuses[*types.DeviceUnsupportedForVmPlatform](l, `vmxnet3 cards on "VM Network"`, vm.AddDevice(l.ctx, card))
	cdrom, err := devices.CreateCdrom(devices.PickController((*types.VirtualIDEController)(nil)).(*types.VirtualIDEController))
	if err != nil {
		t.Fatal(err)
	}
	refuses[*types.DeviceUnsupportedForVmPlatform](l, "", vm.AddDevice(l.ctx, cdrom))

	if l.hypervisor.starts != 0 {
		t.Error("something was started")
	}
	// The REST API, which the simulator would only pretend to serve too.
	response, err := l.client.Client.Client.Post("https://"+l.server.http.URL.Host+"/rest/com/vmware/cis/tagging/category", "application/json", strings.NewReader("{}"))
	if err != nil {
		t.Fatal(err)
	}
	response.Body.Close()
	if response.StatusCode != http.StatusNotImplemented {
		t.Errorf("REST: %s", response.Status)
	}
}

func TestAdditionalDisk(t *testing.T) {
	l := newLab(t)
	vm := l.mustClone("node1")
	devices, err := vm.Device(l.ctx)
	if err != nil {
		t.Fatal(err)
	}
	controller, err := devices.FindDiskController("scsi")
	if err != nil {
		t.Fatal(err)
	}
	disk := devices.CreateDisk(controller, types.ManagedObjectReference{}, "")
	disk.CapacityInKB = 1 << 20
	if err := vm.AddDevice(l.ctx, disk); err != nil {
		t.Fatal(err)
	}
	want := []qemu.Disk{{File: "node1.qcow2", Bytes: templateDisk}, {File: "node1_1.qcow2", Bytes: 1 << 30}}
	if got := l.hypervisor.prepared["node1"].Disks; !slices.Equal(got, want) {
		t.Errorf("disks %+v, want %+v", got, want)
	}
}

func TestDiskGrowsWhileOn(t *testing.T) {
	l := newLab(t)
	vm := l.mustClone("node1")
	l.must(vm.PowerOn(l.ctx))
	devices, err := vm.Device(l.ctx)
	if err != nil {
		t.Fatal(err)
	}
	disk := devices.SelectByType((*types.VirtualDisk)(nil))[0].(*types.VirtualDisk)
	resize := func(gib int64) error {
		disk.CapacityInBytes, disk.CapacityInKB = gib<<30, gib<<20
		return vm.EditDevice(l.ctx, disk)
	}
	if err := resize(10); err != nil {
		t.Fatal(err)
	}
	if got := l.hypervisor.running("node1").recorded(); got != "node1.qcow2:10G" {
		t.Errorf("QEMU got the calls %q", got)
	}
	refuses[*types.InvalidPowerState](l, "has to be poweredOff", resize(9))
	refuses[*types.InvalidPowerState](l, "has to be poweredOff", vm.RemoveDevice(l.ctx, false, disk))
	// The size is the machine's also at its next start.
	l.must(vm.PowerOff(l.ctx))
	l.must(vm.PowerOn(l.ctx))
	if got := l.hypervisor.running("node1").machine.Disks[0].Bytes; got != 10<<30 {
		t.Errorf("started with a disk of %d bytes", got)
	}
}

func TestPower(t *testing.T) {
	l := newLab(t)
	run := wait(l.ctx)
	vm := l.mustClone("node1")
	refuses[*types.InvalidPowerState](l, "the machine is poweredOff", run(vm.PowerOff(l.ctx)))
	refuses[*types.InvalidPowerState](l, "", run(vm.Reset(l.ctx)))
	l.must(vm.PowerOn(l.ctx))
	if l.power(vm) != types.VirtualMachinePowerStatePoweredOn {
		t.Error("not on after power-on")
	}
	refuses[*types.InvalidPowerState](l, "", run(vm.PowerOn(l.ctx)))
	refuses[*types.InvalidPowerState](l, "", run(vm.Destroy(l.ctx)))
	refuses[*types.InvalidPowerState](l, "has to be poweredOff", run(vm.Reconfigure(l.ctx, types.VirtualMachineConfigSpec{MemoryMB: 2048})))
	refuses[*types.InvalidPowerState](l, "", run(vm.Reconfigure(l.ctx, types.VirtualMachineConfigSpec{NumCPUs: 4})))
	// Settings that do not concern QEMU can change.
	l.must(vm.Reconfigure(l.ctx, types.VirtualMachineConfigSpec{Annotation: "while on", MemoryMB: 1024, NumCPUs: 1}))
	refuses[*types.ToolsUnavailable](l, "", vm.ShutdownGuest(l.ctx))

	running := l.hypervisor.running("node1")
	running.answer(guestOf(running, "192.0.2.11/24"))
	l.eventually(vm, "tools", func(p mo.VirtualMachine) bool { return p.Guest.ToolsRunningStatus == "guestToolsRunning" })
	if err := vm.RebootGuest(l.ctx); err != nil {
		t.Error(err)
	}
	if err := vm.ShutdownGuest(l.ctx); err != nil {
		t.Error(err)
	}
	l.must(vm.Reset(l.ctx))
	if got := running.recorded(); got != "reboot powerdown reset" {
		t.Errorf("QEMU got the calls %q", got)
	}
	if p := l.properties(vm); p.Guest.ToolsRunningStatus != "guestToolsNotRunning" || p.Runtime.PowerState != "poweredOn" {
		t.Errorf("after a reset: %s, %s", p.Guest.ToolsRunningStatus, p.Runtime.PowerState)
	}
	l.must(vm.PowerOff(l.ctx))
	select {
	case <-running.off:
	default:
		t.Error("QEMU was not stopped")
	}
	if l.power(vm) != types.VirtualMachinePowerStatePoweredOff {
		t.Error("not off after power-off")
	}
	l.must(vm.Reconfigure(l.ctx, types.VirtualMachineConfigSpec{MemoryMB: 2048}))
	l.must(vm.PowerOn(l.ctx))
	if got := l.hypervisor.running("node1").machine.MemoryMiB; got != 2048 {
		t.Errorf("started with %d MiB", got)
	}
}

func TestGuestPowersItselfOff(t *testing.T) {
	l := newLab(t)
	vm := l.mustClone("node1")
	l.must(vm.PowerOn(l.ctx))
	running := l.hypervisor.running("node1")
	running.answer(guestOf(running, "192.0.2.11/24"))
	l.eventually(vm, "tools", func(p mo.VirtualMachine) bool { return p.Guest.IpAddress == "192.0.2.11" })
	running.Stop()
	l.eventually(vm, "off", func(p mo.VirtualMachine) bool {
		return p.Runtime.PowerState == types.VirtualMachinePowerStatePoweredOff && p.Guest.IpAddress == "" && len(p.Guest.Net) == 0
	})
}

func TestFailedStart(t *testing.T) {
	l := newLab(t)
	vm := l.mustClone("node1")
	l.hypervisor.broken = errors.New("qemu: cannot set up guest memory")
	refuses[*types.SystemError](l, "cannot set up guest memory", wait(l.ctx)(vm.PowerOn(l.ctx)))
	if l.power(vm) != types.VirtualMachinePowerStatePoweredOff {
		t.Error("on although QEMU did not start")
	}
}

func TestGuestIsReportedWhileItAnswers(t *testing.T) {
	l := newLab(t)
	vm := l.mustClone("node1")
	if p := l.properties(vm); len(p.Guest.Net) != 0 || p.Guest.ToolsRunningStatus != "guestToolsNotRunning" {
		t.Errorf("a machine that never ran has a guest: %+v", p.Guest)
	}
	l.must(vm.PowerOn(l.ctx))
	running := l.hypervisor.running("node1")
	answers := func() { running.answer(guestOf(running, "192.0.2.11/24")) }
	time.AfterFunc(500*time.Millisecond, answers)

	// Wait as the Terraform provider does: for an address within reach of a gateway that is already known.
	ctx, cancel := context.WithTimeout(l.ctx, 15*time.Second)
	defer cancel()
	gateway := ""
	err := property.Wait(ctx, property.DefaultCollector(l.client.Client), vm.Reference(), []string{"guest.net", "guest.ipStack"},
		func(changes []types.PropertyChange) bool {
			for _, change := range changes {
				switch value := change.Val.(type) {
				case types.ArrayOfGuestStackInfo:
					for _, stack := range value.GuestStackInfo {
						gateway = stack.IpRouteConfig.IpRoute[0].Gateway.IpAddress
					}
				case types.ArrayOfGuestNicInfo:
					for _, nic := range value.GuestNicInfo {
						address := nic.IpConfig.IpAddress[0]
						return gateway == "192.0.2.1" && address.IpAddress == "192.0.2.11" && address.PrefixLength == 24
					}
				}
			}
			return false
		})
	if err != nil {
		t.Fatalf("no routable address: %v", err)
	}
	p := l.properties(vm)
	if p.Guest.HostName != "guest" || p.Guest.IpAddress != "192.0.2.11" || p.Guest.ToolsStatus != "toolsOk" || p.Summary.Guest.IpAddress != "192.0.2.11" {
		t.Errorf("guest: %+v", p.Guest)
	}
	running.answer(nil)
	l.eventually(vm, "silence", func(p mo.VirtualMachine) bool {
		return p.Guest.ToolsRunningStatus == "guestToolsNotRunning" && p.Guest.IpAddress == "" && len(p.Guest.Net) == 0 && len(p.Guest.IpStack) == 0
	})
}

func TestCustomization(t *testing.T) {
	l := newLab(t)
	vm := l.mustClone("node1")
	spec := *linuxSpec()
	refuses[*types.NicSettingMismatch](l, "settings for 2 network cards, the machine has 1", wait(l.ctx)(vm.Customize(l.ctx, spec)))
	spec.NicSettingMap = spec.NicSettingMap[:1]
	l.must(vm.Customize(l.ctx, spec))
	archive := filepath.Join(l.state.Datastore(), "node1", "customization.tar")
	if info, err := os.Stat(archive); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("archive for the guest: %v, %v", info, err)
	}
	if p := l.properties(vm); client.Address(p) != "192.0.2.11" || p.Config.Tools.PendingCustomization == "" {
		t.Errorf("address %q, pending %q", client.Address(p), p.Config.Tools.PendingCustomization)
	}
	l.must(vm.PowerOn(l.ctx))
	running := l.hypervisor.running("node1")
	succeeded := func() bool {
		events, err := event.NewManager(l.client.Client).QueryEvents(l.ctx, types.EventFilterSpec{
			Entity:      &types.EventFilterSpecByEntity{Entity: vm.Reference(), Recursion: types.EventFilterSpecRecursionOptionSelf},
			EventTypeId: []string{"CustomizationSucceeded"},
		})
		if err != nil {
			t.Fatal(err)
		}
		return len(events) > 0
	}
	if succeeded() {
		t.Error("customization succeeded before the guest answered")
	}
	running.answer(guestOf(running, "192.0.2.11/24"))
	l.eventually(vm, "customization", func(p mo.VirtualMachine) bool {
		return p.Config.Tools.PendingCustomization == "" && p.Guest.CustomizationInfo != nil &&
			p.Guest.CustomizationInfo.CustomizationStatus == "TOOLSDEPLOYPKG_SUCCEEDED"
	})
	if !succeeded() {
		t.Error("no event reports that the customization succeeded")
	}
	refuses[*types.InvalidPowerState](l, "", wait(l.ctx)(vm.Customize(l.ctx, spec)))
	l.must(vm.PowerOff(l.ctx))
	refuses[*types.NotSupported](l, "node1 has booted", wait(l.ctx)(vm.Customize(l.ctx, spec)))
}

func TestCloneWithEverythingAtOnce(t *testing.T) {
	l := newLab(t)
	spec := linuxSpec()
	spec.NicSettingMap = spec.NicSettingMap[:1]
	everything := func(s *types.VirtualMachineCloneSpec) { s.PowerOn, s.Customization = true, spec }
	if err := l.clone(settings.Template, "node1", everything); err != nil {
		t.Fatal(err)
	}
	if vm := l.machine("node1"); l.power(vm) != types.VirtualMachinePowerStatePoweredOn || client.Address(l.properties(vm)) != "192.0.2.11" {
		t.Error("not on, or not customized")
	}
	// A clone that fails halfway leaves nothing behind.
	l.hypervisor.broken = errors.New("no memory")
	refuses[*types.SystemError](l, "no memory", l.clone(settings.Template, "node2", everything))
	if _, err := l.finder.VirtualMachine(l.ctx, "node2"); err == nil {
		t.Error("the unfinished clone is in the inventory")
	}
	if _, err := os.Stat(filepath.Join(l.state.Datastore(), "node2")); !os.IsNotExist(err) {
		t.Errorf("the unfinished clone has files: %v", err)
	}
}

func TestInventorySurvivesARestart(t *testing.T) {
	l := newLab(t)
	on, off := l.mustClone("node1"), l.mustClone("node2")
	l.must(off.Reconfigure(l.ctx, types.VirtualMachineConfigSpec{
		NumCPUs: 2, MemoryMB: 3072, Annotation: "kept",
		ExtraConfig: []types.BaseOptionValue{&types.OptionValue{Key: "some.key", Value: "some value"}},
	}))
	l.must(on.PowerOn(l.ctx))
	before := map[string]mo.VirtualMachine{"node1": l.properties(on), "node2": l.properties(off)}
	leftover := filepath.Join(l.state.Datastore(), "half-cloned")
	if err := os.Mkdir(leftover, 0o700); err != nil {
		t.Fatal(err)
	}

	l.restart()
	if l.hypervisor.starts != 1 {
		t.Errorf("machines were started %d times", l.hypervisor.starts)
	}
	if _, err := os.Stat(leftover); !os.IsNotExist(err) {
		t.Error("an interrupted clone's directory is still there")
	}
	for name, was := range before {
		is := l.properties(l.machine(name))
		if is.Self != was.Self || is.Config.Uuid != was.Config.Uuid || is.Config.Annotation != was.Config.Annotation ||
			is.Config.Hardware.MemoryMB != was.Config.Hardware.MemoryMB || is.Config.Hardware.NumCPU != was.Config.Hardware.NumCPU ||
			is.Runtime.PowerState != was.Runtime.PowerState || len(is.Config.Hardware.Device) != len(was.Config.Hardware.Device) ||
			len(is.Config.ExtraConfig) != len(was.Config.ExtraConfig) {
			t.Errorf("%s after the restart: %+v\nbefore: %+v", name, is.Config, was.Config)
		}
	}
	// Restored machines behave like any other.
	running := l.hypervisor.running("node1")
	running.answer(guestOf(running, "192.0.2.11/24"))
	l.eventually(l.machine("node1"), "tools", func(p mo.VirtualMachine) bool { return p.Guest.IpAddress == "192.0.2.11" })
	refuses[*types.DuplicateName](l, "", l.clone(settings.Template, "node1", nil))
	l.mustClone("node3")
	l.must(l.machine("node2").Destroy(l.ctx))
	if _, err := os.Stat(filepath.Join(l.state.Datastore(), "node2")); !os.IsNotExist(err) {
		t.Errorf("a destroyed machine's files are still there: %v", err)
	}

	// A machine whose QEMU has ended meanwhile is off.
	running.Stop()
	delete(l.hypervisor.on, "node1")
	l.restart()
	if l.power(l.machine("node1")) != types.VirtualMachinePowerStatePoweredOff {
		t.Error("on although its QEMU is gone")
	}
	if _, err := l.finder.VirtualMachine(l.ctx, "node2"); err == nil {
		t.Error("a destroyed machine came back")
	}
}

func TestNewMachinesTakeNewReferences(t *testing.T) {
	l := newLab(t)
	l.mustClone("node1")
	l.restart()
	l.mustClone("node2")
	if first, second := l.machine("node1").Reference(), l.machine("node2").Reference(); first == second {
		t.Errorf("both are %s", first)
	}
}
