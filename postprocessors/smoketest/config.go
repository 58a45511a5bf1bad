//go:generate packer-sdc mapstructure-to-hcl2 -type Config,TCPCheck,HTTPCheck,HTTPSCheck,UDPCheck,DNSCheck,ICMPCheck,ConsoleCheck,Filter
//go:generate packer-sdc struct-markdown

package smoketest

import (
	"slices"
	"strings"
	"time"

	"github.com/hashicorp/packer-plugin-sdk/common"
	packersdk "github.com/hashicorp/packer-plugin-sdk/packer"
	"github.com/hashicorp/packer-plugin-sdk/template/config"
	"github.com/hashicorp/packer-plugin-sdk/template/interpolate"

	"github.com/unikernel-ami/packer-plugin-unikernel/internal/component"
)

// Config holds the options of the post-processor unikernel-smoke-test.
type Config struct {
	common.PackerConfig `mapstructure:",squash"`
	component.Access    `mapstructure:",squash"`

	// A port that must accept a connection.
	TCP []TCPCheck `mapstructure:"tcp"`
	// A page that must be served over HTTP.
	HTTP []HTTPCheck `mapstructure:"http"`
	// The same over TLS.
	HTTPS []HTTPSCheck `mapstructure:"https"`
	// A UDP datagram that must get a response.
	UDP []UDPCheck `mapstructure:"udp"`
	// A DNS query that the guest must answer.
	DNS []DNSCheck `mapstructure:"dns"`
	// The guest must respond to a ping.
	ICMP []ICMPCheck `mapstructure:"icmp"`
	// Text that must appear on the guest's console. EC2 publishes the
	// console's output a few minutes after the instance starts and again after it
	// stops. If only console checks are pending at the timeout, the instance is
	// terminated and they run once more (not with `keep_on_failure`). They also
	// run once more if the guest powers off by itself, as a guest does when its
	// program has finished; with `hold`, such a guest fails the test.
	Console []ConsoleCheck `mapstructure:"console"`

	// The time within which all checks must pass, counted from when the instance
	// starts running.
	// Default: `10m`.
	Timeout time.Duration `mapstructure:"timeout"`
	// How long all checks must continue to pass after they have all passed once, so
	// that a guest that crashes shortly after starting fails. Default: no hold time.
	Hold time.Duration `mapstructure:"hold"`
	// The file to write the result to, as JSON, whether or not the test passes.
	Result string `mapstructure:"result"`
	// The file to write the report to, a self-contained HTML page, whether or not
	// the test passes. If the build has several sources, give each its own file, for
	// example `"${source.name}.html"`; the same applies to `result`.
	Report string `mapstructure:"report"`

	// The AMI to test, for example `ami-0123456789abcdef0`. Default: the AMI that
	// the source made.
	AMIID string `mapstructure:"ami_id"`
	// The instance types to try, in this order. The next one is used if EC2 has no
	// capacity for a type or doesn't offer it in the zone. Default: up to six types
	// that can boot the AMI and don't have more memory than its system supports:
	// those with the fewest vCPUs first, and then those with the least memory.
	InstanceTypes []string `mapstructure:"instance_types"`
	// The subnet to launch the instance in. Default: a subnet of the default VPC.
	SubnetID string `mapstructure:"subnet_id"`
	// Filters of [DescribeSubnets](https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DescribeSubnets.html)
	// that find the subnet. If several match, the one with the most free addresses
	// is used.
	SubnetFilter Filter `mapstructure:"subnet_filter"`
	// The VPC to find a subnet in.
	VPCID string `mapstructure:"vpc_id"`
	// Filters of [DescribeVpcs](https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DescribeVpcs.html)
	// that find the VPC. Exactly one must match.
	VPCFilter Filter `mapstructure:"vpc_filter"`
	// The Availability Zone to find a subnet in, for example `us-east-1a`.
	AvailabilityZone string `mapstructure:"availability_zone"`
	// The instance's security groups. Default: a temporary one that opens only the
	// ports of the checks.
	SecurityGroupIDs []string `mapstructure:"security_group_ids"`
	// The CIDR blocks that can reach the ports through the temporary security
	// group. Default: `["0.0.0.0/0"]`, or `["::/0"]` with `address = "ipv6"`.
	TemporarySecurityGroupSourceCIDRs []string `mapstructure:"temporary_security_group_source_cidrs"`
	// Whether the instance gets a public IP address. Default: the subnet's setting.
	AssociatePublicIPAddress config.Trilean `mapstructure:"associate_public_ip_address"`
	// The address at which the checks reach the instance: `public_ip`,
	// `private_ip`, `public_dns` or `ipv6`. Default: the public IP address if there
	// is one, otherwise the private one.
	Address string `mapstructure:"address"`
	// The private IP address of the instance. An image with a fixed address
	// compiled in needs that address, in a subnet that contains it.
	PrivateIPAddress string `mapstructure:"private_ip_address"`
	// User data of the instance.
	UserData string `mapstructure:"user_data"`
	// A file with the user data of the instance.
	UserDataFile string `mapstructure:"user_data_file"`
	// The name of the instance profile.
	IAMInstanceProfile string `mapstructure:"iam_instance_profile"`
	// Tags for everything that the test creates.
	RunTags map[string]string `mapstructure:"run_tags"`
	// The maximum hourly price of a Spot Instance in US dollars, or `auto` for the
	// On-Demand price. Default: an On-Demand Instance.
	SpotPrice string `mapstructure:"spot_price"`
	// Keep the instance and the temporary security group if the test fails, and
	// show how to remove them.
	KeepOnFailure bool `mapstructure:"keep_on_failure"`
	// Keep an AMI that this build made if its test fails. It gets the tag
	// `unikernel:smoke-test` with the value `failed`. Default: it is removed; see
	// [Which AMIs are removed](#which-amis-are-removed).
	KeepAMIOnFailure bool `mapstructure:"keep_ami_on_failure"`
	// Deregister the AMI and delete its snapshots if the test fails, even if this
	// build didn't make it.
	DeregisterOnFailure bool `mapstructure:"deregister_on_failure"`

	// Disks only: the guest's memory in MiB. Default: the memory in the domain
	// configuration that the disk was made from, otherwise 256.
	Memory int `mapstructure:"memory"`
	// Disks only: the guest's address and prefix length, for example
	// `10.0.0.2/24`, if it is compiled into the image. Default: DHCP.
	GuestAddress string `mapstructure:"guest_address"`
	// Disks only: the gateway that is compiled into the image. Default: the first
	// address in the subnet, other than the guest's own.
	GuestGateway string `mapstructure:"guest_gateway"`
}

