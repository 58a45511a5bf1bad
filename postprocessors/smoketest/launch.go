//go:generate packer-sdc struct-markdown

package smoketest

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/hashicorp/packer-plugin-sdk/template/config"

	"github.com/unikernel-ami/packer-plugin-unikernel/internal/instance"
)

// Launch holds the options of the instance. Their names are those of
// packer-plugin-amazon where both have an option.
type Launch struct {
	// The instance types to try, in this order. The next one is used if EC2 has no
	// capacity for a type or doesn't offer it in the zone. Default: up to six types
	// that can boot the AMI and don't have more memory than its system supports:
	// those with the fewest vCPUs first, and then those with the least memory.
	InstanceTypes []string `mapstructure:"instance_types"`
	// The only instance type to try, for example `m1.small`. Set this or
	// `instance_types`.
	InstanceType string `mapstructure:"instance_type"`
	// The instance types to try as Spot Instances, in this order. Use this instead
	// of `instance_types`. Without `spot_price`, the price is at most the On-Demand
	// price.
	SpotInstanceTypes []string `mapstructure:"spot_instance_types"`
	// The maximum hourly price of a Spot Instance in US dollars, or `auto` for the
	// On-Demand price. Default, and `0`: an On-Demand Instance.
	SpotPrice string `mapstructure:"spot_price"`
	// Tags for the Spot request, in addition to `run_tags`.
	SpotTags map[string]string `mapstructure:"spot_tags"`
	// The same as `spot_tags`, as a block with `key` and `value` that can be
	// repeated, including with `dynamic`.
	SpotTag config.KeyValues `mapstructure:"spot_tag"`

	// The subnet to launch the instance in. Default: a subnet of the default VPC.
	SubnetID string `mapstructure:"subnet_id"`
	// Finds the subnet by its properties. See [Filters](#filters).
	SubnetFilter SubnetFilter `mapstructure:"subnet_filter"`
	// The VPC to find a subnet in.
	VPCID string `mapstructure:"vpc_id"`
	// Finds the VPC by its properties, with filters of
	// [DescribeVpcs](https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DescribeVpcs.html).
	// Exactly one VPC must match. See [Filters](#filters).
	VPCFilter Filter `mapstructure:"vpc_filter"`
	// The Availability Zone to find a subnet in, for example `us-east-1a`.
	AvailabilityZone string `mapstructure:"availability_zone"`
	// The instance's security groups. Default: a temporary one that opens only the
	// ports of the checks.
	SecurityGroupIDs []string `mapstructure:"security_group_ids"`
	// The instance's only security group. Set this or `security_group_ids`.
	SecurityGroupID string `mapstructure:"security_group_id"`
	// Finds the security groups by their properties, with filters of
	// [DescribeSecurityGroups](https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DescribeSecurityGroups.html).
	// The instance gets all groups of its VPC that match. See [Filters](#filters).
	SecurityGroupFilter Filter `mapstructure:"security_group_filter"`
	// The CIDR blocks that can reach the ports through the temporary security group,
	// for example `["198.51.100.0/24"]`. Default: the public address of this machine,
	// which `https://checkip.amazonaws.com` reports. If it isn't known, any address
	// can reach the ports, and a warning says so. The public address is not looked up
	// if the checks use a private or an IPv6 address, or if a custom endpoint is set;
	// in these cases, too, any address can reach the ports.
	TemporarySecurityGroupSourceCIDRs []string `mapstructure:"temporary_security_group_source_cidrs"`
	// Require that only the public address of this machine can reach the ports
	// through the temporary security group. The test doesn't start if that address
	// isn't known.
	TemporarySecurityGroupSourcePublicIP bool `mapstructure:"temporary_security_group_source_public_ip"`
	// Whether the instance gets a public IP address. Default: the subnet's setting.
	AssociatePublicIPAddress config.Trilean `mapstructure:"associate_public_ip_address"`
	// The address at which the checks reach the instance: `public_ip`,
	// `private_ip`, `public_dns`, `private_dns` or `ipv6`. Default: the public IP
	// address if there is one, otherwise the private one.
	Address string `mapstructure:"address"`
	// The older name of `address`. The value `session_manager` isn't supported: a
	// unikernel has no Session Manager agent.
	SSHInterface string `mapstructure:"ssh_interface"`
	// The private IP address of the instance. An image with a fixed address
	// compiled in needs that address, in a subnet that contains it.
	PrivateIPAddress string `mapstructure:"private_ip_address"`

	// User data of the instance.
	UserData string `mapstructure:"user_data"`
	// A file with the user data of the instance.
	UserDataFile string `mapstructure:"user_data_file"`
	// The name of the instance profile.
	IAMInstanceProfile string `mapstructure:"iam_instance_profile"`
	// The options of the instance metadata service, as a block. See
	// [`metadata_options`](#metadata_options).
	MetadataOptions MetadataOptions `mapstructure:"metadata_options"`
	// The host that the instance runs on, as a block. See [`placement`](#placement).
	Placement Placement `mapstructure:"placement"`
	// The older name of `tenancy` in a `placement` block.
	Tenancy string `mapstructure:"tenancy"`
	// Use only instance types that can be EBS-optimized, with this feature enabled.
	// It costs extra on older types, and a unikernel hardly reads its disk.
	// Default: `false`.
	EBSOptimized bool `mapstructure:"ebs_optimized"`
	// Tags for everything that the test creates.
	RunTags map[string]string `mapstructure:"run_tags"`
	// The same as `run_tags`, as a block with `key` and `value` that can be repeated,
	// including with `dynamic`.
	RunTag config.KeyValues `mapstructure:"run_tag"`
}

