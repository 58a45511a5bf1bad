package localec2

import "maps"

var vpcActions = map[string]action{
	"DescribeVpcs": {params: []string{"VpcId", "Filter", "MaxResults", "NextToken"}, run: (*Server).describeVPCs},
	"CreateVpc":    {params: []string{"CidrBlock", "InstanceTenancy", "TagSpecification"}, run: (*Server).createVPC},
	"DeleteVpc":    {params: []string{"VpcId"}, run: (*Server).deleteVPC},
}

type describeVPCsResponse struct {
	response
	VPCs      []vpcItem `xml:"vpcSet>item"`
	NextToken string    `xml:"nextToken,omitempty"`
}

func (s *Server) describeVPCs(c *call) (any, error) {
	out := &describeVPCsResponse{}
	var err error
	out.VPCs, out.NextToken, err = described(s, c, vpcKind, paging{5, 1000, "VpcId"}, s.regions[c.region].vpcs, vpcFilters, s.newVPCItem)
	return out, err
}

type createVPCResponse struct {
	response
	VPC vpcItem `xml:"vpc"`
}

func (s *Server) createVPC(c *call) (any, error) {
	cidr, err := readCIDR(c, "InvalidVpc.Range")
	if err != nil {
		return nil, err
	}
	if t := c.form.text("InstanceTenancy"); t != "" && t != "default" {
		return nil, bad("UnsupportedOperation", "localec2 has no dedicated hosts: the tenancy can't be '%s'", t)
	}
	common, err := s.newOwned(c, vpcKind)
	if err != nil {
		return nil, err
	}
	if err := dryRun(c); err != nil {
		return nil, err
	}
	v := &vpc{owned: common, cidr: cidr}
	s.regions[c.region].addVPC(v, s.opts.Account)
	c.resource = v.id
	return &createVPCResponse{VPC: s.newVPCItem(v)}, nil
}

// deleteVPC deletes a VPC that nothing is in but what it was made with.
func (s *Server) deleteVPC(c *call) (any, error) {
	n := s.regions[c.region].network
	v, err := findNamed(s, c, n.vpcs, vpcKind, "VpcId")
	if err != nil {
		return nil, err
	}
	if err := dryRun(c); err != nil {
		return nil, err
	}
	used := len(n.members(v)) > 0
	for _, g := range n.gateways {
		used = used || g.vpc == v
	}
	for _, g := range n.groups {
		used = used || g.vpc == v && g.name != defaultGroup
	}
	if used {
		return nil, bad("DependencyViolation", "The vpc '%s' has dependencies and cannot be deleted.", v.id)
	}
	delete(n.vpcs, v.id)
	maps.DeleteFunc(n.groups, func(_ string, g *group) bool { return g.vpc == v })
	maps.DeleteFunc(n.routes, func(_ string, t *routeTable) bool { return t.vpc == v })
	return &done{Return: true}, nil
}
