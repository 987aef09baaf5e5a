package qemu

import (
	"slices"
	"testing"
)

func TestArguments(t *testing.T) {
	machine := Machine{
		Dir: "/lab/datastore/node1", Name: "node1", UUID: "d28c3f3d-b21c-4a08-aec7-16760f9a11e1", CPUs: 2, MemoryMiB: 1536,
		Disks: []Disk{{File: "node1.qcow2", Bytes: 8 << 30}, {File: "node1_1.qcow2", Bytes: 1 << 30}},
		NICs:  []NIC{{MAC: "00:50:56:80:00:01", Tap: "vm-7.0"}, {MAC: "00:50:56:80:00:02", Tap: "vm-7.1"}},
	}
	host := Host{Template: "/cache/template", AttachTap: "/lab/a,b/attach-tap", Accelerator: TCG}
	want := []string{
		"-name", "node1", "-uuid", "d28c3f3d-b21c-4a08-aec7-16760f9a11e1",
		"-machine", "pc", "-cpu", "Westmere", "-accel", "tcg,thread=multi,tb-size=256",
		"-smp", "2,maxcpus=2", "-m", "1536M",
		"-nodefaults", "-no-user-config", "-display", "none", "-rtc", "base=utc",
		"-qmp", "unix:qmp.sock,server=on,wait=off",
		"-serial", "file:console.log",
		"-kernel", "/cache/template/vmlinuz", "-initrd", "/cache/template/initrd",
		"-append", "root=/dev/vda1 rw console=ttyS0 quiet net.ifnames=0 systemd.getty_auto=no mitigations=off audit=0 norandmaps",
		"-device", "virtio-rng-pci",
		"-device", "virtio-serial-pci",
		"-chardev", "socket,id=agent,path=agent.sock,server=on,wait=off",
		"-device", "virtserialport,chardev=agent,name=org.qemu.guest_agent.0",
		"-drive", "if=none,id=disk0,file=node1.qcow2,format=qcow2,cache=unsafe,discard=unmap",
		"-device", "virtio-blk-pci,drive=disk0",
		"-drive", "if=none,id=disk1,file=node1_1.qcow2,format=qcow2,cache=unsafe,discard=unmap",
		"-device", "virtio-blk-pci,drive=disk1",
		"-netdev", "tap,id=net0,ifname=vm-7.0,script=/lab/a,,b/attach-tap,downscript=no",
		"-device", "virtio-net-pci,netdev=net0,mac=00:50:56:80:00:01,romfile=",
		"-netdev", "tap,id=net1,ifname=vm-7.1,script=/lab/a,,b/attach-tap,downscript=no",
		"-device", "virtio-net-pci,netdev=net1,mac=00:50:56:80:00:02,romfile=",
		"-fw_cfg", "name=opt/lab.smt-ha/customization,file=customization.tar",
	}
	if got := machine.Arguments(host, true); !slices.Equal(got, want) {
		t.Errorf("Arguments:\n%q\nwant:\n%q", got, want)
	}
	if got := machine.Arguments(host, false); !slices.Equal(got, want[:len(want)-2]) {
		t.Errorf("Arguments without customization:\n%q", got)
	}
	machine.CPUs = 1
	if got := machine.Arguments(host, false); !slices.Contains(got, "1,maxcpus=2") {
		t.Errorf("Arguments with one CPU: %q", got)
	}
	host.Accelerator = KVM
	got := machine.Arguments(host, false)
	if i := slices.Index(got, "-cpu"); got[i+1] != "host" || got[i+3] != "kvm" {
		t.Errorf("Arguments with KVM: %q", got[i:i+4])
	}
}
