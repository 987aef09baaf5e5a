package lab

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"text/tabwriter"

	"github.com/vmware/govmomi/object"

	"smt-ha/lab/internal/process"
	"smt-ha/lab/internal/settings"
	"smt-ha/lab/internal/vcenter/client"
)

// Status prints which parts of the lab run, and their state. It has to run in the namespace.
func Status(state settings.State) error {
	if err := checkForeign(state); err != nil {
		return err
	}
	w := tabwriter.NewWriter(os.Stdout, 0, 0, 3, ' ', 0)
	defer w.Flush()
	accelerator, _ := os.ReadFile(state.Path("accelerator"))
	fmt.Fprintf(w, "namespace\t%s, %s, client and gateway %s\n", settings.Namespace, settings.Subnet, settings.Gateway)
	fmt.Fprintf(w, "state\t%s\n", state)
	fmt.Fprintf(w, "accelerator\t%s\n", accelerator)
	runs := func(name string) string {
		if p, alive := process.Load(state.Path("run", name+".pid")); alive {
			return fmt.Sprintf("runs (process %d)", p.PID)
		}
		return "DOES NOT RUN"
	}
	fmt.Fprintf(w, "time server\t%s:123, %s\n", settings.Gateway, runs("time"))
	sessions := 0
	if shown, err := tgt(state, "tgtadm", "--lld", "iscsi", "--op", "show", "--mode", "target"); err == nil {
		sessions = strings.Count(shown, "I_T nexus: ")
	}
	fmt.Fprintf(w, "SAN\t%s:3260 %s, %s, %d sessions\n", settings.Portal, settings.Target, runs("san"), sessions)
	fmt.Fprintf(w, "upstream\thttp://%s/, %s\n", settings.Upstream, runs("upstream"))
	fmt.Fprintf(w, "vCenter\thttps://%s, %s\n", settings.VCenter, runs("vcenter"))

	ctx := context.Background()
	session, err := client.Connect(ctx)
	if err != nil {
		return err
	}
	defer session.Logout(ctx)
	machines, err := session.Machines(ctx)
	if err != nil {
		return err
	}
	memory := map[string]int64{}
	total := int64(0)
	processes, err := members()
	if err != nil {
		return err
	}
	for _, p := range processes {
		if ours(p, state) {
			memory[filepath.Base(p.Dir())] = p.Memory()
			total += p.Memory()
		}
	}
	fmt.Fprintf(w, "\nMACHINE\tPOWER\tADDRESS\tTOOLS\tCPUS\tMEMORY\tRESIDENT\n")
	for _, vm := range machines {
		var file object.DatastorePath
		file.FromString(vm.Config.Files.VmPathName)
		tools := strings.TrimPrefix(vm.Guest.ToolsRunningStatus, "guestTools")
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%d\t%d MiB\t%d MiB\n", vm.Name, strings.TrimPrefix(string(vm.Runtime.PowerState), "powered"),
			client.Address(vm), tools, vm.Config.Hardware.NumCPU, vm.Config.Hardware.MemoryMB,
			memory[filepath.Dir(file.Path)]>>20)
	}
	fmt.Fprintf(w, "\nmemory of the lab\t%d MiB\n", total>>20)
	return nil
}
