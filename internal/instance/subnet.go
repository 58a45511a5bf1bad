package instance

import (
	"cmp"
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
)

// checkSubnet compares a subnet that was named by its id with the other options.
func (p *Plan) checkSubnet(subnet types.Subnet) error {
	if p.SubnetID == "" {
		return nil
	}
	var errs []error
	if vpc := aws.ToString(subnet.VpcId); p.VPCID != "" && vpc != p.VPCID {
		errs = append(errs, fmt.Errorf("{SubnetID} %s is of %s and not of {VPCID} %s: leave {VPCID} out", p.SubnetID, vpc, p.VPCID))
	}
	if zone := aws.ToString(subnet.AvailabilityZone); p.AvailabilityZone != "" && zone != p.AvailabilityZone {
		errs = append(errs, fmt.Errorf("{SubnetID} %s is in %s and not in {AvailabilityZone} %s: leave {AvailabilityZone} out", p.SubnetID, zone, p.AvailabilityZone))
	}
	return errors.Join(errs...)
}

// holdingPrivateIP keeps the subnets that can give the private address that is
// asked for.
func (p *Plan) holdingPrivateIP(subnets []types.Subnet) ([]types.Subnet, error) {
	if p.PrivateIP == "" {
		return subnets, nil
	}
	address, err := netip.ParseAddr(p.PrivateIP)
	if err != nil || !address.Is4() {
		return nil, fmt.Errorf("{PrivateIP} is %q: give an IPv4 address, such as 10.0.0.5", p.PrivateIP)
	}
	var blocks []string
	for _, subnet := range subnets {
		block, err := netip.ParsePrefix(aws.ToString(subnet.CidrBlock))
		if err == nil && block.Contains(address) {
			return []types.Subnet{subnet}, checkReserved(block, address)
		}
		blocks = append(blocks, fmt.Sprintf("%s (%s)", aws.ToString(subnet.CidrBlock), aws.ToString(subnet.SubnetId)))
	}
	slices.Sort(blocks)
	return nil, fmt.Errorf("{PrivateIP} %s is in none of the subnets %s: use one of them, or another {SubnetID}", p.PrivateIP, strings.Join(blocks, ", "))
}

// checkReserved refuses the addresses that AWS keeps of each subnet: the first
// four and the last (https://docs.aws.amazon.com/vpc/latest/userguide/subnet-sizing.html).
func checkReserved(block netip.Prefix, address netip.Addr) error {
	number := func(a netip.Addr) uint32 { b := a.As4(); return binary.BigEndian.Uint32(b[:]) }
	size := uint64(1) << (block.Addr().BitLen() - block.Bits())
	at := uint64(number(address) - number(block.Masked().Addr()))
	if at < 4 || at == size-1 {
		return fmt.Errorf("{PrivateIP} %s: AWS keeps the first four addresses of %s and the last: use another of it", address, block)
	}
	return nil
}

// choose takes the subnet with the most free addresses, and where no option
// names a subnet, that of each zone.
func (p *Plan) choose(found []types.Subnet) error {
	slices.SortFunc(found, func(a, b types.Subnet) int {
		return cmp.Or(cmp.Compare(aws.ToInt32(b.AvailableIpAddressCount), aws.ToInt32(a.AvailableIpAddressCount)),
			cmp.Compare(aws.ToString(a.SubnetId), aws.ToString(b.SubnetId)))
	})
	if aws.ToInt32(found[0].AvailableIpAddressCount) == 0 {
		return fmt.Errorf("subnet %s has no free address: use another {SubnetID}, or end what is in it", aws.ToString(found[0].SubnetId))
	}
	p.VPC = aws.ToString(found[0].VpcId)
	for _, one := range found {
		subnet := p.newSubnet(one)
		sameZone := func(other Subnet) bool { return other.Zone == subnet.Zone }
		if subnet.Free > 0 && !slices.ContainsFunc(p.Subnets, sameZone) {
			p.Subnets = append(p.Subnets, subnet)
		}
		if len(p.SubnetFilter) > 0 {
			break
		}
	}
	return nil
}

func (p *Plan) newSubnet(subnet types.Subnet) Subnet {
	public := aws.ToBool(subnet.MapPublicIpOnLaunch)
	if p.AssociatePublicIP != nil {
		public = *p.AssociatePublicIP
	}
	return Subnet{
		ID:       aws.ToString(subnet.SubnetId),
		Zone:     aws.ToString(subnet.AvailabilityZone),
		CIDR:     aws.ToString(subnet.CidrBlock),
		Free:     aws.ToInt32(subnet.AvailableIpAddressCount),
		PublicIP: public,
	}
}
