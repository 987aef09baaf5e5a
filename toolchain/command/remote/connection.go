package remote

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"strconv"
	"time"

	provider "github.com/pulumi/pulumi-go-provider"
	"github.com/pulumi/pulumi-go-provider/infer"
	"github.com/pulumi/pulumi/sdk/v3/go/common/util/retry"
	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/agent"
)

const (
	defaultUser           = "root"
	defaultPort           = 22
	defaultDialErrorLimit = 10
	defaultPerDialTimeout = 15 // seconds
	unlimited             = -1
)

// Connection specifies how to reach a host, directly or through a proxy. Only its user, host and port may appear in
// messages.
type Connection struct {
	endpoint
	Proxy *ProxyConnection `pulumi:"proxy,optional"`
}

// ProxyConnection specifies how to reach the host that Connection goes through.
type ProxyConnection struct{ endpoint }

// endpoint has the fields that a host and its proxy share. Annotations set the defaults.
type endpoint struct {
	User               *string  `pulumi:"user,optional"`
	Password           *string  `pulumi:"password,optional" provider:"secret"`
	Host               string   `pulumi:"host"`
	HostKey            *string  `pulumi:"hostKey,optional"`
	Port               *float64 `pulumi:"port,optional"`
	PrivateKey         *string  `pulumi:"privateKey,optional" provider:"secret"`
	PrivateKeyPassword *string  `pulumi:"privateKeyPassword,optional" provider:"secret"`
	AgentSocketPath    *string  `pulumi:"agentSocketPath,optional"`
	DialErrorLimit     *int     `pulumi:"dialErrorLimit,optional"`
	PerDialTimeout     *int     `pulumi:"perDialTimeout,optional"`
}

// Annotate sets the defaults and describes the fields.
func (c *Connection) Annotate(a infer.Annotator) {
	a.Describe(&c, "How to reach a host over SSH.")
	a.Describe(&c.Proxy, "A host to connect through.")
	c.endpoint.annotate(a)
}

// Annotate sets the defaults and describes the fields.
func (c *ProxyConnection) Annotate(a infer.Annotator) {
	a.Describe(&c, "How to reach the host to connect through.")
	c.endpoint.annotate(a)
}

func (e *endpoint) annotate(a infer.Annotator) {
	a.SetDefault(&e.User, defaultUser)
	a.SetDefault(&e.Port, defaultPort)
	a.SetDefault(&e.DialErrorLimit, defaultDialErrorLimit)
	a.SetDefault(&e.PerDialTimeout, defaultPerDialTimeout)
	a.Describe(&e.User, "The user to log in as. Default: root.")
	a.Describe(&e.Password, "The user's password; also answers keyboard-interactive questions.")
	a.Describe(&e.Host, "The host's address or name.")
	a.Describe(&e.HostKey, "The host's public key, as in authorized_keys. Unset: any key is accepted.")
	a.Describe(&e.Port, "The TCP port. Default: 22.")
	a.Describe(&e.PrivateKey, "The private key, in PEM or OpenSSH format; tried before the password.")
	a.Describe(&e.PrivateKeyPassword, "The passphrase of the private key.")
	a.Describe(&e.AgentSocketPath, "The socket of an SSH agent. Default: SSH_AUTH_SOCK, if set.")
	a.Describe(&e.DialErrorLimit, "The number of failed dials to tolerate; -1 for no limit. Default: 10.")
	a.Describe(&e.PerDialTimeout, "Seconds that one dial may take; 0 for no limit. Default: 15.")
}

// errHostKey marks a host whose key is not the expected one. Dialing again cannot fix that.
var errHostKey = errors.New("the host key is not the expected one: if the host was not reinstalled, somebody else answers" +
	" at this address")

// dial connects to the host and logs in. It tries again as often as dialErrorLimit allows.
func (c Connection) dial(ctx context.Context) (*ssh.Client, error) {
	network := (&net.Dialer{}).DialContext
	if c.Proxy != nil {
		proxy, err := c.Proxy.dial(ctx, network)
		if err != nil {
			return nil, fmt.Errorf("proxy: %w", err)
		}
		network = proxy.DialContext
		client, err := c.endpoint.dial(ctx, network)
		if err != nil {
			proxy.Close()
			return nil, err
		}
		go func() {
			_ = client.Wait()
			proxy.Close()
		}()
		return client, nil
	}
	return c.endpoint.dial(ctx, network)
}

type dialFunc func(ctx context.Context, network, address string) (net.Conn, error)

