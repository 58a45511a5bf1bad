package ec2ami

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ebs"
	ebstypes "github.com/aws/aws-sdk-go-v2/service/ebs/types"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
	"golang.org/x/sync/errgroup"

	"github.com/unikernel-ami/packer-plugin-unikernel/xenpv/disk"
)

const (
	// Workers is how many blocks are on their way at once; each holds one block
	// of 512 KiB. A unikernel's disk has 3 to 60 blocks, and 16 workers send 60
	// in four rounds. They keep two cores busy with TLS and copying; 64, as
	// awslabs/coldsnap has, took 1.4 times as long a round here (make bench), and
	// EBS takes 1000 blocks a second at most.
	Workers = 16

	// snapshotTimeout is when EBS drops a snapshot that is never completed, in
	// minutes. The largest disk is 128 MiB; an hour is twice what the slowest line takes.
	snapshotTimeout = 60
)

// Upload creates a snapshot with the plan's blocks, read from source, by the EBS
// direct API, and waits until it is completed. Blocks that hold nothing but
// zeros are not in the plan and not sent: EBS reads them as zeros.
//
// EBS checks each block against the digest in the plan, and all of them
// against the digest of the digests, so that a disk which changed since it was
// planned is refused.
func (s *Session) Upload(ctx context.Context, plan *Plan, source io.ReaderAt, ledger *Ledger) (string, error) {
	id, err := s.startSnapshot(ctx, plan, ledger)
	if err != nil {
		return "", fmt.Errorf("start snapshot: %w", err)
	}
	if err := s.putBlocks(ctx, id, plan.Blocks, source); err != nil {
		return "", fmt.Errorf("upload to %s: %w", id, err)
	}
	err = s.completeSnapshot(ctx, id, plan.Blocks)
	if hasCode(err, "ValidationException") && s.waitForSnapshot(ctx, id, s.Waits.Settle) == nil {
		return id, nil // refused because an earlier request, whose answer was lost, has completed it
	}
	if err != nil {
		return "", fmt.Errorf("complete %s: %w", id, err)
	}
	return id, s.waitForSnapshot(ctx, id, s.Waits.Snapshot)
}

func (s *Session) startSnapshot(ctx context.Context, plan *Plan, ledger *Ledger) (string, error) {
	entry := ledger.intend(&snapshot{s, plan.BuildID})
	var sent attempts
	answer, err := s.ebs.StartSnapshot(ctx, &ebs.StartSnapshotInput{
		VolumeSize:  aws.Int64(int64(plan.VolumeSize)),
		ClientToken: aws.String(plan.clientToken()),
		Description: aws.String("unikernel " + plan.Name),
		Tags:        ebsTags(plan.tags(plan.SnapshotTags)),
		Timeout:     aws.Int32(snapshotTimeout),
	}, func(o *ebs.Options) {
		o.RetryMaxAttempts = controlAttempts
		o.APIOptions = append(o.APIOptions, sent.count)
	})
	if err != nil {
		ledger.answered(entry, "", sent.refused(err))
		return "", err
	}
	ledger.answered(entry, aws.ToString(answer.SnapshotId), false)
	if got := aws.ToInt32(answer.BlockSize); got != disk.BlockSize {
		return "", fmt.Errorf("EBS asks for blocks of %d bytes: this plugin knows %d only", got, disk.BlockSize)
	}
	return aws.ToString(answer.SnapshotId), nil
}

// clientToken makes StartSnapshot idempotent within one build: a request whose
// answer was lost can be repeated. It holds the build's id because EBS
// remembers tokens longer than we keep the snapshots of a failed build.
func (p *Plan) clientToken() string {
	sum := sha256.Sum256([]byte(p.BuildID + "\n" + p.Content()))
	return hex.EncodeToString(sum[:]) // 64 characters, the most that EBS takes
}

// putBlocks sends the blocks, up to [Workers] at a time. The first error that
// remains after its retries ends all.
func (s *Session) putBlocks(ctx context.Context, id string, blocks []disk.Block, source io.ReaderAt) error {
	buffers := sync.Pool{New: func() any { return new([disk.BlockSize]byte) }}
	group, groupCtx := errgroup.WithContext(ctx)
	group.SetLimit(Workers)
	arrived := s.count(len(blocks))
	for _, block := range blocks {
		group.Go(func() error {
			if groupCtx.Err() != nil {
				return context.Cause(groupCtx)
			}
			buffer := buffers.Get().(*[disk.BlockSize]byte)
			defer buffers.Put(buffer)
			if err := s.putBlock(groupCtx, id, block, source, buffer[:]); err != nil {
				return err
			}
			arrived()
			return nil
		})
	}
	return group.Wait()
}

