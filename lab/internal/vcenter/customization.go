package vcenter

import (
	"archive/tar"
	"bytes"
	"fmt"
	"net"
	"net/netip"
	"path"
	"strings"
	"time"

	"github.com/vmware/govmomi/vim25/types"
)

// customization holds a guest's settings from a customization specification.
type customization struct {
	hostName string // without the domain
	domain   string
	timeZone string // such as Europe/Berlin; empty keeps the template's
	dns      []string
	search   []string
	nics     []nicSettings
}

// nicSettings are the settings of eth0, eth1, … in order.
type nicSettings struct {
	address  netip.Prefix // the zero Prefix means DHCP
	gateways []netip.Addr
}

// parseCustomization reads a specification for a machine with this many network cards. It refuses settings that the
// guest's stand-in for VMware's tools does not apply.
func parseCustomization(spec *types.CustomizationSpec, name string, cards int) (*customization, types.BaseMethodFault) {
	linux, ok := spec.Identity.(*types.CustomizationLinuxPrep)
	if !ok {
		return nil, &types.UncustomizableGuest{UncustomizableGuestOS: fmt.Sprintf("%T", spec.Identity)}
	}
	if linux.ScriptText != "" || len(linux.ExtraConfig) > 0 || linux.Password != nil || isTrue(linux.ResetPassword) {
		return nil, refused("guests of the lab run no customization script and accept no password")
	}
	if len(spec.NicSettingMap) != cards {
		return nil, &types.NicSettingMismatch{NumberOfNicsInSpec: int32(len(spec.NicSettingMap)), NumberOfNicsInVM: int32(cards)}
	}
	c := &customization{}
	if fault := c.setIdentity(linux, name); fault != nil {
		return nil, fault
	}
	servers := append([]string(nil), spec.GlobalIPSettings.DnsServerList...)
	for i, mapping := range spec.NicSettingMap {
		settings, fault := parseNic(mapping, fmt.Sprintf("spec.nicSettingMap[%d]", i))
		if fault != nil {
			return nil, fault
		}
		servers = append(servers, mapping.Adapter.DnsServerList...)
		c.nics = append(c.nics, settings)
	}
	if fault := c.setResolver(servers, spec.GlobalIPSettings.DnsSuffixList); fault != nil {
		return nil, fault
	}
	return c, nil
}

// setIdentity sets the names and the time zone; name is the machine's.
func (c *customization) setIdentity(linux *types.CustomizationLinuxPrep, name string) types.BaseMethodFault {
	c.domain, c.timeZone = linux.Domain, linux.TimeZone
	switch host := linux.HostName.(type) {
	case *types.CustomizationFixedName:
		c.hostName = host.Name
	case *types.CustomizationVirtualMachineName:
		c.hostName = name
	default:
		return refused("guests of the lab accept a fixed host name or the machine's, not %T", host)
	}
	// The names go into files line by line.
	if !isName(c.hostName) || c.domain != "" && !isName(c.domain) {
		return &types.InvalidArgument{InvalidProperty: fmt.Sprintf("spec.identity: host name %q, domain %q", c.hostName, c.domain)}
	}
	if strings.Contains(c.timeZone, "..") || strings.ContainsAny(c.timeZone, "\n ") || path.IsAbs(c.timeZone) {
		return &types.InvalidArgument{InvalidProperty: fmt.Sprintf("spec.identity.timeZone: %q", c.timeZone)}
	}
	return nil
}

// parseNic reads the settings of one network card; property is their place in the specification.
func parseNic(mapping types.CustomizationAdapterMapping, property string) (nicSettings, types.BaseMethodFault) {
	var settings nicSettings
	adapter := mapping.Adapter
	if mapping.MacAddress != "" || adapter.IpV6Spec != nil {
		return settings, refused("customization in the lab sets IPv4 only, and no MAC address: %s", property)
	}
	switch ip := adapter.Ip.(type) {
	case *types.CustomizationDhcpIpGenerator:
	case *types.CustomizationFixedIp:
		address, err := netip.ParseAddr(ip.IpAddress)
		length, bits := net.IPMask(net.ParseIP(adapter.SubnetMask).To4()).Size()
		if err != nil || !address.Is4() || bits != 32 {
			return settings, &types.InvalidArgument{InvalidProperty: fmt.Sprintf("%s: address %q, mask %q", property, ip.IpAddress, adapter.SubnetMask)}
		}
		settings.address = netip.PrefixFrom(address, length)
	default:
		return settings, refused("customization in the lab supports fixed addresses and DHCP, not %T", ip)
	}
	for _, gateway := range adapter.Gateway {
		address, err := netip.ParseAddr(gateway)
		if err != nil || !address.Is4() {
			return settings, &types.InvalidArgument{InvalidProperty: fmt.Sprintf("%s.gateway: %q", property, gateway)}
		}
		settings.gateways = append(settings.gateways, address)
	}
	return settings, nil
}

