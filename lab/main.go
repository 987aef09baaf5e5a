// The lab's program, behind the commands in this folder: lab/up, lab/down, lab/status and so on.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"

	"github.com/vmware/govmomi/vim25/mo"

	"smt-ha/lab/internal/host"
	"smt-ha/lab/internal/qemu"
	"smt-ha/lab/internal/settings"
	"smt-ha/lab/internal/upstream"
	"smt-ha/lab/internal/vcenter"
)

func main() {
	if err := run(settings.StateFromEnvironment(), os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "lab:", err)
		os.Exit(1)
	}
}

func run(state settings.State, args []string) error {
	if len(args) == 0 {
		return errors.New("no command. Next: use lab/up and the other commands in its folder")
	}
	cache := os.Getenv("SMT_HA_CACHE")
	switch command, rest := args[0], args[1:]; {
	case command == "up" && len(rest) == 1:
		return host.Up(state, cache, rest[0])
	case command == "down":
		return host.Down(state, cache)
	case command == "status":
		return host.Status(state)
	case command == "serve" && len(rest) == 1 && rest[0] == "vcenter":
		return serveVCenter(state)
	case command == "serve" && len(rest) == 2 && rest[0] == "upstream":
		return upstream.Serve(rest[1])
	case command == "ready" && len(rest) == 1 && rest[0] == "vcenter":
		return withClient(func(context.Context, *vcenter.Client) error { return nil })
	case command == "ready" && len(rest) == 1 && rest[0] == "upstream":
		return upstream.Ready()
	case command == "address" && len(rest) == 1:
		return onMachine(rest[0], address)
	case command == "vcenter" && len(rest) == 1 && rest[0] == "list":
		return withClient(list)
	case command == "vcenter" && len(rest) == 2:
		return onMachine(rest[1], func(ctx context.Context, client *vcenter.Client, vm mo.VirtualMachine) error {
			return client.Act(ctx, rest[0], vm)
		})
	}
	return fmt.Errorf("cannot make out %q. Next: see the first lines of the commands beside lab/up", args)
}

// serveVCenter is the vCenter daemon. Machines outlive it.
func serveVCenter(state settings.State) error {
	accelerator, err := os.ReadFile(state.Path("accelerator"))
	if err != nil {
		return err
	}
	// Disks refer to the template's: by its name in the cache, for the link may come to point to another.
	template, err := filepath.EvalSymlinks(state.Template())
	if err != nil {
		return err
	}
	attach := state.Path("attach-tap")
	script := fmt.Sprintf("#!/bin/sh\nexec ip link set \"$1\" master %s up\n", settings.Bridge)
	if err := os.WriteFile(attach, []byte(script), 0o700); err != nil {
		return err
	}
	hypervisor := vcenter.QEMU{Host: qemu.Host{
		Template: template, AttachTap: attach, Accelerator: qemu.Accelerator(accelerator),
	}}
	disk, err := qemu.VirtualSize(filepath.Join(template, "disk.qcow2"))
	if err != nil {
		return err
	}
	server, err := vcenter.Start(state, hypervisor, disk, settings.VCenter+":443")
	if err != nil {
		return err
	}
	defer server.Close()
	end := make(chan os.Signal, 1)
	signal.Notify(end, syscall.SIGTERM, syscall.SIGINT)
	<-end
	return nil
}

func withClient(do func(context.Context, *vcenter.Client) error) error {
	ctx := context.Background()
	client, err := vcenter.Connect(ctx)
	if err != nil {
		return err
	}
	return errors.Join(do(ctx, client), client.Logout(ctx))
}

func onMachine(name string, do func(context.Context, *vcenter.Client, mo.VirtualMachine) error) error {
	return withClient(func(ctx context.Context, client *vcenter.Client) error {
		vm, err := client.Machine(ctx, name)
		if err != nil {
			return err
		}
		return do(ctx, client, vm)
	})
}

func address(_ context.Context, _ *vcenter.Client, vm mo.VirtualMachine) error {
	address := vcenter.Address(vm)
	if address == "" {
		return fmt.Errorf("%s (%s) has no address yet. Next: see lab/status", vm.Name, vm.Runtime.PowerState)
	}
	fmt.Println(address)
	return nil
}

func list(ctx context.Context, client *vcenter.Client) error {
	machines, err := client.Machines(ctx)
	for _, vm := range machines {
		fmt.Printf("%s %s\n", vm.Name, vm.Runtime.PowerState)
	}
	return err
}
