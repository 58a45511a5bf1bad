package ebs

import (
	"cmp"
	"encoding/json"
	"net/http"
	"reflect"
	"regexp"
	"time"

	"github.com/unikernel-ami/packer-plugin-unikernel/acceptance/localec2/resource"
	"github.com/unikernel-ami/packer-plugin-unikernel/acceptance/localec2/snapshot"
)

// Limits of StartSnapshot (EBS direct APIs reference and service quotas).
const (
	maxVolumeGiB   = 65536
	defaultTimeout = 60 // minutes
	minTimeout     = 10
	maxTimeout     = 4320
	maxDescription = 255
	pendingQuota   = 100 // pending snapshots of an account in a region, quota L-94D7AB7D
)

// clientToken matches client tokens: up to 64 ASCII characters ("Idempotency
// for StartSnapshot API"), without spaces (service model).
var clientToken = regexp.MustCompile(`^[!-~]{1,64}$`)

// startRequest is the input of StartSnapshot.
type startRequest struct {
	VolumeSize       int64
	ParentSnapshotID string `json:"ParentSnapshotId"`
	Tags             []resource.Tag
	Description      string
	ClientToken      string
	Encrypted        *bool
	KmsKeyArn        string
	Timeout          *int
}

// startedSnapshot is what a client token is bound to.
type startedSnapshot struct {
	id      string
	request startRequest
	reply   startReply
}

// startReply is the output of StartSnapshot.
type startReply struct {
	SnapshotID       string `json:"SnapshotId"`
	OwnerID          string `json:"OwnerId"`
	Status           string
	StartTime        float64
	VolumeSize       int64
	BlockSize        int
	Description      string         `json:",omitempty"`
	ParentSnapshotID string         `json:"ParentSnapshotId,omitempty"`
	KmsKeyArn        string         `json:",omitempty"`
	Tags             []resource.Tag `json:",omitempty"`
}

