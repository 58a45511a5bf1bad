package localec2

import (
	"slices"
	"strconv"
	"strings"
)

// instanceType is what the server knows of an instance type. Sizes are those
// of AWS's pages on previous and current generation instances.
type instanceType struct {
	name          string
	vcpus         int
	memoryMiB     int
	architectures string // separated by blanks
	pv            bool   // runs paravirtual images
	hvm           bool   // runs HVM images
	previous      bool   // of the previous generation
}

// instanceTypes are all types that run paravirtual images (families C1, C3, M1,
// M2, M3 and T1; AWS's page "AMI types and characteristics"), and three that
// don't, of Xen and of Nitro.
var instanceTypes = []instanceType{
	{"c1.medium", 2, 1740, "i386 x86_64", true, false, true},
	{"c1.xlarge", 8, 7168, "x86_64", true, false, true},
	{"c3.2xlarge", 8, 15360, "x86_64", true, true, true},
	{"c3.4xlarge", 16, 30720, "x86_64", true, true, true},
	{"c3.8xlarge", 32, 61440, "x86_64", true, true, true},
	{"c3.large", 2, 3840, "i386 x86_64", true, true, true},
	{"c3.xlarge", 4, 7680, "x86_64", true, true, true},
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
	{"m5.large", 2, 8192, "x86_64", false, true, false},
	{"t1.micro", 1, 627, "i386 x86_64", true, false, true},
	{"t2.micro", 1, 1024, "i386 x86_64", false, true, false},
	{"t3.micro", 2, 1024, "x86_64", false, true, false},
}

// offered tells whether a region has a type. Regions without paravirtual
// instances have none of the previous generation; Frankfurt, opened in 2014,
// has only its last families, M3 and C3.
func (t instanceType) offered(in string) bool {
	if !t.previous {
		return true
	}
	return regions[in].pv && (in != "eu-central-1" || strings.Contains(t.name, "3."))
}

func (t instanceType) virtualization() []string {
	var kinds []string
	if t.hvm {
		kinds = append(kinds, "hvm")
	}
	if t.pv {
		kinds = append(kinds, "paravirtual")
	}
	return kinds
}

func (t instanceType) hypervisor() string {
	if t.name == "m5.large" || t.name == "t3.micro" {
		return "nitro"
	}
	return "xen"
}

var instanceTypeActions = map[string]action{
	"DescribeInstanceTypes": {
		params: []string{"InstanceType", "Filter", "MaxResults", "NextToken"},
		run:    (*Server).describeInstanceTypes,
	},
}

var instanceTypeFilters = filterTable[instanceType]{
	"bare-metal":                            func(instanceType) []string { return []string{"false"} },
	"supported-root-device-type":            func(instanceType) []string { return rootDeviceTypes },
	"supported-usage-class":                 func(instanceType) []string { return usageClasses },
	"current-generation":                    func(t instanceType) []string { return []string{strconv.FormatBool(!t.previous)} },
	"hypervisor":                            func(t instanceType) []string { return []string{t.hypervisor()} },
	"instance-type":                         func(t instanceType) []string { return []string{t.name} },
	"memory-info.size-in-mib":               func(t instanceType) []string { return []string{strconv.Itoa(t.memoryMiB)} },
	"processor-info.supported-architecture": func(t instanceType) []string { return strings.Fields(t.architectures) },
	"supported-virtualization-type":         func(t instanceType) []string { return t.virtualization() },
	"vcpu-info.default-vcpus":               func(t instanceType) []string { return []string{strconv.Itoa(t.vcpus)} },
}

// What all types have in common here.
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
}

type describeInstanceTypesResponse struct {
	response
	Types     []instanceTypeItem `xml:"instanceTypeSet>item"`
	NextToken string             `xml:"nextToken,omitempty"`
}

// instanceTypePages are the bounds of DescribeInstanceTypes' MaxResults.
var instanceTypePages = paging{min: 5, max: 100, ids: "InstanceType"}

func (s *Server) describeInstanceTypes(c *call) (any, error) {
	if err := dryRun(c); err != nil {
		return nil, err
	}
	matches, err := instanceTypeFilters.read(c.form)
	if err != nil {
		return nil, err
	}
	names := c.form.texts("InstanceType")
	var found []instanceType
	for _, t := range instanceTypes {
		if t.offered(c.region) && (len(names) == 0 || slices.Contains(names, t.name)) {
			found = append(found, t)
		}
	}
	for _, name := range names {
		if !slices.ContainsFunc(found, func(t instanceType) bool { return t.name == name }) {
			return nil, bad("InvalidInstanceType", "The following supplied instance types do not exist: [%s]", name)
		}
	}
	found = slices.DeleteFunc(found, func(t instanceType) bool { return !matches(t) })
	found, next, err := page(s, c, instanceTypePages, found, func(t instanceType) string { return t.name })
	if err != nil {
		return nil, err
	}
	out := &describeInstanceTypesResponse{NextToken: next}
	for _, t := range found {
		out.Types = append(out.Types, instanceTypeItem{
			t.name, !t.previous, t.virtualization(), false, t.hypervisor(),
			strings.Fields(t.architectures), t.vcpus, t.memoryMiB, rootDeviceTypes, usageClasses,
		})
	}
	return out, nil
}
