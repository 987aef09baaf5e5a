package remote

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// openSSH51 restricts a server to the algorithms of OpenSSH 5.1, which SLES 11 SP1 has, except for DSA keys.
var openSSH51 = []string{
	"KexAlgorithms diffie-hellman-group-exchange-sha256,diffie-hellman-group-exchange-sha1,diffie-hellman-group14-sha1,diffie-hellman-group1-sha1",
	"HostKeyAlgorithms ssh-rsa",
	"PubkeyAcceptedAlgorithms ssh-rsa",
	"Ciphers aes128-cbc,3des-cbc,aes192-cbc,aes256-cbc,aes128-ctr,aes192-ctr,aes256-ctr",
	"MACs hmac-md5,hmac-sha1,umac-64@openssh.com,hmac-sha1-96,hmac-md5-96",
}

// startOldSSHD starts such a server. OpenSSH before 7.2 does not report to clients which signatures it accepts (RFC 8308),
// and no option disables that in a newer one. So this server is a copy of the machine's sshd, changed not to recognize the
// client's request.
func startOldSSHD(t *testing.T) *sshd {
	t.Helper()
	program, err := os.ReadFile(sshdProgram)
	if err != nil {
		t.Fatalf("these tests need a real SSH server: %v; install it, on Debian: apt-get install openssh-server", err)
	}
	const asks = "ext-info-c\x00"
	if bytes.Count(program, []byte(asks)) != 1 {
		t.Fatalf("%s has not one place where a client asks for extensions", sshdProgram)
	}
	copied := filepath.Join(t.TempDir(), "sshd")
	if err := os.WriteFile(copied, bytes.Replace(program, []byte(asks), []byte("old-info-c\x00"), 1), 0o755); err != nil {
		t.Fatal(err)
	}
	return startProgram(t, copied, newRSAKey, openSSH51...)
}

func TestOldServerTakesAnRSAKey(t *testing.T) {
	server := startOldSSHD(t)
	for name, more := range map[string]map[string]any{
		"any host key":          {},
		"the expected host key": {"hostKey": server.hostKey},
	} {
		t.Run(name, func(t *testing.T) {
			command := startEngine(t).resource("Command")
			err := command.create(map[string]any{"connection": with(server.connection(), more), "create": "cat", "stdin": "heard"})
			if err != nil {
				t.Fatal(err)
			}
			if got := command.output("stdout"); got != "heard" {
				t.Errorf("stdout is %q", got)
			}
		})
	}
}

func TestOldServerRefusesAnEd25519Key(t *testing.T) {
	server := startOldSSHD(t)
	key, _ := newKey(t)
	engine := startEngine(t)
	connection := with(server.connection(), map[string]any{"privateKey": key})
	err := engine.resource("Command").create(map[string]any{"connection": connection, "create": "true"})
	for _, want := range []string{server.user + "@127.0.0.1", "unable to authenticate", "publickey"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want %q", err, want)
		}
	}
	noSecrets(t, engine, err, key)
}
