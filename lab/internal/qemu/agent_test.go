package qemu

import (
	"bufio"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"
)

const routeTable = `Iface	Destination	Gateway 	Flags	RefCnt	Use	Metric	Mask		MTU	Window	IRTT
eth0	00000000	010200C0	0003	0	0	0	00000000	0	0	0
eth0	000200C0	00000000	0001	0	0	0	00FFFFFF	0	0	0
`

// peer plays a guest agent on a socket in dir: it first sends the text before, then answers the commands in answers and
// ignores all others.
func peer(t *testing.T, dir string, before string, answers map[string]string) *Running {
	t.Helper()
	socket := filepath.Join(dir, agentSocket)
	// As dial does: the directory's path is longer than a socket's may be.
	t.Chdir(dir)
	listener, err := net.Listen("unix", agentSocket)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { listener.Close() })
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			go func() {
				defer conn.Close()
				fmt.Fprint(conn, before)
				reader := bufio.NewReader(conn)
				for {
					line, err := reader.ReadBytes('\n')
					if err != nil {
						return
					}
					var request struct {
						Execute   string         `json:"execute"`
						Arguments map[string]any `json:"arguments"`
					}
					if json.Unmarshal([]byte(strings.TrimPrefix(string(line), "\xff")), &request) != nil {
						return
					}
					if request.Execute == "guest-sync-delimited" {
						fmt.Fprintf(conn, "\xff{\"return\": %.0f}\n", request.Arguments["id"])
					} else if answer, ok := answers[request.Execute]; ok {
						fmt.Fprintln(conn, answer)
					}
				}
			}()
		}
	}()
	return &Running{agent: agent{socket: socket}}
}

func guestAnswers() map[string]string {
	return map[string]string{
		"guest-get-host-name": `{"return": {"host-name": "node1"}}`,
		"guest-get-osinfo":    `{"return": {"pretty-name": "Debian GNU/Linux 12 (bookworm)"}}`,
		"guest-network-get-interfaces": `{"return": [
			{"name": "lo", "ip-addresses": [{"ip-address": "127.0.0.1", "prefix": 8}], "hardware-address": "00:00:00:00:00:00"},
			{"name": "eth0", "ip-addresses": [{"ip-address": "192.0.2.11", "prefix": 24}], "hardware-address": "00:50:56:80:00:0A"}]}`,
		"guest-file-open":  `{"return": 1000}`,
		"guest-file-read":  `{"return": {"buf-b64": "` + base64.StdEncoding.EncodeToString([]byte(routeTable)) + `"}}`,
		"guest-file-close": `{"return": {}}`,
	}
}

func TestAsk(t *testing.T) {
	guest, err := peer(t, t.TempDir(), "", guestAnswers()).Ask(5 * time.Second)
	if err != nil {
		t.Fatal(err)
	}
	want := &Guest{
		HostName:   "node1",
		OS:         "Debian GNU/Linux 12 (bookworm)",
		Interfaces: []Interface{{"eth0", "00:50:56:80:00:0a", []netip.Prefix{netip.MustParsePrefix("192.0.2.11/24")}}},
		Routes: []Route{
			{netip.MustParsePrefix("0.0.0.0/0"), netip.MustParseAddr("192.0.2.1"), "eth0"},
			{netip.MustParsePrefix("192.0.2.0/24"), netip.Addr{}, "eth0"},
		},
	}
	if !reflect.DeepEqual(guest, want) {
		t.Errorf("Ask = %+v\nwant %+v", guest, want)
	}
}

func TestAskSkipsAnswersOfEarlierSessions(t *testing.T) {
	stale := "{\"return\": {\"host-name\": \"other\"}}\n\xff{\"return\": 1}\n"
	guest, err := peer(t, t.TempDir(), stale, guestAnswers()).Ask(5 * time.Second)
	if err != nil || guest.HostName != "node1" {
		t.Errorf("Ask = %+v, %v", guest, err)
	}
}

func TestAskSilentGuest(t *testing.T) {
	answers := guestAnswers()
	delete(answers, "guest-get-osinfo")
	began := time.Now()
	if guest, err := peer(t, t.TempDir(), "", answers).Ask(200 * time.Millisecond); err == nil {
		t.Errorf("Ask = %+v of a guest that stopped answering", guest)
	}
	if took := time.Since(began); took > 2*time.Second {
		t.Errorf("gave up after %s", took)
	}
}

func TestShutdown(t *testing.T) {
	if err := peer(t, t.TempDir(), "", nil).Shutdown("powerdown"); err != nil {
		t.Errorf("a guest that obeys does not answer; got %v", err)
	}
	refusal := map[string]string{"guest-shutdown": `{"error": {"class": "GenericError", "desc": "child process has failed to shutdown"}}`}
	if err := peer(t, t.TempDir(), "", refusal).Shutdown("powerdown"); err == nil || !strings.Contains(err.Error(), "has failed to shutdown") {
		t.Errorf("a guest that refuses: %v", err)
	}
}

func TestDialLongPath(t *testing.T) {
	dir := filepath.Join(t.TempDir(), strings.Repeat("a", 60), strings.Repeat("b", 60))
	if err := os.MkdirAll(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	if _, err := peer(t, dir, "", guestAnswers()).Ask(5 * time.Second); err != nil {
		t.Errorf("a socket whose path has %d bytes: %v", len(dir), err)
	}
}
