package instance

import (
	"cmp"
	"slices"
	"strconv"
	"strings"

	"github.com/unikernel-ami/packer-plugin-unikernel/acceptance/localec2/api"
	"github.com/unikernel-ami/packer-plugin-unikernel/acceptance/localec2/query"
	"github.com/unikernel-ami/packer-plugin-unikernel/acceptance/localec2/regions"
)

// instanceType is an instance type, with sizes from AWS's pages on current and
// previous generation instances.
type instanceType struct {
	name          string
	vcpus         int
	memoryMiB     int
	architectures string // separated by spaces
	pv            bool   // runs paravirtual images
	hvm           bool   // runs HVM images
	previous      bool   // of the previous generation
}

// instanceTypes are all types that run paravirtual images (families C1, C3, M1,
// M2, M3 and T1; AWS's page "AMI types and characteristics"), and some that run
// only HVM images, on Xen and on Nitro.
var instanceTypes = []instanceType{
	{"c1.medium", 2, 1740, "i386 x86_64", true, false, true},
	{"c1.xlarge", 8, 7168, "x86_64", true, false, true},
	{"c3.2xlarge", 8, 15360, "x86_64", true, true, true},
	{"c3.4xlarge", 16, 30720, "x86_64", true, true, true},
	{"c3.8xlarge", 32, 61440, "x86_64", true, true, true},
	{"c3.large", 2, 3840, "i386 x86_64", true, true, true},
	{"c3.xlarge", 4, 7680, "x86_64", true, true, true},
	{"c4.large", 2, 3840, "x86_64", false, true, false},
	{"i3.large", 2, 15616, "x86_64", false, true, false},
	{"m1.large", 2, 7680, "x86_64", true, false, true},
	{"m1.medium", 1, 3788, "i386 x86_64", true, false, true},
	{"m1.small", 1, 1740, "i386 x86_64", true, false, true},
	{"m1.xlarge", 4, 15360, "x86_64", true, false, true},
	{"m2.2xlarge", 4, 35020, "x86_64", true, false, true},
	{"m2.4xlarge", 8, 70041, "x86_64", true, false, true},
	{"m2.xlarge", 2, 17510, "x86_64", true, false, true},
	{"m3.2xlarge", 8, 30720, "x86_64", true, true, true},
	{"m3.large", 2, 7680, "x86_64", true, true, true},
	{"m3.medium", 1, 3840, "x86_64", true, true, true},
	{"m3.xlarge", 4, 15360, "x86_64", true, true, true},
	{"m4.large", 2, 8192, "x86_64", false, true, false},
	{"m5.large", 2, 8192, "x86_64", false, true, false},
	{"r4.large", 2, 15616, "x86_64", false, true, false},
	{"t1.micro", 1, 627, "i386 x86_64", true, false, true},
	{"t2.medium", 2, 4096, "i386 x86_64", false, true, false},
	{"t2.micro", 1, 1024, "i386 x86_64", false, true, false},
	{"t2.nano", 1, 512, "i386 x86_64", false, true, false},
	{"t2.small", 1, 2048, "i386 x86_64", false, true, false},
	{"t3.micro", 2, 1024, "x86_64", false, true, false},
}

// offered reports whether a region has the type. Regions without paravirtual
// instances have none of the previous generation. Frankfurt, which opened in
// 2014, has only its last families, M3 and C3.
func (t instanceType) offered(in string) bool {
	if !t.previous {
		return true
	}
	return regions.PV(in) && (in != "eu-central-1" || strings.Contains(t.name, "3."))
}

func (t instanceType) virtualization() []string {
	var types []string
	if t.hvm {
		types = append(types, "hvm")
	}
	if t.pv {
		types = append(types, "paravirtual")
	}
	return types
}

func (t instanceType) hypervisor() string {
	if t.name == "m5.large" || t.name == "t3.micro" {
		return "nitro"
	}
	return "xen"
}

// encryption reports whether EBS volumes of the type can be encrypted. Of the
// previous generation, only the last families can be (Amazon EBS User Guide,
// "Supported instance types").
func (t instanceType) encryption() string {
	if t.previous && !strings.Contains(t.name, "3.") {
		return "unsupported"
	}
	return "supported"
}

func (s *Instances) instanceTypeActions() map[string]query.Action {
	return map[string]query.Action{
		"DescribeInstanceTypes": {
			Params: []string{"InstanceType", "Filter", "MaxResults", "NextToken"},
			Run:    s.describeInstanceTypes,
		},
	}
}

var instanceTypeFilters = query.Filters[instanceType]{
	"bare-metal":                            func(instanceType) []string { return []string{"false"} },
	"supported-root-device-type":            func(instanceType) []string { return rootDeviceTypes },
	"supported-usage-class":                 func(instanceType) []string { return usageClasses },
	"current-generation":                    func(t instanceType) []string { return []string{strconv.FormatBool(!t.previous)} },
	"ebs-info.encryption-support":           func(t instanceType) []string { return []string{t.encryption()} },
	"hypervisor":                            func(t instanceType) []string { return []string{t.hypervisor()} },
	"ebs-info.ebs-optimized-support":        func(t instanceType) []string { return []string{t.ebsOptimized()} },
	"instance-type":                         func(t instanceType) []string { return []string{t.name} },
	"memory-info.size-in-mib":               func(t instanceType) []string { return []string{strconv.Itoa(t.memoryMiB)} },
	"processor-info.supported-architecture": func(t instanceType) []string { return strings.Fields(t.architectures) },
	"supported-virtualization-type":         func(t instanceType) []string { return t.virtualization() },
	"vcpu-info.default-vcpus":               func(t instanceType) []string { return []string{strconv.Itoa(t.vcpus)} },
}

