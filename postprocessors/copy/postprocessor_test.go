package copy

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/google/go-cmp/cmp"
	packersdk "github.com/hashicorp/packer-plugin-sdk/packer"

	"github.com/unikernel-ami/packer-plugin-unikernel/acceptance/localec2"
	"github.com/unikernel-ami/packer-plugin-unikernel/internal/ami"
	"github.com/unikernel-ami/packer-plugin-unikernel/internal/cloud"
	"github.com/unikernel-ami/packer-plugin-unikernel/internal/cloudtest"
	"github.com/unikernel-ami/packer-plugin-unikernel/internal/component"
)

// The artifact has all regions, and later post-processors see them.
func TestCopiedArtifact(t *testing.T) {
	for _, method := range []string{ami.CopyImage, ami.Upload} {
		t.Run(method, func(t *testing.T) {
			l := newLab(t, localec2.Options{CopyPending: 20 * time.Millisecond})
			artifact, err := l.copy(t.Context(), t, block{"method": method, "tags": map[string]string{"Team": "web"}}, "eu-west-1", "sa-east-1")
			if err != nil {
				t.Fatal(err)
			}
			l.wantRegions(t, "eu-west-1", "sa-east-1")
			tags := l.server.Resources()["sa-east-1"].Images[0].Tags
			if tags["Team"] != "web" || tags[cloud.ResultTag] != "passed" || tags["Service"] != "web" {
				t.Errorf("tags %v", tags)
			}
			parsed, ok, err := component.Parse(artifact, quick)
			if err != nil || !ok {
				t.Fatalf("ok %v, error %v", ok, err)
			}
			if diff := cmp.Diff([]string{"eu-west-1", "sa-east-1", "us-east-1"}, parsed.Regions()); diff != "" {
				t.Error(diff)
			}
			labels := parsed.AMIs["sa-east-1"].Labels
			if labels["copied_from"] != "us-east-1:"+l.ami || labels["kernel"] != "pv-grub-hd0_1.05-x86_64.gz" || labels["system"] != "mirage" || labels["snapshot"] == "" {
				t.Errorf("labels %v", labels)
			}
			for _, want := range []string{"eu-west-1  ami-", "us-east-1  " + l.ami, "aki-912fbcfd"} {
				if !strings.Contains(l.ui.String(), want) {
					t.Errorf("the table lacks %q:\n%s", want, l.ui)
				}
			}
			if err := artifact.Destroy(); err != nil {
				t.Error(err)
			}
			cloudtest.NothingLeft(t, l.server)
		})
	}
}

// A second run makes nothing, and a region that is added later gets its copy. What
// was there before is never destroyed.
func TestSecondRunKeepsCopies(t *testing.T) {
	l := newLab(t, localec2.Options{})
	first, err := l.copy(t.Context(), t, nil, "eu-west-1")
	if err != nil {
		t.Fatal(err)
	}
	again, err := l.copy(t.Context(), t, nil, "eu-west-1")
	if err != nil || again.Id() != first.Id() {
		t.Errorf("again %v, error %v; first %s", again, err, first.Id())
	}
	more, err := l.copy(t.Context(), t, nil, "eu-west-1", "us-west-2")
	if err != nil {
		t.Fatal(err)
	}
	l.wantRegions(t, "eu-west-1", "us-west-2")
	if err := more.Destroy(); err != nil {
		t.Error(err)
	}
	left := l.server.Resources()
	if len(left) != 1 || len(left["eu-west-1"].Images) != 1 {
		t.Errorf("after Destroy: %+v", left)
	}
}

func TestSmokeTestIsRequired(t *testing.T) {
	for verdict, want := range map[string]string{
		"failed": `has not passed its smoke test: its tag unikernel:smoke-test is "failed"`,
		"":       "has not passed a smoke test: put unikernel-smoke-test before unikernel-copy",
	} {
		l := newLab(t, localec2.Options{})
		s := cloudtest.Connect(t, l.server.Env(), "us-east-1")
		if err := ami.Tag(t.Context(), s, l.ami, map[string]string{cloud.ResultTag: verdict}); err != nil {
			t.Fatal(err)
		}
		_, err := l.copy(t.Context(), t, nil, "eu-west-1")
		cloudtest.WantError(t, err, l.ami, want, "set require_smoke_test = false")
		l.wantRegions(t)
		if _, err := l.copy(t.Context(), t, block{"require_smoke_test": false}, "eu-west-1"); err != nil {
			t.Error(err)
		}
	}
}

