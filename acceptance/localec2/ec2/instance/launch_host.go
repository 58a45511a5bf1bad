package instance

import (
	"cmp"
	"regexp"
	"slices"
	"strings"

	"github.com/unikernel-ami/packer-plugin-unikernel/acceptance/localec2/api"
	"github.com/unikernel-ami/packer-plugin-unikernel/acceptance/localec2/query"
)

// hostID matches the ids of Dedicated Hosts, of which there are none.
var hostID = regexp.MustCompile(`^h-([0-9a-f]{8}|[0-9a-f]{17})$`)

// readHost reads the part of Placement that names a host; package network reads
// the zone. An instance of its own hardware ("dedicated") is like any other here.
func (s *Instances) readHost(c *query.Call, l *launch) error {
	f := c.Form.At("Placement")
	tenancy, err := choice(f, "Tenancy", "default", "dedicated", "host")
	if err != nil {
		return err
	}
	if _, err := choice(f, "Affinity", "default", "host"); err != nil {
		return err
	}
	host, group := f.Text("HostId"), f.Text("HostResourceGroupArn")
	onHost := host != "" || group != ""
	switch {
	case host != "" && group != "":
		return api.Bad("InvalidParameterCombination", "The parameters HostId and HostResourceGroupArn can't be used together")
	case onHost && cmp.Or(tenancy, "host") != "host":
		return api.Bad("InvalidParameterCombination", "A Dedicated Host requires the tenancy 'host', not '%s'", tenancy)
	case l.model.spot && (onHost || tenancy == "host"):
		return api.Bad("InvalidParameterCombination", "Spot Instances can't have the tenancy 'host'")
	case f.Text("Affinity") == "host" && !onHost && tenancy != "host":
		return api.Bad("InvalidParameterCombination", "The affinity 'host' requires the tenancy 'host'")
	case host != "" && !hostID.MatchString(host):
		return api.Bad("InvalidHostID.Malformed", `Invalid id: "%s" (expecting "h-...")`, host)
	case host != "":
		return api.Bad("InvalidHostID.NotFound", "The host ID '%s' does not exist", host)
	case group != "":
		return api.Bad("InvalidParameterValue", "The host resource group '%s' does not exist", group)
	case tenancy == "host":
		return api.Bad("InsufficientHostCapacity", "There is no Dedicated Host with room for the instance")
	}
	l.model.tenancy = cmp.Or(tenancy, "default")
	return nil
}

// readEBS reads whether the instance is EBS-optimized. Types that always are
// need not be asked. The message is AWS's, as users report it.
func (s *Instances) readEBS(c *query.Call, l *launch) error {
	asked, err := c.Form.Flag("EbsOptimized", false)
	if err != nil {
		return err
	}
	support := l.model.typ.ebsOptimized()
	if asked && support == "unsupported" {
		return api.Bad("Unsupported", "EBS-optimized instances are not supported for your requested configuration. Please check the documentation for supported configurations.")
	}
	l.model.ebsOptimized = asked || support == "default"
	return nil
}

// ebsOptimized tells how a type can be EBS-optimized ("EBS-optimized instance
// types" in the Amazon EC2 User Guide): current types always are, except T2;
// previous ones from xlarge on can be.
func (t instanceType) ebsOptimized() string {
	larger := []string{"c1.xlarge", "c3.xlarge", "c3.2xlarge", "c3.4xlarge", "m1.large", "m1.xlarge", "m2.2xlarge", "m2.4xlarge", "m3.xlarge", "m3.2xlarge"}
	switch {
	case slices.Contains(larger, t.name):
		return "supported"
	case t.previous || strings.HasPrefix(t.name, "t2."):
		return "unsupported"
	}
	return "default"
}
