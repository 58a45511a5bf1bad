package image

import (
	"github.com/unikernel-ami/packer-plugin-unikernel/acceptance/localec2/api"
	"github.com/unikernel-ami/packer-plugin-unikernel/acceptance/localec2/query"
	"github.com/unikernel-ami/packer-plugin-unikernel/acceptance/localec2/snapshot"
)

func (s *Images) snapshotAttributeActions() map[string]query.Action {
	return map[string]query.Action{
		"DescribeSnapshotAttribute": {Params: []string{"SnapshotId", "Attribute"}, Run: s.describeSnapshotAttribute},
		"ModifySnapshotAttribute": {
			Params: []string{"SnapshotId", "Attribute", "CreateVolumePermission", "OperationType", "UserId", "UserGroup"},
			Run:    s.modifySnapshotAttribute,
		},
	}
}

// snapshotPermissions is how ModifySnapshotAttribute spells permissions. The
// error for a bad user or group is not known.
var snapshotPermissions = grammar{"CreateVolumePermission", snapshotKinds, func(item, value string) *api.Error {
	return api.Bad("InvalidParameterValue", "Value (%s) for parameter %s is invalid.", value, item)
}}

// namedSnapshot returns the requested snapshot, whose attribute must be the
// permissions.
func (s *Images) namedSnapshot(c *query.Call) (snapshot.Info, error) {
	id, err := c.Form.Need("SnapshotId")
	if err != nil {
		return snapshot.Info{}, err
	}
	c.Resource = id
	sn, err := s.FindSnapshot(c.Region, id)
	if err != nil {
		return sn, err
	}
	if name := c.Form.Text("Attribute"); name != "createVolumePermission" && !c.Form.Has("CreateVolumePermission") {
		return sn, badAttribute(name)
	}
	return sn, nil
}

func (s *Images) modifySnapshotAttribute(c *query.Call) (any, error) {
	sn, err := s.namedSnapshot(c)
	if err != nil {
		return nil, err
	}
	ch, err := snapshotPermissions.read(c.Form)
	if err != nil {
		return nil, err
	}
	switch {
	case len(ch.add)+len(ch.remove) == 0:
		return nil, api.Bad("InvalidParameterCombination", "No attributes specified.")
	case sn.State != snapshot.Completed:
		return nil, api.Bad("IncorrectState", "Snapshot is in invalid state - %s", sn.State)
	case snapshot.IsManagedKey(sn.KMSKey) && len(ch.add) > 0:
		return nil, api.Bad("OperationNotPermitted", "Encrypted snapshots with EBS default key cannot be shared")
	case sn.Encrypted && ch.add.public():
		return nil, api.Bad("OperationNotPermitted", "Encrypted snapshots cannot be shared publicly")
	}
	if err := c.DryRun(); err != nil {
		return nil, err
	}
	shared := s.regions[c.Region].shared
	shared[sn.ID] = ch.apply(shared[sn.ID])
	return query.Success(), nil
}

// volumePermission is a permission in DescribeSnapshotAttribute.
type volumePermission struct {
	User  string `xml:"userId,omitempty"`
	Group string `xml:"group,omitempty"`
}

type describeSnapshotAttributeResponse struct {
	query.Response
	SnapshotID  string             `xml:"snapshotId"`
	Permissions []volumePermission `xml:"createVolumePermission>item"`
}

func (s *Images) describeSnapshotAttribute(c *query.Call) (any, error) {
	sn, err := s.namedSnapshot(c)
	if err != nil {
		return nil, err
	}
	out := &describeSnapshotAttributeResponse{SnapshotID: sn.ID}
	for _, one := range s.regions[c.Region].shared[sn.ID] {
		out.Permissions = append(out.Permissions, volumePermission{one.User, one.Group})
	}
	return out, c.DryRun()
}