// The result in the artifact's state is enough.
func TestTestedArtifactIsCopied(t *testing.T) {
	l := newLab(t, localec2.Options{})
	s := cloudtest.Connect(t, l.server.Env(), "us-east-1")
	if err := ami.Tag(t.Context(), s, l.ami, map[string]string{cloud.ResultTag: ""}); err != nil {
		t.Fatal(err)
	}
	p := &PostProcessor{connect: quick}
	if err := p.Configure(block{"ami_regions": []string{"eu-west-1"}}); err != nil {
		t.Fatal(err)
	}
	if _, _, _, err := p.PostProcess(t.Context(), l.ui, l.source().Passed(`{"verdict": "passed"}`)); err != nil {
		t.Error(err)
	}
	l.wantRegions(t, "eu-west-1")
}

// All regions are planned before the first copy, and all problems come at once.
func TestAllRegionsArePlannedFirst(t *testing.T) {
	l := newLab(t, localec2.Options{})
	if _, err := l.copy(t.Context(), t, nil, "sa-east-1"); err != nil {
		t.Fatal(err)
	}
	s := cloudtest.Connect(t, l.server.Env(), "sa-east-1")
	taken := l.server.Resources()["sa-east-1"].Images[0].ID
	if err := ami.Tag(t.Context(), s, taken, map[string]string{cloud.ContentTag: "other"}); err != nil {
		t.Fatal(err)
	}
	before := len(l.server.Calls())
	_, err := l.copy(t.Context(), t, nil, "eu-west-1", "eu-west-3", "sa-east-1", "us-east-2")
	cloudtest.WantError(t, err, "region eu-west-3 has no instance type that runs PV images",
		`ami_name "web-dev" is already taken in sa-east-1 by `+taken, "region us-east-2 has no instance type")
	_, err = l.copy(t.Context(), t, nil, "eu-west-9", "us-east-1", "af-south-1")
	cloudtest.WantError(t, err, "region eu-west-9 does not exist", "ami_regions contains us-east-1, which is the AMI's own region", "region af-south-1 is not enabled")
	for _, call := range l.server.Calls()[before:] {
		if !slices.Contains([]string{"DescribeImages", "DescribeSnapshots", "DescribeRegions", "DescribeInstanceTypes", "GetCallerIdentity", "ListSnapshotBlocks"}, call.Action) {
			t.Errorf("%s was called", call.Action)
		}
	}
	l.wantRegions(t, "sa-east-1")
}

// An AMI that was there before the build is copied, but not owned.
func TestCopyByID(t *testing.T) {
	l := newLab(t, localec2.Options{})
	artifact, err := l.copy(t.Context(), t, block{"ami_id": l.ami, "region": "us-east-1"}, "eu-west-1")
	if err != nil {
		t.Fatal(err)
	}
	if err := artifact.Destroy(); err != nil {
		t.Error(err)
	}
	l.wantRegions(t)
	_, err = l.copy(t.Context(), t, block{"ami_id": "ami-0123456789abcdef0"}, "eu-west-1")
	cloudtest.WantError(t, err, "us-east-1 has no such AMI: check ami_id and region")
}

func TestOtherArtifactsAreRefused(t *testing.T) {
	l := newLab(t, localec2.Options{})
	p := &PostProcessor{connect: quick}
	if err := p.Configure(block{"ami_regions": []string{"eu-west-1"}}); err != nil {
		t.Fatal(err)
	}
	_, _, _, err := p.PostProcess(t.Context(), l.ui, &packersdk.MockArtifact{IdValue: "file.zip", BuilderIdValue: "x"})
	cloudtest.WantError(t, err, `copy artifact "file.zip" of "x": it is not an AMI`)
}

// Another partition has other accounts, and encrypted copies have keys of their
// regions.
func TestProfilesAndKeysOfRegions(t *testing.T) {
	l := newLab(t, localec2.Options{})
	var mu sync.Mutex
	profiles := map[string]string{}
	p := &PostProcessor{connect: func(ctx context.Context, o cloud.Options) (*cloud.Session, error) {
		mu.Lock()
		defer mu.Unlock()
		profiles[o.Region] = o.Profile
		o.Profile = "" // the tests have none
		return quick(ctx, o)
	}}
	err := p.Configure(block{"ami_id": l.ami, "region": "us-east-1", "profile": "main", "ami_regions": []string{"eu-west-1", "us-gov-west-1"}, "region_profiles": block{"us-gov-west-1": "gov"}})
	if err != nil {
		t.Fatal(err)
	}
	artifact, _, _, err := p.PostProcess(t.Context(), l.ui, l.source())
	if err != nil {
		t.Fatal(err)
	}
	l.wantRegions(t, "eu-west-1", "us-gov-west-1")
	want := map[string]string{"us-east-1": "main", "eu-west-1": "main", "us-gov-west-1": "gov"}
	if diff := cmp.Diff(want, profiles); diff != "" {
		t.Errorf("profiles: %s", diff)
	}
	clear(profiles)
	if err := artifact.Destroy(); err != nil {
		t.Error(err)
	}
	delete(want, "us-east-1") // it was there before
	if diff := cmp.Diff(want, profiles); diff != "" {
		t.Errorf("profiles of Destroy: %s", diff)
	}
}

