package localec2

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/unikernel-ami/packer-plugin-unikernel/acceptance/localec2/api"
	"github.com/unikernel-ami/packer-plugin-unikernel/acceptance/localec2/ec2/image"
	"github.com/unikernel-ami/packer-plugin-unikernel/acceptance/localec2/ec2/importtask"
	"github.com/unikernel-ami/packer-plugin-unikernel/acceptance/localec2/ec2/instance"
	"github.com/unikernel-ami/packer-plugin-unikernel/acceptance/localec2/ec2/network"
	"github.com/unikernel-ami/packer-plugin-unikernel/acceptance/localec2/regions"
	"github.com/unikernel-ami/packer-plugin-unikernel/acceptance/localec2/s3"
	"github.com/unikernel-ami/packer-plugin-unikernel/acceptance/localec2/snapshot"
	"github.com/unikernel-ami/packer-plugin-unikernel/acceptance/localec2/ssm"
)

// inspectPrefix is the path under which scripts inspect the server. AWS has no
// path like it.
const inspectPrefix = "/_localec2/"

// Resources are the resources of a region, including those that callers can't
// see yet.
type Resources struct {
	Snapshots []SnapshotInfo `json:"snapshots"`
	Images    []ImageInfo    `json:"images"`
	Instances []InstanceInfo `json:"instances"`
	// Networks are the groups, VPCs, subnets and gateways that callers created.
	Networks []NetworkInfo `json:"networks"`
	// Parameters are those of the Parameter Store.
	Parameters []ParameterInfo `json:"parameters"`
	// Imports are the import tasks that are active.
	Imports []ImportInfo `json:"imports"`
	// Buckets are in S3, with their objects and unfinished uploads.
	Buckets []BucketInfo `json:"buckets"`
}

// SnapshotInfo describes a snapshot that was not deleted.
type SnapshotInfo = snapshot.Info

// ImageInfo describes an image that was not deregistered.
type ImageInfo = image.Info

// InstanceInfo describes an instance that was not terminated.
type InstanceInfo = instance.Info

// NetworkInfo describes a part of a network that callers created.
type NetworkInfo = network.Info

// ParameterInfo describes a parameter that was not deleted.
type ParameterInfo = ssm.Info

// ImportInfo describes an active import task.
type ImportInfo = importtask.Info

// BucketInfo describes a bucket that was not deleted.
type BucketInfo = s3.Bucket

// Resources returns the resources that callers created and did not delete, by
// region. Empty regions and Amazon's kernels are left out.
func (s *Server) Resources() map[string]Resources {
	all := map[string]Resources{}
	for _, name := range regions.Names() {
		of := s.ec2.Inspect(name)
		r := Resources{s.snapshots.List(name, true), of.Images, of.Instances, of.Networks, s.ssm.Inspect(name), of.Imports, s.s3.List(name)}
		if len(r.Snapshots)+len(r.Images)+len(r.Instances)+len(r.Networks)+len(r.Parameters)+len(r.Imports)+len(r.Buckets) == 0 {
			continue
		}
		slices.SortFunc(r.Snapshots, func(a, b SnapshotInfo) int { return a.Started.Compare(b.Started) })
		all[name] = r
	}
	return all
}

// inspectHandler serves the paths under inspectPrefix.
func (s *Server) inspectHandler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET "+inspectPrefix+"calls", func(w http.ResponseWriter, _ *http.Request) { writeJSON(w, s.Calls()) })
	mux.HandleFunc("GET "+inspectPrefix+"resources", func(w http.ResponseWriter, _ *http.Request) { writeJSON(w, s.Resources()) })
	mux.HandleFunc("GET "+inspectPrefix+"ping", s.getPing)
	mux.HandleFunc("POST "+inspectPrefix+"faults", s.postFaults)
	mux.HandleFunc("DELETE "+inspectPrefix+"faults", func(w http.ResponseWriter, _ *http.Request) {
		s.ClearFaults()
		w.WriteHeader(http.StatusNoContent)
	})
	return mux
}

func writeJSON(w http.ResponseWriter, v any) {
	w.Header().Set("Content-Type", "application/json")
	enc := json.NewEncoder(w)
	enc.SetIndent("", "  ")
	_ = enc.Encode(v) // a client that left is no error
}

// postFaults injects the faults in a body, one per line. If one is invalid, it
// injects none.
func (s *Server) postFaults(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(io.LimitReader(r.Body, api.DefaultMaxBody))
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	var parsed []Fault
	for line := range strings.Lines(string(body)) {
		if line = strings.TrimSpace(line); line == "" {
			continue
		}
		f, err := ParseFault(line)
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		parsed = append(parsed, f)
	}
	for _, f := range parsed {
		s.Inject(f)
	}
	w.WriteHeader(http.StatusNoContent)
}

// pingLimit is how long a guest may take to answer a ping. On a network inside
// one machine, a guest that takes two seconds is not there.
const pingLimit = 2 * time.Second

// pong is the answer to a ping.
type pong struct {
	Seconds float64 `json:"seconds"` // until the guest answered
}

// getPing pings the guest at a public address. An ordinary ping would be answered
// by this machine itself.
func (s *Server) getPing(w http.ResponseWriter, r *http.Request) {
	text := r.FormValue("address")
	address, err := netip.ParseAddr(text)
	if err != nil {
		http.Error(w, fmt.Sprintf("%q is not an address", text), http.StatusBadRequest)
		return
	}
	guest, err := s.ec2.Pingable(address)
	if refused, ok := errors.AsType[*instance.PingError](err); ok {
		http.Error(w, refused.Reason, refused.Status)
		return
	}
	ctx, cancel := context.WithTimeoutCause(r.Context(), pingLimit, fmt.Errorf("no answer within %v", pingLimit))
	defer cancel()
	begun := time.Now()
	if err := guest.Ping(ctx); err != nil {
		http.Error(w, err.Error(), http.StatusGatewayTimeout)
		return
	}
	writeJSON(w, pong{time.Since(begun).Seconds()})
}
