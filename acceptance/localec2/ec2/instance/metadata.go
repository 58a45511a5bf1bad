package instance

import (
	"cmp"
	"regexp"
	"slices"

	"github.com/unikernel-ami/packer-plugin-unikernel/acceptance/localec2/api"
	"github.com/unikernel-ami/packer-plugin-unikernel/acceptance/localec2/query"
	"github.com/unikernel-ami/packer-plugin-unikernel/acceptance/localec2/resource"
)

// metadata are the options of the instance metadata service: of an instance, or
// an account's defaults in a region, where "" and 0 are no preference.
type metadata struct {
	Endpoint string `xml:"httpEndpoint,omitempty"`
	Tokens   string `xml:"httpTokens,omitempty"`
	HopLimit int    `xml:"httpPutResponseHopLimit,omitempty"`
	Tags     string `xml:"instanceMetadataTags,omitempty"`
}

// metadataDefaults are an account's settings in a region.
type metadataDefaults struct {
	metadata
	Enforced  string `xml:"httpTokensEnforced,omitempty"`
	ManagedBy string `xml:"managedBy"`
}

func (s *Instances) metadataActions() map[string]query.Action {
	return map[string]query.Action{
		"GetInstanceMetadataDefaults": {Run: s.getMetadataDefaults},
		"ModifyInstanceMetadataDefaults": {
			Params: []string{"HttpEndpoint", "HttpTokens", "HttpPutResponseHopLimit", "InstanceMetadataTags", "HttpTokensEnforced"},
			Run:    s.modifyMetadataDefaults,
		},
	}
}

type getMetadataDefaultsResponse struct {
	query.Response
	Account metadataDefaults `xml:"accountLevel"`
}

func (s *Instances) getMetadataDefaults(c *query.Call) (any, error) {
	if err := c.DryRun(); err != nil {
		return nil, err
	}
	out := &getMetadataDefaultsResponse{Account: s.regions[c.Region].defaults}
	out.Account.ManagedBy = "account"
	return out, nil
}

type modifyMetadataDefaultsResponse struct {
	query.Response
	Return bool `xml:"return"`
}

const noPreference = "no-preference"

func (s *Instances) modifyMetadataDefaults(c *query.Call) (any, error) {
	changed := s.regions[c.Region].defaults
	for _, option := range []struct {
		name    string
		at      *string
		allowed []string
	}{
		{"HttpEndpoint", &changed.Endpoint, []string{"enabled", "disabled", noPreference}},
		{"HttpTokens", &changed.Tokens, []string{"optional", "required", noPreference}},
		{"InstanceMetadataTags", &changed.Tags, []string{"enabled", "disabled", noPreference}},
		{"HttpTokensEnforced", &changed.Enforced, []string{"enabled", "disabled", noPreference}},
	} {
		value, err := choice(c.Form, option.name, option.allowed...)
		if err != nil {
			return nil, err
		}
		if *option.at = cmp.Or(value, *option.at); value == noPreference {
			*option.at = ""
		}
	}
	hops, err := hopLimit(c.Form, -1)
	if err != nil {
		return nil, err
	}
	if changed.HopLimit = cmp.Or(hops, changed.HopLimit); hops < 0 {
		changed.HopLimit = 0
	}
	if err := c.DryRun(); err != nil {
		return nil, err
	}
	s.regions[c.Region].defaults = changed
	return &modifyMetadataDefaultsResponse{Return: true}, nil
}

// choice reads a parameter with fixed values; "" if it is missing.
func choice(f *query.Form, name string, allowed ...string) (string, error) {
	value := f.Text(name)
	if value != "" && !slices.Contains(allowed, value) {
		return "", api.Bad("InvalidParameterValue", "Value (%s) for parameter %s is invalid.", value, query.LowerFirst(name))
	}
	return value, nil
}

const maxHops = 64

