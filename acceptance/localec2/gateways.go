package localec2

var gatewayActions = map[string]action{
	"DescribeInternetGateways": {params: []string{"InternetGatewayId", "Filter", "MaxResults", "NextToken"}, run: (*Server).describeGateways},
	"CreateInternetGateway":    {params: []string{"TagSpecification"}, run: (*Server).createGateway},
	"AttachInternetGateway":    {params: []string{"InternetGatewayId", "VpcId"}, run: (*Server).attachGateway},
	"DetachInternetGateway":    {params: []string{"InternetGatewayId", "VpcId"}, run: (*Server).detachGateway},
	"DeleteInternetGateway":    {params: []string{"InternetGatewayId"}, run: (*Server).deleteGateway},
}

// gateway is an internet gateway: public addresses answer only where one is
// routed to.
type gateway struct {
	owned
	vpc       *vpc // nil where it is not attached
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
	Tags        []tag            `xml:"tagSet>item"`
}

func (i gatewayItem) tagList() []tag { return i.Tags }

func (s *Server) newGatewayItem(g *gateway) gatewayItem {
	item := gatewayItem{ID: g.id, OwnerID: s.opts.Account, Tags: g.tags.tagList()}
	if g.vpc != nil {
		item.Attachments = []attachmentItem{{g.vpc.id, "available"}}
	}
	return item
}

var gatewayFilters = filterTable[gatewayItem]{
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
	response
	Gateways  []gatewayItem `xml:"internetGatewaySet>item"`
	NextToken string        `xml:"nextToken,omitempty"`
}

func (s *Server) describeGateways(c *call) (any, error) {
	out := &describeGatewaysResponse{}
	var err error
	out.Gateways, out.NextToken, err = described(s, c, gatewayKind, paging{5, 1000, "InternetGatewayId"}, s.regions[c.region].gateways, gatewayFilters, s.newGatewayItem)
	return out, err
}

type createGatewayResponse struct {
	response
	Gateway gatewayItem `xml:"internetGateway"`
}

func (s *Server) createGateway(c *call) (any, error) {
	common, err := s.newOwned(c, gatewayKind)
	if err != nil {
		return nil, err
	}
	if err := dryRun(c); err != nil {
		return nil, err
	}
	g := &gateway{owned: common}
	s.regions[c.region].gateways[g.id] = g
	c.resource = g.id
	return &createGatewayResponse{Gateway: s.newGatewayItem(g)}, nil
}

// readGateway reads what attaching and detaching have in common.
func (s *Server) readGateway(c *call) (*gateway, *vpc, error) {
	n := s.regions[c.region].network
	v, err := findNamed(s, c, n.vpcs, vpcKind, "VpcId")
	if err != nil {
		return nil, nil, err
	}
	g, err := findNamed(s, c, n.gateways, gatewayKind, "InternetGatewayId")
	if err != nil {
		return nil, nil, err
	}
	return g, v, dryRun(c)
}

func (s *Server) attachGateway(c *call) (any, error) {
	g, v, err := s.readGateway(c)
	if err != nil {
		return nil, err
	}
	if g.vpc != nil {
		return nil, bad("Resource.AlreadyAssociated", "resource %s is already attached to network %s", g.id, g.vpc.id)
	}
	for _, other := range s.regions[c.region].gateways {
		if other.vpc == v {
			return nil, bad("InvalidParameterValue", "Network %s already has an internet gateway attached", v.id)
		}
	}
	g.vpc = v
	return &done{Return: true}, nil
}

func (s *Server) detachGateway(c *call) (any, error) {
	g, v, err := s.readGateway(c)
	if err != nil {
		return nil, err
	}
	if g.vpc != v {
		return nil, bad("Gateway.NotAttached", "resource %s is not attached to network %s", g.id, v.id)
	}
	for _, in := range s.regions[c.region].instances {
		if in.subnet.vpc == v && in.public != nil {
			return nil, bad("DependencyViolation", "Network %s has some mapped public address(es). Please unmap those public address(es) before detaching the gateway.", v.id)
		}
	}
	g.vpc = nil
	return &done{Return: true}, nil
}

func (s *Server) deleteGateway(c *call) (any, error) {
	gateways := s.regions[c.region].gateways
	g, err := findNamed(s, c, gateways, gatewayKind, "InternetGatewayId")
	if err != nil {
		return nil, err
	}
	if err := dryRun(c); err != nil {
		return nil, err
	}
	if g.vpc != nil {
		return nil, bad("DependencyViolation", "The internetGateway '%s' has dependencies and cannot be deleted.", g.id)
	}
	delete(gateways, g.id)
	return &done{Return: true}, nil
}
