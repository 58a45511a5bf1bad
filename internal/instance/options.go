package instance

import (
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
)

// Metadata are the options of the instance metadata service. Each that is zero
// is left to the AMI and the account
// (https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/configuring-instance-metadata-options.html).
type Metadata struct {
	Endpoint string // "enabled" or "disabled"
	Tokens   string // "required" allows version 2 of the service only; "optional"
	HopLimit int32  // of the response with a token, 1 to 64
	Tags     string // "enabled" or "disabled": whether the service shows the instance's tags
}

// Placement says on which machine the instance runs.
type Placement struct {
	Tenancy              string // "default", "dedicated" or "host"; "" is as the VPC has it
	HostID               string // a Dedicated Host
	HostResourceGroupARN string // a group of them
	Affinity             string // "default" or "host": whether the instance is bound to the host
}

const maxHops = 64

// tagInMetadata matches the keys of tags that the metadata service can show
// (https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/work-with-tags-in-IMDS.html).
var tagInMetadata = regexp.MustCompile(`^[0-9A-Za-z\-_+=,.@:]{1,255}$`)

// checkMetadata checks the options of the metadata service, and the tags that it
// is to show.
func (r *Request) checkMetadata() error {
	m := r.Metadata
	errs := []error{
		oneOf("{MetadataEndpoint}", m.Endpoint, "enabled", "disabled"),
		oneOf("{MetadataTokens}", m.Tokens, "optional", "required"),
		oneOf("{MetadataTags}", m.Tags, "enabled", "disabled"),
	}
	if m.HopLimit < 0 || m.HopLimit > maxHops {
		errs = append(errs, fmt.Errorf("{MetadataHopLimit} is %d: it must be 1 to %d", m.HopLimit, maxHops))
	}
	if m.Tags != "enabled" {
		return errors.Join(errs...)
	}
	for _, key := range slices.Sorted(maps.Keys(r.Tags)) {
		if !tagInMetadata.MatchString(key) || key == "." || key == ".." || key == "_index" {
			errs = append(errs, fmt.Errorf("{Tags} has the key %q, which the metadata service can't show: use letters, digits and -_+=,.@: only, or omit {MetadataTags}", key))
		}
	}
	return errors.Join(errs...)
}

// checkPlacement checks what EC2 allows for Dedicated Hosts.
func (r *Request) checkPlacement() error {
	p := r.Placement
	onHost := p.HostID != "" || p.HostResourceGroupARN != ""
	errs := []error{
		oneOf("{Tenancy}", p.Tenancy, "default", "dedicated", "host"),
		oneOf("{Affinity}", p.Affinity, "default", "host"),
	}
	if p.HostID != "" && p.HostResourceGroupARN != "" {
		errs = append(errs, errors.New("{HostID} and {HostResourceGroupARN} are both set: remove one of them"))
	}
	if onHost && p.Tenancy != "" && p.Tenancy != "host" {
		errs = append(errs, fmt.Errorf("{Tenancy} is %q, but a Dedicated Host is specified: use host, or omit {Tenancy}", p.Tenancy))
	}
	if p.Affinity == "host" && !onHost && p.Tenancy != "host" {
		errs = append(errs, errors.New("{Affinity} is \"host\" without a Dedicated Host: set {HostID}, {HostResourceGroupARN} or {Tenancy} = \"host\""))
	}
	if r.spot() && (onHost || p.Tenancy == "host") {
		errs = append(errs, errors.New("{SpotPrice} is set, but Spot Instances can't run on a Dedicated Host: remove one of the two"))
	}
	return errors.Join(errs...)
}

func oneOf(field, value string, allowed ...string) error {
	if value == "" || slices.Contains(allowed, value) {
		return nil
	}
	return fmt.Errorf("%s is %q: use %s or %s", field, value, strings.Join(allowed[:len(allowed)-1], ", "), allowed[len(allowed)-1])
}

// input is nil if everything is left to the AMI and the account.
func (m Metadata) input() *types.InstanceMetadataOptionsRequest {
	if m == (Metadata{}) {
		return nil
	}
	options := &types.InstanceMetadataOptionsRequest{
		HttpEndpoint:         types.InstanceMetadataEndpointState(m.Endpoint),
		HttpTokens:           types.HttpTokensState(m.Tokens),
		InstanceMetadataTags: types.InstanceMetadataTagsState(m.Tags),
	}
	if m.HopLimit != 0 {
		options.HttpPutResponseHopLimit = aws.Int32(m.HopLimit)
	}
	return options
}

// input is nil if there are no wishes.
func (p Placement) input() *types.Placement {
	if p == (Placement{}) {
		return nil
	}
	return &types.Placement{
		Tenancy: types.Tenancy(p.Tenancy), HostId: optional(p.HostID),
		HostResourceGroupArn: optional(p.HostResourceGroupARN), Affinity: optional(p.Affinity),
	}
}

// optional is nil for "".
func optional(text string) *string {
	if text == "" {
		return nil
	}
	return &text
}
