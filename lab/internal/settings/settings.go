// Package settings holds what every part of the lab, its stack and its tests agree on.
package settings

import (
	"os"
	"path/filepath"
)

// The network exists only inside the lab's namespace (192.0.2.0/24 is reserved for documentation).
const (
	Namespace = "smt-ha-lab"
	Bridge    = "lab0"
	Subnet    = "192.0.2.0/24"
	Gateway   = "192.0.2.1" // the lab's host: gateway, time server, and client of the nodes
	VCenter   = "192.0.2.2"
	Portal    = "192.0.2.3"
	Upstream  = "192.0.2.4"
)

// Credentials are constants: what they open can be reached from inside the namespace only.
const (
	VCenterUser     = "administrator@vsphere.local"
	VCenterPassword = "lab-only-password"

	Target     = "iqn.2026-01.lab.smt-ha:shared"
	LUNBytes   = 4 << 30
	CHAPUser   = "smt-ha"
	CHAPSecret = "lab-only-secret"

	// The part of the upstream server that asks for an account: its path, as on Novell's update server, and the account.
	UpstreamProtected = "/repo/"
	UpstreamUser      = "lab-mirror"
	UpstreamPassword  = "lab-only-mirror"
)

// Names of the inventory.
const (
	Datacenter = "lab"
	Host       = "esxi1"
	Datastore  = "local"
	Network    = "VM Network"
	Template   = "debian12"
)

// State is the lab's state folder.
type State string

// StateFromEnvironment is the folder that the lab's commands pass on in SMT_HA_LAB.
func StateFromEnvironment() State {
	folder, err := filepath.Abs(os.Getenv("SMT_HA_LAB"))
	if err != nil || os.Getenv("SMT_HA_LAB") == "" {
		panic("SMT_HA_LAB is not set: start this program through lab/up and its siblings")
	}
	return State(folder)
}

// Path joins elements to the state folder.
func (s State) Path(elements ...string) string {
	return filepath.Join(append([]string{string(s)}, elements...)...)
}

// Marker is the file by which a state folder is known as the lab's, to be removed by `down`.
func (s State) Marker() string { return s.Path("smt-ha-lab") }

// Template is where the template's files are: a link to the cache.
func (s State) Template() string { return s.Path("template") }

// Datastore is the folder that the vCenter's datastore stands for.
func (s State) Datastore() string { return s.Path("datastore") }

// Inventory is the folder of the records of virtual machines.
func (s State) Inventory() string { return s.Path("inventory") }

// Log is the log file of a service.
func (s State) Log(service string) string { return s.Path("log", service+".log") }
