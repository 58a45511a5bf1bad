package image

import (
	"slices"

	"github.com/unikernel-ami/packer-plugin-unikernel/acceptance/localec2/api"
	"github.com/unikernel-ami/packer-plugin-unikernel/acceptance/localec2/query"
)

// deletedSnapshot is the result for a snapshot of a deregistered image.
type deletedSnapshot struct {
	ID   string `xml:"snapshotId"`
	Code string `xml:"returnCode"`
}

type deregisterImageResponse struct {
	query.Done
	Snapshots []deletedSnapshot `xml:"deleteSnapshotResultSet>item"`
}

func (s *Images) deregisterImage(c *query.Call) (any, error) {
	img, err := s.ownImage(c)
	if err != nil {
		return nil, err
	}
	withSnapshots, err := c.Form.Flag("DeleteAssociatedSnapshots", false)
	if err != nil {
		return nil, err
	}
	if err := c.DryRun(); err != nil {
		return nil, err
	}
	if err := img.protection.check(img.ID, s.acct.Now()); err != nil {
		return nil, err
	}
	state := s.regions[c.Region]
	delete(state.images, img.ID)
	state.deregistered[img.ID] = true
	out := &deregisterImageResponse{Done: *query.Success()}
	if withSnapshots {
		out.Snapshots = s.deleteOrphans(c.Region, img)
	}
	return out, nil
}

// ownImage returns the requested image if the account owns it.
func (s *Images) ownImage(c *query.Call) (*Image, error) {
	id, err := c.Form.Need("ImageId")
	if err != nil {
		return nil, err
	}
	c.Resource = id
	if s.regions[c.Region].deregistered[id] {
		return nil, api.Bad("InvalidAMIID.Unavailable", "The image ID '%s' is no longer available", id)
	}
	img, err := s.Find(c.Region, id)
	if err != nil {
		return nil, err
	}
	if img.owner != s.acct.ID {
		return nil, api.Refuse(403, "AuthFailure", "Not authorized for image:%s", id)
	}
	return img, nil
}

// deleteOrphans deletes the snapshots that no image but a deregistered one
// needed.
func (s *Images) deleteOrphans(region string, img *Image) []deletedSnapshot {
	var results []deletedSnapshot
	for _, m := range img.Mappings {
		seen := slices.ContainsFunc(results, func(d deletedSnapshot) bool { return d.ID == m.Snapshot })
		if seen || !s.snapshots.Exists(region, m.Snapshot) {
			continue
		}
		code := "skipped"
		if len(s.Using(region, m.Snapshot)) == 0 {
			s.snapshots.Delete(region, m.Snapshot)
			code = "success"
		}
		results = append(results, deletedSnapshot{m.Snapshot, code})
	}
	return results
}
