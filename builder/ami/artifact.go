package ami

import (
	"context"

	packersdk "github.com/hashicorp/packer-plugin-sdk/packer"

	"github.com/unikernel-ami/packer-plugin-unikernel/internal/component"
)

// generatedNames are the values that a template can use as `build.NAME` in
// post-processors.
var generatedNames = []string{"BuildRegion", "AMI", "SnapshotID", "KernelID", "Environment", "System", "Content", "BootMethod"}

// newArtifact hands the AMI over to Packer.
func newArtifact(ctx context.Context, run *build) (packersdk.Artifact, error) {
	plan := run.plan
	access, err := run.config.Handover(ctx, run.session)
	if err != nil {
		return nil, err
	}
	image := component.AMI{ID: run.imageID, Labels: map[string]string{
		"snapshot":    run.snapshotID,
		"kernel":      plan.Kernel.Name,
		"environment": plan.Environment,
		"system":      plan.System,
		"content":     plan.Content,
		"boot_method": plan.BootMethod,
	}}
	artifact := component.NewArtifact(access, image, generatedData(run), run.connect)
	artifact.Owned = plan.Reused == nil
	return artifact, nil
}

// generatedData are the values of generatedNames.
func generatedData(run *build) map[string]string {
	return map[string]string{
		"BuildRegion": run.plan.Region,
		"AMI":         run.imageID,
		"SnapshotID":  run.snapshotID,
		"KernelID":    run.plan.Kernel.ID,
		"Environment": run.plan.Environment,
		"System":      run.plan.System,
		"Content":     run.plan.Content,
		"BootMethod":  run.plan.BootMethod,
	}
}
