package localec2

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"sync"
	"time"
)

// Server is the embedded EC2: an [http.Handler] for all its services. Make one
// with [New]. It is safe for concurrent use.
type Server struct {
	opts   Options
	key    []byte // seals tokens
	blocks *blockStore
	faults faults
	record recorder
	look   http.Handler

	life     context.Context // of all machines
	stop     context.CancelFunc
	machines sync.WaitGroup

	mu      sync.Mutex // guards all below
	closed  bool
	regions map[string]*regionState
}

// regionState is what exists in one region.
type regionState struct {
	snapshots    map[string]*snapshot
	images       map[string]*image
	deregistered map[string]bool
	tokens       map[string]startedSnapshot // StartSnapshot client tokens
	*network
	instances map[string]*instance
	launches  map[string]launched // RunInstances client tokens
}

// New makes a server with nothing in it but Amazon's PV-GRUB kernels and
// default VPCs. Where it ran instances, [Server.Close] ends them.
func New(opts Options) *Server {
	s := &Server{
		opts:    opts.complete(),
		key:     random(32),
		blocks:  newBlockStore(),
		regions: map[string]*regionState{},
	}
	s.life, s.stop = context.WithCancel(context.Background())
	for name := range regions {
		s.regions[name] = &regionState{
			snapshots:    map[string]*snapshot{},
			images:       pvGrubImages(name),
			deregistered: map[string]bool{},
			tokens:       map[string]startedSnapshot{},
			network:      newNetwork(name, s.opts.Account),
			instances:    map[string]*instance{},
			launches:     map[string]launched{},
		}
	}
	s.look = s.lookHandler()
	return s
}

// Close ends all instances' guests. The server still answers; instances that
// are started later never do.
func (s *Server) Close() {
	s.mu.Lock()
	s.closed = true
	s.mu.Unlock()
	s.stop()
	s.machines.Wait()
}

// call is one request on its way through the server.
type call struct {
	service   string
	action    string
	region    string
	requestID string
	start     time.Time // real time, for latency and the record
	resource  string    // id of what the call is about, for the record
	form      *form     // EC2 and STS
	path      []string  // EBS: the path's parts
	req       *http.Request
	body      []byte
}

// action is one API action. Run returns a value that the service's protocol
// can write. Params are the top-level parameters that AWS knows; nil means
// that the action checks them itself.
type action struct {
	params []string
	run    func(*Server, *call) (any, error)
}

// service is one of the APIs behind the port.
type service struct {
	// actionOf names the action that a request asks for, and reads its input.
	actionOf func(*call, map[string]action) (string, error)
	actions  map[string]action
	invoke   func(*Server, *call, action) (any, error)
	write    func(http.ResponseWriter, *call, any)
	fail     func(http.ResponseWriter, *call, *apiError)
	auth     func(f authFault, region string) *apiError
	throttle *apiError
	denied   string // error code of a call that policy refuses
}

var services = map[string]*service{
	"ec2": {queryAction, ec2Actions, invokeLocked, writeEC2, writeEC2Error, ec2Auth,
		refuse(http.StatusServiceUnavailable, "RequestLimitExceeded", "Request limit exceeded."), "UnauthorizedOperation"},
	"sts": {queryAction, stsActions, invokeLocked, writeSTS, writeSTSError, stsAuth,
		bad("Throttling", "Rate exceeded"), "AccessDenied"},
	"ebs": {ebsAction, ebsActions, invokeFree, writeEBS, writeEBSError, ebsAuth,
		ebsError("RequestThrottledException", "ACCOUNT_THROTTLED", "The request was throttled."), "AccessDeniedException"},
}

// invokeLocked runs an action alone: the control plane's calls are short.
func invokeLocked(s *Server, c *call, a action) (any, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return a.run(s, c)
}

// invokeFree runs an action that takes the server's lock itself.
func invokeFree(s *Server, c *call, a action) (any, error) { return a.run(s, c) }

// ServeHTTP answers one request of any of the services.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if strings.HasPrefix(r.URL.Path, lookPrefix) {
		s.look.ServeHTTP(w, r)
		return
	}
	c := &call{requestID: newRequestID(), start: time.Now(), req: r}
	body, readErr := readBody(r)
	c.body = body
	sig, fault := checkSignature(r, c.start)
	c.service, c.region = sig.service, sig.region
	if c.service == "" {
		c.service = guessService(r, body)
	}
	svc := services[c.service]
	if svc == nil {
		svc = services["ec2"]
		s.fail(w, c, svc, refuse(http.StatusNotImplemented, "NotImplemented", "localec2 does not serve %q", c.service))
		return
	}
	result, err := s.answer(c, svc, fault, readErr)
	s.finish(w, c, svc, result, err)
}

// answer takes a request through its checks to its action.
func (s *Server) answer(c *call, svc *service, fault authFault, readErr error) (any, error) {
	if readErr != nil {
		return nil, readErr
	}
	name, nameErr := svc.actionOf(c, svc.actions)
	c.action = name
	if fault != 0 {
		return nil, svc.auth(fault, c.region)
	}
	if nameErr != nil {
		return nil, nameErr
	}
	return s.withFaults(c, svc, func() (any, error) {
		return svc.invoke(s, c, svc.actions[name])
	})
}

// finish waits out the latency and writes the answer, or cuts the connection.
func (s *Server) finish(w http.ResponseWriter, c *call, svc *service, result any, err error) {
	if wait := s.opts.Latency - time.Since(c.start); wait > 0 {
		sleep(c.req.Context(), wait)
	}
	if errors.Is(err, errCut) {
		s.note(c, 0, "")
		cut(w)
		return
	}
	if err != nil {
		s.fail(w, c, svc, asAPIError(err))
		return
	}
	status := http.StatusOK
	if r, ok := result.(interface{ httpStatus() int }); ok {
		status = r.httpStatus()
	}
	s.note(c, status, "")
	setRequestID(w, c)
	svc.write(w, c, result)
}

func (s *Server) fail(w http.ResponseWriter, c *call, svc *service, e *apiError) {
	s.note(c, e.status, e.code)
	setRequestID(w, c)
	svc.fail(w, c, e)
}
