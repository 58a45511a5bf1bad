package network

import (
	"net/netip"
	"strings"
	"time"

	"github.com/unikernel-ami/packer-plugin-unikernel/acceptance/localec2/query"
	"github.com/unikernel-ami/packer-plugin-unikernel/acceptance/localec2/resource"
)

func (s *Networks) interfaceActions() map[string]query.Action {
	return map[string]query.Action{
		"DescribeNetworkInterfaces": {Params: []string{"NetworkInterfaceId", "Filter", "MaxResults", "NextToken"}, Run: s.describeInterfaces},
	}
}

// Interface is the network interface of an instance. There are no others.
type Interface struct {
	resource.Common
	Subnet   *Subnet
	Groups   []*Group
	Private  netip.Addr
	Public   *PublicAddress // nil if it has none, or if the instance is stopped
	Instance string         // id of the instance
	Attached time.Time
	Gone     time.Time // when the instance is terminated, zero if unknown
}

// Attach adds the interface of a new instance.
func (s *Networks) Attach(region string, i *Interface) { s.regions[region].interfaces[i.ID] = i }

// Forget removes the interface of an instance that callers no longer see.
func (s *Networks) Forget(region string, i *Interface) { delete(s.regions[region].interfaces, i.ID) }

// exists reports whether the interface's instance has not been terminated.
func (i *Interface) exists(now time.Time) bool { return i.Gone.IsZero() || now.Before(i.Gone) }

// inUse reports whether an existing interface in a region matches.
func (s *Networks) inUse(region string, is func(*Interface) bool) bool {
	for _, i := range s.regions[region].interfaces {
		if i.exists(s.acct.Now()) && is(i) {
			return true
		}
	}
	return false
}

// suffix is the common part of the ids of an instance and its parts.
func (i *Interface) suffix() string { return strings.TrimPrefix(i.ID, InterfaceType.Prefix+"-") }

// Routed reports whether an interface can be reached from the internet.
func (s *Networks) Routed(region string, i *Interface) bool {
	return s.regions[region].isPublic(i.Subnet.VPC)
}

// GuestMAC is the MAC address of every guest. Each is alone in its network.
const GuestMAC = "00:16:3e:00:00:01"

// InterfaceItem is a network interface in all descriptions.
type InterfaceItem struct {
	ID          string           `xml:"networkInterfaceId"`
	SubnetID    string           `xml:"subnetId"`
	VPCID       string           `xml:"vpcId"`
	OwnerID     string           `xml:"ownerId"`
	Status      string           `xml:"status"`
	MAC         string           `xml:"macAddress"`
	PrivateIP   string           `xml:"privateIpAddress"`
	SourceCheck bool             `xml:"sourceDestCheck"`
	Groups      []GroupName      `xml:"groupSet>item"`
	Association *AssociationItem `xml:"association"`
}

// GroupName is the id and name of a security group.
type GroupName struct {
	ID   string `xml:"groupId"`
	Name string `xml:"groupName"`
}

// AssociationItem is the public address of an interface.
type AssociationItem struct {
	PublicIP  string `xml:"publicIp"`
	PublicDNS string `xml:"publicDnsName"`
	OwnerID   string `xml:"ipOwnerId"`
}

// Item describes an interface.
func (s *Networks) Item(i *Interface) InterfaceItem {
	item := InterfaceItem{
		ID: i.ID, SubnetID: i.Subnet.ID, VPCID: i.Subnet.VPC.ID, OwnerID: s.acct.ID, Status: "in-use",
		MAC: GuestMAC, PrivateIP: i.Private.String(), SourceCheck: true,
	}
	for _, g := range i.Groups {
		item.Groups = append(item.Groups, GroupName{g.ID, g.Name})
	}
	if i.Public != nil {
		// The name is the address: there is no name server.
		item.Association = &AssociationItem{i.Public.String(), i.Public.String(), "amazon"}
	}
	return item
}

// describedItem is an interface in DescribeNetworkInterfaces.
type describedItem struct {
	InterfaceItem
	Zone       string           `xml:"availabilityZone"`
	Type       string           `xml:"interfaceType"`
	Attachment attachedInstance `xml:"attachment"`
	Tags       []resource.Tag   `xml:"tagSet>item"`
}

type attachedInstance struct {
	ID       string `xml:"attachmentId"`
	Instance string `xml:"instanceId"`
	OwnerID  string `xml:"instanceOwnerId"`
	Index    int    `xml:"deviceIndex"`
	Status   string `xml:"status"`
	Attached string `xml:"attachTime"`
	Delete   bool   `xml:"deleteOnTermination"`
}

func (i describedItem) TagList() []resource.Tag { return i.Tags }

var interfaceFilters = query.Filters[describedItem]{
	"association.public-ip":           func(i describedItem) []string { return query.Optional(i.publicIP()) },
	"attachment.instance-id":          func(i describedItem) []string { return []string{i.Attachment.Instance} },
	"attachment.status":               func(i describedItem) []string { return []string{i.Attachment.Status} },
	"availability-zone":               func(i describedItem) []string { return []string{i.Zone} },
	"group-id":                        func(i describedItem) []string { return i.groups(func(g GroupName) string { return g.ID }) },
	"group-name":                      func(i describedItem) []string { return i.groups(func(g GroupName) string { return g.Name }) },
	"network-interface-id":            func(i describedItem) []string { return []string{i.ID} },
	"owner-id":                        func(i describedItem) []string { return []string{i.OwnerID} },
	"private-ip-address":              func(i describedItem) []string { return []string{i.PrivateIP} },
	"addresses.association.public-ip": func(i describedItem) []string { return query.Optional(i.publicIP()) },
	"status":                          func(i describedItem) []string { return []string{i.Status} },
	"subnet-id":                       func(i describedItem) []string { return []string{i.SubnetID} },
	"vpc-id":                          func(i describedItem) []string { return []string{i.VPCID} },
}

func (i describedItem) publicIP() string {
	if i.Association == nil {
		return ""
	}
	return i.Association.PublicIP
}

func (i describedItem) groups(get func(GroupName) string) []string {
	var names []string
	for _, g := range i.Groups {
		names = append(names, get(g))
	}
	return names
}

type describeInterfacesResponse struct {
	query.Response
	Interfaces []describedItem `xml:"networkInterfaceSet>item"`
	NextToken  string          `xml:"nextToken,omitempty"`
}

// describeInterfaces describes the interfaces of instances that are not
// terminated.
func (s *Networks) describeInterfaces(c *query.Call) (any, error) {
	existing := map[string]*Interface{}
	for id, i := range s.regions[c.Region].interfaces {
		if i.exists(s.acct.Now()) {
			existing[id] = i
		}
	}
	out := &describeInterfacesResponse{}
	var err error
	out.Interfaces, out.NextToken, err = query.Describe(s.acct, c, InterfaceType, query.Paging{Min: 5, Max: 1000, IDs: "NetworkInterfaceId"}, existing, interfaceFilters, s.newDescribedItem)
	return out, err
}

func (s *Networks) newDescribedItem(i *Interface) describedItem {
	return describedItem{
		s.Item(i), i.Subnet.Zone.Name, "interface",
		attachedInstance{"eni-attach-" + i.suffix(), i.Instance, s.acct.ID, 0, "attached", i.Attached.UTC().Format(query.TimeFormat), true},
		i.Tags.List(),
	}
}
