package process

import (
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"
)

func spawn(t *testing.T, script string) Process {
	t.Helper()
	p, err := Spawn(t.TempDir(), filepath.Join(t.TempDir(), "log"), nil, "sh", "-c", script)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { p.Stop(time.Second) })
	return p
}

func TestStopAsksFirst(t *testing.T) {
	done := filepath.Join(t.TempDir(), "done")
	p := spawn(t, "trap 'touch "+done+"; exit' TERM; touch "+done+".ready; while :; do sleep 0.05; done")
	for i := 0; i < 100; i++ {
		if _, err := os.Stat(done + ".ready"); err == nil {
			break
		}
		time.Sleep(20 * time.Millisecond)
	}
	if err := p.Stop(5 * time.Second); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(done); err != nil {
		t.Error("the process was not asked to end before it was killed")
	}
	if p.Alive() {
		t.Error("still alive")
	}
}

func TestStopKillsAProcessThatIgnoresSIGTERM(t *testing.T) {
	p := spawn(t, "trap '' TERM; while :; do sleep 0.05; done")
	time.Sleep(100 * time.Millisecond)
	if err := p.Stop(200 * time.Millisecond); err != nil {
		t.Fatal(err)
	}
	if p.Alive() {
		t.Error("still alive")
	}
}

func TestWaitTimeout(t *testing.T) {
	p := spawn(t, "sleep 30")
	if p.Wait(50 * time.Millisecond) {
		t.Error("Wait says that a sleeping process has ended")
	}
	if short := spawn(t, "exit 0"); !short.Wait(5 * time.Second) {
		t.Error("Wait does not see the end of a process")
	}
}

func TestLoadKnowsTheProcessNotJustItsNumber(t *testing.T) {
	p := spawn(t, "sleep 30")
	file := filepath.Join(t.TempDir(), "pid")
	if err := p.Save(file); err != nil {
		t.Fatal(err)
	}
	if found, alive := Load(file); !alive || found != p {
		t.Errorf("Load = %v, %v; want %v", found, alive, p)
	}
	other := Process{PID: p.PID, start: "1"}
	if err := other.Save(file); err != nil {
		t.Fatal(err)
	}
	if _, alive := Load(file); alive {
		t.Error("another process with the same number passes for the saved one")
	}
}

func TestDirArgumentsAndMemory(t *testing.T) {
	dir, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	p, err := Spawn(dir, filepath.Join(t.TempDir(), "log"), nil, "sleep", "30")
	if err != nil {
		t.Fatal(err)
	}
	defer p.Stop(time.Second)
	if got := p.Dir(); got != dir {
		t.Errorf("directory %s, want %s", got, dir)
	}
	if got := p.Arguments(); !slices.Equal(got, []string{"sleep", "30"}) {
		t.Errorf("arguments %q", got)
	}
	if got := p.Memory(); got <= 0 {
		t.Errorf("memory %d", got)
	}
}
