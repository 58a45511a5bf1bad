package image

import (
	"regexp"
	"slices"

	"github.com/unikernel-ami/packer-plugin-unikernel/acceptance/localec2/api"
	"github.com/unikernel-ami/packer-plugin-unikernel/acceptance/localec2/query"
)

// permission is one launch permission of an image, or one permission to create
// volumes of a snapshot. Exactly one field is set; a snapshot can't be shared
// with organizations.
type permission struct {
	User  string `xml:"userId,omitempty"`
	Group string `xml:"group,omitempty"`
	Org   string `xml:"organizationArn,omitempty"`
	OU    string `xml:"organizationalUnitArn,omitempty"`
}

// everyone is the one group there is: all accounts.
var everyone = permission{Group: "all"}

// permissions are those of one image or snapshot, in the order in which they were
// added.
type permissions []permission

func (p permissions) public() bool { return slices.Contains(p, everyone) }

// grants reports whether one of the accounts in a Describe call is named: an id,
// "self", or "all". Organizations don't count.
func (p permissions) grants(names []string, self string) bool {
	return slices.ContainsFunc(names, func(name string) bool {
		if name == "self" {
			name = self
		}
		return name == "all" && p.public() || slices.Contains(p, permission{User: name})
	})
}

// change is what a request adds and removes.
type change struct{ add, remove permissions }

// apply returns the changed permissions. What is there is not added again, and
// what is missing need not be removed.
func (ch change) apply(p permissions) permissions {
	after := slices.DeleteFunc(slices.Clone(p), func(one permission) bool { return slices.Contains(ch.remove, one) })
	for _, one := range ch.add {
		if !slices.Contains(after, one) {
			after = append(after, one)
		}
	}
	return after
}

// kind is a kind of permission in a request: the parameter of its flat form, the
// member of its structure, and which values are valid.
type kind struct {
	flat, member, item string
	valid              *regexp.Regexp
	make               func(string) permission
}

// unknownAccount is an account id that is well formed, but that no account has.
const unknownAccount = "000000000000"

var (
	users  = kind{"UserId", "UserId", "userId", regexp.MustCompile(`^\d{12}$`), func(v string) permission { return permission{User: v} }}
	groups = kind{"UserGroup", "Group", "UserGroup", regexp.MustCompile(`^all$`), func(v string) permission { return permission{Group: v} }}
	orgs   = kind{"OrganizationArn", "OrganizationArn", "OrganizationArn",
		regexp.MustCompile(`^arn:aws[a-z-]*:organizations::\d{12}:organization/o-[a-z0-9]{10,32}$`), func(v string) permission { return permission{Org: v} }}
	ous = kind{"OrganizationalUnitArn", "OrganizationalUnitArn", "OrganizationalUnitArn",
		regexp.MustCompile(`^arn:aws[a-z-]*:organizations::\d{12}:ou/o-[a-z0-9]{10,32}/ou-[0-9a-z]{4,32}-[0-9a-z]{8,32}$`), func(v string) permission { return permission{OU: v} }}

	imageKinds    = []kind{users, groups, orgs, ous}
	snapshotKinds = []kind{users, groups}
)

// grammar is how an action spells the permissions in its requests.
type grammar struct {
	structure string // parameter with Add and Remove
	kinds     []kind
	invalid   func(item, value string) *api.Error
}

// read reads what a request changes, in either form: a structure with Add and
// Remove, or OperationType and lists.
func (g grammar) read(f *query.Form) (ch change, err error) {
	structure := f.At(g.structure)
	if err := structure.Only("Add", "Remove"); err != nil {
		return ch, err
	}
	if ch.add, err = g.members(structure.List("Add")); err != nil {
		return ch, err
	}
	if ch.remove, err = g.members(structure.List("Remove")); err != nil {
		return ch, err
	}
	flat, err := g.flat(f)
	if err != nil || len(flat) == 0 {
		return ch, err
	}
	switch operation := f.Text("OperationType"); operation {
	case "add":
		ch.add = append(ch.add, flat...)
	case "remove":
		ch.remove = append(ch.remove, flat...)
	case "":
		return ch, api.Bad("MissingParameter", "The request must contain the parameter operationType")
	default:
		return ch, api.Bad("InvalidParameterValue", "Invalid value '%s' for operationType.", operation)
	}
	return ch, nil
}

// members reads the members of Add or Remove.
func (g grammar) members(list []*query.Form) (permissions, error) {
	var all permissions
	for _, member := range list {
		var names []string
		for _, k := range g.kinds {
			names = append(names, k.member)
			if !member.Has(k.member) {
				continue
			}
			one, err := g.one(k, member.Text(k.member))
			if err != nil {
				return nil, err
			}
			all = append(all, one)
		}
		if err := member.Only(names...); err != nil {
			return nil, err
		}
	}
	return all, nil
}

// flat reads the lists UserId.N, UserGroup.N and so on.
func (g grammar) flat(f *query.Form) (permissions, error) {
	var all permissions
	for _, k := range g.kinds {
		for _, value := range f.Texts(k.flat) {
			one, err := g.one(k, value)
			if err != nil {
				return nil, err
			}
			all = append(all, one)
		}
	}
	return all, nil
}

func (g grammar) one(k kind, value string) (permission, error) {
	if !k.valid.MatchString(value) || value == unknownAccount {
		return permission{}, g.invalid(k.item, value)
	}
	return k.make(value), nil
}
