// Package lab assembles the lab on this machine: its network namespace, its services and its state directory.
package lab

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"

	"golang.org/x/sys/unix"

	"smt-ha/lab/internal/failure"
	"smt-ha/lab/internal/process"
	"smt-ha/lab/internal/qemu"
	"smt-ha/lab/internal/settings"
)

// Up starts every part of the lab that does not run. The recipes of template and upstream are in the directory source.
func Up(state settings.State, cache, source string) error {
	unlock, err := lock(cache)
	if err != nil {
		return err
	}
	defer unlock()
	if err := checkForeign(state); err != nil {
		return err
	}
	if err := adopt(state); err != nil {
		return err
	}
	template, err := ensureBuilt(filepath.Join(source, "template"), cache)
	if err != nil {
		return err
	}
	repositories, err := ensureBuilt(filepath.Join(source, "upstream"), cache)
	if err != nil {
		return err
	}
	changed, err := useTemplate(state, template)
	if err != nil {
		return err
	}
	accelerator, err := qemu.ChooseAccelerator(template, cache)
	if err != nil {
		return err
	}
	if err := os.WriteFile(state.Path("accelerator"), []byte(accelerator), 0o600); err != nil {
		return err
	}
	if err := makeNamespace(); err != nil {
		return err
	}
	services, err := services(state, cache, repositories)
	if err != nil {
		return err
	}
	for _, s := range services {
		p, alive := process.Load(s.pidFile())
		if alive && s.own && (!s.is(p) || p.Executable() != s.command || changed && s.name == "vcenter") {
			say("restarting %s, because the lab has changed; machines keep running", s.name)
			if err := s.stop(); err != nil {
				return err
			}
		}
		if err := s.start(); err != nil {
			return err
		}
	}
	return nil
}

// lock makes other ups and downs wait.
func lock(cache string) (unlock func(), err error) {
	file, err := os.OpenFile(filepath.Join(cache, "lab.lock"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	if err := unix.Flock(int(file.Fd()), unix.LOCK_EX); err != nil {
		return nil, err
	}
	return func() { file.Close() }, nil
}

func services(state settings.State, cache, repositories string) ([]service, error) {
	clock, err1 := timeServer(state, cache)
	target, err2 := san(state)
	program, err3 := os.Executable()
	return []service{
		clock, target, daemon(state, program, "upstream", repositories), daemon(state, program, "vcenter"),
	}, errors.Join(err1, err2, err3)
}

// checkDir refuses a state directory that holds something other than a lab: down would remove it.
func checkDir(state settings.State) error {
	entries, err := os.ReadDir(string(state))
	if errors.Is(err, fs.ErrNotExist) || err == nil && len(entries) == 0 {
		return nil
	}
	if _, err := os.Stat(state.Marker()); err != nil {
		return failure.New("set SMT_HA_LAB to a directory that does not exist", "%s is neither empty nor a lab's directory", state)
	}
	return nil
}

// adopt creates the state directory.
func adopt(state settings.State) error {
	if err := checkDir(state); err != nil {
		return err
	}
	for _, dir := range []string{"", "run", "log", "san", "ssh"} {
		if err := os.MkdirAll(state.Path(dir), 0o700); err != nil {
			return err
		}
	}
	return os.WriteFile(state.Marker(), []byte("State of the lab; lab/down removes this directory.\n"), 0o600)
}

// useTemplate links the template into the state directory, and reports whether the link changed. While machines exist
// the link stays: they keep the template that they were cloned from.
func useTemplate(state settings.State, template string) (changed bool, err error) {
	current, err := os.Readlink(state.Template())
	linked := err == nil
	if linked && current != template {
		records, err := filepath.Glob(filepath.Join(state.Inventory(), "*.json"))
		if err != nil {
			return false, err
		}
		if len(records) > 0 {
			say("the template's recipe has changed; new machines still come from the old template until lab/down")
			return false, nil
		}
		if err := os.Remove(state.Template()); err != nil {
			return false, err
		}
	}
	// Also for the same template: a rebuilt one has a new key.
	for _, file := range []string{"id_ed25519", "id_ed25519.pub"} {
		key, err := os.ReadFile(filepath.Join(template, file))
		if err != nil {
			return false, err
		}
		if err := os.WriteFile(state.Path("ssh", file), key, 0o600); err != nil {
			return false, err
		}
	}
	if linked && current == template {
		return false, nil
	}
	return true, os.Symlink(template, state.Template())
}

// Down stops the lab and removes its state directory. It finds processes by their namespace, so that it also stops
// those of a lab whose state directory is gone.
func Down(state settings.State, cache string) error {
	unlock, err := lock(cache)
	if err != nil {
		return err
	}
	defer unlock()
	if err := checkForeign(state); err != nil {
		return err
	}
	if err := checkDir(state); err != nil {
		return err
	}
	processes, err := members()
	if err != nil {
		return err
	}
	// In this order: the vCenter would record the machines as powered off, and machines need the SAN until they end.
	order := []string{"lab", "qemu-system-x86_64", "chronyd", "tgtd"}
	var stop []process.Process
	for _, p := range processes {
		if ours(p, state) {
			stop = append(stop, p)
		} else {
			say("process %d (%s) still runs in the lab's namespace and loses its network", p.PID, filepath.Base(p.Executable()))
		}
	}
	slices.SortStableFunc(stop, func(a, b process.Process) int {
		return slices.Index(order, filepath.Base(a.Executable())) - slices.Index(order, filepath.Base(b.Executable()))
	})
	for _, p := range stop {
		if err := p.Stop(2 * time.Second); err != nil {
			return err
		}
	}
	if namespaceExists() {
		if err := run("ip", "netns", "del", settings.Namespace); err != nil {
			return err
		}
	}
	if err := os.RemoveAll(string(state)); err != nil {
		return err
	}
	fmt.Printf("lab: stopped %d processes, removed namespace %s and %s\n", len(stop), settings.Namespace, state)
	return nil
}
