package smoketest

import (
	"bytes"
	"context"
	"io"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	packersdk "github.com/hashicorp/packer-plugin-sdk/packer"

	"github.com/unikernel-ami/packer-plugin-unikernel/acceptance/localec2"
	"github.com/unikernel-ami/packer-plugin-unikernel/acceptance/localec2/byhand"
	"github.com/unikernel-ami/packer-plugin-unikernel/internal/cloud"
	"github.com/unikernel-ami/packer-plugin-unikernel/internal/component"
)

// An embedded is a local EC2 that boots no guests: their consoles say so, and
// that is what the tests check. A proxy in front of it tells of each call.
type embedded struct {
	server *localec2.Running
	ami    string
	port   int                                 // stands in for the guest's: whatever address of 127.0.0.0/8 is asked for it, it answers
	before atomic.Pointer[func(action string)] // a call's effect
	after  atomic.Pointer[func(action string)] // a call's answer was sent
}

func newCloud(t *testing.T) *embedded {
	t.Helper()
	server, err := localec2.Start(localec2.Options{NoInstances: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { server.Close() })
	c := &embedded{server: server}
	target, err := url.Parse(server.URL())
	if err != nil {
		t.Fatal(err)
	}
	// The Host that was signed goes on to the server.
	forward := &httputil.ReverseProxy{
		Rewrite:      func(r *httputil.ProxyRequest) { r.SetURL(target); r.Out.Host = r.In.Host },
		ErrorHandler: func(http.ResponseWriter, *http.Request, error) { panic(http.ErrAbortHandler) }, // a cut is passed on
	}
	proxy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		r.Body = io.NopCloser(bytes.NewReader(body))
		form, _ := url.ParseQuery(string(body))
		if tell := c.before.Load(); tell != nil {
			(*tell)(form.Get("Action"))
		}
		forward.ServeHTTP(w, r.WithContext(context.WithoutCancel(r.Context())))
		if tell := c.after.Load(); tell != nil {
			(*tell)(form.Get("Action"))
		}
	}))
	t.Cleanup(proxy.Close)
	for _, variable := range server.Env() {
		key, value, _ := strings.Cut(variable, "=")
		t.Setenv(key, value)
	}
	t.Setenv("AWS_ENDPOINT_URL", proxy.URL)
	c.port = standIn(t)
	if c.ami, err = byhand.Register(t.Context(), server.URL(), []byte{1}); err != nil {
		t.Fatal(err)
	}
	return c
}

// standIn accepts connections on a port of all addresses, and holds them.
func standIn(t *testing.T) int {
	t.Helper()
	listener, err := net.Listen("tcp4", ":0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { listener.Close() })
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			_, _ = conn.Write([]byte("x")) // so that no check waits whether it stays open
			t.Cleanup(func() { conn.Close() })
		}
	}()
	return listener.Addr().(*net.TCPAddr).Port
}

// hurried is the way to AWS with waits that fit a test.
func hurried(ctx context.Context, o cloud.Options) (*cloud.Session, error) {
	o.MaxBackoff = 5 * time.Millisecond
	s, err := cloud.Connect(ctx, o)
	if err == nil {
		w := &s.Waits
		w.Delay, w.MaxDelay, w.Watch = 2*time.Millisecond, 10*time.Millisecond, 20*time.Millisecond
		w.Settle, w.Console, w.Release = 300*time.Millisecond, 300*time.Millisecond, 300*time.Millisecond
	}
	return s, err
}

// test makes a smoke test of the AMI.
func (c *embedded) test(ctx context.Context, t *testing.T, options block) error {
	t.Helper()
	_, err := c.artifact(ctx, t, options)
	return err
}

func (c *embedded) artifact(ctx context.Context, t *testing.T, options block) (packersdk.Artifact, error) {
	t.Helper()
	tested, keep, force, err := c.postProcess(ctx, t, c.source(), options)
	if !keep || !force {
		t.Errorf("keep %v, force %v: Packer would destroy the AMI", keep, force)
	}
	return tested, err
}

func (c *embedded) postProcess(ctx context.Context, t *testing.T, source packersdk.Artifact, options block) (_ packersdk.Artifact, keep, force bool, err error) {
	t.Helper()
	p := &PostProcessor{Version: "test", connect: hurried}
	all := block{
		"ami_id": c.ami, "region": "us-east-1", "timeout": "3s",
		"tcp":     []block{{"port": c.port, "interval": "1ms"}},
		"console": []block{{"contains": "localec2: ", "interval": "20ms", "consecutive": 4}}, // so that the instance is watched meanwhile
	}
	maps.Copy(all, options)
	if err := p.Configure(all); err != nil {
		t.Fatal(err)
	}
	return p.PostProcess(ctx, packersdk.TestUi(t), source)
}

