package ami

import (
	"context"
	"errors"
	"log"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	packersdk "github.com/hashicorp/packer-plugin-sdk/packer"

	"github.com/unikernel-ami/packer-plugin-unikernel/acceptance/localec2"
	"github.com/unikernel-ami/packer-plugin-unikernel/internal/cloud"
	"github.com/unikernel-ami/packer-plugin-unikernel/internal/oracle"
)

// An embedded is a local EC2, and an image to make AMIs of there.
type embedded struct {
	server *localec2.Running
	image  string
}

func newCloud(t *testing.T) *embedded {
	t.Helper()
	image := filepath.Join(oracle.DebianImages(t), "grub-x86_64-xen.bin")
	server, err := localec2.Start(localec2.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { server.Close() })
	for _, variable := range server.Env() {
		key, value, _ := strings.Cut(variable, "=")
		t.Setenv(key, value)
	}
	return &embedded{server, image}
}

func (c *embedded) inject(t *testing.T, text string) {
	t.Helper()
	fault, err := localec2.ParseFault(text)
	if err != nil {
		t.Fatal(err)
	}
	c.server.Inject(fault)
}

func (c *embedded) build(ctx context.Context, t *testing.T, ui packersdk.Ui, change map[string]any) (packersdk.Artifact, error) {
	t.Helper()
	all := map[string]any{"image": c.image}
	maps.Copy(all, change)
	b := Builder{connect: hurried}
	if _, _, err := b.Prepare(options(all)); err != nil {
		t.Fatal(err)
	}
	return b.Run(ctx, ui, nil)
}

// hurried connects with waits that fit a test.
func hurried(ctx context.Context, o cloud.Options) (*cloud.Session, error) {
	o.MaxBackoff = 5 * time.Millisecond
	s, err := cloud.Connect(ctx, o)
	if err == nil {
		s.Waits.Delay, s.Waits.MaxDelay, s.Waits.Settle = 2*time.Millisecond, 10*time.Millisecond, 300*time.Millisecond
		s.Waits.Call = 5 * time.Second
	}
	return s, err
}

// A listener is a UI that is told of each line.
type listener struct {
	packersdk.Ui
	mu    sync.Mutex
	lines []string
	said  func(line string)
}

func (l *listener) Say(line string)   { l.hear(line) }
func (l *listener) Error(line string) { l.hear(line) }

func (l *listener) hear(line string) {
	l.mu.Lock()
	l.lines = append(l.lines, line)
	l.mu.Unlock()
	if l.said != nil {
		l.said(line)
	}
}

func (l *listener) heard(text string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.ContainsFunc(l.lines, func(line string) bool { return strings.Contains(line, text) })
}

// A cancel after the last step's last line finds an AMI that is nobody's yet.
func TestCancelBeforeTheHandoverRemovesTheAMI(t *testing.T) {
	c := newCloud(t)
	ctx, cancel := context.WithCancel(t.Context())
	ui := &listener{said: func(line string) {
		if strings.Contains(line, "available in us-east-1") {
			cancel()
		}
	}}
	artifact, err := c.build(ctx, t, ui, nil)
	if artifact != nil || err == nil || !strings.Contains(err.Error(), "cancelled") {
		t.Errorf("artifact %v, error %v", artifact, err)
	}
	if left := c.server.Resources(); len(left) > 0 {
		t.Errorf("left: %+v", left)
	}
	if !ui.heard("removed ami-") || !ui.heard("removed snap-") {
		t.Errorf("removals are not shown: %q", ui.lines)
	}
}

// With -on-error=abort nothing is removed, and all of it is named with the
// command that removes it.
func TestAbortNamesWhatIsLeft(t *testing.T) {
	for faults, want := range map[string][]string{
		"PutSnapshotBlock=refuse":                          {"left in place: snap-", "aws ec2 delete-snapshot --region us-east-1 --snapshot-id snap-"},
		"RegisterImage=refuse":                             {"left in place: snap-"},
		"StartSnapshot=cut-after DescribeSnapshots=refuse": {"left in place: the snapshot with the tag unikernel:build="},
	} {
		t.Run(faults, func(t *testing.T) {
			c := newCloud(t)
			for fault := range strings.FieldsSeq(faults) {
				c.inject(t, fault)
			}
			ui := &listener{}
			if _, err := c.build(t.Context(), t, ui, map[string]any{"packer_on_error": "abort"}); err == nil {
				t.Error("no error")
			}
			for _, text := range want {
				if !ui.heard(text) {
					t.Errorf("%q is not shown: %q", text, ui.lines)
				}
			}
			if len(c.server.Resources()["us-east-1"].Snapshots) != 1 {
				t.Errorf("the snapshot was removed")
			}
		})
	}
}

// A failed Destroy tells the log what is left, and how to remove it: Packer
// loses the text of the error.
func TestFailedDestroyNamesWhatIsLeft(t *testing.T) {
	c := newCloud(t)
	artifact, err := c.build(t.Context(), t, &listener{}, nil)
	if err != nil {
		t.Fatal(err)
	}
	c.inject(t, "DeregisterImage=refuse")
	var logged strings.Builder
	log.SetOutput(&logged)
	defer log.SetOutput(os.Stderr)
	if err := artifact.Destroy(); err == nil {
		t.Error("no error")
	}
	image := c.server.Resources()["us-east-1"].Images[0]
	if !strings.Contains(logged.String(), "aws ec2 deregister-image --region us-east-1 --image-id "+image.ID) {
		t.Errorf("log %q", logged.String())
	}
}

// hook is what Packer's core passes to a source: with provisioners it runs
// them, which fails before they do anything.
type hook struct{ provisioners bool }

func (h hook) Run(_ context.Context, name string, ui packersdk.Ui, _ packersdk.Communicator, _ any) error {
	if !h.provisioners || name != packersdk.HookProvision {
		return nil
	}
	ui.Say("Provisioning with shell script")
	return errors.New("unhandled buildvar type: map[string]interface {}")
}

func TestProvisionersAreRefused(t *testing.T) {
	c := newCloud(t)
	var b Builder
	if _, _, err := b.Prepare(options(map[string]any{"image": c.image})); err != nil {
		t.Fatal(err)
	}
	ui := &listener{}
	_, err := b.Run(t.Context(), ui, hook{provisioners: true})
	if err == nil || !strings.Contains(err.Error(), "there is no machine to provision") || ui.heard("Provisioning") {
		t.Errorf("error %v, shown %q", err, ui.lines)
	}
	if len(c.server.Calls()) > 0 {
		t.Errorf("calls %+v", c.server.Calls())
	}
	artifact, err := b.Run(t.Context(), ui, hook{})
	if err != nil || artifact == nil {
		t.Errorf("without provisioners: %v", err)
	}
}
