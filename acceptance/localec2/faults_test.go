package localec2

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/ebs"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/smithy-go"
	"github.com/google/go-cmp/cmp"
)

// TestFaultKinds checks what a client sees of each kind, in all services.
func TestFaultKinds(t *testing.T) {
	for _, test := range []struct{ fault, ec2, ebs, sts string }{
		{"*=throttle", "RequestLimitExceeded 503", "RequestThrottledException 400", "Throttling 400"},
		{"*=refuse", "UnauthorizedOperation 403", "AccessDeniedException 403", "AccessDenied 403"},
		{"*=fail", "InternalError 500", "InternalServerException 500", "InternalError 500"},
		{"*=fail,code=Oops,status=418", "Oops 418", "Oops 418", "Oops 418"},
		{"*=delay,delay=1ms", "", "", ""},
		{"RunInstances=refuse", "", "", ""},
		{"*=refuse,region=eu-west-1", "", "", ""},
		{"*=refuse,service=ebs", "", "AccessDeniedException 403", ""},
		{"*=refuse,from=2", "", "AccessDeniedException 403", "AccessDenied 403"},
		{"*=refuse,nth=2", "", "AccessDeniedException 403", ""},
		{"*=refuse,times=2", "UnauthorizedOperation 403", "AccessDeniedException 403", ""},
	} {
		t.Run(test.fault, func(t *testing.T) {
			l := start(t, Options{})
			l.Inject(must(ParseFault(test.fault))(t))
			_, err := l.ec2.DescribeRegions(l.ctx, &ec2.DescribeRegionsInput{})
			wantRefusal(t, err, test.ec2)
			_, err = l.ebs.StartSnapshot(l.ctx, &ebs.StartSnapshotInput{VolumeSize: new(int64(1))})
			wantRefusal(t, err, test.ebs)
			_, err = l.sts.GetCallerIdentity(l.ctx, &sts.GetCallerIdentityInput{})
			wantRefusal(t, err, test.sts)
			l.ClearFaults()
			if _, err = l.ec2.DescribeRegions(l.ctx, &ec2.DescribeRegionsInput{}); err != nil {
				t.Errorf("after ClearFaults: %v", err)
			}
		})
	}
}

// TestCut checks that a cut call gets no answer, and has its effect or not.
func TestCut(t *testing.T) {
	for kind, want := range map[string]int{Cut: 0, CutAfter: 1} {
		l := start(t, Options{})
		l.Inject(Fault{Kind: kind, Action: "StartSnapshot"})
		_, err := l.ebs.StartSnapshot(l.ctx, &ebs.StartSnapshotInput{VolumeSize: new(int64(1))})
		var api smithy.APIError
		if err == nil || errors.As(err, &api) {
			t.Errorf("%s: got %v, want no answer", kind, err)
		}
		if got := len(l.Resources()["us-east-1"].Snapshots); got != want {
			t.Errorf("%s: %d snapshots exist, want %d", kind, got, want)
		}
		if got := l.Calls()[0]; got.Status != 0 || got.Action != "StartSnapshot" {
			t.Errorf("%s: recorded as %+v", kind, got)
		}
	}
}

// TestDelay checks that a client that gave up while it waited changes nothing.
func TestDelay(t *testing.T) {
	l := start(t, Options{})
	l.Inject(Fault{Kind: Delay, Action: "StartSnapshot", Delay: time.Hour})
	ctx, cancel := context.WithTimeout(l.ctx, 50*time.Millisecond)
	defer cancel()
	_, err := l.ebs.StartSnapshot(ctx, &ebs.StartSnapshotInput{VolumeSize: new(int64(1))})
	if !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v, want the deadline", err)
	}
	for deadline := time.Now().Add(5 * time.Second); len(l.Calls()) == 0; time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("the server still waits for a client that has gone")
		}
	}
	if got := l.Calls()[0]; got.Status != 0 || len(l.Resources()) != 0 {
		t.Errorf("recorded as %+v, and %+v exists", got, l.Resources())
	}
}

// TestInspect tests the paths for scripts.
func TestInspect(t *testing.T) {
	l := start(t, Options{})
	ami := l.register("seen", l.snapshot())
	get := func(path string) string {
		resp := must(http.Get(l.URL() + path))(t)
		defer resp.Body.Close()
		return string(must(io.ReadAll(resp.Body))(t))
	}
	for path, words := range map[string][]string{
		"/_localec2/calls":     {`"action": "RegisterImage"`, `"service": "ebs"`, `"status": 201`, *ami},
		"/_localec2/resources": {`"us-east-1"`, `"name": "seen"`, `"blocks": 1`, `"state": "completed"`, `"kernel_id": "aki-5c21674b"`},
	} {
		for _, word := range words {
			if text := get(path); !strings.Contains(text, word) {
				t.Errorf("%s lacks %s:\n%s", path, word, text)
			}
		}
	}
	post := func(body string) int {
		resp := must(http.Post(l.URL()+"/_localec2/faults", "text/plain", strings.NewReader(body)))(t)
		resp.Body.Close()
		return resp.StatusCode
	}
	if got := post("*=refuse\n*=explode\n"); got != 400 {
		t.Errorf("a wrong fault: status %d, want 400", got)
	}
	if err := l.describe(ami); err != nil {
		t.Errorf("half of a wrong post took effect: %v", err)
	}
	if got := post("DescribeImages=refuse\n\n*=delay,delay=1ms\n"); got != 204 {
		t.Errorf("two faults: status %d, want 204", got)
	}
	wantRefusal(t, l.describe(ami), "UnauthorizedOperation 403")
	req := must(http.NewRequest(http.MethodDelete, l.URL()+"/_localec2/faults", nil))(t)
	must(http.DefaultClient.Do(req))(t).Body.Close()
	if err := l.describe(ami); err != nil {
		t.Error(err)
	}
}

func TestCalls(t *testing.T) {
	var logged []Call
	srv, err := Start(Options{OnCall: func(c Call) { logged = append(logged, c) }})
	if err != nil {
		t.Fatal(err)
	}
	defer srv.Close()
	l := (&lab{Running: srv, t: t, ctx: context.Background()}).as("eu-west-1", "AKIATEST")
	id := l.begin()
	wantRefusal(t, l.delete(new("snap-12345678")), "InvalidSnapshot.NotFound 400")
	type short struct {
		Service, Action, Region, Code, Resource string
		Status                                  int
	}
	var got []short
	for _, c := range l.Calls() {
		if c.Time.IsZero() || time.Since(c.Time) > time.Minute {
			t.Errorf("%s at %v", c.Action, c.Time)
		}
		got = append(got, short{c.Service, c.Action, c.Region, c.Code, c.Resource, c.Status})
	}
	want := []short{
		{"ebs", "StartSnapshot", "eu-west-1", "", *id, 201},
		{"ec2", "DeleteSnapshot", "eu-west-1", "InvalidSnapshot.NotFound", "snap-12345678", 400},
	}
	if diff := cmp.Diff(want, got); diff != "" || len(logged) != 2 {
		t.Errorf("calls (%d logged) (-want +got):\n%s", len(logged), diff)
	}
}

func TestStartRefusesOtherAddresses(t *testing.T) {
	for _, addr := range []string{"0.0.0.0:0", ":0", "192.0.2.1:0", "example.org:0", "[::]:0", "127.0.0.1"} {
		if srv, err := Start(Options{Listen: addr}); err == nil {
			srv.Close()
			t.Errorf("listened on %s", addr)
		}
	}
}
