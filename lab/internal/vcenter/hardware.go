package vcenter

import (
	"crypto/sha256"
	"fmt"
	"log"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/vmware/govmomi/object"
	"github.com/vmware/govmomi/units"
	"github.com/vmware/govmomi/vim25/types"

	"smt-ha/lab/internal/qemu"
	"smt-ha/lab/internal/settings"
)

// swapPlacement is the only one that machines can have: QEMU's memory is swapped like that of any process.
const swapPlacement = string(types.VirtualMachineConfigInfoSwapPlacementTypeInherit)

// templateSpec is the hardware of the template; its system disk has this many bytes.
func templateSpec(disk int64) (types.VirtualMachineConfigSpec, error) {
	var devices object.VirtualDeviceList
	controller, err := devices.CreateSCSIController("pvscsi")
	if err != nil {
		return types.VirtualMachineConfigSpec{}, err
	}
	drive := devices.CreateDisk(controller.(types.BaseVirtualController), types.ManagedObjectReference{}, "")
	drive.CapacityInKB = disk / units.KB
	drive.UnitNumber = types.NewInt32(0)
	drive.Backing.(*types.VirtualDiskFlatVer2BackingInfo).ThinProvisioned = types.NewBool(true)
	card, err := devices.CreateEthernetCard("vmxnet3", &types.VirtualEthernetCardNetworkBackingInfo{
		VirtualDeviceDeviceBackingInfo: types.VirtualDeviceDeviceBackingInfo{DeviceName: settings.Network},
	})
	if err != nil {
		return types.VirtualMachineConfigSpec{}, err
	}
	changes, err := append(devices, controller, drive, card).ConfigSpec(types.VirtualDeviceConfigSpecOperationAdd)
	return types.VirtualMachineConfigSpec{
		Name:         settings.Template,
		GuestId:      string(types.VirtualMachineGuestOsIdentifierDebian12_64Guest),
		NumCPUs:      1,
		MemoryMB:     1024,
		Files:        &types.VirtualMachineFileInfo{VmPathName: "[" + settings.Datastore + "]"},
		DeviceChange: changes,
	}, err
}

// dir is the machine's directory in the datastore, with its files.
func (m *machine) dir() string {
	var file object.DatastorePath
	file.FromString(m.Config.Files.VmPathName)
	return filepath.Join(m.inventory.state.Datastore(), path.Dir(file.Path))
}

// hardware describes the machine to QEMU.
func (m *machine) hardware() qemu.Machine {
	hardware := qemu.Machine{
		Dir:       m.dir(),
		Name:      m.Name,
		UUID:      m.Config.Uuid,
		CPUs:      m.Config.Hardware.NumCPU,
		MemoryMiB: int64(m.Config.Hardware.MemoryMB),
	}
	for _, device := range m.Config.Hardware.Device {
		switch d := device.(type) {
		case *types.VirtualDisk:
			var file object.DatastorePath
			file.FromString(d.Backing.(*types.VirtualDiskFlatVer2BackingInfo).FileName)
			name := strings.TrimSuffix(path.Base(file.Path), ".vmdk") + ".qcow2"
			hardware.Disks = append(hardware.Disks, qemu.Disk{File: name, Bytes: d.CapacityInBytes})
		case types.BaseVirtualEthernetCard:
			hardware.NICs = append(hardware.NICs, qemu.NIC{
				MAC: d.GetVirtualEthernetCard().MacAddress,
				Tap: fmt.Sprintf("%s.%d", m.Self.Value, len(hardware.NICs)),
			})
		}
	}
	return hardware
}

// assignMACs gives each network card without a static address its own address, from vCenter's range. The simulator would
// give all clones of a template the same.
func (m *machine) assignMACs() {
	for _, device := range m.Config.Hardware.Device {
		if d, ok := device.(types.BaseVirtualEthernetCard); ok {
			card := d.GetVirtualEthernetCard()
			if card.AddressType == string(types.VirtualEthernetCardMacTypeManual) {
				continue
			}
			hash := sha256.Sum256(fmt.Appendf(nil, "%s %d", m.Config.InstanceUuid, card.Key))
			card.MacAddress = fmt.Sprintf("00:50:56:%02x:%02x:%02x", 0x80|hash[0]&0x3f, hash[1], hash[2])
			card.AddressType = string(types.VirtualEthernetCardMacTypeAssigned)
		}
	}
}

