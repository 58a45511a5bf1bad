package instance

import (
	"strconv"
	"strings"

	"github.com/unikernel-ami/packer-plugin-unikernel/acceptance/localec2/ec2/network"
	"github.com/unikernel-ami/packer-plugin-unikernel/acceptance/localec2/query"
	"github.com/unikernel-ami/packer-plugin-unikernel/acceptance/localec2/resource"
)

func (s *Instances) instanceActions() map[string]query.Action {
	return map[string]query.Action{
		"DescribeInstances": {
			Params: []string{"InstanceId", "Filter", "MaxResults", "NextToken"},
			Run:    s.describeInstances,
		},
	}
}

// instancePages describes the pages of DescribeInstances.
var instancePages = query.Paging{Min: 5, Max: 1000, IDs: "InstanceId"}

type reservationItem struct {
	ID        string         `xml:"reservationId"`
	OwnerID   string         `xml:"ownerId"`
	Instances []instanceItem `xml:"instancesSet>item"`
}

type describeInstancesResponse struct {
	query.Response
	Reservations []reservationItem `xml:"reservationSet>item"`
	NextToken    string            `xml:"nextToken,omitempty"`
}

func (s *Instances) describeInstances(c *query.Call) (any, error) {
	s.forgetTerminated(c.Region)
	items, next, err := query.Describe(s.acct, c, Type, instancePages, s.regions[c.Region].instances, instanceFilters, s.newInstanceItem)
	if err != nil {
		return nil, err
	}
	out := &describeInstancesResponse{NextToken: next}
	at := map[string]int{}
	for _, item := range items {
		i, seen := at[item.reservation]
		if !seen {
			i = len(out.Reservations)
			at[item.reservation] = i
			out.Reservations = append(out.Reservations, reservationItem{ID: item.reservation, OwnerID: s.acct.ID})
		}
		out.Reservations[i].Instances = append(out.Reservations[i].Instances, item)
	}
	return out, nil
}

// instanceItem is an instance in DescribeInstances.
type instanceItem struct {
	ID             string                  `xml:"instanceId"`
	ImageID        string                  `xml:"imageId"`
	State          stateItem               `xml:"instanceState"`
	PrivateDNS     string                  `xml:"privateDnsName"`
	PublicDNS      string                  `xml:"dnsName"`
	Why            string                  `xml:"reason"`
	Reason         *stateReason            `xml:"stateReason"`
	Index          int                     `xml:"amiLaunchIndex"`
	Type           string                  `xml:"instanceType"`
	Launched       string                  `xml:"launchTime"`
	Placement      placementItem           `xml:"placement"`
	KernelID       string                  `xml:"kernelId,omitempty"`
	Monitoring     string                  `xml:"monitoring>state"`
	SubnetID       string                  `xml:"subnetId,omitempty"`
	VPCID          string                  `xml:"vpcId,omitempty"`
	PrivateIP      string                  `xml:"privateIpAddress,omitempty"`
	PublicIP       string                  `xml:"ipAddress,omitempty"`
	SourceCheck    bool                    `xml:"sourceDestCheck"`
	Groups         []network.GroupName     `xml:"groupSet>item"`
	Architecture   string                  `xml:"architecture"`
	RootDeviceType string                  `xml:"rootDeviceType"`
	RootDeviceName string                  `xml:"rootDeviceName"`
	Virtualization string                  `xml:"virtualizationType"`
	Hypervisor     string                  `xml:"hypervisor"`
	Lifecycle      string                  `xml:"instanceLifecycle,omitempty"`
	Token          string                  `xml:"clientToken"`
	Interfaces     []network.InterfaceItem `xml:"networkInterfaceSet>item"`
	Tags           []resource.Tag          `xml:"tagSet>item"`
	Profile        *profileItem            `xml:"iamInstanceProfile"`
	SpotRequest    string                  `xml:"spotInstanceRequestId,omitempty"`
	Devices        []attachedItem          `xml:"blockDeviceMapping>item"`
	EBSOptimized   bool                    `xml:"ebsOptimized"`
	Metadata       metadataItem            `xml:"metadataOptions"`

	reservation string
}

type stateItem struct {
	Code int    `xml:"code"`
	Name string `xml:"name"`
}

type profileItem struct {
	ARN string `xml:"arn"`
	ID  string `xml:"id"`
}

// attachedItem is a volume attached to an instance.
type attachedItem struct {
	Device   string `xml:"deviceName"`
	VolumeID string `xml:"ebs>volumeId"`
	Status   string `xml:"ebs>status"`
	Attached string `xml:"ebs>attachTime"`
	Delete   bool   `xml:"ebs>deleteOnTermination"`
}

type placementItem struct {
	Zone    string `xml:"availabilityZone"`
	Tenancy string `xml:"tenancy"`
}

func (i instanceItem) TagList() []resource.Tag { return i.Tags }

