package resource

import (
	"maps"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/unikernel-ami/packer-plugin-unikernel/acceptance/localec2/api"
)

// Limits on tags (Amazon EC2 User Guide, "Tag restrictions"), in characters.
const (
	MaxTags     = 50
	maxTagKey   = 128
	maxTagValue = 256
)

// Tag is a key and a value, both in EC2's XML and EBS's JSON.
type Tag struct {
	Key   string `xml:"key"`
	Value string `xml:"value"`
}

// TagSet holds a resource's tags.
type TagSet map[string]string

// List returns the tags sorted by key.
func (t TagSet) List() []Tag {
	tags := make([]Tag, 0, len(t))
	for _, key := range slices.Sorted(maps.Keys(t)) {
		tags = append(tags, Tag{key, t[key]})
	}
	return tags
}

// NewTagSet checks a list of tags and returns it as a set. The error has EC2's
// code, which the EBS direct APIs replace.
func NewTagSet(tags []Tag) (TagSet, *api.Error) {
	set := TagSet{}
	for _, t := range tags {
		if err := checkTag(t); err != nil {
			return nil, err
		}
		if _, twice := set[t.Key]; twice {
			return nil, api.Bad("InvalidParameterValue", "Duplicate tag key '%s' specified.", t.Key)
		}
		set[t.Key] = t.Value
	}
	if len(set) > MaxTags {
		return nil, api.Bad("TagLimitExceeded", "You have reached the maximum number of tags on a resource: %d", MaxTags)
	}
	return set, nil
}

func checkTag(t Tag) *api.Error {
	switch {
	case t.Key == "":
		return api.Bad("InvalidParameterValue", "Value ( %s ) for parameter Tag key is invalid. Tag key cannot be null or empty.", t.Key)
	case strings.HasPrefix(strings.ToLower(t.Key), "aws:"):
		return api.Bad("InvalidParameterValue", "Value ( %s ) for parameter key is invalid. Tag keys starting with 'aws:' are reserved for internal use", t.Key)
	case utf8.RuneCountInString(t.Key) > maxTagKey:
		return api.Bad("InvalidParameterValue", "Tag key exceeds the maximum length of %d characters", maxTagKey)
	case utf8.RuneCountInString(t.Value) > maxTagValue:
		return api.Bad("InvalidParameterValue", "Tag value exceeds the maximum length of %d characters", maxTagValue)
	case !isText(t.Key) || !isText(t.Value):
		return api.Bad("InvalidParameterValue", "A tag must be Unicode text without control characters")
	}
	return nil
}

// isText reports whether XML can represent a text.
func isText(v string) bool {
	return utf8.ValidString(v) && !strings.ContainsFunc(v, func(r rune) bool { return r < ' ' && !strings.ContainsRune("\t\n\r", r) })
}
