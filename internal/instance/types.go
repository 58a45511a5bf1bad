package instance

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"github.com/unikernel-ami/packer-plugin-unikernel/internal/ami"
	"github.com/unikernel-ami/packer-plugin-unikernel/internal/cloud"
)

const (
	// maxTypes is how many types are tried if the user names none. The six
	// cheapest that run PV images have less than 4 GiB and at most two
	// processors, and belong to several families; the next ones have twice that.
	maxTypes = 6

	// maxAsked bounds the types whose zones are looked up: one filter accepts
	// 200 values, and there are more HVM types.
	maxAsked = 200
)

// planTypes finds the types to try: the user's, if all of them fit, or the
// cheapest that do.
func planTypes(ctx context.Context, s *cloud.Session, plan *Plan) error {
	named := len(plan.InstanceTypes) > 0
	if plan.Image.ID == "" && !named {
		return nil // nothing to compare with; planImage returns an error
	}
	filters := []types.Filter{
		cloud.Filter("supported-virtualization-type", plan.Image.Virtualization),
		cloud.Filter("processor-info.supported-architecture", plan.Image.Architecture),
	}
	if named {
		filters = []types.Filter{cloud.Filter("instance-type", plan.InstanceTypes...)}
	}
	known, err := describeTypes(ctx, s, filters)
	if err != nil {
		return fmt.Errorf("look up instance types: %w", err)
	}
	fitting := plan.cheapest(known)
	if named {
		if fitting, err = plan.named(known); err != nil {
			return err
		}
	}
	if len(plan.Subnets) == 0 || plan.Image.ID == "" {
		return nil // no zones to look in; planNetwork or planImage returns an error
	}
	return planOffers(ctx, s, plan, fitting)
}

// describeTypes includes previous generations, to which all types that run PV
// images belong.
func describeTypes(ctx context.Context, s *cloud.Session, filters []types.Filter) ([]types.InstanceTypeInfo, error) {
	return cloud.All(ctx, ec2.NewDescribeInstanceTypesPaginator(s.EC2, &ec2.DescribeInstanceTypesInput{Filters: filters}),
		func(page *ec2.DescribeInstanceTypesOutput) []types.InstanceTypeInfo { return page.InstanceTypes })
}

// named checks the types that the user names, and keeps their order.
func (p *Plan) named(known []types.InstanceTypeInfo) ([]Type, error) {
	var errs []error
	var fitting []Type
	for i, name := range p.InstanceTypes {
		if slices.Contains(p.InstanceTypes[:i], name) {
			continue
		}
		at := slices.IndexFunc(known, func(t types.InstanceTypeInfo) bool { return string(t.InstanceType) == name })
		if at < 0 {
			errs = append(errs, fmt.Errorf("{InstanceTypes}: %s has no %s: correct it, or omit {InstanceTypes} to use the cheapest that fit", p.Region, name))
		} else if err := p.fits(known[at]); err != nil {
			errs = append(errs, fmt.Errorf("{InstanceTypes}: %w: remove it, or omit {InstanceTypes} to use the cheapest that fit", err))
		} else {
			fitting = append(fitting, newInstanceType(known[at]))
		}
	}
	return fitting, errors.Join(errs...)
}

// cheapest lists the types that fit, cheapest first. EC2's API has no prices:
// fewer processors come first, then less memory. That puts t1.micro and m1.small
// first, the cheapest that run PV images, and a small type with many processors
// (c1.medium) after larger ones with one processor, which cost less.
func (p *Plan) cheapest(known []types.InstanceTypeInfo) []Type {
	var fitting []Type
	for _, t := range known {
		if p.fits(t) == nil {
			fitting = append(fitting, newInstanceType(t))
		}
	}
	slices.SortFunc(fitting, func(a, b Type) int {
		return cmp.Or(cmp.Compare(a.VCPUs, b.VCPUs), cmp.Compare(a.MemoryMiB, b.MemoryMiB), cmp.Compare(a.Name, b.Name))
	})
	return fitting[:min(len(fitting), maxAsked)]
}

func newInstanceType(t types.InstanceTypeInfo) Type {
	known := Type{Name: string(t.InstanceType)}
	if t.VCpuInfo != nil {
		known.VCPUs = aws.ToInt32(t.VCpuInfo.DefaultVCpus)
	}
	if t.MemoryInfo != nil {
		known.MemoryMiB = aws.ToInt64(t.MemoryInfo.SizeInMiB)
	}
	return known
}

