package network

import (
	"net/netip"
	"slices"

	"github.com/unikernel-ami/packer-plugin-unikernel/acceptance/localec2/api"
	"github.com/unikernel-ami/packer-plugin-unikernel/acceptance/localec2/query"
	"github.com/unikernel-ami/packer-plugin-unikernel/acceptance/localec2/resource"
)

func (s *Networks) routeActions() map[string]query.Action {
	return map[string]query.Action{
		"DescribeRouteTables": {Params: []string{"RouteTableId", "Filter", "MaxResults", "NextToken"}, Run: s.describeRoutes},
		"CreateRoute":         {Params: []string{"RouteTableId", "DestinationCidrBlock", "GatewayId"}, Run: s.createRoute},
		"DeleteRoute":         {Params: []string{"RouteTableId", "DestinationCidrBlock"}, Run: s.deleteRoute},
	}
}

// anywhere is the destination of a default route.
var anywhere = netip.MustParsePrefix("0.0.0.0/0")

// routeTable is the main route table of a VPC, which all its subnets use.
type routeTable struct {
	resource.Common
	vpc         *VPC
	association string
	routes      []route // without the local one
}

type route struct {
	to      netip.Prefix
	gateway string
}

// isPublic reports whether the public addresses of a VPC answer: whether its
// default route leads to an internet gateway that is attached to it.
func (n *network) isPublic(v *VPC) bool {
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
	Tags         []resource.Tag    `xml:"tagSet>item"`
}

func (i routeTableItem) TagList() []resource.Tag { return i.Tags }

func (s *Networks) newRouteTableItem(region string) func(*routeTable) routeTableItem {
	return func(t *routeTable) routeTableItem {
		item := routeTableItem{
			t.ID, t.vpc.ID, s.acct.ID, []routeItem{{t.vpc.cidr.String(), "local", "active", "CreateRouteTable"}},
			[]associationItem{{t.association, t.ID, true}}, t.Tags.List(),
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

// routeFilter returns a filter on the routes of a table.
func routeFilter(get func(routeItem) string) func(routeTableItem) []string {
	return func(i routeTableItem) []string {
		var values []string
		for _, r := range i.Routes {
			values = append(values, get(r))
		}
		return values
	}
}

var routeTableFilters = query.Filters[routeTableItem]{
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
	query.Response
	Tables    []routeTableItem `xml:"routeTableSet>item"`
	NextToken string           `xml:"nextToken,omitempty"`
}

func (s *Networks) describeRoutes(c *query.Call) (any, error) {
	out := &describeRoutesResponse{}
	var err error
	out.Tables, out.NextToken, err = query.Describe(s.acct, c, routeTableType, query.Paging{Min: 5, Max: 100, IDs: "RouteTableId"}, s.regions[c.Region].routes, routeTableFilters, s.newRouteTableItem(c.Region))
	return out, err
}

// readRoute reads the common parameters of CreateRoute and DeleteRoute.
func (s *Networks) readRoute(c *query.Call) (*routeTable, netip.Prefix, error) {
	t, err := query.FindNamed(s.acct, c, s.regions[c.Region].routes, routeTableType, "RouteTableId")
	if err != nil {
		return nil, netip.Prefix{}, err
	}
	text, err := c.Form.Need("DestinationCidrBlock")
	if err != nil {
		return nil, netip.Prefix{}, err
	}
	to, err := netip.ParsePrefix(text)
	if err != nil || !to.Addr().Is4() {
		return nil, to, api.Bad("InvalidParameterValue", "Value (%s) for parameter destinationCidrBlock is invalid. This is not a valid CIDR block.", text)
	}
	return t, to.Masked(), nil
}

func (s *Networks) createRoute(c *query.Call) (any, error) {
	t, to, err := s.readRoute(c)
	if err != nil {
		return nil, err
	}
	id, err := c.Form.Need("GatewayId")
	if err != nil {
		return nil, err
	}
	g, err := resource.Find(s.acct.Now(), s.regions[c.Region].gateways, gatewayType, id)
	if err != nil {
		return nil, err
	}
	if err := c.DryRun(); err != nil {
		return nil, err
	}
	if g.vpc != t.vpc {
		return nil, api.Bad("InvalidParameterValue", "route table %s and network gateway %s belong to different networks", t.ID, g.ID)
	}
	if i := slices.IndexFunc(t.routes, func(r route) bool { return r.to == to }); i >= 0 || to == t.vpc.cidr {
		return nil, api.Bad("RouteAlreadyExists", "The route identified by %s already exists.", to)
	}
	t.routes = append(t.routes, route{to, g.ID})
	return query.Success(), nil
}

func (s *Networks) deleteRoute(c *query.Call) (any, error) {
	t, to, err := s.readRoute(c)
	if err != nil {
		return nil, err
	}
	if err := c.DryRun(); err != nil {
		return nil, err
	}
	i := slices.IndexFunc(t.routes, func(r route) bool { return r.to == to })
	if i < 0 {
		return nil, api.Bad("InvalidRoute.NotFound", "no route with destination-cidr-block %s in route table %s", to, t.ID)
	}
	t.routes = slices.Delete(t.routes, i, i+1)
	return query.Success(), nil
}
