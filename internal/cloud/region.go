package cloud

import (
	"errors"
	"fmt"
	"net"
	"regexp"
	"strings"
)

// regionForm matches the names of regions in all partitions.
var regionForm = regexp.MustCompile(`^[a-z]{2,4}(-[a-z]+)+-[0-9]{1,2}$`)

// IsRegion reports whether a name has the form of a region's.
func IsRegion(name string) bool { return regionForm.MatchString(name) }

// An UnknownRegionError is returned if AWS has no such region.
type UnknownRegionError struct{ Region string }

func (e UnknownRegionError) Error() string { return fmt.Sprintf("unknown region %q", e.Region) }

// lacksRegion recognizes the ways in which AWS says that it doesn't have a
// region: its services have no address there; others take it for a wrong
// signature.
func lacksRegion(err error, region string) bool {
	if name, ok := errors.AsType[*net.DNSError](err); ok {
		return name.IsNotFound && strings.Contains(name.Name, "."+region+".") && strings.Contains(name.Name, ".amazonaws.com")
	}
	return HasCode(err, "SignatureDoesNotMatch", "InvalidSignatureException", "AuthFailure") && strings.Contains(err.Error(), "valid region")
}
