package image

import (
	"slices"
	"strconv"
	"strings"

	"github.com/unikernel-ami/packer-plugin-unikernel/acceptance/localec2/api"
	"github.com/unikernel-ami/packer-plugin-unikernel/acceptance/localec2/query"
	"github.com/unikernel-ami/packer-plugin-unikernel/acceptance/localec2/resource"
	"github.com/unikernel-ami/packer-plugin-unikernel/acceptance/localec2/snapshot"
)

func (s *Images) snapshotActions() map[string]query.Action {
	return map[string]query.Action{
		"DescribeSnapshots": {
			Params: []string{"SnapshotId", "Owner", "RestorableBy", "Filter", "MaxResults", "NextToken"},
			Run:    s.describeSnapshots,
		},
		"DeleteSnapshot": {Params: []string{"SnapshotId"}, Run: s.deleteSnapshot},
	}
}

// FindSnapshot returns a snapshot that callers can see.
func (s *Images) FindSnapshot(region, id string) (snapshot.Info, error) {
	if !snapshot.ID.MatchString(id) {
		return snapshot.Info{}, api.Bad("InvalidParameterValue", "Value (%s) for parameter snapshotId is invalid. Expected: 'snap-...'.", id)
	}
	sn, found := s.snapshots.Find(region, id)
	if !found {
		return sn, api.Bad("InvalidSnapshot.NotFound", "The snapshot '%s' does not exist.", id)
	}
	return sn, nil
}

// snapshotItem is a snapshot in DescribeSnapshots.
type snapshotItem struct {
	ID          string         `xml:"snapshotId"`
	VolumeID    string         `xml:"volumeId"`
	Status      string         `xml:"status"`
	Message     string         `xml:"statusMessage,omitempty"`
	StartTime   string         `xml:"startTime"`
	Completion  string         `xml:"completionTime,omitempty"`
	Progress    string         `xml:"progress"`
	OwnerID     string         `xml:"ownerId"`
	VolumeSize  int64          `xml:"volumeSize"`
	Description string         `xml:"description"`
	Encrypted   bool           `xml:"encrypted"`
	KmsKeyID    string         `xml:"kmsKeyId,omitempty"`
	FullSize    int64          `xml:"fullSnapshotSizeInBytes"`
	Tier        string         `xml:"storageTier"`
	Tags        []resource.Tag `xml:"tagSet>item"`
}

func (i snapshotItem) TagList() []resource.Tag { return i.Tags }

func (s *Images) newSnapshotItem(sn snapshot.Info) snapshotItem {
	item := snapshotItem{
		ID: sn.ID, VolumeID: "vol-ffffffff", // what EC2 shows if there was no volume
		Status: sn.State, StartTime: sn.Started.UTC().Format(query.TimeFormat), Progress: "0%",
		OwnerID: s.acct.ID, VolumeSize: sn.SizeGiB, Description: sn.Description,
		Encrypted: sn.Encrypted, KmsKeyID: sn.KMSKey, Tier: "standard", Tags: resource.TagSet(sn.Tags).List(),
		FullSize: sn.Blocks * snapshot.BlockSize,
	}
	switch item.Status {
	case snapshot.Completed:
		item.Progress = "100%"
		item.Completion = sn.Completed.UTC().Format(query.TimeFormat)
	case snapshot.Failed:
		item.Message = "The snapshot was not completed within its time-out"
		if sn.Fails {
			item.Message = "The snapshot could not be copied"
		}
	}
	return item
}

var snapshotFilters = query.Filters[snapshotItem]{
	"description":   func(i snapshotItem) []string { return []string{i.Description} },
	"encrypted":     func(i snapshotItem) []string { return []string{strconv.FormatBool(i.Encrypted)} },
	"owner-alias":   func(snapshotItem) []string { return nil },
	"owner-id":      func(i snapshotItem) []string { return []string{i.OwnerID} },
	"progress":      func(i snapshotItem) []string { return []string{i.Progress} },
	"snapshot-id":   func(i snapshotItem) []string { return []string{i.ID} },
	"start-time":    func(i snapshotItem) []string { return []string{i.StartTime} },
	"status":        func(i snapshotItem) []string { return []string{i.Status} },
	"storage-tier":  func(i snapshotItem) []string { return []string{i.Tier} },
	"transfer-type": func(snapshotItem) []string { return nil },
	"volume-id":     func(i snapshotItem) []string { return []string{i.VolumeID} },
	"volume-size":   func(i snapshotItem) []string { return []string{strconv.FormatInt(i.VolumeSize, 10)} },
}

type describeSnapshotsResponse struct {
	query.Response
	Snapshots []snapshotItem `xml:"snapshotSet>item"`
	NextToken string         `xml:"nextToken,omitempty"`
}

func (s *Images) describeSnapshots(c *query.Call) (any, error) {
	matches, err := snapshotFilters.Read(c.Form)
	if err != nil {
		return nil, err
	}
	ids := c.Form.Texts("SnapshotId")
	c.Resource = strings.Join(ids, ",")
	for _, id := range ids {
		if _, err := s.FindSnapshot(c.Region, id); err != nil {
			return nil, err
		}
	}
	owned, err := query.Owners(s.acct, c)
	if err != nil {
		return nil, err
	}
	restorable := c.Form.Texts("RestorableBy")
	if err := c.DryRun(); err != nil {
		return nil, err
	}
	var found []snapshotItem
	for _, sn := range s.snapshots.List(c.Region, false) {
		item := s.newSnapshotItem(sn)
		if (len(ids) == 0 || slices.Contains(ids, sn.ID)) && owned(s.acct.ID, "") &&
			s.mayRestore(c.Region, sn.ID, restorable) && matches(item) {
			found = append(found, item)
		}
	}
	out := &describeSnapshotsResponse{}
	out.Snapshots, out.NextToken, err = query.Page(s.acct, c, query.Paging{Min: 5, Max: 1000, IDs: "SnapshotId"}, found, func(i snapshotItem) string { return i.ID })
	return out, err
}

// mayRestore reports whether one of the accounts in a request may create volumes
// of a snapshot. Its owner may.
func (s *Images) mayRestore(region, id string, accounts []string) bool {
	return len(accounts) == 0 || slices.Contains(accounts, "self") || slices.Contains(accounts, s.acct.ID) ||
		s.regions[region].shared[id].grants(accounts, s.acct.ID)
}

func (s *Images) deleteSnapshot(c *query.Call) (any, error) {
	id, err := c.Form.Need("SnapshotId")
	if err != nil {
		return nil, err
	}
	c.Resource = id
	if _, err := s.FindSnapshot(c.Region, id); err != nil {
		return nil, err
	}
	if err := c.DryRun(); err != nil {
		return nil, err
	}
	if users := s.Using(c.Region, id); len(users) > 0 {
		return nil, api.Bad("InvalidSnapshot.InUse", "The snapshot %s is currently in use by %s", id, users[0])
	}
	s.snapshots.Delete(c.Region, id)
	return query.Success(), nil
}
