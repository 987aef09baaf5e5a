package vcenter

import (
	"archive/tar"
	"bytes"
	"io"
	"maps"
	"strings"
	"testing"

	"github.com/vmware/govmomi/vim25/types"
)

func linuxSpec() *types.CustomizationSpec {
	return &types.CustomizationSpec{
		Identity: &types.CustomizationLinuxPrep{
			HostName: &types.CustomizationFixedName{Name: "node1"}, Domain: "smt-ha.lab", TimeZone: "Europe/Berlin",
		},
		GlobalIPSettings: types.CustomizationGlobalIPSettings{DnsServerList: []string{"192.0.2.1", "192.0.2.9"}, DnsSuffixList: []string{"smt-ha.lab", "lab"}},
		NicSettingMap: []types.CustomizationAdapterMapping{
			{Adapter: types.CustomizationIPSettings{
				Ip: &types.CustomizationFixedIp{IpAddress: "192.0.2.11"}, SubnetMask: "255.255.255.0", Gateway: []string{"192.0.2.1"},
			}},
			{Adapter: types.CustomizationIPSettings{Ip: &types.CustomizationDhcpIpGenerator{}}},
		},
	}
}

func TestCustomizationFiles(t *testing.T) {
	custom, fault := parseCustomization(linuxSpec(), "vm", 2)
	if fault != nil {
		t.Fatalf("%+v", fault)
	}
	if got := custom.address(); got != "192.0.2.11" {
		t.Errorf("address = %q", got)
	}
	archive, err := custom.archive()
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]string{}
	reader := tar.NewReader(bytes.NewReader(archive))
	for {
		header, err := reader.Next()
		if err == io.EOF {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		content, err := io.ReadAll(reader)
		if err != nil {
			t.Fatal(err)
		}
		got[header.Name] = string(content)
		if header.Typeflag == tar.TypeSymlink {
			got[header.Name] = "-> " + header.Linkname
		}
	}
	want := map[string]string{
		"etc/hostname":    "node1\n",
		"etc/hosts":       "127.0.0.1 localhost\n127.0.1.1 node1.smt-ha.lab node1\n::1 localhost ip6-localhost ip6-loopback\n",
		"etc/resolv.conf": "search smt-ha.lab lab\nnameserver 192.0.2.1\nnameserver 192.0.2.9\n",
		"etc/localtime":   "-> /usr/share/zoneinfo/Europe/Berlin",
		"etc/systemd/network/eth0.network": "[Match]\nName=eth0\n\n[Network]\nLinkLocalAddressing=no\nIPv6AcceptRA=no\n" +
			"Address=192.0.2.11/24\nGateway=192.0.2.1\n",
		"etc/systemd/network/eth1.network": "[Match]\nName=eth1\n\n[Network]\nLinkLocalAddressing=no\nIPv6AcceptRA=no\nDHCP=ipv4\n",
	}
	if !maps.Equal(got, want) {
		t.Errorf("archive:\n%q\nwant:\n%q", got, want)
	}
}

func TestCustomizationByMachineNameWithoutDomainAndDNS(t *testing.T) {
	spec := linuxSpec()
	spec.Identity = &types.CustomizationLinuxPrep{HostName: &types.CustomizationVirtualMachineName{}}
	spec.GlobalIPSettings = types.CustomizationGlobalIPSettings{}
	custom, fault := parseCustomization(spec, "node7", 2)
	if fault != nil {
		t.Fatalf("%+v", fault)
	}
	files := custom.files()
	if files["etc/hostname"] != "node7\n" || !strings.Contains(files["etc/hosts"], "127.0.1.1 node7\n") || files["etc/resolv.conf"] != "" {
		t.Errorf("files: %q", files)
	}
}

func TestCustomizationRefusals(t *testing.T) {
	linux := func(spec *types.CustomizationSpec) *types.CustomizationLinuxPrep {
		return spec.Identity.(*types.CustomizationLinuxPrep)
	}
	adapter := func(spec *types.CustomizationSpec) *types.CustomizationIPSettings {
		return &spec.NicSettingMap[0].Adapter
	}
	cases := map[string]struct {
		change func(*types.CustomizationSpec)
		want   string
	}{
		"Windows":           {func(s *types.CustomizationSpec) { s.Identity = &types.CustomizationSysprep{} }, "UncustomizableGuest"},
		"script":            {func(s *types.CustomizationSpec) { linux(s).ScriptText = "#!/bin/sh" }, "run no customization script"},
		"too few cards":     {func(s *types.CustomizationSpec) { s.NicSettingMap = s.NicSettingMap[:1] }, "settings for 1 network cards, the machine has 2"},
		"generated name":    {func(s *types.CustomizationSpec) { linux(s).HostName = &types.CustomizationPrefixName{Base: "n"} }, "fixed host name"},
		"name with newline": {func(s *types.CustomizationSpec) { linux(s).HostName = &types.CustomizationFixedName{Name: "a\nb"} }, "host name"},
		"time zone":         {func(s *types.CustomizationSpec) { linux(s).TimeZone = "../../etc/shadow" }, "timeZone"},
		"MAC address":       {func(s *types.CustomizationSpec) { s.NicSettingMap[0].MacAddress = "00:50:56:80:00:01" }, "no MAC address"},
		"IPv6": {func(s *types.CustomizationSpec) {
			adapter(s).IpV6Spec = &types.CustomizationIPSettingsIpV6AddressSpec{}
		}, "IPv4 only"},
		"bad address": {func(s *types.CustomizationSpec) {
			adapter(s).Ip = &types.CustomizationFixedIp{IpAddress: "192.0.2.300"}
		}, `address "192.0.2.300"`},
		"bad mask":       {func(s *types.CustomizationSpec) { adapter(s).SubnetMask = "255.0.255.0" }, `mask "255.0.255.0"`},
		"bad gateway":    {func(s *types.CustomizationSpec) { adapter(s).Gateway = []string{"gw"} }, `gateway: "gw"`},
		"bad DNS server": {func(s *types.CustomizationSpec) { s.GlobalIPSettings.DnsServerList = []string{"a\nb"} }, "dnsServerList"},
		"bad DNS suffix": {func(s *types.CustomizationSpec) { s.GlobalIPSettings.DnsSuffixList = []string{"a b"} }, "dnsSuffixList"},
		"asks the user":  {func(s *types.CustomizationSpec) { adapter(s).Ip = &types.CustomizationUnknownIpGenerator{} }, "fixed addresses and DHCP"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			spec := linuxSpec()
			c.change(spec)
			custom, fault := parseCustomization(spec, "vm", 2)
			if fault == nil {
				t.Fatalf("accepted: %+v", custom)
			}
			if text := soapFault(fault).String; !strings.Contains(text, c.want) {
				t.Errorf("fault %q does not say %q", text, c.want)
			}
		})
	}
}
