package ssm

import (
	"cmp"
	"encoding/json"
	"slices"
	"unicode/utf8"

	"github.com/unikernel-ami/packer-plugin-unikernel/acceptance/localec2/api"
)

type putParameter struct {
	Name, Value, Type, DataType, Tier, Description string
	Overwrite                                      bool
	KeyID                                          string `json:"KeyId"`
	AllowedPattern, Policies                       string
	Tags                                           []json.RawMessage
}

type putParameterResponse struct {
	Version int64
	Tier    string
}

// putParameter creates or changes a parameter. As on AWS, a value of the data
// type aws:ec2:image is checked only after the answer: if the region has no such
// image, the answer is a success, and nothing is stored.
func (s *Service) putParameter(c *api.Call, in putParameter) (any, error) {
	c.Resource = in.Name
	if err := s.checkName(c.Region, in.Name); err != nil {
		return nil, err
	}
	all := s.parameters(c.Region)
	old := all[in.Name]
	if err := in.check(old); err != nil {
		return nil, err
	}
	p := &parameter{name: in.Name, kind: in.Type}
	if old != nil {
		p = &parameter{old.name, old.kind, slices.Clone(old.versions)}
	}
	next := version{number: 1, value: in.Value, dataType: cmp.Or(in.DataType, textType), modified: s.acct.Now(), visible: s.acct.Visible()}
	if len(p.versions) > 0 {
		next.number += p.versions[len(p.versions)-1].number
	}
	p.versions = append(p.versions, next)
	p.versions = p.versions[max(0, len(p.versions)-maxVersions):]
	if next.dataType == textType || s.usable(c.Region, in.Value) {
		all[in.Name] = p
	}
	return putParameterResponse{next.number, "Standard"}, nil
}

// check checks a request against the parameter that it changes, if there is one.
func (in putParameter) check(old *parameter) error {
	if err := in.checkValues(); err != nil {
		return err
	}
	switch {
	case old == nil && in.Type == "":
		return invalid("A parameter type is required when you create a parameter.")
	case old == nil:
		return nil
	case !in.Overwrite:
		return api.Bad("ParameterAlreadyExists", "The parameter already exists. To overwrite this value, set the overwrite option in the request to true.")
	case in.Type != "" && in.Type != old.kind:
		return api.Bad("HierarchyTypeMismatchException", "Parameter Store doesn't support changing a parameter type in a hierarchy. For example, you can't change a parameter from a String type to a SecureString type.")
	case len(in.Tags) > 0:
		return invalid("tags and overwrite can't be used together. To create a parameter with tags, please remove overwrite flag.")
	}
	return nil
}

// checkValues checks what a request says by itself.
func (in putParameter) checkValues() error {
	switch {
	case in.Type != "" && !slices.Contains(kinds, in.Type):
		return api.Bad("UnsupportedParameterType", "localec2 has no parameters of the type %s", in.Type)
	case in.Value == "":
		return invalid("1 validation error detected: Value '' at 'value' failed to satisfy constraint: Member must have length greater than or equal to 1")
	case utf8.RuneCountInString(in.Value) > maxValue:
		return invalid("Standard tier parameters support a maximum parameter value of %d characters.", maxValue)
	case !slices.Contains([]string{"", textType, imageType}, in.DataType):
		return invalid("The following data type is not supported: %s (Data type names are all lowercase.)", in.DataType)
	case in.DataType == imageType && in.Type == "StringList":
		return invalid("The data type %s is supported only for parameters of the type String.", imageType)
	case in.DataType == imageType && !imageValue.MatchString(in.Value):
		return invalid("Parameter value: '%s' fails to satisfy constraint: it must be the id of an AMI, such as ami-12345abcdeEXAMPLE.", in.Value)
	case !slices.Contains([]string{"", "Standard"}, in.Tier), in.AllowedPattern != "", in.Policies != "", in.KeyID != "":
		return invalid("localec2 has only standard parameters, without patterns, policies and keys.")
	}
	return nil
}
