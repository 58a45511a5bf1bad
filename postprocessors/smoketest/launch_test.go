package smoketest

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
	"github.com/google/go-cmp/cmp"

	"github.com/unikernel-ami/packer-plugin-unikernel/internal/cloud"
	"github.com/unikernel-ami/packer-plugin-unikernel/internal/instance"
)

// keyValues is a block that is repeated, as HCL hands it on.
func keyValues(of ...string) []block {
	var list []block
	for _, text := range of {
		key, value, _ := strings.Cut(text, "=")
		list = append(list, block{"key": key, "value": value})
	}
	return list
}

func nameValue(name, value string) []block { return []block{{"name": name, "value": value}} }

// Each option ends in the request, under each of its names.
func TestLaunchOptions(t *testing.T) {
	userData := filepath.Join(t.TempDir(), "user-data")
	if err := os.WriteFile(userData, []byte("hello"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		name    string
		options block
		want    instance.Request
	}{
		{"nothing", block{}, instance.Request{}},
		{"one type", block{"instance_type": "m1.small"}, instance.Request{InstanceTypes: []string{"m1.small"}}},
		{"types", block{"instance_types": []string{"m1.small", "t1.micro"}}, instance.Request{InstanceTypes: []string{"m1.small", "t1.micro"}}},
		{"types as spot instances", block{"spot_instance_types": []string{"m1.small"}, "spot_tags": block{"a": "b"}, "spot_tag": keyValues("c=d")},
			instance.Request{InstanceTypes: []string{"m1.small"}, SpotPrice: "auto", SpotTags: map[string]string{"a": "b", "c": "d"}}},
		{"types as spot instances, with a price", block{"spot_instance_types": []string{"m1.small"}, "spot_price": "0.02"}, instance.Request{InstanceTypes: []string{"m1.small"}, SpotPrice: "0.02"}},
		{"one group", block{"security_group_id": "sg-01234567"}, instance.Request{SecurityGroupIDs: []string{"sg-01234567"}}},
		{"filters", block{
			"security_group_filter": block{"filters": block{"tag:Class": "web"}}, "vpc_filter": block{"filter": nameValue("tag:Class", "test")},
			"subnet_filter": block{"filters": block{"tag:Class": "test"}, "filter": nameValue("tag:Zone", "a"), "random": true},
		}, instance.Request{
			SecurityGroupFilter: map[string]string{"tag:Class": "web"}, VPCFilter: map[string]string{"tag:Class": "test"},
			SubnetFilter: map[string]string{"tag:Class": "test", "tag:Zone": "a"}, RandomSubnet: true,
		}},
		{"the subnet with the most free addresses", block{"subnet_filter": block{"filters": block{"tag:Class": "test"}, "most_free": true}}, instance.Request{SubnetFilter: map[string]string{"tag:Class": "test"}}},
		{"tags", block{"run_tags": block{"a": "b"}, "run_tag": keyValues("c=d", "e=")}, instance.Request{Tags: map[string]string{"a": "b", "c": "d", "e": ""}}},
		{"the source", block{"temporary_security_group_source_public_ip": true}, instance.Request{SourcePublicIP: true}},
		{"the older name of address", block{"ssh_interface": "private_dns"}, instance.Request{Reach: instance.ReachPrivate}},
		{"metadata", block{"metadata_options": block{"http_endpoint": "enabled", "http_tokens": "required", "http_put_response_hop_limit": 2, "instance_metadata_tags": "enabled"}},
			instance.Request{Metadata: instance.Metadata{Endpoint: "enabled", Tokens: "required", HopLimit: 2, Tags: "enabled"}}},
		{"the host", block{"placement": block{"tenancy": "host", "host_id": "h-01234567", "affinity": "host"}}, instance.Request{Placement: instance.Placement{Tenancy: "host", HostID: "h-01234567", Affinity: "host"}}},
		{"the older name of tenancy", block{"tenancy": "dedicated", "ebs_optimized": true}, instance.Request{Placement: instance.Placement{Tenancy: "dedicated"}, EBSOptimized: true}},
		{"user data", block{"user_data_file": userData}, instance.Request{UserData: []byte("hello")}},
	} {
		t.Run(test.name, func(t *testing.T) {
			var c Config
			test.options["icmp"] = []block{{}}
			for range 2 { // as Packer does
				if err := c.Prepare(test.options); err != nil {
					t.Fatal(err)
				}
			}
			got, err := c.request()
			if len(got.UserData) == 0 {
				got.UserData = nil
			}
			if diff := cmp.Diff(test.want, got); diff != "" || err != nil {
				t.Errorf("error %v; %s", err, diff)
			}
		})
	}
}

// All contradictions are shown at once, without asking AWS.
func TestLaunchOptionsInConflict(t *testing.T) {
	for _, test := range []struct {
		name    string
		options block
		want    []string
	}{
		{"types and groups", block{
			"instance_type": "m1.small", "instance_types": []string{"t1.micro"}, "security_group_id": "sg-01234567", "security_group_ids": []string{"sg-01234567"},
			"address": "public_ip", "ssh_interface": "private_ip", "tenancy": "default", "placement": block{"tenancy": "dedicated"},
			"subnet_filter": block{"filters": block{"a": "b"}, "most_free": true, "random": true}, "subnet_id": "subnet-01234567",
		}, []string{
			"instance_type and instance_types are both set", "security_group_id and security_group_ids are both set", "address and ssh_interface are both set: remove ssh_interface",
			"placement.tenancy and tenancy are both set: remove tenancy", "most_free and random of subnet_filter are both set", "subnet_id and subnet_filter are both set",
		}},
		{"spot instances", block{"spot_instance_types": []string{"m1.small"}, "spot_price": "0"}, []string{"spot_price is 0, which requests an On-Demand Instance"}},
		{"spot instances twice", block{"spot_instance_types": []string{"m1.small"}, "instance_type": "m1.small"}, []string{"instance_type and spot_instance_types are both set"}},
		{"tags of no spot instance", block{"spot_tags": block{"a": "b"}}, []string{"spot_tags are set, but no Spot Instance is requested: set spot_price"}},
		{"a spot instance on a host", block{"spot_price": "auto", "placement": block{"host_id": "h-01234567"}}, []string{"spot_price is set, but Spot Instances can't run on a Dedicated Host"}},
		{"two hosts", block{"placement": block{"host_id": "h1", "host_resource_group_arn": "mine", "tenancy": "default", "affinity": "close"}},
			[]string{"host_id and host_resource_group_arn are both set", `host_id is "h1"`, `host_resource_group_arn is "mine"`, `tenancy is "default", but a Dedicated Host`, `affinity is "close": use default or host`}},
		{"metadata", block{"metadata_options": block{"http_endpoint": "on", "http_tokens": "v2", "http_put_response_hop_limit": 100000, "instance_metadata_tags": "enabled"}, "run_tags": block{"a b": "c"}},
			[]string{`http_endpoint is "on": use enabled or disabled`, `http_tokens is "v2": use optional or required`, "http_put_response_hop_limit is", `run_tags has the key "a b", which the metadata service can't show`}},
		{"hops", block{"metadata_options": block{"http_put_response_hop_limit": -1}}, []string{"http_put_response_hop_limit is -1: it must be 1 to 64"}},
		{"sources", block{"temporary_security_group_source_cidrs": []string{"10.0.0.0/8"}, "temporary_security_group_source_public_ip": true},
			[]string{"temporary_security_group_source_cidrs and temporary_security_group_source_public_ip are both set"}},
		{"a source without a temporary group", block{"security_group_id": "sg-01234567", "temporary_security_group_source_public_ip": true}, []string{"there is no temporary security group"}},
		{"the source for IPv6", block{"address": "ipv6", "temporary_security_group_source_public_ip": true}, []string{`finds an IPv4 address, but address is "ipv6"`}},
		{"groups by id and filter", block{"security_group_ids": []string{"sg-01234567"}, "security_group_filter": block{"filters": block{"a": "b"}}}, []string{"security_group_filter and security_group_ids are both set"}},
		{"a filter of nothing", block{"subnet_filter": block{"random": true}}, []string{"subnet_filter has no filters"}},
		{"no public address", block{"associate_public_ip_address": false, "address": "public_dns"}, []string{"associate_public_ip_address is false, but address is \"public_dns\""}},
		{"an agent", block{"ssh_interface": "session_manager"}, []string{"a unikernel has no Session Manager agent"}},
		{"a tag twice", block{"run_tags": block{"a": "b"}, "run_tag": keyValues("a=c")}, []string{`run_tag: the key "a" is set twice, here or in run_tags`}},
		{"a filter twice", block{"vpc_filter": block{"filters": block{"a": "b"}, "filter": nameValue("a", "c")}}, []string{`vpc_filter.filter: the key "a" is set twice`}},
	} {
		t.Run(test.name, func(t *testing.T) {
			test.options["icmp"] = []block{{}}
			err := new(Config).Prepare(test.options)
			for _, want := range test.want {
				if err == nil || !strings.Contains(err.Error(), want) {
					t.Errorf("%q is not in: %v", want, err)
				}
			}
		})
	}
}

// A whole test with the options that reach EC2, in an account that requires IMDSv2.
func TestLaunchWithAllOptions(t *testing.T) {
	c := newCloud(t)
	for _, variable := range c.server.Env() {
		key, value, _ := strings.Cut(variable, "=")
		t.Setenv(key, value)
	}
	session, err := cloud.Connect(t.Context(), cloud.Options{Region: "us-east-1"})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := session.EC2.ModifyInstanceMetadataDefaults(t.Context(), &ec2.ModifyInstanceMetadataDefaultsInput{HttpTokensEnforced: types.DefaultHttpTokensEnforcedStateEnabled}); err != nil {
		t.Fatal(err)
	}
	err = c.test(t.Context(), t, block{"instance_type": "m1.small"})
	if err == nil || !strings.Contains(err.Error(), `(IMDSv2): set http_tokens to "required"`) {
		t.Errorf("without http_tokens: %v", err)
	}
	err = c.test(t.Context(), t, block{
		"spot_instance_types": []string{"m1.large"}, "ebs_optimized": true, "tenancy": "dedicated", "spot_tag": keyValues("Pool=a"), "run_tag": keyValues("Team=web"),
		"metadata_options":                          block{"http_tokens": "required", "instance_metadata_tags": "enabled"},
		"temporary_security_group_source_public_ip": true, "ssh_interface": "public_ip",
	})
	if err != nil {
		t.Error(err)
	}
	c.nothingLeft(t)
}
