package ami

import (
	"context"
	"fmt"
	"strings"

	packersdk "github.com/hashicorp/packer-plugin-sdk/packer"
	registryimage "github.com/hashicorp/packer-plugin-sdk/packer/registry/image"

	"github.com/unikernel-ami/packer-plugin-unikernel/internal/ec2ami"
)

// BuilderID tells post-processors whose artifact they have.
const BuilderID = "unikernel-ami.ami"

// ProfileState is the name of the artifact's state that holds the profile which
// the AMI was made with.
const ProfileState = "unikernel.profile"

// generatedNames are the values that a template can use as `build.NAME` in
// post-processors.
var generatedNames = []string{"BuildRegion", "AMI", "SnapshotID", "KernelID", "Environment", "System", "Content"}

// Artifact is an AMI in one region. It holds the ledger of its build, by which
// it can be destroyed.
type Artifact struct {
	region, imageID string
	profile         string
	labels          map[string]string
	generated       map[string]string
	ledger          *ec2ami.Ledger
	ui              packersdk.Ui
	waits           ec2ami.Waits
}

func newArtifact(run *build) *Artifact {
	generated := map[string]string{
		"BuildRegion": run.plan.Region,
		"AMI":         run.imageID,
		"SnapshotID":  run.snapshotID,
		"KernelID":    run.plan.Kernel.ID,
		"Environment": run.plan.Environment,
		"System":      run.plan.System,
		"Content":     run.plan.Content(),
	}
	return &Artifact{
		region:    run.plan.Region,
		imageID:   run.imageID,
		profile:   run.config.Profile,
		generated: generated,
		labels: map[string]string{
			"snapshot":    run.snapshotID,
			"kernel":      run.plan.Kernel.Name,
			"environment": run.plan.Environment,
			"system":      run.plan.System,
			"content":     run.plan.Content(),
		},
		ledger: &run.ledger,
		ui:     run.ui,
		waits:  run.session.Waits,
	}
}

// BuilderId identifies the builder.
func (a *Artifact) BuilderId() string { return BuilderID }

// Files returns none: an AMI is nothing on this machine.
func (a *Artifact) Files() []string { return nil }

// Id is "region:ami-…", the form that packer-plugin-amazon uses; several are
// joined by commas.
func (a *Artifact) Id() string { return a.region + ":" + a.imageID }

func (a *Artifact) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "AMIs were created:\n%s: %s\n", a.region, a.imageID)
	return b.String()
}

// State gives the image's metadata for the HCP Packer registry, the values for
// post-processors, and the profile.
func (a *Artifact) State(name string) any {
	switch name {
	case registryimage.ArtifactStateURI:
		return []*registryimage.Image{{
			ImageID:        a.imageID,
			ProviderName:   "aws",
			ProviderRegion: a.region,
			Labels:         a.labels,
		}}
	case "generated_data":
		return a.generated
	case ProfileState:
		return a.profile
	default:
		return nil
	}
}

// Destroy deregisters the AMI and deletes its snapshot. What is left goes to
// the user's terminal as well: Packer loses the text of a plugin's error here.
func (a *Artifact) Destroy() error {
	_, err := a.ledger.Undo(context.Background(), a.waits)
	if err != nil {
		a.ui.Error(err.Error())
	}
	return err
}
