package ec2

import (
	"slices"

	"github.com/unikernel-ami/packer-plugin-unikernel/acceptance/localec2/api"
	"github.com/unikernel-ami/packer-plugin-unikernel/acceptance/localec2/query"
	"github.com/unikernel-ami/packer-plugin-unikernel/acceptance/localec2/regions"
)

func (s *Service) regionActions() map[string]query.Action {
	return map[string]query.Action{
		"DescribeRegions": {
			Params: []string{"RegionName", "Filter", "AllRegions"},
			Run:    s.describeRegions,
		},
		"DescribeAvailabilityZones": {
			Params: []string{"ZoneName", "ZoneId", "Filter", "AllAvailabilityZones"},
			Run:    s.describeZones,
		},
	}
}

type regionItem struct {
	Name     string `xml:"regionName"`
	Endpoint string `xml:"regionEndpoint"`
	OptIn    string `xml:"optInStatus"`
}

var regionFilters = query.Filters[regionItem]{
	"endpoint":      func(r regionItem) []string { return []string{r.Endpoint} },
	"opt-in-status": func(r regionItem) []string { return []string{r.OptIn} },
	"region-name":   func(r regionItem) []string { return []string{r.Name} },
}

type describeRegionsResponse struct {
	query.Response
	Regions []regionItem `xml:"regionInfo>item"`
}

func (s *Service) describeRegions(c *query.Call) (any, error) {
	if err := c.DryRun(); err != nil {
		return nil, err
	}
	all, err := c.Form.Flag("AllRegions", false)
	if err != nil {
		return nil, err
	}
	matches, err := regionFilters.Read(c.Form)
	if err != nil {
		return nil, err
	}
	names := c.Form.Texts("RegionName")
	for _, name := range names {
		if regions.Partition(name) != regions.Partition(c.Region) {
			return nil, api.Bad("InvalidParameterValue", "Invalid region names provided: %s", name)
		}
	}
	out := &describeRegionsResponse{}
	for _, name := range regions.Names() {
		if regions.Partition(name) != regions.Partition(c.Region) {
			continue
		}
		item := newRegionItem(name)
		wanted := slices.Contains(names, name) || len(names) == 0 && (all || item.OptIn != "not-opted-in")
		if wanted && matches(item) {
			out.Regions = append(out.Regions, item)
		}
	}
	return out, nil
}

func newRegionItem(name string) regionItem {
	item := regionItem{Name: name, Endpoint: "ec2." + name + ".amazonaws.com", OptIn: "opt-in-not-required"}
	if regions.Partition(name) == "aws-cn" {
		item.Endpoint += ".cn"
	}
	if r, _ := regions.Lookup(name); r.OptIn {
		item.OptIn = "not-opted-in"
	}
	return item
}

type zoneItem struct {
	Name          string `xml:"zoneName"`
	ID            string `xml:"zoneId"`
	State         string `xml:"zoneState"`
	Region        string `xml:"regionName"`
	OptIn         string `xml:"optInStatus"`
	Group         string `xml:"groupName"`
	GroupLongName string `xml:"groupLongName"`
	Border        string `xml:"networkBorderGroup"`
	Type          string `xml:"zoneType"`
	Messages      string `xml:"messageSet"`
}

var zoneFilters = query.Filters[zoneItem]{
	"group-long-name":  func(z zoneItem) []string { return []string{z.GroupLongName} },
	"group-name":       func(z zoneItem) []string { return []string{z.Group} },
	"message":          func(zoneItem) []string { return nil },
	"opt-in-status":    func(z zoneItem) []string { return []string{z.OptIn} },
	"parent-zone-id":   func(zoneItem) []string { return nil },
	"parent-zone-name": func(zoneItem) []string { return nil },
	"region-name":      func(z zoneItem) []string { return []string{z.Region} },
	"state":            func(z zoneItem) []string { return []string{z.State} },
	"zone-id":          func(z zoneItem) []string { return []string{z.ID} },
	"zone-name":        func(z zoneItem) []string { return []string{z.Name} },
	"zone-type":        func(z zoneItem) []string { return []string{z.Type} },
}

type describeZonesResponse struct {
	query.Response
	Zones []zoneItem `xml:"availabilityZoneInfo>item"`
}

func (s *Service) describeZones(c *query.Call) (any, error) {
	if err := c.DryRun(); err != nil {
		return nil, err
	}
	matches, err := zoneFilters.Read(c.Form)
	if err != nil {
		return nil, err
	}
	zones := zoneItems(c.Region)
	names, ids := c.Form.Texts("ZoneName"), c.Form.Texts("ZoneId")
	if err := allKnown("zone", names, zones, func(z zoneItem) string { return z.Name }); err != nil {
		return nil, err
	}
	if err := allKnown("zone-id", ids, zones, func(z zoneItem) string { return z.ID }); err != nil {
		return nil, err
	}
	out := &describeZonesResponse{}
	for _, z := range zones {
		named := len(names)+len(ids) == 0 || slices.Contains(names, z.Name) || slices.Contains(ids, z.ID)
		if named && matches(z) {
			out.Zones = append(out.Zones, z)
		}
	}
	return out, nil
}

func allKnown(what string, wanted []string, zones []zoneItem, key func(zoneItem) string) error {
	for _, w := range wanted {
		if !slices.ContainsFunc(zones, func(z zoneItem) bool { return key(z) == w }) {
			return api.Bad("InvalidParameterValue", "Invalid availability %s: [%s]", what, w)
		}
	}
	return nil
}

// zoneItems describes the zones of a region.
func zoneItems(name string) []zoneItem {
	r, _ := regions.Lookup(name)
	var items []zoneItem
	for _, z := range regions.Zones(name) {
		items = append(items, zoneItem{
			Name: z.Name, ID: z.ID, State: "available", Region: name,
			OptIn: "opt-in-not-required", Group: name + "-zg-1", GroupLongName: r.Place + " 1", Border: name, Type: "availability-zone",
		})
	}
	return items
}
