// Package host puts the lab together on this machine: its network namespace, its services and its state folder.
package host

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"smt-ha/lab/internal/process"
	"smt-ha/lab/internal/settings"
)

// run runs a command to its end; its output is the error's text.
func run(name string, args ...string) error {
	output, err := exec.Command(name, args...).CombinedOutput()
	if err != nil {
		return fmt.Errorf("%s: %s", strings.Join(append([]string{name}, args...), " "), strings.TrimSpace(string(output)+" "+err.Error()))
	}
	return nil
}

// inside is the command line that runs a command in the lab's namespace.
func inside(name string, args ...string) (string, []string) {
	return "ip", append([]string{"netns", "exec", settings.Namespace, name}, args...)
}

// service is a long-running process of the lab in its namespace.
type service struct {
	name    string
	state   settings.State
	command string
	args    []string
	env     []string
	own     bool // one of this program
	// ready returns nil when the service does its work.
	ready func() error
}

// is says whether a process runs the service: the program, and if it is one of this program's, all that it was told.
func (s service) is(p process.Process) bool {
	return filepath.Base(p.Executable()) == filepath.Base(s.command) && (!s.own || slices.Equal(p.Arguments()[1:], s.args))
}

func (s service) pidFile() string { return s.state.Path("run", s.name+".pid") }

// start starts the service unless it runs, and waits until it is ready.
func (s service) start() error {
	if _, alive := process.Load(s.pidFile()); alive {
		return s.ready()
	}
	// An up that was killed may have started one that is not on file.
	processes, err := members()
	if err != nil {
		return err
	}
	for _, p := range processes {
		if ours(p, s.state) && s.is(p) {
			if err := p.Stop(3 * time.Second); err != nil {
				return err
			}
		}
	}
	name, args := inside(s.command, s.args...)
	p, err := process.Spawn(s.state.Path("run"), s.state.Log(s.name), s.env, name, args...)
	if err != nil {
		return err
	}
	if err := p.Save(s.pidFile()); err != nil {
		return err
	}
	for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		err := s.ready()
		switch {
		case err == nil:
			say("%s runs", s.name)
			return nil
		case !p.Alive():
			return fmt.Errorf("%s ended at once; see %s", s.name, s.state.Log(s.name))
		case time.Now().After(deadline):
			return fmt.Errorf("%s is not ready: %w; see %s", s.name, err, s.state.Log(s.name))
		}
	}
}

// stop ends the service if it runs.
func (s service) stop() error {
	p, alive := process.Load(s.pidFile())
	if !alive {
		return nil
	}
	return p.Stop(3 * time.Second)
}

func say(format string, args ...any) { fmt.Fprintf(os.Stderr, "lab: "+format+"\n", args...) }

// members are the processes in the lab's namespace.
func members() ([]process.Process, error) {
	if !namespaceExists() {
		return nil, nil
	}
	output, err := exec.Command("ip", "netns", "pids", settings.Namespace).Output()
	if err != nil {
		return nil, fmt.Errorf("ip netns pids %s: %w", settings.Namespace, err)
	}
	var found []process.Process
	for _, field := range strings.Fields(string(output)) {
		var pid int
		if _, err := fmt.Sscan(field, &pid); err != nil {
			continue
		}
		if p, alive := process.Find(pid); alive {
			found = append(found, p)
		}
	}
	return found, nil
}

// ours says whether a process in the namespace is a machine or service of the lab in the state folder.
func ours(p process.Process, state settings.State) bool {
	return isLab(p) && strings.HasPrefix(p.Folder()+"/", string(state)+"/")
}

// isLab says whether a process in the namespace is a machine or service of some lab, and not a command that somebody
// runs there.
func isLab(p process.Process) bool {
	switch name := filepath.Base(p.Executable()); name {
	case "tgtd", "chronyd":
		return true
	case "lab":
		// A daemon. Other commands of this program come and go in the namespace.
		args := p.Arguments()
		return len(args) > 1 && args[1] == "serve"
	default:
		return strings.HasPrefix(name, "qemu-system-")
	}
}

// foreign is an error if a lab of another folder runs.
func foreign(state settings.State) error {
	processes, err := members()
	if err != nil {
		return err
	}
	for _, p := range processes {
		if isLab(p) && !ours(p, state) {
			return fmt.Errorf("another lab runs in %s (process %d); there is one namespace for all. Next: stop that one with its own lab/down", p.Folder(), p.PID)
		}
	}
	return nil
}
