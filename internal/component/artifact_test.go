package component

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	packersdk "github.com/hashicorp/packer-plugin-sdk/packer"
	registryimage "github.com/hashicorp/packer-plugin-sdk/packer/registry/image"

	"github.com/unikernel-ami/packer-plugin-unikernel/internal/cloud"
)

// errUnreachable shows that an artifact has tried to remove its AMI.
var errUnreachable = errors.New("no way to AWS")

func unreachable(context.Context, cloud.Options) (*cloud.Session, error) {
	return nil, errUnreachable
}

func made() *Artifact {
	return NewArtifact(Access{Region: "eu-west-1", Profile: "ci"}, AMI{ID: "ami-1", Labels: map[string]string{"system": "mirage"}},
		map[string]string{"AMI": "ami-1"}, unreachable)
}

// What a source has made is what a post-processor gets, and what it passes on.
func TestParseOwnArtifact(t *testing.T) {
	for name, source := range map[string]*Artifact{"of a source": made(), "of a smoke test": made().Passed(`{"verdict":"passed"}`)} {
		t.Run(name, func(t *testing.T) {
			parsed, ok, err := Parse(source, unreachable)
			if err != nil || !ok {
				t.Fatalf("ok %v, error %v", ok, err)
			}
			if diff := cmp.Diff([]any{source.contents, source.access}, []any{parsed.contents, parsed.access}); diff != "" {
				t.Error(diff)
			}
			for _, state := range []string{registryimage.ArtifactStateURI, generatedState, ResultState} {
				if diff := cmp.Diff(source.State(state), parsed.State(state)); diff != "" {
					t.Errorf("%s: %s", state, diff)
				}
			}
			if parsed.Id() != "eu-west-1:ami-1" || parsed.BuilderId() != BuilderID || parsed.String() != source.String() {
				t.Errorf("%s of %s: %s", parsed.Id(), parsed.BuilderId(), parsed)
			}
		})
	}
}

func TestParseOtherArtifacts(t *testing.T) {
	generated := map[any]any{"ID": "i-1"}
	amazon := &packersdk.MockArtifact{
		BuilderIdValue: "mitchellh.amazonebs", IdValue: "us-east-1:ami-2,eu-west-1:ami-3",
		StateValues: map[string]any{"generated_data": generated},
	}
	a, ok, err := Parse(amazon, unreachable)
	if err != nil || !ok {
		t.Fatalf("ok %v, error %v", ok, err)
	}
	if diff := cmp.Diff([]string{"eu-west-1", "us-east-1"}, a.Regions()); diff != "" {
		t.Error(diff)
	}
	if a.Owned || a.BuilderId() != "mitchellh.amazonebs" {
		t.Errorf("owned %v, of %s", a.Owned, a.BuilderId())
	}
	if diff := cmp.Diff(any(generated), a.State("generated_data")); diff != "" {
		t.Error(diff)
	}
	if Hold(amazon) {
		t.Error("another plugin's artifact can't be held")
	}
	for _, id := range []string{"", "Null", "us-east-1:ami-2,disk.raw", "sha256:0123"} {
		if _, ok, err := Parse(&packersdk.MockArtifact{IdValue: id}, nil); ok || err != nil {
			t.Errorf("%q: ok %v, error %v", id, ok, err)
		}
	}
}

// Destroy removes what the build made, once, and nothing else.
func TestDestroy(t *testing.T) {
	held := made()
	if !Hold(held) {
		t.Error("not held")
	}
	for name, test := range map[string]struct {
		artifact packersdk.Artifact
		removes  bool
	}{
		"made by the build":     {made(), true},
		"tested":                {made().Passed("{}"), true},
		"held":                  {held, false},
		"there before":          {Existing(Access{Region: "eu-west-1"}, "ami-9", unreachable), false},
		"there before, tested":  {Existing(Access{Region: "eu-west-1"}, "ami-9", unreachable).Passed("{}"), false},
		"of another plugin too": {foreign(t), false},
	} {
		if err := test.artifact.Destroy(); errors.Is(err, errUnreachable) != test.removes {
			t.Errorf("%s: error %v", name, err)
		}
	}
}

