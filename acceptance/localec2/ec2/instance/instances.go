// Package instance implements EC2's instances and instance types.
package instance

import (
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/unikernel-ami/packer-plugin-unikernel/acceptance/localec2/account"
	"github.com/unikernel-ami/packer-plugin-unikernel/acceptance/localec2/ec2/image"
	"github.com/unikernel-ami/packer-plugin-unikernel/acceptance/localec2/ec2/network"
	"github.com/unikernel-ami/packer-plugin-unikernel/acceptance/localec2/guest"
	"github.com/unikernel-ami/packer-plugin-unikernel/acceptance/localec2/query"
	"github.com/unikernel-ami/packer-plugin-unikernel/acceptance/localec2/regions"
	"github.com/unikernel-ami/packer-plugin-unikernel/acceptance/localec2/resource"
)

// Instances are the instances of all regions. The caller must hold EC2's lock.
type Instances struct {
	opts     Options
	acct     *account.Account
	images   *image.Images
	networks *network.Networks
	host     *guest.Host
	lock     sync.Locker // EC2's lock, for the events of guests
	regions  map[string]*region
}

// region has the instances of one region.
type region struct {
	instances map[string]*Instance
	launches  map[string]launched // RunInstances client tokens
	defaults  metadataDefaults
}

// Options configures instances.
type Options struct {
	// Pending and Ending are the minimum time that an instance takes to start
	// running, and to stop or terminate.
	Pending, Ending time.Duration

	// NoGuests means that instances have no guests and use no memory.
	NoGuests bool

	// MemoryMiB limits the memory of all guests together.
	MemoryMiB int

	// Profiles are the names of the IAM instance profiles that exist.
	Profiles []string
}

// New returns the instances of all regions, of which there are none. The lock
// is EC2's.
func New(acct *account.Account, images *image.Images, networks *network.Networks, host *guest.Host, lock sync.Locker, opts Options) *Instances {
	s := &Instances{opts, acct, images, networks, host, lock, map[string]*region{}}
	for _, name := range regions.Names() {
		s.regions[name] = &region{instances: map[string]*Instance{}, launches: map[string]launched{}}
	}
	return s
}

// Actions returns the actions on instances and instance types.
func (s *Instances) Actions() []map[string]query.Action {
	return []map[string]query.Action{
		s.launchActions(), s.metadataActions(), s.instanceActions(), s.instanceStatusActions(), s.powerActions(), s.consoleActions(), s.instanceTypeActions(), s.offeringActions(),
	}
}

// Type is the resource type of instances.
var Type = resource.Type{Prefix: "i", Name: "instance", Label: "instance ID", NotFound: "InvalidInstanceID.NotFound", Malformed: "InvalidInstanceID.Malformed"}

// Instance is an EC2 instance. Its state follows from its target state, whether
// its guest has reached it, and the minimum time that it takes.
type Instance struct {
	resource.Common
	region       string
	reservation  string
	index        int
	image        *image.Image
	deletesRoot  bool   // on termination
	profile      string // the IAM instance profile's name
	kernel       string
	typ          instanceType
	nic          *network.Interface
	wantsPublic  bool
	terminates   bool // when the guest powers off by itself
	spot         bool
	tenancy      string
	ebsOptimized bool
	metadata     metadata
	token        string
	launched     time.Time

	target  string // running, stopped or terminated
	aborted bool   // it goes from pending to terminated
	reached bool   // the guest has started or ended
	settles time.Time
	reason  stateReason
	why     string // the user's action and its time

	guest   *guest.Guest // nil if it is stopped
	console *guest.Console
	volume  *guest.Volume
}

// States of an instance.
const (
	pending      = "pending"
	running      = "running"
	shuttingDown = "shutting-down"
	terminated   = "terminated"
	stopping     = "stopping"
	stopped      = "stopped"
)

// stateCodes are the codes of the states (data type InstanceState).
var stateCodes = map[string]int{pending: 0, running: 16, shuttingDown: 32, terminated: 48, stopping: 64, stopped: 80}

// transition is the state before each stable state.
var transition = map[string]string{running: pending, stopped: stopping, terminated: shuttingDown}

// terminatedLife is how long callers can see a terminated instance: "a short
// while, usually less than an hour" (Amazon EC2 User Guide).
const terminatedLife = time.Hour

type stateReason struct {
	Code    string `xml:"code"`
	Message string `xml:"message"`
}

// state returns the instance's state at a given time.
func (in *Instance) state(now time.Time) string {
	if in.reached && !now.Before(in.settles) {
		return in.target
	}
	if in.aborted {
		return pending
	}
	return transition[in.target]
}

// expired reports whether callers no longer see the instance.
func (in *Instance) expired(now time.Time) bool {
	return in.state(now) == terminated && now.Sub(in.settles) > terminatedLife
}

// suffix is the common part of the ids of an instance and its parts.
func (in *Instance) suffix() string { return strings.TrimPrefix(in.ID, "i-") }

// forgetTerminated removes the instances that callers no longer see.
func (s *Instances) forgetTerminated(region string) {
	now := s.acct.Now()
	for id, in := range s.regions[region].instances {
		if in.expired(now) {
			delete(s.regions[region].instances, id)
			s.networks.Forget(region, in.nic)
		}
	}
}

// Taggable returns an instance by its id, or nil if the id is that of another
// resource type.
func (s *Instances) Taggable(region, id string) (resource.Resource, error) {
	if prefix, _, _ := strings.Cut(id, "-"); prefix != Type.Prefix {
		return nil, nil
	}
	return resource.Find(s.acct.Now(), s.regions[region].instances, Type, id)
}

// EachTagged calls add for every instance that callers can see.
func (s *Instances) EachTagged(region string, add func(resource.Type, *resource.Common)) {
	for _, in := range resource.Visible(s.acct.Now(), s.regions[region].instances) {
		add(Type, in.Base())
	}
}

// Info describes an instance that was not terminated.
type Info struct {
	ID        string            `json:"id"`
	State     string            `json:"state"`
	ImageID   string            `json:"image_id"`
	Type      string            `json:"type"`
	PrivateIP string            `json:"private_ip"`
	PublicIP  string            `json:"public_ip,omitempty"`
	Tags      map[string]string `json:"tags,omitempty"`
	Launched  time.Time         `json:"launched"`
}

// Inspect describes the instances of a region, oldest first, including those
// that callers can't see yet.
func (s *Instances) Inspect(region string) []Info {
	infos := []Info{}
	for _, in := range s.regions[region].instances {
		state := in.state(s.acct.Now())
		if state == terminated {
			continue
		}
		info := Info{
			ID: in.ID, State: state, ImageID: in.image.ID, Type: in.typ.name,
			PrivateIP: in.nic.Private.String(), Tags: maps.Clone(in.Tags), Launched: in.launched,
		}
		if in.nic.Public != nil {
			info.PublicIP = in.nic.Public.String()
		}
		infos = append(infos, info)
	}
	slices.SortFunc(infos, func(a, b Info) int { return a.Launched.Compare(b.Launched) })
	return infos
}
