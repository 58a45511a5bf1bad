//go:generate packer-sdc mapstructure-to-hcl2 -type Config,TCPCheck,HTTPCheck,HTTPSCheck,UDPCheck,DNSCheck,ICMPCheck,ConsoleCheck,Filter,SubnetFilter,MetadataOptions,Placement
//go:generate packer-sdc struct-markdown

package smoketest

import (
	"time"

	"github.com/hashicorp/packer-plugin-sdk/common"
	"github.com/hashicorp/packer-plugin-sdk/template/config"
	"github.com/hashicorp/packer-plugin-sdk/template/interpolate"

	"github.com/unikernel-ami/packer-plugin-unikernel/internal/component"
)

// Config holds the options of the post-processor unikernel-smoke-test.
type Config struct {
	common.PackerConfig `mapstructure:",squash"`
	component.Access    `mapstructure:",squash"`
	Launch              `mapstructure:",squash"`

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

const (
	defaultTimeout = 10 * time.Minute
	// defaultMemory is enough for existing unikernels, and fits in the machine of
	// Xen's saved state.
	defaultMemory = 256
)

// Prepare reads the options and sets defaults. Its error lists all faults at
// once. Packer calls it again when it knows values of the build.
func (c *Config) Prepare(raws ...any) error {
	*c = Config{}
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
	_, errs := c.plans()
	errs = append(errs, c.CheckAccess()...)
	errs = append(errs, c.checkTimes(), c.checkSubject(), c.combine(), c.checkLaunch(), c.checkDisk(), c.checkFiles())
	return component.Refuse(errs...)
}
