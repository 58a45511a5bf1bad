package query

import (
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/unikernel-ami/packer-plugin-unikernel/acceptance/localec2/api"
)

// Form is a node in the tree of a request's parameters:
// BlockDeviceMapping.1.Ebs.SnapshotId=snap-1 is the value of a node four levels
// down.
type Form struct {
	value string
	kids  map[string]*Form
}

// ParseForm parses a form-encoded body.
func ParseForm(body string) (*Form, error) {
	values, err := url.ParseQuery(body)
	if err != nil {
		return nil, api.Bad("MalformedQueryString", "The query string contains a syntax error: %v", err)
	}
	root := &Form{}
	for name, v := range values {
		if len(v) > 1 {
			return nil, api.Bad("InvalidQueryParameter", "The parameter '%s' may only be specified once.", name)
		}
		node := root
		for part := range strings.SplitSeq(name, ".") {
			node = node.Child(part)
		}
		node.value = v[0]
	}
	return root, nil
}

// Child returns the form under a name, and adds it if it is missing.
func (f *Form) Child(name string) *Form {
	if f.kids == nil {
		f.kids = map[string]*Form{}
	}
	if f.kids[name] == nil {
		f.kids[name] = &Form{}
	}
	return f.kids[name]
}

// Set sets the parameter's value.
func (f *Form) Set(value string) { f.value = value }

// At returns the form under a name, or an empty one.
func (f *Form) At(name string) *Form {
	if kid := f.kids[name]; kid != nil {
		return kid
	}
	return &Form{}
}

// Has reports whether there is a parameter under a name.
func (f *Form) Has(name string) bool { return f.kids[name] != nil }

// Text returns the value of a parameter, or an empty string.
func (f *Form) Text(name string) string { return f.At(name).value }

// List returns the members Name.1, Name.2, … in the order of their numbers.
func (f *Form) List(name string) []*Form {
	type member struct {
		n int
		f *Form
	}
	var members []member
	for key, kid := range f.At(name).kids {
		if n, err := strconv.Atoi(key); err == nil {
			members = append(members, member{n, kid})
		}
	}
	slices.SortFunc(members, func(a, b member) int { return a.n - b.n })
	forms := make([]*Form, len(members))
	for i, m := range members {
		forms[i] = m.f
	}
	return forms
}

// Texts returns the values of a list of simple values.
func (f *Form) Texts(name string) []string {
	var values []string
	for _, member := range f.List(name) {
		values = append(values, member.value)
	}
	return values
}

// Flag parses a boolean parameter. It returns def if the parameter is missing.
func (f *Form) Flag(name string, def bool) (bool, error) {
	switch v := f.Text(name); strings.ToLower(v) {
	case "":
		return def, nil
	case "true":
		return true, nil
	case "false":
		return false, nil
	default:
		return false, api.Bad("InvalidParameterValue", "Invalid value '%s' for %s. Must be true or false.", v, LowerFirst(name))
	}
}

// Number parses an integer parameter. It returns 0 if the parameter is missing.
func (f *Form) Number(name string) (int, error) {
	v := f.Text(name)
	if v == "" {
		return 0, nil
	}
	n, err := strconv.Atoi(v)
	if err != nil {
		return 0, api.Bad("InvalidParameterValue", "Value ( %s ) for parameter %s is invalid. An integer is expected.", v, LowerFirst(name))
	}
	return n, nil
}

// Need returns the value of a required parameter.
func (f *Form) Need(name string) (string, error) {
	if v := f.Text(name); v != "" {
		return v, nil
	}
	return "", api.Bad("MissingParameter", "The request must contain the parameter %s", LowerFirst(name))
}

// Only returns an error if there are parameters other than the known ones, as
// EC2 does.
func (f *Form) Only(known ...string) error {
	for name := range f.kids {
		if !slices.Contains(known, name) {
			return api.Bad("UnknownParameter", "The parameter %s is not recognized", name)
		}
	}
	return nil
}

// LowerFirst returns a parameter's name as it appears in EC2's messages.
func LowerFirst(s string) string { return strings.ToLower(s[:1]) + s[1:] }
