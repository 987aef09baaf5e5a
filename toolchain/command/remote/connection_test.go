package remote

import (
	"fmt"
	"io"
	"net"
	"strings"
	"testing"
	"time"
)

// noSecrets checks that secrets appear in no message.
func noSecrets(t *testing.T, engine *engine, err error, secrets ...string) {
	t.Helper()
	for _, secret := range secrets {
		if strings.Contains(engine.logged(), secret) {
			t.Errorf("the log holds a secret: %s", engine.logged())
		}
		if err != nil && strings.Contains(err.Error(), secret) {
			t.Errorf("the error holds a secret: %v", err)
		}
	}
}

func TestDialErrorLimit(t *testing.T) {
	for _, limit := range []int{0, 2} {
		t.Run(fmt.Sprintf("limit=%d", limit), func(t *testing.T) {
			engine := startEngine(t)
			port := freePort(t)
			err := engine.resource("Command").create(map[string]any{
				"connection": map[string]any{"host": "127.0.0.1", "port": port, "dialErrorLimit": limit, "password": "pass-secret"},
				"create":     "true",
			})
			if err == nil {
				t.Fatal("a closed port is reached")
			}
			for _, want := range []string{
				fmt.Sprintf("root@127.0.0.1:%d", port), fmt.Sprintf("after %d failed attempts", limit+1), "connection refused",
			} {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("the error does not hold %q: %v", want, err)
				}
			}
			if got := strings.Count(engine.logged(), "trying again"); got != limit {
				t.Errorf("%d tries again are logged, want %d: %s", got, limit, engine.logged())
			}
			noSecrets(t, engine, err, "pass-secret")
		})
	}
}

func TestUnlimitedDialsWaitForTheHost(t *testing.T) {
	engine := startEngine(t)
	server := startSSHD(t)
	// A forwarder that starts late stands for a host that boots.
	port := freePort(t)
	go func() {
		time.Sleep(1500 * time.Millisecond)
		forward(t, port, server.port)
	}()
	connection := with(server.connection(), map[string]any{"port": port, "dialErrorLimit": -1})
	command := engine.resource("Command")
	if err := command.create(map[string]any{"connection": connection, "create": "echo up"}); err != nil {
		t.Fatal(err)
	}
	if command.output("stdout") != "up" || !strings.Contains(engine.logged(), "of no limit failed") {
		t.Errorf("stdout %q, log %q", command.output("stdout"), engine.logged())
	}
}

func TestPerDialTimeoutHoldsForAHostThatSaysNothing(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close() // it accepts in the kernel, and never answers
	start := time.Now()
	err = startEngine(t).resource("Command").create(map[string]any{
		"connection": map[string]any{
			"host": "127.0.0.1", "port": listener.Addr().(*net.TCPAddr).Port, "dialErrorLimit": 0, "perDialTimeout": 1,
		},
		"create": "true",
	})
	if err == nil || !strings.Contains(err.Error(), "no login within 1s") {
		t.Errorf("error: %v", err)
	}
	if took := time.Since(start); took > 5*time.Second {
		t.Errorf("gave up after %s, want about 1 s", took)
	}
}

func TestHostKey(t *testing.T) {
	server := startSSHD(t)
	_, other := newKey(t)
	for name, test := range map[string]struct{ hostKey, want string }{
		"right":    {server.hostKey, ""},
		"wrong":    {other, "host key is not the expected one"},
		"nonsense": {"ssh-ed25519 nonsense", "hostKey is not a public key"},
	} {
		t.Run(name, func(t *testing.T) {
			engine := startEngine(t)
			// No limit: a wrong key must not be retried for ever.
			connection := with(server.connection(), map[string]any{"hostKey": test.hostKey, "dialErrorLimit": -1})
			err := engine.resource("Command").create(map[string]any{"connection": connection, "create": "true"})
			if test.want == "" && err != nil {
				t.Errorf("the right key is refused: %v", err)
			}
			if test.want != "" && (err == nil || !strings.Contains(err.Error(), test.want)) {
				t.Errorf("error %v, want %q", err, test.want)
			}
			noSecrets(t, engine, err, "PRIVATE KEY", server.privateKey)
		})
	}
}

// OpenSSH refuses SHA-1 signatures, and the plugin asks for no others. So a host is better known by a key of another type.
func TestExpectedRSAKeyNeedsAnOldServer(t *testing.T) {
	server := startProgram(t, sshdProgram, newRSAKey)
	connection := with(server.connection(), map[string]any{"hostKey": server.hostKey})
	err := startEngine(t).resource("Command").create(map[string]any{"connection": connection, "create": "true"})
	if err == nil || !strings.Contains(err.Error(), "no common algorithm for host key") {
		t.Errorf("error: %v", err)
	}
}

func TestRefusedAndBrokenKeys(t *testing.T) {
	server := startSSHD(t)
	stranger, _ := newKey(t)
	broken := "-----BEGIN OPENSSH PRIVATE KEY-----\nkey-secret\n-----END OPENSSH PRIVATE KEY-----\n"
	for name, test := range map[string]struct{ key, want string }{
		"refused": {stranger, "unable to authenticate"},
		"broken":  {broken, "privateKey"},
	} {
		t.Run(name, func(t *testing.T) {
			engine := startEngine(t)
			connection := with(server.connection(), map[string]any{"privateKey": test.key})
			err := engine.resource("Command").create(map[string]any{"connection": connection, "create": "true"})
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("error %v, want %q", err, test.want)
			}
			noSecrets(t, engine, err, test.key, "key-secret")
		})
	}
}

func TestProxy(t *testing.T) {
	proxy, server := startSSHD(t), startSSHD(t)
	connection := with(server.connection(), map[string]any{"proxy": proxy.connection()})
	command := startEngine(t).resource("Command")
	if err := command.create(map[string]any{"connection": connection, "create": "echo $SSH_CONNECTION"}); err != nil {
		t.Fatal(err)
	}
	if !strings.HasSuffix(command.output("stdout"), fmt.Sprintf(" %d", server.port)) {
		t.Errorf("the command ran on %q", command.output("stdout"))
	}

	connection["proxy"] = with(proxy.connection(), map[string]any{"port": freePort(t)})
	err := startEngine(t).resource("Command").create(map[string]any{"connection": connection, "create": "true"})
	if err == nil || !strings.Contains(err.Error(), "proxy: connecting to") {
		t.Errorf("a proxy that is down: %v", err)
	}
}

// forward passes connections on from one loopback port to another until the test ends.
func forward(t *testing.T, from, to int) {
	listener, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", from))
	if err != nil {
		t.Error(err)
		return
	}
	t.Cleanup(func() { listener.Close() })
	for {
		client, err := listener.Accept()
		if err != nil {
			return
		}
		server, err := net.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", to))
		if err != nil {
			client.Close()
			return
		}
		go pipe(client, server)
		go pipe(server, client)
	}
}

func pipe(to, from net.Conn) {
	defer to.Close()
	_, _ = io.Copy(to, from)
}
