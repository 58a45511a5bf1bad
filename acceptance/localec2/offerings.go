package localec2

import "slices"

var offeringActions = map[string]action{
	"DescribeInstanceTypeOfferings": {
		params: []string{"LocationType", "Filter", "MaxResults", "NextToken"},
		run:    (*Server).describeOfferings,
	},
}

type offeringItem struct {
	Type         string `xml:"instanceType"`
	LocationType string `xml:"locationType"`
	Location     string `xml:"location"`
}

var offeringFilters = filterTable[offeringItem]{
	"instance-type": func(i offeringItem) []string { return []string{i.Type} },
	"location":      func(i offeringItem) []string { return []string{i.Location} },
}

type describeOfferingsResponse struct {
	response
	Offerings []offeringItem `xml:"instanceTypeOfferingSet>item"`
	NextToken string         `xml:"nextToken,omitempty"`
}

// describeOfferings lists where instance types are to be had: in every zone of
// a region that has them.
func (s *Server) describeOfferings(c *call) (any, error) {
	matches, err := offeringFilters.read(c.form)
	if err != nil {
		return nil, err
	}
	kind := orElse(c.form.text("LocationType"), "region")
	locations, err := locationsOf(c.region, kind)
	if err != nil {
		return nil, err
	}
	if err := dryRun(c); err != nil {
		return nil, err
	}
	var found []offeringItem
	for _, t := range instanceTypes {
		for _, location := range locations {
			if item := (offeringItem{t.name, kind, location}); t.offered(c.region) && matches(item) {
				found = append(found, item)
			}
		}
	}
	out := &describeOfferingsResponse{}
	out.Offerings, out.NextToken, err = page(s, c, paging{min: 5, max: 1000}, found, func(i offeringItem) string { return i.Type + " " + i.Location })
	return out, err
}

func locationsOf(region, kind string) ([]string, error) {
	var locations []string
	for _, z := range zonesOf(region) {
		switch kind {
		case "region":
			return []string{region}, nil
		case "availability-zone":
			locations = append(locations, z.Name)
		case "availability-zone-id":
			locations = append(locations, z.ID)
		default:
			return nil, bad("InvalidParameterValue", "Value (%s) for parameter locationType is invalid.", kind)
		}
	}
	slices.Sort(locations)
	return locations, nil
}
