package network

import (
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"github.com/unikernel-ami/packer-plugin-unikernel/acceptance/localec2/api"
	"github.com/unikernel-ami/packer-plugin-unikernel/acceptance/localec2/query"
	"github.com/unikernel-ami/packer-plugin-unikernel/acceptance/localec2/resource"
)

const allProtocols = "-1"

// rule is a rule of a security group: one range of ports for one peer.
type rule struct {
	id          string
	protocol    string // "tcp", "udp", "icmp", "icmpv6", "-1" for all, or a number
	from, to    int    // ports, or the type and code of ICMP
	cidr        netip.Prefix
	group       string // the peer, if it has no CIDR block
	owner       string // of the group
	description string
}

// allowAll returns the rule of a new group that allows all outbound traffic.
func allowAll() rule { return rule{id: resource.NewID("sgr-"), protocol: allProtocols, cidr: anywhere} }

// same reports whether two rules are equal except for id and description.
func (r rule) same(o rule) bool {
	r.id, r.description = o.id, o.description
	return r == o
}

// peer returns what a rule allows, in EC2's words.
func (r rule) peer() string {
	peer := r.group
	if r.cidr.IsValid() {
		peer = r.cidr.String()
	}
	if !r.hasPorts() {
		return peer + ", ALL, ALLOW"
	}
	return fmt.Sprintf("%s, %s, from port: %d, to port: %d, ALLOW", peer, strings.ToUpper(r.protocol), r.from, r.to)
}

// hasPorts reports whether the rule has ports, or an ICMP type and code.
func (r rule) hasPorts() bool {
	return slices.Contains([]string{"tcp", "udp", "icmp", "icmpv6"}, r.protocol)
}

// protocolNames are the protocols that EC2 shows by name.
var protocolNames = map[string]string{"6": "tcp", "17": "udp", "1": "icmp", "58": "icmpv6", "all": allProtocols}

// readRules reads the rules of a request, in either of EC2's two forms.
func (s *Networks) readRules(c *query.Call) ([]rule, error) {
	list := c.Form.List("IpPermissions")
	if len(list) == 0 && (c.Form.Has("IpProtocol") || c.Form.Has("CidrIp")) {
		return s.readRule(c, flatPermission(c.Form))
	}
	if len(list) == 0 {
		return nil, api.Bad("MissingParameter", "The request must contain the parameter ipPermissions")
	}
	var all []rule
	for _, f := range list {
		rules, err := s.readRule(c, f)
		if err != nil {
			return nil, err
		}
		all = append(all, rules...)
	}
	for i, r := range all {
		if slices.ContainsFunc(all[:i], r.same) {
			return nil, api.Bad("InvalidParameterValue", "The same permission must not appear multiple times")
		}
	}
	return all, nil
}

// flatPermission converts the older form of a rule, with one peer, to the newer
// form.
func flatPermission(f *query.Form) *query.Form {
	p := &query.Form{}
	for _, name := range []string{"IpProtocol", "FromPort", "ToPort"} {
		p.Child(name).Set(f.Text(name))
	}
	p.Child("IpRanges").Child("1").Child("CidrIp").Set(f.Text("CidrIp"))
	return p
}

// readRule reads one permission, which is one rule for each of its peers.
func (s *Networks) readRule(c *query.Call, f *query.Form) ([]rule, error) {
	if err := f.Only("IpProtocol", "FromPort", "ToPort", "IpRanges", "Ipv6Ranges", "Groups", "PrefixListIds"); err != nil {
		return nil, err
	}
	r, err := readPorts(f)
	if err != nil {
		return nil, err
	}
	for _, member := range f.List("PrefixListIds") {
		return nil, api.Bad("InvalidPrefixListID.NotFound", "The prefix list ID '%s' does not exist", member.Text("PrefixListId"))
	}
	var rules []rule
	for _, p := range []struct{ list, cidr string }{{"IpRanges", "CidrIp"}, {"Ipv6Ranges", "CidrIpv6"}} {
		for _, member := range f.List(p.list) {
			one := r
			cidr, err := netip.ParsePrefix(member.Text(p.cidr))
			if err != nil || cidr.Addr().Is4() != (p.cidr == "CidrIp") {
				return nil, api.Bad("InvalidParameterValue", "CIDR block %s is malformed", member.Text(p.cidr))
			}
			one.id, one.cidr, one.description = resource.NewID("sgr-"), cidr.Masked(), member.Text("Description")
			rules = append(rules, one)
		}
	}
	for _, member := range f.List("Groups") {
		g, err := resource.Find(s.acct.Now(), s.regions[c.Region].groups, groupType, member.Text("GroupId"))
		if err != nil {
			return nil, err
		}
		one := r
		one.id, one.group, one.owner, one.description = resource.NewID("sgr-"), g.ID, s.acct.ID, member.Text("Description")
		rules = append(rules, one)
	}
	if len(rules) == 0 {
		return nil, api.Bad("InvalidParameterValue", "No peer is given: the rule needs a CIDR block or a group")
	}
	return rules, nil
}

// readPorts reads the protocol and ports of a rule.
func readPorts(f *query.Form) (rule, error) {
	protocol, err := f.Need("IpProtocol")
	if err != nil {
		return rule{}, err
	}
	r := rule{protocol: strings.ToLower(protocol)}
	if name, known := protocolNames[r.protocol]; known {
		r.protocol = name
	}
	if n, err := strconv.Atoi(r.protocol); !r.hasPorts() && (err != nil || n < -1 || n > 255) {
		return r, api.Bad("InvalidParameterValue", "Invalid value '%s' for IP protocol. Unknown protocol.", protocol)
	}
	if !r.hasPorts() {
		return r, nil
	}
	for _, name := range []string{"FromPort", "ToPort"} {
		if _, err := f.Need(name); err != nil {
			return r, err
		}
	}
	if r.from, err = f.Number("FromPort"); err != nil {
		return r, err
	}
	if r.to, err = f.Number("ToPort"); err != nil {
		return r, err
	}
	return r, r.checkPorts()
}

func (r rule) checkPorts() error {
	if strings.HasPrefix(r.protocol, "icmp") {
		if r.from < -1 || r.from > 255 || r.to < -1 || r.to > 255 {
			return api.Bad("InvalidParameterValue", "ICMP type (%d) or code (%d) out of range", r.from, r.to)
		}
		return nil
	}
	for _, port := range []int{r.from, r.to} {
		if port < 0 || port > 65535 {
			return api.Bad("InvalidParameterValue", "Invalid value '%d' for portRange. Must specify both from and to ports with TCP/UDP.", port)
		}
	}
	if r.from > r.to {
		return api.Bad("InvalidParameterValue", "Invalid TCP/UDP port range (%d:%d)", r.from, r.to)
	}
	return nil
}
