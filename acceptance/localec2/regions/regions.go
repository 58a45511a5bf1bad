// Package regions holds the AWS regions that the server knows: facts only.
package regions

import (
	"maps"
	"slices"
	"strings"
)

// Region is what the server knows of an AWS region.
type Region struct {
	Partition string
	Place     string // the part of a zone group's long name before its number
	letters   string // of its availability zones
	zoneID    string // the prefix of its zones' ids
	PV        bool   // runs paravirtual instances
	OptIn     bool   // needs opting in, and the account has not done so
}

// Zone is an availability zone.
type Zone struct{ Name, ID, Region string }

// table holds the regions that calls may be signed for. Paravirtual regions are
// the nine of AWS's page on virtualization types (2018 to 2023), and the two
// outside the commercial partition that have PV-GRUB kernels and, by the page
// or by AWS Config's rule on paravirtual instances, ran them.
var table = map[string]Region{
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

// Lookup returns a region by its name.
func Lookup(name string) (Region, bool) {
	r, known := table[name]
	return r, known
}

// Names lists all regions, sorted.
func Names() []string { return slices.Sorted(maps.Keys(table)) }

// Partition returns a region's partition, empty if there is no such region.
func Partition(name string) string { return table[name].Partition }

// PV reports whether a region runs paravirtual instances.
func PV(name string) bool { return table[name].PV }

// Zones lists a region's availability zones, sorted by name.
func Zones(name string) []Zone {
	r := table[name]
	var zones []Zone
	for letter := range strings.SplitSeq(r.letters, "") {
		zones = append(zones, Zone{Name: name + letter, ID: r.zoneID + "-az" + string('1'+letter[0]-'a'), Region: name})
	}
	return zones
}
