// Package ssm implements the Parameter Store of AWS Systems Manager: parameters
// with versions, not their history, policies or tags.
package ssm

import (
	"encoding/json"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"

	"github.com/unikernel-ami/packer-plugin-unikernel/acceptance/localec2/account"
	"github.com/unikernel-ami/packer-plugin-unikernel/acceptance/localec2/api"
	"github.com/unikernel-ami/packer-plugin-unikernel/acceptance/localec2/sigv4"
)

// target begins the header that names the action.
const target = "AmazonSSM."

// Service is the Parameter Store.
type Service struct {
	acct   *account.Account
	usable func(region, imageID string) bool

	mu      sync.Mutex                       // guards all below
	regions map[string]map[string]*parameter // by region and name
}

// New returns the service without parameters. usable reports whether callers can
// use an image, which decides on values of the data type aws:ec2:image.
func New(acct *account.Account, usable func(region, imageID string) bool) *Service {
	return &Service{acct: acct, usable: usable, regions: map[string]map[string]*parameter{}}
}

// API returns the service's description for the server.
func (s *Service) API() *api.Service {
	return &api.Service{
		Name:     "ssm",
		Claims:   func(r *http.Request, _ []byte) bool { return strings.HasPrefix(r.Header.Get("X-Amz-Target"), target) },
		Protocol: protocol{s, s.actions()},
		Errors: api.Errors{
			Signature: signatureError,
			Throttled: api.Bad("ThrottlingException", "Rate exceeded"),
			Denied:    "AccessDeniedException",
			Internal:  "InternalServerError",
		},
	}
}

// action runs with the service's lock held. decode reads the request's JSON.
type action func(c *api.Call) (any, error)

func (s *Service) actions() map[string]action {
	return map[string]action{
		"PutParameter":        decoded(s.putParameter),
		"GetParameter":        decoded(s.getParameter),
		"GetParameters":       decoded(s.getParameters),
		"GetParametersByPath": decoded(s.getParametersByPath),
		"DeleteParameter":     decoded(s.deleteParameter),
		"DeleteParameters":    decoded(s.deleteParameters),
	}
}

// decoded returns an action that reads its request from JSON first.
func decoded[Request any](run func(*api.Call, Request) (any, error)) action {
	return func(c *api.Call) (any, error) {
		var in Request
		if err := json.Unmarshal(c.Body, &in); err != nil {
			return nil, api.Bad("SerializationException", "The request is not valid JSON for this action: %v", err)
		}
		return run(c, in)
	}
}

// parameters returns those of a region.
func (s *Service) parameters(region string) map[string]*parameter {
	if s.regions[region] == nil {
		s.regions[region] = map[string]*parameter{}
	}
	return s.regions[region]
}

// protocol is AWS's JSON protocol, version 1.1.
type protocol struct {
	service *Service
	actions map[string]action
}

// Actions returns the names of all actions.
func (p protocol) Actions() []string { return slices.Sorted(maps.Keys(p.actions)) }

// Read finds the action that a header names.
func (p protocol) Read(c *api.Call) (api.Run, error) {
	name, ok := strings.CutPrefix(c.Request.Header.Get("X-Amz-Target"), target)
	if !ok || c.Request.Method != http.MethodPost {
		return nil, api.Bad("UnknownOperationException", "The request is not a POST with an X-Amz-Target header")
	}
	c.Action = name
	run := p.actions[name]
	if run == nil {
		return nil, api.Bad("UnknownOperationException", "localec2 has no action %s", name)
	}
	return func() (any, error) {
		p.service.mu.Lock()
		defer p.service.mu.Unlock()
		return run(c)
	}, nil
}

// Write writes the result of an action.
func (protocol) Write(w http.ResponseWriter, _ *api.Call, result any) {
	writeJSON(w, http.StatusOK, result)
}

// WriteError writes an error.
func (protocol) WriteError(w http.ResponseWriter, _ *api.Call, e *api.Error) {
	writeJSON(w, e.Status, struct {
		Type    string `json:"__type"`
		Message string `json:"message"`
	}{e.Code, e.Message})
}

func writeJSON(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/x-amz-json-1.1")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(v) // the client may have disconnected
}

// signatureError returns the JSON services' error for a fault of a signature.
func signatureError(f sigv4.Fault, region string) *api.Error {
	switch f {
	case sigv4.Missing:
		return api.Bad("MissingAuthenticationTokenException", "Missing Authentication Token")
	case sigv4.Malformed:
		return api.Bad("IncompleteSignatureException", "Authorization header is not a well-formed AWS Signature Version 4")
	case sigv4.Expired:
		return api.Bad("InvalidSignatureException", "Signature expired: its date is more than 15 minutes from the present")
	case sigv4.UnknownRegion:
		return api.Bad("InvalidSignatureException", "Credential should be scoped to a valid region, not '%s'.", region)
	case sigv4.Denied:
		return api.Bad("AccessDeniedException", "You are not authorized to perform this operation.")
	}
	return api.Bad("UnrecognizedClientException", "The security token included in the request is invalid.")
}
