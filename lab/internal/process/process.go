// Package process starts, finds and stops the lab's long-running processes.
package process

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// Process is a process that may belong to an earlier run of this program.
type Process struct {
	PID int
	// start distinguishes a process from a later one with the same PID: clock ticks since boot, from /proc/PID/stat.
	start string
}

// Find returns the live process with this PID. A zombie counts as dead.
func Find(pid int) (Process, bool) {
	start, alive := stat(pid)
	return Process{PID: pid, start: start}, alive
}

// Alive reports whether this very process still runs.
func (p Process) Alive() bool {
	start, alive := stat(p.PID)
	return alive && start == p.start
}

// Spawn starts a command in a directory. It outlives this program, and its output is appended to the file log.
func Spawn(dir, log string, env []string, name string, args ...string) (Process, error) {
	output, err := os.OpenFile(log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return Process{}, err
	}
	defer output.Close()
	cmd := exec.Command(name, args...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), env...)
	cmd.Stdout, cmd.Stderr = output, output
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if err := cmd.Start(); err != nil {
		return Process{}, fmt.Errorf("starting %s: %w", name, err)
	}
	// Reaps the process if it ends before this program does.
	go cmd.Wait()
	p, _ := Find(cmd.Process.Pid)
	return p, nil
}

// Stop sends SIGTERM, and SIGKILL if the process still runs after the given time.
func (p Process) Stop(grace time.Duration) error {
	for _, signal := range []syscall.Signal{syscall.SIGTERM, syscall.SIGKILL} {
		if !p.Alive() {
			return nil
		}
		if err := syscall.Kill(p.PID, signal); err != nil && !errors.Is(err, syscall.ESRCH) {
			return err
		}
		if p.Wait(grace) {
			return nil
		}
	}
	return fmt.Errorf("process %d survives SIGKILL", p.PID)
}

// Wait returns true when the process has ended, and false if it still runs after the timeout. A negative timeout waits
// forever.
func (p Process) Wait(timeout time.Duration) bool {
	fd, err := unix.PidfdOpen(p.PID, 0)
	if err != nil || !p.Alive() {
		return !p.Alive()
	}
	defer unix.Close(fd)
	deadline := time.Now().Add(timeout)
	for {
		milliseconds := -1
		if timeout >= 0 {
			milliseconds = int(max(0, time.Until(deadline)).Milliseconds())
		}
		n, err := unix.Poll([]unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}, milliseconds)
		if errors.Is(err, unix.EINTR) {
			continue
		}
		return err == nil && n > 0
	}
}

// Dir is the process's working directory; empty if it cannot be read.
func (p Process) Dir() string { return link(p.PID, "cwd") }

// Executable is the program that the process runs; empty if it cannot be read.
func (p Process) Executable() string { return link(p.PID, "exe") }

// Arguments is the process's command line, the program's name first.
func (p Process) Arguments() []string {
	content, _ := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", p.PID))
	return strings.Split(strings.TrimSuffix(string(content), "\x00"), "\x00")
}

// Memory is the process's resident memory in bytes.
func (p Process) Memory() int64 {
	statm, err := os.ReadFile(fmt.Sprintf("/proc/%d/statm", p.PID))
	fields := strings.Fields(string(statm))
	if err != nil || len(fields) < 2 {
		return 0
	}
	pages, _ := strconv.ParseInt(fields[1], 10, 64)
	return pages * int64(os.Getpagesize())
}

// Save records the process in a file, for the next run of this program.
func (p Process) Save(file string) error {
	return os.WriteFile(file, fmt.Appendf(nil, "%d %s\n", p.PID, p.start), 0o600)
}

// Load returns the process that Save recorded, and whether it still runs.
func Load(file string) (Process, bool) {
	var p Process
	content, err := os.ReadFile(file)
	if err != nil {
		return p, false
	}
	if n, _ := fmt.Sscanf(string(content), "%d %s", &p.PID, &p.start); n != 2 {
		return p, false
	}
	return p, p.Alive()
}

func link(pid int, name string) string {
	target, _ := os.Readlink(filepath.Join("/proc", strconv.Itoa(pid), name))
	return strings.TrimSuffix(target, " (deleted)")
}

func stat(pid int) (start string, alive bool) {
	content, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return "", false
	}
	// The name, in parentheses, may contain anything; the state follows it, and the start time is the 22nd field.
	fields := strings.Fields(string(content[strings.LastIndexByte(string(content), ')')+1:]))
	if len(fields) < 20 || fields[0] == "Z" || fields[0] == "X" {
		return "", false
	}
	return fields[19], true
}
