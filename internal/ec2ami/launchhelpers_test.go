package ec2ami

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
	"github.com/aws/aws-sdk-go-v2/service/sts"

	"github.com/unikernel-ami/packer-plugin-unikernel/acceptance/localec2"
)

// startLaunch starts an embedded EC2 that boots no guests, with an AMI in it.
func startLaunch(t testing.TB, options localec2.Options) (*localec2.Running, *Session, LaunchRequest) {
	t.Helper()
	options.NoInstances = true
	server, s := startEC2(t, options, "us-east-1")
	s.Waits = Waits{
		Plan:        5 * time.Second,
		Snapshot:    5 * time.Second,
		Image:       5 * time.Second,
		Undo:        5 * time.Second,
		Launch:      5 * time.Second,
		Running:     5 * time.Second,
		Termination: 5 * time.Second,
		Release:     5 * time.Second,
		Console:     400 * time.Millisecond,
		Watch:       5 * time.Millisecond,
		Settle:      300 * time.Millisecond,
		Delay:       2 * time.Millisecond,
		MaxDelay:    10 * time.Millisecond,
	}
	id, _, err := bake(t.Context(), s, newMemoryDisk(t, 0), &Ledger{})
	if err != nil {
		t.Fatal(err)
	}
	return server, s, launchRequest(id)
}

func launchRequest(image string) LaunchRequest {
	return LaunchRequest{
		RunID:       "run-1",
		ImageID:     image,
		Name:        "smoke test",
		Tags:        map[string]string{"Owner": "platform"},
		Ports:       []Port{{"tcp", 80}, {"icmp", 0}},
		SourceCIDRs: []string{"127.0.0.1/32", "::1/128"},
	}
}

// inject has the server make a fault.
func inject(t testing.TB, server *localec2.Running, faults ...string) {
	t.Helper()
	for _, text := range faults {
		fault, err := localec2.ParseFault(text)
		if err != nil {
			t.Fatal(err)
		}
		server.Inject(fault)
	}
}

// planned plans a launch that must be possible.
func planned(t testing.TB, s *Session, r LaunchRequest) *LaunchPlan {
	t.Helper()
	plan, err := s.PlanLaunch(t.Context(), r)
	if err != nil {
		t.Fatal(err)
	}
	return plan
}

// running launches an instance and waits until it runs.
func running(t testing.TB, s *Session, r LaunchRequest, ledger *Ledger) *Instance {
	t.Helper()
	in, err := s.Launch(t.Context(), planned(t, s, r), ledger)
	if err == nil {
		err = s.AwaitRunning(t.Context(), in)
	}
	if err != nil {
		t.Fatal(err)
	}
	return in
}

// registerAs registers one more AMI of a snapshot that is there. Its volume
// outlives an instance, unless the launch says otherwise.
func registerAs(t testing.TB, s *Session, input ec2.RegisterImageInput) string {
	t.Helper()
	snapshots, err := s.ec2.DescribeSnapshots(t.Context(), &ec2.DescribeSnapshotsInput{OwnerIds: []string{"self"}})
	if err != nil {
		t.Fatal(err)
	}
	input.RootDeviceName = aws.String(rootDevice)
	input.BlockDeviceMappings = []types.BlockDeviceMapping{{
		DeviceName: aws.String(rootDevice), Ebs: &types.EbsBlockDevice{SnapshotId: snapshots.Snapshots[0].SnapshotId, DeleteOnTermination: aws.Bool(false)},
	}}
	answer, err := s.ec2.RegisterImage(t.Context(), &input)
	if err != nil {
		t.Fatal(err)
	}
	return *answer.ImageId
}

// smokeTest is what a smoke test asks of this package, up to the end, where
// everything is undone. Without a guest every instance is impaired.
func smokeTest(ctx context.Context, s *Session, r LaunchRequest, ledger *Ledger) error {
	plan, err := s.PlanLaunch(ctx, r)
	if err != nil {
		return err
	}
	in, err := s.Launch(ctx, plan, ledger)
	if err != nil {
		return err
	}
	if err := s.AwaitRunning(ctx, in); err != nil {
		return err
	}
	if err := s.WatchInstance(ctx, in); !errors.Is(err, ErrImpaired) {
		return fmt.Errorf("watched: %w", errors.Join(err, ctx.Err()))
	}
	if _, err := s.Console(ctx, in.ID); err != nil {
		return err
	}
	return s.TagImage(ctx, r.ImageID, map[string]string{"unikernel:smoke-test": "passed"})
}

// noInstanceLeft checks that nothing that a launch makes is there.
func noInstanceLeft(t *testing.T, server *localec2.Running) {
	t.Helper()
	for region, left := range server.Resources() {
		if len(left.Instances) > 0 || len(left.Networks) > 0 {
			t.Errorf("left behind in %s: %+v %+v", region, left.Instances, left.Networks)
		}
	}
}

// A callHook stands between the SDK and the server.
type callHook func(action string, request *http.Request, send func(*http.Request) (*http.Response, error)) (*http.Response, error)

type hookedClient struct {
	client aws.HTTPClient
	hook   callHook
}

func (c hookedClient) Do(request *http.Request) (*http.Response, error) {
	form, err := readForm(request)
	if err != nil {
		return nil, err
	}
	return c.hook(form.Get("Action"), request, c.client.Do)
}

// hookCalls has a hook stand between the session and the server.
func hookCalls(s *Session, hook callHook) {
	s.ec2 = ec2.New(s.ec2.Options(), func(o *ec2.Options) { o.HTTPClient = hookedClient{o.HTTPClient, hook} })
	s.sts = sts.New(s.sts.Options(), func(o *sts.Options) { o.HTTPClient = hookedClient{o.HTTPClient, hook} })
}

// readForm reads a request's parameters and leaves it as it was.
func readForm(request *http.Request) (url.Values, error) {
	data, err := io.ReadAll(request.Body)
	if err != nil {
		return nil, err
	}
	request.Body = io.NopCloser(bytes.NewReader(data))
	return url.ParseQuery(string(data))
}

// writeForm gives a request other parameters. The embedded EC2 doesn't verify
// signatures.
func writeForm(request *http.Request, form url.Values) {
	data := []byte(form.Encode())
	request.Body, request.ContentLength = io.NopCloser(bytes.NewReader(data)), int64(len(data))
}
