package localec2

import (
	"encoding/json"
	"io"
	"net/http"
	"slices"
	"strings"
	"time"
)

// lookPrefix is where scripts look into the server. AWS has no path like it.
const lookPrefix = "/_localec2/"

// Resources is what exists in one region, also what callers can't see yet.
type Resources struct {
	Snapshots []SnapshotInfo `json:"snapshots"`
	Images    []ImageInfo    `json:"images"`
	Instances []InstanceInfo `json:"instances"`
	// Networks are the groups, VPCs, subnets and gateways that callers made.
	Networks []NetworkInfo `json:"networks"`
}

// SnapshotInfo describes a snapshot that was not deleted.
type SnapshotInfo struct {
	ID          string            `json:"id"`
	State       string            `json:"state"` // pending, completed or error
	SizeGiB     int64             `json:"size_gib"`
	Blocks      int64             `json:"blocks"` // written, and inherited from the parent
	Description string            `json:"description,omitempty"`
	Tags        map[string]string `json:"tags,omitempty"`
	Started     time.Time         `json:"started"`
}

// ImageInfo describes an image that was not deregistered.
type ImageInfo struct {
	ID             string            `json:"id"`
	State          string            `json:"state"` // pending or available
	Name           string            `json:"name"`
	Architecture   string            `json:"architecture"`
	Virtualization string            `json:"virtualization"`
	KernelID       string            `json:"kernel_id,omitempty"`
	Snapshots      []string          `json:"snapshots"`
	Tags           map[string]string `json:"tags,omitempty"`
	Created        time.Time         `json:"created"`
}

// Resources returns what callers made and did not delete, by region. Regions
// with nothing are left out, and so are Amazon's kernels.
func (s *Server) Resources() map[string]Resources {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.opts.Now()
	all := map[string]Resources{}
	for name, state := range s.regions {
		r := Resources{Snapshots: []SnapshotInfo{}, Images: []ImageInfo{}, Instances: instanceInfos(state, now), Networks: networkInfos(state.network)}
		for _, sn := range state.snapshots {
			r.Snapshots = append(r.Snapshots, SnapshotInfo{sn.id, sn.state(now), sn.sizeGiB, sn.blocksHeld(), sn.description, copyTags(sn.tags), sn.started})
		}
		for _, img := range state.images {
			if img.owner == s.opts.Account {
				r.Images = append(r.Images, newImageInfo(img, now))
			}
		}
		if len(r.Snapshots)+len(r.Images)+len(r.Instances)+len(r.Networks) == 0 {
			continue
		}
		slices.SortFunc(r.Snapshots, func(a, b SnapshotInfo) int { return a.Started.Compare(b.Started) })
		slices.SortFunc(r.Images, func(a, b ImageInfo) int { return a.Created.Compare(b.Created) })
		all[name] = r
	}
	return all
}

func newImageInfo(img *image, now time.Time) ImageInfo {
	info := ImageInfo{
		ID: img.id, State: img.state(now), Name: img.name, Architecture: img.architecture,
		Virtualization: img.virtualization, KernelID: img.kernel, Tags: copyTags(img.tags), Created: img.created,
	}
	for _, m := range img.mappings {
		if m.snapshot != "" {
			info.Snapshots = append(info.Snapshots, m.snapshot)
		}
	}
	return info
}

func copyTags(t tagSet) map[string]string {
	tags := map[string]string{}
	for _, one := range t.tagList() {
		tags[one.Key] = one.Value
	}
	return tags
}

// lookHandler serves the paths under lookPrefix.
func (s *Server) lookHandler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET "+lookPrefix+"calls", func(w http.ResponseWriter, _ *http.Request) { writeLook(w, s.Calls()) })
	mux.HandleFunc("GET "+lookPrefix+"resources", func(w http.ResponseWriter, _ *http.Request) { writeLook(w, s.Resources()) })
	mux.HandleFunc("GET "+lookPrefix+"ping", s.getPing)
	mux.HandleFunc("POST "+lookPrefix+"faults", s.postFaults)
	mux.HandleFunc("DELETE "+lookPrefix+"faults", func(w http.ResponseWriter, _ *http.Request) {
		s.ClearFaults()
		w.WriteHeader(http.StatusNoContent)
	})
	return mux
}

func writeLook(w http.ResponseWriter, v any) {
	w.Header().Set("Content-Type", "application/json")
	enc := json.NewEncoder(w)
	enc.SetIndent("", "  ")
	_ = enc.Encode(v) // a client that left is no error
}

// postFaults injects the faults of a body with one to a line: all, or none
// where one is wrong.
func (s *Server) postFaults(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(io.LimitReader(r.Body, maxBody))
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
