// Package ebs implements the EBS direct APIs.
package ebs

import (
	"encoding/json"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/unikernel-ami/packer-plugin-unikernel/acceptance/localec2/account"
	"github.com/unikernel-ami/packer-plugin-unikernel/acceptance/localec2/api"
	"github.com/unikernel-ami/packer-plugin-unikernel/acceptance/localec2/snapshot"
)

// Options configures the service.
type Options struct {
	// SnapshotPending is how long a snapshot stays pending after
	// CompleteSnapshot.
	SnapshotPending time.Duration

	// TokensOutlive keeps a client token bound to its snapshot after the
	// snapshot was deleted.
	TokensOutlive bool
}

// Service is the EBS direct APIs.
type Service struct {
	acct      *account.Account
	opts      Options
	snapshots *snapshot.Store

	mu     sync.Mutex                            // guards tokens; taken before the snapshots' lock
	tokens map[string]map[string]startedSnapshot // StartSnapshot client tokens by region
}

// New returns the service.
func New(acct *account.Account, snapshots *snapshot.Store, opts Options) *Service {
	return &Service{acct: acct, opts: opts, snapshots: snapshots, tokens: map[string]map[string]startedSnapshot{}}
}

// API returns the service's description for the server.
func (s *Service) API() *api.Service {
	return &api.Service{
		Name:     "ebs",
		Claims:   func(r *http.Request, _ []byte) bool { return strings.HasPrefix(r.URL.Path, "/snapshots") },
		Protocol: protocol{s.actions()},
		Errors: api.Errors{
			Signature: signatureError,
			Throttled: fail("RequestThrottledException", "ACCOUNT_THROTTLED", "The request was throttled."),
			Denied:    "AccessDeniedException",
			Internal:  "InternalServerException",
		},
	}
}

// request is a call with the parts of its path.
type request struct {
	*api.Call
	path []string
}

type action func(*request) (any, error)

func (s *Service) actions() map[string]action {
	return map[string]action{
		"StartSnapshot":      s.startSnapshot,
		"PutSnapshotBlock":   s.putSnapshotBlock,
		"CompleteSnapshot":   s.completeSnapshot,
		"ListSnapshotBlocks": s.listSnapshotBlocks,
		"GetSnapshotBlock":   s.getSnapshotBlock,
		"ListChangedBlocks":  s.listChangedBlocks,
	}
}

// protocol is REST with JSON.
type protocol struct{ actions map[string]action }

// Actions returns the names of all actions.
func (p protocol) Actions() []string { return slices.Sorted(maps.Keys(p.actions)) }

// routes maps methods and paths to actions. A dot matches any part of a path.
var routes = map[string]string{
	"POST snapshots":                "StartSnapshot",
	"POST snapshots/completion/.":   "CompleteSnapshot",
	"PUT snapshots/./blocks/.":      "PutSnapshotBlock",
	"GET snapshots/./blocks/.":      "GetSnapshotBlock",
	"GET snapshots/./blocks":        "ListSnapshotBlocks",
	"GET snapshots/./changedblocks": "ListChangedBlocks",
}

// Read finds the action for a method and a path.
func (p protocol) Read(c *api.Call) (api.Run, error) {
	path := strings.Split(strings.Trim(c.Request.URL.Path, "/"), "/")
	route := slices.Clone(path)
	for i := range route {
		fixed := i == 0 || i == 2 || i == 1 && route[1] == "completion"
		if !fixed || i == 2 && route[1] == "completion" {
			route[i] = "."
		}
	}
	name, known := routes[c.Request.Method+" "+strings.Join(route, "/")]
	if !known {
		return nil, api.Refuse(http.StatusNotFound, "UnknownOperationException", "There is no %s %s", c.Request.Method, c.Request.URL.Path)
	}
	c.Action = name
	return func() (any, error) { return p.actions[name](&request{c, path}) }, nil
}

// reply is the answer of an action: JSON, or the bytes of a block.
type reply struct {
	status int
	header map[string]string
	json   any
	data   []byte
}

// HTTPStatus returns the status of the answer.
func (r reply) HTTPStatus() int { return r.status }

// Write writes a reply.
func (protocol) Write(w http.ResponseWriter, _ *api.Call, result any) {
	r := result.(reply)
	for name, value := range r.header {
		w.Header().Set(name, value)
	}
	body := r.data
	if body == nil {
		w.Header().Set("Content-Type", "application/json")
		body, _ = json.Marshal(r.json) // structs of strings and numbers don't fail
	}
	w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(r.status)
	_, _ = w.Write(body) // the client may have disconnected
}

// WriteError writes an error.
func (p protocol) WriteError(w http.ResponseWriter, _ *api.Call, e *api.Error) {
	w.Header().Set("X-Amzn-Errortype", e.Code)
	p.Write(w, nil, reply{status: e.Status, json: struct {
		Message string
		Reason  string `json:",omitempty"`
	}{e.Message, e.Reason}})
}
