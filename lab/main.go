// The lab's program, behind the commands in this directory: lab/up, lab/down, lab/status and so on.
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

	"smt-ha/lab/internal/failure"
	"smt-ha/lab/internal/lab"
	"smt-ha/lab/internal/qemu"
	"smt-ha/lab/internal/settings"
	"smt-ha/lab/internal/upstream"
	"smt-ha/lab/internal/vcenter"
	"smt-ha/lab/internal/vcenter/client"
)

func main() {
	if err := run(settings.StateFromEnvironment(), os.Args[1:]); err != nil {
		failure.Print(os.Stderr, "lab", err)
		os.Exit(1)
	}
}

func run(state settings.State, args []string) error {
	if len(args) == 0 {
		return failure.New("use lab/up and the other commands in its directory", "no command")
	}
	cache := os.Getenv("SMT_HA_CACHE")
	switch command, rest := args[0], args[1:]; {
	case command == "up" && len(rest) == 1:
		return lab.Up(state, cache, rest[0])
	case command == "down":
		return lab.Down(state, cache)
	case command == "status":
		return lab.Status(state)
	case command == "serve" && len(rest) == 1 && rest[0] == "vcenter":
		return serveVCenter(state)
	case command == "serve" && len(rest) == 2 && rest[0] == "upstream":
		return upstream.Serve(rest[1])
	case command == "ready" && len(rest) == 1 && rest[0] == "vcenter":
		return withSession(func(context.Context, *client.Session) error { return nil })
	case command == "ready" && len(rest) == 1 && rest[0] == "upstream":
		return upstream.Ready()
	case command == "address" && len(rest) == 1:
		return onMachine(rest[0], address)
	case command == "vcenter" && len(rest) == 1 && rest[0] == "list":
		return withSession(list)
	case command == "vcenter" && len(rest) == 2:
		return onMachine(rest[1], func(ctx context.Context, session *client.Session, vm mo.VirtualMachine) error {
			return session.Act(ctx, rest[0], vm)
		})
	}
	return failure.New("see the first lines of lab/up and the other commands there", "unknown arguments %q", args)
}

// serveVCenter is the vCenter daemon. Machines outlive it.
func serveVCenter(state settings.State) error {
	accelerator, err := os.ReadFile(state.Path("accelerator"))
	if err != nil {
		return err
	}
	// Machines' disks name the template's in the cache, because the link may later point to another.
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

// withSession calls do with a session at the lab's vCenter.
func withSession(do func(context.Context, *client.Session) error) error {
	ctx := context.Background()
	session, err := client.Connect(ctx)
	if err != nil {
		return err
	}
	return errors.Join(do(ctx, session), session.Logout(ctx))
}

// onMachine calls do with the machine of this name.
func onMachine(name string, do func(context.Context, *client.Session, mo.VirtualMachine) error) error {
	return withSession(func(ctx context.Context, session *client.Session) error {
		vm, err := session.Machine(ctx, name)
		if err != nil {
			return err
		}
		return do(ctx, session, vm)
	})
}

// address prints the machine's address.
func address(_ context.Context, _ *client.Session, vm mo.VirtualMachine) error {
	address := client.Address(vm)
	if address == "" {
		return failure.New("see its state with: lab/status", "%s (%s) has no address yet", vm.Name, vm.Runtime.PowerState)
	}
	fmt.Println(address)
	return nil
}

// list prints each machine's name and power state.
func list(ctx context.Context, session *client.Session) error {
	machines, err := session.Machines(ctx)
	for _, vm := range machines {
		fmt.Printf("%s %s\n", vm.Name, vm.Runtime.PowerState)
	}
	return err
}
