package qemu

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"smt-ha/lab/internal/process"
)

const startTimeout = 20 * time.Second

// Running is a machine that is on. It outlives this program.
type Running struct {
	Machine
	Process process.Process
	agent   agent
}

// Start switches the machine on. Call PrepareDisks first.
func (m Machine) Start(host Host) (*Running, error) {
	for _, file := range []string{monitorSocket, agentSocket, outputFile} {
		if err := os.Remove(filepath.Join(m.Dir, file)); err != nil && !os.IsNotExist(err) {
			return nil, err
		}
	}
	_, err := os.Stat(m.CustomizationFile())
	p, err := process.Spawn(m.Dir, filepath.Join(m.Dir, outputFile), nil, "qemu-system-x86_64", m.Arguments(host, err == nil)...)
	if err != nil {
		return nil, err
	}
	running := m.running(p)
	if err := p.Save(filepath.Join(m.Dir, pidFile)); err != nil {
		return nil, errors.Join(err, running.Stop())
	}
	// QEMU answers once the machine runs, and exits if it cannot run it.
	for deadline := time.Now().Add(startTimeout); ; time.Sleep(20 * time.Millisecond) {
		err := running.monitor("query-status", nil)
		if err == nil {
			return running, nil
		}
		if !p.Alive() {
			output, _ := os.ReadFile(filepath.Join(m.Dir, outputFile))
			return nil, fmt.Errorf("qemu: %s", strings.TrimSpace(string(output)))
		}
		if time.Now().After(deadline) {
			return nil, errors.Join(fmt.Errorf("qemu does not answer %s after its start: %w", startTimeout, err), running.Stop())
		}
	}
}

// Find returns the machine if it runs, even if an earlier run of this program started it.
func (m Machine) Find() (*Running, bool) {
	p, alive := process.Load(filepath.Join(m.Dir, pidFile))
	if !alive {
		return nil, false
	}
	return m.running(p), true
}

func (m Machine) running(p process.Process) *Running {
	return &Running{Machine: m, Process: p, agent: agent{socket: filepath.Join(m.Dir, agentSocket)}}
}

// Stop switches the machine off at once, like a power failure.
func (r *Running) Stop() error {
	if err := r.monitor("quit", nil); err == nil && r.Process.Wait(5*time.Second) {
		return nil
	}
	return r.Process.Stop(2 * time.Second)
}

// Reset presses the machine's reset button.
func (r *Running) Reset() error { return r.monitor("system_reset", nil) }

// GrowDisks gives the disks these sizes, which the guest sees at once.
func (r *Running) GrowDisks(disks []Disk) error {
	for i, disk := range disks {
		if err := r.monitor("block_resize", map[string]any{"device": driveID(i), "size": disk.Bytes}); err != nil {
			return err
		}
	}
	return nil
}

// Wait returns when the machine is off, for any reason.
func (r *Running) Wait() { r.Process.Wait(-1) }

func (r *Running) monitor(command string, arguments any) error {
	c, err := dial(filepath.Join(r.Dir, monitorSocket))
	if err != nil {
		return err
	}
	defer c.Close()
	if err := c.SetDeadline(time.Now().Add(10 * time.Second)); err != nil {
		return err
	}
	if err := c.ask("qmp_capabilities", nil, nil); err != nil {
		return err
	}
	return c.ask(command, arguments, nil)
}