func foreign(t *testing.T) *Artifact {
	t.Helper()
	a, _, err := Parse(&packersdk.MockArtifact{IdValue: "us-east-1:ami-2"}, unreachable)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func TestArtifactInOneRegion(t *testing.T) {
	two, _, err := Parse(&packersdk.MockArtifact{IdValue: "us-east-1:ami-2,eu-west-1:ami-3"}, nil)
	if err != nil {
		t.Fatal(err)
	}
	one, err := two.In(Access{Region: "eu-west-1", Profile: "prod"})
	if err != nil || one.Id() != "eu-west-1:ami-3" || one.access.Profile != "prod" {
		t.Errorf("%v, error %v", one, err)
	}
	for region, want := range map[string]string{"": "AMIs in eu-west-1, us-east-1: set region to one of them", "sa-east-1": `region is "sa-east-1"`} {
		if _, err := two.In(Access{Region: region}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("region %q: error %v", region, err)
		}
	}
}

func TestDisk(t *testing.T) {
	path := filepath.Join(t.TempDir(), "web.raw")
	if err := os.WriteFile(path, []byte{1}, 0o600); err != nil {
		t.Fatal(err)
	}
	d := NewDisk(DiskFacts{Path: path, SHA256: "ab", System: "mirage", MemoryMiB: 64})
	parsed, ok, err := ParseDisk(d)
	if err != nil || !ok {
		t.Fatalf("ok %v, error %v", ok, err)
	}
	if diff := cmp.Diff(d.DiskFacts, parsed.DiskFacts); diff != "" {
		t.Error(diff)
	}
	if _, ok, _ := ParseDisk(made()); ok {
		t.Error("an AMI is taken for a disk")
	}
	Hold(d)
	if err := d.Destroy(); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(path); err != nil {
		t.Errorf("a disk that is held: %v", err)
	}
	if err := parsed.Destroy(); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(path); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("after Destroy: %v", err)
	}
}

// An artifact with copies owns them, unless they were there before the build.
func TestWithCopies(t *testing.T) {
	copies := map[string]AMI{"us-east-1": {ID: "ami-2", Profile: "other"}, "us-west-2": {ID: "ami-3", Kept: true}}
	for name, test := range map[string]struct {
		source *Artifact
		tried  []string // to remove
	}{
		"of an owned AMI":     {made(), []string{"ami-1", "ami-2"}},
		"of an AMI not owned": {Existing(Access{Region: "eu-west-1"}, "ami-1", unreachable), []string{"ami-2"}},
	} {
		t.Run(name, func(t *testing.T) {
			all, ok, err := Parse(test.source.WithCopies(copies), unreachable)
			if err != nil || !ok || all.Id() != "eu-west-1:ami-1,us-east-1:ami-2,us-west-2:ami-3" {
				t.Fatalf("%s, ok %v, error %v", all.Id(), ok, err)
			}
			if n := len(all.State(registryimage.ArtifactStateURI).([]*registryimage.Image)); n != 3 {
				t.Errorf("%d images for the registry", n)
			}
			_, err = all.Remove(t.Context())
			for _, id := range []string{"ami-1", "ami-2", "ami-3"} {
				if got, want := strings.Contains(err.Error(), id), slices.Contains(test.tried, id); got != want {
					t.Errorf("%s: removal tried %v, want %v", id, got, want)
				}
			}
			if one, err := all.In(Access{Region: "us-west-2"}); err != nil || one.Owned {
				t.Errorf("owned %v, error %v", one.Owned, err)
			}
			if one, err := all.In(Access{Region: "us-east-1"}); err != nil || !one.Owned || one.access.Profile != "other" {
				t.Errorf("owned %v, profile %s, error %v", one.Owned, one.access.Profile, err)
			}
		})
	}
	if none := Existing(Access{Region: "eu-west-1"}, "ami-1", unreachable).WithCopies(nil); none.Owned {
		t.Error("an artifact without copies owns the AMI")
	}
}

func TestTested(t *testing.T) {
	for result, want := range map[string]bool{"": false, `{"verdict":"passed"}`: true, `{"verdict":"failed"}`: false} {
		if got := made().Passed(result).Tested(); got != want {
			t.Errorf("%q: %v", result, got)
		}
	}
}
