package localec2

import (
	"maps"
	"slices"
	"strings"
)

// region is what the server knows of an AWS region.
type region struct {
	partition string
	place     string // as in a zone group's long name
	zones     string // the letters of its availability zones
	zoneID    string // the prefix of its zones' ids
	pv        bool   // runs paravirtual instances
	optIn     bool   // needs opting in, and the account has not done so
}

// regions are the regions that calls may be signed for. Paravirtual regions are
// the nine of AWS's page on virtualization types (2018 to 2023), and the two
// outside the commercial partition that have PV-GRUB kernels and, by the page
// or by AWS Config's rule on paravirtual instances, ran them.
var regions = map[string]region{
	"us-east-1":      {"aws", "US East (N. Virginia)", "abcdef", "use1", true, false},
	"us-east-2":      {"aws", "US East (Ohio)", "abc", "use2", false, false},
	"us-west-1":      {"aws", "US West (N. California)", "ac", "usw1", true, false},
	"us-west-2":      {"aws", "US West (Oregon)", "abcd", "usw2", true, false},
	"ca-central-1":   {"aws", "Canada (Central)", "abd", "cac1", false, false},
	"sa-east-1":      {"aws", "South America (Sao Paulo)", "abc", "sae1", true, false},
	"eu-central-1":   {"aws", "Europe (Frankfurt)", "abc", "euc1", true, false},
	"eu-north-1":     {"aws", "Europe (Stockholm)", "abc", "eun1", false, false},
	"eu-west-1":      {"aws", "Europe (Ireland)", "abc", "euw1", true, false},
	"eu-west-2":      {"aws", "Europe (London)", "abc", "euw2", false, false},
	"eu-west-3":      {"aws", "Europe (Paris)", "abc", "euw3", false, false},
	"ap-northeast-1": {"aws", "Asia Pacific (Tokyo)", "acd", "apne1", true, false},
	"ap-northeast-2": {"aws", "Asia Pacific (Seoul)", "abcd", "apne2", false, false},
	"ap-northeast-3": {"aws", "Asia Pacific (Osaka)", "abc", "apne3", false, false},
	"ap-south-1":     {"aws", "Asia Pacific (Mumbai)", "abc", "aps1", false, false},
	"ap-southeast-1": {"aws", "Asia Pacific (Singapore)", "abc", "apse1", true, false},
	"ap-southeast-2": {"aws", "Asia Pacific (Sydney)", "abc", "apse2", true, false},
	"af-south-1":     {"aws", "Africa (Cape Town)", "abc", "afs1", false, true},
	"ap-east-1":      {"aws", "Asia Pacific (Hong Kong)", "abc", "ape1", false, true},
	"eu-south-1":     {"aws", "Europe (Milan)", "abc", "eus1", false, true},
	"me-south-1":     {"aws", "Middle East (Bahrain)", "abc", "mes1", false, true},
	"us-gov-west-1":  {"aws-us-gov", "AWS GovCloud (US-West)", "abc", "usgw1", true, false},
	"us-gov-east-1":  {"aws-us-gov", "AWS GovCloud (US-East)", "abc", "usge1", false, false},
	"cn-north-1":     {"aws-cn", "China (Beijing)", "abd", "cnn1", true, false},
	"cn-northwest-1": {"aws-cn", "China (Ningxia)", "abc", "cnnw1", false, false},
}

var regionActions = map[string]action{
	"DescribeRegions": {
		params: []string{"RegionName", "Filter", "AllRegions"},
		run:    (*Server).describeRegions,
	},
	"DescribeAvailabilityZones": {
		params: []string{"ZoneName", "ZoneId", "Filter", "AllAvailabilityZones"},
		run:    (*Server).describeZones,
	},
}

type regionItem struct {
	Name     string `xml:"regionName"`
	Endpoint string `xml:"regionEndpoint"`
	OptIn    string `xml:"optInStatus"`
}

var regionFilters = filterTable[regionItem]{
	"endpoint":      func(r regionItem) []string { return []string{r.Endpoint} },
	"opt-in-status": func(r regionItem) []string { return []string{r.OptIn} },
	"region-name":   func(r regionItem) []string { return []string{r.Name} },
}

type describeRegionsResponse struct {
	response
	Regions []regionItem `xml:"regionInfo>item"`
}

func (s *Server) describeRegions(c *call) (any, error) {
	if err := dryRun(c); err != nil {
		return nil, err
	}
	all, err := c.form.flag("AllRegions", false)
	if err != nil {
		return nil, err
	}
	matches, err := regionFilters.read(c.form)
	if err != nil {
		return nil, err
	}
	names := c.form.texts("RegionName")
	for _, name := range names {
		if regions[name].partition != regions[c.region].partition {
			return nil, bad("InvalidParameterValue", "Invalid region names provided: %s", name)
		}
	}
	out := &describeRegionsResponse{}
	for _, name := range slices.Sorted(maps.Keys(regions)) {
		if regions[name].partition != regions[c.region].partition {
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
	if regions[name].partition == "aws-cn" {
		item.Endpoint += ".cn"
	}
	if regions[name].optIn {
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

var zoneFilters = filterTable[zoneItem]{
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
	response
	Zones []zoneItem `xml:"availabilityZoneInfo>item"`
}

func (s *Server) describeZones(c *call) (any, error) {
	if err := dryRun(c); err != nil {
		return nil, err
	}
	matches, err := zoneFilters.read(c.form)
	if err != nil {
		return nil, err
	}
	zones := zonesOf(c.region)
	names, ids := c.form.texts("ZoneName"), c.form.texts("ZoneId")
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
			return bad("InvalidParameterValue", "Invalid availability %s: [%s]", what, w)
		}
	}
	return nil
}

func zonesOf(name string) []zoneItem {
	r := regions[name]
	var zones []zoneItem
	for letter := range strings.SplitSeq(r.zones, "") {
		zones = append(zones, zoneItem{
			Name: name + letter, ID: r.zoneID + "-az" + string('1'+letter[0]-'a'), State: "available", Region: name,
			OptIn: "opt-in-not-required", Group: name + "-zg-1", GroupLongName: r.place + " 1", Border: name, Type: "availability-zone",
		})
	}
	return zones
}
