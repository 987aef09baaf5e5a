package vcenter

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25/methods"
	"github.com/vmware/govmomi/vim25/soap"
	"github.com/vmware/govmomi/vim25/types"

	"smt-ha/lab/internal/settings"
)

// cluster is the cluster of hosts as API calls see it. It records one rule for its machines, and has only one host to follow
// it on.
type cluster struct {
	*simulator.ClusterComputeResource
	inventory *inventory
}

// ReconfigureComputeResourceTask adds, changes or removes the rule.
func (c *cluster) ReconfigureComputeResourceTask(
	ctx *simulator.Context, req *types.ReconfigureComputeResource_Task,
) soap.HasFault {
	body := new(methods.ReconfigureComputeResource_TaskBody)
	fault := c.reconfigure(ctx, req)
	body.Res, body.Fault_ = respond[types.ReconfigureComputeResource_TaskResponse](ctx, c, "reconfigureCluster", nil, fault)
	return body
}

func (c *cluster) reconfigure(ctx *simulator.Context, req *types.ReconfigureComputeResource_Task) types.BaseMethodFault {
	spec, ok := req.Spec.(*types.ClusterConfigSpecEx)
	if !ok || len(spec.RulesSpec) != 1 {
		return refused("the lab's cluster changes one rule at a time, and nothing else")
	}
	config := c.ConfigurationEx.(*types.ClusterConfigInfoEx)
	if spec.RulesSpec[0].Operation == types.ArrayUpdateOperationAdd && len(config.Rule) > 0 {
		return refused("the lab's cluster has one rule at most")
	}
	reply := c.ClusterComputeResource.ReconfigureComputeResourceTask(ctx, req)
	body := reply.(*methods.ReconfigureComputeResource_TaskBody)
	if _, fault := c.inventory.completed(body.Res.Returnval); fault != nil {
		return fault
	}
	if err := c.inventory.saveCluster(config); err != nil {
		return failed(err)
	}
	return nil
}

func (inv *inventory) clusterFile() string {
	return filepath.Join(inv.state.Inventory(), settings.Cluster+".json")
}

func (inv *inventory) saveCluster(config *types.ClusterConfigInfoEx) error {
	var buffer bytes.Buffer
	if err := types.NewJSONEncoder(&buffer).Encode(types.ClusterConfigInfoEx{Rule: config.Rule}); err != nil {
		return err
	}
	return replaceFile(inv.clusterFile(), buffer.Bytes())
}

// restoreCluster loads the rule of an earlier run.
func (inv *inventory) restoreCluster() error {
	content, err := os.ReadFile(inv.clusterFile())
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	var saved types.ClusterConfigInfoEx
	if err := types.NewJSONDecoder(bytes.NewReader(content)).Decode(&saved); err != nil {
		return err
	}
	config := inv.registry.Any("ClusterComputeResource").(*simulator.ClusterComputeResource).ConfigurationEx
	config.(*types.ClusterConfigInfoEx).Rule = saved.Rule
	return nil
}