func TestEncryptedCopies(t *testing.T) {
	l := newLab(t, localec2.Options{})
	_, err := l.copy(t.Context(), t, block{
		"encrypt_boot": true, "kms_key_id": "alias/all", "region_kms_key_ids": block{"sa-east-1": "alias/one"},
	}, "eu-west-1", "sa-east-1")
	if err != nil {
		t.Fatal(err)
	}
	for region, key := range map[string]string{"eu-west-1": "alias/all", "sa-east-1": "alias/one"} {
		s := cloudtest.Connect(t, l.server.Env(), region)
		found, err := s.EC2.DescribeSnapshots(t.Context(), &ec2.DescribeSnapshotsInput{OwnerIds: []string{"self"}})
		if err != nil {
			t.Fatal(err)
		}
		if got := aws.ToString(found.Snapshots[0].KmsKeyId); !strings.HasSuffix(got, key) {
			t.Errorf("%s: key %s, want %s", region, got, key)
		}
	}
}

// The limit on copies in progress is waited out.
func TestCopyLimitIsWaitedOut(t *testing.T) {
	l := newLab(t, localec2.Options{CopyPending: 200 * time.Millisecond, CopyLimit: 1})
	s := cloudtest.Connect(t, l.server.Env(), "eu-west-1")
	_, err := s.EC2.CopyImage(t.Context(), &ec2.CopyImageInput{Name: aws.String("other"), SourceImageId: &l.ami, SourceRegion: aws.String("us-east-1")})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := l.copy(t.Context(), t, block{"method": ami.CopyImage}, "eu-west-1"); err != nil {
		t.Error(err)
	}
	refused := func(c localec2.Call) bool { return c.Code == "ResourceLimitExceeded" }
	if !slices.ContainsFunc(l.server.Calls(), refused) {
		t.Error("the limit was not reached")
	}
}

// Ctrl-C at any call removes all copies in all regions.
func TestCancelledRelease(t *testing.T) {
	for method, actions := range map[string][]string{
		ami.CopyImage: {"DescribeRegions", "CopyImage"},
		ami.Upload:    {"GetSnapshotBlock", "StartSnapshot", "CompleteSnapshot", "RegisterImage"},
	} {
		for _, action := range actions {
			t.Run(method+" "+action, func(t *testing.T) {
				ctx, cancel := context.WithCancel(t.Context())
				defer cancel()
				armed := false // not while the lab makes the source
				l := newLab(t, localec2.Options{CopyPending: time.Hour, Latency: 2 * time.Millisecond, OnCall: func(call localec2.Call) {
					armed = armed || call.Action == "DescribeRegions" || call.Action == "GetSnapshotBlock"
					if armed && call.Action == action {
						cancel()
					}
				}})
				_, err := l.copy(ctx, t, block{"method": method}, "eu-west-1", "sa-east-1", "us-west-2")
				cloudtest.WantError(t, err, "copy us-east-1:"+l.ami+": the build was cancelled")
				l.wantRegions(t)
			})
		}
	}
}

// Copies to all other regions with PV instances take hardly longer than one, by either
// method.
func BenchmarkCopy(b *testing.B) {
	all := []string{"ap-northeast-1", "ap-southeast-1", "ap-southeast-2", "eu-central-1", "eu-west-1", "sa-east-1", "us-west-1", "us-west-2"}
	for _, method := range []string{ami.CopyImage, ami.Upload} {
		for _, n := range []int{1, len(all)} {
			b.Run(fmt.Sprintf("%s/%d regions", method, n), func(b *testing.B) {
				for b.Loop() {
					b.StopTimer()
					l := newLab(b, localec2.Options{Latency: 30 * time.Millisecond, CopyPending: 5 * time.Second, SnapshotPending: 5 * time.Second})
					b.StartTimer()
					if _, err := l.copy(b.Context(), b, block{"method": method}, all[:n]...); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
	}
}
