package vcenter

import (
	"fmt"
	"log"
	"reflect"

	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25/mo"
	"github.com/vmware/govmomi/vim25/soap"
	"github.com/vmware/govmomi/vim25/types"
)

// allowed are the methods that do what they say. The simulator has many more, which would only pretend.
var allowed = set(
	// sessions and the service itself
	"CurrentTime", "Login", "Logout", "RetrieveServiceContent", "SessionIsActive",
	// reading
	"CancelRetrievePropertiesEx", "CancelWaitForUpdates", "CheckForUpdates", "ContinueRetrievePropertiesEx",
	"CreateContainerView", "CreateFilter", "CreateListView", "CreatePropertyCollector", "DestroyPropertyCollector",
	"DestroyPropertyFilter", "DestroyView", "FindAllByUuid", "FindByDatastorePath", "FindByInventoryPath", "FindByIp",
	"FindByUuid", "FindChild", "ListView", "ModifyListView", "QueryConfigOption", "QueryConfigOptionDescriptor",
	"QueryConfigOptionEx", "QueryConfigTarget", "ResetListView", "RetrieveProperties", "RetrievePropertiesEx",
	"WaitForUpdates", "WaitForUpdatesEx",
	// events and tasks
	"CreateCollectorForEvents", "CreateCollectorForTasks", "DestroyCollector", "QueryEvents", "ReadNextEvents",
	"ReadNextTasks", "ReadPreviousEvents", "ReadPreviousTasks", "ResetCollector", "RewindCollector",
	"SetCollectorPageSize",
	// virtual machines, see machine
	"CloneVM_Task", "CustomizeVM_Task", "Destroy_Task", "PowerOffVM_Task", "PowerOnVM_Task", "RebootGuest",
	"ReconfigVM_Task", "ResetVM_Task", "ShutdownGuest",
)

// handle sees every call first: it refuses what is not allowed, and has the lab's machine answer instead of the
// simulator's, by putting it into the session, which is where the simulator looks for objects first.
func (inv *inventory) handle(ctx *simulator.Context, method *simulator.Method) (mo.Reference, types.BaseMethodFault) {
	vm, isMachine := inv.registry.Get(method.This).(*simulator.VirtualMachine)
	destroysOther := method.Name == "Destroy_Task" && !isMachine
	switch {
	case method.This.Type == "VirtualMachine" && !isMachine:
		return nil, &types.ManagedObjectNotFound{Obj: method.This}
	case !allowed[method.Name] || destroysOther:
		log.Printf("refused %s of %s", method.Name, method.This)
		return nil, refused("the lab's vCenter has no %s of %s", method.Name, method.This.Type)
	case isMachine && ctx.Session != nil && ctx.Session.Registry.Get(vm.Self) == nil:
		ctx.Session.Registry.Put(inv.machine(vm))
	}
	return nil, nil
}

// refused is the fault for what the lab cannot do.
func refused(format string, args ...any) *types.NotSupported {
	fault := new(types.NotSupported)
	fault.FaultMessage = []types.LocalizableMessage{{Key: "lab.refused", Message: fmt.Sprintf(format, args...)}}
	return fault
}

// failed is the fault for what should have worked.
func failed(err error) *types.SystemError {
	fault := &types.SystemError{Reason: err.Error()}
	fault.FaultMessage = []types.LocalizableMessage{{Key: "lab.failed", Message: err.Error()}}
	return fault
}

// soapFault makes a fault what the client shows: clients print its text, not its details.
func soapFault(fault types.BaseMethodFault) *soap.Fault {
	var text string
	switch messages := fault.GetMethodFault().FaultMessage; {
	case len(messages) > 0:
		text = messages[0].Message
	default:
		value := reflect.ValueOf(fault).Elem()
		text = fmt.Sprintf("%s %s", value.Type().Name(), describe(value))
	}
	return simulator.Fault(text, fault)
}

// describe lists a fault's own fields.
func describe(value reflect.Value) string {
	switch f := value.Addr().Interface().(type) {
	case *types.InvalidPowerState:
		return fmt.Sprintf("(the machine is %s, and has to be %s)", f.ExistingState, f.RequestedState)
	case *types.DuplicateName:
		return fmt.Sprintf("(%s exists)", f.Name)
	case *types.InvalidName:
		return fmt.Sprintf("(%q is no host name)", f.Name)
	case *types.InvalidArgument:
		return "(" + f.InvalidProperty + ")"
	case *types.DeviceUnsupportedForVmPlatform:
		return "(" + f.Property + ")"
	case *types.InvalidVmConfig:
		return "(" + f.Property + ")"
	case *types.NicSettingMismatch:
		return fmt.Sprintf("(settings for %d network cards, the machine has %d)", f.NumberOfNicsInSpec, f.NumberOfNicsInVM)
	case *types.UncustomizableGuest:
		return "(" + f.UncustomizableGuestOS + ")"
	}
	return ""
}

func set(names ...string) map[string]bool {
	s := map[string]bool{}
	for _, name := range names {
		s[name] = true
	}
	return s
}
