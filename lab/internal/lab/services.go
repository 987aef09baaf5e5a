package lab

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"smt-ha/lab/internal/settings"
)

// timeServer is chronyd. It serves the host's time and never sets the host's clock (-x).
func timeServer(state settings.State, cache string) (service, error) {
	// lab/host-packages unpacks it there.
	program := filepath.Join(cache, "chrony/usr/sbin/chronyd")
	if _, err := os.Stat(program); err != nil {
		if program, err = exec.LookPath("chronyd"); err != nil {
			return service{}, err
		}
	}
	config := fmt.Sprintf(`local stratum 8
bindaddress %s
allow %s
cmdport 0
bindcmdaddress /
pidfile %s
`, settings.Gateway, settings.Subnet, state.Path("run", "chronyd"))
	file := state.Path("chrony.conf")
	if err := os.WriteFile(file, []byte(config), 0o600); err != nil {
		return service{}, err
	}
	return service{
		name: "time", state: state, command: program, args: []string{"-x", "-d", "-u", "root", "-f", file},
		ready: func() error {
			// chronyd writes its PID file once its sockets are open.
			_, err := os.Stat(state.Path("run", "chronyd"))
			return err
		},
	}, nil
}

// san is tgtd. Its control socket is in the state directory, so that it cannot clash with a tgtd of the host.
func san(state settings.State) (service, error) {
	lun := state.Path("san", "shared.img")
	if _, err := os.Stat(lun); os.IsNotExist(err) {
		if err := os.WriteFile(lun, nil, 0o600); err != nil {
			return service{}, err
		}
		if err := os.Truncate(lun, settings.LUNBytes); err != nil {
			return service{}, err
		}
	}
	config := fmt.Sprintf(`<target %s>
  <backing-store %s>
    lun 1
    vendor_id smt-ha
    product_id shared
    scsi_sn smtha001
  </backing-store>
  initiator-address %s
  incominguser %s %s
</target>
`, settings.Target, lun, settings.Subnet, settings.CHAPUser, settings.CHAPSecret)
	file := state.Path("san", "targets.conf")
	if err := os.WriteFile(file, []byte(config), 0o600); err != nil {
		return service{}, err
	}
	s := service{
		name: "san", state: state, command: "tgtd", args: []string{"-f", "--iscsi", "portal=" + settings.Portal + ":3260"},
		env: []string{"TGT_IPC_SOCKET=tgtd.socket"},
	}
	s.ready = func() error {
		shown, err := tgt(state, "tgtadm", "--lld", "iscsi", "--op", "show", "--mode", "target")
		if err != nil {
			return err
		}
		// tgt-admin binds the account last, so a target that has it is complete.
		if strings.Contains(shown, settings.Target) && strings.Contains(shown, lun) && strings.Contains(shown, settings.CHAPUser+"\n") {
			return nil
		}
		_, err = tgt(state, "tgt-admin", "--conf", file, "--update", "ALL")
		return err
	}
	return s, nil
}

// daemon is this program as a service: `serve NAME …` runs it, and `ready NAME` succeeds when it does its work.
func daemon(state settings.State, program, name string, args ...string) service {
	return service{
		name: name, state: state, command: program, args: append([]string{"serve", name}, args...), own: true,
		ready: func() error {
			command, args := inside(program, "ready", name)
			return run(command, args...)
		},
	}
}
