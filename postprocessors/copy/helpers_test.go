package copy

import (
	"context"
	"io"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	packersdk "github.com/hashicorp/packer-plugin-sdk/packer"

	"github.com/unikernel-ami/packer-plugin-unikernel/acceptance/localec2"
	"github.com/unikernel-ami/packer-plugin-unikernel/internal/ami"
	"github.com/unikernel-ami/packer-plugin-unikernel/internal/cloud"
	"github.com/unikernel-ami/packer-plugin-unikernel/internal/cloudtest"
	"github.com/unikernel-ami/packer-plugin-unikernel/internal/component"
)

type block = map[string]any

// quick is the way to AWS with waits that fit a test.
func quick(ctx context.Context, o cloud.Options) (*cloud.Session, error) {
	o.MaxBackoff = 5 * time.Millisecond
	s, err := cloud.Connect(ctx, o)
	if err == nil {
		s.Waits = cloudtest.Quick
	}
	return s, err
}

// A ui collects what is said.
type ui struct {
	packersdk.Ui
	mu   sync.Mutex
	text strings.Builder
}

func (u *ui) Say(line string) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.text.WriteString(line + "\n")
}

func (u *ui) Error(line string) { u.Say("error: " + line) }

func (u *ui) String() string {
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.text.String()
}

// A lab is a local EC2 with a tested AMI in us-east-1.
type lab struct {
	server *localec2.Running
	ami    string
	ui     *ui
}

func newLab(t testing.TB, options localec2.Options, faults ...string) *lab {
	t.Helper()
	server, s := cloudtest.Start(t, options, "us-east-1")
	s.Waits.Snapshot = time.Minute // a benchmark has slow snapshots
	disk := cloudtest.NewMemoryDisk(t, 0, 1, 7, 2047)
	id, _, err := cloudtest.Bake(t.Context(), s, disk, &cloud.Ledger{})
	if err != nil {
		t.Fatal(err)
	}
	if err := ami.Tag(t.Context(), s, id, map[string]string{cloud.ResultTag: "passed"}); err != nil {
		t.Fatal(err)
	}
	cloudtest.Inject(t, server, faults...)
	return &lab{server: server, ami: id, ui: &ui{Ui: &packersdk.BasicUi{Reader: strings.NewReader(""), Writer: io.Discard}}}
}

// source is the artifact of a build that has made the AMI.
func (l *lab) source() *component.Artifact {
	return component.NewArtifact(component.Access{Region: "us-east-1"}, component.AMI{ID: l.ami, Labels: map[string]string{"system": "mirage"}}, nil, quick)
}

// copy runs the post-processor.
func (l *lab) copy(ctx context.Context, t testing.TB, options block, regions ...string) (packersdk.Artifact, error) {
	t.Helper()
	p := &PostProcessor{connect: quick}
	all := block{"ami_regions": regions}
	maps.Copy(all, options)
	if err := p.Configure(all); err != nil {
		t.Fatal(err)
	}
	artifact, keep, force, err := p.PostProcess(ctx, l.ui, l.source())
	if !keep || !force {
		t.Errorf("keep %v, force %v: Packer would destroy the AMI", keep, force)
	}
	return artifact, err
}

// wantRegions checks that there is one available AMI with one completed snapshot in
// each of these regions and the source's, and nothing anywhere else.
func (l *lab) wantRegions(t testing.TB, regions ...string) {
	t.Helper()
	found := l.server.Resources()
	want := append([]string{"us-east-1"}, regions...)
	slices.Sort(want)
	if got := slices.Sorted(maps.Keys(found)); !slices.Equal(got, want) {
		t.Errorf("resources in %v; want %v", got, want)
	}
	for region, r := range found {
		if len(r.Images) != 1 || len(r.Snapshots) != 1 || r.Images[0].State != "available" || r.Snapshots[0].State != "completed" {
			t.Errorf("%s has %+v", region, r)
		}
	}
}
