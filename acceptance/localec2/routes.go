package localec2

import (
	"net/netip"
	"slices"
)

var routeActions = map[string]action{
	"DescribeRouteTables": {params: []string{"RouteTableId", "Filter", "MaxResults", "NextToken"}, run: (*Server).describeRoutes},
	"CreateRoute":         {params: []string{"RouteTableId", "DestinationCidrBlock", "GatewayId"}, run: (*Server).createRoute},
	"DeleteRoute":         {params: []string{"RouteTableId", "DestinationCidrBlock"}, run: (*Server).deleteRoute},
}

// anywhere is the destination of a default route.
var anywhere = netip.MustParsePrefix("0.0.0.0/0")

// routeTable is the main route table of a VPC, which all its subnets use.
type routeTable struct {
	owned
	vpc         *vpc
	association string
	routes      []route // beside the local one
}

type route struct {
	to      netip.Prefix
	gateway string
}

// isPublic tells whether a VPC's public addresses answer: whether all that is
// elsewhere is routed to a gateway that is attached to it.
func (n *network) isPublic(v *vpc) bool {
	for _, t := range n.routes {
		for _, r := range t.routes {
			g := n.gateways[r.gateway]
			if t.vpc == v && r.to == anywhere && g != nil && g.vpc == v {
				return true
			}
		}
	}
	return false
}

type routeItem struct {
	To      string `xml:"destinationCidrBlock"`
	Gateway string `xml:"gatewayId"`
	State   string `xml:"state"`
	Origin  string `xml:"origin"`
}

type associationItem struct {
	ID    string `xml:"routeTableAssociationId"`
	Table string `xml:"routeTableId"`
	Main  bool   `xml:"main"`
}

type routeTableItem struct {
	ID           string            `xml:"routeTableId"`
	VPC          string            `xml:"vpcId"`
	OwnerID      string            `xml:"ownerId"`
	Routes       []routeItem       `xml:"routeSet>item"`
	Associations []associationItem `xml:"associationSet>item"`
	Tags         []tag             `xml:"tagSet>item"`
}

func (i routeTableItem) tagList() []tag { return i.Tags }

func (s *Server) newRouteTableItem(region string) func(*routeTable) routeTableItem {
	return func(t *routeTable) routeTableItem {
		item := routeTableItem{
			t.id, t.vpc.id, s.opts.Account, []routeItem{{t.vpc.cidr.String(), "local", "active", "CreateRouteTable"}},
			[]associationItem{{t.association, t.id, true}}, t.tags.tagList(),
		}
		for _, r := range t.routes {
			state := "blackhole"
			if g := s.regions[region].gateways[r.gateway]; g != nil && g.vpc == t.vpc {
				state = "active"
			}
			item.Routes = append(item.Routes, routeItem{r.to.String(), r.gateway, state, "CreateRoute"})
		}
		return item
	}
}

// routeFilter makes a filter on a table's routes.
func routeFilter(get func(routeItem) string) func(routeTableItem) []string {
	return func(i routeTableItem) []string {
		var values []string
		for _, r := range i.Routes {
			values = append(values, get(r))
		}
		return values
	}
}

var routeTableFilters = filterTable[routeTableItem]{
	"association.main":             func(routeTableItem) []string { return []string{"true"} },
	"association.subnet-id":        func(routeTableItem) []string { return nil },
	"owner-id":                     func(i routeTableItem) []string { return []string{i.OwnerID} },
	"route-table-id":               func(i routeTableItem) []string { return []string{i.ID} },
	"route.destination-cidr-block": routeFilter(func(r routeItem) string { return r.To }),
	"route.gateway-id":             routeFilter(func(r routeItem) string { return r.Gateway }),
	"route.state":                  routeFilter(func(r routeItem) string { return r.State }),
	"vpc-id":                       func(i routeTableItem) []string { return []string{i.VPC} },
}

type describeRoutesResponse struct {
	response
	Tables    []routeTableItem `xml:"routeTableSet>item"`
	NextToken string           `xml:"nextToken,omitempty"`
}

func (s *Server) describeRoutes(c *call) (any, error) {
	out := &describeRoutesResponse{}
	var err error
	out.Tables, out.NextToken, err = described(s, c, routesKind, paging{5, 100, "RouteTableId"}, s.regions[c.region].routes, routeTableFilters, s.newRouteTableItem(c.region))
	return out, err
}

// readRoute reads what making and deleting a route have in common.
func (s *Server) readRoute(c *call) (*routeTable, netip.Prefix, error) {
	t, err := findNamed(s, c, s.regions[c.region].routes, routesKind, "RouteTableId")
	if err != nil {
		return nil, netip.Prefix{}, err
	}
	text, err := c.form.need("DestinationCidrBlock")
	if err != nil {
		return nil, netip.Prefix{}, err
	}
	to, err := netip.ParsePrefix(text)
	if err != nil || !to.Addr().Is4() {
		return nil, to, bad("InvalidParameterValue", "Value (%s) for parameter destinationCidrBlock is invalid. This is not a valid CIDR block.", text)
	}
	return t, to.Masked(), nil
}

func (s *Server) createRoute(c *call) (any, error) {
	t, to, err := s.readRoute(c)
	if err != nil {
		return nil, err
	}
	id, err := c.form.need("GatewayId")
	if err != nil {
		return nil, err
	}
	g, err := find(s, s.regions[c.region].gateways, gatewayKind, id)
	if err != nil {
		return nil, err
	}
	if err := dryRun(c); err != nil {
		return nil, err
	}
	if g.vpc != t.vpc {
		return nil, bad("InvalidParameterValue", "route table %s and network gateway %s belong to different networks", t.id, g.id)
	}
	if i := slices.IndexFunc(t.routes, func(r route) bool { return r.to == to }); i >= 0 || to == t.vpc.cidr {
		return nil, bad("RouteAlreadyExists", "The route identified by %s already exists.", to)
	}
	t.routes = append(t.routes, route{to, g.id})
	return &done{Return: true}, nil
}

func (s *Server) deleteRoute(c *call) (any, error) {
	t, to, err := s.readRoute(c)
	if err != nil {
		return nil, err
	}
	if err := dryRun(c); err != nil {
		return nil, err
	}
	i := slices.IndexFunc(t.routes, func(r route) bool { return r.to == to })
	if i < 0 {
		return nil, bad("InvalidRoute.NotFound", "no route with destination-cidr-block %s in route table %s", to, t.id)
	}
	t.routes = slices.Delete(t.routes, i, i+1)
	return &done{Return: true}, nil
}
