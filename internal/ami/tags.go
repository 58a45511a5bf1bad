package ami

import (
	"maps"
	"strconv"

	"github.com/unikernel-ami/packer-plugin-unikernel/internal/cloud"
)

// ImageTags returns all tags of the AMI.
func (r *Request) ImageTags() map[string]string { return r.tags(cloud.RoleImage, r.UserImageTags) }

// SnapshotTags returns all tags of the snapshot.
func (r *Request) SnapshotTags() map[string]string {
	return r.tags(cloud.RoleSnapshot, r.UserSnapshotTags)
}

// VolumeTags returns all tags of the snapshot of another device with a content of
// its own.
func (r *Request) VolumeTags(device, content string) map[string]string {
	all := r.tags(cloud.RoleVolume, r.UserSnapshotTags)
	all[cloud.DeviceTag], all[cloud.ContentTag] = device, content
	return all
}

// tags joins the user's tags with this project's own.
func (r *Request) tags(role string, users map[string]string) map[string]string {
	all := maps.Clone(users)
	if all == nil {
		all = map[string]string{}
	}
	if r.Environment != "" {
		all[cloud.EnvironmentTag] = r.Environment
	}
	all[cloud.BuildTag], all[cloud.RoleTag], all[cloud.SystemTag], all[cloud.ContentTag] = r.BuildID, role, r.System, r.Content
	if r.BootMethod != "" {
		all[cloud.BootMethodTag] = r.BootMethod
	}
	if r.Shim != "" {
		all[cloud.ShimTag] = r.Shim
	}
	if r.MaxMemoryMiB != 0 {
		all[cloud.MaxMemoryTag] = strconv.FormatInt(r.MaxMemoryMiB, 10)
	}
	return all
}
