package network

import (
	"cmp"
	"net/netip"
	"slices"
	"strings"

	"github.com/unikernel-ami/packer-plugin-unikernel/acceptance/localec2/api"
	"github.com/unikernel-ami/packer-plugin-unikernel/acceptance/localec2/query"
	"github.com/unikernel-ami/packer-plugin-unikernel/acceptance/localec2/resource"
)

// Placement is the network of the instances of a launch.
type Placement struct {
	Subnet      *Subnet
	Groups      []*Group
	Private     []netip.Addr // one for each instance
	WantsPublic bool
}

// ReadPlacement reads the network of a number of instances from a RunInstances
// request.
func (s *Networks) ReadPlacement(c *query.Call, count int) (Placement, error) {
	var p Placement
	r, err := readPlace(c.Form)
	if err != nil {
		return p, err
	}
	if p.Subnet, err = s.launchSubnet(c, r.subnet); err != nil {
		return p, err
	}
	p.WantsPublic = p.Subnet.MapPublic
	if r.public != nil {
		if p.WantsPublic, err = r.public.Flag("AssociatePublicIpAddress", false); err != nil {
			return p, err
		}
	}
	if p.Groups, err = s.launchGroups(c, p.Subnet, r.groups); err != nil {
		return p, err
	}
	p.Private, err = s.readPrivate(p.Subnet, r.private, count)
	return p, err
}

// place has the network parameters of a request: its own, or those of its one
// network interface.
type place struct {
	subnet, private string
	groups          []string
	public          *query.Form // nil if the request has no such option
}

// readPlace reads the network parameters of a request. More than one network
// interface, and existing interfaces, are not supported.
func readPlace(f *query.Form) (place, error) {
	list := f.List("NetworkInterface")
	if len(list) == 0 {
		return place{f.Text("SubnetId"), f.Text("PrivateIpAddress"), f.Texts("SecurityGroupId"), nil}, nil
	}
	for name, what := range map[string]string{
		"SubnetId": "subnet ID", "SecurityGroupId": "security groups", "SecurityGroup": "security groups", "PrivateIpAddress": "private IP address",
	} {
		if f.Has(name) {
			return place{}, api.Bad("InvalidParameterCombination", "Network interfaces and an instance-level %s may not be specified on the same request", what)
		}
	}
	card := list[0]
	if len(list) > 1 || cmp.Or(card.Text("DeviceIndex"), "0") != "0" {
		return place{}, api.Bad("UnsupportedOperation", "localec2 gives each instance one network interface, with the device index 0")
	}
	if err := card.Only("DeviceIndex", "SubnetId", "PrivateIpAddress", "SecurityGroupId", "AssociatePublicIpAddress", "DeleteOnTermination", "Description"); err != nil {
		return place{}, err
	}
	if _, err := card.Flag("DeleteOnTermination", true); err != nil {
		return place{}, err
	}
	p := place{subnet: card.Text("SubnetId"), private: card.Text("PrivateIpAddress"), groups: card.Texts("SecurityGroupId")}
	if card.Has("AssociatePublicIpAddress") {
		p.public = card
	}
	return p, nil
}

// launchSubnet returns the requested subnet. The default is the default subnet
// of the requested zone, or of the first zone; EC2 picks any zone.
func (s *Networks) launchSubnet(c *query.Call, id string) (*Subnet, error) {
	n := s.regions[c.Region]
	at := c.Form.At("Placement")
	if err := at.Only("AvailabilityZone", "AvailabilityZoneId", "Tenancy", "HostId", "HostResourceGroupArn", "Affinity"); err != nil {
		return nil, err
	}
	zone, err := readZone(c, at)
	if err != nil {
		return nil, err
	}
	anyZone := !at.Has("AvailabilityZone") && !at.Has("AvailabilityZoneId")
	if id != "" {
		sub, err := resource.Find(s.acct.Now(), n.subnets, subnetType, id)
		if err == nil && !anyZone && sub.Zone != zone {
			err = api.Bad("InvalidParameterValue", "The availability zone of the specified subnet '%s' is not %s", id, zone.Name)
		}
		return sub, err
	}
	v, err := n.defaultVPC()
	if err != nil {
		return nil, err
	}
	for _, sub := range n.members(v) {
		if sub.IsDefault && (anyZone || sub.Zone == zone) {
			return sub, nil
		}
	}
	return nil, api.Bad("MissingInput", "No subnets found for the default VPC '%s'. Please specify a subnet.", v.ID)
}

// maxGroups is AWS's default quota of security groups per network interface.
const maxGroups = 5

// launchGroups returns the requested groups, which must be in the subnet's VPC.
func (s *Networks) launchGroups(c *query.Call, sub *Subnet, ids []string) ([]*Group, error) {
	groups, err := s.namedGroups(c, sub, ids)
	if err != nil {
		return nil, err
	}
	for _, g := range groups {
		if g.VPC != sub.VPC {
			return nil, api.Bad("InvalidParameter", "Security group %s and subnet %s belong to different networks.", g.ID, sub.ID)
		}
	}
	if len(groups) > maxGroups {
		return nil, api.Bad("SecurityGroupsPerInterfaceLimitExceeded", "The maximum number of security groups per interface has been reached.")
	}
	for _, g := range s.regions[c.Region].groups {
		if len(groups) == 0 && g.VPC == sub.VPC && g.Name == defaultGroup {
			return []*Group{g}, nil
		}
	}
	slices.SortFunc(groups, func(a, b *Group) int { return strings.Compare(a.ID, b.ID) })
	return slices.Compact(groups), nil
}

// namedGroups returns groups by id and, in the default VPC, by name.
func (s *Networks) namedGroups(c *query.Call, sub *Subnet, ids []string) ([]*Group, error) {
	var groups []*Group
	for _, id := range ids {
		g, err := resource.Find(s.acct.Now(), s.regions[c.Region].groups, groupType, id)
		if err != nil {
			return nil, err
		}
		groups = append(groups, g)
	}
	for _, name := range c.Form.Texts("SecurityGroup") {
		if !sub.VPC.IsDefault {
			return nil, api.Bad("InvalidParameterCombination", "The parameter groupName cannot be used with the parameter subnet")
		}
		g, err := s.groupByName(c, name)
		if err != nil {
			return nil, err
		}
		groups = append(groups, g)
	}
	return groups, nil
}

// readPrivate returns the requested private address, or free ones.
func (s *Networks) readPrivate(sub *Subnet, wanted string, count int) ([]netip.Addr, error) {
	if wanted == "" {
		return s.freePrivate(sub, count)
	}
	if count > 1 {
		return nil, api.Bad("InvalidParameterCombination", "The private IP address can be specified for one instance only, not for %d", count)
	}
	a, err := s.checkPrivate(sub, wanted)
	return []netip.Addr{a}, err
}