// source is the artifact of a build that has made the AMI.
func (c *embedded) source() *component.Artifact {
	return component.NewArtifact(component.Access{Region: "us-east-1"}, component.AMI{ID: c.ami}, map[string]string{"AMI": c.ami}, hurried)
}

// nothingLeft checks that of a test no instance and no group is there.
func (c *embedded) nothingLeft(t *testing.T) {
	t.Helper()
	left := c.server.Resources()["us-east-1"]
	if len(left.Instances)+len(left.Networks) > 0 {
		t.Errorf("left behind: %+v %+v", left.Instances, left.Networks)
	}
}

// actions lists the calls of a test that goes well, in their order.
func (c *embedded) actions(t *testing.T) []string {
	t.Helper()
	before := len(c.server.Calls())
	if err := c.test(t.Context(), t, nil); err != nil {
		t.Fatal(err)
	}
	var list []string
	for _, call := range c.server.Calls()[before:] {
		if !slices.Contains(list, call.Action) {
			list = append(list, call.Action)
		}
	}
	return list
}

// Whatever happens to whatever call, nothing is left of a test.
func TestFaultTable(t *testing.T) {
	c := newCloud(t)
	actions := c.actions(t)
	for _, want := range []string{"CreateSecurityGroup", "AuthorizeSecurityGroupIngress", "RunInstances", "DescribeInstances", "DescribeInstanceStatus",
		"GetConsoleOutput", "TerminateInstances", "DeleteSecurityGroup", "CreateTags"} {
		if !slices.Contains(actions, want) {
			t.Errorf("%s is not called", want)
		}
	}
	c.nothingLeft(t)
	for _, action := range actions {
		for name, fault := range map[string]string{
			"refused": "=refuse,times=1", "lost after its effect": "=cut-after,nth=1", "lost three times after its effect": "=cut-after,times=3", "throttled three times": "=throttle,times=3",
		} {
			t.Run(action+" "+name, func(t *testing.T) {
				f, err := localec2.ParseFault(action + fault)
				if err != nil {
					t.Fatal(err)
				}
				c.server.Inject(f)
				defer c.server.ClearFaults()
				err = c.test(t.Context(), t, nil)
				// What only looks at an instance, or tags the AMI, can fail once and the test goes on.
				survivable := slices.Contains([]string{"GetConsoleOutput", "CreateTags"}, action)
				if name == "refused" && err == nil && !survivable || name == "lost after its effect" && err != nil {
					t.Errorf("error %v", err)
				}
				if name == "refused" && action == "TerminateInstances" || name == "refused" && action == "DeleteSecurityGroup" {
					if err == nil || !strings.Contains(err.Error(), "aws ec2 ") {
						t.Errorf("who may not remove isn't told how: %v", err)
					}
					c.sweep(t)
				}
				c.nothingLeft(t)
			})
		}
	}
}

// Ctrl-C before and after each call leaves nothing either.
func TestInterruptedAtEachCall(t *testing.T) {
	c := newCloud(t)
	for _, action := range c.actions(t) {
		for name, moment := range map[string]*atomic.Pointer[func(string)]{"before": &c.before, "after": &c.after} {
			t.Run(name+" "+action, func(t *testing.T) {
				ctx, cancel := context.WithCancel(t.Context())
				defer cancel()
				var met atomic.Bool
				tell := func(called string) {
					if called == action || called == "" && action == "GetCallerIdentity" {
						met.Store(true)
						cancel()
					}
				}
				moment.Store(&tell)
				err := c.test(ctx, t, nil)
				moment.Store(nil)
				// What is called at the end isn't cut short: the test has passed by then.
				ending := slices.Contains([]string{"TerminateInstances", "DeleteSecurityGroup", "CreateTags"}, action)
				if !met.Load() || err == nil && !ending {
					t.Errorf("the call was met: %v; error %v", met.Load(), err)
				}
				c.nothingLeft(t)
			})
		}
	}
}

// sweep removes what a test that wasn't allowed to has left.
func (c *embedded) sweep(t *testing.T) {
	t.Helper()
	endpoint := c.server.URL()
	client := ec2.New(ec2.Options{Region: "us-east-1", BaseEndpoint: &endpoint, Credentials: credentials.NewStaticCredentialsProvider("AKIATEST", "secret", "")})
	left := c.server.Resources()["us-east-1"]
	for _, in := range left.Instances {
		if _, err := client.TerminateInstances(t.Context(), &ec2.TerminateInstancesInput{InstanceIds: []string{in.ID}}); err != nil {
			t.Error(err)
		}
	}
	for _, group := range c.server.Resources()["us-east-1"].Networks {
		if _, err := client.DeleteSecurityGroup(t.Context(), &ec2.DeleteSecurityGroupInput{GroupId: &group.ID}); err != nil {
			t.Error(err)
		}
	}
}