// Filter selects EC2 resources by their properties.
type Filter struct {
	// The names and values of the filters, for example `{ "tag:Class" = "test" }`.
	Filters map[string]string `mapstructure:"filters"`
	// The same as `filters`, as a block with `name` and `value` that can be repeated,
	// including with `dynamic`.
	Filter config.NameValues `mapstructure:"filter"`
}

// SubnetFilter selects a subnet by its properties, with filters of
// [DescribeSubnets](https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DescribeSubnets.html).
type SubnetFilter struct {
	Filter `mapstructure:",squash"`
	// If several subnets match, use the one with the most free addresses. This is
	// the default, and can't be combined with `random`.
	MostFree bool `mapstructure:"most_free"`
	// If several subnets match, use a random one that has a free address.
	Random bool `mapstructure:"random"`
}

// MetadataOptions are the options of the instance metadata service. Each that is
// omitted has the AMI's or the account's default.
type MetadataOptions struct {
	// Whether the instance has the service: `enabled` or `disabled`.
	HTTPEndpoint string `mapstructure:"http_endpoint"`
	// Whether the service requires version 2 of its protocol (IMDSv2): `optional` or
	// `required`. Set `required` if your account or organization allows only
	// such instances.
	HTTPTokens string `mapstructure:"http_tokens"`
	// The maximum number of network hops of the response with an IMDSv2 token, from
	// 1 to 64.
	HTTPPutResponseHopLimit int `mapstructure:"http_put_response_hop_limit"`
	// Whether the service shows the instance's tags: `enabled` or `disabled`.
	InstanceMetadataTags string `mapstructure:"instance_metadata_tags"`
}

// Placement is the host that the instance runs on.
type Placement struct {
	// `default`, `dedicated` (hardware of this account only) or `host` (a Dedicated
	// Host). Default: the setting of the VPC.
	Tenancy string `mapstructure:"tenancy"`
	// The Dedicated Host, for example `h-0123456789abcdef0`.
	HostID string `mapstructure:"host_id"`
	// The ARN of a host resource group, instead of `host_id`.
	HostResourceGroupARN string `mapstructure:"host_resource_group_arn"`
	// Whether the instance is bound to its Dedicated Host: `default` or `host`.
	Affinity string `mapstructure:"affinity"`
}

// reaches are the values of address, in the order of the message about others.
var reaches = []struct {
	address string
	reach   instance.Reach
}{
	{"public_ip", instance.ReachPublic}, {"private_ip", instance.ReachPrivate}, {"public_dns", instance.ReachPublic},
	{"private_dns", instance.ReachPrivate}, {"ipv6", instance.ReachIPv6},
}

func reachOf(address string) (reach instance.Reach, ok bool) {
	for _, known := range reaches {
		if known.address == address {
			return known.reach, true
		}
	}
	return "", address == ""
}

// combine replaces the options that have two names or two forms with the first of
// them. Its error lists those that were set twice.
func (l *Launch) combine() error {
	var errs []error
	only := func(field *string, name string, older *string, olderName string) {
		if *field != "" && *older != "" {
			errs = append(errs, fmt.Errorf("%s and %s are both set: remove %s", name, olderName, olderName))
		}
		*field = cmp.Or(*field, *older)
	}
	only(&l.Address, "address", &l.SSHInterface, "ssh_interface")
	only(&l.Placement.Tenancy, "placement.tenancy", &l.Tenancy, "tenancy")
	errs = append(errs, l.combineTypes(), l.combineGroups(),
		merge(&l.RunTags, "run_tags", "run_tag", l.RunTag), merge(&l.SpotTags, "spot_tags", "spot_tag", l.SpotTag),
		l.SubnetFilter.combine("subnet_filter"), l.VPCFilter.combine("vpc_filter"), l.SecurityGroupFilter.combine("security_group_filter"))
	return errors.Join(errs...)
}

