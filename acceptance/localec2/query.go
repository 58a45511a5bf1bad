package localec2

import (
	"net/url"
	"slices"
	"strconv"
	"strings"
)

// form is a node of the tree that an EC2 Query request's parameters make:
// BlockDeviceMapping.1.Ebs.SnapshotId=snap-1 is the value of a form four
// levels down.
type form struct {
	value string
	set   bool
	kids  map[string]*form
}

// parseForm reads a form-encoded body.
func parseForm(body string) (*form, error) {
	values, err := url.ParseQuery(body)
	if err != nil {
		return nil, bad("MalformedQueryString", "The query string contains a syntax error: %v", err)
	}
	root := &form{}
	for name, v := range values {
		if len(v) > 1 {
			return nil, bad("InvalidQueryParameter", "The parameter '%s' may only be specified once.", name)
		}
		node := root
		for part := range strings.SplitSeq(name, ".") {
			node = node.child(part)
		}
		node.value, node.set = v[0], true
	}
	return root, nil
}

func (f *form) child(name string) *form {
	if f.kids == nil {
		f.kids = map[string]*form{}
	}
	if f.kids[name] == nil {
		f.kids[name] = &form{}
	}
	return f.kids[name]
}

// at returns the form under a name, an empty one where there is none.
func (f *form) at(name string) *form {
	if kid := f.kids[name]; kid != nil {
		return kid
	}
	return &form{}
}

// has reports whether anything is given under a name.
func (f *form) has(name string) bool { return f.kids[name] != nil }

// text returns a parameter's value, empty where it is not given.
func (f *form) text(name string) string { return f.at(name).value }

// list returns the members Name.1, Name.2, … in the order of their numbers.
func (f *form) list(name string) []*form {
	type member struct {
		n int
		f *form
	}
	var members []member
	for key, kid := range f.at(name).kids {
		if n, err := strconv.Atoi(key); err == nil {
			members = append(members, member{n, kid})
		}
	}
	slices.SortFunc(members, func(a, b member) int { return a.n - b.n })
	forms := make([]*form, len(members))
	for i, m := range members {
		forms[i] = m.f
	}
	return forms
}

// texts returns the values of a list of plain values.
func (f *form) texts(name string) []string {
	var values []string
	for _, member := range f.list(name) {
		values = append(values, member.value)
	}
	return values
}

// flag reads a boolean, def where it is not given.
func (f *form) flag(name string, def bool) (bool, error) {
	switch v := f.text(name); strings.ToLower(v) {
	case "":
		return def, nil
	case "true":
		return true, nil
	case "false":
		return false, nil
	default:
		return false, bad("InvalidParameterValue", "Invalid value '%s' for %s. Must be true or false.", v, lowerFirst(name))
	}
}

// number reads an integer, 0 where it is not given.
func (f *form) number(name string) (int, error) {
	v := f.text(name)
	if v == "" {
		return 0, nil
	}
	n, err := strconv.Atoi(v)
	if err != nil {
		return 0, bad("InvalidParameterValue", "Value ( %s ) for parameter %s is invalid. An integer is expected.", v, lowerFirst(name))
	}
	return n, nil
}

// need returns a parameter that must be given and not be empty.
func (f *form) need(name string) (string, error) {
	if v := f.text(name); v != "" {
		return v, nil
	}
	return "", bad("MissingParameter", "The request must contain the parameter %s", lowerFirst(name))
}

// only refuses parameters other than the known ones, as EC2 does.
func (f *form) only(known ...string) error {
	for name := range f.kids {
		if !slices.Contains(known, name) {
			return bad("UnknownParameter", "The parameter %s is not recognized", name)
		}
	}
	return nil
}

func lowerFirst(s string) string { return strings.ToLower(s[:1]) + s[1:] }
