package host

import (
	"fmt"
	"os"
	"os/exec"
	"strings"

	"smt-ha/lab/internal/settings"
)

func namespaceExists() bool {
	_, err := os.Stat("/run/netns/" + settings.Namespace)
	return err == nil
}

// makeNamespace makes what is missing of the namespace and the bridge in it. The host's own network has no part in it.
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
		// As one batch: a bridge that exists is then complete but for what comes after it here.
		if err := run("ip", "-n", settings.Namespace, "link", "add", settings.Bridge, "type", "bridge"); err != nil {
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
	return nil
}