// setResolver sets the name servers and the domains to search.
func (c *customization) setResolver(servers, search []string) types.BaseMethodFault {
	for _, server := range servers {
		if _, err := netip.ParseAddr(server); err != nil {
			return &types.InvalidArgument{InvalidProperty: fmt.Sprintf("dnsServerList: %q", server)}
		}
		c.dns = append(c.dns, server)
	}
	for _, suffix := range search {
		if !isName(suffix) {
			return &types.InvalidArgument{InvalidProperty: fmt.Sprintf("dnsSuffixList: %q", suffix)}
		}
		c.search = append(c.search, suffix)
	}
	return nil
}

// address returns the first fixed address, or the empty string if DHCP assigns all.
func (c *customization) address() string {
	for _, nic := range c.nics {
		if nic.address.IsValid() {
			return nic.address.Addr().String()
		}
	}
	return ""
}

// files returns the content of the guest's files by path.
func (c *customization) files() map[string]string {
	names := c.hostName
	if c.domain != "" {
		names = c.hostName + "." + c.domain + " " + c.hostName
	}
	var resolver strings.Builder
	if search := c.search; len(search) > 0 {
		fmt.Fprintf(&resolver, "search %s\n", strings.Join(search, " "))
	} else if c.domain != "" {
		fmt.Fprintf(&resolver, "search %s\n", c.domain)
	}
	for _, server := range c.dns {
		fmt.Fprintf(&resolver, "nameserver %s\n", server)
	}
	files := map[string]string{
		"etc/hostname":    c.hostName + "\n",
		"etc/hosts":       "127.0.0.1 localhost\n127.0.1.1 " + names + "\n::1 localhost ip6-localhost ip6-loopback\n",
		"etc/resolv.conf": resolver.String(),
	}
	for i, nic := range c.nics {
		var unit strings.Builder
		fmt.Fprintf(&unit, "[Match]\nName=eth%d\n\n[Network]\nLinkLocalAddressing=no\nIPv6AcceptRA=no\n", i)
		if nic.address.IsValid() {
			fmt.Fprintf(&unit, "Address=%s\n", nic.address)
		} else {
			fmt.Fprintf(&unit, "DHCP=ipv4\n")
		}
		for _, gateway := range nic.gateways {
			fmt.Fprintf(&unit, "Gateway=%s\n", gateway)
		}
		files[fmt.Sprintf("etc/systemd/network/eth%d.network", i)] = unit.String()
	}
	return files
}

// archive returns the tar archive that the guest unpacks into its root.
func (c *customization) archive() ([]byte, error) {
	var buffer bytes.Buffer
	w := tar.NewWriter(&buffer)
	now := time.Now()
	for name, content := range c.files() {
		header := &tar.Header{Name: name, Mode: 0o644, Size: int64(len(content)), ModTime: now}
		if err := w.WriteHeader(header); err != nil {
			return nil, err
		}
		if _, err := w.Write([]byte(content)); err != nil {
			return nil, err
		}
	}
	if c.timeZone != "" {
		header := &tar.Header{Name: "etc/localtime", Typeflag: tar.TypeSymlink, Linkname: "/usr/share/zoneinfo/" + c.timeZone, ModTime: now}
		if err := w.WriteHeader(header); err != nil {
			return nil, err
		}
	}
	err := w.Close()
	return buffer.Bytes(), err
}

// isName reports whether text can be a host or domain name (RFC 1123).
func isName(text string) bool {
	if text == "" || len(text) > 253 {
		return false
	}
	for label := range strings.SplitSeq(text, ".") {
		if label == "" || len(label) > 63 || strings.HasPrefix(label, "-") || strings.HasSuffix(label, "-") ||
			strings.Trim(label, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-") != "" {
			return false
		}
	}
	return true
}
