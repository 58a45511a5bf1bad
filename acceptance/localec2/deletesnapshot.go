package localec2

import "maps"

func (s *Server) deleteSnapshot(c *call) (any, error) {
	id, err := c.form.need("SnapshotId")
	if err != nil {
		return nil, err
	}
	c.resource = id
	sn, err := s.findSnapshot(c, id)
	if err != nil {
		return nil, err
	}
	if err := dryRun(c); err != nil {
		return nil, err
	}
	if users := s.imagesOf(c.region, id); len(users) > 0 {
		return nil, bad("InvalidSnapshot.InUse", "The snapshot %s is currently in use by %s", id, users[0])
	}
	s.dropSnapshot(c.region, sn)
	return &done{Return: true}, nil
}

// dropSnapshot forgets a snapshot and its blocks.
func (s *Server) dropSnapshot(region string, sn *snapshot) {
	state := s.regions[region]
	delete(state.snapshots, sn.id)
	if !s.opts.TokensOutlive {
		maps.DeleteFunc(state.tokens, func(_ string, t startedSnapshot) bool { return t.id == sn.id })
	}
	for _, b := range sn.base {
		s.blocks.release(b)
	}
	for _, b := range sn.written {
		s.blocks.release(b)
	}
}
