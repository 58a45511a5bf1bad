package component

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log"
	"maps"
	"slices"
	"strings"
	"sync/atomic"

	packersdk "github.com/hashicorp/packer-plugin-sdk/packer"
	registryimage "github.com/hashicorp/packer-plugin-sdk/packer/registry/image"

	"github.com/unikernel-ami/packer-plugin-unikernel/internal/ami"
	"github.com/unikernel-ami/packer-plugin-unikernel/internal/cloud"
)

// BuilderID identifies the artifacts of unikernel-ami, and of post-processors
// that pass its AMI on.
const BuilderID = "unikernel-ami.ami"

// Names of an artifact's states. All values are strings: they cross process
// boundaries.
const (
	// artifactState holds the whole artifact, as JSON.
	artifactState = "unikernel.artifact"
	// holdState is asked for by [Hold].
	holdState = "unikernel.hold"
	// accessState holds how to reach the account, as JSON, secrets included. It
	// exists only between the processes of one build: no artifact shows it, and
	// Packer neither prints nor saves a state that it doesn't know.
	accessState = "unikernel.access"
	// ResultState holds the result of the smoke test, as JSON.
	ResultState = "unikernel.smoke_test"
	// generatedState holds the values of `build.NAME` in templates.
	generatedState = "generated_data"
)

// An AMI is the artifact's AMI in one region.
type AMI struct {
	ID     string            `json:"id"`
	Labels map[string]string `json:"labels,omitempty"` // for the HCP Packer registry
	// Kept AMIs of an owned artifact were there before the build: it never removes
	// them.
	Kept bool `json:"kept,omitempty"`
	// Profile is that of the region, if it isn't the artifact's.
	Profile string `json:"profile,omitempty"`
}

// An Artifact stands for one AMI in each of its regions. It is the artifact of
// the source, and of each post-processor that passes the AMI on.
type Artifact struct {
	contents
	access  Access
	foreign map[string]any // states of another plugin's artifact, passed on
	held    atomic.Bool
	connect Connector
}

// contents are what one process tells another of an artifact.
type contents struct {
	Builder   string            `json:"builder"`
	AMIs      map[string]AMI    `json:"amis"`  // by region
	Owned     bool              `json:"owned"` // made by this build
	Generated map[string]string `json:"generated,omitempty"`
	Result    string            `json:"result,omitempty"` // of the smoke test
}

// NewArtifact returns the artifact of an AMI that this build has made.
func NewArtifact(access Access, amiOf AMI, generated map[string]string, connect Connector) *Artifact {
	return &Artifact{
		contents: contents{
			Builder: BuilderID, Owned: true,
			AMIs: map[string]AMI{access.Region: amiOf}, Generated: generated,
		},
		access: access, connect: connect,
	}
}

// Existing returns the artifact of an AMI that was there before the build.
func Existing(access Access, id string, connect Connector) *Artifact {
	return &Artifact{
		contents: contents{Builder: BuilderID, AMIs: map[string]AMI{access.Region: {ID: id}}},
		access:   access, connect: connect,
	}
}

// ExistingIn returns the artifact of AMIs that were there before the build, by
// region.
func ExistingIn(access Access, ids map[string]string, connect Connector) *Artifact {
	a := &Artifact{contents: contents{Builder: BuilderID, AMIs: map[string]AMI{}}, access: access, connect: connect}
	for region, id := range ids {
		a.AMIs[region] = AMI{ID: id}
	}
	return a
}

