package vcenter

import (
	"log"

	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25/mo"
	"github.com/vmware/govmomi/vim25/types"
)

// allowed are the methods that the lab really performs. The simulator has many more, which it would only pretend.
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
	// virtual machines, see type machine
	"CloneVM_Task", "CustomizeVM_Task", "Destroy_Task", "PowerOffVM_Task", "PowerOnVM_Task", "RebootGuest",
	"ReconfigVM_Task", "ResetVM_Task", "ShutdownGuest",
	// the cluster, see type cluster
	"ReconfigureComputeResource_Task",
)

// handle receives every call first and refuses methods that are not allowed. It redirects calls on the simulator's machines
// and cluster to the lab's, by registering the latter in the session: the simulator looks for objects there first.
func (inv *inventory) handle(ctx *simulator.Context, method *simulator.Method) (mo.Reference, types.BaseMethodFault) {
	target := inv.registry.Get(method.This)
	vm, isMachine := target.(*simulator.VirtualMachine)
	hosts, isCluster := target.(*simulator.ClusterComputeResource)
	destroysOther := method.Name == "Destroy_Task" && !isMachine
	switch {
	case method.This.Type == "VirtualMachine" && !isMachine:
		return nil, &types.ManagedObjectNotFound{Obj: method.This}
	case !allowed[method.Name] || destroysOther:
		log.Printf("refused %s of %s", method.Name, method.This)
		return nil, refused("the lab's vCenter has no %s of %s", method.Name, method.This.Type)
	case isMachine && ctx.Session != nil && ctx.Session.Registry.Get(vm.Self) == nil:
		ctx.Session.Registry.Put(inv.machine(vm))
	case isCluster && ctx.Session != nil && ctx.Session.Registry.Get(hosts.Self) == nil:
		ctx.Session.Registry.Put(&cluster{hosts, inv})
	}
	return nil, nil
}

func set(names ...string) map[string]bool {
	s := map[string]bool{}
	for _, name := range names {
		s[name] = true
	}
	return s
}
