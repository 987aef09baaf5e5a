package remote

import (
	"bytes"
	"crypto"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/rsa"
	"encoding/pem"
	"fmt"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"
)

// sshd is a real OpenSSH server of this test's own, on a loopback port, that lets the test's user log in with one key.
type sshd struct {
	user       string
	port       int
	hostKey    string // the public key, as in authorized_keys
	privateKey string // the client's, in PEM
	log        *bytes.Buffer
}

// startSSHD starts a server and ends it with the test. Options are further lines of sshd_config.
func startSSHD(t *testing.T, options ...string) *sshd {
	t.Helper()
	return startProgram(t, sshdProgram, newKey, options...)
}

const sshdProgram = "/usr/sbin/sshd"

// startProgram starts this sshd; its own key and its client's are made by newKey.
func startProgram(t *testing.T, program string, newKey func(*testing.T) (private, public string), options ...string) *sshd {
	t.Helper()
	if _, err := os.Stat(program); err != nil {
		t.Fatalf("these tests need a real SSH server: %v; install it, on Debian: apt-get install openssh-server", err)
	}
	account, err := user.Current()
	if err != nil {
		t.Fatal(err)
	}
	if account.Uid == "0" {
		// The service creates this directory when it starts. Without it sshd refuses to run as root.
		if err := os.MkdirAll("/run/sshd", 0o755); err != nil {
			t.Fatal(err)
		}
	}
	dir := t.TempDir()
	hostKey, hostPublic := newKey(t)
	privateKey, public := newKey(t)
	server := &sshd{user: account.Username, port: freePort(t), hostKey: hostPublic, privateKey: privateKey, log: &bytes.Buffer{}}
	write(t, filepath.Join(dir, "host_key"), hostKey, 0o600)
	write(t, filepath.Join(dir, "authorized_keys"), public, 0o600)
	config := append([]string{
		"ListenAddress 127.0.0.1",
		fmt.Sprintf("Port %d", server.port),
		"HostKey " + filepath.Join(dir, "host_key"),
		"AuthorizedKeysFile " + filepath.Join(dir, "authorized_keys"),
		"PidFile none",
		"StrictModes no", // the temporary directory is below a world-writable one
		"UsePAM no",
		"PasswordAuthentication no",
		"PermitRootLogin yes",
		"Subsystem sftp internal-sftp",
	}, options...)
	write(t, filepath.Join(dir, "sshd_config"), strings.Join(config, "\n")+"\n", 0o600)

	command := exec.Command(program, "-D", "-e", "-f", filepath.Join(dir, "sshd_config"))
	command.Stderr = server.log
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = command.Process.Kill()
		_ = command.Wait()
		if t.Failed() {
			t.Logf("sshd says:\n%s", server.log)
		}
	})
	for end := time.Now().Add(10 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		conn, err := net.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", server.port))
		if err == nil {
			conn.Close()
			return server
		}
		if time.Now().After(end) {
			t.Fatalf("sshd does not answer after 10 s: %v", err)
		}
	}
}

// connection returns the Pulumi input that reaches the server.
func (s *sshd) connection() map[string]any {
	return map[string]any{
		"host":           "127.0.0.1",
		"port":           s.port,
		"user":           s.user,
		"privateKey":     s.privateKey,
		"dialErrorLimit": 0,
	}
}

func newKey(t *testing.T) (private, public string) {
	t.Helper()
	publicKey, privateKey, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return encode(t, privateKey, publicKey)
}

func newRSAKey(t *testing.T) (private, public string) {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	return encode(t, key, key.Public())
}

func encode(t *testing.T, privateKey crypto.PrivateKey, publicKey crypto.PublicKey) (private, public string) {
	t.Helper()
	block, err := ssh.MarshalPrivateKey(privateKey, "")
	if err != nil {
		t.Fatal(err)
	}
	sshKey, err := ssh.NewPublicKey(publicKey)
	if err != nil {
		t.Fatal(err)
	}
	return string(pem.EncodeToMemory(block)), string(ssh.MarshalAuthorizedKey(sshKey))
}

// freePort returns a loopback port on which nothing listens.
func freePort(t *testing.T) int {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	return listener.Addr().(*net.TCPAddr).Port
}

func write(t *testing.T, name, content string, mode os.FileMode) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, []byte(content), mode); err != nil {
		t.Fatal(err)
	}
}

func read(t *testing.T, name string) string {
	t.Helper()
	content, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return string(content)
}
