package qemu

import (
	"bufio"
	"fmt"
	"net"
	"slices"
	"strings"
	"testing"
)

func TestGrowDisks(t *testing.T) {
	dir := t.TempDir()
	t.Chdir(dir)
	listener, err := net.Listen("unix", monitorSocket)
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	requests := make(chan string, 10)
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			fmt.Fprintln(conn, `{"QMP": {}}`)
			for lines := bufio.NewScanner(conn); lines.Scan(); {
				requests <- lines.Text()
				fmt.Fprintln(conn, `{"return": {}}`)
			}
			conn.Close()
		}
	}()

	running := Running{Machine: Machine{Dir: dir}}
	if err := running.GrowDisks([]Disk{{"node1.qcow2", 10 << 30}, {"node1_1.qcow2", 1 << 30}}); err != nil {
		t.Fatal(err)
	}
	var got []string
	for len(requests) > 0 {
		if request := <-requests; !strings.Contains(request, "qmp_capabilities") {
			got = append(got, request)
		}
	}
	want := []string{
		`{"arguments":{"device":"disk0","size":10737418240},"execute":"block_resize"}`,
		`{"arguments":{"device":"disk1","size":1073741824},"execute":"block_resize"}`,
	}
	if !slices.Equal(got, want) {
		t.Errorf("the monitor got %q", got)
	}
	// The command line names the drives so.
	if arguments := strings.Join(Machine{Disks: make([]Disk, 2)}.Arguments(Host{}, false), " "); !strings.Contains(arguments, "id=disk1,") {
		t.Errorf("no drive disk1 in %s", arguments)
	}
}
