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
	// A page that must be served.
	HTTP []HTTPCheck `mapstructure:"http"`
	// The same over TLS.
	HTTPS []HTTPSCheck `mapstructure:"https"`
	// A datagram that must be answered.
	UDP []UDPCheck `mapstructure:"udp"`
	// A name that must be known to the guest.
	DNS []DNSCheck `mapstructure:"dns"`
	// The guest must answer a ping.
	ICMP []ICMPCheck `mapstructure:"icmp"`
	// What the guest must have written to its console. EC2 shows that of a
	// paravirtual instance some minutes after its start, and after its end: where
	// nothing but checks of the console is open when the time is up, the instance
	// is ended, and they are made once more (not with `keep_on_failure`).
	Console []ConsoleCheck `mapstructure:"console"`

	// How long the checks have to succeed, all of them, from the moment that the
	// instance runs. Default: `10m`.
	Timeout time.Duration `mapstructure:"timeout"`
	// How long the checks must go on to succeed after that: a guest that dies
	// again has failed. Default: none.
	Hold time.Duration `mapstructure:"hold"`
	// A file that the result is written to, as JSON, whatever it is.
	Result string `mapstructure:"result"`
	// A file that the report is written to, an HTML page that needs no other
	// file, whatever the result is. Builds of several sources need names of their
	// own: `"${source.name}.html"`; so does `result`.
	Report string `mapstructure:"report"`

	// The AMI to test, for example `ami-0123456789abcdef0`. Default: the one that
	// the source made.
	AMIID string `mapstructure:"ami_id"`
	// The instance types to try, in this order: the next one where EC2 has no
	// capacity for one, or doesn't offer it. Default: up to six that start the AMI
	// and have no more memory than its system stands, those with the fewest
	// processors first, and of these the ones with the least memory.
	InstanceTypes []string `mapstructure:"instance_types"`
	// The subnet to launch the instance in. Default: one of the default VPC.
	SubnetID string `mapstructure:"subnet_id"`
	// Filters that find the subnet, as [DescribeSubnets](https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DescribeSubnets.html)
	// has them. Of several, the one with the most free addresses is taken.
	SubnetFilter Filter `mapstructure:"subnet_filter"`
	// The VPC to find a subnet in.
	VPCID string `mapstructure:"vpc_id"`
	// Filters that find the VPC, as [DescribeVpcs](https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DescribeVpcs.html)
	// has them.
	VPCFilter Filter `mapstructure:"vpc_filter"`
	// The zone to find a subnet in, for example `us-east-1a`.
	AvailabilityZone string `mapstructure:"availability_zone"`
	// Security groups of the instance. Default: a temporary one that opens the
	// ports of the checks, and nothing else.
	SecurityGroupIDs []string `mapstructure:"security_group_ids"`
	// The addresses that the temporary group opens the ports to. Default:
	// `["0.0.0.0/0"]`, or `["::/0"]` with `address = "ipv6"`.
	TemporarySecurityGroupSourceCIDRs []string `mapstructure:"temporary_security_group_source_cidrs"`
	// Whether the instance gets a public address. Default: as the subnet has it.
	AssociatePublicIPAddress config.Trilean `mapstructure:"associate_public_ip_address"`
	// Where the instance is reached: `public_ip`, `private_ip`, `public_dns` or
	// `ipv6`. Default: its public address if it has one, else its private one.
	Address string `mapstructure:"address"`
	// The private address that the instance gets. An image with a fixed address
	// compiled in needs that one, in a subnet that has it.
	PrivateIPAddress string `mapstructure:"private_ip_address"`
	// What the instance can read at 169.254.169.254.
	UserData string `mapstructure:"user_data"`
	// A file with what the instance can read there.
	UserDataFile string `mapstructure:"user_data_file"`
	// The instance profile, by its name.
	IAMInstanceProfile string `mapstructure:"iam_instance_profile"`
	// Tags of everything that is made for the test.
	RunTags map[string]string `mapstructure:"run_tags"`
	// The most to pay for an hour of a spot instance, in US dollars, or `auto`
	// for the price on demand. Default: an instance on demand.
	SpotPrice string `mapstructure:"spot_price"`
	// Keep the instance and the temporary security group if the test fails, and
	// show how to remove them.
	KeepOnFailure bool `mapstructure:"keep_on_failure"`
	// Keep an AMI that this build made if its test fails. It gets the tag
	// `unikernel:smoke-test` with the value `failed`. Default: it is removed, see
	// [Which AMIs are removed](#which-amis-are-removed).
	KeepAMIOnFailure bool `mapstructure:"keep_ami_on_failure"`
	// Deregister the AMI and delete its snapshots if the test fails, even if this
	// build didn't make it.
	DeregisterOnFailure bool `mapstructure:"deregister_on_failure"`

	// Disks only: the guest's memory in MiB. Default: what the domain
	// configuration says that the disk was made of, else 256.
	Memory int `mapstructure:"memory"`
	// Disks only: the guest's address with its subnet, for example `10.0.0.2/24`,
	// where it is compiled into the image. Default: DHCP.
	GuestAddress string `mapstructure:"guest_address"`
	// Disks only: the gateway that is compiled into the image. Default: the first
	// address of the subnet that isn't the guest's.
	GuestGateway string `mapstructure:"guest_gateway"`
}

// Filter finds things of EC2 by their properties.
type Filter struct {
	// Names and values, for example `{ "tag:Class" = "test" }`.
	Filters map[string]string `mapstructure:"filters"`
}

const (
	defaultTimeout = 10 * time.Minute
	// defaultMemory is enough for the unikernels that exist, and fits the
	// machine that Xen's saved state is for.
	defaultMemory = 256
)

// Prepare reads the options, sets defaults and returns everything that is
// wrong with them in one error.
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
	errs = append(errs, c.checkTimes(), c.checkSubject(), c.checkLaunch(), c.checkPlace(), c.checkDisk(), c.checkFiles())
	known := slices.DeleteFunc(compact(errs), func(err error) bool { return strings.Contains(err.Error(), unknown) })
	if all := packersdk.MultiErrorAppend(nil, known...); len(all.Errors) > 0 {
		return all
	}
	return nil
}

// unknown stands for what comes from the build, such as build.AMI, as long as
// there is none. Packer prepares the options again when there is, and errors
// name the values.
const unknown = "<unknown>"
