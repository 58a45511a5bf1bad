package instance

import (
	"errors"
	"fmt"
	"strings"

	"github.com/unikernel-ami/packer-plugin-unikernel/internal/cloud"
)

// A refusal is the error for one type in one zone.
type refusal struct {
	of, zone string // of is the type
	err      error
}

func (r refusal) Error() string { return fmt.Sprintf("%s in %s: %s", r.of, r.zone, r.reason()) }

func (r refusal) Unwrap() error { return r.err }

func (r refusal) reason() string { return cloud.Reason(r.err) }

// An IMDSError is returned if the account, or its organization, allows only
// instances that require version 2 of the metadata service.
type IMDSError struct{ Err error }

func (e IMDSError) Error() string {
	return "this account allows only instances that require version 2 of the metadata service (IMDSv2): set {MetadataTokens} to \"required\": " + cloud.Reason(e.Err)
}

func (e IMDSError) Unwrap() error { return e.Err }

// explained recognizes the answer about the metadata service
// (https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/troubleshooting-launch.html).
func explained(err error) error {
	if cloud.HasCode(err, "UnsupportedOperation") && strings.Contains(err.Error(), "httpTokensEnforced") {
		return IMDSError{err}
	}
	return err
}

// summary groups refusals by reason. It returns nil if there are none.
func summary(refused []error) error {
	var reasons []string
	places := map[string][]string{}
	for _, err := range refused {
		if r, ok := errors.AsType[refusal](err); ok {
			if places[r.reason()] == nil {
				reasons = append(reasons, r.reason())
			}
			places[r.reason()] = append(places[r.reason()], r.of+" in "+r.zone)
		}
	}
	var errs []error
	for _, reason := range reasons {
		errs = append(errs, fmt.Errorf("%s (%s)", reason, strings.Join(places[reason], ", ")))
	}
	return errors.Join(errs...)
}

// A reach is how far the refusal of a launch extends.
type reach int

const (
	everywhere reach = iota // no other type or zone will do better
	thisType                // the type is refused in the whole region
	thisPlace               // the type is refused in this zone
)

// refusals are the answers after which another type or zone may work
// (https://docs.aws.amazon.com/AWSEC2/latest/APIReference/errors-overview.html).
// All others are about the request or the account.
var refusals = map[string]reach{
	"InsufficientInstanceCapacity":      thisPlace, // no machine of the type is free there
	"InsufficientAddressCapacity":       thisPlace, // no public address is free
	"InsufficientVolumeCapacity":        thisPlace, // no room for the volume
	"InsufficientFreeAddressesInSubnet": thisPlace,
	"InsufficientHostCapacity":          thisPlace, // no Dedicated Host of the zone has room
	"InsufficientCapacityOnHost":        thisType,  // the host has no room for the type
	"Unsupported":                       thisPlace, // the zone doesn't have the type
	"SpotMaxPriceTooLow":                thisPlace, // spot prices are of a type in a zone
	"InstanceLimitExceeded":             thisType,  // quotas are of a type, or of a family,
	"VcpuLimitExceeded":                 thisType,  // in processors: a smaller one may fit
	"MaxSpotInstanceCountExceeded":      thisType,
}

// reachOf returns how far the refusal of a launch extends.
func reachOf(err error) reach {
	if ended, ok := errors.AsType[EndedError](err); ok && strings.HasPrefix(ended.Code, "Server.") {
		return thisPlace // EC2 ended a pending instance, usually for lack of a machine
	}
	for code, reach := range refusals {
		if cloud.HasCode(err, code) {
			return reach
		}
	}
	return everywhere
}
