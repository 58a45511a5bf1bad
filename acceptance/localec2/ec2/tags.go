package ec2

import (
	"cmp"
	"maps"
	"slices"
	"strings"

	"github.com/unikernel-ami/packer-plugin-unikernel/acceptance/localec2/api"
	"github.com/unikernel-ami/packer-plugin-unikernel/acceptance/localec2/query"
	"github.com/unikernel-ami/packer-plugin-unikernel/acceptance/localec2/resource"
)

func (s *Service) tagActions() map[string]query.Action {
	return map[string]query.Action{
		"CreateTags":   {Params: []string{"ResourceId", "Tag"}, Run: s.createTags},
		"DeleteTags":   {Params: []string{"ResourceId", "Tag"}, Run: s.deleteTags},
		"DescribeTags": {Params: []string{"Filter", "MaxResults", "NextToken"}, Run: s.describeTags},
	}
}

// maxTagResources is the maximum number of resources in a CreateTags call.
const maxTagResources = 1000

type describeTagsResponse struct {
	query.Response
	Tags      []tagItem `xml:"tagSet>item"`
	NextToken string    `xml:"nextToken,omitempty"`
}

func (s *Service) describeTags(c *query.Call) (any, error) {
	if err := c.DryRun(); err != nil {
		return nil, err
	}
	matches, err := tagFilters.Read(c.Form)
	if err != nil {
		return nil, err
	}
	var found []tagItem
	for _, t := range s.allTags(c.Region) {
		if matches(t) {
			found = append(found, t)
		}
	}
	out := &describeTagsResponse{}
	out.Tags, out.NextToken, err = query.Page(s.acct, c, query.Paging{Min: 5, Max: 1000}, found, tagItem.id)
	return out, err
}

// taggable is a resource whose tags can be changed.
type taggable struct {
	tags resource.TagSet
	set  func(resource.TagSet)
}

// createTags adds tags to every resource or, if one of them is invalid, to
// none.
func (s *Service) createTags(c *query.Call) (any, error) {
	targets, tags, err := s.readTagging(c)
	if err != nil {
		return nil, err
	}
	if len(tags) == 0 {
		return nil, api.Bad("InvalidParameterValue", "You must specify one or more tags to create")
	}
	added, refused := resource.NewTagSet(tags)
	if refused != nil {
		return nil, refused
	}
	merged := make([]resource.TagSet, len(targets))
	for i, target := range targets {
		merged[i] = resource.TagSet{}
		maps.Copy(merged[i], target.tags)
		maps.Copy(merged[i], added)
		if len(merged[i]) > resource.MaxTags {
			return nil, api.Bad("TagLimitExceeded", "You have reached the maximum number of tags on a resource: %d", resource.MaxTags)
		}
	}
	for i, target := range targets {
		target.set(merged[i])
	}
	return query.Success(), nil
}

// deleteTags removes tags: a key without a value regardless of its value, a key
// with a value only if it has that value, and all tags if no key is given.
func (s *Service) deleteTags(c *query.Call) (any, error) {
	targets, _, err := s.readTagging(c)
	if err != nil {
		return nil, err
	}
	named := c.Form.List("Tag")
	for _, target := range targets {
		left := resource.TagSet{}
		if len(named) > 0 {
			maps.Copy(left, target.tags)
		}
		for _, member := range named {
			key := member.Text("Key")
			if !member.Has("Value") || left[key] == member.Text("Value") {
				delete(left, key)
			}
		}
		target.set(left)
	}
	return query.Success(), nil
}

// readTagging reads the common parameters of CreateTags and DeleteTags.
func (s *Service) readTagging(c *query.Call) ([]taggable, []resource.Tag, error) {
	ids := c.Form.Texts("ResourceId")
	c.Resource = strings.Join(ids, ",")
	if len(ids) == 0 {
		return nil, nil, api.Bad("MissingParameter", "The request must contain the parameter resourceIdSet")
	}
	if len(ids) > maxTagResources {
		return nil, nil, api.Bad("InvalidParameterValue", "The request names %d resources; the limit is %d", len(ids), maxTagResources)
	}
	tags, err := query.ReadTags(c.Form)
	if err != nil {
		return nil, nil, err
	}
	if err := c.DryRun(); err != nil {
		return nil, nil, err
	}
	var targets []taggable
	for _, id := range ids {
		target, err := s.taggable(c, id)
		if err != nil {
			return nil, nil, err
		}
		targets = append(targets, target)
	}
	return targets, tags, nil
}

// taggable returns a resource that the account owns.
func (s *Service) taggable(c *query.Call, id string) (taggable, error) {
	switch prefix, _, _ := strings.Cut(id, "-"); prefix {
	case "snap":
		sn, err := s.images.FindSnapshot(c.Region, id)
		return taggable{sn.Tags, func(tags resource.TagSet) { s.snapshots.SetTags(c.Region, id, tags) }}, err
	case "ami", "aki", "ari":
		img, err := s.images.Find(c.Region, id)
		if err != nil {
			return taggable{}, err
		}
		if !s.images.IsOwn(img) {
			return taggable{}, unauthorized()
		}
		return tagsOf(img), nil
	}
	for _, find := range []func(region, id string) (resource.Resource, error){s.instances.Taggable, s.networks.Taggable, s.imports.Taggable} {
		found, err := find(c.Region, id)
		if err != nil {
			return taggable{}, err
		}
		if found != nil {
			return tagsOf(found), nil
		}
	}
	return taggable{}, api.Bad("InvalidID", "The ID '%s' is not valid", id)
}

func tagsOf(r resource.Resource) taggable {
	common := r.Base()
	return taggable{common.Tags, func(tags resource.TagSet) { common.Tags = tags }}
}

// tagItem is a tag of a resource.
type tagItem struct {
	ResourceID   string `xml:"resourceId"`
	ResourceType string `xml:"resourceType"`
	resource.Tag
}

func (t tagItem) TagList() []resource.Tag { return []resource.Tag{t.Tag} }

func (t tagItem) id() string { return t.ResourceID + "\x01" + t.Key }

var tagFilters = query.Filters[tagItem]{
	"key":           func(t tagItem) []string { return []string{t.Key} },
	"resource-id":   func(t tagItem) []string { return []string{t.ResourceID} },
	"resource-type": func(t tagItem) []string { return []string{t.ResourceType} },
	"value":         func(t tagItem) []string { return []string{t.Value} },
}

// allTags returns the tags of all resources that callers can see in a region.
func (s *Service) allTags(region string) []tagItem {
	var items []tagItem
	add := func(id, typeName string, tags resource.TagSet) {
		for _, one := range tags.List() {
			items = append(items, tagItem{id, typeName, one})
		}
	}
	for _, sn := range s.snapshots.List(region, false) {
		add(sn.ID, "snapshot", sn.Tags)
	}
	for _, img := range s.images.Visible(region) {
		add(img.ID, "image", img.Tags)
	}
	addCommon := func(rt resource.Type, c *resource.Common) { add(c.ID, rt.Name, c.Tags) }
	s.instances.EachTagged(region, addCommon)
	s.networks.EachTagged(region, addCommon)
	s.imports.EachTagged(region, addCommon)
	slices.SortFunc(items, func(a, b tagItem) int { return cmp.Compare(a.id(), b.id()) })
	return items
}
