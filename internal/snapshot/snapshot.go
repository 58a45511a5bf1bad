// Package snapshot makes EBS snapshots of raw disks. A [Method] is a way to do
// so: [EBSDirect], with the EBS direct APIs, or [S3Import], by an upload to S3 and
// EC2's ImportSnapshot. [Verify] reads a snapshot back.
package snapshot

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"github.com/unikernel-ami/packer-plugin-unikernel/internal/cloud"
	"github.com/unikernel-ami/packer-plugin-unikernel/xenpv/disk"
)

// A Request describes the snapshot that is wanted.
type Request struct {
	BuildID     string            // identifies the resources of one build
	Description string            // shown in EC2's console
	Tags        map[string]string // all of them
	VolumeSize  int32             // GiB
	Device      string            // "" for the root, or the name of another device of the AMI
	Encryption  Encryption
	Disk        io.ReaderAt  // the whole disk
	Blocks      []disk.Block // the blocks that are not all zeros, ascending
}

// An Encryption says how a snapshot is encrypted. The zero value leaves that to
// the account, which may encrypt all new snapshots.
type Encryption struct {
	Encrypt   bool
	KMSKeyARN string // "" for the account's default key
}

// A Method is a way to make a snapshot of a disk.
type Method interface {
	// Create makes the snapshot, waits until it is completed, and returns its
	// id. It is in the ledger before the request for it is sent.
	Create(ctx context.Context, request Request, ledger *cloud.Ledger) (id string, err error)
}

// Content is the SHA-256 over the digests of a disk's blocks. It identifies what
// a snapshot of them holds.
func Content(blocks []disk.Block) string {
	h := sha256.New()
	for _, block := range blocks {
		fmt.Fprintf(h, "%d %x\n", block.Index, block.SHA256)
	}
	return hex.EncodeToString(h.Sum(nil))
}

// clientToken makes StartSnapshot idempotent within one build, so that a request
// whose answer was lost can be repeated. It contains the build's id because EBS
// remembers tokens longer than the snapshots of a failed build exist.
func (r Request) clientToken() string {
	sum := sha256.Sum256([]byte(r.BuildID + "\n" + r.Device + "\n" + Content(r.Blocks)))
	return hex.EncodeToString(sum[:]) // 64 characters, the most that EBS accepts
}

// await waits until a snapshot is completed.
func await(ctx context.Context, s *cloud.Session, id string, budget time.Duration) error {
	return s.Waits.Await(ctx, id, budget, func(ctx context.Context) (string, bool, error) {
		found, err := describe(ctx, s, &ec2.DescribeSnapshotsInput{SnapshotIds: []string{id}})
		if cloud.HasCode(err, "InvalidSnapshot.NotFound") {
			return "not visible yet", false, nil
		}
		if err != nil || len(found) == 0 {
			return "unknown", false, err
		}
		state := found[0].State
		if state == types.SnapshotStateError {
			return string(state), false, fmt.Errorf("the snapshot has failed: %s", aws.ToString(found[0].StateMessage))
		}
		return status(found[0]), state == types.SnapshotStateCompleted, nil
	})
}

// status is a snapshot's state, with how far it is and why as EC2 returns it.
func status(s types.Snapshot) string {
	text := string(s.State)
	if progress := aws.ToString(s.Progress); progress != "" {
		text += " (" + progress + ")"
	}
	if message := aws.ToString(s.StateMessage); message != "" {
		text += ": " + message
	}
	return text
}

// describe returns all snapshots that input asks for.
func describe(ctx context.Context, s *cloud.Session, input *ec2.DescribeSnapshotsInput) ([]types.Snapshot, error) {
	return cloud.All(ctx, ec2.NewDescribeSnapshotsPaginator(s.EC2, input),
		func(page *ec2.DescribeSnapshotsOutput) []types.Snapshot { return page.Snapshots })
}

// IsOwn reports whether a snapshot belongs to the account of the session and,
// unless build is "", was made by that build.
func IsOwn(ctx context.Context, s *cloud.Session, id, build string) (bool, error) {
	filters := []types.Filter{cloud.Filter("snapshot-id", id)}
	if build != "" {
		filters = append(filters, cloud.Filter("tag:"+cloud.BuildTag, build))
	}
	found, err := describe(ctx, s, &ec2.DescribeSnapshotsInput{OwnerIds: []string{"self"}, Filters: filters})
	return len(found) > 0, err
}

// resource is the ledger's view of a snapshot.
type resource struct {
	session *cloud.Session
	build   string
	device  string // as in [Request]
}

// Resource is the ledger's view of a snapshot that exists.
func Resource(s *cloud.Session) cloud.Resource { return resource{session: s} }

func (r resource) Session() *cloud.Session { return r.session }

func (r resource) Describe(id string) string {
	if id == "" {
		return fmt.Sprintf("the snapshot with the tag %s=%s in %s, if there is one", cloud.BuildTag, r.build, r.session.Region)
	}
	return fmt.Sprintf("%s (aws ec2 delete-snapshot --region %s --snapshot-id %s)", id, r.session.Region, id)
}

func (r resource) Find(ctx context.Context) (string, error) {
	filters := cloud.RoleFilters(r.build, cloud.RoleSnapshot)
	if r.device != "" {
		filters = append(cloud.RoleFilters(r.build, cloud.RoleVolume), cloud.Filter("tag:"+cloud.DeviceTag, r.device))
	}
	found, err := describe(ctx, r.session, &ec2.DescribeSnapshotsInput{OwnerIds: []string{"self"}, Filters: filters})
	if err != nil || len(found) == 0 {
		return "", err
	}
	return aws.ToString(found[0].SnapshotId), nil
}

func (r resource) Remove(ctx context.Context, id string) error {
	_, err := r.session.EC2.DeleteSnapshot(ctx, &ec2.DeleteSnapshotInput{SnapshotId: aws.String(id)})
	switch {
	case cloud.HasCode(err, "InvalidSnapshot.NotFound"):
		return cloud.ErrGone
	case cloud.HasCode(err, "InvalidSnapshot.InUse"):
		return cloud.ErrInUse
	}
	return err
}

// RemoveOf removes the snapshots of a build once, and returns how many there were.
func RemoveOf(ctx context.Context, s *cloud.Session, build string) (removed int, err error) {
	found, err := describe(ctx, s, &ec2.DescribeSnapshotsInput{
		OwnerIds: []string{"self"}, Filters: cloud.RoleFilters(build, cloud.RoleSnapshot),
	})
	if err != nil {
		return 0, err
	}
	for _, one := range found {
		if err := (resource{session: s}).Remove(ctx, aws.ToString(one.SnapshotId)); err != nil {
			return removed, err
		}
		removed++
	}
	return removed, nil
}
