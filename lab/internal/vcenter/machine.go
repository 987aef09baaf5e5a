package vcenter

import (
	"errors"
	"fmt"
	"log"
	"os"
	"time"

	"github.com/google/uuid"
	"github.com/vmware/govmomi/object"
	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25/methods"
	"github.com/vmware/govmomi/vim25/mo"
	"github.com/vmware/govmomi/vim25/soap"
	"github.com/vmware/govmomi/vim25/types"

	"smt-ha/lab/internal/settings"
)

// machine is a virtual machine as API calls see it: its methods replace those of the simulator. They do their work before
// they return, under the simulator's lock on the machine, so that the client gets a failure as a fault with its text. The
// task that the API requires has nothing left to do.
type machine struct {
	*simulator.VirtualMachine
	inventory *inventory

	// running is nil when the machine is off.
	running Running
	booted  bool
}

// taskResponse is the response of every method that returns a task.
type taskResponse interface {
	~struct {
		Returnval types.ManagedObjectReference `xml:"returnval" json:"returnval"`
	}
}

// respond returns the two alternatives of a method's body: a response with a task that has succeeded, or the fault.
func respond[Response taskResponse](
	ctx *simulator.Context, of mo.Reference, task string, result types.AnyType, fault types.BaseMethodFault,
) (*Response, *soap.Fault) {
	if fault != nil {
		return nil, soapFault(fault)
	}
	done := simulator.CreateTask(of, task, func(*simulator.Task) (types.AnyType, types.BaseMethodFault) {
		return result, nil
	})
	return &Response{Returnval: done.Run(ctx)}, nil
}

// CloneVMTask creates a machine from the template.
func (m *machine) CloneVMTask(ctx *simulator.Context, req *types.CloneVM_Task) soap.HasFault {
	body := new(methods.CloneVM_TaskBody)
	clone, fault := m.clone(ctx, req)
	body.Res, body.Fault_ = respond[types.CloneVM_TaskResponse](ctx, m, "cloneVm", clone, fault)
	return body
}

// clone returns the reference of the new machine.
func (m *machine) clone(ctx *simulator.Context, req *types.CloneVM_Task) (types.AnyType, types.BaseMethodFault) {
	if m.Self != m.inventory.template {
		return nil, refused("the lab clones %s only, not %s", settings.Template, m.Name)
	}
	if req.Spec.Template || req.Spec.Snapshot != nil {
		return nil, refused("the lab clones to machines only, and from no snapshot")
	}
	if !isName(req.Name) {
		return nil, &types.InvalidName{Name: req.Name, Entity: &req.Folder}
	}
	folder, ok := m.inventory.registry.Get(req.Folder).(*simulator.Folder)
	if !ok {
		return nil, &types.ManagedObjectNotFound{Obj: req.Folder}
	}
	if existing := m.inventory.registry.FindByName(req.Name, folder.ChildEntity); existing != nil {
		return nil, &types.DuplicateName{Name: req.Name, Object: existing.Reference()}
	}
	location := &req.Spec.Location
	if location.Pool == nil {
		return nil, &types.InvalidArgument{InvalidProperty: "spec.location.pool"}
	}
	for _, ref := range []*types.ManagedObjectReference{location.Pool, location.Datastore, location.Host} {
		if ref != nil && m.inventory.registry.Get(*ref) == nil {
			return nil, &types.ManagedObjectNotFound{Obj: *ref}
		}
	}
	hardware := req.Spec.Config
	if hardware == nil {
		hardware = new(types.VirtualMachineConfigSpec)
	}
	hardware.DeviceChange = append(hardware.DeviceChange, location.DeviceChange...)
	location.DeviceChange = nil
	if fault := checkSpec(hardware); fault != nil {
		return nil, fault
	}
	customization, powerOn := req.Spec.Customization, req.Spec.PowerOn
	req.Spec.Customization, req.Spec.PowerOn = nil, false
	// The simulator would derive them from the name, which a later machine may have again.
	req.Spec.Config = &types.VirtualMachineConfigSpec{Uuid: uuid.NewString(), InstanceUuid: uuid.NewString()}

	response := m.VirtualMachine.CloneVMTask(ctx, req).(*methods.CloneVM_TaskBody)
	if response.Fault_ != nil {
		return nil, response.Fault_.VimFault().(types.BaseMethodFault)
	}
	result, fault := m.inventory.completed(response.Res.Returnval)
	if fault != nil {
		return nil, fault
	}
	vm := m.inventory.registry.Get(result.(types.ManagedObjectReference)).(*simulator.VirtualMachine)
	clone := m.inventory.machine(vm)
	m.inventory.registry.WithLock(ctx, vm, func() {
		fault = clone.finish(ctx, hardware, customization, powerOn)
		if fault != nil {
			if rest := clone.destroy(ctx); rest != nil {
				log.Printf("%s: cannot remove the unfinished clone: %s", clone.Name, soapFault(rest).String)
			}
		}
	})
	return clone.Self, fault
}