// count returns a function that reports one block more at each call, and may be
// called by several goroutines at once.
func (s *Session) count(blocks int) (arrived func()) {
	if s.Progress == nil {
		return func() {}
	}
	total := int64(blocks) * disk.BlockSize
	s.Progress(0, total)
	var mu sync.Mutex
	var done int64
	return func() {
		mu.Lock()
		defer mu.Unlock()
		done += disk.BlockSize
		s.Progress(done, total)
	}
}

func (s *Session) putBlock(ctx context.Context, id string, block disk.Block, source io.ReaderAt, buffer []byte) error {
	n, err := source.ReadAt(buffer, int64(block.Index)*disk.BlockSize)
	if n < len(buffer) {
		return fmt.Errorf("read block %d of the disk: %w", block.Index, err)
	}
	_, err = s.ebs.PutSnapshotBlock(ctx, &ebs.PutSnapshotBlockInput{
		SnapshotId:        aws.String(id),
		BlockIndex:        aws.Int32(block.Index),
		BlockData:         bytes.NewReader(buffer),
		DataLength:        aws.Int32(disk.BlockSize),
		Checksum:          aws.String(base64.StdEncoding.EncodeToString(block.SHA256[:])),
		ChecksumAlgorithm: ebstypes.ChecksumAlgorithmChecksumAlgorithmSha256,
	})
	if err != nil {
		return fmt.Errorf("put block %d: %w", block.Index, err)
	}
	return nil
}

func (s *Session) completeSnapshot(ctx context.Context, id string, blocks []disk.Block) error {
	_, err := s.ebs.CompleteSnapshot(ctx, &ebs.CompleteSnapshotInput{
		SnapshotId:                aws.String(id),
		ChangedBlocksCount:        aws.Int32(int32(len(blocks))),
		Checksum:                  aws.String(linearChecksum(blocks)),
		ChecksumAlgorithm:         ebstypes.ChecksumAlgorithmChecksumAlgorithmSha256,
		ChecksumAggregationMethod: ebstypes.ChecksumAggregationMethodChecksumAggregationLinear,
	})
	return err
}

// linearChecksum is the SHA-256 over the digests of the blocks that were sent,
// in the order of their indexes, in base64 (CompleteSnapshot, method LINEAR).
func linearChecksum(blocks []disk.Block) string {
	h := sha256.New()
	for _, block := range blocks {
		h.Write(block.SHA256[:])
	}
	return base64.StdEncoding.EncodeToString(h.Sum(nil))
}

func (s *Session) waitForSnapshot(ctx context.Context, id string, budget time.Duration) error {
	return s.Waits.poll(ctx, id, budget, func(ctx context.Context) (string, bool, error) {
		answer, err := s.ec2.DescribeSnapshots(ctx, &ec2.DescribeSnapshotsInput{SnapshotIds: []string{id}})
		if hasCode(err, "InvalidSnapshot.NotFound") {
			return "not visible yet", false, nil
		}
		if err != nil || len(answer.Snapshots) == 0 {
			return "unknown", false, err
		}
		state := answer.Snapshots[0].State
		if state == types.SnapshotStateError {
			return string(state), false, fmt.Errorf("the snapshot has failed: %s", aws.ToString(answer.Snapshots[0].StateMessage))
		}
		return string(state), state == types.SnapshotStateCompleted, nil
	})
}

// snapshot is the ledger's view of the build's snapshot.
type snapshot struct {
	session *Session
	build   string
}

func (r *snapshot) describe(id string) string {
	if id == "" {
		return fmt.Sprintf("the snapshot with the tag %s=%s in %s, if there is one", BuildTag, r.build, r.session.Region)
	}
	return fmt.Sprintf("%s (aws ec2 delete-snapshot --region %s --snapshot-id %s)", id, r.session.Region, id)
}

func (r *snapshot) find(ctx context.Context) (string, error) {
	answer, err := r.session.ec2.DescribeSnapshots(ctx, &ec2.DescribeSnapshotsInput{
		OwnerIds: []string{"self"},
		Filters:  []types.Filter{filter("tag:"+BuildTag, r.build)},
	})
	if err != nil || len(answer.Snapshots) == 0 {
		return "", err
	}
	return aws.ToString(answer.Snapshots[0].SnapshotId), nil
}

func (r *snapshot) remove(ctx context.Context, id string) error {
	_, err := r.session.ec2.DeleteSnapshot(ctx, &ec2.DeleteSnapshotInput{SnapshotId: aws.String(id)})
	switch {
	case hasCode(err, "InvalidSnapshot.NotFound"):
		return errGone
	case hasCode(err, "InvalidSnapshot.InUse"):
		return errInUse
	}
	return err
}
