package localec2

import (
	"encoding/json"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// ebsActions are the EBS direct APIs.
var ebsActions = map[string]action{
	"StartSnapshot":      {run: (*Server).startSnapshot},
	"PutSnapshotBlock":   {run: (*Server).putSnapshotBlock},
	"CompleteSnapshot":   {run: (*Server).completeSnapshot},
	"ListSnapshotBlocks": {run: (*Server).listSnapshotBlocks},
	"GetSnapshotBlock":   {run: (*Server).getSnapshotBlock},
	"ListChangedBlocks":  {run: (*Server).listChangedBlocks},
}

// ebsRoutes are the actions by method and path; a dot stands for any part.
var ebsRoutes = map[string]string{
	"POST snapshots":                "StartSnapshot",
	"POST snapshots/completion/.":   "CompleteSnapshot",
	"PUT snapshots/./blocks/.":      "PutSnapshotBlock",
	"GET snapshots/./blocks/.":      "GetSnapshotBlock",
	"GET snapshots/./blocks":        "ListSnapshotBlocks",
	"GET snapshots/./changedblocks": "ListChangedBlocks",
}

// ebsAction finds the action that a method and a path name.
func ebsAction(c *call, _ map[string]action) (string, error) {
	c.path = strings.Split(strings.Trim(c.req.URL.Path, "/"), "/")
	route := append([]string{}, c.path...)
	for i := range route {
		fixed := i == 0 || i == 2 || i == 1 && route[1] == "completion"
		if !fixed || i == 2 && route[1] == "completion" {
			route[i] = "."
		}
	}
	name, known := ebsRoutes[c.req.Method+" "+strings.Join(route, "/")]
	if !known {
		return "", refuse(http.StatusNotFound, "UnknownOperationException", "There is no %s %s", c.req.Method, c.req.URL.Path)
	}
	return name, nil
}

// ebsReply is the answer of an EBS action: JSON, or the bytes of a block.
type ebsReply struct {
	status int
	header map[string]string
	json   any
	data   []byte
}

func (r ebsReply) httpStatus() int { return r.status }

func writeEBS(w http.ResponseWriter, _ *call, result any) {
	r := result.(ebsReply)
	for name, value := range r.header {
		w.Header().Set(name, value)
	}
	body := r.data
	if body == nil {
		w.Header().Set("Content-Type", "application/json")
		body, _ = json.Marshal(r.json) // plain structs of text and numbers
	}
	w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(r.status)
	_, _ = w.Write(body) // a client that left is no error
}

func writeEBSError(w http.ResponseWriter, _ *call, e *apiError) {
	w.Header().Set("X-Amzn-Errortype", e.code)
	writeEBS(w, nil, ebsReply{status: e.status, json: struct {
		Message string
		Reason  string `json:",omitempty"`
	}{e.message, e.reason}})
}

// ebsAuth words the faults of a signature as the JSON services do.
func ebsAuth(f authFault, region string) *apiError {
	switch f {
	case authMissing:
		return refuse(http.StatusForbidden, "MissingAuthenticationTokenException", "Missing Authentication Token")
	case authMalformed:
		return bad("IncompleteSignatureException", "Authorization header is not a well-formed AWS Signature Version 4")
	case authExpired:
		return refuse(http.StatusForbidden, "InvalidSignatureException", "Signature expired: its date is more than 15 minutes from the present")
	case authRegion:
		return refuse(http.StatusForbidden, "InvalidSignatureException", "Credential should be scoped to a valid region, not '%s'.", region)
	case authDenied:
		return ebsError("AccessDeniedException", "UNAUTHORIZED_ACCOUNT", "You are not authorized to perform this operation.")
	}
	return refuse(http.StatusForbidden, "UnrecognizedClientException", "The security token included in the request is invalid.")
}

// invalid makes a ValidationException. Its reasons are a closed list in the
// service model; which of them AWS gives in which case is known for few.
func invalid(reason, format string, args ...any) *apiError {
	return ebsError("ValidationException", reason, format, args...)
}

// ebsSnapshot finds a snapshot for an EBS action. The caller holds the lock.
// The message is AWS's (awslabs/coldsnap#43).
func (s *Server) ebsSnapshot(c *call, id string) (*snapshot, error) {
	if !snapshotID.MatchString(id) {
		return nil, invalid("INVALID_SNAPSHOT_ID", "The snapshot ID '%s' is not valid.", id)
	}
	sn := s.regions[c.region].snapshots[id]
	if sn == nil || s.opts.Now().Before(sn.visible) {
		return nil, ebsError("ResourceNotFoundException", "SNAPSHOT_NOT_FOUND", "The snapshot '%s' does not exist.", id)
	}
	return sn, nil
}

// pendingSnapshot finds a snapshot that can still be written.
func (s *Server) pendingSnapshot(c *call, id string) (*snapshot, error) {
	sn, err := s.ebsSnapshot(c, id)
	if err != nil {
		return nil, err
	}
	if sn.sealed || sn.state(s.opts.Now()) != pending {
		return nil, invalid("INVALID_SNAPSHOT_ID", "The snapshot '%s' is not in the pending state.", id)
	}
	return sn, nil
}

// blockIndex reads a block's index from the path.
func blockIndex(text string) (int32, error) {
	n, err := strconv.ParseInt(text, 10, 32)
	if err != nil || n < 0 {
		return 0, invalid("INVALID_BLOCK", "The block index '%s' is not valid.", text)
	}
	return int32(n), nil
}

// epoch is how the JSON services write times: seconds, with a fraction.
func epoch(t time.Time) float64 { return float64(t.UnixMilli()) / 1000 }
