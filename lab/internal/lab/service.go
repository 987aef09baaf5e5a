package lab

import (
	"fmt"
	"path/filepath"
	"slices"
	"time"

	"smt-ha/lab/internal/failure"
	"smt-ha/lab/internal/process"
	"smt-ha/lab/internal/settings"
)

const (
	startTimeout = 20 * time.Second
	stopTimeout  = 3 * time.Second
)

// service is a long-running process of the lab in its namespace.
type service struct {
	name    string
	state   settings.State
	command string
	args    []string
	env     []string
	own     bool // this program itself, as a daemon
	// ready returns nil when the service does its work.
	ready func() error
}

// is reports whether a process runs the service: the same program, and for a daemon of this program the same arguments.
func (s service) is(p process.Process) bool {
	return filepath.Base(p.Executable()) == filepath.Base(s.command) && (!s.own || slices.Equal(p.Arguments()[1:], s.args))
}

func (s service) pidFile() string { return s.state.Path("run", s.name+".pid") }

// start starts the service unless it runs, and waits until it is ready.
func (s service) start() error {
	if _, alive := process.Load(s.pidFile()); alive {
		return s.ready()
	}
	// An interrupted up may have started one without recording it.
	processes, err := members()
	if err != nil {
		return err
	}
	for _, p := range processes {
		if ours(p, s.state) && s.is(p) {
			if err := p.Stop(stopTimeout); err != nil {
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
	for deadline := time.Now().Add(startTimeout); ; time.Sleep(20 * time.Millisecond) {
		err := s.ready()
		switch {
		case err == nil:
			say("%s runs", s.name)
			return nil
		case !p.Alive():
			return s.failed(fmt.Errorf("%s ended right after its start", s.name))
		case time.Now().After(deadline):
			return s.failed(fmt.Errorf("%s is not ready %s after its start: %w", s.name, startTimeout, err))
		}
	}
}

func (s service) failed(cause error) error {
	return &failure.Failure{Cause: cause, Fix: "fix what the log reports, then run lab/up again", Log: s.state.Log(s.name)}
}

// stop ends the service if it runs.
func (s service) stop() error {
	p, alive := process.Load(s.pidFile())
	if !alive {
		return nil
	}
	return p.Stop(stopTimeout)
}
