package localec2

import (
	"encoding/xml"
	"net/http"
)

const stsNamespace = "https://sts.amazonaws.com/doc/2011-06-15/"

var stsActions = map[string]action{
	"GetCallerIdentity": {run: (*Server).getCallerIdentity},
}

type callerIdentity struct {
	Arn     string
	UserID  string `xml:"UserId"`
	Account string
}

func (s *Server) getCallerIdentity(c *call) (any, error) {
	return callerIdentity{
		Arn:     "arn:" + regions[c.region].partition + ":iam::" + s.opts.Account + ":user/localec2",
		UserID:  "AIDALOCALEC2EXAMPLE00",
		Account: s.opts.Account,
	}, nil
}

type stsMetadata struct {
	RequestID string `xml:"RequestId"`
}

func writeSTS(w http.ResponseWriter, c *call, result any) {
	writeXML(w, http.StatusOK, xml.Name{Space: stsNamespace, Local: c.action + "Response"}, struct {
		Result   callerIdentity `xml:"GetCallerIdentityResult"`
		Metadata stsMetadata    `xml:"ResponseMetadata"`
	}{result.(callerIdentity), stsMetadata{c.requestID}})
}

func writeSTSError(w http.ResponseWriter, c *call, e *apiError) {
	type stsError struct {
		Type, Code, Message string
	}
	writeXML(w, e.status, xml.Name{Space: stsNamespace, Local: "ErrorResponse"}, struct {
		Error     stsError
		RequestID string `xml:"RequestId"`
	}{stsError{"Sender", e.code, e.message}, c.requestID})
}

// stsAuth words the faults of a signature as STS does.
func stsAuth(f authFault, region string) *apiError {
	switch f {
	case authMissing:
		return refuse(http.StatusForbidden, "MissingAuthenticationToken", "Request is missing Authentication Token")
	case authMalformed:
		return bad("IncompleteSignature", "Authorization header is not a well-formed AWS Signature Version 4")
	case authExpired:
		return refuse(http.StatusForbidden, "SignatureDoesNotMatch", "Signature expired: its date is more than 15 minutes from the present")
	case authRegion:
		return refuse(http.StatusForbidden, "SignatureDoesNotMatch", "Credential should be scoped to a valid region, not '%s'.", region)
	}
	return refuse(http.StatusForbidden, "InvalidClientTokenId", "The security token included in the request is invalid.")
}
