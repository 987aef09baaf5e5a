// Package settings holds the constants that the parts of the lab, its stack and its tests agree on.
package settings

import (
	"os"
	"path/filepath"
)

// The network exists only inside the lab's namespace (192.0.2.0/24 is reserved for documentation).
const (
	Namespace = "smt-ha-lab"
	Bridge    = "lab0"
	BridgeMAC = "02:00:00:00:00:01"
	Subnet    = "192.0.2.0/24"
	Gateway   = "192.0.2.1"      // the machine that runs the lab: gateway, time server, and client of the nodes
	Clients   = "192.0.2.128/26" // further addresses of that client: a balancer tells clients apart by theirs
	VCenter   = "192.0.2.2"
	Portal    = "192.0.2.3"
	Upstream  = "192.0.2.4"
)

// Credentials are constants, because what they protect exists only inside the namespace.
const (
	VCenterUser     = "administrator@vsphere.local"
	VCenterPassword = "lab-only-password"

	Target     = "iqn.2026-01.lab.smt-ha:shared"
	LUNBytes   = 4 << 30
	CHAPUser   = "smt-ha"
	CHAPSecret = "lab-only-secret"

	// The protected part of the upstream server: its path, as on Novell's update server, and its account.
	UpstreamProtected = "/repo/"
	UpstreamUser      = "lab-mirror"
	UpstreamPassword  = "lab-only-mirror"
)

// Names of the inventory.
const (
	Datacenter = "lab"
	Cluster    = "cluster1"
	Host       = "esxi1"
	Datastore  = "local"
	Network    = "VM Network"
	Template   = "debian12"
)

// AddressKey is a machine's extraConfig entry with the first address that its customization set.
const AddressKey = "lab.address"

// State is the lab's state directory.
type State string

// StateFromEnvironment returns the directory that the lab's commands pass in SMT_HA_LAB.
func StateFromEnvironment() State {
	dir, err := filepath.Abs(os.Getenv("SMT_HA_LAB"))
	if err != nil || os.Getenv("SMT_HA_LAB") == "" {
		panic("SMT_HA_LAB is unset: start this program by lab/up and the other commands there")
	}
	return State(dir)
}

// Path joins elements to the state directory.
func (s State) Path(elements ...string) string {
	return filepath.Join(append([]string{string(s)}, elements...)...)
}

// Marker is the file that marks a state directory as a lab's: `down` removes no other.
func (s State) Marker() string { return s.Path("smt-ha-lab") }

// Template is the directory of the template's files: a link to the cache.
func (s State) Template() string { return s.Path("template") }

// Datastore is the directory behind the vCenter's datastore.
func (s State) Datastore() string { return s.Path("datastore") }

// Inventory is the directory with the records of virtual machines.
func (s State) Inventory() string { return s.Path("inventory") }

// Log is the log file of a service.
func (s State) Log(service string) string { return s.Path("log", service+".log") }