// fits returns why a type doesn't run the image, or nil if it does.
func (p *Plan) fits(t types.InstanceTypeInfo) error {
	name, memory := t.InstanceType, newInstanceType(t).MemoryMiB
	if p.MaxMemoryMiB > 0 && memory > p.MaxMemoryMiB {
		return fmt.Errorf("%s has %d MiB of memory, and this image supports at most %d", name, memory, p.MaxMemoryMiB)
	}
	if p.EBSOptimized && t.EbsInfo != nil && t.EbsInfo.EbsOptimizedSupport == types.EbsOptimizedSupportUnsupported {
		return fmt.Errorf("%s can't be EBS-optimized, as {EBSOptimized} requires", name)
	}
	if p.Image.ID == "" {
		return nil
	}
	var architectures []types.ArchitectureType
	if t.ProcessorInfo != nil {
		architectures = t.ProcessorInfo.SupportedArchitectures
	}
	switch image := p.Image; {
	case !slices.Contains(t.SupportedVirtualizationTypes, types.VirtualizationType(image.Virtualization)):
		return fmt.Errorf("%s doesn't run %s images such as %s", name, image.Virtualization, image.ID)
	case !slices.Contains(architectures, types.ArchitectureType(image.Architecture)):
		return fmt.Errorf("%s doesn't run %s images such as %s", name, image.Architecture, image.ID)
	case !slices.Contains(t.SupportedRootDeviceTypes, types.RootDeviceType(image.RootDeviceType)):
		return fmt.Errorf("%s doesn't support root devices of type %s, such as that of %s", name, image.RootDeviceType, image.ID)
	case image.encrypted && !ami.EncryptsVolumes(t):
		return fmt.Errorf("%s doesn't support encrypted volumes, such as those of %s", name, image.ID)
	case !image.ena && t.NetworkInfo != nil && t.NetworkInfo.EnaSupport == types.EnaSupportRequired:
		return fmt.Errorf("%s requires an image with ENA support, which %s lacks", name, image.ID)
	}
	return nil
}

// planOffers keeps the types that are offered in a zone of the plan's subnets.
func planOffers(ctx context.Context, s *cloud.Session, plan *Plan, fitting []Type) error {
	var zones []string
	for _, subnet := range plan.Subnets {
		zones = append(zones, subnet.Zone)
	}
	slices.Sort(zones)
	if len(fitting) == 0 {
		return fmt.Errorf("look up instance types: %s has none that runs %s %s images%s: use a region that has one, for example us-east-1 or eu-west-1",
			s.Region, plan.Image.Virtualization, plan.Image.Architecture, plan.upTo())
	}
	offers, err := offers(ctx, s, fitting)
	if err != nil {
		return fmt.Errorf("look up instance type offerings: %w", err)
	}
	for _, t := range fitting {
		t.Zones = slices.DeleteFunc(slices.Clone(offers[t.Name]), func(zone string) bool { return !slices.Contains(zones, zone) })
		if len(t.Zones) > 0 {
			plan.Types = append(plan.Types, t)
		}
	}
	if len(plan.Types) == 0 {
		return fmt.Errorf("look up instance types: no type that fits is offered in %s: use another subnet, {AvailabilityZone} or region%s",
			strings.Join(zones, ", "), elsewhere(fitting, offers))
	}
	if len(plan.InstanceTypes) == 0 {
		plan.Types = plan.Types[:min(len(plan.Types), maxTypes)]
	}
	return nil
}

// elsewhere lists where the cheapest types are offered.
func elsewhere(fitting []Type, offers map[string][]string) string {
	var words []string
	for _, t := range fitting {
		if zones := offers[t.Name]; len(zones) > 0 && len(words) < maxTypes {
			words = append(words, fmt.Sprintf("%s is in %s", t.Name, strings.Join(zones, ", ")))
		}
	}
	if len(words) == 0 {
		return ""
	}
	return " (" + strings.Join(words, "; ") + ")"
}

// upTo describes the memory limit.
func (p *Plan) upTo() string {
	if p.MaxMemoryMiB == 0 {
		return ""
	}
	return fmt.Sprintf(" in %d MiB or less", p.MaxMemoryMiB)
}

// offers returns the zones in which each type is offered.
func offers(ctx context.Context, s *cloud.Session, of []Type) (map[string][]string, error) {
	var names []string
	for _, t := range of {
		names = append(names, t.Name)
	}
	found, err := cloud.All(ctx, ec2.NewDescribeInstanceTypeOfferingsPaginator(s.EC2, &ec2.DescribeInstanceTypeOfferingsInput{
		LocationType: types.LocationTypeAvailabilityZone,
		Filters:      []types.Filter{cloud.Filter("instance-type", names...)},
	}), func(page *ec2.DescribeInstanceTypeOfferingsOutput) []types.InstanceTypeOffering {
		return page.InstanceTypeOfferings
	})
	offers := map[string][]string{}
	for _, offer := range found {
		name := string(offer.InstanceType)
		offers[name] = append(offers[name], aws.ToString(offer.Location))
	}
	return offers, err
}
