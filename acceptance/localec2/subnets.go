package localec2

import "slices"

var subnetActions = map[string]action{
	"DescribeSubnets": {params: []string{"SubnetId", "Filter", "MaxResults", "NextToken"}, run: (*Server).describeSubnets},
	"CreateSubnet": {
		params: []string{"VpcId", "CidrBlock", "AvailabilityZone", "AvailabilityZoneId", "TagSpecification"},
		run:    (*Server).createSubnet,
	},
	"DeleteSubnet":          {params: []string{"SubnetId"}, run: (*Server).deleteSubnet},
	"ModifySubnetAttribute": {params: []string{"SubnetId", "MapPublicIpOnLaunch"}, run: (*Server).modifySubnet},
}

type describeSubnetsResponse struct {
	response
	Subnets   []subnetItem `xml:"subnetSet>item"`
	NextToken string       `xml:"nextToken,omitempty"`
}

func (s *Server) describeSubnets(c *call) (any, error) {
	out := &describeSubnetsResponse{}
	var err error
	out.Subnets, out.NextToken, err = described(s, c, subnetKind, paging{5, 1000, "SubnetId"}, s.regions[c.region].subnets, subnetFilters, s.newSubnetItem)
	return out, err
}

type createSubnetResponse struct {
	response
	Subnet subnetItem `xml:"subnet"`
}

func (s *Server) createSubnet(c *call) (any, error) {
	n := s.regions[c.region].network
	v, err := findNamed(s, c, n.vpcs, vpcKind, "VpcId")
	if err != nil {
		return nil, err
	}
	cidr, err := readCIDR(c, "InvalidSubnet.Range")
	if err != nil {
		return nil, err
	}
	if cidr.Bits() < v.cidr.Bits() || !v.cidr.Contains(cidr.Addr()) {
		return nil, bad("InvalidSubnet.Range", "The CIDR '%s' is invalid.", cidr)
	}
	if slices.ContainsFunc(n.members(v), func(o *subnet) bool { return o.cidr.Overlaps(cidr) }) {
		return nil, bad("InvalidSubnet.Conflict", "The CIDR '%s' conflicts with another subnet", cidr)
	}
	zone, err := readZone(c, c.form)
	if err != nil {
		return nil, err
	}
	common, err := s.newOwned(c, subnetKind)
	if err != nil {
		return nil, err
	}
	if err := dryRun(c); err != nil {
		return nil, err
	}
	sub := &subnet{owned: common, vpc: v, cidr: cidr, zone: zone}
	n.subnets[sub.id] = sub
	c.resource = sub.id
	return &createSubnetResponse{Subnet: s.newSubnetItem(sub)}, nil
}

// readZone reads the zone that a request names; without one it is the region's
// first, where EC2 takes any.
func readZone(c *call, f *form) (zoneItem, error) {
	zones := zonesOf(c.region)
	name, id := f.text("AvailabilityZone"), f.text("AvailabilityZoneId")
	for _, z := range zones {
		if (name == "" || z.Name == name) && (id == "" || z.ID == id) {
			return z, nil
		}
	}
	return zoneItem{}, bad("InvalidParameterValue", "Value (%s) for parameter availabilityZone is invalid. Subnets can currently only be created in the following availability zones: %s to %s.",
		orElse(name, id), zones[0].Name, zones[len(zones)-1].Name)
}

func (s *Server) deleteSubnet(c *call) (any, error) {
	n := s.regions[c.region].network
	sub, err := findNamed(s, c, n.subnets, subnetKind, "SubnetId")
	if err != nil {
		return nil, err
	}
	if err := dryRun(c); err != nil {
		return nil, err
	}
	if len(s.addressesIn(sub)) > 0 {
		return nil, bad("DependencyViolation", "The subnet '%s' has dependencies and cannot be deleted.", sub.id)
	}
	delete(n.subnets, sub.id)
	return &done{Return: true}, nil
}

// modifySubnet has instances get a public address by default, or not.
func (s *Server) modifySubnet(c *call) (any, error) {
	sub, err := findNamed(s, c, s.regions[c.region].subnets, subnetKind, "SubnetId")
	if err != nil {
		return nil, err
	}
	public, err := c.form.at("MapPublicIpOnLaunch").flag("Value", sub.mapPublic)
	if err != nil {
		return nil, err
	}
	if err := dryRun(c); err != nil {
		return nil, err
	}
	sub.mapPublic = public
	return &done{Return: true}, nil
}