// finish turns a clone of the simulator into a machine with disks.
func (m *machine) finish(
	ctx *simulator.Context, hardware *types.VirtualMachineConfigSpec, custom *types.CustomizationSpec, powerOn bool,
) types.BaseMethodFault {
	if fault := m.reconfigure(ctx, hardware); fault != nil {
		return fault
	}
	if custom != nil {
		if fault := m.customize(ctx, custom); fault != nil {
			return fault
		}
	}
	if powerOn {
		return m.powerOn(ctx)
	}
	return nil
}

// ReconfigVMTask changes hardware (while the machine is off; disks can grow at any time), annotation and extraConfig (at any time).
func (m *machine) ReconfigVMTask(ctx *simulator.Context, req *types.ReconfigVM_Task) soap.HasFault {
	body := new(methods.ReconfigVM_TaskBody)
	fault := m.checkReconfigure(&req.Spec)
	if fault == nil {
		fault = m.reconfigure(ctx, &req.Spec)
	}
	body.Res, body.Fault_ = respond[types.ReconfigVM_TaskResponse](ctx, m, "reconfigVm", nil, fault)
	return body
}

func (m *machine) checkReconfigure(spec *types.VirtualMachineConfigSpec) types.BaseMethodFault {
	if fault := m.checkChangeable(); fault != nil {
		return fault
	}
	if fault := checkSpec(spec); fault != nil {
		return fault
	}
	if fault := m.checkRunning(spec); fault != nil {
		return fault
	}
	if spec.Name != "" && spec.Name != m.Name {
		return refused("machines of the lab keep their name: %s", m.Name)
	}
	return nil
}

func (m *machine) checkChangeable() types.BaseMethodFault {
	if m.Config.Template {
		return refused("the lab's template stays as it is")
	}
	return nil
}

// reconfigure applies a change that has been checked.
func (m *machine) reconfigure(ctx *simulator.Context, spec *types.VirtualMachineConfigSpec) types.BaseMethodFault {
	response := m.VirtualMachine.ReconfigVMTask(ctx, &types.ReconfigVM_Task{This: m.Self, Spec: *spec}).(*methods.ReconfigVM_TaskBody)
	if _, fault := m.inventory.completed(response.Res.Returnval); fault != nil {
		return fault
	}
	m.Config.SwapPlacement = swapPlacement
	if m.running == nil {
		m.assignMACs()
		if err := m.inventory.hypervisor.PrepareDisks(m.hardware()); err != nil {
			return failed(err)
		}
		// The simulator reports the network cards as the guest's, but no guest runs.
		m.report(ctx, nil)
	} else if len(spec.DeviceChange) > 0 {
		if err := m.running.GrowDisks(m.hardware().Disks); err != nil {
			return failed(err)
		}
	}
	return m.save()
}

// CustomizeVMTask sets what the guest applies at its first boot.
func (m *machine) CustomizeVMTask(ctx *simulator.Context, req *types.CustomizeVM_Task) soap.HasFault {
	body := new(methods.CustomizeVM_TaskBody)
	fault := m.checkChangeable()
	if fault == nil {
		fault = m.customize(ctx, &req.Spec)
	}
	body.Res, body.Fault_ = respond[types.CustomizeVM_TaskResponse](ctx, m, "customizeVm", nil, fault)
	return body
}

func (m *machine) customize(ctx *simulator.Context, spec *types.CustomizationSpec) types.BaseMethodFault {
	if m.running != nil {
		return &types.InvalidPowerState{
			RequestedState: types.VirtualMachinePowerStatePoweredOff, ExistingState: m.Runtime.PowerState,
		}
	}
	if m.booted {
		return refused("guests of the lab customize themselves at their first boot, and %s has booted", m.Name)
	}
	custom, fault := parseCustomization(spec, m.Name, len(m.hardware().NICs))
	if fault != nil {
		return fault
	}
	archive, err := custom.archive()
	if err != nil {
		return failed(err)
	}
	if err := os.WriteFile(m.hardware().CustomizationFile(), archive, 0o600); err != nil {
		return failed(err)
	}
	extra := object.OptionValueList(m.Config.ExtraConfig).Join(&types.OptionValue{Key: settings.AddressKey, Value: custom.address()})
	ctx.Update(m.VirtualMachine, []types.PropertyChange{
		{Name: "config.tools.pendingCustomization", Val: uuid.NewString()},
		{Name: "config.extraConfig", Val: []types.BaseOptionValue(extra)},
		{Name: "guest.customizationInfo", Val: &types.GuestInfoCustomizationInfo{
			CustomizationStatus: string(types.GuestInfoCustomizationStatusTOOLSDEPLOYPKG_PENDING),
		}},
	})
	return m.save()
}

