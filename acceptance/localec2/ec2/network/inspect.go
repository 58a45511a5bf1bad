package network

import (
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/unikernel-ami/packer-plugin-unikernel/acceptance/localec2/resource"
)

// Info describes a part of a network that callers created.
type Info struct {
	ID   string            `json:"id"`
	Kind string            `json:"kind"` // security-group, vpc, subnet or internet-gateway
	Tags map[string]string `json:"tags,omitempty"`
}

// Inspect describes what callers created in a region: without the default VPC
// and its parts, and without the parts that every VPC has.
func (s *Networks) Inspect(region string) []Info {
	n := s.regions[region]
	infos := []Info{}
	add := func(rt resource.Type, c resource.Common) {
		infos = append(infos, Info{c.ID, rt.Name, maps.Clone(c.Tags)})
	}
	for _, g := range n.groups {
		if g.Name != defaultGroup {
			add(groupType, g.Common)
		}
	}
	for _, v := range n.vpcs {
		if !v.IsDefault {
			add(vpcType, v.Common)
		}
	}
	for _, sub := range n.subnets {
		if !sub.IsDefault {
			add(subnetType, sub.Common)
		}
	}
	for _, g := range n.gateways {
		if !g.isDefault {
			add(gatewayType, g.Common)
		}
	}
	slices.SortFunc(infos, func(a, b Info) int { return strings.Compare(a.ID, b.ID) })
	return infos
}

// Taggable returns a part of a network by its id, or nil if the id is that of
// another resource type.
func (s *Networks) Taggable(region, id string) (resource.Resource, error) {
	n, now := s.regions[region], s.acct.Now()
	switch prefix, _, _ := strings.Cut(id, "-"); prefix {
	case groupType.Prefix:
		return resource.Find(now, n.groups, groupType, id)
	case vpcType.Prefix:
		return resource.Find(now, n.vpcs, vpcType, id)
	case subnetType.Prefix:
		return resource.Find(now, n.subnets, subnetType, id)
	case gatewayType.Prefix:
		return resource.Find(now, n.gateways, gatewayType, id)
	case routeTableType.Prefix:
		return resource.Find(now, n.routes, routeTableType, id)
	}
	return nil, nil
}

// EachTagged calls add for every part of a network that callers can see.
func (s *Networks) EachTagged(region string, add func(resource.Type, *resource.Common)) {
	n, now := s.regions[region], s.acct.Now()
	eachVisible(now, add, groupType, n.groups)
	eachVisible(now, add, vpcType, n.vpcs)
	eachVisible(now, add, subnetType, n.subnets)
	eachVisible(now, add, gatewayType, n.gateways)
	eachVisible(now, add, routeTableType, n.routes)
}

func eachVisible[T resource.Resource](now time.Time, add func(resource.Type, *resource.Common), rt resource.Type, all map[string]T) {
	for _, v := range resource.Visible(now, all) {
		add(rt, v.Base())
	}
}
