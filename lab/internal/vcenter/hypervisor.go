package vcenter

import (
	"time"

	"smt-ha/lab/internal/qemu"
)

// Hypervisor runs machines.
type Hypervisor interface {
	// PrepareDisks creates, grows and removes disk files as the machine says.
	PrepareDisks(qemu.Machine) error
	// Start switches a machine on.
	Start(qemu.Machine) (Running, error)
	// Find returns the machine if it is on.
	Find(qemu.Machine) (Running, bool)
}

// Running is a machine that is on.
type Running interface {
	// Stop cuts the power and returns when the machine is off.
	Stop() error
	// Reset presses the reset button.
	Reset() error
	// Wait returns when the machine is off, by whatever cause.
	Wait()
	// Ask returns what the guest says about itself, or an error if it does not answer within the limit.
	Ask(limit time.Duration) (*qemu.Guest, error)
	// Shutdown asks the guest to power down or reboot.
	Shutdown(mode string) error
}

// QEMU is the hypervisor of the lab.
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
