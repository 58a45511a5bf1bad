// Package sts implements GetCallerIdentity of AWS STS.
package sts

import (
	"encoding/xml"
	"net/http"
	"strings"
	"sync"

	"github.com/unikernel-ami/packer-plugin-unikernel/acceptance/localec2/account"
	"github.com/unikernel-ami/packer-plugin-unikernel/acceptance/localec2/api"
	"github.com/unikernel-ami/packer-plugin-unikernel/acceptance/localec2/query"
	"github.com/unikernel-ami/packer-plugin-unikernel/acceptance/localec2/regions"
	"github.com/unikernel-ami/packer-plugin-unikernel/acceptance/localec2/sigv4"
)

const namespace = "https://sts.amazonaws.com/doc/2011-06-15/"

// New returns the service.
func New(acct *account.Account) *api.Service {
	actions := map[string]query.Action{
		"GetCallerIdentity": {Run: func(c *query.Call) (any, error) { return identityOf(acct, c.Region), nil }},
	}
	return &api.Service{
		Name:     "sts",
		Claims:   func(_ *http.Request, body []byte) bool { return strings.Contains(string(body), "Version=2011-06-15") },
		Open:     true, // GetCallerIdentity needs no permission
		Protocol: &protocol{query.Reader{Table: actions, Lock: &sync.Mutex{}}},
		Errors: api.Errors{
			Signature: signatureError,
			Throttled: api.Bad("Throttling", "Rate exceeded"),
			Denied:    "AccessDenied",
			Internal:  "InternalError",
		},
	}
}

type callerIdentity struct {
	Arn     string
	UserID  string `xml:"UserId"`
	Account string
}

func identityOf(acct *account.Account, region string) callerIdentity {
	return callerIdentity{
		Arn:     "arn:" + regions.Partition(region) + ":iam::" + acct.ID + ":user/localec2",
		UserID:  "AIDALOCALEC2EXAMPLE00",
		Account: acct.ID,
	}
}

// protocol is the Query protocol with STS's answers.
type protocol struct{ query.Reader }

type metadata struct {
	RequestID string `xml:"RequestId"`
}

// Write writes a caller's identity.
func (p *protocol) Write(w http.ResponseWriter, c *api.Call, result any) {
	query.WriteXML(w, http.StatusOK, xml.Name{Space: namespace, Local: c.Action + "Response"}, struct {
		Result   callerIdentity `xml:"GetCallerIdentityResult"`
		Metadata metadata       `xml:"ResponseMetadata"`
	}{result.(callerIdentity), metadata{c.RequestID}})
}

// WriteError writes an error.
func (p *protocol) WriteError(w http.ResponseWriter, c *api.Call, e *api.Error) {
	type stsError struct {
		Type, Code, Message string
	}
	query.WriteXML(w, e.Status, xml.Name{Space: namespace, Local: "ErrorResponse"}, struct {
		Error     stsError
		RequestID string `xml:"RequestId"`
	}{stsError{"Sender", e.Code, e.Message}, c.RequestID})
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
	}
	return api.Refuse(http.StatusForbidden, "InvalidClientTokenId", "The security token included in the request is invalid.")
}
