package qemu

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestChooseAcceleratorForced(t *testing.T) {
	for _, forced := range []Accelerator{KVM, TCG} {
		t.Setenv("SMT_HA_ACCEL", string(forced))
		if got, err := ChooseAccelerator("/nowhere", t.TempDir()); got != forced || err != nil {
			t.Errorf("SMT_HA_ACCEL=%s: got %s, %v", forced, got, err)
		}
	}
	t.Setenv("SMT_HA_ACCEL", "hvf")
	if _, err := ChooseAccelerator("/nowhere", t.TempDir()); err == nil || !strings.Contains(err.Error(), "kvm or tcg") {
		t.Errorf("SMT_HA_ACCEL=hvf: %v", err)
	}
}

func TestChooseAcceleratorRemembersUntilTheHostReboots(t *testing.T) {
	if _, err := os.Stat("/dev/kvm"); err != nil {
		t.Skip("no /dev/kvm to choose from")
	}
	t.Setenv("SMT_HA_ACCEL", "")
	boot, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if err != nil {
		t.Fatal(err)
	}
	cache := t.TempDir()
	remembered := filepath.Join(cache, "accelerator")
	// Nothing boots from an empty directory, so KVM can only be the cached answer.
	if err := os.WriteFile(remembered, []byte(strings.TrimSpace(string(boot))+" kvm\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if got, err := ChooseAccelerator(t.TempDir(), cache); got != KVM || err != nil {
		t.Errorf("in the same boot: got %s, %v", got, err)
	}
	if err := os.WriteFile(remembered, []byte("another-boot kvm\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if got, err := ChooseAccelerator(t.TempDir(), cache); got != TCG || err != nil {
		t.Errorf("after another boot: got %s, %v", got, err)
	}
}
