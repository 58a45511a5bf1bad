package snapshot

import (
	"cmp"
	"context"
	"crypto/sha256"
	"fmt"
	"io"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ebs"
	ebstypes "github.com/aws/aws-sdk-go-v2/service/ebs/types"
	"golang.org/x/sync/errgroup"

	"github.com/unikernel-ami/packer-plugin-unikernel/internal/cloud"
	"github.com/unikernel-ami/packer-plugin-unikernel/xenpv/disk"
)

// Verify reads every block of a completed snapshot back and compares it with those
// of the request. Zero workers stand for [cloud.Workers]. It reports its progress
// as [EBSDirect] does.
func Verify(ctx context.Context, s *cloud.Session, id string, request Request, workers int, progress func(done, total int64)) error {
	workers = cmp.Or(workers, cloud.Workers)
	v := &verifier{session: s, id: id, pace: cloud.NewPace(s.Waits, workers)}
	stored, err := v.list(ctx)
	if err != nil {
		return fmt.Errorf("read back %s: list its blocks: %w", id, err)
	}
	want := map[int32][sha256.Size]byte{}
	for _, block := range request.Blocks {
		want[block.Index] = block.SHA256
	}
	group, groupCtx := errgroup.WithContext(ctx)
	group.SetLimit(workers)
	arrived := counter(len(stored), progress)
	ofZeros := sha256.Sum256(zeros[:])
	for _, block := range stored {
		index := aws.ToInt32(block.BlockIndex)
		sum, expected := want[index]
		if !expected {
			sum = ofZeros // EBS may store what was never sent
		}
		delete(want, index)
		group.Go(func() error {
			if err := v.compare(groupCtx, block, sum); err != nil {
				return err
			}
			arrived()
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		return fmt.Errorf("read back %s: %w", id, err)
	}
	for index := range want {
		return fmt.Errorf("read back %s: block %d is missing", id, index)
	}
	return nil
}

type verifier struct {
	session *cloud.Session
	id      string
	pace    *cloud.Pace
}

// list returns the blocks that the snapshot has.
func (v *verifier) list(ctx context.Context) ([]ebstypes.Block, error) {
	var all []ebstypes.Block
	pages := ebs.NewListSnapshotBlocksPaginator(v.session.EBS, &ebs.ListSnapshotBlocksInput{SnapshotId: aws.String(v.id)})
	for pages.HasMorePages() {
		err := v.pace.Do(ctx, func(ctx context.Context) error {
			page, err := pages.NextPage(ctx, cloud.Once)
			if err != nil {
				return err
			}
			if size := aws.ToInt32(page.BlockSize); size != disk.BlockSize {
				return fmt.Errorf("its blocks have %d bytes, but this plugin reads %d", size, disk.BlockSize)
			}
			all = append(all, page.Blocks...)
			return nil
		})
		if err != nil {
			return nil, err
		}
	}
	return all, nil
}

// compare reads one block and compares it.
func (v *verifier) compare(ctx context.Context, block ebstypes.Block, want [sha256.Size]byte) error {
	var data []byte
	err := v.pace.Do(ctx, func(ctx context.Context) error {
		answer, err := v.session.EBS.GetSnapshotBlock(ctx, &ebs.GetSnapshotBlockInput{
			SnapshotId: aws.String(v.id), BlockIndex: block.BlockIndex, BlockToken: block.BlockToken,
		}, cloud.Once)
		if err != nil {
			return err
		}
		defer answer.BlockData.Close()
		data, err = io.ReadAll(answer.BlockData)
		return err
	})
	if err != nil {
		return fmt.Errorf("read block %d: %w", aws.ToInt32(block.BlockIndex), err)
	}
	if sha256.Sum256(data) != want {
		return fmt.Errorf("block %d differs from the disk", aws.ToInt32(block.BlockIndex))
	}
	return nil
}