func (e endpoint) dial(ctx context.Context, network dialFunc) (*ssh.Client, error) {
	config, err := e.clientConfig()
	if err != nil {
		return nil, fmt.Errorf("connecting to %s: %w", e, err)
	}
	limit := valueOr(e.DialErrorLimit, defaultDialErrorLimit)
	var lastErr error
	ok, client, err := retry.Until(ctx, retry.Acceptor{
		Accept: func(try int, _ time.Duration) (bool, any, error) {
			client, err := e.dialOnce(ctx, network, config)
			if err == nil {
				return true, client, nil
			}
			lastErr = err
			if errors.Is(err, errHostKey) {
				return false, nil, fmt.Errorf("connecting to %s: %w", e, err)
			}
			if limit != unlimited && try >= limit {
				return false, nil, fmt.Errorf("connecting to %s: after %d failed attempts: %w", e, try+1, err)
			}
			of := "no limit"
			if limit != unlimited {
				of = strconv.Itoa(limit + 1)
			}
			provider.GetLogger(ctx).InfoStatusf("connecting to %s: attempt %d of %s failed, trying again: %v", e, try+1, of, err)
			return false, nil, nil
		},
	})
	if err != nil {
		return nil, err
	}
	if !ok {
		return nil, fmt.Errorf("connecting to %s: %w; the last attempt: %v", e, context.Cause(ctx), lastErr)
	}
	return client.(*ssh.Client), nil
}

// dialOnce makes one TCP connection and one login, both within perDialTimeout: a host that boots or hangs may accept a
// connection and never answer.
func (e endpoint) dialOnce(ctx context.Context, network dialFunc, config *ssh.ClientConfig) (*ssh.Client, error) {
	timeout := time.Duration(valueOr(e.PerDialTimeout, defaultPerDialTimeout)) * time.Second
	dialCtx := ctx
	if timeout > 0 {
		var cancel context.CancelFunc
		dialCtx, cancel = context.WithTimeout(ctx, timeout)
		defer cancel()
	}
	conn, err := network(dialCtx, "tcp", e.address())
	if err != nil {
		return nil, err
	}
	// Close the connection instead of setting a deadline: that works through a proxy's channel too.
	stop := context.AfterFunc(dialCtx, func() { conn.Close() })
	sshConn, channels, requests, err := ssh.NewClientConn(conn, e.address(), config)
	if !stop() && err == nil {
		err = context.Cause(dialCtx)
	}
	if err != nil {
		conn.Close()
		if dialCtx.Err() != nil {
			err = fmt.Errorf("no login within %s: %w", timeout, err)
		}
		return nil, err
	}
	return ssh.NewClient(sshConn, channels, requests), nil
}

func (e endpoint) clientConfig() (*ssh.ClientConfig, error) {
	config := &ssh.ClientConfig{User: valueOr(e.User, defaultUser)}
	if err := e.checkHostKey(config); err != nil {
		return nil, err
	}
	if e.PrivateKey != nil {
		signer, err := e.signer()
		if err != nil {
			return nil, fmt.Errorf("privateKey: %w", err)
		}
		config.Auth = append(config.Auth, ssh.PublicKeys(signer))
	}
	if e.Password != nil {
		config.Auth = append(config.Auth, ssh.Password(*e.Password), ssh.KeyboardInteractive(e.answer))
	}
	if socket := valueOr(e.AgentSocketPath, os.Getenv("SSH_AUTH_SOCK")); socket != "" {
		conn, err := net.Dial("unix", socket)
		if err != nil {
			return nil, fmt.Errorf("SSH agent: %w", err)
		}
		config.Auth = append(config.Auth, ssh.PublicKeysCallback(agent.NewClient(conn).Signers))
	}
	return config, nil
}

func (e endpoint) signer() (ssh.Signer, error) {
	if e.PrivateKeyPassword != nil {
		return ssh.ParsePrivateKeyWithPassphrase([]byte(*e.PrivateKey), []byte(*e.PrivateKeyPassword))
	}
	return ssh.ParsePrivateKey([]byte(*e.PrivateKey))
}

func (e endpoint) answer(_, _ string, questions []string, _ []bool) ([]string, error) {
	answers := make([]string, len(questions))
	for i := range answers {
		answers[i] = *e.Password
	}
	return answers, nil
}

func (e endpoint) checkHostKey(config *ssh.ClientConfig) error {
	if e.HostKey == nil {
		config.HostKeyCallback = ssh.InsecureIgnoreHostKey()
		return nil
	}
	expected, _, _, _, err := ssh.ParseAuthorizedKey([]byte(*e.HostKey))
	if err != nil {
		return fmt.Errorf("hostKey is not a public key in authorized_keys format: %w", err)
	}
	// Ask for a key of that type: a host has several keys, and shows the negotiated one. For an RSA key, as the official
	// plugin does, this asks for SHA-1 signatures, which OpenSSH makes no more from 8.8 on.
	config.HostKeyAlgorithms = []string{expected.Type()}
	config.HostKeyCallback = func(_ string, _ net.Addr, key ssh.PublicKey) error {
		if !bytes.Equal(key.Marshal(), expected.Marshal()) {
			return fmt.Errorf("%w (expected %s, got %s)", errHostKey, ssh.FingerprintSHA256(expected), ssh.FingerprintSHA256(key))
		}
		return nil
	}
	return nil
}

func (e endpoint) address() string {
	return net.JoinHostPort(e.Host, strconv.Itoa(int(valueOr(e.Port, defaultPort))))
}

// String returns the endpoint without its secrets.
func (e endpoint) String() string {
	return valueOr(e.User, defaultUser) + "@" + e.address()
}

func valueOr[T any](value *T, otherwise T) T {
	if value == nil {
		return otherwise
	}
	return *value
}
