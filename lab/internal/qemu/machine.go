// Package qemu runs virtual machines: their command line, their processes, their disks, and their guests' agents.
package qemu

import (
	"fmt"
	"path/filepath"
	"strings"
)

// Machine describes a virtual machine to QEMU.
type Machine struct {
	Dir       string // holds the disks and QEMU's own files
	Name      string
	UUID      string
	CPUs      int32
	MemoryMiB int64
	Disks     []Disk // the first is the system disk, an overlay on the template's
	NICs      []NIC
}

// Disk is a qcow2 file in the machine's directory.
type Disk struct {
	File  string
	Bytes int64
}

// NIC is a network card on the lab's bridge.
type NIC struct {
	MAC string
	Tap string // name of the interface on the host's side; at most 15 characters
}

// Host holds the settings that all machines share.
type Host struct {
	Template    string // directory with disk.qcow2, vmlinuz and initrd
	AttachTap   string // program that adds the interface in its first argument to the bridge
	Accelerator Accelerator
}

// Files in a machine's directory.
const (
	pidFile           = "qemu.pid"
	outputFile        = "qemu.log"
	monitorSocket     = "qmp.sock"
	agentSocket       = "agent.sock"
	consoleLog        = "console.log"
	customizationFile = "customization.tar"
)

// CustomizationFile is the tar archive that the guest unpacks at its first boot. It need not exist.
func (m Machine) CustomizationFile() string { return filepath.Join(m.Dir, customizationFile) }

// Arguments returns QEMU's command line after the program's name, to run in the machine's directory. Relative names keep
// socket paths within their limit of 107 bytes.
func (m Machine) Arguments(host Host, customized bool) []string {
	kernel := []string{
		"root=/dev/vda1", "rw", "console=ttyS0", "quiet", "net.ifnames=0", "systemd.getty_auto=no",
		// These protect real hardware, and only slow down emulated hardware.
		"mitigations=off", "audit=0",
		// QEMU translates code once for each address it runs at: with a random one, anew for each process. To start a program
		// takes a third of the time without.
		"norandmaps",
	}
	args := []string{
		"-name", m.Name, "-uuid", m.UUID,
		"-machine", "pc", "-cpu", host.Accelerator.cpu(), "-accel", host.Accelerator.option(),
		// QEMU before 8.2 leaves memory barriers out where a machine can have one CPU only. Its disks and network run in
		// another thread, so that the machine may then wait forever for a packet to be sent.
		"-smp", fmt.Sprintf("%d,maxcpus=%d", m.CPUs, max(m.CPUs, 2)), "-m", fmt.Sprintf("%dM", m.MemoryMiB),
		"-nodefaults", "-no-user-config", "-display", "none", "-rtc", "base=utc",
		"-qmp", "unix:" + monitorSocket + ",server=on,wait=off",
		"-serial", "file:" + consoleLog,
		"-kernel", filepath.Join(host.Template, "vmlinuz"), "-initrd", filepath.Join(host.Template, "initrd"),
		"-append", strings.Join(kernel, " "),
		"-device", "virtio-rng-pci",
		"-device", "virtio-serial-pci",
		"-chardev", "socket,id=agent,path=" + agentSocket + ",server=on,wait=off",
		"-device", "virtserialport,chardev=agent,name=org.qemu.guest_agent.0",
	}
	for i, disk := range m.Disks {
		// The guest's flushes need not reach the host's disk: only a crash of the host could lose them.
		args = append(args,
			"-drive", fmt.Sprintf("if=none,id=%s,file=%s,format=qcow2,cache=unsafe,discard=unmap", driveID(i), escape(disk.File)),
			"-device", "virtio-blk-pci,drive="+driveID(i))
	}
	for i, nic := range m.NICs {
		args = append(args,
			"-netdev", fmt.Sprintf("tap,id=net%d,ifname=%s,script=%s,downscript=no", i, nic.Tap, escape(host.AttachTap)),
			"-device", fmt.Sprintf("virtio-net-pci,netdev=net%d,mac=%s,romfile=", i, nic.MAC))
	}
	if customized {
		args = append(args, "-fw_cfg", "name=opt/lab.smt-ha/customization,file="+customizationFile)
	}
	return args
}

// driveID is QEMU's name for the disk with this index.
func driveID(index int) string { return fmt.Sprintf("disk%d", index) }

// escape doubles commas, which separate QEMU's options.
func escape(value string) string { return strings.ReplaceAll(value, ",", ",,") }
