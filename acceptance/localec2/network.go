package localec2

import (
	"fmt"
	"net/netip"
	"slices"
	"strconv"
)

// network is what exists of Amazon VPC in a region.
type network struct {
	vpcs     map[string]*vpc
	subnets  map[string]*subnet
	gateways map[string]*gateway
	routes   map[string]*routeTable
	groups   map[string]*group
}

type vpc struct {
	owned
	cidr      netip.Prefix
	isDefault bool
}

type subnet struct {
	owned
	vpc       *vpc
	cidr      netip.Prefix
	zone      zoneItem
	isDefault bool
	mapPublic bool
}

// defaultVPC is the CIDR of every default VPC, whose subnets, one for each
// zone, are /20 (Amazon VPC User Guide, "Default VPCs").
var defaultVPC = netip.MustParsePrefix("172.31.0.0/16")

const defaultSubnetBits = 20

// newNetwork makes a region's default VPC with its subnets, internet gateway,
// routes and group.
func newNetwork(region, account string) *network {
	n := &network{map[string]*vpc{}, map[string]*subnet{}, map[string]*gateway{}, map[string]*routeTable{}, map[string]*group{}}
	v := &vpc{owned: owned{id: newID("vpc-"), tags: tagSet{}}, cidr: defaultVPC, isDefault: true}
	table := n.addVPC(v, account)
	g := &gateway{owned: owned{id: newID("igw-"), tags: tagSet{}}, vpc: v, isDefault: true}
	n.gateways[g.id] = g
	table.routes = append(table.routes, route{anywhere, g.id})
	base := v.cidr.Addr().As4()
	for i, zone := range zonesOf(region) {
		base[2] = byte(i << (24 - defaultSubnetBits))
		sub := &subnet{
			owned: owned{id: newID("subnet-"), tags: tagSet{}}, vpc: v, zone: zone,
			cidr: netip.PrefixFrom(netip.AddrFrom4(base), defaultSubnetBits), isDefault: true, mapPublic: true,
		}
		n.subnets[sub.id] = sub
	}
	return n
}

// addVPC adds a VPC with what each has from its start: a main route table and
// the group "default", whose members may talk to each other and to all.
func (n *network) addVPC(v *vpc, account string) *routeTable {
	n.vpcs[v.id] = v
	table := &routeTable{owned: owned{newID("rtb-"), tagSet{}, v.visible}, vpc: v, association: newID("rtbassoc-")}
	n.routes[table.id] = table
	g := &group{owned: owned{newID("sg-"), tagSet{}, v.visible}, vpc: v, name: defaultGroup, description: "default VPC security group"}
	g.ingress = []rule{{id: newID("sgr-"), protocol: allProtocols, group: g.id, owner: account}}
	g.egress = []rule{allowAll()}
	n.groups[g.id] = g
	return table
}

// members are the subnets of a VPC.
func (n *network) members(v *vpc) []*subnet {
	var subnets []*subnet
	for _, sub := range n.subnets {
		if sub.vpc == v {
			subnets = append(subnets, sub)
		}
	}
	slices.SortFunc(subnets, func(a, b *subnet) int { return a.cidr.Addr().Compare(b.cidr.Addr()) })
	return subnets
}

// defaultVPC returns a region's default VPC.
func (n *network) defaultVPC() (*vpc, error) {
	for _, v := range n.vpcs {
		if v.isDefault {
			return v, nil
		}
	}
	return nil, bad("VPCIdNotSpecified", "No default VPC for this user")
}

// readCIDR reads the block of a VPC or subnet, which EC2 brings into its
// canonical form. Both are /16 to /28.
func readCIDR(c *call, code string) (netip.Prefix, error) {
	text, err := c.form.need("CidrBlock")
	if err != nil {
		return netip.Prefix{}, err
	}
	p, err := netip.ParsePrefix(text)
	if err != nil || !p.Addr().Is4() {
		return p, bad("InvalidParameterValue", "Value (%s) for parameter cidrBlock is invalid. This is not a valid CIDR block.", text)
	}
	if p.Bits() < 16 || p.Bits() > 28 {
		return p, bad(code, "The CIDR '%s' is invalid.", text)
	}
	return p.Masked(), nil
}

