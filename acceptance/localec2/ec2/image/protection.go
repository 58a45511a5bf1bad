package image

import (
	"time"

	"github.com/unikernel-ami/packer-plugin-unikernel/acceptance/localec2/api"
	"github.com/unikernel-ami/packer-plugin-unikernel/acceptance/localec2/query"
)

// cooldown is how long an image stays protected after its protection was
// disabled, if it was enabled with a cooldown (Amazon EC2 User Guide, "Protect an
// AMI from deregistration").
const cooldown = 24 * time.Hour

// protection is an image's protection against deregistration.
type protection struct {
	enabled      bool
	withCooldown bool
	until        time.Time // the end of the cooldown
}

// state is the protection in DescribeImages.
func (p protection) state(now time.Time) string {
	switch {
	case p.enabled && p.withCooldown:
		return "enabled-with-cooldown"
	case p.enabled:
		return "enabled-without-cooldown"
	case now.Before(p.until):
		return "disabled-until-" + p.until.UTC().Format(time.RFC3339)
	}
	return "disabled"
}

// check refuses to deregister a protected image. The code and the wording that
// EC2 uses are not known.
func (p protection) check(id string, now time.Time) error {
	if p.enabled || now.Before(p.until) {
		return api.Bad("OperationNotPermitted", "The image %s is protected from deregistration: %s", id, p.state(now))
	}
	return nil
}

func (s *Images) protectionActions() map[string]query.Action {
	return map[string]query.Action{
		"EnableImageDeregistrationProtection":  {Params: []string{"ImageId", "WithCooldown"}, Run: s.enableProtection},
		"DisableImageDeregistrationProtection": {Params: []string{"ImageId"}, Run: s.disableProtection},
	}
}

// protectionResponse is one of the few answers whose result is a string.
type protectionResponse struct {
	query.Response
	Return string `xml:"return"`
}

func (s *Images) enableProtection(c *query.Call) (any, error) {
	withCooldown, err := c.Form.Flag("WithCooldown", false)
	if err != nil {
		return nil, err
	}
	return s.protect(c, func(*protection) protection { return protection{enabled: true, withCooldown: withCooldown} })
}

func (s *Images) disableProtection(c *query.Call) (any, error) {
	return s.protect(c, func(p *protection) protection {
		if p.enabled && p.withCooldown {
			return protection{until: s.acct.Now().Add(cooldown)}
		}
		return protection{until: p.until}
	})
}

func (s *Images) protect(c *query.Call, change func(*protection) protection) (any, error) {
	img, err := s.ownImage(c)
	if err != nil {
		return nil, err
	}
	if err := c.DryRun(); err != nil {
		return nil, err
	}
	img.protection = change(&img.protection)
	return &protectionResponse{Return: "true"}, nil
}
