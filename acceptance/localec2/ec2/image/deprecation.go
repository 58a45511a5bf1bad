package image

import (
	"time"

	"github.com/unikernel-ami/packer-plugin-unikernel/acceptance/localec2/api"
	"github.com/unikernel-ami/packer-plugin-unikernel/acceptance/localec2/query"
)

func (s *Images) deprecationActions() map[string]query.Action {
	return map[string]query.Action{
		"EnableImageDeprecation":  {Params: []string{"ImageId", "DeprecateAt"}, Run: s.enableDeprecation},
		"DisableImageDeprecation": {Params: []string{"ImageId"}, Run: s.disableDeprecation},
	}
}

// deprecationYears is how far in the future the date can be: two years for public
// AMIs, ten for others.
func deprecationYears(img *Image) int {
	if img.permissions.public() {
		return 2
	}
	return 10
}

// enableDeprecation sets the time from which an image is deprecated. EC2 rounds it
// to the nearest minute and rejects the past. Only the owner of an image is a
// caller here, and an owner sees deprecated images without asking for them.
func (s *Images) enableDeprecation(c *query.Call) (any, error) {
	img, err := s.ownImage(c)
	if err != nil {
		return nil, err
	}
	text, err := c.Form.Need("DeprecateAt")
	if err != nil {
		return nil, err
	}
	at, err := time.Parse(time.RFC3339, text)
	now := s.acct.Now()
	switch {
	case err != nil:
		return nil, api.Bad("InvalidParameterValue", "Value ( %s ) for parameter DeprecateAt is invalid. It must be a date and time in UTC.", text)
	case at.Before(now):
		return nil, api.Bad("InvalidParameterValue", "The deprecation date %s is in the past.", text)
	case at.After(now.AddDate(deprecationYears(img), 0, 0)):
		return nil, api.Bad("InvalidParameterValue", "The deprecation date %s is more than %d years in the future.", text, deprecationYears(img))
	}
	if err := c.DryRun(); err != nil {
		return nil, err
	}
	img.deprecation = at.Round(time.Minute)
	return query.Success(), nil
}

func (s *Images) disableDeprecation(c *query.Call) (any, error) {
	img, err := s.ownImage(c)
	if err != nil {
		return nil, err
	}
	if err := c.DryRun(); err != nil {
		return nil, err
	}
	img.deprecation = time.Time{}
	return query.Success(), nil
}

// deprecationTime is how DescribeImages shows the time; "" for none.
func (img *Image) deprecationTime() string {
	if img.deprecation.IsZero() {
		return ""
	}
	return img.deprecation.UTC().Format(query.TimeFormat)
}
