package copy

import (
	"cmp"
	"fmt"
	"maps"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/unikernel-ami/packer-plugin-unikernel/internal/component"
)

// copies are the AMIs that the artifact gets.
func (r *release) copies() map[string]component.AMI {
	copies := map[string]component.AMI{}
	from := r.artifact.AMIs[r.region()]
	for _, one := range r.results {
		if one.err != nil {
			continue
		}
		image := component.AMI{ID: one.id(), Kept: one.plan.Existing != "", Profile: r.config.RegionProfiles[one.region], Labels: maps.Clone(from.Labels)}
		if image.Labels == nil {
			image.Labels = map[string]string{}
		}
		image.Labels["copied_from"] = r.region() + ":" + from.ID
		if !image.Kept {
			image.Labels["snapshot"] = one.snapshot()
		} else {
			delete(image.Labels, "snapshot") // it has another one
		}
		if one.plan.Kernel.Name != "" {
			image.Labels["kernel"] = one.plan.Kernel.Name
		}
		copies[one.region] = image
	}
	return copies
}

func (one *result) id() string { return cmp.Or(one.plan.Existing, aws.ToString(one.image.ImageId)) }

func (one *result) snapshot() string {
	for _, mapping := range one.image.BlockDeviceMappings {
		if mapping.Ebs != nil && mapping.Ebs.SnapshotId != nil {
			return *mapping.Ebs.SnapshotId
		}
	}
	return ""
}

// table shows all regions with their AMIs.
func (r *release) table() string {
	kind := string(r.source.Image.VirtualizationType)
	rows := [][]string{
		{"REGION", "AMI", "STATE", "TYPE", "KERNEL", "TIME"},
		{r.region(), *r.source.Image.ImageId, "source", kind, cmp.Or(r.source.Kernel.ID, "-"), "-"},
	}
	for _, one := range r.results {
		switch {
		case one.err != nil:
			rows = append(rows, []string{one.region, "-", "failed", "-", "-", "-"})
		case one.plan.Existing != "":
			rows = append(rows, []string{one.region, one.id(), "kept", kind, cmp.Or(one.plan.Kernel.ID, "-"), "-"})
		default:
			rows = append(rows, []string{one.region, one.id(), one.plan.Method, kind, cmp.Or(one.plan.Kernel.ID, "-"), fmt.Sprintf("%.1f s", one.took.Seconds())})
		}
	}
	return component.Table(rows)
}
