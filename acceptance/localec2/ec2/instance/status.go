package instance

import (
	"slices"
	"strconv"

	"github.com/unikernel-ami/packer-plugin-unikernel/acceptance/localec2/query"
)

func (s *Instances) instanceStatusActions() map[string]query.Action {
	return map[string]query.Action{
		"DescribeInstanceStatus": {
			Params: []string{"InstanceId", "Filter", "MaxResults", "NextToken", "IncludeAllInstances"},
			Run:    s.describeInstanceStatus,
		},
	}
}

type instanceStatusItem struct {
	ID       string     `xml:"instanceId"`
	Zone     string     `xml:"availabilityZone"`
	State    stateItem  `xml:"instanceState"`
	System   statusItem `xml:"systemStatus"`
	Instance statusItem `xml:"instanceStatus"`
}

type statusItem struct {
	Status  string        `xml:"status"`
	Details []checkResult `xml:"details>item"`
}

type checkResult struct {
	Name   string `xml:"name"`
	Status string `xml:"status"`
}

// newStatusItem describes the status of an instance. EC2 checks a guest by ARP;
// this server asks the hypervisor.
func (s *Instances) newStatusItem(in *Instance) instanceStatusItem {
	state := in.state(s.acct.Now())
	item := instanceStatusItem{in.ID, in.nic.Subnet.Zone.Name, newStateItem(state), newStatus("ok", "passed"), newStatus("ok", "passed")}
	switch {
	case state == pending:
		item.Instance = newStatus("initializing", "initializing")
		item.System = item.Instance
	case state != running:
		item.Instance = statusItem{Status: "not-applicable"}
		item.System = item.Instance
	case in.guest == nil || in.guest.Broken():
		item.Instance = newStatus("impaired", "failed")
	}
	return item
}

func newStatus(status, reachability string) statusItem {
	return statusItem{status, []checkResult{{"reachability", reachability}}}
}

var instanceStatusFilters = query.Filters[instanceStatusItem]{
	"availability-zone":            func(i instanceStatusItem) []string { return []string{i.Zone} },
	"instance-state-code":          func(i instanceStatusItem) []string { return []string{strconv.Itoa(i.State.Code)} },
	"instance-state-name":          func(i instanceStatusItem) []string { return []string{i.State.Name} },
	"instance-status.status":       func(i instanceStatusItem) []string { return []string{i.Instance.Status} },
	"instance-status.reachability": func(i instanceStatusItem) []string { return reachability(i.Instance) },
	"system-status.status":         func(i instanceStatusItem) []string { return []string{i.System.Status} },
	"system-status.reachability":   func(i instanceStatusItem) []string { return reachability(i.System) },
}

func reachability(i statusItem) []string {
	var values []string
	for _, d := range i.Details {
		values = append(values, d.Status)
	}
	return values
}

type describeInstanceStatusResponse struct {
	query.Response
	Items     []instanceStatusItem `xml:"instanceStatusSet>item"`
	NextToken string               `xml:"nextToken,omitempty"`
}

// describeInstanceStatus describes the running instances or, on request, all.
func (s *Instances) describeInstanceStatus(c *query.Call) (any, error) {
	all, err := c.Form.Flag("IncludeAllInstances", false)
	if err != nil {
		return nil, err
	}
	s.forgetTerminated(c.Region)
	out := &describeInstanceStatusResponse{}
	out.Items, out.NextToken, err = query.Describe(s.acct, c, Type, instancePages, s.regions[c.Region].instances, instanceStatusFilters, s.newStatusItem)
	if !all {
		out.Items = slices.DeleteFunc(out.Items, func(i instanceStatusItem) bool { return i.State.Name != running })
	}
	return out, err
}
