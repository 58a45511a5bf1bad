package localec2

import (
	"errors"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/unikernel-ami/packer-plugin-unikernel/acceptance/localec2/account"
	"github.com/unikernel-ami/packer-plugin-unikernel/acceptance/localec2/api"
	"github.com/unikernel-ami/packer-plugin-unikernel/acceptance/localec2/ebs"
	"github.com/unikernel-ami/packer-plugin-unikernel/acceptance/localec2/ec2"
	"github.com/unikernel-ami/packer-plugin-unikernel/acceptance/localec2/ec2/image"
	"github.com/unikernel-ami/packer-plugin-unikernel/acceptance/localec2/ec2/importtask"
	"github.com/unikernel-ami/packer-plugin-unikernel/acceptance/localec2/ec2/instance"
	"github.com/unikernel-ami/packer-plugin-unikernel/acceptance/localec2/fault"
	"github.com/unikernel-ami/packer-plugin-unikernel/acceptance/localec2/guest"
	"github.com/unikernel-ami/packer-plugin-unikernel/acceptance/localec2/iam"
	"github.com/unikernel-ami/packer-plugin-unikernel/acceptance/localec2/record"
	"github.com/unikernel-ami/packer-plugin-unikernel/acceptance/localec2/s3"
	"github.com/unikernel-ami/packer-plugin-unikernel/acceptance/localec2/sigv4"
	"github.com/unikernel-ami/packer-plugin-unikernel/acceptance/localec2/snapshot"
	"github.com/unikernel-ami/packer-plugin-unikernel/acceptance/localec2/ssm"
	"github.com/unikernel-ami/packer-plugin-unikernel/acceptance/localec2/sts"
)

// Server is the local EC2: an [http.Handler] for all its services. Make one
// with [New]. It is safe for concurrent use.
type Server struct {
	opts      Options
	account   *account.Account
	host      *guest.Host
	snapshots *snapshot.Store
	ec2       *ec2.Service
	ssm       *ssm.Service
	s3        *s3.Service
	services  []*api.Service // the first is the default
	inspect   http.Handler
	faults    fault.Set
	record    record.Recorder
}

// New creates a server that has nothing but Amazon's PV-GRUB kernels and default
// VPCs. Call [Server.Close] to end its instances.
func New(opts Options) *Server {
	opts = opts.complete()
	acct := account.New(opts.Account, opts.Now, opts.Invisible)
	s := &Server{opts: opts, account: acct, snapshots: snapshot.NewStore(acct), record: record.Recorder{OnCall: opts.OnCall}}
	blocks := ebs.New(acct, s.snapshots, ebs.Options{SnapshotPending: opts.SnapshotPending, TokensOutlive: opts.TokensOutlive})
	s.host = guest.NewHost(guest.Options{Off: opts.NoInstances, PVGRUB: opts.PVGRUB, Log: opts.Log, Blocks: blocks})
	s.s3 = s3.New(acct)
	s.ec2 = ec2.New(acct, s.snapshots, s.host, s.s3, ec2.Options{
		ImagePending: opts.ImagePending, PublicAddresses: opts.PublicAddresses,
		Copies: image.CopyOptions{Pending: opts.CopyPending, Limit: opts.CopyLimit},
		Instances: instance.Options{
			Pending: opts.InstancePending, Ending: opts.InstanceEnding,
			NoGuests: opts.NoInstances, MemoryMiB: opts.MemoryMiB, Profiles: opts.InstanceProfiles,
		},
		Imports: importtask.Options{Time: opts.ImportTime, Roles: opts.ImportRoles},
	})
	s.ssm = ssm.New(acct, s.ec2.Usable)
	s.services = []*api.Service{s.ec2.API(), blocks.API(), s.ssm.API(), sts.New(acct, opts.SessionLifetime), s.s3.API(), iam.New(acct, opts.ImportRoles)}
	s.inspect = s.inspectHandler()
	return s
}

// Close ends all guests. The server still answers, but instances that are
// started later never do.
func (s *Server) Close() { s.host.Close() }

