package ec2

import (
	"encoding/xml"
	"net/http"

	"github.com/unikernel-ami/packer-plugin-unikernel/acceptance/localec2/api"
	"github.com/unikernel-ami/packer-plugin-unikernel/acceptance/localec2/query"
	"github.com/unikernel-ami/packer-plugin-unikernel/acceptance/localec2/sigv4"
)

// protocol is the Query protocol with EC2's answers.
type protocol struct{ query.Reader }

// Write writes an answer.
func (p *protocol) Write(w http.ResponseWriter, c *api.Call, result any) {
	result.(interface{ SetRequestID(string) }).SetRequestID(c.RequestID)
	query.WriteXML(w, http.StatusOK, xml.Name{Space: Namespace, Local: c.Action + "Response"}, result)
}

// WriteError writes an error.
func (p *protocol) WriteError(w http.ResponseWriter, c *api.Call, e *api.Error) {
	type ec2Error struct {
		Code, Message string
	}
	query.WriteXML(w, e.Status, xml.Name{Local: "Response"}, struct {
		Errors    []ec2Error `xml:"Errors>Error"`
		RequestID string
	}{[]ec2Error{{e.Code, e.Message}}, c.RequestID})
}

// signatureError returns EC2's error for a fault of a signature. AuthFailure
// has status 401 (turbot/steampipe-plugin-aws#75, for a region that the account
// has not enabled).
func signatureError(f sigv4.Fault, region string) *api.Error {
	switch f {
	case sigv4.Missing:
		return api.Refuse(http.StatusForbidden, "MissingAuthenticationToken", "Request is missing Authentication Token")
	case sigv4.Malformed:
		return api.Refuse(http.StatusUnauthorized, "AuthFailure", "Authorization header is not a well-formed AWS Signature Version 4")
	case sigv4.Expired:
		return api.Bad("RequestExpired", "Request has expired.")
	case sigv4.UnknownRegion:
		return api.Refuse(http.StatusUnauthorized, "AuthFailure", "Credential should be scoped to a valid region, not '%s'.", region)
	case sigv4.SessionExpired:
		return api.Bad("RequestExpired", "Request has expired.")
	case sigv4.Denied:
		return unauthorized()
	}
	return api.Refuse(http.StatusUnauthorized, "AuthFailure", "AWS was not able to validate the provided access credentials")
}

func unauthorized() *api.Error {
	return api.Refuse(http.StatusForbidden, "UnauthorizedOperation", "You are not authorized to perform this operation.")
}
