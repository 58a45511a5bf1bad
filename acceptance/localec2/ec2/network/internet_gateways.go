package network

import (
	"github.com/unikernel-ami/packer-plugin-unikernel/acceptance/localec2/api"
	"github.com/unikernel-ami/packer-plugin-unikernel/acceptance/localec2/query"
	"github.com/unikernel-ami/packer-plugin-unikernel/acceptance/localec2/resource"
)

func (s *Networks) gatewayActions() map[string]query.Action {
	return map[string]query.Action{
		"DescribeInternetGateways": {Params: []string{"InternetGatewayId", "Filter", "MaxResults", "NextToken"}, Run: s.describeGateways},
		"CreateInternetGateway":    {Params: []string{"TagSpecification"}, Run: s.createGateway},
		"AttachInternetGateway":    {Params: []string{"InternetGatewayId", "VpcId"}, Run: s.attachGateway},
		"DetachInternetGateway":    {Params: []string{"InternetGatewayId", "VpcId"}, Run: s.detachGateway},
		"DeleteInternetGateway":    {Params: []string{"InternetGatewayId"}, Run: s.deleteGateway},
	}
}

// gateway is an internet gateway. Public addresses answer only if there is a
// route to one.
type gateway struct {
	resource.Common
	vpc       *VPC // nil if it is not attached
	isDefault bool // of the default VPC
}

type attachmentItem struct {
	VPC   string `xml:"vpcId"`
	State string `xml:"state"`
}

type gatewayItem struct {
	ID          string           `xml:"internetGatewayId"`
	OwnerID     string           `xml:"ownerId"`
	Attachments []attachmentItem `xml:"attachmentSet>item"`
	Tags        []resource.Tag   `xml:"tagSet>item"`
}

func (i gatewayItem) TagList() []resource.Tag { return i.Tags }

func (s *Networks) newGatewayItem(g *gateway) gatewayItem {
	item := gatewayItem{ID: g.ID, OwnerID: s.acct.ID, Tags: g.Tags.List()}
	if g.vpc != nil {
		item.Attachments = []attachmentItem{{g.vpc.ID, "available"}}
	}
	return item
}

var gatewayFilters = query.Filters[gatewayItem]{
	"attachment.state": func(i gatewayItem) []string {
		var states []string
		for _, a := range i.Attachments {
			states = append(states, a.State)
		}
		return states
	},
	"attachment.vpc-id": func(i gatewayItem) []string {
		var vpcs []string
		for _, a := range i.Attachments {
			vpcs = append(vpcs, a.VPC)
		}
		return vpcs
	},
	"internet-gateway-id": func(i gatewayItem) []string { return []string{i.ID} },
	"owner-id":            func(i gatewayItem) []string { return []string{i.OwnerID} },
}

type describeGatewaysResponse struct {
	query.Response
	Gateways  []gatewayItem `xml:"internetGatewaySet>item"`
	NextToken string        `xml:"nextToken,omitempty"`
}

func (s *Networks) describeGateways(c *query.Call) (any, error) {
	out := &describeGatewaysResponse{}
	var err error
	out.Gateways, out.NextToken, err = query.Describe(s.acct, c, gatewayType, query.Paging{Min: 5, Max: 1000, IDs: "InternetGatewayId"}, s.regions[c.Region].gateways, gatewayFilters, s.newGatewayItem)
	return out, err
}

type createGatewayResponse struct {
	query.Response
	Gateway gatewayItem `xml:"internetGateway"`
}

func (s *Networks) createGateway(c *query.Call) (any, error) {
	common, err := query.NewCommon(s.acct, c, gatewayType)
	if err != nil {
		return nil, err
	}
	if err := c.DryRun(); err != nil {
		return nil, err
	}
	g := &gateway{Common: common}
	s.regions[c.Region].gateways[g.ID] = g
	c.Resource = g.ID
	return &createGatewayResponse{Gateway: s.newGatewayItem(g)}, nil
}

// readGateway reads the common parameters of attaching and detaching.
func (s *Networks) readGateway(c *query.Call) (*gateway, *VPC, error) {
	n := s.regions[c.Region]
	v, err := query.FindNamed(s.acct, c, n.vpcs, vpcType, "VpcId")
	if err != nil {
		return nil, nil, err
	}
	g, err := query.FindNamed(s.acct, c, n.gateways, gatewayType, "InternetGatewayId")
	if err != nil {
		return nil, nil, err
	}
	return g, v, c.DryRun()
}

func (s *Networks) attachGateway(c *query.Call) (any, error) {
	g, v, err := s.readGateway(c)
	if err != nil {
		return nil, err
	}
	if g.vpc != nil {
		return nil, api.Bad("Resource.AlreadyAssociated", "resource %s is already attached to network %s", g.ID, g.vpc.ID)
	}
	for _, other := range s.regions[c.Region].gateways {
		if other.vpc == v {
			return nil, api.Bad("InvalidParameterValue", "Network %s already has an internet gateway attached", v.ID)
		}
	}
	g.vpc = v
	return query.Success(), nil
}

func (s *Networks) detachGateway(c *query.Call) (any, error) {
	g, v, err := s.readGateway(c)
	if err != nil {
		return nil, err
	}
	if g.vpc != v {
		return nil, api.Bad("Gateway.NotAttached", "resource %s is not attached to network %s", g.ID, v.ID)
	}
	for _, i := range s.regions[c.Region].interfaces {
		if i.Subnet.VPC == v && i.Public != nil {
			return nil, api.Bad("DependencyViolation", "Network %s has some mapped public address(es). Please unmap those public address(es) before detaching the gateway.", v.ID)
		}
	}
	g.vpc = nil
	return query.Success(), nil
}

func (s *Networks) deleteGateway(c *query.Call) (any, error) {
	gateways := s.regions[c.Region].gateways
	g, err := query.FindNamed(s.acct, c, gateways, gatewayType, "InternetGatewayId")
	if err != nil {
		return nil, err
	}
	if err := c.DryRun(); err != nil {
		return nil, err
	}
	if g.vpc != nil {
		return nil, api.Bad("DependencyViolation", "The internetGateway '%s' has dependencies and cannot be deleted.", g.ID)
	}
	delete(gateways, g.ID)
	return query.Success(), nil
}
