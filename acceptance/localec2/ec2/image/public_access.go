package image

import (
	"github.com/unikernel-ami/packer-plugin-unikernel/acceptance/localec2/api"
	"github.com/unikernel-ami/packer-plugin-unikernel/acceptance/localec2/query"
)

// States of block public access for AMIs.
const (
	blockNewSharing = "block-new-sharing"
	unblocked       = "unblocked"
)

func (s *Images) publicAccessActions() map[string]query.Action {
	return map[string]query.Action{
		"GetImageBlockPublicAccessState": {Run: s.getPublicAccess},
		"EnableImageBlockPublicAccess":   {Params: []string{"ImageBlockPublicAccessState"}, Run: s.enablePublicAccessBlock},
		"DisableImageBlockPublicAccess":  {Run: func(c *query.Call) (any, error) { return s.setPublicAccess(c, unblocked) }},
	}
}

type publicAccessResponse struct {
	query.Response
	State string `xml:"imageBlockPublicAccessState"`
}

func (s *Images) getPublicAccess(c *query.Call) (any, error) {
	return &publicAccessResponse{State: s.regions[c.Region].publicAccess}, c.DryRun()
}

func (s *Images) enablePublicAccessBlock(c *query.Call) (any, error) {
	state, err := c.Form.Need("ImageBlockPublicAccessState")
	if err != nil {
		return nil, err
	}
	if state != blockNewSharing {
		return nil, api.Bad("InvalidParameterValue", "Invalid value '%s' for imageBlockPublicAccessState.", state)
	}
	return s.setPublicAccess(c, state)
}

func (s *Images) setPublicAccess(c *query.Call, state string) (any, error) {
	if err := c.DryRun(); err != nil {
		return nil, err
	}
	s.regions[c.Region].publicAccess = state
	return &publicAccessResponse{State: state}, nil
}

// checkPublic refuses to make an image public while that is blocked. The message
// is EC2's (hortonworks/cloudbreak-images#926).
func (s *Images) checkPublic(region string, add permissions) error {
	if add.public() && s.regions[region].publicAccess == blockNewSharing {
		return api.Bad("OperationNotPermitted", "You can’t publicly share this image because block public access for AMIs is enabled for this account. To publicly share the image, you must call the DisableImageBlockPublicAccess API.")
	}
	return nil
}
