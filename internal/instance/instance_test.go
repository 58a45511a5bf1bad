package instance

import (
	"context"
	"encoding/base64"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"

	"github.com/unikernel-ami/packer-plugin-unikernel/acceptance/localec2"
	"github.com/unikernel-ami/packer-plugin-unikernel/internal/cloud"
	"github.com/unikernel-ami/packer-plugin-unikernel/internal/cloudtest"
)

// ended ends an instance behind the back of the package.
func ended(t *testing.T, s *cloud.Session, id string) {
	t.Helper()
	if _, err := s.EC2.TerminateInstances(t.Context(), &ec2.TerminateInstancesInput{InstanceIds: []string{id}}); err != nil {
		t.Fatal(err)
	}
}

func TestLaunchOfAnInstanceThatNeverRuns(t *testing.T) {
	_, s, r := startLaunch(t, localec2.Options{InstancePending: time.Hour})
	plan := planned(t, s, r)
	s.Waits.Running = 400 * time.Millisecond
	_, err := Launch(t.Context(), s, plan, &cloud.Ledger{})
	cloudtest.WantError(t, err, "not done within 400ms; last state: pending")
	s.Waits.Running = 5 * time.Second
	r.RunID = "run-2"
	plan = planned(t, s, r)
	plan.Launched = func(in *Instance) { ended(t, s, in.ID) }
	_, err = Launch(t.Context(), s, plan, &cloud.Ledger{})
	cloudtest.WantError(t, err, "the instance is ", "Client.UserInitiatedShutdown: User initiated shutdown")
}

func TestAwaitRunningWaitsForThePublicAddress(t *testing.T) {
	_, s, r := startLaunch(t, localec2.Options{})
	r.AssociatePublicIP = aws.Bool(false)
	in := running(t, s, r, &cloud.Ledger{})
	if in.PublicIP != "" {
		t.Errorf("public address %s", in.PublicIP)
	}
	in.wantsPublic = true
	s.Waits.Running = 400 * time.Millisecond
	cloudtest.WantError(t, awaitRunning(t.Context(), s, in), "last state: running, with no public address yet")
}

func TestWatchInstance(t *testing.T) {
	server, s, r := startLaunch(t, localec2.Options{})
	var ledger cloud.Ledger
	in := running(t, s, r, &ledger)
	if err := Watch(t.Context(), s, in); !errors.Is(err, ErrImpaired) || !strings.Contains(err.Error(), in.ID) {
		t.Errorf("error %v; want that it is impaired", err)
	}
	// That was reported. From now on only the state counts, as long as EC2 answers.
	cloudtest.Inject(t, server, "DescribeInstances=throttle,times=4", "DescribeInstances=cut,from=5,times=4")
	ctx, cancel := context.WithTimeout(t.Context(), 400*time.Millisecond)
	defer cancel()
	if err := Watch(ctx, s, in); err != nil || ctx.Err() == nil {
		t.Errorf("error %v before the time was up", err)
	}
	undone := make(chan error, 1)
	time.AfterFunc(30*time.Millisecond, func() {
		_, err := ledger.Undo(context.Background())
		undone <- err
	})
	cloudtest.WantError(t, Watch(t.Context(), s, in), "watch "+in.ID+": the instance is ", "User initiated shutdown")
	if err := <-undone; err != nil {
		t.Error(err)
	}
	noInstanceLeft(t, server)
}

func TestWatchInstanceNeedsAnswers(t *testing.T) {
	for fault, want := range map[string]string{
		"DescribeInstanceStatus=refuse":      "UnauthorizedOperation",
		"DescribeInstances=refuse,from=3":    "UnauthorizedOperation",
		"DescribeInstanceStatus=throttle":    "",
		"DescribeInstanceStatus=cut":         "",
		"DescribeInstances=throttle,from=10": "",
	} {
		server, s, r := startLaunch(t, localec2.Options{})
		in := running(t, s, r, &cloud.Ledger{})
		in.impaired = !strings.Contains(fault, "Status")
		cloudtest.Inject(t, server, fault)
		ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
		err := Watch(ctx, s, in)
		cancel()
		if want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("%s: error %v; want %q", fault, err, want)
		}
	}
}

func TestWatchInstanceTellsWhoseFaultItIs(t *testing.T) {
	_, s, r := startLaunch(t, localec2.Options{})
	in := running(t, s, r, &cloud.Ledger{})
	system := "initializing"
	looks := 0
	cloudtest.HookCalls(s, func(action string, request *http.Request, send cloudtest.Send) (*http.Response, error) {
		if action != "DescribeInstanceStatus" {
			return send(request)
		}
		if looks++; looks == 3 {
			system = "impaired"
		}
		return cloudtest.Answer("<DescribeInstanceStatusResponse><instanceStatusSet><item><instanceStatus><status>insufficient-data</status></instanceStatus><systemStatus><status>" +
			system + "</status></systemStatus></item></instanceStatusSet></DescribeInstanceStatusResponse>"), nil
	})
	err := Watch(t.Context(), s, in)
	cloudtest.WantError(t, err, "the host of the instance is impaired")
	if errors.Is(err, ErrImpaired) || looks != 3 {
		t.Errorf("error %v after %d looks", err, looks)
	}
}

