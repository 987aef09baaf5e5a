package vcenter

import (
	"log"
	"net/netip"
	"strconv"
	"time"

	"github.com/vmware/govmomi/vim25/types"

	"github.com/vmware/govmomi/simulator"

	"smt-ha/lab/internal/qemu"
	"smt-ha/lab/internal/settings"
)

const (
	// Poll a booting guest often, because its deployment waits for the answer; a running one less often.
	bootInterval = time.Second
	runInterval  = 5 * time.Second
	// An emulated guest under load answers slowly.
	answerTimeout = 20 * time.Second
)

// watch publishes the state of a running machine's guest until the machine is off.
func (m *machine) watch(running Running) {
	off := make(chan struct{})
	go func() {
		running.Wait()
		close(off)
	}()
	// locked calls do under the machine's lock, unless the machine has been switched off or on again meanwhile.
	locked := func(do func(*simulator.Context)) {
		ctx := m.inventory.context()
		m.inventory.registry.WithLock(ctx, m.VirtualMachine, func() {
			if m.running == running {
				do(ctx)
			}
		})
	}
	interval := bootInterval
	for {
		select {
		case <-off:
			locked(func(ctx *simulator.Context) {
				log.Printf("%s powered itself off", m.Name)
				if fault := m.switchedOff(ctx); fault != nil {
					log.Print(soapFault(fault).String)
				}
			})
			return
		case <-time.After(interval):
		}
		guest, err := running.Ask(answerTimeout)
		if err != nil {
			interval = bootInterval
			guest = nil
		} else {
			interval = runInterval
		}
		locked(func(ctx *simulator.Context) { m.report(ctx, guest) })
	}
}

// report publishes the guest's state: its own report, or (nil) that it does not answer.
func (m *machine) report(ctx *simulator.Context, guest *qemu.Guest) {
	status, running := types.VirtualMachineToolsStatusToolsNotRunning, types.VirtualMachineToolsRunningStatusGuestToolsNotRunning
	state := types.VirtualMachineGuestStateNotRunning
	var hostName, address, system string
	var nics []types.GuestNicInfo
	var stack []types.GuestStackInfo
	if guest != nil {
		status, running = types.VirtualMachineToolsStatusToolsOk, types.VirtualMachineToolsRunningStatusGuestToolsRunning
		state = types.VirtualMachineGuestStateRunning
		hostName, system = guest.HostName, guest.OS
		nics = m.guestNICs(guest)
		stack = guestStack(guest)
		for _, nic := range nics {
			if len(nic.IpAddress) > 0 {
				address = nic.IpAddress[0]
				break
			}
		}
	} else if m.Guest.ToolsRunningStatus == string(running) && m.Guest.HostName == "" && len(m.Guest.Net) == 0 {
		return // already published
	}
	changes := []types.PropertyChange{
		{Name: "guest.toolsStatus", Val: status},
		{Name: "guest.toolsRunningStatus", Val: string(running)},
		{Name: "guest.toolsVersionStatus2", Val: string(types.VirtualMachineToolsVersionStatusGuestToolsUnmanaged)},
		{Name: "guest.guestState", Val: string(state)},
		{Name: "guest.hostName", Val: hostName},
		{Name: "guest.guestFullName", Val: system},
		{Name: "guest.ipAddress", Val: address},
		{Name: "summary.guest.toolsStatus", Val: status},
		{Name: "summary.guest.toolsRunningStatus", Val: string(running)},
		{Name: "summary.guest.hostName", Val: hostName},
		{Name: "summary.guest.ipAddress", Val: address},
		// Routes first: a client that waits for a routable address must know them when it sees the address. A client that
		// starts to wait later sees both with the next answer.
		{Name: "guest.ipStack", Val: stack},
		{Name: "guest.net", Val: nics},
	}
	ctx.Update(m.VirtualMachine, changes)
	if guest != nil {
		m.customized(ctx)
	}
}

// customized publishes that the guest has customized itself, once it answers after its first boot: it does so before its
// network starts.
func (m *machine) customized(ctx *simulator.Context) {
	if m.Config.Tools == nil || m.Config.Tools.PendingCustomization == "" {
		return
	}
	now := time.Now()
	info := types.GuestInfoCustomizationInfo{
		CustomizationStatus: string(types.GuestInfoCustomizationStatusTOOLSDEPLOYPKG_SUCCEEDED), EndTime: &now,
	}
	if m.Guest.CustomizationInfo != nil {
		info.StartTime = m.Guest.CustomizationInfo.StartTime
	}
	ctx.Update(m.VirtualMachine, []types.PropertyChange{
		{Name: "config.tools.pendingCustomization", Val: ""},
		{Name: "guest.customizationInfo", Val: &info},
	})
	m.inventory.post(ctx, &types.CustomizationSucceeded{CustomizationEvent: types.CustomizationEvent{VmEvent: m.event()}})
	if fault := m.save(); fault != nil {
		log.Print(soapFault(fault).String)
	}
}

// guestNICs returns the guest's interfaces on the machine's network cards, in the cards' order.
func (m *machine) guestNICs(guest *qemu.Guest) []types.GuestNicInfo {
	var nics []types.GuestNicInfo
	for _, device := range m.Config.Hardware.Device {
		card, ok := device.(types.BaseVirtualEthernetCard)
		if !ok {
			continue
		}
		for _, i := range guest.Interfaces {
			if i.MAC != card.GetVirtualEthernetCard().MacAddress {
				continue
			}
			nic := types.GuestNicInfo{
				Network: settings.Network, MacAddress: i.MAC, Connected: true,
				DeviceConfigId: card.GetVirtualEthernetCard().Key, IpConfig: new(types.NetIpConfigInfo),
			}
			for _, address := range i.Addresses {
				nic.IpAddress = append(nic.IpAddress, address.Addr().String())
				nic.IpConfig.IpAddress = append(nic.IpConfig.IpAddress, types.NetIpConfigInfoIpAddress{
					IpAddress: address.Addr().String(), PrefixLength: int32(address.Bits()), State: "preferred",
				})
			}
			nics = append(nics, nic)
		}
	}
	return nics
}

// guestStack returns the guest's routes and name.
func guestStack(guest *qemu.Guest) []types.GuestStackInfo {
	routes := new(types.NetIpRouteConfigInfo)
	for _, route := range guest.Routes {
		entry := types.NetIpRouteConfigInfoIpRoute{
			Network: route.Destination.Addr().String(), PrefixLength: int32(route.Destination.Bits()),
		}
		if route.Gateway != (netip.Addr{}) {
			entry.Gateway.IpAddress = route.Gateway.String()
		}
		for i, card := range guest.Interfaces {
			if card.Name == route.Interface {
				entry.Gateway.Device = strconv.Itoa(i)
			}
		}
		routes.IpRoute = append(routes.IpRoute, entry)
	}
	return []types.GuestStackInfo{{
		DnsConfig:     &types.NetDnsConfigInfo{HostName: guest.HostName},
		IpRouteConfig: routes,
	}}
}
