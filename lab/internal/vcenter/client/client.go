// Package client uses the lab's vCenter as any other client does, for the lab's own commands.
package client

import (
	"context"
	"net/url"
	"sort"
	"strings"

	"github.com/vmware/govmomi"
	"github.com/vmware/govmomi/object"
	"github.com/vmware/govmomi/view"
	"github.com/vmware/govmomi/vim25/mo"

	"smt-ha/lab/internal/failure"
	"smt-ha/lab/internal/settings"
)

// Session is a login at the lab's vCenter.
type Session struct{ *govmomi.Client }

// Connect logs in to the lab's vCenter, from inside the namespace.
func Connect(ctx context.Context) (*Session, error) {
	client, err := govmomi.NewClient(ctx, &url.URL{
		Scheme: "https", Host: settings.VCenter, Path: "/sdk",
		User: url.UserPassword(settings.VCenterUser, settings.VCenterPassword),
	}, true)
	if err != nil {
		return nil, failure.New("start what does not run with: lab/up", "vCenter: %w", err)
	}
	return &Session{client}, nil
}

// Machines returns all virtual machines but the template, sorted by name.
func (s *Session) Machines(ctx context.Context) ([]mo.VirtualMachine, error) {
	container, err := view.NewManager(s.Client.Client).CreateContainerView(ctx, s.ServiceContent.RootFolder, []string{"VirtualMachine"}, true)
	if err != nil {
		return nil, err
	}
	defer container.Destroy(ctx)
	var all, machines []mo.VirtualMachine
	if err := container.Retrieve(ctx, []string{"VirtualMachine"}, []string{"name", "config", "runtime", "guest"}, &all); err != nil {
		return nil, err
	}
	for _, vm := range all {
		if !vm.Config.Template {
			machines = append(machines, vm)
		}
	}
	sort.Slice(machines, func(i, j int) bool { return machines[i].Name < machines[j].Name })
	return machines, nil
}

// Machine returns the virtual machine with this name.
func (s *Session) Machine(ctx context.Context, name string) (mo.VirtualMachine, error) {
	machines, err := s.Machines(ctx)
	if err != nil {
		return mo.VirtualMachine{}, err
	}
	names := make([]string, len(machines))
	for i, vm := range machines {
		if vm.Name == name {
			return vm, nil
		}
		names[i] = vm.Name
	}
	fix := "create the machines with: make up"
	if len(names) > 0 {
		fix = "name one of: " + strings.Join(names, ", ")
	}
	return mo.VirtualMachine{}, failure.New(fix, "there is no machine %s", name)
}

// Address returns the address at which the machine can be reached: the one that its guest reports, or else the one that
// its customization set. It is empty if neither is known.
func Address(vm mo.VirtualMachine) string {
	if vm.Guest != nil && vm.Guest.IpAddress != "" {
		return vm.Guest.IpAddress
	}
	address, _ := object.OptionValueList(vm.Config.ExtraConfig).GetString(settings.AddressKey)
	return address
}

// Act performs an action on a machine: power-on, power-off, reset or destroy, which powers it off first.
func (s *Session) Act(ctx context.Context, action string, vm mo.VirtualMachine) error {
	machine := object.NewVirtualMachine(s.Client.Client, vm.Self)
	do := func(start func(context.Context) (*object.Task, error)) error {
		task, err := start(ctx)
		if err != nil {
			return err
		}
		return task.Wait(ctx)
	}
	switch action {
	case "power-on":
		return do(machine.PowerOn)
	case "power-off":
		return do(machine.PowerOff)
	case "reset":
		return do(machine.Reset)
	case "destroy":
		if vm.Runtime.PowerState == "poweredOn" {
			if err := do(machine.PowerOff); err != nil {
				return err
			}
		}
		return do(machine.Destroy)
	default:
		return failure.New("use list, power-on, power-off, reset or destroy", "there is no action %s", action)
	}
}
