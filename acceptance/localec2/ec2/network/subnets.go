package network

import (
	"cmp"
	"fmt"
	"net/netip"
	"slices"
	"strconv"

	"github.com/unikernel-ami/packer-plugin-unikernel/acceptance/localec2/api"
	"github.com/unikernel-ami/packer-plugin-unikernel/acceptance/localec2/query"
	"github.com/unikernel-ami/packer-plugin-unikernel/acceptance/localec2/regions"
	"github.com/unikernel-ami/packer-plugin-unikernel/acceptance/localec2/resource"
)

// Subnet is a subnet of a VPC, in one zone.
type Subnet struct {
	resource.Common
	VPC       *VPC
	CIDR      netip.Prefix
	Zone      regions.Zone
	IsDefault bool
	MapPublic bool // instances get public addresses by default
}

func (s *Networks) subnetActions() map[string]query.Action {
	return map[string]query.Action{
		"DescribeSubnets": {Params: []string{"SubnetId", "Filter", "MaxResults", "NextToken"}, Run: s.describeSubnets},
		"CreateSubnet": {
			Params: []string{"VpcId", "CidrBlock", "AvailabilityZone", "AvailabilityZoneId", "TagSpecification"},
			Run:    s.createSubnet,
		},
		"DeleteSubnet":          {Params: []string{"SubnetId"}, Run: s.deleteSubnet},
		"ModifySubnetAttribute": {Params: []string{"SubnetId", "MapPublicIpOnLaunch"}, Run: s.modifySubnet},
	}
}

type describeSubnetsResponse struct {
	query.Response
	Subnets   []subnetItem `xml:"subnetSet>item"`
	NextToken string       `xml:"nextToken,omitempty"`
}

func (s *Networks) describeSubnets(c *query.Call) (any, error) {
	out := &describeSubnetsResponse{}
	var err error
	out.Subnets, out.NextToken, err = query.Describe(s.acct, c, subnetType, query.Paging{Min: 5, Max: 1000, IDs: "SubnetId"}, s.regions[c.Region].subnets, subnetFilters, s.newSubnetItem)
	return out, err
}

type createSubnetResponse struct {
	query.Response
	Subnet subnetItem `xml:"subnet"`
}

func (s *Networks) createSubnet(c *query.Call) (any, error) {
	n := s.regions[c.Region]
	v, err := query.FindNamed(s.acct, c, n.vpcs, vpcType, "VpcId")
	if err != nil {
		return nil, err
	}
	cidr, err := readCIDR(c, "InvalidSubnet.Range")
	if err != nil {
		return nil, err
	}
	if cidr.Bits() < v.cidr.Bits() || !v.cidr.Contains(cidr.Addr()) {
		return nil, api.Bad("InvalidSubnet.Range", "The CIDR '%s' is invalid.", cidr)
	}
	if slices.ContainsFunc(n.members(v), func(o *Subnet) bool { return o.CIDR.Overlaps(cidr) }) {
		return nil, api.Bad("InvalidSubnet.Conflict", "The CIDR '%s' conflicts with another subnet", cidr)
	}
	zone, err := readZone(c, c.Form)
	if err != nil {
		return nil, err
	}
	common, err := query.NewCommon(s.acct, c, subnetType)
	if err != nil {
		return nil, err
	}
	if err := c.DryRun(); err != nil {
		return nil, err
	}
	sub := &Subnet{Common: common, VPC: v, CIDR: cidr, Zone: zone}
	n.subnets[sub.ID] = sub
	c.Resource = sub.ID
	return &createSubnetResponse{Subnet: s.newSubnetItem(sub)}, nil
}

// readZone returns the requested zone. The default is the region's first; EC2
// picks any.
func readZone(c *query.Call, f *query.Form) (regions.Zone, error) {
	zones := regions.Zones(c.Region)
	name, id := f.Text("AvailabilityZone"), f.Text("AvailabilityZoneId")
	for _, z := range zones {
		if (name == "" || z.Name == name) && (id == "" || z.ID == id) {
			return z, nil
		}
	}
	return regions.Zone{}, api.Bad("InvalidParameterValue", "Value (%s) for parameter availabilityZone is invalid. Subnets can currently only be created in the following availability zones: %s to %s.",
		cmp.Or(name, id), zones[0].Name, zones[len(zones)-1].Name)
}

func (s *Networks) deleteSubnet(c *query.Call) (any, error) {
	n := s.regions[c.Region]
	sub, err := query.FindNamed(s.acct, c, n.subnets, subnetType, "SubnetId")
	if err != nil {
		return nil, err
	}
	if err := c.DryRun(); err != nil {
		return nil, err
	}
	if len(s.addressesIn(sub)) > 0 {
		return nil, api.Bad("DependencyViolation", "The subnet '%s' has dependencies and cannot be deleted.", sub.ID)
	}
	delete(n.subnets, sub.ID)
	return query.Success(), nil
}

// modifySubnet sets whether instances get a public address by default.
func (s *Networks) modifySubnet(c *query.Call) (any, error) {
	sub, err := query.FindNamed(s.acct, c, s.regions[c.Region].subnets, subnetType, "SubnetId")
	if err != nil {
		return nil, err
	}
	public, err := c.Form.At("MapPublicIpOnLaunch").Flag("Value", sub.MapPublic)
	if err != nil {
		return nil, err
	}
	if err := c.DryRun(); err != nil {
		return nil, err
	}
	sub.MapPublic = public
	return query.Success(), nil
}

// subnetItem is a subnet in DescribeSubnets.
type subnetItem struct {
	ID        string         `xml:"subnetId"`
	ARN       string         `xml:"subnetArn"`
	OwnerID   string         `xml:"ownerId"`
	State     string         `xml:"state"`
	VPC       string         `xml:"vpcId"`
	CIDR      string         `xml:"cidrBlock"`
	Free      int            `xml:"availableIpAddressCount"`
	Zone      string         `xml:"availabilityZone"`
	ZoneID    string         `xml:"availabilityZoneId"`
	IsDefault bool           `xml:"defaultForAz"`
	MapPublic bool           `xml:"mapPublicIpOnLaunch"`
	Tags      []resource.Tag `xml:"tagSet>item"`
}

func (i subnetItem) TagList() []resource.Tag { return i.Tags }

func (s *Networks) newSubnetItem(sub *Subnet) subnetItem {
	arn := fmt.Sprintf("arn:%s:ec2:%s:%s:subnet/%s", regions.Partition(sub.Zone.Region), sub.Zone.Region, s.acct.ID, sub.ID)
	free := 1<<(32-sub.CIDR.Bits()) - reservedFirst - 1 - len(s.addressesIn(sub))
	return subnetItem{
		sub.ID, arn, s.acct.ID, "available", sub.VPC.ID, sub.CIDR.String(), free,
		sub.Zone.Name, sub.Zone.ID, sub.IsDefault, sub.MapPublic, sub.Tags.List(),
	}
}

var subnetFilters = query.Filters[subnetItem]{
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
