// Package s3 implements the part of S3 that uploads need: buckets, objects and
// multipart uploads, in memory, by [gofakes3]. This package adds what gofakes3
// doesn't have: regions of buckets, the names of actions, and errors that the
// server can record and inject.
//
// [gofakes3]: https://github.com/johannesboyne/gofakes3
package s3

import (
	"cmp"
	"encoding/xml"
	"net/http"
	"net/url"
	"slices"
	"sync"

	"github.com/johannesboyne/gofakes3"
	"github.com/johannesboyne/gofakes3/backend/s3mem"

	"github.com/unikernel-ami/packer-plugin-unikernel/acceptance/localec2/account"
	"github.com/unikernel-ami/packer-plugin-unikernel/acceptance/localec2/api"
	"github.com/unikernel-ami/packer-plugin-unikernel/acceptance/localec2/sigv4"
)

// maxBody is the maximum size of a request, so of an object that is not uploaded
// in parts, and of a part. S3's is 5 GiB; this server keeps bodies in memory.
const maxBody = 64 << 20

// Service is S3. It is safe for concurrent use.
type Service struct {
	backend *s3mem.Backend
	handler http.Handler

	mu      sync.Mutex
	regions map[string]string // of buckets
}

// New returns an S3 without buckets.
func New(acct *account.Account) *Service {
	backend := s3mem.New(s3mem.WithTimeSource(clock{acct}))
	fake := gofakes3.New(backend, gofakes3.WithTimeSource(clock{acct}),
		gofakes3.WithTimeSkewLimit(0),     // package sigv4 checks the date, against the real clock
		gofakes3.WithMetadataSizeLimit(0)) // gofakes3 counts the headers of the signature
	return &Service{backend: backend, handler: fake.Server(), regions: map[string]string{}}
}

// API returns the service's description for the server.
func (s *Service) API() *api.Service {
	return &api.Service{
		Name:     "s3",
		MaxBody:  maxBody,
		Protocol: protocol{s},
		Errors: api.Errors{
			Signature: signatureError,
			Throttled: api.Refuse(http.StatusServiceUnavailable, "SlowDown", "Please reduce your request rate."),
			Denied:    "AccessDenied",
			Internal:  "InternalError",
		},
	}
}

func signatureError(f sigv4.Fault, region string) *api.Error {
	switch f {
	case sigv4.Malformed:
		return api.Bad("AuthorizationHeaderMalformed", "The authorization header that you provided is not valid.")
	case sigv4.Expired:
		return api.Refuse(http.StatusForbidden, "RequestTimeTooSkewed", "The difference between the request time and the server's time is too large.")
	case sigv4.UnknownRegion:
		return api.Bad("AuthorizationHeaderMalformed", "The authorization header is malformed; the region '%s' is wrong", region)
	case sigv4.UnknownKey, sigv4.NotOptedIn:
		return api.Refuse(http.StatusForbidden, "InvalidAccessKeyId", "The AWS access key ID that you provided does not exist in our records.")
	}
	return api.Refuse(http.StatusForbidden, "AccessDenied", "Access Denied")
}

// Region returns the region of a bucket; "" if there is no such bucket.
func (s *Service) Region(bucket string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.regions[bucket]
}

// Object returns the content of an object, if it exists.
func (s *Service) Object(bucket, key string) ([]byte, bool) {
	answer := s.ask(http.MethodGet, "/"+bucket+"/"+(&url.URL{Path: key}).EscapedPath())
	return answer.body, answer.status == http.StatusOK
}

// Bucket describes a bucket that was not deleted.
type Bucket struct {
	Name    string   `json:"name"`
	Objects []string `json:"objects"` // keys, one for each version
	Uploads []string `json:"uploads"` // keys of unfinished multipart uploads
}

// List returns the buckets of a region, sorted by name.
func (s *Service) List(region string) []Bucket {
	s.mu.Lock()
	defer s.mu.Unlock()
	buckets := []Bucket{}
	for name, of := range s.regions {
		if of == region {
			buckets = append(buckets, Bucket{name, s.versions(name), s.uploads(name)})
		}
	}
	slices.SortFunc(buckets, func(a, b Bucket) int { return cmp.Compare(a.Name, b.Name) })
	return buckets
}

func (s *Service) versions(bucket string) []string {
	var list struct {
		Version []struct{ Key string }
	}
	_ = xml.Unmarshal(s.ask(http.MethodGet, "/"+bucket+"?versions").body, &list) // gofakes3's own answer
	keys := []string{}
	for _, version := range list.Version {
		keys = append(keys, version.Key)
	}
	return keys
}

func (s *Service) uploads(bucket string) []string {
	var list struct {
		Upload []struct{ Key string }
	}
	_ = xml.Unmarshal(s.ask(http.MethodGet, "/"+bucket+"?uploads").body, &list) // gofakes3's own answer
	keys := []string{}
	for _, upload := range list.Upload {
		keys = append(keys, upload.Key)
	}
	return keys
}
