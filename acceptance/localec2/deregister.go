package localec2

import "slices"

// deletedSnapshot is what became of a snapshot of a deregistered image.
type deletedSnapshot struct {
	ID   string `xml:"snapshotId"`
	Code string `xml:"returnCode"`
}

type deregisterImageResponse struct {
	done
	Snapshots []deletedSnapshot `xml:"deleteSnapshotResultSet>item"`
}

func (s *Server) deregisterImage(c *call) (any, error) {
	img, err := s.ownImage(c)
	if err != nil {
		return nil, err
	}
	withSnapshots, err := c.form.flag("DeleteAssociatedSnapshots", false)
	if err != nil {
		return nil, err
	}
	if err := dryRun(c); err != nil {
		return nil, err
	}
	state := s.regions[c.region]
	delete(state.images, img.id)
	state.deregistered[img.id] = true
	out := &deregisterImageResponse{done: done{Return: true}}
	if withSnapshots {
		out.Snapshots = s.deleteOrphans(c.region, img)
	}
	return out, nil
}

// ownImage finds the image that a request names and that the account owns.
func (s *Server) ownImage(c *call) (*image, error) {
	id, err := c.form.need("ImageId")
	if err != nil {
		return nil, err
	}
	c.resource = id
	if s.regions[c.region].deregistered[id] {
		return nil, bad("InvalidAMIID.Unavailable", "The image ID '%s' is no longer available", id)
	}
	img, err := s.findImage(c, id)
	if err != nil {
		return nil, err
	}
	if img.owner != s.opts.Account {
		return nil, refuse(403, "AuthFailure", "Not authorized for image:%s", id)
	}
	return img, nil
}

// deleteOrphans deletes the snapshots that only a deregistered image needed.
func (s *Server) deleteOrphans(region string, img *image) []deletedSnapshot {
	var results []deletedSnapshot
	for _, m := range img.mappings {
		sn := s.regions[region].snapshots[m.snapshot]
		seen := slices.ContainsFunc(results, func(d deletedSnapshot) bool { return d.ID == m.snapshot })
		if sn == nil || seen {
			continue
		}
		code := "skipped"
		if len(s.imagesOf(region, sn.id)) == 0 {
			s.dropSnapshot(region, sn)
			code = "success"
		}
		results = append(results, deletedSnapshot{sn.id, code})
	}
	return results
}