// Values that all types have in common here.
var (
	rootDeviceTypes = []string{"ebs"}
	usageClasses    = []string{"on-demand", "spot"}
)

type instanceTypeItem struct {
	Name              string   `xml:"instanceType"`
	CurrentGeneration bool     `xml:"currentGeneration"`
	Virtualization    []string `xml:"supportedVirtualizationTypes>item"`
	BareMetal         bool     `xml:"bareMetal"`
	Hypervisor        string   `xml:"hypervisor"`
	Architectures     []string `xml:"processorInfo>supportedArchitectures>item"`
	VCPUs             int      `xml:"vCpuInfo>defaultVCpus"`
	MemoryMiB         int      `xml:"memoryInfo>sizeInMiB"`
	RootDevices       []string `xml:"supportedRootDeviceTypes>item"`
	UsageClasses      []string `xml:"supportedUsageClasses>item"`
	Encryption        string   `xml:"ebsInfo>encryptionSupport"`
	EBSOptimized      string   `xml:"ebsInfo>ebsOptimizedSupport"`
}

type describeInstanceTypesResponse struct {
	query.Response
	Types     []instanceTypeItem `xml:"instanceTypeSet>item"`
	NextToken string             `xml:"nextToken,omitempty"`
}

// instanceTypePages describes the pages of DescribeInstanceTypes.
var instanceTypePages = query.Paging{Min: 5, Max: 100, IDs: "InstanceType"}

func (s *Instances) describeInstanceTypes(c *query.Call) (any, error) {
	if err := c.DryRun(); err != nil {
		return nil, err
	}
	matches, err := instanceTypeFilters.Read(c.Form)
	if err != nil {
		return nil, err
	}
	names := c.Form.Texts("InstanceType")
	var found []instanceType
	for _, t := range instanceTypes {
		if t.offered(c.Region) && (len(names) == 0 || slices.Contains(names, t.name)) {
			found = append(found, t)
		}
	}
	for _, name := range names {
		if !slices.ContainsFunc(found, func(t instanceType) bool { return t.name == name }) {
			return nil, api.Bad("InvalidInstanceType", "The following supplied instance types do not exist: [%s]", name)
		}
	}
	found = slices.DeleteFunc(found, func(t instanceType) bool { return !matches(t) })
	found, next, err := query.Page(s.acct, c, instanceTypePages, found, func(t instanceType) string { return t.name })
	if err != nil {
		return nil, err
	}
	out := &describeInstanceTypesResponse{NextToken: next}
	for _, t := range found {
		out.Types = append(out.Types, instanceTypeItem{
			t.name, !t.previous, t.virtualization(), false, t.hypervisor(),
			strings.Fields(t.architectures), t.vcpus, t.memoryMiB, rootDeviceTypes, usageClasses, t.encryption(), t.ebsOptimized(),
		})
	}
	return out, nil
}

func (s *Instances) offeringActions() map[string]query.Action {
	return map[string]query.Action{
		"DescribeInstanceTypeOfferings": {
			Params: []string{"LocationType", "Filter", "MaxResults", "NextToken"},
			Run:    s.describeOfferings,
		},
	}
}

type offeringItem struct {
	Type         string `xml:"instanceType"`
	LocationType string `xml:"locationType"`
	Location     string `xml:"location"`
}

var offeringFilters = query.Filters[offeringItem]{
	"instance-type": func(i offeringItem) []string { return []string{i.Type} },
	"location":      func(i offeringItem) []string { return []string{i.Location} },
}

type describeOfferingsResponse struct {
	query.Response
	Offerings []offeringItem `xml:"instanceTypeOfferingSet>item"`
	NextToken string         `xml:"nextToken,omitempty"`
}

// describeOfferings lists the locations of instance types: every zone of a
// region that has them.
func (s *Instances) describeOfferings(c *query.Call) (any, error) {
	matches, err := offeringFilters.Read(c.Form)
	if err != nil {
		return nil, err
	}
	locationType := cmp.Or(c.Form.Text("LocationType"), "region")
	locations, err := locationsOf(c.Region, locationType)
	if err != nil {
		return nil, err
	}
	if err := c.DryRun(); err != nil {
		return nil, err
	}
	var found []offeringItem
	for _, t := range instanceTypes {
		for _, location := range locations {
			if item := (offeringItem{t.name, locationType, location}); t.offered(c.Region) && matches(item) {
				found = append(found, item)
			}
		}
	}
	out := &describeOfferingsResponse{}
	out.Offerings, out.NextToken, err = query.Page(s.acct, c, query.Paging{Min: 5, Max: 1000}, found, func(i offeringItem) string { return i.Type + " " + i.Location })
	return out, err
}

func locationsOf(region, locationType string) ([]string, error) {
	var locations []string
	for _, z := range regions.Zones(region) {
		switch locationType {
		case "region":
			return []string{region}, nil
		case "availability-zone":
			locations = append(locations, z.Name)
		case "availability-zone-id":
			locations = append(locations, z.ID)
		default:
			return nil, api.Bad("InvalidParameterValue", "Value (%s) for parameter locationType is invalid.", locationType)
		}
	}
	slices.Sort(locations)
	return locations, nil
}