// Parse reads the artifact that a post-processor is given: one of this plugin,
// or one whose id has the form "region:ami-…,region:ami-…", as
// packer-plugin-amazon's has. ok is false for any other.
func Parse(source packersdk.Artifact, connect Connector) (_ *Artifact, ok bool, err error) {
	a := &Artifact{connect: connect}
	if text, own := source.State(artifactState).(string); own {
		if err := json.Unmarshal([]byte(text), &a.contents); err != nil {
			return nil, false, fmt.Errorf("read artifact %s: %w: use the same version of the plugin for the whole build", source.Id(), err)
		}
		return a, true, a.readAccess(source)
	}
	a.Builder, a.AMIs = source.BuilderId(), map[string]AMI{}
	for one := range strings.SplitSeq(source.Id(), ",") {
		region, id, ok := strings.Cut(strings.TrimSpace(one), ":")
		if !ok || !strings.HasPrefix(id, "ami-") {
			return nil, false, nil
		}
		a.AMIs[region] = AMI{ID: id}
	}
	a.foreign = map[string]any{}
	for _, name := range []string{registryimage.ArtifactStateURI, generatedState} {
		a.foreign[name] = source.State(name)
	}
	return a, true, nil
}

// readAccess reads how the source reached the account.
func (a *Artifact) readAccess(source packersdk.Artifact) error {
	text, _ := source.State(accessState).(string)
	if err := json.Unmarshal([]byte(text), &a.access); err != nil {
		return fmt.Errorf("read artifact %s: its access can't be read: use the same version of the plugin for the whole build", source.Id())
	}
	a.access.hideSecrets()
	return nil
}

// Hold tells the artifact that its AMI, or its file, is not Packer's to
// destroy: from now on Destroy does nothing. It returns false if the artifact
// belongs to another plugin. See the package's documentation.
func Hold(source packersdk.Artifact) bool {
	held, _ := source.State(holdState).(string)
	return held == "held"
}

// Regions are those that have an AMI, sorted.
func (a *Artifact) Regions() []string { return slices.Sorted(maps.Keys(a.AMIs)) }

// BuilderId identifies the source.
func (a *Artifact) BuilderId() string { return a.Builder }

// Files are none: an AMI has no local files.
func (a *Artifact) Files() []string { return nil }

// Id is "region:ami-…", as packer-plugin-amazon has it; several are joined by
// commas.
func (a *Artifact) Id() string {
	var ids []string
	for _, region := range a.Regions() {
		ids = append(ids, region+":"+a.AMIs[region].ID)
	}
	return strings.Join(ids, ",")
}

// String is what Packer shows at the end of a build.
func (a *Artifact) String() string {
	if a.Result != "" && len(a.AMIs) == 1 {
		region := a.Regions()[0]
		return fmt.Sprintf("smoke test passed: %s (%s)", a.AMIs[region].ID, region)
	}
	var b strings.Builder
	if a.Owned {
		fmt.Fprintln(&b, "AMIs were created:")
	}
	for _, region := range a.Regions() {
		fmt.Fprintf(&b, "%s: %s\n", region, a.AMIs[region].ID)
	}
	return b.String()
}

// State returns the image's metadata for the HCP Packer registry, the values of
// `build.NAME`, and what post-processors of this plugin ask for.
func (a *Artifact) State(name string) any {
	if state, ok := a.foreign[name]; ok {
		return state
	}
	switch name {
	case registryimage.ArtifactStateURI:
		return a.registryImages()
	case generatedState:
		return orNil(a.Generated)
	case artifactState:
		return encoded(a.contents)
	case accessState:
		return encoded(a.access)
	case holdState:
		a.held.Store(true)
		return "held"
	case ResultState:
		if a.Result != "" {
			return a.Result
		}
	}
	return nil
}

// encoded is a value as JSON.
func encoded(value any) any {
	text, err := json.Marshal(value)
	if err != nil {
		return nil // strings, numbers, and maps of strings always can be encoded
	}
	return string(text)
}

func orNil(values map[string]string) any {
	if len(values) == 0 {
		return nil
	}
	return values
}

func (a *Artifact) registryImages() []*registryimage.Image {
	var images []*registryimage.Image
	for _, region := range a.Regions() {
		images = append(images, &registryimage.Image{
			ImageID: a.AMIs[region].ID, ProviderName: "aws", ProviderRegion: region, Labels: a.AMIs[region].Labels,
		})
	}
	return images
}

