package smoketest

import (
	"errors"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"regexp"
	"slices"

	"github.com/unikernel-ami/packer-plugin-unikernel/internal/cloud"
	"github.com/unikernel-ami/packer-plugin-unikernel/internal/component"
	"github.com/unikernel-ami/packer-plugin-unikernel/internal/instance"
)

// compact drops nil errors and flattens joined ones.
func compact(errs []error) []error {
	var flat []error
	for _, err := range errs {
		if joined, ok := err.(interface{ Unwrap() []error }); ok {
			flat = append(flat, compact(joined.Unwrap())...)
		} else if err != nil {
			flat = append(flat, err)
		}
	}
	return flat
}

// wrong returns an error if the condition holds.
func wrong(is bool, format string, args ...any) error {
	if !is {
		return nil
	}
	return fmt.Errorf(format, args...)
}

func (c *Config) checkTimes() error {
	return errors.Join(
		wrong(c.Timeout < 0, "timeout is %s: it must be positive, for example 10m", c.Timeout),
		wrong(c.Hold < 0, "hold is %s: it must be positive, for example 30s", c.Hold),
	)
}

// Ids have 8 digits, or 17 since 2016
// (https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/resource-ids.html).
func idForm(prefix string) *regexp.Regexp {
	return regexp.MustCompile(`^` + prefix + `-([0-9a-f]{8}|[0-9a-f]{17})$`)
}

var (
	amiForm    = idForm("ami")
	subnetForm = idForm("subnet")
	vpcForm    = idForm("vpc")
	groupForm  = idForm("sg")
	typeForm   = regexp.MustCompile(`^[a-z][a-z0-9-]*\.[a-z0-9-]+$`)

	// addressKinds are the values of address.
	addressKinds = []string{"public_ip", "private_ip", "public_dns", "ipv6"}
)

func checkForm(option, value string, form *regexp.Regexp, example string) error {
	return wrong(value != "" && !form.MatchString(value), "%s is %q: it must look like %s", option, value, example)
}

func (c *Config) checkSubject() error {
	return checkForm("ami_id", c.AMIID, amiForm, "ami-0123456789abcdef0")
}

// userData returns the instance's user data.
func (c *Config) userData() ([]byte, error) {
	if c.UserDataFile == "" {
		return []byte(c.UserData), nil
	}
	data, err := os.ReadFile(c.UserDataFile)
	if err != nil {
		return nil, fmt.Errorf("user_data_file is %s: %w: specify an existing file", c.UserDataFile, err)
	}
	return data, nil
}

func (c *Config) checkLaunch() error {
	errs := []error{
		wrong(c.Address != "" && !slices.Contains(addressKinds, c.Address), "address is %q: use public_ip, private_ip, public_dns or ipv6", c.Address),
		wrong(c.UserData != "" && c.UserDataFile != "", "user_data and user_data_file are both set: remove one of them"),
		cloud.CheckTags("run_tags", c.RunTags),
	}
	for _, name := range c.InstanceTypes {
		errs = append(errs, wrong(!typeForm.MatchString(name), "instance_types contains %q: an instance type looks like m1.small", name))
	}
	userData, err := c.userData()
	launch := instance.Request{UserData: userData, IAMInstanceProfile: c.IAMInstanceProfile, SpotPrice: c.SpotPrice}
	errs = append(errs, err, component.Explain(launch.Check()))
	return errors.Join(errs...)
}

// checkPlace checks the options of the network.
func (c *Config) checkPlace() error {
	private, err := netip.ParseAddr(c.PrivateIPAddress)
	errs := []error{
		checkForm("subnet_id", c.SubnetID, subnetForm, "subnet-0123456789abcdef0"),
		checkForm("vpc_id", c.VPCID, vpcForm, "vpc-0123456789abcdef0"),
		wrong(c.PrivateIPAddress != "" && (err != nil || !private.Is4()), "private_ip_address is %q: use an IPv4 address such as 10.0.0.5", c.PrivateIPAddress),
		wrong(c.PrivateIPAddress != "" && c.SubnetID == "" && len(c.SubnetFilter.Filters) == 0,
			"private_ip_address is set without a subnet: set subnet_id or subnet_filter to the subnet that contains it"),
		wrong(c.SubnetID != "" && len(c.SubnetFilter.Filters) > 0, "subnet_id and subnet_filter are both set: remove one of them"),
		wrong(c.VPCID != "" && len(c.VPCFilter.Filters) > 0, "vpc_id and vpc_filter are both set: remove one of them"),
	}
	for _, id := range c.SecurityGroupIDs {
		errs = append(errs, checkForm("security_group_ids", id, groupForm, "sg-0123456789abcdef0"))
	}
	for _, cidr := range c.TemporarySecurityGroupSourceCIDRs {
		prefix, err := netip.ParsePrefix(cidr)
		errs = append(errs,
			wrong(err != nil, "temporary_security_group_source_cidrs contains %q: use CIDR blocks such as 198.51.100.0/24", cidr),
			wrong(err == nil && prefix != prefix.Masked(), "temporary_security_group_source_cidrs contains %q, which has host bits set: use %s, or /%d for a single address",
				cidr, prefix.Masked(), prefix.Addr().BitLen()))
	}
	return errors.Join(errs...)
}

func (c *Config) checkDisk() error {
	errs := []error{wrong(c.Memory < 0, "memory is %d: specify the guest's memory in MiB, for example 256", c.Memory)}
	if c.GuestAddress != "" {
		prefix, err := netip.ParsePrefix(c.GuestAddress)
		errs = append(errs, wrong(err != nil || !prefix.Addr().Is4(), "guest_address is %q: use an IPv4 address with its prefix length, such as 10.0.0.2/24", c.GuestAddress))
	}
	if c.GuestGateway != "" {
		gateway, err := netip.ParseAddr(c.GuestGateway)
		errs = append(errs,
			wrong(err != nil || !gateway.Is4(), "guest_gateway is %q: use an IPv4 address such as 10.0.0.1", c.GuestGateway),
			wrong(c.GuestAddress == "", "guest_gateway is set, but guest_address is not: set both"))
	}
	return errors.Join(errs...)
}

// checkFiles refuses files that could not be written after the test.
func (c *Config) checkFiles() error {
	errs := []error{wrong(c.Result != "" && filepath.Clean(c.Result) == filepath.Clean(c.Report), "result and report are the same file, %s: use different files", c.Result)}
	for option, path := range map[string]string{"result": c.Result, "report": c.Report} {
		if path == "" {
			continue
		}
		if info, err := os.Stat(path); err == nil && info.IsDir() {
			errs = append(errs, fmt.Errorf("%s is %s, which is a directory: specify a file", option, path))
		}
	}
	return errors.Join(errs...)
}
