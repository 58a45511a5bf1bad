package ebs

import (
	"net/http"
	"strconv"
	"time"

	"github.com/unikernel-ami/packer-plugin-unikernel/acceptance/localec2/api"
	"github.com/unikernel-ami/packer-plugin-unikernel/acceptance/localec2/sigv4"
	"github.com/unikernel-ami/packer-plugin-unikernel/acceptance/localec2/snapshot"
)

// statuses has the HTTP status of each error of the EBS direct APIs, from the
// service model in botocore (ebs/2019-11-02).
var statuses = map[string]int{
	"AccessDeniedException":         http.StatusForbidden,
	"ConflictException":             http.StatusConflict,
	"InternalServerException":       http.StatusInternalServerError,
	"RequestThrottledException":     http.StatusBadRequest,
	"ResourceNotFoundException":     http.StatusNotFound,
	"ServiceQuotaExceededException": http.StatusPaymentRequired,
	"ValidationException":           http.StatusBadRequest,
}

// fail returns an error of the EBS direct APIs, with a machine-readable reason
// if that error has one.
func fail(code, reason, format string, args ...any) *api.Error {
	e := api.Refuse(statuses[code], code, format, args...)
	e.Reason = reason
	return e
}

// signatureError returns the JSON services' error for a fault of a signature.
func signatureError(f sigv4.Fault, region string) *api.Error {
	switch f {
	case sigv4.Missing:
		return api.Refuse(http.StatusForbidden, "MissingAuthenticationTokenException", "Missing Authentication Token")
	case sigv4.Malformed:
		return api.Bad("IncompleteSignatureException", "Authorization header is not a well-formed AWS Signature Version 4")
	case sigv4.Expired:
		return api.Refuse(http.StatusForbidden, "InvalidSignatureException", "Signature expired: its date is more than 15 minutes from the present")
	case sigv4.UnknownRegion:
		return api.Refuse(http.StatusForbidden, "InvalidSignatureException", "Credential should be scoped to a valid region, not '%s'.", region)
	case sigv4.SessionExpired:
		return api.Refuse(http.StatusForbidden, "ExpiredTokenException", "The security token included in the request is expired")
	case sigv4.Denied:
		return fail("AccessDeniedException", "UNAUTHORIZED_ACCOUNT", "You are not authorized to perform this operation.")
	}
	return api.Refuse(http.StatusForbidden, "UnrecognizedClientException", "The security token included in the request is invalid.")
}

// invalid returns a ValidationException. The service model lists its reasons,
// but which of them AWS uses when is mostly unknown.
func invalid(reason, format string, args ...any) *api.Error {
	return fail("ValidationException", reason, format, args...)
}

// find returns a snapshot that callers can see. The message is AWS's
// (awslabs/coldsnap#43).
func find(r *snapshot.Region, id string) (*snapshot.Snapshot, error) {
	if !snapshot.ID.MatchString(id) {
		return nil, invalid("INVALID_SNAPSHOT_ID", "The snapshot ID '%s' is not valid.", id)
	}
	sn := r.Get(id)
	if sn == nil {
		return nil, fail("ResourceNotFoundException", "SNAPSHOT_NOT_FOUND", "The snapshot '%s' does not exist.", id)
	}
	return sn, nil
}

// findPending returns a snapshot that can still be written.
func (s *Service) findPending(r *snapshot.Region, id string) (*snapshot.Snapshot, error) {
	sn, err := find(r, id)
	if err != nil {
		return nil, err
	}
	if sn.Sealed || sn.State(s.acct.Now()) != snapshot.Pending {
		return nil, invalid("INVALID_SNAPSHOT_ID", "The snapshot '%s' is not in the pending state.", id)
	}
	return sn, nil
}

// blockIndex parses the index of a block in the path.
func blockIndex(text string) (int32, error) {
	n, err := strconv.ParseInt(text, 10, 32)
	if err != nil || n < 0 {
		return 0, invalid("INVALID_BLOCK", "The block index '%s' is not valid.", text)
	}
	return int32(n), nil
}

// epoch returns a time in the JSON services' format: seconds with a fraction.
func epoch(t time.Time) float64 { return float64(t.UnixMilli()) / 1000 }
