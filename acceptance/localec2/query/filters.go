package query

import (
	"regexp"
	"strings"

	"github.com/unikernel-ami/packer-plugin-unikernel/acceptance/localec2/api"
	"github.com/unikernel-ami/packer-plugin-unikernel/acceptance/localec2/resource"
)

// Filters are the filters of a Describe call. A filter's function returns the
// values that the filter compares. For a filter that AWS documents but for
// which the server has no data, it returns nil: the filter is accepted and
// matches nothing.
type Filters[T any] map[string]func(T) []string

// tagged is a resource that the filters tag:KEY, tag-key and tag-value apply
// to.
type tagged interface{ TagList() []resource.Tag }

// filter is one filter of a request. One of its patterns must match.
type filter[T any] struct {
	values   func(T) []string
	patterns []*regexp.Regexp
}

// Read reads the filters of a request. It returns a function that reports
// whether a resource passes all of them.
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

// tagFilter returns a filter on tags, for resources that have tags.
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

// wildcard converts a filter's value to a pattern: * matches any text, ?
// matches one character, a backslash escapes either. Case matters.
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

// Optional returns the value that a filter compares if a resource may lack it.
func Optional(v string) []string {
	if v == "" {
		return nil
	}
	return []string{v}
}