// PowerOnVMTask starts QEMU.
func (m *machine) PowerOnVMTask(ctx *simulator.Context, _ *types.PowerOnVM_Task) soap.HasFault {
	body := new(methods.PowerOnVM_TaskBody)
	body.Res, body.Fault_ = respond[types.PowerOnVM_TaskResponse](ctx, m, "powerOn", nil, m.powerOn(ctx))
	return body
}

func (m *machine) powerOn(ctx *simulator.Context) types.BaseMethodFault {
	if m.Config.Template {
		return &types.InvalidState{}
	}
	if fault := m.require(types.VirtualMachinePowerStatePoweredOff); fault != nil {
		return fault
	}
	running, err := m.inventory.hypervisor.Start(m.hardware())
	if err != nil {
		return failed(err)
	}
	m.booted = true
	m.switched(ctx, running)
	event := m.event()
	m.inventory.post(ctx, &types.VmStartingEvent{VmEvent: event}, &types.VmPoweredOnEvent{VmEvent: event})
	if m.Config.Tools != nil && m.Config.Tools.PendingCustomization != "" {
		now := time.Now()
		ctx.Update(m.VirtualMachine, []types.PropertyChange{{Name: "guest.customizationInfo", Val: &types.GuestInfoCustomizationInfo{
			CustomizationStatus: string(types.GuestInfoCustomizationStatusTOOLSDEPLOYPKG_RUNNING), StartTime: &now,
		}}})
		m.inventory.post(ctx, &types.CustomizationStartedEvent{CustomizationEvent: types.CustomizationEvent{VmEvent: event}})
	}
	return m.save()
}

// PowerOffVMTask stops QEMU at once.
func (m *machine) PowerOffVMTask(ctx *simulator.Context, _ *types.PowerOffVM_Task) soap.HasFault {
	body := new(methods.PowerOffVM_TaskBody)
	body.Res, body.Fault_ = respond[types.PowerOffVM_TaskResponse](ctx, m, "powerOff", nil, m.powerOff(ctx))
	return body
}

func (m *machine) powerOff(ctx *simulator.Context) types.BaseMethodFault {
	if fault := m.require(types.VirtualMachinePowerStatePoweredOn); fault != nil {
		return fault
	}
	if err := m.running.Stop(); err != nil {
		return failed(err)
	}
	return m.switchedOff(ctx)
}

// ResetVMTask presses the reset button.
func (m *machine) ResetVMTask(ctx *simulator.Context, _ *types.ResetVM_Task) soap.HasFault {
	body := new(methods.ResetVM_TaskBody)
	body.Res, body.Fault_ = respond[types.ResetVM_TaskResponse](ctx, m, "reset", nil, m.reset(ctx))
	return body
}

func (m *machine) reset(ctx *simulator.Context) types.BaseMethodFault {
	if fault := m.require(types.VirtualMachinePowerStatePoweredOn); fault != nil {
		return fault
	}
	if err := m.running.Reset(); err != nil {
		return failed(err)
	}
	m.report(ctx, nil)
	ctx.Update(m.VirtualMachine, []types.PropertyChange{{Name: "runtime.bootTime", Val: time.Now()}})
	m.inventory.post(ctx, &types.VmResettingEvent{VmEvent: m.event()})
	return nil
}

// ShutdownGuest asks the guest to shut down and does not wait.
func (m *machine) ShutdownGuest(_ *simulator.Context, _ *types.ShutdownGuest) soap.HasFault {
	body := new(methods.ShutdownGuestBody)
	if fault := m.askGuest("powerdown"); fault != nil {
		body.Fault_ = soapFault(fault)
		return body
	}
	body.Res = new(types.ShutdownGuestResponse)
	return body
}