// hopLimit reads the hop limit; 0 if it is missing. One value below 1 may be
// allowed.
func hopLimit(f *query.Form, also int) (int, error) {
	const name = "HttpPutResponseHopLimit"
	hops, err := f.Number(name)
	if err != nil || !f.Has(name) {
		return 0, err
	}
	if (hops < 1 || hops > maxHops) && hops != also {
		return 0, api.Bad("InvalidParameterValue", "Value (%d) for parameter httpPutResponseHopLimit is invalid. It must be between 1 and %d", hops, maxHops)
	}
	return hops, nil
}

// readMetadata determines an instance's options: those of the request, or else
// the account's defaults, or else the image's. The error for IMDSv1 is AWS's
// (Amazon EC2 User Guide, "Troubleshoot instance launch issues").
func (s *Instances) readMetadata(c *query.Call, l *launch) error {
	asked, err := readMetadataOptions(c.Form.At("MetadataOptions"))
	if err != nil {
		return err
	}
	account := s.regions[c.Region].defaults
	byImage := metadata{}
	if l.model.image.RequiresIMDSv2() {
		byImage = metadata{Tokens: "required", HopLimit: 2}
	}
	l.model.metadata = metadata{
		Endpoint: cmp.Or(asked.Endpoint, account.Endpoint, "enabled"),
		Tokens:   cmp.Or(asked.Tokens, account.Tokens, byImage.Tokens, "optional"),
		HopLimit: cmp.Or(asked.HopLimit, account.HopLimit, byImage.HopLimit, 1),
		Tags:     cmp.Or(asked.Tags, account.Tags, "disabled"),
	}
	if account.Enforced == "enabled" && l.model.metadata.Tokens != "required" {
		return api.Bad("UnsupportedOperation", "You can't launch instances with IMDSv1 because httpTokensEnforced is enabled for this account. "+
			"Either launch the instance with httpTokens=required or contact your account owner to disable httpTokensEnforced "+
			"using the ModifyInstanceMetadataDefaults API or the account settings in the EC2 console.")
	}
	return nil
}

func readMetadataOptions(f *query.Form) (metadata, error) {
	var m metadata
	if err := f.Only("HttpEndpoint", "HttpTokens", "HttpPutResponseHopLimit", "InstanceMetadataTags"); err != nil {
		return m, err
	}
	var err error
	if m.Endpoint, err = choice(f, "HttpEndpoint", "enabled", "disabled"); err != nil {
		return m, err
	}
	if m.Tokens, err = choice(f, "HttpTokens", "optional", "required"); err != nil {
		return m, err
	}
	if m.Tags, err = choice(f, "InstanceMetadataTags", "enabled", "disabled"); err != nil {
		return m, err
	}
	m.HopLimit, err = hopLimit(f, 1)
	return m, err
}

// metadataKey matches the keys of tags that the service can show. The message is
// AWS's, as users report it.
var metadataKey = regexp.MustCompile(`^[0-9a-zA-Z\-_+=,.@:]{1,255}$`)

func checkMetadataTags(m metadata, tags resource.TagSet) error {
	if m.Tags != "enabled" {
		return nil
	}
	for _, tag := range tags.List() {
		if !metadataKey.MatchString(tag.Key) || slices.Contains([]string{".", "..", "_index"}, tag.Key) {
			return api.Bad("InvalidParameterValue", "'%s' is not a valid tag key. Tag keys must match pattern ([0-9a-zA-Z\\-_+=,.@:]{1,255}), and must not be a reserved name ('.', '..', '_index')", tag.Key)
		}
	}
	return nil
}

// metadataItem is an instance's options in DescribeInstances.
type metadataItem struct {
	State    string `xml:"state"`
	Tokens   string `xml:"httpTokens"`
	HopLimit int    `xml:"httpPutResponseHopLimit"`
	Endpoint string `xml:"httpEndpoint"`
	IPv6     string `xml:"httpProtocolIpv6"`
	Tags     string `xml:"instanceMetadataTags"`
}

func newMetadataItem(m metadata) metadataItem {
	return metadataItem{"applied", m.Tokens, m.HopLimit, m.Endpoint, "disabled", m.Tags}
}
