package localec2

import (
	"cmp"
	"maps"
	"slices"
	"strings"
	"unicode/utf8"
)

// Limits on tags (Amazon EC2 User Guide, "Tag restrictions"), in characters.
const (
	maxTags     = 50
	maxTagKey   = 128
	maxTagValue = 256
)

// tag is a key and a value, in the XML of EC2 and the JSON of EBS.
type tag struct {
	Key   string `xml:"key"`
	Value string `xml:"value"`
}

// tagSet holds a resource's tags.
type tagSet map[string]string

func (t tagSet) tagList() []tag {
	tags := make([]tag, 0, len(t))
	for _, key := range slices.Sorted(maps.Keys(t)) {
		tags = append(tags, tag{key, t[key]})
	}
	return tags
}

// newTagSet checks tags given together and makes a set of them. The error's
// code is EC2's; the EBS direct APIs put their own in its place.
func newTagSet(tags []tag) (tagSet, *apiError) {
	set := tagSet{}
	for _, t := range tags {
		if err := checkTag(t); err != nil {
			return nil, err
		}
		if _, twice := set[t.Key]; twice {
			return nil, bad("InvalidParameterValue", "Duplicate tag key '%s' specified.", t.Key)
		}
		set[t.Key] = t.Value
	}
	if len(set) > maxTags {
		return nil, bad("TagLimitExceeded", "You have reached the maximum number of tags on a resource: %d", maxTags)
	}
	return set, nil
}

func checkTag(t tag) *apiError {
	switch {
	case t.Key == "":
		return bad("InvalidParameterValue", "Value ( %s ) for parameter Tag key is invalid. Tag key cannot be null or empty.", t.Key)
	case strings.HasPrefix(strings.ToLower(t.Key), "aws:"):
		return bad("InvalidParameterValue", "Value ( %s ) for parameter key is invalid. Tag keys starting with 'aws:' are reserved for internal use", t.Key)
	case utf8.RuneCountInString(t.Key) > maxTagKey:
		return bad("InvalidParameterValue", "Tag key exceeds the maximum length of %d characters", maxTagKey)
	case utf8.RuneCountInString(t.Value) > maxTagValue:
		return bad("InvalidParameterValue", "Tag value exceeds the maximum length of %d characters", maxTagValue)
	case !isText(t.Key) || !isText(t.Value):
		return bad("InvalidParameterValue", "A tag must be Unicode text without control characters")
	}
	return nil
}

// isText reports whether XML can hold a text.
func isText(v string) bool {
	return utf8.ValidString(v) && !strings.ContainsFunc(v, func(r rune) bool { return r < ' ' && !strings.ContainsRune("\t\n\r", r) })
}

// readTags reads Tag.N.Key and Tag.N.Value.
func readTags(f *form) ([]tag, error) {
	var tags []tag
	for _, member := range f.list("Tag") {
		if err := member.only("Key", "Value"); err != nil {
			return nil, err
		}
		tags = append(tags, tag{member.text("Key"), member.text("Value")})
	}
	return tags, nil
}

// specifiedTags reads the tag specifications of a call that makes a resource
// of one type. The code for an empty one is from hashicorp/packer#11311, the
// wording for another type as users report it.
func specifiedTags(f *form, resourceType string) (tagSet, error) {
	var all []tag
	seen := false
	for _, spec := range f.list("TagSpecification") {
		if err := spec.only("ResourceType", "Tag"); err != nil {
			return nil, err
		}
		if rt := spec.text("ResourceType"); rt == "" {
			return nil, bad("InvalidParameter", "Tag specification resource type must have a value")
		} else if rt != resourceType {
			return nil, bad("InvalidParameterValue", "'%s' is not a valid taggable resource type for this operation.", rt)
		}
		if seen {
			return nil, bad("InvalidParameterValue", "The resource type '%s' is specified more than once", resourceType)
		}
		seen = true
		tags, err := readTags(spec)
		if err != nil {
			return nil, err
		}
		if len(tags) == 0 {
			return nil, bad("InvalidTagKey.Malformed", "Tag specification must have at least one tag")
		}
		all = append(all, tags...)
	}
	set, err := newTagSet(all)
	if err != nil {
		return nil, err
	}
	return set, nil
}

// tagItem is one tag of one resource.
type tagItem struct {
	ResourceID   string `xml:"resourceId"`
	ResourceType string `xml:"resourceType"`
	tag
}

func (t tagItem) tagList() []tag { return []tag{t.tag} }

func (t tagItem) id() string { return t.ResourceID + "\x01" + t.Key }

var tagFilters = filterTable[tagItem]{
	"key":           func(t tagItem) []string { return []string{t.Key} },
	"resource-id":   func(t tagItem) []string { return []string{t.ResourceID} },
	"resource-type": func(t tagItem) []string { return []string{t.ResourceType} },
	"value":         func(t tagItem) []string { return []string{t.Value} },
}

// allTags lists the tags of all that callers can see in a region.
func (s *Server) allTags(name string) []tagItem {
	var items []tagItem
	add := func(id, kind string, t tagSet) {
		for _, one := range t.tagList() {
			items = append(items, tagItem{id, kind, one})
		}
	}
	now := s.opts.Now()
	for id, snap := range s.regions[name].snapshots {
		if !now.Before(snap.visible) {
			add(id, "snapshot", snap.tags)
		}
	}
	for id, img := range s.regions[name].images {
		if !now.Before(img.visible) {
			add(id, "image", img.tags)
		}
	}
	addOwned(s, add, instanceKind, s.regions[name].instances)
	addOwned(s, add, groupKind, s.regions[name].groups)
	addOwned(s, add, vpcKind, s.regions[name].vpcs)
	addOwned(s, add, subnetKind, s.regions[name].subnets)
	addOwned(s, add, gatewayKind, s.regions[name].gateways)
	addOwned(s, add, routesKind, s.regions[name].routes)
	slices.SortFunc(items, func(a, b tagItem) int { return cmp.Compare(a.id(), b.id()) })
	return items
}

func addOwned[T resource](s *Server, add func(id, kind string, t tagSet), k kind, all map[string]T) {
	for _, v := range visibleOf(s, all) {
		add(v.base().id, k.name, v.base().tags)
	}
}
