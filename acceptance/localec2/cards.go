package localec2

var cardActions = map[string]action{
	"DescribeNetworkInterfaces": {params: []string{"NetworkInterfaceId", "Filter", "MaxResults", "NextToken"}, run: (*Server).describeCards},
}

// card is the network interface of an instance: there are no others.
type card struct {
	owned
	of *instance
}

// cardItem is a network interface as DescribeNetworkInterfaces shows it.
type cardItem struct {
	interfaceItem
	Zone       string         `xml:"availabilityZone"`
	Type       string         `xml:"interfaceType"`
	Attachment cardAttachment `xml:"attachment"`
	Tags       []tag          `xml:"tagSet>item"`
}

type cardAttachment struct {
	ID       string `xml:"attachmentId"`
	Instance string `xml:"instanceId"`
	OwnerID  string `xml:"instanceOwnerId"`
	Index    int    `xml:"deviceIndex"`
	Status   string `xml:"status"`
	Attached string `xml:"attachTime"`
	Delete   bool   `xml:"deleteOnTermination"`
}

func (i cardItem) tagList() []tag { return i.Tags }

var cardFilters = filterTable[cardItem]{
	"association.public-ip":           func(i cardItem) []string { return optional(i.publicIP()) },
	"attachment.instance-id":          func(i cardItem) []string { return []string{i.Attachment.Instance} },
	"attachment.status":               func(i cardItem) []string { return []string{i.Attachment.Status} },
	"availability-zone":               func(i cardItem) []string { return []string{i.Zone} },
	"group-id":                        func(i cardItem) []string { return i.groups(func(g groupName) string { return g.ID }) },
	"group-name":                      func(i cardItem) []string { return i.groups(func(g groupName) string { return g.Name }) },
	"network-interface-id":            func(i cardItem) []string { return []string{i.ID} },
	"owner-id":                        func(i cardItem) []string { return []string{i.OwnerID} },
	"private-ip-address":              func(i cardItem) []string { return []string{i.PrivateIP} },
	"addresses.association.public-ip": func(i cardItem) []string { return optional(i.publicIP()) },
	"status":                          func(i cardItem) []string { return []string{i.Status} },
	"subnet-id":                       func(i cardItem) []string { return []string{i.SubnetID} },
	"vpc-id":                          func(i cardItem) []string { return []string{i.VPCID} },
}

func (i cardItem) publicIP() string {
	if i.Association == nil {
		return ""
	}
	return i.Association.PublicIP
}

func (i cardItem) groups(get func(groupName) string) []string {
	var names []string
	for _, g := range i.Groups {
		names = append(names, get(g))
	}
	return names
}

type describeCardsResponse struct {
	response
	Cards     []cardItem `xml:"networkInterfaceSet>item"`
	NextToken string     `xml:"nextToken,omitempty"`
}

// describeCards shows the network interfaces of instances that have not ended.
func (s *Server) describeCards(c *call) (any, error) {
	cards := map[string]*card{}
	for _, in := range s.regions[c.region].instances {
		if in.state(s.opts.Now()) != terminated {
			id := "eni-" + in.suffix()
			cards[id] = &card{owned{id, in.cardTags, in.visible}, in}
		}
	}
	out := &describeCardsResponse{}
	var err error
	out.Cards, out.NextToken, err = described(s, c, cardKind, paging{5, 1000, "NetworkInterfaceId"}, cards, cardFilters, s.newCardItem)
	return out, err
}

func (s *Server) newCardItem(c *card) cardItem {
	var shown instanceItem
	s.addNetwork(&shown, c.of)
	return cardItem{
		shown.Interfaces[0], c.of.subnet.zone.Name, "interface",
		cardAttachment{"eni-attach-" + c.of.suffix(), c.of.id, s.opts.Account, 0, "attached", c.of.launched.UTC().Format(ec2Time), true},
		c.tags.tagList(),
	}
}