func (s *Service) startSnapshot(c *request) (any, error) {
	in, err := decodeStart(c.Body)
	if err != nil {
		return nil, err
	}
	if err := in.check(); err != nil {
		return nil, err
	}
	tags, refused := resource.NewTagSet(in.Tags)
	if refused != nil {
		return nil, invalid("INVALID_TAG", "%s", refused.Message)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	r, unlock := s.snapshots.Lock(c.Region)
	defer unlock()
	if earlier, used := s.earlier(r, c.Region, in.ClientToken); used {
		c.Resource = earlier.id
		if !reflect.DeepEqual(earlier.request, in) {
			return nil, fail("ConflictException", "", "The request uses the same client token as a previous, but non-identical request.")
		}
		return s.sameAgain(r, earlier), nil
	}
	sn, err := s.newSnapshot(r, c.Region, in, tags)
	if err != nil {
		return nil, err
	}
	c.Resource = sn.ID
	answer := s.startReply(sn)
	if in.ClientToken != "" {
		s.tokens[c.Region][in.ClientToken] = startedSnapshot{sn.ID, in, answer}
	}
	return reply{status: http.StatusCreated, json: answer}, nil
}

// earlier returns the earlier use of a client token. A token dies with its
// snapshot, unless TokensOutlive is set.
func (s *Service) earlier(r *snapshot.Region, region, token string) (startedSnapshot, bool) {
	if s.tokens[region] == nil {
		s.tokens[region] = map[string]startedSnapshot{}
	}
	earlier, used := s.tokens[region][token]
	if used && r.Existing(earlier.id) == nil && !s.opts.TokensOutlive {
		delete(s.tokens[region], token)
		return startedSnapshot{}, false
	}
	return earlier, used
}

// check checks what does not depend on other snapshots.
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

// sameAgain answers a repeated request with the current state of the first
// one's snapshot or, if that was deleted, with the first answer.
func (s *Service) sameAgain(r *snapshot.Region, earlier startedSnapshot) reply {
	answer := earlier.reply
	if sn := r.Existing(earlier.id); sn != nil {
		answer = s.startReply(sn)
	}
	return reply{status: http.StatusCreated, json: answer}
}

// newSnapshot creates the requested snapshot and adds it to its region.
func (s *Service) newSnapshot(r *snapshot.Region, region string, in startRequest, tags resource.TagSet) (*snapshot.Snapshot, error) {
	if r.Pending() >= pendingQuota {
		return nil, fail("ServiceQuotaExceededException", "DEPENDENCY_SERVICE_QUOTA_EXCEEDED", "You have %d pending snapshots; the quota is %d.", pendingQuota, pendingQuota)
	}
	now := s.acct.Now()
	sn := &snapshot.Snapshot{
		Common:      resource.Common{ID: resource.NewID("snap-"), Tags: tags, Visible: s.acct.Visible()},
		Description: in.Description, SizeGiB: in.VolumeSize,
		Started: now, Touched: now, Timeout: defaultTimeout * time.Minute,
	}
	sn.Lineage = sn.ID
	if in.Timeout != nil {
		sn.Timeout = time.Duration(*in.Timeout) * time.Minute
	}
	if err := s.encrypt(r, sn, region, in); err != nil {
		return nil, err
	}
	if in.ParentSnapshotID == "" {
		r.Add(sn, nil)
		return sn, nil
	}
	parent, err := s.parentOf(r, sn, in.ParentSnapshotID)
	if err != nil {
		return nil, err
	}
	sn.Parent, sn.Lineage = parent.ID, parent.Lineage
	if r.Encryption.ByDefault && !parent.Encrypted {
		return nil, invalid("INVALID_PARAMETER_VALUE", "Encryption by default is enabled, and the parent snapshot '%s' is not encrypted.", parent.ID)
	}
	sn.Encrypted, sn.KMSKey = parent.Encrypted, parent.KMSKey
	r.Add(sn, parent)
	return sn, nil
}

// encrypt chooses the key of a snapshot without a parent (Amazon EBS User Guide,
// "Encryption outcomes for EBS direct APIs").
func (s *Service) encrypt(r *snapshot.Region, sn *snapshot.Snapshot, region string, in startRequest) error {
	if r.Encryption.ByDefault && in.Encrypted != nil && !*in.Encrypted {
		return invalid("INVALID_PARAMETER_VALUE", "Encryption by default is enabled: the snapshot can't be unencrypted.")
	}
	if in.KmsKeyArn != "" {
		if why := snapshot.CheckKey(region, s.acct.ID, in.KmsKeyArn); why != "" {
			return invalid("INVALID_CUSTOMER_KEY", "The KMS key '%s' %s.", in.KmsKeyArn, why)
		}
	}
	if sn.Encrypted = r.Encryption.ByDefault || in.Encrypted != nil && *in.Encrypted; sn.Encrypted {
		sn.KMSKey = cmp.Or(in.KmsKeyArn, r.Encryption.DefaultKey(region, s.acct.ID))
	}
	return nil
}

// parentOf returns the requested parent of a snapshot.
func (s *Service) parentOf(r *snapshot.Region, sn *snapshot.Snapshot, id string) (*snapshot.Snapshot, error) {
	parent, err := find(r, id)
	if err != nil {
		return nil, err
	}
	if parent.State(s.acct.Now()) != snapshot.Completed {
		return nil, invalid("INVALID_SNAPSHOT_ID", "The parent snapshot '%s' is not completed.", id)
	}
	if sn.SizeGiB < parent.SizeGiB {
		return nil, invalid("INVALID_VOLUME_SIZE", "The volume size %d is smaller than the parent's %d GiB.", sn.SizeGiB, parent.SizeGiB)
	}
	return parent, nil
}

func (s *Service) startReply(sn *snapshot.Snapshot) startReply {
	return startReply{
		SnapshotID: sn.ID, OwnerID: s.acct.ID, Status: sn.State(s.acct.Now()), StartTime: epoch(sn.Started),
		VolumeSize: sn.SizeGiB, BlockSize: snapshot.BlockSize, Description: sn.Description, ParentSnapshotID: sn.Parent,
		KmsKeyArn: sn.KMSKey, Tags: sn.Tags.List(),
	}
}

// decodeStart parses the JSON of StartSnapshot.
func decodeStart(body []byte) (startRequest, error) {
	var in startRequest
	if err := json.Unmarshal(body, &in); err != nil {
		return in, invalid("INVALID_PARAMETER_VALUE", "The request is not the JSON of StartSnapshot: %v", err)
	}
	return in, nil
}
