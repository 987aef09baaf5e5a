package vcenter

import (
	"time"

	"smt-ha/lab/internal/qemu"
)

// Hypervisor runs machines. In the lab it is QEMU; tests use a fake.
type Hypervisor interface {
	// PrepareDisks creates, grows and removes disk files to match the machine.
	PrepareDisks(qemu.Machine) error
	// Start switches a machine on.
	Start(qemu.Machine) (Running, error)
	// Find returns the machine if it is on.
	Find(qemu.Machine) (Running, bool)
}

// Running is a machine that is on.
type Running interface {
	// Stop switches the machine off at once, and returns when it is off.
	Stop() error
	// Reset presses the reset button.
	Reset() error
	// GrowDisks gives the disks these sizes, which the guest sees at once.
	GrowDisks([]qemu.Disk) error
	// Wait returns when the machine is off, for any reason.
	Wait()
	// Ask returns the guest's report, or an error if the guest does not answer within the timeout.
	Ask(timeout time.Duration) (*qemu.Guest, error)
	// Shutdown asks the guest to power down or reboot.
	Shutdown(mode string) error
}

// QEMU is the lab's Hypervisor.
type QEMU struct{ Host qemu.Host }

func (q QEMU) PrepareDisks(m qemu.Machine) error { return m.PrepareDisks(q.Host) }

func (q QEMU) Start(m qemu.Machine) (Running, error) {
	running, err := m.Start(q.Host)
	if err != nil {
		return nil, err
	}
	return running, nil
}

func (q QEMU) Find(m qemu.Machine) (Running, bool) {
	running, found := m.Find()
	if !found {
		return nil, false
	}
	return running, true
}
