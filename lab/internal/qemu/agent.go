package qemu

import (
	"bufio"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/netip"
	"os"
	"strings"
	"sync"
	"time"
)

// Guest is what the agent inside a machine reports.
type Guest struct {
	HostName   string
	OS         string // pretty name, such as "Debian GNU/Linux 12 (bookworm)"
	Interfaces []Interface
	Routes     []Route
}

// Interface is a network interface of the guest other than loopback.
type Interface struct {
	Name      string
	MAC       string
	Addresses []netip.Prefix // the address with its prefix length, not masked
}

// Route is an IPv4 route of the guest's main table.
type Route struct {
	Destination netip.Prefix
	Gateway     netip.Addr // the zero Addr if there is none
	Interface   string
}

// agent talks to the QEMU guest agent over the machine's virtio-serial port.
type agent struct {
	socket string
	mutex  sync.Mutex
}

// Ask returns the guest's report, or an error if the guest does not answer within the timeout.
func (r *Running) Ask(timeout time.Duration) (*Guest, error) {
	guest := new(Guest)
	err := r.agent.session(timeout, func(c *conversation) error {
		var host struct {
			Name string `json:"host-name"`
		}
		if err := c.ask("guest-get-host-name", nil, &host); err != nil {
			return err
		}
		var system struct {
			Name string `json:"pretty-name"`
		}
		if err := c.ask("guest-get-osinfo", nil, &system); err != nil {
			return err
		}
		var interfaces []struct {
			Name      string `json:"name"`
			MAC       string `json:"hardware-address"`
			Addresses []struct {
				Address string `json:"ip-address"`
				Prefix  int    `json:"prefix"`
			} `json:"ip-addresses"`
		}
		if err := c.ask("guest-network-get-interfaces", nil, &interfaces); err != nil {
			return err
		}
		routes, err := c.readFile("/proc/net/route")
		if err != nil {
			return err
		}
		guest.HostName, guest.OS, guest.Routes = host.Name, system.Name, parseRoutes(routes)
		for _, i := range interfaces {
			if i.Name == "lo" {
				continue
			}
			one := Interface{Name: i.Name, MAC: strings.ToLower(i.MAC)}
			for _, a := range i.Addresses {
				if address, err := netip.ParseAddr(a.Address); err == nil {
					one.Addresses = append(one.Addresses, netip.PrefixFrom(address, a.Prefix))
				}
			}
			guest.Interfaces = append(guest.Interfaces, one)
		}
		return nil
	})
	return guest, err
}

// Shutdown asks the guest to shut down; mode is "powerdown" or "reboot".
func (r *Running) Shutdown(mode string) error {
	return r.agent.session(10*time.Second, func(c *conversation) error {
		// A guest that obeys does not answer. Wait anyway: a command sent just before a session ends may get lost.
		if err := c.SetDeadline(time.Now().Add(2 * time.Second)); err != nil {
			return err
		}
		err := c.ask("guest-shutdown", map[string]string{"mode": mode}, nil)
		if errors.Is(err, os.ErrDeadlineExceeded) || errors.Is(err, io.EOF) {
			return nil
		}
		return err
	})
}

// session runs a few commands on the agent's port, which accepts one client at a time.
func (a *agent) session(timeout time.Duration, talk func(*conversation) error) error {
	a.mutex.Lock()
	defer a.mutex.Unlock()
	c, err := dial(a.socket)
	if err != nil {
		return err
	}
	defer c.Close()
	if err := c.SetDeadline(time.Now().Add(timeout)); err != nil {
		return err
	}
	if err := c.synchronize(); err != nil {
		return err
	}
	return talk(c)
}

// synchronize skips the answers that the port still holds from earlier sessions. The agent starts its answer to
// guest-sync-delimited with a byte that occurs nowhere else.
func (c *conversation) synchronize() error {
	id := rand.Int64N(1 << 52)
	// The same byte resets the agent's parser, in case half a command has reached it.
	if _, err := c.Write([]byte{0xff}); err != nil {
		return err
	}
	if err := c.send("guest-sync-delimited", map[string]int64{"id": id}); err != nil {
		return err
	}
	reader := bufio.NewReader(c)
	for {
		if _, err := reader.ReadBytes(0xff); err != nil {
			return fmt.Errorf("guest agent: %w", err)
		}
		line, err := reader.ReadBytes('\n')
		if err != nil {
			return fmt.Errorf("guest agent: %w", err)
		}
		var answer struct {
			ID int64 `json:"return"`
		}
		if json.Unmarshal(line, &answer) == nil && answer.ID == id {
			c.decoder = json.NewDecoder(reader)
			return nil
		}
	}
}

// readFile reads a small file of the guest.
func (c *conversation) readFile(path string) (string, error) {
	var handle int64
	if err := c.ask("guest-file-open", map[string]string{"path": path, "mode": "r"}, &handle); err != nil {
		return "", err
	}
	var content struct {
		Base64 string `json:"buf-b64"`
	}
	if err := c.ask("guest-file-read", map[string]int64{"handle": handle, "count": 16384}, &content); err != nil {
		return "", err
	}
	if err := c.ask("guest-file-close", map[string]int64{"handle": handle}, nil); err != nil {
		return "", err
	}
	text, err := base64.StdEncoding.DecodeString(content.Base64)
	return string(text), err
}

// parseRoutes reads Linux's /proc/net/route, whose addresses are little-endian hexadecimal numbers.
func parseRoutes(table string) []Route {
	address := func(hex string) (netip.Addr, bool) {
		var b [4]byte
		n, err := fmt.Sscanf(hex, "%02X%02X%02X%02X", &b[3], &b[2], &b[1], &b[0])
		return netip.AddrFrom4(b), n == 4 && err == nil
	}
	var routes []Route
	for line := range strings.Lines(table) {
		fields := strings.Fields(line)
		if len(fields) < 8 {
			continue
		}
		destination, ok1 := address(fields[1])
		gateway, ok2 := address(fields[2])
		mask, ok3 := address(fields[7])
		if !ok1 || !ok2 || !ok3 {
			continue
		}
		length := 0
		for _, b := range mask.As4() {
			for ; b&0x80 != 0; b <<= 1 {
				length++
			}
		}
		if gateway.IsUnspecified() {
			gateway = netip.Addr{}
		}
		routes = append(routes, Route{netip.PrefixFrom(destination, length), gateway, fields[0]})
	}
	return routes
}
