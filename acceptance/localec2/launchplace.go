package localec2

import (
	"net/netip"
	"slices"
	"strings"
)

// place is where a request puts its instances: by parameters of its own, or by
// those of its one network interface.
type place struct {
	subnet, private string
	groups          []string
	public          *form // nil where nothing is said
}

// readPlace finds the subnet and the groups.
func (s *Server) readPlace(c *call, l *launch) error {
	p, err := readInterface(c.form)
	if err != nil {
		return err
	}
	if l.model.subnet, err = s.launchSubnet(c, p.subnet); err != nil {
		return err
	}
	l.model.wantsPublic = l.model.subnet.mapPublic
	if p.public != nil {
		if l.model.wantsPublic, err = p.public.flag("AssociatePublicIpAddress", false); err != nil {
			return err
		}
	}
	l.model.groups, err = s.launchGroups(c, l.model.subnet, p.groups)
	return err
}

// readInterface reads a request's place. Network interfaces of one's own, and
// more than one, are no resources of this server.
func readInterface(f *form) (place, error) {
	list := f.list("NetworkInterface")
	if len(list) == 0 {
		return place{f.text("SubnetId"), f.text("PrivateIpAddress"), f.texts("SecurityGroupId"), nil}, nil
	}
	for name, what := range map[string]string{
		"SubnetId": "subnet ID", "SecurityGroupId": "security groups", "SecurityGroup": "security groups", "PrivateIpAddress": "private IP address",
	} {
		if f.has(name) {
			return place{}, bad("InvalidParameterCombination", "Network interfaces and an instance-level %s may not be specified on the same request", what)
		}
	}
	card := list[0]
	if len(list) > 1 || orElse(card.text("DeviceIndex"), "0") != "0" {
		return place{}, bad("UnsupportedOperation", "localec2 gives each instance one network interface, with the device index 0")
	}
	if err := card.only("DeviceIndex", "SubnetId", "PrivateIpAddress", "SecurityGroupId", "AssociatePublicIpAddress", "DeleteOnTermination", "Description"); err != nil {
		return place{}, err
	}
	if _, err := card.flag("DeleteOnTermination", true); err != nil {
		return place{}, err
	}
	p := place{subnet: card.text("SubnetId"), private: card.text("PrivateIpAddress"), groups: card.texts("SecurityGroupId")}
	if card.has("AssociatePublicIpAddress") {
		p.public = card
	}
	return p, nil
}

// launchSubnet finds the subnet that a request names; without one it is the
// default subnet of the zone, or of the first zone where EC2 takes any.
func (s *Server) launchSubnet(c *call, id string) (*subnet, error) {
	n := s.regions[c.region].network
	at := c.form.at("Placement")
	if err := at.only("AvailabilityZone", "AvailabilityZoneId", "Tenancy"); err != nil {
		return nil, err
	}
	if t := at.text("Tenancy"); t != "" && t != "default" {
		return nil, bad("UnsupportedOperation", "localec2 has no dedicated hosts: the tenancy can't be '%s'", t)
	}
	zone, err := readZone(c, at)
	if err != nil {
		return nil, err
	}
	anyZone := !at.has("AvailabilityZone") && !at.has("AvailabilityZoneId")
	if id != "" {
		sub, err := find(s, n.subnets, subnetKind, id)
		if err == nil && !anyZone && sub.zone != zone {
			err = bad("InvalidParameterValue", "The availability zone of the specified subnet '%s' is not %s", id, zone.Name)
		}
		return sub, err
	}
	v, err := n.defaultVPC()
	if err != nil {
		return nil, err
	}
	for _, sub := range n.members(v) {
		if sub.isDefault && (anyZone || sub.zone == zone) {
			return sub, nil
		}
	}
	return nil, bad("MissingInput", "No subnets found for the default VPC '%s'. Please specify a subnet.", v.id)
}

// maxGroups is AWS's default quota of groups for a network interface.
const maxGroups = 5

// launchGroups finds the groups, which must be of the subnet's VPC.
func (s *Server) launchGroups(c *call, sub *subnet, ids []string) ([]*group, error) {
	groups, err := s.namedGroups(c, sub, ids)
	if err != nil {
		return nil, err
	}
	for _, g := range groups {
		if g.vpc != sub.vpc {
			return nil, bad("InvalidParameter", "Security group %s and subnet %s belong to different networks.", g.id, sub.id)
		}
	}
	if len(groups) > maxGroups {
		return nil, bad("SecurityGroupsPerInterfaceLimitExceeded", "The maximum number of security groups per interface has been reached.")
	}
	for _, g := range s.regions[c.region].groups {
		if len(groups) == 0 && g.vpc == sub.vpc && g.name == defaultGroup {
			return []*group{g}, nil
		}
	}
	slices.SortFunc(groups, func(a, b *group) int { return strings.Compare(a.id, b.id) })
	return slices.Compact(groups), nil
}

// namedGroups finds groups by id and, in the default VPC, by name.
func (s *Server) namedGroups(c *call, sub *subnet, ids []string) ([]*group, error) {
	var groups []*group
	for _, id := range ids {
		g, err := find(s, s.regions[c.region].groups, groupKind, id)
		if err != nil {
			return nil, err
		}
		groups = append(groups, g)
	}
	for _, name := range c.form.texts("SecurityGroup") {
		if !sub.vpc.isDefault {
			return nil, bad("InvalidParameterCombination", "The parameter groupName cannot be used with the parameter subnet")
		}
		g, err := s.groupByName(c, name)
		if err != nil {
			return nil, err
		}
		groups = append(groups, g)
	}
	return groups, nil
}

// readPrivate settles the private addresses.
func (s *Server) readPrivate(c *call, l *launch) error {
	p, err := readInterface(c.form)
	if err != nil {
		return err
	}
	if p.private == "" {
		l.private, err = s.freePrivate(l.model.subnet, l.count)
		return err
	}
	if l.count > 1 {
		return bad("InvalidParameterCombination", "The private IP address can be specified for one instance only, not for %d", l.count)
	}
	a, err := s.checkPrivate(l.model.subnet, p.private)
	l.private = []netip.Addr{a}
	return err
}
