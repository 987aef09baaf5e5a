package vcenter

import (
	"context"
	"fmt"
	"net/url"
	"sort"
	"strings"

	"github.com/vmware/govmomi"
	"github.com/vmware/govmomi/object"
	"github.com/vmware/govmomi/view"
	"github.com/vmware/govmomi/vim25/mo"

	"smt-ha/lab/internal/settings"
)

// Client is a session at the lab's vCenter.
type Client struct{ *govmomi.Client }

// Connect logs in to the lab's vCenter, from inside the namespace.
func Connect(ctx context.Context) (*Client, error) {
	client, err := govmomi.NewClient(ctx, &url.URL{
		Scheme: "https", Host: settings.VCenter, Path: "/sdk",
		User: url.UserPassword(settings.VCenterUser, settings.VCenterPassword),
	}, true)
	if err != nil {
		return nil, fmt.Errorf("vCenter: %w. Next: lab/up starts what does not run", err)
	}
	return &Client{client}, nil
}

// Machines are all virtual machines but the template, by name.
func (c *Client) Machines(ctx context.Context) ([]mo.VirtualMachine, error) {
	container, err := view.NewManager(c.Client.Client).CreateContainerView(ctx, c.ServiceContent.RootFolder, []string{"VirtualMachine"}, true)
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

// Machine is the virtual machine of a name.
func (c *Client) Machine(ctx context.Context, name string) (mo.VirtualMachine, error) {
	machines, err := c.Machines(ctx)
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
	return mo.VirtualMachine{}, fmt.Errorf("no machine %s. Next: take one of those that there are: %s", name, strings.Join(names, ", "))
}

// Address is where the machine can be reached: the address that its guest reports, or else the one that its
// customization gave it.
func Address(vm mo.VirtualMachine) string {
	if vm.Guest != nil && vm.Guest.IpAddress != "" {
		return vm.Guest.IpAddress
	}
	address, _ := object.OptionValueList(vm.Config.ExtraConfig).GetString(addressKey)
	return address
}

// Act does one thing to a machine: power-on, power-off, reset or destroy, which cuts the power first.
func (c *Client) Act(ctx context.Context, action string, vm mo.VirtualMachine) error {
	machine := object.NewVirtualMachine(c.Client.Client, vm.Self)
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
		return fmt.Errorf("no action %s. Next: one of list, power-on, power-off, reset, destroy", action)
	}
}
