package network

import (
	"regexp"
	"slices"
	"strings"

	"github.com/unikernel-ami/packer-plugin-unikernel/acceptance/localec2/api"
	"github.com/unikernel-ami/packer-plugin-unikernel/acceptance/localec2/query"
	"github.com/unikernel-ami/packer-plugin-unikernel/acceptance/localec2/resource"
)

func (s *Networks) groupActions() map[string]query.Action {
	return map[string]query.Action{
		"DescribeSecurityGroups": {Params: []string{"GroupId", "GroupName", "Filter", "MaxResults", "NextToken"}, Run: s.describeGroups},
		"CreateSecurityGroup":    {Params: []string{"GroupName", "GroupDescription", "VpcId", "TagSpecification"}, Run: s.createGroup},
		"DeleteSecurityGroup":    {Params: []string{"GroupId", "GroupName"}, Run: s.deleteGroup},
	}
}

// defaultGroup is the name of the group in every VPC.
const defaultGroup = "default"

// Group is a security group. Its inbound rules decide which ports of its
// instances answer. Its outbound rules are stored but have no effect.
type Group struct {
	resource.Common
	VPC             *VPC
	Name            string
	description     string
	ingress, egress []rule
}

type groupItem struct {
	ID          string           `xml:"groupId"`
	Name        string           `xml:"groupName"`
	Description string           `xml:"groupDescription"`
	OwnerID     string           `xml:"ownerId"`
	VPC         string           `xml:"vpcId"`
	Ingress     []permissionItem `xml:"ipPermissions>item"`
	Egress      []permissionItem `xml:"ipPermissionsEgress>item"`
	Tags        []resource.Tag   `xml:"tagSet>item"`
}

func (i groupItem) TagList() []resource.Tag { return i.Tags }

func (s *Networks) newGroupItem(g *Group) groupItem {
	return groupItem{g.ID, g.Name, g.description, s.acct.ID, g.VPC.ID, newPermissions(g.ingress), newPermissions(g.egress), g.Tags.List()}
}

var groupFilters = query.Filters[groupItem]{
	"description":            func(i groupItem) []string { return []string{i.Description} },
	"group-id":               func(i groupItem) []string { return []string{i.ID} },
	"group-name":             func(i groupItem) []string { return []string{i.Name} },
	"ip-permission.cidr":     permissionFilter(func(p permissionItem) []string { return p.cidrs() }),
	"ip-permission.protocol": permissionFilter(func(p permissionItem) []string { return []string{p.Protocol} }),
	"owner-id":               func(i groupItem) []string { return []string{i.OwnerID} },
	"vpc-id":                 func(i groupItem) []string { return []string{i.VPC} },
}

type describeGroupsResponse struct {
	query.Response
	Groups    []groupItem `xml:"securityGroupInfo>item"`
	NextToken string      `xml:"nextToken,omitempty"`
}

func (s *Networks) describeGroups(c *query.Call) (any, error) {
	names := c.Form.Texts("GroupName")
	for _, name := range names {
		if _, err := s.groupByName(c, name); err != nil {
			return nil, err
		}
	}
	out := &describeGroupsResponse{}
	var err error
	out.Groups, out.NextToken, err = query.Describe(s.acct, c, groupType, query.Paging{Min: 5, Max: 1000, IDs: "GroupId"}, s.regions[c.Region].groups, groupFilters, s.newGroupItem)
	if len(names) > 0 {
		out.Groups = slices.DeleteFunc(out.Groups, func(g groupItem) bool { return !slices.Contains(names, g.Name) })
	}
	return out, err
}

// groupByName returns a group of the default VPC. Groups of other VPCs are
// found by id only.
func (s *Networks) groupByName(c *query.Call, name string) (*Group, error) {
	n := s.regions[c.Region]
	v, err := n.defaultVPC()
	if err != nil {
		return nil, err
	}
	for _, g := range resource.Visible(s.acct.Now(), n.groups) {
		if g.VPC == v && g.Name == name {
			return g, nil
		}
	}
	return nil, api.Bad(groupType.NotFound, "The security group '%s' does not exist in default VPC '%s'", name, v.ID)
}

