package instance

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"github.com/unikernel-ami/packer-plugin-unikernel/internal/cloud"
)

// planOffers keeps the types that are offered in a zone of the plan's subnets.
func planOffers(ctx context.Context, s *cloud.Session, plan *Plan, fitting []Type) error {
	var zones []string
	for _, subnet := range plan.Subnets {
		zones = append(zones, subnet.Zone)
	}
	slices.Sort(zones)
	if len(fitting) == 0 {
		return fmt.Errorf("look up instance types: %s has none that runs %s %s images%s: use a region that has, for example us-east-1 or eu-west-1",
			s.Region, plan.Image.Virtualization, plan.Image.Architecture, plan.upTo())
	}
	offers, err := offers(ctx, s, fitting)
	if err != nil {
		return fmt.Errorf("look up where instance types are offered: %w", err)
	}
	for _, t := range fitting {
		t.Zones = slices.DeleteFunc(slices.Clone(offers[t.Name]), func(zone string) bool { return !slices.Contains(zones, zone) })
		if len(t.Zones) > 0 {
			plan.Types = append(plan.Types, t)
		}
	}
	if len(plan.Types) == 0 {
		return fmt.Errorf("look up instance types: none that fits is offered in %s: use another subnet, {AvailabilityZone} or region%s",
			strings.Join(zones, ", "), elsewhere(fitting, offers))
	}
	if len(plan.InstanceTypes) == 0 {
		plan.Types = plan.Types[:min(len(plan.Types), maxTypes)]
	}
	return nil
}

// elsewhere words where the cheapest types are offered.
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

// upTo words the memory limit.
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
