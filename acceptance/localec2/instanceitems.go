package localec2

import (
	"fmt"
	"strconv"
	"strings"
)

// instanceItem is an instance as DescribeInstances shows it.
type instanceItem struct {
	ID             string          `xml:"instanceId"`
	ImageID        string          `xml:"imageId"`
	State          stateItem       `xml:"instanceState"`
	PrivateDNS     string          `xml:"privateDnsName"`
	PublicDNS      string          `xml:"dnsName"`
	Why            string          `xml:"reason"`
	Reason         *stateReason    `xml:"stateReason"`
	Index          int             `xml:"amiLaunchIndex"`
	Type           string          `xml:"instanceType"`
	Launched       string          `xml:"launchTime"`
	Placement      placementItem   `xml:"placement"`
	KernelID       string          `xml:"kernelId,omitempty"`
	Monitoring     string          `xml:"monitoring>state"`
	SubnetID       string          `xml:"subnetId,omitempty"`
	VPCID          string          `xml:"vpcId,omitempty"`
	PrivateIP      string          `xml:"privateIpAddress,omitempty"`
	PublicIP       string          `xml:"ipAddress,omitempty"`
	SourceCheck    bool            `xml:"sourceDestCheck"`
	Groups         []groupName     `xml:"groupSet>item"`
	Architecture   string          `xml:"architecture"`
	RootDeviceType string          `xml:"rootDeviceType"`
	RootDeviceName string          `xml:"rootDeviceName"`
	Virtualization string          `xml:"virtualizationType"`
	Hypervisor     string          `xml:"hypervisor"`
	Lifecycle      string          `xml:"instanceLifecycle,omitempty"`
	Token          string          `xml:"clientToken"`
	Interfaces     []interfaceItem `xml:"networkInterfaceSet>item"`
	Tags           []tag           `xml:"tagSet>item"`
	Profile        *profileItem    `xml:"iamInstanceProfile"`
	SpotRequest    string          `xml:"spotInstanceRequestId,omitempty"`
	Devices        []attachedItem  `xml:"blockDeviceMapping>item"`

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

// attachedItem is a volume of an instance.
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

type groupName struct {
	ID   string `xml:"groupId"`
	Name string `xml:"groupName"`
}

// interfaceItem is the instance's one network interface.
type interfaceItem struct {
	ID          string           `xml:"networkInterfaceId"`
	SubnetID    string           `xml:"subnetId"`
	VPCID       string           `xml:"vpcId"`
	OwnerID     string           `xml:"ownerId"`
	Status      string           `xml:"status"`
	MAC         string           `xml:"macAddress"`
	PrivateIP   string           `xml:"privateIpAddress"`
	SourceCheck bool             `xml:"sourceDestCheck"`
	Groups      []groupName      `xml:"groupSet>item"`
	Association *associationInfo `xml:"association"`
}

type associationInfo struct {
	PublicIP  string `xml:"publicIp"`
	PublicDNS string `xml:"publicDnsName"`
	OwnerID   string `xml:"ipOwnerId"`
}

func (i instanceItem) tagList() []tag { return i.Tags }

func (s *Server) newInstanceItem(in *instance) instanceItem {
	state := in.state(s.opts.Now())
	item := instanceItem{
		ID: in.id, ImageID: in.image.id, State: newStateItem(state), Why: in.why, Index: in.index,
		Type: in.kind.name, Launched: in.launched.UTC().Format(ec2Time),
		Placement: placementItem{in.subnet.zone.Name, "default"}, KernelID: in.kernel, Monitoring: "disabled",
		Architecture: in.image.architecture, RootDeviceType: "ebs", RootDeviceName: in.image.rootDevice,
		Virtualization: in.image.virtualization, Hypervisor: "xen", Token: in.token, Tags: in.tags.tagList(),
		reservation: in.reservation,
	}
	if in.spot {
		// The request's id is as long as EC2's: 8 characters.
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
		item.Devices = []attachedItem{{in.image.rootDevice, "vol-" + in.suffix(), "attached", item.Launched, in.deletesRoot}}
		s.addNetwork(&item, in)
	}
	return item
}

// suffix is what the ids of an instance and of its parts share.
func (in *instance) suffix() string { return strings.TrimPrefix(in.id, "i-") }

func newStateItem(state string) stateItem { return stateItem{stateCodes[state], state} }

// addNetwork adds what an instance has until it is terminated.
func (s *Server) addNetwork(item *instanceItem, in *instance) {
	for _, g := range in.groups {
		item.Groups = append(item.Groups, groupName{g.id, g.name})
	}
	item.SubnetID, item.VPCID, item.SourceCheck = in.subnet.id, in.subnet.vpc.id, true
	item.PrivateIP = in.private.String()
	domain := "." + in.region + ".compute.internal"
	if in.region == "us-east-1" {
		domain = ".ec2.internal" // the first region's names have none in them
	}
	item.PrivateDNS = "ip-" + strings.ReplaceAll(item.PrivateIP, ".", "-") + domain
	card := interfaceItem{
		"eni-" + in.suffix(), in.subnet.id, in.subnet.vpc.id, s.opts.Account, "in-use",
		guestMAC, item.PrivateIP, true, item.Groups, nil,
	}
	if in.public != nil {
		// The name is the address: localec2 has no name server.
		item.PublicIP = in.public.String()
		item.PublicDNS = item.PublicIP
		card.Association = &associationInfo{item.PublicIP, item.PublicDNS, "amazon"}
	}
	item.Interfaces = []interfaceItem{card}
}

// guestMAC is the address of every guest's card: each is alone on its network.
const guestMAC = "00:16:3e:00:00:01"

var instanceFilters = filterTable[instanceItem]{
	"architecture":        func(i instanceItem) []string { return []string{i.Architecture} },
	"availability-zone":   func(i instanceItem) []string { return []string{i.Placement.Zone} },
	"client-token":        func(i instanceItem) []string { return optional(i.Token) },
	"dns-name":            func(i instanceItem) []string { return optional(i.PublicDNS) },
	"image-id":            func(i instanceItem) []string { return []string{i.ImageID} },
	"instance-id":         func(i instanceItem) []string { return []string{i.ID} },
	"instance-lifecycle":  func(i instanceItem) []string { return optional(i.Lifecycle) },
	"instance-state-code": func(i instanceItem) []string { return []string{strconv.Itoa(i.State.Code)} },
	"instance-state-name": func(i instanceItem) []string { return []string{i.State.Name} },
	"instance-type":       func(i instanceItem) []string { return []string{i.Type} },
	"instance.group-id":   func(i instanceItem) []string { return groupNames(i, func(g groupName) string { return g.ID }) },
	"instance.group-name": func(i instanceItem) []string { return groupNames(i, func(g groupName) string { return g.Name }) },
	"ip-address":          func(i instanceItem) []string { return optional(i.PublicIP) },
	"kernel-id":           func(i instanceItem) []string { return optional(i.KernelID) },
	"launch-time":         func(i instanceItem) []string { return []string{i.Launched} },
	"network-interface.network-interface-id": func(i instanceItem) []string {
		var ids []string
		for _, card := range i.Interfaces {
			ids = append(ids, card.ID)
		}
		return ids
	},
	"private-dns-name":    func(i instanceItem) []string { return optional(i.PrivateDNS) },
	"private-ip-address":  func(i instanceItem) []string { return optional(i.PrivateIP) },
	"reservation-id":      func(i instanceItem) []string { return []string{i.reservation} },
	"root-device-name":    func(i instanceItem) []string { return []string{i.RootDeviceName} },
	"root-device-type":    func(i instanceItem) []string { return []string{i.RootDeviceType} },
	"subnet-id":           func(i instanceItem) []string { return optional(i.SubnetID) },
	"virtualization-type": func(i instanceItem) []string { return []string{i.Virtualization} },
	"vpc-id":              func(i instanceItem) []string { return optional(i.VPCID) },
}

func groupNames(i instanceItem, get func(groupName) string) []string {
	var names []string
	for _, g := range i.Groups {
		names = append(names, get(g))
	}
	return names
}

// userReason words a change of state that a call asked for.
func (s *Server) userReason(in *instance) {
	in.why = fmt.Sprintf("User initiated (%s)", s.opts.Now().UTC().Format("2006-01-02 15:04:05 GMT"))
	in.reason = stateReason{"Client.UserInitiatedShutdown", "Client.UserInitiatedShutdown: User initiated shutdown"}
}