// RebootGuest asks the guest to reboot and does not wait.
func (m *machine) RebootGuest(_ *simulator.Context, _ *types.RebootGuest) soap.HasFault {
	body := new(methods.RebootGuestBody)
	if fault := m.askGuest("reboot"); fault != nil {
		body.Fault_ = soapFault(fault)
		return body
	}
	body.Res = new(types.RebootGuestResponse)
	return body
}

func (m *machine) askGuest(mode string) types.BaseMethodFault {
	if fault := m.require(types.VirtualMachinePowerStatePoweredOn); fault != nil {
		return fault
	}
	if m.Guest.ToolsRunningStatus != string(types.VirtualMachineToolsRunningStatusGuestToolsRunning) {
		return &types.ToolsUnavailable{}
	}
	if err := m.running.Shutdown(mode); err != nil {
		return failed(err)
	}
	return nil
}

// DestroyTask removes the machine and its disks. The machine must be off.
func (m *machine) DestroyTask(ctx *simulator.Context, _ *types.Destroy_Task) soap.HasFault {
	body := new(methods.Destroy_TaskBody)
	fault := m.checkChangeable()
	if fault == nil {
		fault = m.require(types.VirtualMachinePowerStatePoweredOff)
	}
	if fault == nil {
		fault = m.destroy(ctx)
	}
	body.Res, body.Fault_ = respond[types.Destroy_TaskResponse](ctx, m, "destroy", nil, fault)
	return body
}

func (m *machine) destroy(ctx *simulator.Context) types.BaseMethodFault {
	response := m.VirtualMachine.DestroyTask(ctx, &types.Destroy_Task{This: m.Self}).(*methods.Destroy_TaskBody)
	if _, fault := m.inventory.completed(response.Res.Returnval); fault != nil {
		return fault
	}
	if err := m.inventory.forget(m); err != nil && !errors.Is(err, os.ErrNotExist) {
		return failed(err)
	}
	return nil
}

// require returns a fault unless the machine is in this power state.
func (m *machine) require(state types.VirtualMachinePowerState) types.BaseMethodFault {
	if m.Runtime.PowerState == state {
		return nil
	}
	return &types.InvalidPowerState{RequestedState: state, ExistingState: m.Runtime.PowerState}
}

// switched publishes that the machine is on (running) or off (nil), and watches a machine that is on.
func (m *machine) switched(ctx *simulator.Context, running Running) {
	m.running = running
	state, boot := types.VirtualMachinePowerStatePoweredOff, types.AnyType(nil)
	if running != nil {
		state, boot = types.VirtualMachinePowerStatePoweredOn, time.Now()
	}
	m.report(ctx, nil)
	ctx.Update(m.VirtualMachine, []types.PropertyChange{
		{Name: "runtime.powerState", Val: state},
		{Name: "summary.runtime.powerState", Val: state},
		{Name: "runtime.bootTime", Val: boot},
		{Name: "summary.runtime.bootTime", Val: boot},
	})
	if running != nil {
		go m.watch(running)
	}
}

func (m *machine) switchedOff(ctx *simulator.Context) types.BaseMethodFault {
	m.switched(ctx, nil)
	m.inventory.post(ctx, &types.VmPoweredOffEvent{VmEvent: m.event()})
	return m.save()
}

// reattach determines, after a restart of this program, whether the machine is on.
func (m *machine) reattach(ctx *simulator.Context) {
	running, found := m.inventory.hypervisor.Find(m.hardware())
	if !found {
		running = nil
	}
	m.switched(ctx, running)
}

func (m *machine) save() types.BaseMethodFault {
	if err := m.inventory.save(m); err != nil {
		return failed(fmt.Errorf("saving %s: %w", m.Name, err))
	}
	return nil
}

// event returns the part that all events about the machine share.
func (m *machine) event() types.VmEvent {
	argument := types.EntityEventArgument{Name: m.Name}
	event := types.VmEvent{Event: types.Event{Vm: &types.VmEventArgument{EntityEventArgument: argument, Vm: m.Self}}}
	if host, ok := m.inventory.registry.Get(*m.Runtime.Host).(*simulator.HostSystem); ok {
		event.Host = &types.HostEventArgument{EntityEventArgument: types.EntityEventArgument{Name: host.Name}, Host: host.Self}
	}
	if datacenter := m.inventory.registry.Any("Datacenter"); datacenter != nil {
		event.Datacenter = &types.DatacenterEventArgument{
			EntityEventArgument: types.EntityEventArgument{Name: datacenter.Entity().Name}, Datacenter: datacenter.Reference(),
		}
	}
	return event
}