// ServeHTTP serves a request to any of the services.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if strings.HasPrefix(r.URL.Path, inspectPrefix) {
		s.inspect.ServeHTTP(w, r)
		return
	}
	c := api.NewCall(r)
	sig, fault := sigv4.Check(r, c.Start)
	if fault == 0 {
		fault = s.account.CheckSession(sig.AccessKey, r.Header.Get("X-Amz-Security-Token"))
	}
	c.Service, c.Region, c.AccessKey = sig.Service, sig.Region, sig.AccessKey
	svc := s.service(c.Service)
	body, readErr := readBody(r, maxBody(svc))
	c.Body = body
	if c.Service == "" {
		svc = s.claimed(r, body)
		c.Service = svc.Name
	}
	if svc == nil {
		s.fail(w, c, s.services[0], api.Refuse(http.StatusNotImplemented, "NotImplemented", "localec2 does not serve %q", c.Service))
		return
	}
	result, err := s.answer(c, svc, fault, readErr)
	s.finish(w, c, svc, result, s.encodeDenial(c, svc, err))
}

// service returns a service by its name, or nil if the server doesn't have it.
func (s *Server) service(name string) *api.Service {
	for _, svc := range s.services {
		if svc.Name == name {
			return svc
		}
	}
	return nil
}

// claimed returns the service for a request without a readable signature: the
// one that claims it, or the default.
func (s *Server) claimed(r *http.Request, body []byte) *api.Service {
	for _, svc := range s.services {
		if svc.Claims != nil && svc.Claims(r, body) {
			return svc
		}
	}
	return s.services[0]
}

// answer checks a request and runs its action.
func (s *Server) answer(c *api.Call, svc *api.Service, fault sigv4.Fault, readErr error) (any, error) {
	if readErr != nil {
		return nil, readErr
	}
	run, err := svc.Protocol.Read(c)
	if fault == sigv4.Missing && slices.Contains(svc.Anonymous, c.Action) {
		fault = 0
	}
	if fault != 0 && (fault != sigv4.Denied || !svc.Open) {
		return nil, svc.Errors.Signature(fault, c.Region)
	}
	if err != nil {
		return nil, err
	}
	return s.faults.Run(c, svc.Errors, run)
}

// encodeDenial adds an encoded message to the error of a denied call.
func (s *Server) encodeDenial(c *api.Call, svc *api.Service, err error) error {
	denial, ok := errors.AsType[*api.Error](err)
	if !ok || !svc.Errors.Encoded || denial.Code != svc.Errors.Denied {
		return err
	}
	message := s.account.EncodeDenial(c.AccessKey, c.Region, svc.Name+":"+c.Action)
	return api.Refuse(denial.Status, denial.Code, "%s Encoded authorization failure message: %s", denial.Message, message)
}

// finish waits for the latency, then writes the answer or cuts the connection.
func (s *Server) finish(w http.ResponseWriter, c *api.Call, svc *api.Service, result any, err error) {
	if wait := s.opts.Latency - time.Since(c.Start); wait > 0 {
		c.Sleep(wait)
	}
	if errors.Is(err, fault.ErrCut) {
		s.record.Note(c, 0, "")
		cut(w)
		return
	}
	if err != nil {
		s.fail(w, c, svc, api.AsError(err))
		return
	}
	status := http.StatusOK
	if r, ok := result.(api.StatusCoder); ok {
		status = r.HTTPStatus()
	}
	s.record.Note(c, status, "")
	setRequestID(w, c)
	svc.Protocol.Write(w, c, result)
}

func (s *Server) fail(w http.ResponseWriter, c *api.Call, svc *api.Service, e *api.Error) {
	s.record.Note(c, e.Status, e.Code)
	setRequestID(w, c)
	svc.Protocol.WriteError(w, c, e)
}

// setRequestID sets the header that the SDKs read the request id from.
func setRequestID(w http.ResponseWriter, c *api.Call) {
	w.Header().Set("X-Amzn-Requestid", c.RequestID)
}

// cut closes the connection without an answer.
func cut(w http.ResponseWriter) {
	conn, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		panic(http.ErrAbortHandler) // HTTP/2 or a test's recorder: net/http drops the stream
	}
	_ = conn.Close()
}
