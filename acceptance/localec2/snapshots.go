package localec2

import (
	"cmp"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// snapshot is an EBS snapshot, written through the EBS direct APIs. Its state
// follows from its times.
type snapshot struct {
	id, description string
	parent, lineage string // lineage is the id of its first ancestor, or its own
	sizeGiB         int64
	encrypted       bool
	kmsKey          string
	tags            tagSet
	started         time.Time
	visible         time.Time
	timeout         time.Duration
	touched         time.Time // the last block written, for the time-out
	sealed          bool      // CompleteSnapshot was called
	completed       time.Time // when that takes effect
	base            map[int32]*block
	written         map[int32]*block
}

// States of a snapshot.
const (
	pending   = "pending"
	completed = "completed"
	failed    = "error"
)

// state is the snapshot's state at a time.
func (sn *snapshot) state(now time.Time) string {
	switch {
	case sn.sealed && !now.Before(sn.completed):
		return completed
	case !sn.sealed && now.Sub(sn.touched) > sn.timeout:
		return failed
	}
	return pending
}

var snapshotActions = map[string]action{
	"DescribeSnapshots": {
		params: []string{"SnapshotId", "Owner", "RestorableBy", "Filter", "MaxResults", "NextToken"},
		run:    (*Server).describeSnapshots,
	},
	"DeleteSnapshot": {params: []string{"SnapshotId"}, run: (*Server).deleteSnapshot},
}

var snapshotID = regexp.MustCompile(`^snap-([0-9a-f]{8}|[0-9a-f]{17})$`)

// findSnapshot finds a snapshot that callers can see.
func (s *Server) findSnapshot(c *call, id string) (*snapshot, error) {
	if !snapshotID.MatchString(id) {
		return nil, bad("InvalidParameterValue", "Value (%s) for parameter snapshotId is invalid. Expected: 'snap-...'.", id)
	}
	sn := s.regions[c.region].snapshots[id]
	if sn == nil || s.opts.Now().Before(sn.visible) {
		return nil, bad("InvalidSnapshot.NotFound", "The snapshot '%s' does not exist.", id)
	}
	return sn, nil
}

// snapshotItem is a snapshot as DescribeSnapshots shows it.
type snapshotItem struct {
	ID          string `xml:"snapshotId"`
	VolumeID    string `xml:"volumeId"`
	Status      string `xml:"status"`
	Message     string `xml:"statusMessage,omitempty"`
	StartTime   string `xml:"startTime"`
	Completion  string `xml:"completionTime,omitempty"`
	Progress    string `xml:"progress"`
	OwnerID     string `xml:"ownerId"`
	VolumeSize  int64  `xml:"volumeSize"`
	Description string `xml:"description"`
	Encrypted   bool   `xml:"encrypted"`
	KmsKeyID    string `xml:"kmsKeyId,omitempty"`
	FullSize    int64  `xml:"fullSnapshotSizeInBytes"`
	Tier        string `xml:"storageTier"`
	Tags        []tag  `xml:"tagSet>item"`
}

func (i snapshotItem) tagList() []tag { return i.Tags }

func (s *Server) newSnapshotItem(sn *snapshot) snapshotItem {
	now := s.opts.Now()
	item := snapshotItem{
		ID: sn.id, VolumeID: "vol-ffffffff", // what EC2 shows where there was no volume
		Status: sn.state(now), StartTime: sn.started.UTC().Format(ec2Time), Progress: "0%",
		OwnerID: s.opts.Account, VolumeSize: sn.sizeGiB, Description: sn.description,
		Encrypted: sn.encrypted, KmsKeyID: sn.kmsKey, Tier: "standard", Tags: sn.tags.tagList(),
		FullSize: sn.blocksHeld() * blockSize,
	}
	switch item.Status {
	case completed:
		item.Progress = "100%"
		item.Completion = sn.completed.UTC().Format(ec2Time)
	case failed:
		item.Message = "The snapshot was not completed within its time-out"
	}
	return item
}

var snapshotFilters = filterTable[snapshotItem]{
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
	response
	Snapshots []snapshotItem `xml:"snapshotSet>item"`
	NextToken string         `xml:"nextToken,omitempty"`
}

func (s *Server) describeSnapshots(c *call) (any, error) {
	matches, err := snapshotFilters.read(c.form)
	if err != nil {
		return nil, err
	}
	ids := c.form.texts("SnapshotId")
	c.resource = strings.Join(ids, ",")
	for _, id := range ids {
		if _, err := s.findSnapshot(c, id); err != nil {
			return nil, err
		}
	}
	owned, err := s.ownerTest(c.form.texts("Owner"))
	if err != nil {
		return nil, err
	}
	restorable := c.form.texts("RestorableBy")
	if err := dryRun(c); err != nil {
		return nil, err
	}
	var found []snapshotItem
	for _, sn := range s.visibleSnapshots(c.region) {
		item := s.newSnapshotItem(sn)
		if (len(ids) == 0 || slices.Contains(ids, sn.id)) && owned(s.opts.Account, "") &&
			(len(restorable) == 0 || s.namesAccount(restorable)) && matches(item) {
			found = append(found, item)
		}
	}
	out := &describeSnapshotsResponse{}
	out.Snapshots, out.NextToken, err = page(s, c, paging{5, 1000, "SnapshotId"}, found, func(i snapshotItem) string { return i.ID })
	return out, err
}

// visibleSnapshots lists a region's snapshots that callers can see, by id.
func (s *Server) visibleSnapshots(name string) []*snapshot {
	now := s.opts.Now()
	all := slices.SortedFunc(maps.Values(s.regions[name].snapshots), func(a, b *snapshot) int { return cmp.Compare(a.id, b.id) })
	return slices.DeleteFunc(all, func(sn *snapshot) bool { return now.Before(sn.visible) })
}