// vpcItem is a VPC as DescribeVpcs shows it.
type vpcItem struct {
	ID        string `xml:"vpcId"`
	OwnerID   string `xml:"ownerId"`
	State     string `xml:"state"`
	CIDR      string `xml:"cidrBlock"`
	Tenancy   string `xml:"instanceTenancy"`
	IsDefault bool   `xml:"isDefault"`
	Tags      []tag  `xml:"tagSet>item"`
}

func (i vpcItem) tagList() []tag { return i.Tags }

func (s *Server) newVPCItem(v *vpc) vpcItem {
	return vpcItem{v.id, s.opts.Account, "available", v.cidr.String(), "default", v.isDefault, v.tags.tagList()}
}

// subnetItem is a subnet as DescribeSubnets shows it.
type subnetItem struct {
	ID        string `xml:"subnetId"`
	ARN       string `xml:"subnetArn"`
	OwnerID   string `xml:"ownerId"`
	State     string `xml:"state"`
	VPC       string `xml:"vpcId"`
	CIDR      string `xml:"cidrBlock"`
	Free      int    `xml:"availableIpAddressCount"`
	Zone      string `xml:"availabilityZone"`
	ZoneID    string `xml:"availabilityZoneId"`
	IsDefault bool   `xml:"defaultForAz"`
	MapPublic bool   `xml:"mapPublicIpOnLaunch"`
	Tags      []tag  `xml:"tagSet>item"`
}

func (i subnetItem) tagList() []tag { return i.Tags }

func (s *Server) newSubnetItem(sub *subnet) subnetItem {
	arn := fmt.Sprintf("arn:%s:ec2:%s:%s:subnet/%s", regions[sub.zone.Region].partition, sub.zone.Region, s.opts.Account, sub.id)
	free := 1<<(32-sub.cidr.Bits()) - reservedFirst - 1 - len(s.addressesIn(sub))
	return subnetItem{
		sub.id, arn, s.opts.Account, "available", sub.vpc.id, sub.cidr.String(), free,
		sub.zone.Name, sub.zone.ID, sub.isDefault, sub.mapPublic, sub.tags.tagList(),
	}
}

var vpcFilters = filterTable[vpcItem]{
	"cidr-block-association.cidr-block": func(i vpcItem) []string { return []string{i.CIDR} },
	"cidr":                              func(i vpcItem) []string { return []string{i.CIDR} },
	"is-default":                        func(i vpcItem) []string { return []string{strconv.FormatBool(i.IsDefault)} },
	"isDefault":                         func(i vpcItem) []string { return []string{strconv.FormatBool(i.IsDefault)} },
	"owner-id":                          func(i vpcItem) []string { return []string{i.OwnerID} },
	"state":                             func(i vpcItem) []string { return []string{i.State} },
	"vpc-id":                            func(i vpcItem) []string { return []string{i.ID} },
}

var subnetFilters = filterTable[subnetItem]{
	"availability-zone":          func(i subnetItem) []string { return []string{i.Zone} },
	"availability-zone-id":       func(i subnetItem) []string { return []string{i.ZoneID} },
	"available-ip-address-count": func(i subnetItem) []string { return []string{strconv.Itoa(i.Free)} },
	"availabilityZone":           func(i subnetItem) []string { return []string{i.Zone} },
	"cidr":                       func(i subnetItem) []string { return []string{i.CIDR} },
	"cidr-block":                 func(i subnetItem) []string { return []string{i.CIDR} },
	"cidrBlock":                  func(i subnetItem) []string { return []string{i.CIDR} },
	"default-for-az":             func(i subnetItem) []string { return []string{strconv.FormatBool(i.IsDefault)} },
	"defaultForAz":               func(i subnetItem) []string { return []string{strconv.FormatBool(i.IsDefault)} },
	"map-public-ip-on-launch":    func(i subnetItem) []string { return []string{strconv.FormatBool(i.MapPublic)} },
	"owner-id":                   func(i subnetItem) []string { return []string{i.OwnerID} },
	"state":                      func(i subnetItem) []string { return []string{i.State} },
	"subnet-arn":                 func(i subnetItem) []string { return []string{i.ARN} },
	"subnet-id":                  func(i subnetItem) []string { return []string{i.ID} },
	"vpc-id":                     func(i subnetItem) []string { return []string{i.VPC} },
}
