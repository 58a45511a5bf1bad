// Package ec2 implements the EC2 Query API, version 2016-11-15. Regions and
// tags are here; the other actions are in packages by subject: network, image
// (with snapshots), importtask, instance and template.
package ec2

import (
	"maps"
	"net/http"
	"net/netip"
	"slices"
	"sync"
	"time"

	"github.com/unikernel-ami/packer-plugin-unikernel/acceptance/localec2/account"
	"github.com/unikernel-ami/packer-plugin-unikernel/acceptance/localec2/api"
	"github.com/unikernel-ami/packer-plugin-unikernel/acceptance/localec2/ec2/image"
	"github.com/unikernel-ami/packer-plugin-unikernel/acceptance/localec2/ec2/importtask"
	"github.com/unikernel-ami/packer-plugin-unikernel/acceptance/localec2/ec2/instance"
	"github.com/unikernel-ami/packer-plugin-unikernel/acceptance/localec2/ec2/network"
	"github.com/unikernel-ami/packer-plugin-unikernel/acceptance/localec2/ec2/template"
	"github.com/unikernel-ami/packer-plugin-unikernel/acceptance/localec2/guest"
	"github.com/unikernel-ami/packer-plugin-unikernel/acceptance/localec2/query"
	"github.com/unikernel-ami/packer-plugin-unikernel/acceptance/localec2/snapshot"
)

// Namespace is the XML namespace of EC2's answers.
const Namespace = "http://ec2.amazonaws.com/doc/2016-11-15/"

// version is the only API version that the server supports.
const version = "2016-11-15"

// Options configures EC2.
type Options struct {
	ImagePending    time.Duration // from RegisterImage until an image is available
	Copies          image.CopyOptions
	PublicAddresses netip.Prefix // range for instances
	Instances       instance.Options
	Imports         importtask.Options
}

// Service is EC2. One lock guards all of its state, which is fine for a control
// plane, whose calls are short.
type Service struct {
	acct      *account.Account
	snapshots *snapshot.Store

	mu        sync.Mutex // guards all below
	images    *image.Images
	networks  *network.Networks
	instances *instance.Instances
	templates *template.Templates
	imports   *importtask.Tasks
}

// New returns the service with nothing but Amazon's kernels and the default
// VPCs. Instances run on the given host, and snapshots are imported from the
// given objects.
func New(acct *account.Account, snapshots *snapshot.Store, host *guest.Host, objects importtask.Objects, opts Options) *Service {
	s := &Service{acct: acct, snapshots: snapshots, templates: template.New(acct)}
	s.images = image.New(acct, snapshots, opts.ImagePending, opts.Copies)
	s.networks = network.New(acct, opts.PublicAddresses)
	s.instances = instance.New(acct, s.images, s.networks, host, &s.mu, opts.Instances)
	s.imports = importtask.New(acct, snapshots, objects, opts.Imports)
	return s
}

// API returns the service's description for the server.
func (s *Service) API() *api.Service {
	tables := slices.Concat(s.images.Actions(), s.networks.Actions(), s.instances.Actions(), s.templates.Actions(),
		[]map[string]query.Action{s.imports.Actions(), s.regionActions(), s.tagActions()})
	all := map[string]query.Action{}
	for _, t := range tables {
		maps.Copy(all, t)
	}
	return &api.Service{
		Name:     "ec2",
		Protocol: &protocol{query.Reader{Version: version, Table: all, Lock: &s.mu}},
		Errors: api.Errors{
			Signature: signatureError,
			Throttled: api.Refuse(http.StatusServiceUnavailable, "RequestLimitExceeded", "Request limit exceeded."),
			Encoded:   true,
			Denied:    "UnauthorizedOperation",
			Internal:  "InternalError",
		},
	}
}

// Resources are the resources of a region, including those that callers can't
// see yet.
type Resources struct {
	Images    []image.Info
	Instances []instance.Info
	Networks  []network.Info
	Imports   []importtask.Info // the active ones
}

// Inspect returns what callers created in a region and did not delete.
func (s *Service) Inspect(region string) Resources {
	s.mu.Lock()
	defer s.mu.Unlock()
	return Resources{s.images.Inspect(region), s.instances.Inspect(region), s.networks.Inspect(region), s.imports.Inspect(region)}
}

// Usable reports whether callers can launch instances of an image.
func (s *Service) Usable(region, imageID string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	img, err := s.images.Find(region, imageID)
	return err == nil && img.State(s.acct.Now()) == image.Available
}

// Pingable returns the guest of the instance with a public address, or an
// [instance.PingError].
func (s *Service) Pingable(address netip.Addr) (*guest.Guest, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.instances.Pingable(address)
}
