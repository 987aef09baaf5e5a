package host

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"

	"golang.org/x/sys/unix"

	"smt-ha/lab/internal/process"
	"smt-ha/lab/internal/qemu"
	"smt-ha/lab/internal/settings"
)

// Up starts what of the lab does not run. The source is the folder of the recipes of template and upstream.
func Up(state settings.State, cache, source string) error {
	unlock, err := lock(cache)
	if err != nil {
		return err
	}
	defer unlock()
	if err := foreign(state); err != nil {
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
			say("%s restarts, for the lab has changed; machines do not notice", s.name)
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

// lock keeps other ups and downs waiting.
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

// checkFolder refuses a state folder that holds something else than a lab: it would be removed with the lab.
func checkFolder(state settings.State) error {
	entries, err := os.ReadDir(string(state))
	if errors.Is(err, fs.ErrNotExist) || err == nil && len(entries) == 0 {
		return nil
	}
	if _, err := os.Stat(state.Marker()); err != nil {
		return fmt.Errorf("%s is not empty, and no lab's folder. Next: set SMT_HA_LAB to a folder that does not exist", state)
	}
	return nil
}

// adopt makes the state folder.
func adopt(state settings.State) error {
	if err := checkFolder(state); err != nil {
		return err
	}
	for _, folder := range []string{"", "run", "log", "san", "ssh"} {
		if err := os.MkdirAll(state.Path(folder), 0o700); err != nil {
			return err
		}
	}
	return os.WriteFile(state.Marker(), []byte("State of the lab; lab/down removes this folder.\n"), 0o600)
}

// useTemplate links the template into the state folder, and says whether it is another one than before. Machines keep
// the template that they were cloned from.
func useTemplate(state settings.State, template string) (changed bool, err error) {
	current, err := os.Readlink(state.Template())
	linked := err == nil
	if linked && current != template {
		records, err := filepath.Glob(filepath.Join(state.Inventory(), "*.json"))
		if err != nil {
			return false, err
		}
		if len(records) > 0 {
			say("the template's recipe has changed; machines are still made from the old one until lab/down")
			return false, nil
		}
		if err := os.Remove(state.Template()); err != nil {
			return false, err
		}
	}
	// Also for the same template: whoever clears the cache gets it again with another key.
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

// Down stops the lab and removes its folder. It goes by the processes in the namespace, so that it also ends what a
// lab whose folder is gone has left.
func Down(state settings.State, cache string) error {
	unlock, err := lock(cache)
	if err != nil {
		return err
	}
	defer unlock()
	if err := foreign(state); err != nil {
		return err
	}
	if err := checkFolder(state); err != nil {
		return err
	}
	processes, err := members()
	if err != nil {
		return err
	}
	// In this order: the vCenter would take the machines' end for their own, and machines miss their disk.
	order := []string{"lab", "qemu-system-x86_64", "chronyd", "tgtd"}
	var stop []process.Process
	for _, p := range processes {
		if ours(p, state) {
			stop = append(stop, p)
		} else {
			say("process %d (%s) is still in the lab's namespace, and loses its network", p.PID, filepath.Base(p.Executable()))
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
