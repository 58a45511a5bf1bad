package localec2

import (
	"regexp"
	"slices"
	"strings"
)

var groupActions = map[string]action{
	"DescribeSecurityGroups": {params: []string{"GroupId", "GroupName", "Filter", "MaxResults", "NextToken"}, run: (*Server).describeGroups},
	"CreateSecurityGroup":    {params: []string{"GroupName", "GroupDescription", "VpcId", "TagSpecification"}, run: (*Server).createGroup},
	"DeleteSecurityGroup":    {params: []string{"GroupId", "GroupName"}, run: (*Server).deleteGroup},
}

// defaultGroup is the name of the group that every VPC has.
const defaultGroup = "default"

// group is a security group. Its rules for traffic that comes in decide which
// ports of its instances answer; those for traffic that goes out are kept, and
// hold nothing back.
type group struct {
	owned
	vpc               *vpc
	name, description string
	ingress, egress   []rule
}

type groupItem struct {
	ID          string           `xml:"groupId"`
	Name        string           `xml:"groupName"`
	Description string           `xml:"groupDescription"`
	OwnerID     string           `xml:"ownerId"`
	VPC         string           `xml:"vpcId"`
	Ingress     []permissionItem `xml:"ipPermissions>item"`
	Egress      []permissionItem `xml:"ipPermissionsEgress>item"`
	Tags        []tag            `xml:"tagSet>item"`
}

func (i groupItem) tagList() []tag { return i.Tags }

func (s *Server) newGroupItem(g *group) groupItem {
	return groupItem{g.id, g.name, g.description, s.opts.Account, g.vpc.id, newPermissions(g.ingress), newPermissions(g.egress), g.tags.tagList()}
}

var groupFilters = filterTable[groupItem]{
	"description":            func(i groupItem) []string { return []string{i.Description} },
	"group-id":               func(i groupItem) []string { return []string{i.ID} },
	"group-name":             func(i groupItem) []string { return []string{i.Name} },
	"ip-permission.cidr":     permissionFilter(func(p permissionItem) []string { return p.cidrs() }),
	"ip-permission.protocol": permissionFilter(func(p permissionItem) []string { return []string{p.Protocol} }),
	"owner-id":               func(i groupItem) []string { return []string{i.OwnerID} },
	"vpc-id":                 func(i groupItem) []string { return []string{i.VPC} },
}

type describeGroupsResponse struct {
	response
	Groups    []groupItem `xml:"securityGroupInfo>item"`
	NextToken string      `xml:"nextToken,omitempty"`
}

func (s *Server) describeGroups(c *call) (any, error) {
	names := c.form.texts("GroupName")
	for _, name := range names {
		if _, err := s.groupByName(c, name); err != nil {
			return nil, err
		}
	}
	out := &describeGroupsResponse{}
	var err error
	out.Groups, out.NextToken, err = described(s, c, groupKind, paging{5, 1000, "GroupId"}, s.regions[c.region].groups, groupFilters, s.newGroupItem)
	if len(names) > 0 {
		out.Groups = slices.DeleteFunc(out.Groups, func(g groupItem) bool { return !slices.Contains(names, g.Name) })
	}
	return out, err
}

// groupByName finds a group of the default VPC: elsewhere groups have ids only.
func (s *Server) groupByName(c *call, name string) (*group, error) {
	n := s.regions[c.region].network
	v, err := n.defaultVPC()
	if err != nil {
		return nil, err
	}
	for _, g := range visibleOf(s, n.groups) {
		if g.vpc == v && g.name == name {
			return g, nil
		}
	}
	return nil, bad(groupKind.notFound, "The security group '%s' does not exist in default VPC '%s'", name, v.id)
}

// groupText is the rule on a group's name and description
// (CreateSecurityGroup).
var groupText = regexp.MustCompile(`^[A-Za-z0-9 ._\-:/()#,@\[\]+=&;{}!$*]{1,255}$`)

type createGroupResponse struct {
	response
	ID   string `xml:"groupId"`
	Tags []tag  `xml:"tagSet>item"`
}

func (s *Server) createGroup(c *call) (any, error) {
	n := s.regions[c.region].network
	g, err := s.readGroup(c)
	if err != nil {
		return nil, err
	}
	for _, other := range n.groups {
		if other.vpc == g.vpc && other.name == g.name {
			return nil, bad("InvalidGroup.Duplicate", "The security group '%s' already exists for VPC '%s'", g.name, g.vpc.id)
		}
	}
	if err := dryRun(c); err != nil {
		return nil, err
	}
	g.egress = []rule{allowAll()}
	n.groups[g.id] = g
	c.resource = g.id
	return &createGroupResponse{ID: g.id, Tags: g.tags.tagList()}, nil
}

func (s *Server) readGroup(c *call) (*group, error) {
	name, err := c.form.need("GroupName")
	if err != nil {
		return nil, err
	}
	description, err := c.form.need("GroupDescription")
	if err != nil {
		return nil, err
	}
	switch {
	case name == defaultGroup:
		return nil, bad("InvalidParameterValue", "Cannot use reserved security group name: %s", name)
	case strings.HasPrefix(name, "sg-"):
		return nil, bad("InvalidParameterValue", "Invalid group name: group names may not be in the format sg-*")
	case !groupText.MatchString(name):
		return nil, bad("InvalidParameterValue", "Value (%s) for parameter GroupName is invalid. Character sets beyond ASCII are not supported.", name)
	case !groupText.MatchString(description):
		return nil, bad("InvalidParameterValue", "Value (%s) for parameter GroupDescription is invalid. Character sets beyond ASCII are not supported.", description)
	}
	n := s.regions[c.region].network
	var v *vpc
	if id := c.form.text("VpcId"); id != "" {
		v, err = find(s, n.vpcs, vpcKind, id)
	} else {
		v, err = n.defaultVPC()
	}
	if err != nil {
		return nil, err
	}
	common, err := s.newOwned(c, groupKind)
	return &group{owned: common, vpc: v, name: name, description: description}, err
}

// namedGroup finds the group that a request names by id or, in the default
// VPC, by name.
func (s *Server) namedGroup(c *call) (*group, error) {
	if name := c.form.text("GroupName"); name != "" && !c.form.has("GroupId") {
		g, err := s.groupByName(c, name)
		if err == nil {
			c.resource = g.id
		}
		return g, err
	}
	return findNamed(s, c, s.regions[c.region].groups, groupKind, "GroupId")
}

// deleteGroup deletes a group that no instance is in, also none that is ending,
// and that no rule of another group names.
func (s *Server) deleteGroup(c *call) (any, error) {
	state := s.regions[c.region]
	g, err := s.namedGroup(c)
	if err != nil {
		return nil, err
	}
	if err := dryRun(c); err != nil {
		return nil, err
	}
	if g.name == defaultGroup {
		return nil, bad("CannotDelete", `the specified group: "%s" name: "%s" cannot be deleted by a user`, g.id, g.name)
	}
	used := false
	for _, in := range state.instances {
		used = used || in.state(s.opts.Now()) != terminated && slices.Contains(in.groups, g)
	}
	for _, other := range state.groups {
		names := func(r rule) bool { return r.group == g.id }
		used = used || other != g && (slices.ContainsFunc(other.ingress, names) || slices.ContainsFunc(other.egress, names))
	}
	if used {
		return nil, bad("DependencyViolation", "resource %s has a dependent object", g.id)
	}
	delete(state.groups, g.id)
	return &done{Return: true}, nil
}
