package smoketest

import (
	"context"
	"fmt"
	"os"
	"strings"

	packersdk "github.com/hashicorp/packer-plugin-sdk/packer"
	registryimage "github.com/hashicorp/packer-plugin-sdk/packer/registry/image"

	"github.com/unikernel-ami/packer-plugin-unikernel/builder/ami"
	"github.com/unikernel-ami/packer-plugin-unikernel/postprocessors/smoketest/report"
)

// ResultState is the name of the artifact's state that holds the result, as
// JSON.
const ResultState = "unikernel.smoke_test"

// passedStates are those of the source's artifact that the tested one has too.
var passedStates = []string{registryimage.ArtifactStateURI, "generated_data", ami.ProfileState}

// Artifact is the source's artifact, tested. It holds copies, as the source's
// own can't be asked any more when the post-processor has returned.
type Artifact struct {
	builderID, id string
	files         []string
	states        map[string]any
	subject       report.Subject
	destroy       func() error
}

func newArtifact(source packersdk.Artifact, t *trial) (*Artifact, error) {
	var result strings.Builder
	if err := report.JSON(&result, t.result); err != nil {
		return nil, fmt.Errorf("write result: %w", err)
	}
	a := &Artifact{
		builderID: source.BuilderId(), id: source.Id(), files: source.Files(),
		states: map[string]any{ResultState: result.String()}, subject: t.result.Subject,
	}
	for _, name := range passedStates {
		if value := source.State(name); value != nil {
			a.states[name] = value
		}
	}
	switch g := t.guest.(type) {
	case *instance:
		a.destroy = func() error { return g.session.DeregisterImage(context.Background(), g.imageID) }
	case *domain:
		a.destroy = func() error { return os.Remove(g.disk) }
	}
	return a, nil
}

// BuilderId is the source's, so that what takes its artifact takes this one.
func (a *Artifact) BuilderId() string { return a.builderID }

// Files are the source's.
func (a *Artifact) Files() []string { return a.files }

// Id is the source's.
func (a *Artifact) Id() string { return a.id }

func (a *Artifact) String() string {
	return fmt.Sprintf("smoke test passed: %s", a.subject.ID)
}

// State gives the source's values, and the result under [ResultState].
func (a *Artifact) State(name string) any { return a.states[name] }

// Destroy deregisters the AMI and deletes its snapshots, or removes the disk.
func (a *Artifact) Destroy() error { return a.destroy() }
