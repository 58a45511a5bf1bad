// Package network implements Amazon VPC: VPCs, subnets, internet gateways,
// route tables, security groups, and the network interfaces of instances.
package network

import (
	"net/netip"
	"slices"

	"github.com/unikernel-ami/packer-plugin-unikernel/acceptance/localec2/account"
	"github.com/unikernel-ami/packer-plugin-unikernel/acceptance/localec2/api"
	"github.com/unikernel-ami/packer-plugin-unikernel/acceptance/localec2/query"
	"github.com/unikernel-ami/packer-plugin-unikernel/acceptance/localec2/regions"
	"github.com/unikernel-ami/packer-plugin-unikernel/acceptance/localec2/resource"
)

// Networks are the networks of all regions. The caller must hold EC2's lock.
type Networks struct {
	acct      *account.Account
	addresses netip.Prefix // range of public addresses
	regions   map[string]*network
}

// network has the networks of one region.
type network struct {
	vpcs       map[string]*VPC
	subnets    map[string]*Subnet
	gateways   map[string]*gateway
	routes     map[string]*routeTable
	groups     map[string]*Group
	interfaces map[string]*Interface
}

// New returns the networks of all regions with their default VPCs. Public
// addresses are taken from the given range.
func New(acct *account.Account, addresses netip.Prefix) *Networks {
	s := &Networks{acct, addresses, map[string]*network{}}
	for _, name := range regions.Names() {
		s.regions[name] = newNetwork(name, acct.ID)
	}
	return s
}

// Actions returns the actions on networks.
func (s *Networks) Actions() []map[string]query.Action {
	return []map[string]query.Action{
		s.vpcActions(), s.subnetActions(), s.gatewayActions(), s.routeActions(), s.groupActions(), s.permissionActions(), s.interfaceActions(),
	}
}

// The error codes are from the API reference.
var (
	vpcType        = resource.Type{Prefix: "vpc", Name: "vpc", Label: "vpc ID", NotFound: "InvalidVpcID.NotFound", Malformed: "InvalidVpcId.Malformed"}
	subnetType     = resource.Type{Prefix: "subnet", Name: "subnet", Label: "subnet ID", NotFound: "InvalidSubnetID.NotFound", Malformed: "InvalidSubnetId.Malformed"}
	gatewayType    = resource.Type{Prefix: "igw", Name: "internet-gateway", Label: "internetGateway ID", NotFound: "InvalidInternetGatewayID.NotFound", Malformed: "InvalidInternetGatewayId.Malformed"}
	routeTableType = resource.Type{Prefix: "rtb", Name: "route-table", Label: "routeTable ID", NotFound: "InvalidRouteTableID.NotFound", Malformed: "InvalidRouteTableId.Malformed"}
	groupType      = resource.Type{Prefix: "sg", Name: "security-group", Label: "security group", NotFound: "InvalidGroup.NotFound", Malformed: "InvalidGroupId.Malformed"}
)

// InterfaceType is the resource type of network interfaces.
var InterfaceType = resource.Type{Prefix: "eni", Name: "network-interface", Label: "networkInterface ID", NotFound: "InvalidNetworkInterfaceID.NotFound", Malformed: "InvalidNetworkInterfaceId.Malformed"}

// defaultVPC is the CIDR block of every default VPC. Its subnets, one for each
// zone, are /20 (Amazon VPC User Guide, "Default VPCs").
var defaultVPC = netip.MustParsePrefix("172.31.0.0/16")

const defaultSubnetBits = 20

// newNetwork returns a default VPC with its subnets, internet gateway, routes
// and security group.
func newNetwork(region, account string) *network {
	n := &network{
		map[string]*VPC{}, map[string]*Subnet{}, map[string]*gateway{}, map[string]*routeTable{}, map[string]*Group{}, map[string]*Interface{},
	}
	v := &VPC{Common: resource.Common{ID: resource.NewID("vpc-"), Tags: resource.TagSet{}}, cidr: defaultVPC, IsDefault: true}
	table := n.addVPC(v, account)
	g := &gateway{Common: resource.Common{ID: resource.NewID("igw-"), Tags: resource.TagSet{}}, vpc: v, isDefault: true}
	n.gateways[g.ID] = g
	table.routes = append(table.routes, route{anywhere, g.ID})
	base := v.cidr.Addr().As4()
	for i, zone := range regions.Zones(region) {
		base[2] = byte(i << (24 - defaultSubnetBits))
		sub := &Subnet{
			Common: resource.Common{ID: resource.NewID("subnet-"), Tags: resource.TagSet{}}, VPC: v, Zone: zone,
			CIDR: netip.PrefixFrom(netip.AddrFrom4(base), defaultSubnetBits), IsDefault: true, MapPublic: true,
		}
		n.subnets[sub.ID] = sub
	}
	return n
}

// addVPC adds a VPC with the parts that every VPC has: a main route table, and
// the security group "default", whose members may talk to each other and to
// everyone.
func (n *network) addVPC(v *VPC, account string) *routeTable {
	n.vpcs[v.ID] = v
	table := &routeTable{Common: resource.Common{ID: resource.NewID("rtb-"), Tags: resource.TagSet{}, Visible: v.Visible}, vpc: v, association: resource.NewID("rtbassoc-")}
	n.routes[table.ID] = table
	g := &Group{Common: resource.Common{ID: resource.NewID("sg-"), Tags: resource.TagSet{}, Visible: v.Visible}, VPC: v, Name: defaultGroup, description: "default VPC security group"}
	g.ingress = []rule{{id: resource.NewID("sgr-"), protocol: allProtocols, group: g.ID, owner: account}}
	g.egress = []rule{allowAll()}
	n.groups[g.ID] = g
	return table
}

// members returns the subnets of a VPC.
func (n *network) members(v *VPC) []*Subnet {
	var subnets []*Subnet
	for _, sub := range n.subnets {
		if sub.VPC == v {
			subnets = append(subnets, sub)
		}
	}
	slices.SortFunc(subnets, func(a, b *Subnet) int { return a.CIDR.Addr().Compare(b.CIDR.Addr()) })
	return subnets
}

// defaultVPC returns a region's default VPC.
func (n *network) defaultVPC() (*VPC, error) {
	for _, v := range n.vpcs {
		if v.IsDefault {
			return v, nil
		}
	}
	return nil, api.Bad("VPCIdNotSpecified", "No default VPC for this user")
}
