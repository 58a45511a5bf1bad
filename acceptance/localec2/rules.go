package localec2

import (
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"
)

const allProtocols = "-1"

// rule is one rule of a security group: one range of ports for one peer.
type rule struct {
	id          string
	protocol    string // "tcp", "udp", "icmp", "icmpv6", "-1" for all, or a number
	from, to    int    // ports, or the type and code of ICMP
	cidr        netip.Prefix
	group       string // the peer, where it has no CIDR
	owner       string // of the group
	description string
}

// allowAll is the rule that a new group lets all traffic out by.
func allowAll() rule { return rule{id: newID("sgr-"), protocol: allProtocols, cidr: anywhere} }

// same tells whether two rules differ in nothing but id and description.
func (r rule) same(o rule) bool {
	r.id, r.description = o.id, o.description
	return r == o
}

// peer is how EC2 words what a rule allows.
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

// hasPorts tells whether the rule shows ports, or ICMP's type and code.
func (r rule) hasPorts() bool {
	return slices.Contains([]string{"tcp", "udp", "icmp", "icmpv6"}, r.protocol)
}

// protocolNames are the protocols that EC2 shows by name.
var protocolNames = map[string]string{"6": "tcp", "17": "udp", "1": "icmp", "58": "icmpv6", "all": allProtocols}

// readRules reads a request's rules, in either of the two forms that EC2 takes.
func (s *Server) readRules(c *call) ([]rule, error) {
	list := c.form.list("IpPermissions")
	if len(list) == 0 && (c.form.has("IpProtocol") || c.form.has("CidrIp")) {
		return s.readRule(c, flatPermission(c.form))
	}
	if len(list) == 0 {
		return nil, bad("MissingParameter", "The request must contain the parameter ipPermissions")
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
			return nil, bad("InvalidParameterValue", "The same permission must not appear multiple times")
		}
	}
	return all, nil
}

// flatPermission makes the older form of a rule, with one peer, the newer one.
func flatPermission(f *form) *form {
	p := &form{kids: map[string]*form{}}
	for _, name := range []string{"IpProtocol", "FromPort", "ToPort"} {
		p.kids[name] = f.at(name)
	}
	one := p.child("IpRanges").child("1").child("CidrIp")
	one.value, one.set = f.text("CidrIp"), true
	return p
}

// readRule reads one permission, which is a rule for each of its peers.
func (s *Server) readRule(c *call, f *form) ([]rule, error) {
	if err := f.only("IpProtocol", "FromPort", "ToPort", "IpRanges", "Ipv6Ranges", "Groups", "PrefixListIds"); err != nil {
		return nil, err
	}
	r, err := readPorts(f)
	if err != nil {
		return nil, err
	}
	for _, member := range f.list("PrefixListIds") {
		return nil, bad("InvalidPrefixListID.NotFound", "The prefix list ID '%s' does not exist", member.text("PrefixListId"))
	}
	var rules []rule
	for _, p := range []struct{ list, cidr string }{{"IpRanges", "CidrIp"}, {"Ipv6Ranges", "CidrIpv6"}} {
		for _, member := range f.list(p.list) {
			one := r
			cidr, err := netip.ParsePrefix(member.text(p.cidr))
			if err != nil || cidr.Addr().Is4() != (p.cidr == "CidrIp") {
				return nil, bad("InvalidParameterValue", "CIDR block %s is malformed", member.text(p.cidr))
			}
			one.id, one.cidr, one.description = newID("sgr-"), cidr.Masked(), member.text("Description")
			rules = append(rules, one)
		}
	}
	for _, member := range f.list("Groups") {
		g, err := find(s, s.regions[c.region].groups, groupKind, member.text("GroupId"))
		if err != nil {
			return nil, err
		}
		one := r
		one.id, one.group, one.owner, one.description = newID("sgr-"), g.id, s.opts.Account, member.text("Description")
		rules = append(rules, one)
	}
	if len(rules) == 0 {
		return nil, bad("InvalidParameterValue", "No peer is given: the rule needs a CIDR block or a group")
	}
	return rules, nil
}

// readPorts reads a rule's protocol and ports.
func readPorts(f *form) (rule, error) {
	protocol, err := f.need("IpProtocol")
	if err != nil {
		return rule{}, err
	}
	r := rule{protocol: strings.ToLower(protocol)}
	if name, known := protocolNames[r.protocol]; known {
		r.protocol = name
	}
	if n, err := strconv.Atoi(r.protocol); !r.hasPorts() && (err != nil || n < -1 || n > 255) {
		return r, bad("InvalidParameterValue", "Invalid value '%s' for IP protocol. Unknown protocol.", protocol)
	}
	if !r.hasPorts() {
		return r, nil
	}
	for _, name := range []string{"FromPort", "ToPort"} {
		if _, err := f.need(name); err != nil {
			return r, err
		}
	}
	if r.from, err = f.number("FromPort"); err != nil {
		return r, err
	}
	if r.to, err = f.number("ToPort"); err != nil {
		return r, err
	}
	return r, r.checkPorts()
}

func (r rule) checkPorts() error {
	if strings.HasPrefix(r.protocol, "icmp") {
		if r.from < -1 || r.from > 255 || r.to < -1 || r.to > 255 {
			return bad("InvalidParameterValue", "ICMP type (%d) or code (%d) out of range", r.from, r.to)
		}
		return nil
	}
	for _, port := range []int{r.from, r.to} {
		if port < 0 || port > 65535 {
			return bad("InvalidParameterValue", "Invalid value '%d' for portRange. Must specify both from and to ports with TCP/UDP.", port)
		}
	}
	if r.from > r.to {
		return bad("InvalidParameterValue", "Invalid TCP/UDP port range (%d:%d)", r.from, r.to)
	}
	return nil
}