func TestConsole(t *testing.T) {
	_, s, r := startLaunch(t, localec2.Options{})
	in := running(t, s, r, &cloud.Ledger{})
	text, err := Console(t.Context(), s, in.ID)
	if err != nil || !strings.Contains(text, "localec2: this server starts no guests") {
		t.Errorf("console %q, error %v", text, err)
	}
	_, err = Console(t.Context(), s, "i-00000000")
	cloudtest.WantError(t, err, "read console of i-00000000: ", "InvalidInstanceID.NotFound")
}

// The wait ends as soon as EC2 posts the console after the end.
func TestFinalConsoleOfAnInstanceThatWasEnded(t *testing.T) {
	_, s, r := startLaunch(t, localec2.Options{InstanceEnding: 50 * time.Millisecond})
	s.Waits.Console = time.Minute
	var ledger cloud.Ledger
	in := running(t, s, r, &ledger)
	if _, err := ledger.Undo(t.Context()); err != nil {
		t.Fatal(err)
	}
	started := time.Now()
	text, err := FinalConsole(t.Context(), s, in)
	if err != nil || !strings.Contains(text, "localec2: this server starts no guests") || time.Since(started) > 30*time.Second {
		t.Errorf("console %q after %v, error %v", text, time.Since(started), err)
	}
}

// posts makes GetConsoleOutput return one answer after the other, and then the
// last one again and again.
func posts(s *cloud.Session, answers ...string) {
	cloudtest.HookCalls(s, func(action string, request *http.Request, send cloudtest.Send) (*http.Response, error) {
		if action != "GetConsoleOutput" {
			return send(request)
		}
		at, text, _ := strings.Cut(answers[0], " ")
		if len(answers) > 1 {
			answers = answers[1:]
		}
		return cloudtest.Answer("<GetConsoleOutputResponse><timestamp>" + at + "</timestamp><output>" + text + "</output></GetConsoleOutputResponse>"), nil
	})
}

func TestConsoleAsEC2PostsIt(t *testing.T) {
	_, s, r := startLaunch(t, localec2.Options{})
	in := running(t, s, r, &cloud.Ledger{})
	long := strings.Repeat("0123456789abcdef", 4097)
	now := time.Now().UTC().Format(time.RFC3339)
	for _, test := range []struct{ output, want string }{
		{"", ""},
		{"aGVsbG8N\nChtbMG0=", "hello\r\n\x1b[0m"},
		{base64.StdEncoding.EncodeToString([]byte(long)), long[16:]},
	} {
		posts(s, now+" "+test.output)
		if got, err := Console(t.Context(), s, in.ID); err != nil || got != test.want {
			t.Errorf("console of %d bytes, error %v; want %d", len(got), err, len(test.want))
		}
	}
	posts(s, now+" ===")
	_, err := Console(t.Context(), s, in.ID)
	cloudtest.WantError(t, err, "decode console output")
}

func TestFinalConsole(t *testing.T) {
	server, s, r := startLaunch(t, localec2.Options{})
	in := running(t, s, r, &cloud.Ledger{})
	ended(t, s, in.ID)
	early, late := "2020-01-01T00:00:00Z", time.Now().Add(time.Minute).UTC().Format(time.RFC3339)
	first, last := base64.StdEncoding.EncodeToString([]byte("boots")), base64.StdEncoding.EncodeToString([]byte("boots, ends"))
	for _, test := range []struct {
		name   string
		posts  []string
		faults []string
		want   string
	}{
		{"posted late", []string{early + " ", early + " " + first, early + " " + first, late + " " + last}, nil, "boots, ends"},
		{"never posted after the end", []string{early + " " + first}, nil, "boots"},
		{"EC2 doesn't say when it ended", []string{early + " " + first}, []string{"DescribeInstances=fail,code=InvalidInstanceID.NotFound,status=400"}, "boots"},
		{"questions are lost", []string{late + " " + last}, []string{"DescribeInstances=cut,times=4"}, "boots, ends"},
	} {
		posts(s, test.posts...)
		cloudtest.Inject(t, server, test.faults...)
		if got, err := FinalConsole(t.Context(), s, in); err != nil || got != test.want {
			t.Errorf("%s: console %q, error %v; want %q", test.name, got, err, test.want)
		}
		server.ClearFaults()
	}
	posts(s, early+" ")
	_, err := FinalConsole(t.Context(), s, in)
	cloudtest.WantError(t, err, "wait for the console of "+in.ID+": not done within 400ms; last state: nothing was posted")
}