func (l *Launch) combineTypes() error {
	set := chosen(map[string]bool{"instance_type": l.InstanceType != "", "instance_types": len(l.InstanceTypes) > 0, "spot_instance_types": len(l.SpotInstanceTypes) > 0})
	if len(set) > 1 {
		return fmt.Errorf("%s and %s are both set: remove one of them", set[0], set[1])
	}
	if len(l.SpotInstanceTypes) > 0 && l.SpotPrice == "0" {
		return errors.New("spot_price is 0, which requests an On-Demand Instance, but spot_instance_types is set: remove one of them")
	}
	if l.InstanceType != "" {
		l.InstanceTypes = []string{l.InstanceType}
	}
	if len(l.SpotInstanceTypes) > 0 {
		l.InstanceTypes, l.SpotPrice = l.SpotInstanceTypes, cmp.Or(l.SpotPrice, "auto")
	}
	return nil
}

func (l *Launch) combineGroups() error {
	set := chosen(map[string]bool{"security_group_id": l.SecurityGroupID != "", "security_group_ids": len(l.SecurityGroupIDs) > 0, "security_group_filter": !l.SecurityGroupFilter.empty()})
	if len(set) > 1 {
		return fmt.Errorf("%s and %s are both set: remove one of them", set[0], set[1])
	}
	if l.SecurityGroupID != "" {
		l.SecurityGroupIDs = []string{l.SecurityGroupID}
	}
	return nil
}

// chosen lists the options that are set, in a fixed order.
func chosen(options map[string]bool) []string {
	maps.DeleteFunc(options, func(_ string, set bool) bool { return !set })
	return slices.Sorted(maps.Keys(options))
}

// merge adds tags that are given as blocks to those that are given as a map.
func merge(tags *map[string]string, name, block string, blocks config.KeyValues) error {
	var errs []error
	all := maps.Clone(*tags)
	for _, tag := range blocks {
		if _, twice := all[tag.Key]; twice {
			errs = append(errs, fmt.Errorf("%s: the key %q is set twice, here or in %s: remove one of them", block, tag.Key, name))
		}
		if all == nil {
			all = map[string]string{}
		}
		all[tag.Key] = tag.Value
	}
	*tags = all
	return errors.Join(errs...)
}

func (f *Filter) empty() bool { return len(f.Filters) == 0 && len(f.Filter) == 0 }

// combine adds filters that are given as blocks to those that are given as a map.
func (f *Filter) combine(name string) error {
	var blocks config.KeyValues
	for _, filter := range f.Filter {
		blocks = append(blocks, config.KeyValue{Key: filter.Name, Value: filter.Value})
	}
	return merge(&f.Filters, name+".filters", name+".filter", blocks)
}

// request describes the wanted instance, as far as options do.
func (l *Launch) request() (instance.Request, error) {
	userData, err := l.userData()
	reach, _ := reachOf(l.Address)
	return instance.Request{
		InstanceTypes: l.InstanceTypes,
		SubnetID:      l.SubnetID, VPCID: l.VPCID, SubnetFilter: l.SubnetFilter.Filters, RandomSubnet: l.SubnetFilter.Random,
		VPCFilter: l.VPCFilter.Filters, AvailabilityZone: l.AvailabilityZone,
		SecurityGroupIDs: l.SecurityGroupIDs, SecurityGroupFilter: l.SecurityGroupFilter.Filters,
		SourceCIDRs: l.TemporarySecurityGroupSourceCIDRs, SourcePublicIP: l.TemporarySecurityGroupSourcePublicIP, Reach: reach,
		AssociatePublicIP: l.AssociatePublicIPAddress.ToBoolPointer(), PrivateIP: l.PrivateIPAddress,
		UserData: userData, IAMInstanceProfile: l.IAMInstanceProfile, EBSOptimized: l.EBSOptimized,
		SpotPrice: l.SpotPrice, SpotTags: l.SpotTags, Tags: l.RunTags,
		Metadata: instance.Metadata{
			Endpoint: l.MetadataOptions.HTTPEndpoint, Tokens: l.MetadataOptions.HTTPTokens,
			HopLimit: int32(min(l.MetadataOptions.HTTPPutResponseHopLimit, maxPort)), Tags: l.MetadataOptions.InstanceMetadataTags,
		},
		Placement: instance.Placement(l.Placement),
	}, err
}
