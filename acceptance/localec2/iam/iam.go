// Package iam implements GetRole of IAM, for roles that VM Import can assume.
package iam

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"

	"github.com/unikernel-ami/packer-plugin-unikernel/acceptance/localec2/account"
	"github.com/unikernel-ami/packer-plugin-unikernel/acceptance/localec2/api"
	"github.com/unikernel-ami/packer-plugin-unikernel/acceptance/localec2/query"
	"github.com/unikernel-ami/packer-plugin-unikernel/acceptance/localec2/regions"
	"github.com/unikernel-ami/packer-plugin-unikernel/acceptance/localec2/sigv4"
)

const namespace = "https://iam.amazonaws.com/doc/2010-05-08/"

// trustPolicy lets VM Import assume a role ("Required service role", VM
// Import/Export User Guide).
const trustPolicy = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"vmie.amazonaws.com"},` +
	`"Action":"sts:AssumeRole","Condition":{"StringEquals":{"sts:Externalid":"vmimport"}}}]}`

// New returns the service, with roles of the given names.
func New(acct *account.Account, roles []string) *api.Service {
	actions := map[string]query.Action{
		"GetRole": {Run: func(c *query.Call) (any, error) { return getRole(acct, roles, c) }},
	}
	return &api.Service{
		Name:     "iam",
		Claims:   func(_ *http.Request, body []byte) bool { return strings.Contains(string(body), "Version=2010-05-08") },
		Protocol: &query.Results{Reader: query.Reader{Table: actions, Lock: &sync.Mutex{}}, Namespace: namespace},
		Errors: api.Errors{
			Signature: signatureError,
			Throttled: api.Bad("Throttling", "Rate exceeded"),
			Denied:    "AccessDenied",
			Internal:  "ServiceFailure",
		},
	}
}

type role struct {
	Path       string
	RoleName   string
	RoleID     string `xml:"RoleId"`
	Arn        string
	CreateDate string
	Trust      string `xml:"AssumeRolePolicyDocument"`
}

func getRole(acct *account.Account, roles []string, c *query.Call) (any, error) {
	name, err := c.Form.Need("RoleName")
	if err != nil {
		return nil, err
	}
	c.Resource = name
	if !slices.Contains(roles, name) {
		return nil, api.Refuse(http.StatusNotFound, "NoSuchEntity", "The role with name %s cannot be found.", name)
	}
	return struct{ Role role }{role{
		Path: "/", RoleName: name, RoleID: "AROALOCALEC2EXAMPLE00",
		Arn:        "arn:" + regions.Partition(c.Region) + ":iam::" + acct.ID + ":role/" + name,
		CreateDate: "2018-01-01T00:00:00Z",
		Trust:      url.QueryEscape(trustPolicy),
	}}, nil
}

func signatureError(f sigv4.Fault, region string) *api.Error {
	switch f {
	case sigv4.Missing:
		return api.Refuse(http.StatusForbidden, "MissingAuthenticationToken", "Request is missing Authentication Token")
	case sigv4.Malformed:
		return api.Bad("IncompleteSignature", "Authorization header is not a well-formed AWS Signature Version 4")
	case sigv4.Expired, sigv4.UnknownRegion:
		return api.Refuse(http.StatusForbidden, "SignatureDoesNotMatch", "The request is expired, or its credential is scoped to the wrong region: '%s'", region)
	case sigv4.Denied:
		return api.Refuse(http.StatusForbidden, "AccessDenied", "User is not authorized to perform: iam:GetRole")
	}
	return api.Refuse(http.StatusForbidden, "InvalidClientTokenId", "The security token included in the request is invalid.")
}
