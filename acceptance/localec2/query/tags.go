package query

import (
	"slices"

	"github.com/unikernel-ami/packer-plugin-unikernel/acceptance/localec2/account"
	"github.com/unikernel-ami/packer-plugin-unikernel/acceptance/localec2/api"
	"github.com/unikernel-ami/packer-plugin-unikernel/acceptance/localec2/resource"
)

// ReadTags reads Tag.N.Key and Tag.N.Value.
func ReadTags(f *Form) ([]resource.Tag, error) {
	var tags []resource.Tag
	for _, member := range f.List("Tag") {
		if err := member.Only("Key", "Value"); err != nil {
			return nil, err
		}
		tags = append(tags, resource.Tag{Key: member.Text("Key"), Value: member.Text("Value")})
	}
	return tags, nil
}

// TagSpecifications reads TagSpecification.N, the tags of what a call creates,
// by resource type. Only the given types are allowed. The error code for an
// empty specification is from hashicorp/packer#11311, the message for another
// type is as users report it.
func TagSpecifications(f *Form, types ...string) (map[string]resource.TagSet, error) {
	sets := map[string]resource.TagSet{}
	for _, spec := range f.List("TagSpecification") {
		if err := spec.Only("ResourceType", "Tag"); err != nil {
			return nil, err
		}
		name := spec.Text("ResourceType")
		switch {
		case name == "":
			return nil, api.Bad("InvalidParameter", "Tag specification resource type must have a value")
		case !slices.Contains(types, name):
			return nil, api.Bad("InvalidParameterValue", "'%s' is not a valid taggable resource type for this operation.", name)
		case sets[name] != nil:
			return nil, api.Bad("InvalidParameterValue", "The resource type '%s' is specified more than once", name)
		}
		tags, err := ReadTags(spec)
		if err != nil {
			return nil, err
		}
		if len(tags) == 0 {
			return nil, api.Bad("InvalidTagKey.Malformed", "Tag specification must have at least one tag")
		}
		set, refused := resource.NewTagSet(tags)
		if refused != nil {
			return nil, refused
		}
		sets[name] = set
	}
	return sets, nil
}

// NewCommon returns the common part of a resource that a call creates, with a
// new id and the specified tags.
func NewCommon(a *account.Account, c *Call, rt resource.Type) (resource.Common, error) {
	sets, err := TagSpecifications(c.Form, rt.Name)
	tags := sets[rt.Name]
	if tags == nil {
		tags = resource.TagSet{}
	}
	return resource.Common{ID: resource.NewID(rt.Prefix + "-"), Tags: tags, Visible: a.Visible()}, err
}
