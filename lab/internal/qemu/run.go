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

const startLimit = 20 * time.Second

// Running is a machine that has been switched on. It goes on when this program ends.
type Running struct {
	Machine
	Process process.Process
	agent   agent
}

// Start switches the machine on. Its disks must have been prepared.
func (m Machine) Start(host Host) (*Running, error) {
	for _, file := range []string{monitorSocket, agentSocket, outputFile} {
		if err := os.Remove(filepath.Join(m.Folder, file)); err != nil && !os.IsNotExist(err) {
			return nil, err
		}
	}
	_, err := os.Stat(m.CustomizationFile())
	p, err := process.Spawn(m.Folder, filepath.Join(m.Folder, outputFile), nil, "qemu-system-x86_64", m.Arguments(host, err == nil)...)
	if err != nil {
		return nil, err
	}
	running := m.running(p)
	if err := p.Save(filepath.Join(m.Folder, pidFile)); err != nil {
		return nil, errors.Join(err, running.Stop())
	}
	// QEMU answers when the machine runs, or ends when it cannot.
	for deadline := time.Now().Add(startLimit); ; time.Sleep(20 * time.Millisecond) {
		err := running.monitor("query-status")
		if err == nil {
			return running, nil
		}
		if !p.Alive() {
			output, _ := os.ReadFile(filepath.Join(m.Folder, outputFile))
			return nil, fmt.Errorf("qemu: %s", strings.TrimSpace(string(output)))
		}
		if time.Now().After(deadline) {
			return nil, errors.Join(fmt.Errorf("qemu does not answer %s after its start: %w", startLimit, err), running.Stop())
		}
	}
}

// Find returns the machine if it runs, whoever started it.
func (m Machine) Find() (*Running, bool) {
	p, alive := process.Load(filepath.Join(m.Folder, pidFile))
	if !alive {
		return nil, false
	}
	return m.running(p), true
}

func (m Machine) running(p process.Process) *Running {
	return &Running{Machine: m, Process: p, agent: agent{socket: filepath.Join(m.Folder, agentSocket)}}
}

// Stop switches the machine off at once, as if the power failed.
func (r *Running) Stop() error {
	if err := r.monitor("quit"); err == nil && r.Process.Wait(5*time.Second) {
		return nil
	}
	return r.Process.Stop(2 * time.Second)
}

// Reset presses the machine's reset button.
func (r *Running) Reset() error { return r.monitor("system_reset") }

// Wait returns when the machine has been switched off, by whatever cause.
func (r *Running) Wait() { r.Process.Wait(-1) }

func (r *Running) monitor(command string) error {
	c, err := dial(filepath.Join(r.Folder, monitorSocket))
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
	return c.ask(command, nil, nil)
}
