package lab

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"smt-ha/lab/internal/failure"
	"smt-ha/lab/internal/process"
	"smt-ha/lab/internal/settings"
)

func namespaceExists() bool {
	_, err := os.Stat("/run/netns/" + settings.Namespace)
	return err == nil
}

// makeNamespace creates what is missing of the namespace and its bridge. It leaves the host's own network alone.
func makeNamespace() error {
	if !namespaceExists() {
		if err := run("ip", "netns", "add", settings.Namespace); err != nil {
			return err
		}
	}
	links, err := exec.Command("ip", "-n", settings.Namespace, "-o", "addr").Output()
	if err != nil {
		return fmt.Errorf("ip -n %s addr: %w", settings.Namespace, err)
	}
	if !strings.Contains(string(links), settings.Bridge) {
		// Without an address of its own, a bridge has that of one of its ports: a machine that is switched on or off would change
		// the hardware address of this whole machine, and the others would lose it for seconds.
		if err := run("ip", "-n", settings.Namespace, "link", "add", settings.Bridge, "address", settings.BridgeMAC, "type", "bridge"); err != nil {
			return err
		}
	}
	for _, address := range []string{settings.Gateway, settings.VCenter, settings.Portal, settings.Upstream} {
		if strings.Contains(string(links), " "+address+"/") {
			continue
		}
		if err := run("ip", "-n", settings.Namespace, "addr", "add", address+"/24", "dev", settings.Bridge); err != nil {
			return err
		}
	}
	for _, link := range []string{"lo", settings.Bridge} {
		if err := run("ip", "-n", settings.Namespace, "link", "set", link, "up"); err != nil {
			return err
		}
	}
	return run("ip", "-n", settings.Namespace, "route", "replace", "local", settings.Clients, "dev", "lo")
}

// inside returns the command line that runs a command in the lab's namespace.
func inside(name string, args ...string) (string, []string) {
	return "ip", append([]string{"netns", "exec", settings.Namespace, name}, args...)
}

// members returns the processes in the lab's namespace.
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

// ours reports whether a process in the namespace is a machine or service of the lab in this state directory.
func ours(p process.Process, state settings.State) bool {
	return isLab(p) && strings.HasPrefix(p.Dir()+"/", string(state)+"/")
}

// isLab reports whether a process in the namespace is a machine or service of any lab, as opposed to a command that
// somebody runs there.
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

// checkForeign returns an error if a lab with another state directory runs.
func checkForeign(state settings.State) error {
	processes, err := members()
	if err != nil {
		return err
	}
	for _, p := range processes {
		if isLab(p) && !ours(p, state) {
			return failure.New("stop that lab with its own lab/down",
				"another lab runs in %s (process %d), and there is one namespace for all labs", p.Dir(), p.PID)
		}
	}
	return nil
}