// checkSpec refuses hardware that the lab's machines cannot really have. It applies to clones and to powered-off machines;
// checkRunning adds what a running machine cannot change.
func checkSpec(spec *types.VirtualMachineConfigSpec) types.BaseMethodFault {
	for _, unsupported := range []struct {
		property string
		asked    bool
	}{
		{"vAppConfig", spec.VAppConfig != nil},
		{"crypto", spec.Crypto != nil},
		{"firmware", spec.Firmware != "" && spec.Firmware != string(types.GuestOsDescriptorFirmwareTypeBios)},
		{"cpuHotAddEnabled", isTrue(spec.CpuHotAddEnabled)},
		{"cpuHotRemoveEnabled", isTrue(spec.CpuHotRemoveEnabled)},
		{"memoryHotAddEnabled", isTrue(spec.MemoryHotAddEnabled)},
		{"nestedHVEnabled", isTrue(spec.NestedHVEnabled)},
		{"cpuAllocation", limited(spec.CpuAllocation)},
		{"memoryAllocation", limited(spec.MemoryAllocation)},
		{"cpuAffinity", spec.CpuAffinity != nil && len(spec.CpuAffinity.AffinitySet) > 0},
		{"latencySensitivity", spec.LatencySensitivity != nil && spec.LatencySensitivity.Level != types.LatencySensitivitySensitivityLevelNormal},
		{"files", spec.Files != nil && spec.Files.VmPathName != ""},
		{"uuid", spec.Uuid != ""},
		{"instanceUuid", spec.InstanceUuid != ""},
		{"swapPlacement", spec.SwapPlacement != "" && spec.SwapPlacement != swapPlacement},
		{"vmProfile", len(spec.VmProfile) > 0},
		{"tagSpecs", len(spec.TagSpecs) > 0},
		{"managedBy", spec.ManagedBy != nil},
		{"ftInfo", spec.FtInfo != nil},
		{"repConfig", spec.RepConfig != nil},
		{"vcpuConfig", len(spec.VcpuConfig) > 0},
		{"changeTrackingEnabled", isTrue(spec.ChangeTrackingEnabled)},
	} {
		if unsupported.asked {
			return refused("virtual machines of the lab have no %s", unsupported.property)
		}
	}
	for i, change := range spec.DeviceChange {
		if fault := checkDevice(int32(i), change.GetVirtualDeviceConfigSpec()); fault != nil {
			return fault
		}
	}
	return nil
}

// checkDevice accepts paravirtual hardware only: QEMU has its own equivalent of it.
func checkDevice(index int32, change *types.VirtualDeviceConfigSpec) types.BaseMethodFault {
	if change.Operation == types.VirtualDeviceConfigSpecOperationRemove {
		return nil
	}
	switch d := change.Device.(type) {
	case *types.ParaVirtualSCSIController:
		return nil
	case *types.VirtualDisk:
		backing, ok := d.Backing.(*types.VirtualDiskFlatVer2BackingInfo)
		if ok && backing.Parent == nil &&
			(backing.Sharing == "" || backing.Sharing == string(types.VirtualDiskSharingSharingNone)) &&
			(backing.DiskMode == "" || backing.DiskMode == string(types.VirtualDiskModePersistent)) &&
			(change.Operation != types.VirtualDeviceConfigSpecOperationAdd ||
				change.FileOperation == types.VirtualDeviceConfigSpecFileOperationCreate) {
			return nil
		}
	case *types.VirtualVmxnet3:
		if backing, ok := d.Backing.(*types.VirtualEthernetCardNetworkBackingInfo); ok && backing.DeviceName == settings.Network {
			return nil
		}
	}
	log.Printf("refused device %T", change.Device)
	return &types.DeviceUnsupportedForVmPlatform{InvalidDeviceSpec: types.InvalidDeviceSpec{
		InvalidVmConfig: types.InvalidVmConfig{Property: fmt.Sprintf("deviceChange[%d].device: the lab has pvscsi controllers, "+
			"independent persistent disks of its own, and vmxnet3 cards on %q", index, settings.Network)},
		DeviceIndex: index,
	}}
}

// checkRunning refuses a change of a running machine's hardware, but for a larger disk: QEMU cannot change it.
func (m *machine) checkRunning(spec *types.VirtualMachineConfigSpec) types.BaseMethodFault {
	if m.Runtime.PowerState != types.VirtualMachinePowerStatePoweredOn {
		return nil
	}
	if slices.ContainsFunc(spec.DeviceChange, m.notLarger) ||
		spec.NumCPUs != 0 && spec.NumCPUs != m.Config.Hardware.NumCPU ||
		spec.MemoryMB != 0 && spec.MemoryMB != int64(m.Config.Hardware.MemoryMB) {
		return &types.InvalidPowerState{
			RequestedState: types.VirtualMachinePowerStatePoweredOff,
			ExistingState:  m.Runtime.PowerState,
		}
	}
	return nil
}

// notLarger reports whether a change does anything else than enlarge a disk of the machine, or leave its size.
func (m *machine) notLarger(change types.BaseVirtualDeviceConfigSpec) bool {
	asked := change.GetVirtualDeviceConfigSpec()
	disk, ok := asked.Device.(*types.VirtualDisk)
	if !ok || asked.Operation != types.VirtualDeviceConfigSpecOperationEdit {
		return true
	}
	present, ok := object.VirtualDeviceList(m.Config.Hardware.Device).FindByKey(disk.Key).(*types.VirtualDisk)
	return !ok || disk.CapacityInBytes < present.CapacityInBytes
}

func isTrue(value *bool) bool { return value != nil && *value }

// limited reports whether an allocation differs from the default: no reservation and no limit.
func limited(a *types.ResourceAllocationInfo) bool {
	return a != nil && (a.Reservation != nil && *a.Reservation != 0 || a.Limit != nil && *a.Limit != -1)
}
