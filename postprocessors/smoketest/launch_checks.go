package smoketest

import (
	"errors"
	"fmt"
	"maps"
	"net/netip"
	"os"
	"regexp"
	"slices"

	"github.com/unikernel-ami/packer-plugin-unikernel/internal/cloud"
	"github.com/unikernel-ami/packer-plugin-unikernel/internal/component"
)

// Ids have 8 digits, or 17 since 2016
// (https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/resource-ids.html).
func idForm(prefix string) *regexp.Regexp {
	return regexp.MustCompile(`^` + prefix + `-([0-9a-f]{8}|[0-9a-f]{17})$`)
}

var (
	amiForm       = idForm("ami")
	subnetForm    = idForm("subnet")
	vpcForm       = idForm("vpc")
	groupForm     = idForm("sg")
	hostForm      = idForm("h")
	hostGroupForm = regexp.MustCompile(`^arn:[a-z-]+:resource-groups:[a-z0-9-]+:\d{12}:group/.+$`)
	typeForm      = regexp.MustCompile(`^[a-z][a-z0-9-]*\.[a-z0-9-]+$`)
)

func checkForm(option, value string, form *regexp.Regexp, example string) error {
	return wrong(value != "" && !form.MatchString(value), "%s is %q: it must look like %s", option, value, example)
}

// userData returns the instance's user data.
func (l *Launch) userData() ([]byte, error) {
	if l.UserDataFile == "" {
		return []byte(l.UserData), nil
	}
	data, err := os.ReadFile(l.UserDataFile)
	if err != nil {
		return nil, fmt.Errorf("user_data_file is %s: %w: specify an existing file", l.UserDataFile, err)
	}
	return data, nil
}

// checkLaunch checks all options that need no AWS for it.
func (l *Launch) checkLaunch() error {
	errs := []error{
		l.checkAddress(), l.checkPlace(), l.checkGroups(),
		wrong(l.UserData != "" && l.UserDataFile != "", "user_data and user_data_file are both set: remove one of them"),
		wrong(l.MetadataOptions.HTTPPutResponseHopLimit < 0, "http_put_response_hop_limit is %d: it must be 1 to 64", l.MetadataOptions.HTTPPutResponseHopLimit),
		checkForm("host_id", l.Placement.HostID, hostForm, "h-0123456789abcdef0"),
		checkForm("host_resource_group_arn", l.Placement.HostResourceGroupARN, hostGroupForm, "arn:aws:resource-groups:us-east-1:123456789012:group/NAME"),
		cloud.CheckTags("run_tags", l.RunTags),
	}
	if len(l.SpotTags) > 0 {
		all := maps.Clone(l.SpotTags)
		maps.Copy(all, l.RunTags) // the request has both
		errs = append(errs, cloud.CheckTags("spot_tags", all))
	}
	for _, name := range l.InstanceTypes {
		errs = append(errs, wrong(!typeForm.MatchString(name), "instance_types contains %q: an instance type looks like m1.small", name))
	}
	request, err := l.request()
	errs = append(errs, err, component.Explain(request.Check()))
	return errors.Join(errs...)
}

// checkAddress checks the address that the checks use.
func (l *Launch) checkAddress() error {
	if l.Address == "session_manager" {
		return errors.New("address is \"session_manager\": a unikernel has no Session Manager agent; use public_ip, private_ip, public_dns, private_dns or ipv6")
	}
	_, known := reachOf(l.Address)
	return errors.Join(
		wrong(!known, "address is %q: use public_ip, private_ip, public_dns, private_dns or ipv6", l.Address),
		wrong(l.AssociatePublicIPAddress.False() && (l.Address == "public_ip" || l.Address == "public_dns"),
			"associate_public_ip_address is false, but address is %q: set address = \"private_ip\", or remove one of them", l.Address),
	)
}

// checkPlace checks the options of the subnet.
func (l *Launch) checkPlace() error {
	private, err := netip.ParseAddr(l.PrivateIPAddress)
	hasSubnet, hasVPC := !l.SubnetFilter.empty(), !l.VPCFilter.empty()
	return errors.Join(
		checkForm("subnet_id", l.SubnetID, subnetForm, "subnet-0123456789abcdef0"),
		checkForm("vpc_id", l.VPCID, vpcForm, "vpc-0123456789abcdef0"),
		wrong(l.PrivateIPAddress != "" && (err != nil || !private.Is4()), "private_ip_address is %q: use an IPv4 address such as 10.0.0.5", l.PrivateIPAddress),
		wrong(l.PrivateIPAddress != "" && l.SubnetID == "" && !hasSubnet,
			"private_ip_address is set without a subnet: set subnet_id or subnet_filter to the subnet that contains it"),
		wrong(l.SubnetID != "" && hasSubnet, "subnet_id and subnet_filter are both set: remove one of them"),
		wrong(l.VPCID != "" && hasVPC, "vpc_id and vpc_filter are both set: remove one of them"),
		wrong(l.SubnetFilter.MostFree && l.SubnetFilter.Random, "most_free and random of subnet_filter are both set: remove one of them"),
		wrong((l.SubnetFilter.MostFree || l.SubnetFilter.Random) && !hasSubnet, "subnet_filter has no filters: set filters, for example { \"tag:Class\" = \"test\" }"),
	)
}

// checkGroups checks the options of the security groups.
func (l *Launch) checkGroups() error {
	var errs []error
	for _, id := range l.SecurityGroupIDs {
		errs = append(errs, checkForm("security_group_ids", id, groupForm, "sg-0123456789abcdef0"))
	}
	own := len(l.SecurityGroupIDs) > 0 || !l.SecurityGroupFilter.empty()
	errs = append(errs,
		wrong(len(l.TemporarySecurityGroupSourceCIDRs) > 0 && l.TemporarySecurityGroupSourcePublicIP,
			"temporary_security_group_source_cidrs and temporary_security_group_source_public_ip are both set: remove one of them"),
		wrong(own && l.TemporarySecurityGroupSourcePublicIP,
			"temporary_security_group_source_public_ip is set, but there is no temporary security group, because others are specified: remove one of the two"))
	for _, cidr := range l.TemporarySecurityGroupSourceCIDRs {
		prefix, err := netip.ParsePrefix(cidr)
		errs = append(errs,
			wrong(err != nil, "temporary_security_group_source_cidrs contains %q: use CIDR blocks such as 198.51.100.0/24", cidr),
			wrong(err == nil && prefix != prefix.Masked(), "temporary_security_group_source_cidrs contains %q, which has host bits set: use %s, or /%d for a single address",
				cidr, prefix.Masked(), prefix.Addr().BitLen()))
	}
	if l.Address == "ipv6" && l.TemporarySecurityGroupSourcePublicIP {
		errs = append(errs, errors.New("temporary_security_group_source_public_ip finds an IPv4 address, but address is \"ipv6\": set temporary_security_group_source_cidrs"))
	}
	return errors.Join(slices.DeleteFunc(errs, func(err error) bool { return err == nil })...)
}