// Filter selects EC2 resources by their properties.
type Filter struct {
	// The names and values of the filters, for example `{ "tag:Class" = "test" }`.
	Filters map[string]string `mapstructure:"filters"`
}

const (
	defaultTimeout = 10 * time.Minute
	// defaultMemory is enough for existing unikernels, and fits in the machine of
	// Xen's saved state.
	defaultMemory = 256
)

// Prepare reads the options and sets defaults. Its error lists all faults at
// once.
func (c *Config) Prepare(raws ...any) error {
	err := config.Decode(c, &config.DecodeOpts{
		PluginType:         "unikernel-smoke-test",
		Interpolate:        true,
		InterpolateContext: &interpolate.Context{},
	}, raws...)
	if err != nil {
		return err
	}
	if c.Timeout == 0 {
		c.Timeout = defaultTimeout
	}
	if len(c.TemporarySecurityGroupSourceCIDRs) == 0 {
		c.TemporarySecurityGroupSourceCIDRs = []string{"0.0.0.0/0"}
		if c.Address == "ipv6" {
			c.TemporarySecurityGroupSourceCIDRs = []string{"::/0"}
		}
	}
	_, errs := c.plans()
	errs = append(errs, c.CheckAccess()...)
	errs = append(errs, c.checkTimes(), c.checkSubject(), c.checkLaunch(), c.checkPlace(), c.checkDisk(), c.checkFiles())
	known := slices.DeleteFunc(compact(errs), func(err error) bool { return strings.Contains(err.Error(), unknown) })
	if all := packersdk.MultiErrorAppend(nil, known...); len(all.Errors) > 0 {
		return all
	}
	return nil
}

// unknown is the placeholder for values of the build, such as build.AMI, while
// they aren't known. Packer prepares the options again when they are.
const unknown = "<unknown>"
