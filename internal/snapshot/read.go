package snapshot

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"io"
	"slices"
	"sync"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ebs"
	ebstypes "github.com/aws/aws-sdk-go-v2/service/ebs/types"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
	"golang.org/x/sync/errgroup"

	"github.com/unikernel-ami/packer-plugin-unikernel/internal/cloud"
	"github.com/unikernel-ami/packer-plugin-unikernel/xenpv/disk"
)

// A Stored is a completed snapshot whose blocks can be read.
type Stored struct {
	session *cloud.Session
	id      string
	blocks  []ebstypes.Block
}

// Open lists the blocks of a completed snapshot.
func Open(ctx context.Context, s *cloud.Session, id string) (*Stored, error) {
	stored := &Stored{session: s, id: id}
	pager := ebs.NewListSnapshotBlocksPaginator(s.EBS, &ebs.ListSnapshotBlocksInput{SnapshotId: aws.String(id)})
	for pager.HasMorePages() {
		page, err := pager.NextPage(ctx, func(o *ebs.Options) { o.RetryMaxAttempts = cloud.ControlAttempts })
		if err != nil {
			return nil, fmt.Errorf("list the blocks of %s: %w", id, err)
		}
		if size := aws.ToInt32(page.BlockSize); size != disk.BlockSize {
			return nil, fmt.Errorf("list the blocks of %s: they have %d bytes, but this plugin reads %d", id, size, disk.BlockSize)
		}
		stored.blocks = append(stored.blocks, page.Blocks...)
	}
	return stored, nil
}

// Size is the number of bytes in the blocks.
func (s *Stored) Size() int64 { return int64(len(s.blocks)) * disk.BlockSize }

// Save reads each block once, up to [cloud.Workers] at a time, checks it against
// its digest, and writes it to its place in a file. It returns the blocks that are
// not all zeros, ascending.
func (s *Stored) Save(ctx context.Context, file io.WriterAt) ([]disk.Block, error) {
	buffers := sync.Pool{New: func() any { return new([disk.BlockSize]byte) }}
	saved := make([]*disk.Block, len(s.blocks))
	group, groupCtx := errgroup.WithContext(ctx)
	group.SetLimit(cloud.Workers)
	for i, block := range s.blocks {
		group.Go(func() (err error) {
			if groupCtx.Err() != nil {
				return context.Cause(groupCtx)
			}
			buffer := buffers.Get().(*[disk.BlockSize]byte)
			defer buffers.Put(buffer)
			saved[i], err = s.save(groupCtx, block, buffer[:], file)
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return nil, fmt.Errorf("read %s: %w", s.id, err)
	}
	var blocks []disk.Block
	for _, block := range saved {
		if block != nil {
			blocks = append(blocks, *block)
		}
	}
	slices.SortFunc(blocks, func(a, b disk.Block) int { return int(a.Index) - int(b.Index) })
	return blocks, nil
}

// zeros are what a block holds that was never written.
var zeros [disk.BlockSize]byte

// save reads one block and writes it to its place. It returns nil for a block of
// zeros.
func (s *Stored) save(ctx context.Context, block ebstypes.Block, buffer []byte, file io.WriterAt) (*disk.Block, error) {
	index := aws.ToInt32(block.BlockIndex)
	// A connection that is lost within a block is no error to the SDK, which has
	// its answer by then.
	err := s.session.Waits.Retry(ctx, func() (bool, error) {
		answered, err := s.read(ctx, block, buffer)
		return answered && err != nil && ctx.Err() == nil, err
	})
	if err != nil {
		return nil, fmt.Errorf("get block %d: %w", index, err)
	}
	if bytes.Equal(buffer, zeros[:]) {
		return nil, nil //nolint:nilnil // a block of zeros
	}
	if _, err := file.WriteAt(buffer, int64(index)*disk.BlockSize); err != nil {
		return nil, fmt.Errorf("write block %d: %w", index, err)
	}
	return &disk.Block{Index: index, SHA256: sha256.Sum256(buffer)}, nil
}

// read reads one block into a buffer and checks its digest. answered reports
// whether EBS began to send the block.
func (s *Stored) read(ctx context.Context, block ebstypes.Block, buffer []byte) (answered bool, err error) {
	answer, err := s.session.EBS.GetSnapshotBlock(ctx, &ebs.GetSnapshotBlockInput{
		SnapshotId: aws.String(s.id), BlockIndex: block.BlockIndex, BlockToken: block.BlockToken,
	})
	if err != nil {
		return false, err
	}
	defer answer.BlockData.Close()
	if _, err := io.ReadFull(answer.BlockData, buffer); err != nil {
		return true, err
	}
	sum := sha256.Sum256(buffer)
	if got := base64.StdEncoding.EncodeToString(sum[:]); got != aws.ToString(answer.Checksum) {
		return true, fmt.Errorf("the SHA-256 of its data is %s, but EBS returned %s", got, aws.ToString(answer.Checksum))
	}
	return true, nil
}

// Tags returns the tags of a snapshot of this account; none if the account has no
// such snapshot.
func Tags(ctx context.Context, s *cloud.Session, id string) (map[string]string, error) {
	found, err := describe(ctx, s, &ec2.DescribeSnapshotsInput{
		OwnerIds: []string{"self"}, Filters: []types.Filter{cloud.Filter("snapshot-id", id)},
	})
	if err != nil {
		return nil, fmt.Errorf("read the tags of %s: %w", id, err)
	}
	tags := map[string]string{}
	for _, snapshot := range found {
		for _, tag := range snapshot.Tags {
			tags[aws.ToString(tag.Key)] = aws.ToString(tag.Value)
		}
	}
	return tags, nil
}
