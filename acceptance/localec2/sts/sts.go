// Package sts implements AWS STS: who a caller is, and temporary keys for roles
// and MFA devices.
package sts

import (
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/unikernel-ami/packer-plugin-unikernel/acceptance/localec2/account"
	"github.com/unikernel-ami/packer-plugin-unikernel/acceptance/localec2/api"
	"github.com/unikernel-ami/packer-plugin-unikernel/acceptance/localec2/query"
	"github.com/unikernel-ami/packer-plugin-unikernel/acceptance/localec2/sigv4"
)

const namespace = "https://sts.amazonaws.com/doc/2011-06-15/"

// service is STS. The lock of its reader guards it.
type service struct {
	acct     *account.Account
	lifetime time.Duration
	spent    map[string]bool // MFA codes that were used
}

// New returns the service. Sessions end after the lifetime, if it isn't zero,
// whatever callers ask for.
func New(acct *account.Account, lifetime time.Duration) *api.Service {
	s := &service{acct: acct, lifetime: lifetime, spent: map[string]bool{}}
	actions := map[string]query.Action{
		"GetCallerIdentity":          {Run: func(c *query.Call) (any, error) { return s.identity(c.AccessKey, c.Region), nil }},
		"AssumeRole":                 {Run: permitted(s.assumeRole)},
		"AssumeRoleWithWebIdentity":  {Run: s.assumeRoleWithWebIdentity},
		"GetSessionToken":            {Run: permitted(s.getSessionToken)},
		"DecodeAuthorizationMessage": {Run: permitted(s.decode)},
	}
	return &api.Service{
		Name:      "sts",
		Claims:    func(_ *http.Request, body []byte) bool { return strings.Contains(string(body), "Version=2011-06-15") },
		Open:      true, // GetCallerIdentity needs no permission
		Anonymous: []string{"AssumeRoleWithWebIdentity"},
		Protocol:  &query.Results{Reader: query.Reader{Table: actions, Lock: &sync.Mutex{}}, Namespace: namespace},
		Errors: api.Errors{
			Signature: signatureError,
			Throttled: api.Bad("Throttling", "Rate exceeded"),
			Denied:    "AccessDenied",
			Internal:  "InternalError",
		},
	}
}

// permitted refuses callers without permissions.
func permitted(run func(*query.Call) (any, error)) func(*query.Call) (any, error) {
	return func(c *query.Call) (any, error) {
		if strings.HasPrefix(c.AccessKey, sigv4.DeniedKeyPrefix) {
			return nil, denied("You are not authorized to perform: sts:%s", c.Action)
		}
		return run(c)
	}
}

func denied(format string, args ...any) error {
	return api.Refuse(http.StatusForbidden, "AccessDenied", format, args...)
}

func invalid(format string, args ...any) error {
	return api.Bad("ValidationError", format, args...)
}

type callerIdentity struct {
	Arn     string
	UserID  string `xml:"UserId"`
	Account string
}

func (s *service) identity(accessKey, region string) callerIdentity {
	arn, id := s.acct.Principal(accessKey, region)
	return callerIdentity{Arn: arn, UserID: id, Account: s.acct.ID}
}

// signatureError returns STS's error for a fault of a signature.
func signatureError(f sigv4.Fault, region string) *api.Error {
	switch f {
	case sigv4.Missing:
		return api.Refuse(http.StatusForbidden, "MissingAuthenticationToken", "Request is missing Authentication Token")
	case sigv4.Malformed:
		return api.Bad("IncompleteSignature", "Authorization header is not a well-formed AWS Signature Version 4")
	case sigv4.Expired:
		return api.Refuse(http.StatusForbidden, "SignatureDoesNotMatch", "Signature expired: its date is more than 15 minutes from the present")
	case sigv4.UnknownRegion:
		return api.Refuse(http.StatusForbidden, "SignatureDoesNotMatch", "Credential should be scoped to a valid region, not '%s'.", region)
	case sigv4.SessionExpired:
		return api.Refuse(http.StatusForbidden, "ExpiredToken", "The security token included in the request is expired")
	}
	return api.Refuse(http.StatusForbidden, "InvalidClientTokenId", "The security token included in the request is invalid.")
}
