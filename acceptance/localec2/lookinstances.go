package localec2

import (
	"slices"
	"strings"
	"time"
)

// InstanceInfo describes an instance that was not terminated.
type InstanceInfo struct {
	ID        string            `json:"id"`
	State     string            `json:"state"`
	ImageID   string            `json:"image_id"`
	Type      string            `json:"type"`
	PrivateIP string            `json:"private_ip"`
	PublicIP  string            `json:"public_ip,omitempty"`
	Tags      map[string]string `json:"tags,omitempty"`
	Launched  time.Time         `json:"launched"`
}

// NetworkInfo describes a part of a network that came with no account.
type NetworkInfo struct {
	ID   string            `json:"id"`
	Kind string            `json:"kind"` // security-group, vpc, subnet or internet-gateway
	Tags map[string]string `json:"tags,omitempty"`
}

func instanceInfos(state *regionState, now time.Time) []InstanceInfo {
	infos := []InstanceInfo{}
	for _, in := range state.instances {
		if in.state(now) == terminated {
			continue
		}
		info := InstanceInfo{
			ID: in.id, State: in.state(now), ImageID: in.image.id, Type: in.kind.name,
			PrivateIP: in.private.String(), Tags: copyTags(in.tags), Launched: in.launched,
		}
		if in.public != nil {
			info.PublicIP = in.public.String()
		}
		infos = append(infos, info)
	}
	slices.SortFunc(infos, func(a, b InstanceInfo) int { return a.Launched.Compare(b.Launched) })
	return infos
}

// networkInfos leaves out the default VPC with all that is its own, and what
// every VPC is made with.
func networkInfos(n *network) []NetworkInfo {
	infos := []NetworkInfo{}
	add := func(k kind, o owned) { infos = append(infos, NetworkInfo{o.id, k.name, copyTags(o.tags)}) }
	for _, g := range n.groups {
		if g.name != defaultGroup {
			add(groupKind, g.owned)
		}
	}
	for _, v := range n.vpcs {
		if !v.isDefault {
			add(vpcKind, v.owned)
		}
	}
	for _, sub := range n.subnets {
		if !sub.isDefault {
			add(subnetKind, sub.owned)
		}
	}
	for _, g := range n.gateways {
		if !g.isDefault {
			add(gatewayKind, g.owned)
		}
	}
	slices.SortFunc(infos, func(a, b NetworkInfo) int { return strings.Compare(a.ID, b.ID) })
	return infos
}
