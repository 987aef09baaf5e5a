package lab

import (
	"fmt"
	"os"
	"os/exec"
	"strings"

	"smt-ha/lab/internal/settings"
)

// run runs a command to its end; an error includes the command's output.
func run(name string, args ...string) error {
	_, err := output(exec.Command(name, args...))
	return err
}

// tgt runs a command against the lab's tgtd and returns its output.
func tgt(state settings.State, name string, args ...string) (string, error) {
	cmd := exec.Command(name, args...)
	cmd.Dir = state.Path("run")
	cmd.Env = append(os.Environ(), "TGT_IPC_SOCKET=tgtd.socket")
	return output(cmd)
}

func output(cmd *exec.Cmd) (string, error) {
	text, err := cmd.CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("%s: %w: %s", strings.Join(cmd.Args, " "), err, strings.TrimSpace(string(text)))
	}
	return string(text), nil
}

func say(format string, args ...any) { fmt.Fprintf(os.Stderr, "lab: "+format+"\n", args...) }
