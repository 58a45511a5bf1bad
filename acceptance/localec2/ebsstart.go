package localec2

import (
	"net/http"
	"reflect"
	"regexp"
	"time"
)

// Limits of StartSnapshot (EBS direct APIs reference and service quotas).
const (
	maxVolumeGiB    = 65536
	defaultTimeout  = 60 // minutes
	minTimeout      = 10
	maxTimeout      = 4320
	maxDescription  = 255
	pendingQuota    = 100 // pending snapshots of an account in a region, quota L-94D7AB7D
	defaultKMSAlias = "alias/aws/ebs"
)

// clientToken is up to 64 ASCII characters ("Idempotency for StartSnapshot
// API"), and no blanks (service model).
var clientToken = regexp.MustCompile(`^[!-~]{1,64}$`)

// startRequest is what StartSnapshot takes.
type startRequest struct {
	VolumeSize       int64
	ParentSnapshotID string `json:"ParentSnapshotId"`
	Tags             []tag
	Description      string
	ClientToken      string
	Encrypted        *bool
	KmsKeyArn        string
	Timeout          *int
}

// startedSnapshot is what a client token stands for.
type startedSnapshot struct {
	id      string
	request startRequest
	reply   startReply
}

// startReply is what StartSnapshot answers.
type startReply struct {
	SnapshotID       string `json:"SnapshotId"`
	OwnerID          string `json:"OwnerId"`
	Status           string
	StartTime        float64
	VolumeSize       int64
	BlockSize        int
	Description      string `json:",omitempty"`
	ParentSnapshotID string `json:"ParentSnapshotId,omitempty"`
	KmsKeyArn        string `json:",omitempty"`
	Tags             []tag  `json:",omitempty"`
}