// groupText matches valid names and descriptions of groups
// (CreateSecurityGroup).
var groupText = regexp.MustCompile(`^[A-Za-z0-9 ._\-:/()#,@\[\]+=&;{}!$*]{1,255}$`)

type createGroupResponse struct {
	query.Response
	ID   string         `xml:"groupId"`
	Tags []resource.Tag `xml:"tagSet>item"`
}

func (s *Networks) createGroup(c *query.Call) (any, error) {
	n := s.regions[c.Region]
	g, err := s.readGroup(c)
	if err != nil {
		return nil, err
	}
	for _, other := range n.groups {
		if other.VPC == g.VPC && other.Name == g.Name {
			return nil, api.Bad("InvalidGroup.Duplicate", "The security group '%s' already exists for VPC '%s'", g.Name, g.VPC.ID)
		}
	}
	if err := c.DryRun(); err != nil {
		return nil, err
	}
	g.egress = []rule{allowAll()}
	n.groups[g.ID] = g
	c.Resource = g.ID
	return &createGroupResponse{ID: g.ID, Tags: g.Tags.List()}, nil
}

func (s *Networks) readGroup(c *query.Call) (*Group, error) {
	name, err := c.Form.Need("GroupName")
	if err != nil {
		return nil, err
	}
	description, err := c.Form.Need("GroupDescription")
	if err != nil {
		return nil, err
	}
	switch {
	case name == defaultGroup:
		return nil, api.Bad("InvalidParameterValue", "Cannot use reserved security group name: %s", name)
	case strings.HasPrefix(name, "sg-"):
		return nil, api.Bad("InvalidParameterValue", "Invalid group name: group names may not be in the format sg-*")
	case !groupText.MatchString(name):
		return nil, api.Bad("InvalidParameterValue", "Value (%s) for parameter GroupName is invalid. Character sets beyond ASCII are not supported.", name)
	case !groupText.MatchString(description):
		return nil, api.Bad("InvalidParameterValue", "Value (%s) for parameter GroupDescription is invalid. Character sets beyond ASCII are not supported.", description)
	}
	n := s.regions[c.Region]
	var v *VPC
	if id := c.Form.Text("VpcId"); id != "" {
		v, err = resource.Find(s.acct.Now(), n.vpcs, vpcType, id)
	} else {
		v, err = n.defaultVPC()
	}
	if err != nil {
		return nil, err
	}
	common, err := query.NewCommon(s.acct, c, groupType)
	return &Group{Common: common, VPC: v, Name: name, description: description}, err
}

// namedGroup returns the requested group, by id or, in the default VPC, by
// name.
func (s *Networks) namedGroup(c *query.Call) (*Group, error) {
	if name := c.Form.Text("GroupName"); name != "" && !c.Form.Has("GroupId") {
		g, err := s.groupByName(c, name)
		if err == nil {
			c.Resource = g.ID
		}
		return g, err
	}
	return query.FindNamed(s.acct, c, s.regions[c.Region].groups, groupType, "GroupId")
}

// deleteGroup deletes a group. No instance may be in it, not even one that is
// shutting down, and no rule of another group may refer to it.
func (s *Networks) deleteGroup(c *query.Call) (any, error) {
	n := s.regions[c.Region]
	g, err := s.namedGroup(c)
	if err != nil {
		return nil, err
	}
	if err := c.DryRun(); err != nil {
		return nil, err
	}
	if g.Name == defaultGroup {
		return nil, api.Bad("CannotDelete", `the specified group: "%s" name: "%s" cannot be deleted by a user`, g.ID, g.Name)
	}
	used := s.inUse(c.Region, func(i *Interface) bool { return slices.Contains(i.Groups, g) })
	for _, other := range n.groups {
		names := func(r rule) bool { return r.group == g.ID }
		used = used || other != g && (slices.ContainsFunc(other.ingress, names) || slices.ContainsFunc(other.egress, names))
	}
	if used {
		return nil, api.Bad("DependencyViolation", "resource %s has a dependent object", g.ID)
	}
	delete(n.groups, g.ID)
	return query.Success(), nil
}
