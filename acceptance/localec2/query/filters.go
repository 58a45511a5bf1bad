package query

import (
	"regexp"
	"strings"

	"github.com/unikernel-ami/packer-plugin-unikernel/acceptance/localec2/api"
	"github.com/unikernel-ami/packer-plugin-unikernel/acceptance/localec2/resource"
)

// Filters holds the filters of a Describe call: the values that a resource
// has under each filter's name. A filter that AWS documents but that the
// server has no data for returns nil: it is accepted and matches nothing.
type Filters[T any] map[string]func(T) []string

// tagged is what the filters tag:KEY, tag-key and tag-value need.
type tagged interface{ TagList() []resource.Tag }

// filter is one filter of a request: any of its patterns must match.
type filter[T any] struct {
	values   func(T) []string
	patterns []*regexp.Regexp
}

// Read takes the filters out of a request and returns whether a resource
// passes all of them.
func (t Filters[T]) Read(f *Form) (func(T) bool, error) {
	var filters []filter[T]
	for _, member := range f.List("Filter") {
		if err := member.Only("Name", "Value"); err != nil {
			return nil, err
		}
		one, err := t.filter(member.Text("Name"), member.Texts("Value"))
		if err != nil {
			return nil, err
		}
		filters = append(filters, one)
	}
	return func(v T) bool {
		for _, one := range filters {
			if !one.matches(v) {
				return false
			}
		}
		return true
	}, nil
}

func (t Filters[T]) filter(name string, values []string) (filter[T], error) {
	get, known := t[name]
	if !known {
		get, known = tagFilter[T](name)
	}
	if !known {
		return filter[T]{}, api.Bad("InvalidParameterValue", "The filter '%s' is invalid", name)
	}
	if len(values) == 0 {
		return filter[T]{}, api.Bad("InvalidParameterValue", "The filter '%s' has no values", name)
	}
	one := filter[T]{values: get}
	for _, v := range values {
		one.patterns = append(one.patterns, wildcard(v))
	}
	return one, nil
}

// tagFilter makes the filters on tags, for resources that have tags.
func tagFilter[T any](name string) (func(T) []string, bool) {
	var none T
	if _, ok := any(none).(tagged); !ok {
		return nil, false
	}
	key, isTag := strings.CutPrefix(name, "tag:")
	if !isTag && name != "tag-key" && name != "tag-value" {
		return nil, false
	}
	return func(v T) []string {
		var values []string
		for _, t := range any(v).(tagged).TagList() {
			switch {
			case name == "tag-key":
				values = append(values, t.Key)
			case name == "tag-value" || isTag && t.Key == key:
				values = append(values, t.Value)
			}
		}
		return values
	}, true
}

func (one filter[T]) matches(v T) bool {
	for _, value := range one.values(v) {
		for _, p := range one.patterns {
			if p.MatchString(value) {
				return true
			}
		}
	}
	return false
}

// wildcard turns a filter's value into a pattern: * stands for any text, ? for
// one character, a backslash before either for itself. Case matters.
func wildcard(value string) *regexp.Regexp {
	var b strings.Builder
	b.WriteString(`(?s)\A`)
	escaped := false
	for _, r := range value {
		switch {
		case escaped:
			b.WriteString(regexp.QuoteMeta(string(r)))
			escaped = false
		case r == '\\':
			escaped = true
		case r == '*':
			b.WriteString(`.*`)
		case r == '?':
			b.WriteString(`.`)
		default:
			b.WriteString(regexp.QuoteMeta(string(r)))
		}
	}
	if escaped {
		b.WriteString(`\\`)
	}
	b.WriteString(`\z`)
	return regexp.MustCompile(b.String())
}

// Optional is the value of a filter on something that a resource may lack.
func Optional(v string) []string {
	if v == "" {
		return nil
	}
	return []string{v}
}