func (s *Server) startSnapshot(c *call) (any, error) {
	in, err := decodeStart(c.body)
	if err != nil {
		return nil, err
	}
	if err := in.check(); err != nil {
		return nil, err
	}
	tags, tagErr := newTagSet(in.Tags)
	if tagErr != nil {
		return nil, invalid("INVALID_TAG", "%s", tagErr.message)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	state := s.regions[c.region]
	if earlier, used := state.tokens[in.ClientToken]; used && in.ClientToken != "" {
		c.resource = earlier.id
		if !reflect.DeepEqual(earlier.request, in) {
			return nil, ebsError("ConflictException", "", "The request uses the same client token as a previous, but non-identical request.")
		}
		return s.sameAgain(state, earlier), nil
	}
	sn, err := s.newSnapshot(c, in, tags)
	if err != nil {
		return nil, err
	}
	c.resource = sn.id
	reply := s.startReply(sn)
	state.snapshots[sn.id] = sn
	if in.ClientToken != "" {
		state.tokens[in.ClientToken] = startedSnapshot{sn.id, in, reply}
	}
	return ebsReply{status: http.StatusCreated, json: reply}, nil
}

// check checks what can be checked without looking at other snapshots.
func (in *startRequest) check() error {
	switch {
	case in.VolumeSize < 1 || in.VolumeSize > maxVolumeGiB:
		return invalid("INVALID_VOLUME_SIZE", "The volume size %d is not between 1 and %d GiB.", in.VolumeSize, maxVolumeGiB)
	case in.Timeout != nil && (*in.Timeout < minTimeout || *in.Timeout > maxTimeout):
		return invalid("INVALID_PARAMETER_VALUE", "The timeout %d is not between %d and %d minutes.", *in.Timeout, minTimeout, maxTimeout)
	case in.ClientToken != "" && !clientToken.MatchString(in.ClientToken):
		return invalid("INVALID_PARAMETER_VALUE", "The client token must be up to 64 printable ASCII characters.")
	case len(in.Description) > maxDescription:
		return invalid("INVALID_PARAMETER_VALUE", "The description is longer than %d characters.", maxDescription)
	case in.Encrypted != nil && in.ParentSnapshotID != "":
		return invalid("INVALID_PARAMETER_VALUE", "Encrypted and ParentSnapshotId can't be given together.")
	case in.KmsKeyArn != "" && (in.Encrypted == nil || !*in.Encrypted):
		return invalid("INVALID_PARAMETER_VALUE", "KmsKeyArn needs Encrypted to be true.")
	}
	return nil
}

// sameAgain answers a repeated request with the first one's snapshot as it is
// now or, where that was deleted, with what was answered then.
func (s *Server) sameAgain(state *regionState, earlier startedSnapshot) ebsReply {
	reply := earlier.reply
	if sn := state.snapshots[earlier.id]; sn != nil {
		reply = s.startReply(sn)
	}
	return ebsReply{status: http.StatusCreated, json: reply}
}

// newSnapshot makes a snapshot of a request; the caller keeps it.
func (s *Server) newSnapshot(c *call, in startRequest, tags tagSet) (*snapshot, error) {
	if s.pendingCount(c.region) >= pendingQuota {
		return nil, ebsError("ServiceQuotaExceededException", "DEPENDENCY_SERVICE_QUOTA_EXCEEDED", "You have %d pending snapshots; the quota is %d.", pendingQuota, pendingQuota)
	}
	now := s.opts.Now()
	sn := &snapshot{
		id: newID("snap-"), description: in.Description, sizeGiB: in.VolumeSize, tags: tags,
		encrypted: in.Encrypted != nil && *in.Encrypted, kmsKey: in.KmsKeyArn,
		started: now, touched: now, visible: now.Add(s.opts.Invisible),
		timeout: defaultTimeout * time.Minute, written: map[int32]*block{},
	}
	sn.lineage = sn.id
	if in.Timeout != nil {
		sn.timeout = time.Duration(*in.Timeout) * time.Minute
	}
	if sn.encrypted && sn.kmsKey == "" {
		sn.kmsKey = "arn:" + regions[c.region].partition + ":kms:" + c.region + ":" + s.opts.Account + ":" + defaultKMSAlias
	}
	if in.ParentSnapshotID == "" {
		return sn, nil
	}
	return sn, s.inherit(c, sn, in.ParentSnapshotID)
}

// inherit makes a snapshot the child of another: it begins with its blocks.
func (s *Server) inherit(c *call, sn *snapshot, parentID string) error {
	parent, err := s.ebsSnapshot(c, parentID)
	if err != nil {
		return err
	}
	if parent.state(s.opts.Now()) != completed {
		return invalid("INVALID_SNAPSHOT_ID", "The parent snapshot '%s' is not completed.", parentID)
	}
	if sn.sizeGiB < parent.sizeGiB {
		return invalid("INVALID_VOLUME_SIZE", "The volume size %d is smaller than the parent's %d GiB.", sn.sizeGiB, parent.sizeGiB)
	}
	sn.parent, sn.lineage = parent.id, parent.lineage
	sn.encrypted, sn.kmsKey = parent.encrypted, parent.kmsKey
	sn.base = parent.contents()
	for _, b := range sn.base {
		s.blocks.retain(b)
	}
	return nil
}

// pendingCount is the number of a region's pending snapshots.
func (s *Server) pendingCount(region string) int {
	n, now := 0, s.opts.Now()
	for _, sn := range s.regions[region].snapshots {
		if sn.state(now) == pending {
			n++
		}
	}
	return n
}

func (s *Server) startReply(sn *snapshot) startReply {
	return startReply{
		SnapshotID: sn.id, OwnerID: s.opts.Account, Status: sn.state(s.opts.Now()), StartTime: epoch(sn.started),
		VolumeSize: sn.sizeGiB, BlockSize: blockSize, Description: sn.description, ParentSnapshotID: sn.parent,
		KmsKeyArn: sn.kmsKey, Tags: sn.tags.tagList(),
	}
}
