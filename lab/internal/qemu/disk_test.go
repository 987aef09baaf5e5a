package qemu

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

func TestPrepareDisks(t *testing.T) {
	if _, err := exec.LookPath("qemu-img"); err != nil {
		t.Skip("qemu-img is not installed; lab/up installs it")
	}
	const mib = 1 << 20
	host := Host{Template: t.TempDir()}
	if err := image("create", "-f", "qcow2", filepath.Join(host.Template, "disk.qcow2"), "8M"); err != nil {
		t.Fatal(err)
	}
	m := Machine{Dir: filepath.Join(t.TempDir(), "node1")}
	prepare := func(disks ...Disk) error {
		m.Disks = disks
		return m.PrepareDisks(host)
	}
	size := func(file string) int64 {
		bytes, err := VirtualSize(filepath.Join(m.Dir, file))
		if err != nil {
			t.Fatal(err)
		}
		return bytes
	}
	if err := prepare(Disk{"system.qcow2", 8 * mib}, Disk{"data.qcow2", 4 * mib}); err != nil {
		t.Fatal(err)
	}
	if a, b := size("system.qcow2"), size("data.qcow2"); a != 8*mib || b != 4*mib {
		t.Errorf("created %d and %d bytes", a, b)
	}
	info, err := exec.Command("qemu-img", "info", filepath.Join(m.Dir, "system.qcow2")).Output()
	if err != nil || !strings.Contains(string(info), "backing file: "+host.Template) {
		t.Errorf("the system disk is not an overlay on the template's: %s %v", info, err)
	}
	if err := prepare(Disk{"system.qcow2", 16 * mib}, Disk{"data.qcow2", 4 * mib}); err != nil || size("system.qcow2") != 16*mib {
		t.Errorf("not grown to 16 MiB: %v", err)
	}
	if err := prepare(Disk{"system.qcow2", 8 * mib}); err == nil || !strings.Contains(err.Error(), "cannot shrink") {
		t.Errorf("shrinking: %v", err)
	}
	if err := prepare(Disk{"system.qcow2", 16 * mib}); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join(m.Dir, "data.qcow2")); !os.IsNotExist(err) {
		t.Errorf("a disk that the machine no longer has is still there: %v", err)
	}
}
