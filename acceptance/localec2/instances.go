package localec2

import (
	"net"
	"net/netip"
	"os"
	"time"
)

// States of an instance; pending is one, too.
const (
	running      = "running"
	shuttingDown = "shutting-down"
	terminated   = "terminated"
	stopping     = "stopping"
	stopped      = "stopped"
)

// stateCodes are the numbers of the states (data type InstanceState).
var stateCodes = map[string]int{pending: 0, running: 16, shuttingDown: 32, terminated: 48, stopping: 64, stopped: 80}

// onTheWay is the state before each in which an instance can rest.
var onTheWay = map[string]string{running: pending, stopped: stopping, terminated: shuttingDown}

// terminatedLife is how long callers still see an instance that was
// terminated: "a short while, usually less than an hour" (Amazon EC2 User
// Guide).
const terminatedLife = time.Hour

// instance is an EC2 instance. Its state follows from what it is to become,
// whether its machine has got there, and the least time that it takes.
type instance struct {
	owned
	region      string
	reservation string
	index       int
	image       *image
	root        mapping
	deletesRoot bool   // its volume goes with it
	profile     string // the IAM instance profile's name
	cardTags    tagSet // of its network interface
	kernel      string
	kind        instanceType
	subnet      *subnet
	groups      []*group
	private     netip.Addr
	wantsPublic bool
	public      *publicAddress // nil where it has none, or is stopped
	terminates  bool           // when the guest shuts down by itself
	spot        bool
	token       string
	launched    time.Time

	target  string // running, stopped or terminated
	reached bool   // the machine is there, or gone
	settles time.Time
	reason  stateReason
	why     string // the user's part in it, with the time

	machine *machine // nil where it is stopped
	console *console
	disk    *os.File // its volume, nil until the first start
}

// publicAddress is an address of the loopback range, held so that no other
// server on this machine gives it to an instance of its own.
type publicAddress struct {
	netip.Addr
	hold net.PacketConn
}

type stateReason struct {
	Code    string `xml:"code"`
	Message string `xml:"message"`
}

// state is the instance's state at a time.
func (in *instance) state(now time.Time) string {
	if in.reached && !now.Before(in.settles) {
		return in.target
	}
	return onTheWay[in.target]
}

// expired tells whether callers no longer see the instance.
func (in *instance) expired(now time.Time) bool {
	return in.state(now) == terminated && now.Sub(in.settles) > terminatedLife
}

var instanceActions = map[string]action{
	"DescribeInstances": {
		params: []string{"InstanceId", "Filter", "MaxResults", "NextToken"},
		run:    (*Server).describeInstances,
	},
}

// instancePages are the bounds of DescribeInstances' MaxResults.
var instancePages = paging{min: 5, max: 1000, ids: "InstanceId"}

type reservationItem struct {
	ID        string         `xml:"reservationId"`
	OwnerID   string         `xml:"ownerId"`
	Instances []instanceItem `xml:"instancesSet>item"`
}

type describeInstancesResponse struct {
	response
	Reservations []reservationItem `xml:"reservationSet>item"`
	NextToken    string            `xml:"nextToken,omitempty"`
}

func (s *Server) describeInstances(c *call) (any, error) {
	s.forgetTerminated(c.region)
	items, next, err := described(s, c, instanceKind, instancePages, s.regions[c.region].instances, instanceFilters, s.newInstanceItem)
	if err != nil {
		return nil, err
	}
	out := &describeInstancesResponse{NextToken: next}
	at := map[string]int{}
	for _, item := range items {
		i, seen := at[item.reservation]
		if !seen {
			i = len(out.Reservations)
			at[item.reservation] = i
			out.Reservations = append(out.Reservations, reservationItem{ID: item.reservation, OwnerID: s.opts.Account})
		}
		out.Reservations[i].Instances = append(out.Reservations[i].Instances, item)
	}
	return out, nil
}

// forgetTerminated drops the instances that callers no longer see.
func (s *Server) forgetTerminated(region string) {
	now := s.opts.Now()
	for id, in := range s.regions[region].instances {
		if in.expired(now) {
			delete(s.regions[region].instances, id)
		}
	}
}
