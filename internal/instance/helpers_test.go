package instance

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/unikernel-ami/packer-plugin-unikernel/acceptance/localec2"
	"github.com/unikernel-ami/packer-plugin-unikernel/internal/ami"
	"github.com/unikernel-ami/packer-plugin-unikernel/internal/cloud"
	"github.com/unikernel-ami/packer-plugin-unikernel/internal/cloudtest"
)

// startLaunch starts a local EC2 that boots no guests, with an AMI in it.
func startLaunch(t testing.TB, options localec2.Options) (*localec2.Running, *cloud.Session, Request) {
	t.Helper()
	options.NoInstances = true
	server, s := cloudtest.Start(t, options, "us-east-1")
	s.Waits = cloud.Waits{
		Call: cloudtest.Quick.Call, Import: cloudtest.Quick.Import,
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
	id, _, err := cloudtest.Bake(t.Context(), s, cloudtest.NewMemoryDisk(t, 0), &cloud.Ledger{})
	if err != nil {
		t.Fatal(err)
	}
	return server, s, launchRequest(id)
}

func launchRequest(image string) Request {
	return Request{
		RunID:       "run-1",
		ImageID:     image,
		Name:        "smoke test",
		Tags:        map[string]string{"Owner": "platform"},
		Ports:       []Port{{"tcp", 80}, {"icmp", 0}},
		SourceCIDRs: []string{"127.0.0.1/32", "::1/128"},
	}
}

// planned plans a launch that must succeed.
func planned(t testing.TB, s *cloud.Session, r Request) *Plan {
	t.Helper()
	plan, err := NewPlan(t.Context(), s, r)
	if err != nil {
		t.Fatal(err)
	}
	return plan
}

// running launches an instance and waits until it runs.
func running(t testing.TB, s *cloud.Session, r Request, ledger *cloud.Ledger) *Instance {
	t.Helper()
	in, err := Launch(t.Context(), s, planned(t, s, r), ledger)
	if err != nil {
		t.Fatal(err)
	}
	return in
}

// smokeTest uses this package as a smoke test does, up to the undoing. Without a
// guest every instance is impaired.
func smokeTest(ctx context.Context, s *cloud.Session, r Request, ledger *cloud.Ledger) error {
	plan, err := NewPlan(ctx, s, r)
	if err != nil {
		return err
	}
	in, err := Launch(ctx, s, plan, ledger)
	if err != nil {
		return err
	}
	if err := Watch(ctx, s, in); !errors.Is(err, ErrImpaired) {
		return fmt.Errorf("watched: %w", errors.Join(err, ctx.Err()))
	}
	if _, err := Console(ctx, s, in.ID); err != nil {
		return err
	}
	return ami.Tag(ctx, s, r.ImageID, map[string]string{"unikernel:smoke-test": "passed"})
}

// noInstanceLeft checks that nothing of a launch is left.
func noInstanceLeft(t *testing.T, server *localec2.Running) {
	t.Helper()
	for region, left := range server.Resources() {
		if len(left.Instances) > 0 || len(left.Networks) > 0 {
			t.Errorf("left behind in %s: %+v %+v", region, left.Instances, left.Networks)
		}
	}
}
