package image

import (
	"slices"

	"github.com/unikernel-ami/packer-plugin-unikernel/acceptance/localec2/api"
	"github.com/unikernel-ami/packer-plugin-unikernel/acceptance/localec2/query"
)

func (s *Images) attributeActions() map[string]query.Action {
	return map[string]query.Action{
		"DescribeImageAttribute": {Params: []string{"ImageId", "Attribute"}, Run: s.describeImageAttribute},
		"ModifyImageAttribute": {
			Params: []string{"ImageId", "Attribute", "Value", "Description", "LaunchPermission", "ProductCode", "OperationType",
				"UserId", "UserGroup", "OrganizationArn", "OrganizationalUnitArn"},
			Run: s.modifyImageAttribute,
		},
		"ResetImageAttribute": {Params: []string{"ImageId", "Attribute"}, Run: s.resetImageAttribute},
	}
}

// imagePermissions is how ModifyImageAttribute spells launch permissions. The
// error is EC2's, as users report it (hashicorp/packer-plugin-amazon#156,
// hashicorp/packer#1068).
var imagePermissions = grammar{"LaunchPermission", imageKinds, func(item, value string) *api.Error {
	return api.Bad("InvalidAMIAttributeItemValue", `Invalid attribute item value "%s" for %s item type.`, value, item)
}}

// settable returns the requested image if its attributes can be modified.
func (s *Images) settable(c *query.Call) (*Image, error) {
	img, err := s.ownImage(c)
	if err != nil {
		return nil, err
	}
	if state := img.State(s.acct.Now()); state != Available {
		return nil, api.Bad("InvalidAMIID.Unavailable", "The image ID '%s' is not available: it is %s", img.ID, state)
	}
	return img, nil
}

// modifyImageAttribute changes launch permissions, product codes or the
// description; one request changes one attribute.
func (s *Images) modifyImageAttribute(c *query.Call) (any, error) {
	img, err := s.settable(c)
	if err != nil {
		return nil, err
	}
	ch, err := imagePermissions.read(c.Form)
	if err != nil {
		return nil, err
	}
	description, described, err := newDescription(c.Form)
	if err != nil {
		return nil, err
	}
	codes := c.Form.Texts("ProductCode")
	if err := oneAttribute(len(ch.add)+len(ch.remove) > 0, len(codes) > 0, described); err != nil {
		return nil, err
	}
	if err := s.checkPublic(c.Region, ch.add); err != nil {
		return nil, err
	}
	if err := c.DryRun(); err != nil {
		return nil, err
	}
	if described {
		img.description = description
	}
	for _, code := range codes {
		if !slices.ContainsFunc(img.productCodes, func(p productCode) bool { return p.Code == code }) {
			img.productCodes = append(img.productCodes, productCode{code, "marketplace"})
		}
	}
	img.permissions = ch.apply(img.permissions)
	return query.Success(), nil
}

// productCode is a product code of an image. Every code exists here.
type productCode struct {
	Code string `xml:"productCode"`
	Type string `xml:"type"`
}

// oneAttribute refuses a request that sets several attributes, or none.
func oneAttribute(set ...bool) error {
	n := 0
	for _, one := range set {
		if one {
			n++
		}
	}
	switch {
	case n > 1:
		return api.Bad("InvalidParameterCombination", "Fields for multiple attribute types specified")
	case n == 0:
		return api.Bad("InvalidParameterCombination", "No attributes specified.")
	}
	return nil
}

// newDescription returns the description that a request sets, in either form, and
// whether it sets one.
func newDescription(f *query.Form) (string, bool, error) {
	switch attribute := f.Text("Attribute"); {
	case f.Has("Description"):
		return f.At("Description").Text("Value"), true, f.At("Description").Only("Value")
	case attribute == "description":
		value, err := f.Need("Value")
		return value, true, err
	case attribute == "" || attribute == "launchPermission" || attribute == "productCodes":
		return "", false, nil
	default:
		return "", false, badAttribute(attribute)
	}
}

func badAttribute(name string) error {
	return api.Bad("InvalidParameterValue", "Value (%s) for parameter attribute is invalid. Unknown attribute.", name)
}

type attributeValue struct {
	Value string `xml:"value,omitempty"`
}

type describeImageAttributeResponse struct {
	query.Response
	ImageID     string          `xml:"imageId"`
	Description *attributeValue `xml:"description,omitempty"`
	Kernel      *attributeValue `xml:"kernel,omitempty"`
	Sriov       *attributeValue `xml:"sriovNetSupport,omitempty"`
	Boot        *attributeValue `xml:"bootMode,omitempty"`
	Tpm         *attributeValue `xml:"tpmSupport,omitempty"`
	Imds        *attributeValue `xml:"imdsSupport,omitempty"`
	Permissions permissions     `xml:"launchPermission>item"`
	Codes       []productCode   `xml:"productCodes>item"`
	Mappings    []deviceItem    `xml:"blockDeviceMapping>item"`
}

func (s *Images) describeImageAttribute(c *query.Call) (any, error) {
	img, err := s.ownImage(c)
	if err != nil {
		return nil, err
	}
	name, err := c.Form.Need("Attribute")
	if err != nil {
		return nil, err
	}
	out := &describeImageAttributeResponse{ImageID: img.ID}
	switch name {
	case "launchPermission":
		out.Permissions = slices.Clone(img.permissions)
	case "description":
		out.Description = &attributeValue{img.description}
	case "productCodes":
		out.Codes = slices.Clone(img.productCodes)
	case "kernel":
		out.Kernel = &attributeValue{img.Kernel}
	case "sriovNetSupport":
		out.Sriov = &attributeValue{img.sriov}
	case "bootMode":
		out.Boot = &attributeValue{img.boot}
	case "tpmSupport":
		out.Tpm = &attributeValue{img.tpm}
	case "imdsSupport":
		out.Imds = &attributeValue{img.imds}
	case "blockDeviceMapping":
		for _, m := range img.Mappings {
			out.Mappings = append(out.Mappings, m.item())
		}
	default:
		return nil, badAttribute(name)
	}
	return out, c.DryRun()
}

// resetImageAttribute removes all launch permissions, the only attribute that can
// be reset.
func (s *Images) resetImageAttribute(c *query.Call) (any, error) {
	img, err := s.settable(c)
	if err != nil {
		return nil, err
	}
	name, err := c.Form.Need("Attribute")
	if err != nil {
		return nil, err
	}
	if name != "launchPermission" {
		return nil, badAttribute(name)
	}
	if err := c.DryRun(); err != nil {
		return nil, err
	}
	img.permissions = nil
	return query.Success(), nil
}
