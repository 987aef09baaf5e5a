package qemu

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// Accelerator is how guest code runs: "kvm" directly on the processor, "tcg" by emulation.
type Accelerator string

const (
	KVM Accelerator = "kvm"
	TCG Accelerator = "tcg"
)

func (a Accelerator) option() string {
	if a == KVM {
		return "kvm"
	}
	// The translation cache would otherwise grow to 1 GiB for each machine.
	return "tcg,thread=multi,tb-size=256"
}

func (a Accelerator) cpu() string {
	if a == KVM {
		return "host"
	}
	// The newest processor without AVX (slow to emulate) and without virtualization of its own.
	return "Westmere"
}

// ChooseAccelerator returns SMT_HA_ACCEL if it is set; otherwise KVM if a guest boots with it, else TCG. /dev/kvm can
// exist and still hang its guests, so a test guest boots: the template's kernel without a disk, which panics when it
// finds none. The answer is cached until the host reboots.
func ChooseAccelerator(template, cache string) (Accelerator, error) {
	switch forced := Accelerator(os.Getenv("SMT_HA_ACCEL")); forced {
	case KVM, TCG:
		return forced, nil
	case "":
	default:
		return "", fmt.Errorf("SMT_HA_ACCEL is %q, but must be kvm or tcg", forced)
	}
	if _, err := os.Stat("/dev/kvm"); err != nil {
		return TCG, nil
	}
	boot, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if err != nil {
		return "", err
	}
	remembered := filepath.Join(cache, "accelerator")
	if content, err := os.ReadFile(remembered); err == nil {
		if id, answer, found := strings.Cut(string(content), " "); found && id == strings.TrimSpace(string(boot)) {
			return Accelerator(strings.TrimSpace(answer)), nil
		}
	}
	fmt.Fprintln(os.Stderr, "lab: testing whether a guest boots with /dev/kvm (at most 15 seconds, once after each boot)")
	answer := TCG
	if boots(template, KVM, 15*time.Second) {
		answer = KVM
	}
	return answer, os.WriteFile(remembered, fmt.Appendf(nil, "%s %s\n", bytes.TrimSpace(boot), answer), 0o600)
}

func boots(template string, accelerator Accelerator, timeout time.Duration) bool {
	ctx, cancel := context.WithTimeout(context.Background(), timeout)
	defer cancel()
	console, err := exec.CommandContext(ctx, "qemu-system-x86_64",
		"-machine", "pc", "-cpu", accelerator.cpu(), "-accel", accelerator.option(), "-m", "256M",
		"-nodefaults", "-no-user-config", "-display", "none", "-no-reboot", "-serial", "stdio",
		"-kernel", filepath.Join(template, "vmlinuz"), "-initrd", filepath.Join(template, "initrd"),
		"-append", "console=ttyS0 panic=-1").Output()
	return err == nil && bytes.Contains(console, []byte("Attempted to kill init"))
}
