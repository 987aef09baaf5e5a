package vcenter

import (
	"fmt"
	"reflect"

	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25/soap"
	"github.com/vmware/govmomi/vim25/types"
)

// refused is the fault for a call that the lab cannot perform.
func refused(format string, args ...any) *types.NotSupported {
	fault := new(types.NotSupported)
	fault.FaultMessage = []types.LocalizableMessage{{Key: "lab.refused", Message: fmt.Sprintf(format, args...)}}
	return fault
}

// failed is the fault for a call that should have worked.
func failed(err error) *types.SystemError {
	fault := &types.SystemError{Reason: err.Error()}
	fault.FaultMessage = []types.LocalizableMessage{{Key: "lab.failed", Message: err.Error()}}
	return fault
}

// soapFault converts a fault to SOAP. Clients print only its text, so the text includes the fault's details.
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

// describe formats a fault's own fields.
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