// Destroy is called by Packer if no post-processor keeps the artifact. It
// removes the AMI, unless it is held or was there before the build. Packer shows
// neither what it does nor the text of its error (it only says that there was
// one), so both go to the log.
func (a *Artifact) Destroy() error {
	if a.held.Load() || !a.Owned {
		log.Printf("[INFO] %s is kept", a.Id())
		return nil
	}
	removed, err := a.Remove(context.Background())
	log.Printf("[INFO] removed %s, as no post-processor keeps the artifact", strings.Join(removed, ", "))
	if err != nil {
		log.Printf("[ERROR] %v", Explain(err))
	}
	return err
}

// Remove deregisters the AMI in every region and deletes its snapshots. It
// doesn't end with ctx. It returns what was removed, and an error that names
// whatever is left and the command that removes it.
func (a *Artifact) Remove(ctx context.Context) (removed []string, err error) {
	ctx = context.WithoutCancel(ctx)
	var errs []error
	for _, region := range a.Regions() {
		if a.AMIs[region].Kept {
			continue
		}
		session, err := a.Session(ctx, region)
		if err != nil {
			errs = append(errs, fmt.Errorf("remove %s in %s: %w", a.AMIs[region].ID, region, err))
			continue
		}
		gone, err := ami.Remove(ctx, session, a.AMIs[region].ID)
		removed = append(removed, gone...)
		errs = append(errs, err)
	}
	return removed, errors.Join(errs...)
}

// Session connects to one of the artifact's regions.
func (a *Artifact) Session(ctx context.Context, region string) (*cloud.Session, error) {
	return a.SessionAs(ctx, region, a.AMIs[region].Profile)
}

// SessionAs connects to any region, with the credentials of a profile if it isn't
// "".
func (a *Artifact) SessionAs(ctx context.Context, region, profile string) (*cloud.Session, error) {
	access := a.access.WithProfile(profile)
	access.Region = region
	return access.Connect(ctx, a.connect)
}

func (a *Artifact) copy() *Artifact {
	return &Artifact{contents: a.contents, access: a.access, foreign: a.foreign, connect: a.connect}
}

// In returns the artifact in one region: the only one, or the one that access
// names. Its options replace those of the source.
func (a *Artifact) In(access Access) (*Artifact, error) {
	region := access.Region
	if region == "" && len(a.AMIs) == 1 {
		region = a.Regions()[0]
	}
	image, ok := a.AMIs[region]
	if region == "" {
		return nil, fmt.Errorf("the artifact has AMIs in %s: set region to one of them", strings.Join(a.Regions(), ", "))
	}
	if !ok {
		return nil, fmt.Errorf("region is %q, and the artifact has AMIs in %s: set region to one of these", access.Region, strings.Join(a.Regions(), ", "))
	}
	one := a.copy()
	one.access = access.over(a.access.WithProfile(image.Profile))
	one.Owned = a.Owned && !image.Kept
	image.Kept, image.Profile = false, ""
	one.AMIs = map[string]AMI{region: image}
	return one, nil
}

// With returns the artifact with access options that replace those of the source.
func (a *Artifact) With(access Access) *Artifact {
	one := a.copy()
	one.access = access.over(a.access)
	return one
}

// WithCopies returns the artifact with copies of its AMI in further regions, which
// it owns unless they are marked as kept.
func (a *Artifact) WithCopies(copies map[string]AMI) *Artifact {
	all := a.copy()
	if len(copies) == 0 {
		return all
	}
	all.AMIs = maps.Clone(copies)
	for region, image := range a.AMIs {
		image.Kept = image.Kept || !a.Owned
		all.AMIs[region] = image
	}
	all.Owned = true
	all.foreign = maps.Clone(a.foreign)
	delete(all.foreign, registryimage.ArtifactStateURI) // it lists only the source's regions
	return all
}

// Tested reports whether the artifact's AMI has passed its smoke test in this
// build.
func (a *Artifact) Tested() bool {
	var result struct{ Verdict string }
	return json.Unmarshal([]byte(a.Result), &result) == nil && result.Verdict == "passed"
}

// Passed returns a copy of the artifact with the result of its smoke test.
func (a *Artifact) Passed(result string) *Artifact {
	tested := a.copy()
	tested.Result = result
	return tested
}
