package network

import (
	"slices"

	"github.com/unikernel-ami/packer-plugin-unikernel/acceptance/localec2/api"
	"github.com/unikernel-ami/packer-plugin-unikernel/acceptance/localec2/query"
)

var (
	flatRule = []string{"GroupId", "GroupName", "IpPermissions", "IpProtocol", "FromPort", "ToPort", "CidrIp"}
	listRule = []string{"GroupId", "IpPermissions"}
)

func (s *Networks) permissionActions() map[string]query.Action {
	return map[string]query.Action{
		"AuthorizeSecurityGroupIngress": {Params: flatRule, Run: s.authorize(ingressOf, false)},
		"AuthorizeSecurityGroupEgress":  {Params: listRule, Run: s.authorize(egressOf, true)},
		"RevokeSecurityGroupIngress":    {Params: slices.Concat(flatRule, []string{"SecurityGroupRuleId"}), Run: s.revoke(ingressOf)},
		"RevokeSecurityGroupEgress":     {Params: slices.Concat(listRule, []string{"SecurityGroupRuleId"}), Run: s.revoke(egressOf)},
	}
}

func ingressOf(g *Group) *[]rule { return &g.ingress }
func egressOf(g *Group) *[]rule  { return &g.egress }

// cidrItem, cidr6Item and peerItem are the peers of a permission.
type (
	cidrItem struct {
		CIDR        string `xml:"cidrIp"`
		Description string `xml:"description,omitempty"`
	}
	cidr6Item struct {
		CIDR        string `xml:"cidrIpv6"`
		Description string `xml:"description,omitempty"`
	}
	peerItem struct {
		OwnerID     string `xml:"userId"`
		GroupID     string `xml:"groupId"`
		Description string `xml:"description,omitempty"`
	}
)

// permissionItem has the rules for one range of ports, as in
// DescribeSecurityGroups.
type permissionItem struct {
	Protocol string      `xml:"ipProtocol"`
	From     *int        `xml:"fromPort"`
	To       *int        `xml:"toPort"`
	Ranges   []cidrItem  `xml:"ipRanges>item"`
	Ranges6  []cidr6Item `xml:"ipv6Ranges>item"`
	Groups   []peerItem  `xml:"groups>item"`
}

func (p permissionItem) cidrs() []string {
	var all []string
	for _, r := range p.Ranges {
		all = append(all, r.CIDR)
	}
	return all
}

// permissionFilter returns a filter on the inbound rules of a group.
func permissionFilter(get func(permissionItem) []string) func(groupItem) []string {
	return func(i groupItem) []string {
		var values []string
		for _, p := range i.Ingress {
			values = append(values, get(p)...)
		}
		return values
	}
}

func newPermissions(rules []rule) []permissionItem {
	type ports struct {
		protocol string
		from, to int
	}
	var keys []ports
	var items []permissionItem
	for _, r := range rules {
		key := ports{r.protocol, r.from, r.to}
		i := slices.Index(keys, key)
		if i < 0 {
			i = len(keys)
			keys = append(keys, key)
			items = append(items, permissionItem{Protocol: r.protocol})
			if r.hasPorts() {
				items[i].From, items[i].To = &r.from, &r.to
			}
		}
		items[i].add(r)
	}
	return items
}

func (p *permissionItem) add(r rule) {
	switch {
	case r.group != "":
		p.Groups = append(p.Groups, peerItem{r.owner, r.group, r.description})
	case r.cidr.Addr().Is4():
		p.Ranges = append(p.Ranges, cidrItem{r.cidr.String(), r.description})
	default:
		p.Ranges6 = append(p.Ranges6, cidr6Item{r.cidr.String(), r.description})
	}
}

// ruleItem is a rule in the answer of AuthorizeSecurityGroupIngress.
type ruleItem struct {
	ID          string `xml:"securityGroupRuleId"`
	GroupID     string `xml:"groupId"`
	OwnerID     string `xml:"groupOwnerId"`
	Egress      bool   `xml:"isEgress"`
	Protocol    string `xml:"ipProtocol"`
	From        int    `xml:"fromPort"`
	To          int    `xml:"toPort"`
	CIDR        string `xml:"cidrIpv4,omitempty"`
	CIDR6       string `xml:"cidrIpv6,omitempty"`
	Description string `xml:"description,omitempty"`
}

func newRuleItem(g *Group, r rule, owner string, egress bool) ruleItem {
	item := ruleItem{r.id, g.ID, owner, egress, r.protocol, r.from, r.to, "", "", r.description}
	if !r.hasPorts() {
		item.From, item.To = -1, -1
	}
	if r.cidr.IsValid() && r.cidr.Addr().Is4() {
		item.CIDR = r.cidr.String()
	} else if r.cidr.IsValid() {
		item.CIDR6 = r.cidr.String()
	}
	return item
}

type authorizeResponse struct {
	query.Done
	Rules []ruleItem `xml:"securityGroupRuleSet>item"`
}

// authorize adds rules: all or, if one exists already, none.
func (s *Networks) authorize(side func(*Group) *[]rule, egress bool) func(*query.Call) (any, error) {
	return func(c *query.Call) (any, error) {
		g, err := s.namedGroup(c)
		if err != nil {
			return nil, err
		}
		added, err := s.readRules(c)
		if err != nil {
			return nil, err
		}
		if err := c.DryRun(); err != nil {
			return nil, err
		}
		rules := slices.Clone(*side(g))
		out := &authorizeResponse{Done: *query.Success()}
		for _, r := range added {
			if slices.ContainsFunc(rules, r.same) {
				return nil, api.Bad("InvalidPermission.Duplicate", `the specified rule "peer: %s" already exists`, r.peer())
			}
			rules = append(rules, r)
			out.Rules = append(out.Rules, newRuleItem(g, r, s.acct.ID, egress))
		}
		*side(g) = rules
		return out, nil
	}
}

// revoke removes rules: all or, if one doesn't exist, none.
func (s *Networks) revoke(side func(*Group) *[]rule) func(*query.Call) (any, error) {
	return func(c *query.Call) (any, error) {
		g, err := s.namedGroup(c)
		if err != nil {
			return nil, err
		}
		gone, err := s.revoked(c, *side(g))
		if err != nil {
			return nil, err
		}
		if err := c.DryRun(); err != nil {
			return nil, err
		}
		*side(g) = slices.DeleteFunc(slices.Clone(*side(g)), func(r rule) bool { return slices.Contains(gone, r.id) })
		return query.Success(), nil
	}
}

// revoked returns the ids of the requested rules, by id or by what they allow.
func (s *Networks) revoked(c *query.Call, rules []rule) ([]string, error) {
	if ids := c.Form.Texts("SecurityGroupRuleId"); len(ids) > 0 {
		for _, id := range ids {
			if !slices.ContainsFunc(rules, func(r rule) bool { return r.id == id }) {
				return nil, api.Bad("InvalidSecurityGroupRuleId.NotFound", "The security group rule ID '%s' does not exist", id)
			}
		}
		return ids, nil
	}
	named, err := s.readRules(c)
	if err != nil {
		return nil, err
	}
	var ids []string
	for _, r := range named {
		i := slices.IndexFunc(rules, r.same)
		if i < 0 {
			return nil, api.Bad("InvalidPermission.NotFound", "The specified rule does not exist in this security group.")
		}
		ids = append(ids, rules[i].id)
	}
	return ids, nil
}
