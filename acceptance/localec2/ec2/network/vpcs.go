package network

import (
	"maps"
	"net/netip"
	"strconv"

	"github.com/unikernel-ami/packer-plugin-unikernel/acceptance/localec2/api"
	"github.com/unikernel-ami/packer-plugin-unikernel/acceptance/localec2/query"
	"github.com/unikernel-ami/packer-plugin-unikernel/acceptance/localec2/resource"
)

// VPC is a virtual private cloud.
type VPC struct {
	resource.Common
	IsDefault bool
	cidr      netip.Prefix
}

func (s *Networks) vpcActions() map[string]query.Action {
	return map[string]query.Action{
		"DescribeVpcs": {Params: []string{"VpcId", "Filter", "MaxResults", "NextToken"}, Run: s.describeVPCs},
		"CreateVpc":    {Params: []string{"CidrBlock", "InstanceTenancy", "TagSpecification"}, Run: s.createVPC},
		"DeleteVpc":    {Params: []string{"VpcId"}, Run: s.deleteVPC},
	}
}

type describeVPCsResponse struct {
	query.Response
	VPCs      []vpcItem `xml:"vpcSet>item"`
	NextToken string    `xml:"nextToken,omitempty"`
}

func (s *Networks) describeVPCs(c *query.Call) (any, error) {
	out := &describeVPCsResponse{}
	var err error
	out.VPCs, out.NextToken, err = query.Describe(s.acct, c, vpcType, query.Paging{Min: 5, Max: 1000, IDs: "VpcId"}, s.regions[c.Region].vpcs, vpcFilters, s.newVPCItem)
	return out, err
}

type createVPCResponse struct {
	query.Response
	VPC vpcItem `xml:"vpc"`
}

func (s *Networks) createVPC(c *query.Call) (any, error) {
	cidr, err := readCIDR(c, "InvalidVpc.Range")
	if err != nil {
		return nil, err
	}
	if t := c.Form.Text("InstanceTenancy"); t != "" && t != "default" {
		return nil, api.Bad("UnsupportedOperation", "localec2 has no dedicated hosts: the tenancy can't be '%s'", t)
	}
	common, err := query.NewCommon(s.acct, c, vpcType)
	if err != nil {
		return nil, err
	}
	if err := c.DryRun(); err != nil {
		return nil, err
	}
	v := &VPC{Common: common, cidr: cidr}
	s.regions[c.Region].addVPC(v, s.acct.ID)
	c.Resource = v.ID
	return &createVPCResponse{VPC: s.newVPCItem(v)}, nil
}

// deleteVPC deletes a VPC. It must be empty except for the parts that every VPC
// has.
func (s *Networks) deleteVPC(c *query.Call) (any, error) {
	n := s.regions[c.Region]
	v, err := query.FindNamed(s.acct, c, n.vpcs, vpcType, "VpcId")
	if err != nil {
		return nil, err
	}
	if err := c.DryRun(); err != nil {
		return nil, err
	}
	used := len(n.members(v)) > 0
	for _, g := range n.gateways {
		used = used || g.vpc == v
	}
	for _, g := range n.groups {
		used = used || g.VPC == v && g.Name != defaultGroup
	}
	if used {
		return nil, api.Bad("DependencyViolation", "The vpc '%s' has dependencies and cannot be deleted.", v.ID)
	}
	delete(n.vpcs, v.ID)
	maps.DeleteFunc(n.groups, func(_ string, g *Group) bool { return g.VPC == v })
	maps.DeleteFunc(n.routes, func(_ string, t *routeTable) bool { return t.vpc == v })
	return query.Success(), nil
}

// vpcItem is a VPC in DescribeVpcs.
type vpcItem struct {
	ID        string         `xml:"vpcId"`
	OwnerID   string         `xml:"ownerId"`
	State     string         `xml:"state"`
	CIDR      string         `xml:"cidrBlock"`
	Tenancy   string         `xml:"instanceTenancy"`
	IsDefault bool           `xml:"isDefault"`
	Tags      []resource.Tag `xml:"tagSet>item"`
}

func (i vpcItem) TagList() []resource.Tag { return i.Tags }

func (s *Networks) newVPCItem(v *VPC) vpcItem {
	return vpcItem{v.ID, s.acct.ID, "available", v.cidr.String(), "default", v.IsDefault, v.Tags.List()}
}

var vpcFilters = query.Filters[vpcItem]{
	"cidr-block-association.cidr-block": func(i vpcItem) []string { return []string{i.CIDR} },
	"cidr":                              func(i vpcItem) []string { return []string{i.CIDR} },
	"is-default":                        func(i vpcItem) []string { return []string{strconv.FormatBool(i.IsDefault)} },
	"isDefault":                         func(i vpcItem) []string { return []string{strconv.FormatBool(i.IsDefault)} },
	"owner-id":                          func(i vpcItem) []string { return []string{i.OwnerID} },
	"state":                             func(i vpcItem) []string { return []string{i.State} },
	"vpc-id":                            func(i vpcItem) []string { return []string{i.ID} },
}

// readCIDR reads the CIDR block of a VPC or subnet, /16 to /28, and returns it
// in canonical form as EC2 does.
func readCIDR(c *query.Call, code string) (netip.Prefix, error) {
	text, err := c.Form.Need("CidrBlock")
	if err != nil {
		return netip.Prefix{}, err
	}
	p, err := netip.ParsePrefix(text)
	if err != nil || !p.Addr().Is4() {
		return p, api.Bad("InvalidParameterValue", "Value (%s) for parameter cidrBlock is invalid. This is not a valid CIDR block.", text)
	}
	if p.Bits() < 16 || p.Bits() > 28 {
		return p, api.Bad(code, "The CIDR '%s' is invalid.", text)
	}
	return p.Masked(), nil
}