func (s *Instances) newInstanceItem(in *Instance) instanceItem {
	state := in.state(s.acct.Now())
	item := instanceItem{
		ID: in.ID, ImageID: in.image.ID, State: newStateItem(state), Why: in.why, Index: in.index,
		Type: in.typ.name, Launched: in.launched.UTC().Format(query.TimeFormat),
		Placement: placementItem{in.nic.Subnet.Zone.Name, in.tenancy}, KernelID: in.kernel, Monitoring: "disabled",
		Architecture: in.image.Architecture, RootDeviceType: "ebs", RootDeviceName: in.image.RootDevice,
		Virtualization: in.image.Virtualization, Hypervisor: "xen", Token: in.token, Tags: in.Tags.List(),
		reservation: in.reservation, EBSOptimized: in.ebsOptimized, Metadata: newMetadataItem(in.metadata),
	}
	if in.spot {
		// The id of the request has 8 characters, as EC2's do.
		item.Lifecycle, item.SpotRequest = "spot", "sir-"+in.suffix()[:8]
	}
	if in.profile != "" {
		item.Profile = &profileItem{s.profileARN(in.region, in.profile), "AIPA" + strings.ToUpper(in.suffix())}
	}
	if state == pending {
		item.Reason = &stateReason{pending, pending}
	} else if state != running {
		item.Reason = &in.reason
	}
	if state != terminated {
		item.Devices = []attachedItem{{in.image.RootDevice, "vol-" + in.suffix(), "attached", item.Launched, in.deletesRoot}}
		s.addNetwork(&item, in)
	}
	return item
}

func newStateItem(state string) stateItem { return stateItem{stateCodes[state], state} }

// addNetwork adds the network, which an instance has until it is terminated.
func (s *Instances) addNetwork(item *instanceItem, in *Instance) {
	nic := s.networks.Item(in.nic)
	item.Interfaces, item.Groups = []network.InterfaceItem{nic}, nic.Groups
	item.SubnetID, item.VPCID, item.SourceCheck, item.PrivateIP = nic.SubnetID, nic.VPCID, nic.SourceCheck, nic.PrivateIP
	domain := "." + in.region + ".compute.internal"
	if in.region == "us-east-1" {
		domain = ".ec2.internal" // names in the first region have no region
	}
	item.PrivateDNS = "ip-" + strings.ReplaceAll(item.PrivateIP, ".", "-") + domain
	if nic.Association != nil {
		item.PublicIP, item.PublicDNS = nic.Association.PublicIP, nic.Association.PublicDNS
	}
}

var instanceFilters = query.Filters[instanceItem]{
	"architecture":        func(i instanceItem) []string { return []string{i.Architecture} },
	"availability-zone":   func(i instanceItem) []string { return []string{i.Placement.Zone} },
	"client-token":        func(i instanceItem) []string { return query.Optional(i.Token) },
	"dns-name":            func(i instanceItem) []string { return query.Optional(i.PublicDNS) },
	"image-id":            func(i instanceItem) []string { return []string{i.ImageID} },
	"instance-id":         func(i instanceItem) []string { return []string{i.ID} },
	"instance-lifecycle":  func(i instanceItem) []string { return query.Optional(i.Lifecycle) },
	"instance-state-code": func(i instanceItem) []string { return []string{strconv.Itoa(i.State.Code)} },
	"instance-state-name": func(i instanceItem) []string { return []string{i.State.Name} },
	"instance-type":       func(i instanceItem) []string { return []string{i.Type} },
	"instance.group-id":   func(i instanceItem) []string { return groupNames(i, func(g network.GroupName) string { return g.ID }) },
	"instance.group-name": func(i instanceItem) []string {
		return groupNames(i, func(g network.GroupName) string { return g.Name })
	},
	"ip-address":  func(i instanceItem) []string { return query.Optional(i.PublicIP) },
	"kernel-id":   func(i instanceItem) []string { return query.Optional(i.KernelID) },
	"launch-time": func(i instanceItem) []string { return []string{i.Launched} },
	"network-interface.network-interface-id": func(i instanceItem) []string {
		var ids []string
		for _, card := range i.Interfaces {
			ids = append(ids, card.ID)
		}
		return ids
	},
	"private-dns-name":             func(i instanceItem) []string { return query.Optional(i.PrivateDNS) },
	"private-ip-address":           func(i instanceItem) []string { return query.Optional(i.PrivateIP) },
	"reservation-id":               func(i instanceItem) []string { return []string{i.reservation} },
	"root-device-name":             func(i instanceItem) []string { return []string{i.RootDeviceName} },
	"root-device-type":             func(i instanceItem) []string { return []string{i.RootDeviceType} },
	"tenancy":                      func(i instanceItem) []string { return []string{i.Placement.Tenancy} },
	"metadata-options.http-tokens": func(i instanceItem) []string { return []string{i.Metadata.Tokens} },
	"subnet-id":                    func(i instanceItem) []string { return query.Optional(i.SubnetID) },
	"virtualization-type":          func(i instanceItem) []string { return []string{i.Virtualization} },
	"vpc-id":                       func(i instanceItem) []string { return query.Optional(i.VPCID) },
}

func groupNames(i instanceItem, get func(network.GroupName) string) []string {
	var names []string
	for _, g := range i.Groups {
		names = append(names, get(g))
	}
	return names
}
