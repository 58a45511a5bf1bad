package snapshot

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"io"
	"sync"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ebs"
	ebstypes "github.com/aws/aws-sdk-go-v2/service/ebs/types"
	"golang.org/x/sync/errgroup"

	"github.com/unikernel-ami/packer-plugin-unikernel/internal/cloud"
	"github.com/unikernel-ami/packer-plugin-unikernel/xenpv/disk"
)

// timeout is when EBS drops a snapshot that is never completed, in minutes: an
// hour for each 256 blocks (128 MiB), twice what the slowest line needs, and at
// most the 4320 that EBS accepts (API reference, StartSnapshot).
func timeout(blocks int) int32 {
	return int32(min(4320, 60*max(1, (blocks+255)/256)))
}

// EBSDirect creates snapshots with the EBS direct APIs: no bucket, no import
// role, no volume.
type EBSDirect struct {
	*cloud.Session

	// Workers is how many blocks are sent at once, at most [cloud.MaxWorkers]. Zero
	// stands for [cloud.Workers].
	Workers int
	// Progress, if set, is called with the number of bytes that have arrived: with 0
	// first, then after each block, by one goroutine at a time.
	Progress func(done, total int64)
}

// Create uploads the request's blocks and waits until the snapshot is completed.
// Blocks of zeros are neither listed nor sent: EBS reads them as zeros.
//
// EBS checks each block against its digest, and all of them against the digest
// of the digests, so it refuses a disk that has changed since its blocks were
// listed.
func (s *EBSDirect) Create(ctx context.Context, request Request, ledger *cloud.Ledger) (string, error) {
	pace := cloud.NewPace(s.Waits, cmp.Or(s.Workers, cloud.Workers))
	id, err := s.start(ctx, request, pace, ledger)
	if err != nil {
		return "", fmt.Errorf("start snapshot: %w", err)
	}
	if err := s.putBlocks(ctx, id, request, pace); err != nil {
		return "", fmt.Errorf("upload to %s: %w", id, err)
	}
	err = pace.Do(ctx, func(ctx context.Context) error { return s.complete(ctx, id, request.Blocks) })
	if cloud.HasCode(err, "ValidationException") && await(ctx, s.Session, id, s.Waits.Settle) == nil {
		return id, nil // refused because an earlier request, whose answer was lost, has completed it
	}
	if err != nil {
		return "", fmt.Errorf("complete %s: %w", id, err)
	}
	return id, await(ctx, s.Session, id, s.Waits.Snapshot)
}

func (s *EBSDirect) start(ctx context.Context, request Request, pace *cloud.Pace, ledger *cloud.Ledger) (string, error) {
	blockSize := int32(disk.BlockSize)
	id, err := ledger.Create(ctx, resource{s.Session, request.BuildID, request.Device}, func(sent *cloud.Attempts) (string, error) {
		var answer *ebs.StartSnapshotOutput
		err := pace.Do(ctx, func(ctx context.Context) (err error) {
			answer, err = s.EBS.StartSnapshot(ctx, startInput(request), sent.OnEBS, cloud.Once)
			return err
		})
		if err != nil {
			return "", err
		}
		blockSize = aws.ToInt32(answer.BlockSize)
		return aws.ToString(answer.SnapshotId), nil
	})
	if err == nil && blockSize != disk.BlockSize {
		err = fmt.Errorf("EBS requires blocks of %d bytes, but this plugin sends %d", blockSize, disk.BlockSize)
	}
	return id, err
}

// startInput leaves out what the account decides: EBS rejects a key without
// Encrypted.
func startInput(request Request) *ebs.StartSnapshotInput {
	input := &ebs.StartSnapshotInput{
		VolumeSize:  aws.Int64(int64(request.VolumeSize)),
		ClientToken: aws.String(request.clientToken()),
		Description: aws.String(request.Description),
		Tags:        cloud.EBSTags(cloud.SortedTags(request.Tags)),
		Timeout:     aws.Int32(timeout(len(request.Blocks))),
	}
	if request.Encryption.Encrypt {
		input.Encrypted = aws.Bool(true)
	}
	if key := request.Encryption.KMSKeyARN; key != "" {
		input.KmsKeyArn = aws.String(key)
	}
	return input
}

// putBlocks sends the blocks, some at a time. The first error that remains after
// its repetitions ends the upload.
func (s *EBSDirect) putBlocks(ctx context.Context, id string, request Request, pace *cloud.Pace) error {
	buffers := sync.Pool{New: func() any { return new([disk.BlockSize]byte) }}
	group, groupCtx := errgroup.WithContext(ctx)
	group.SetLimit(cmp.Or(s.Workers, cloud.Workers))
	arrived := counter(len(request.Blocks), s.Progress)
	for _, block := range request.Blocks {
		group.Go(func() error {
			if groupCtx.Err() != nil {
				return context.Cause(groupCtx)
			}
			buffer := buffers.Get().(*[disk.BlockSize]byte)
			defer buffers.Put(buffer)
			if err := s.putBlock(groupCtx, id, block, request.Disk, buffer[:], pace); err != nil {
				return err
			}
			arrived()
			return nil
		})
	}
	return group.Wait()
}

// counter returns a function that reports one more block at each call. Several
// goroutines may call it at once.
func counter(blocks int, progress func(done, total int64)) (arrived func()) {
	if progress == nil {
		return func() {}
	}
	total := int64(blocks) * disk.BlockSize
	progress(0, total)
	var mu sync.Mutex
	var done int64
	return func() {
		mu.Lock()
		defer mu.Unlock()
		done += disk.BlockSize
		progress(done, total)
	}
}

func (s *EBSDirect) putBlock(ctx context.Context, id string, block disk.Block, source io.ReaderAt, buffer []byte, pace *cloud.Pace) error {
	n, err := source.ReadAt(buffer, int64(block.Index)*disk.BlockSize)
	if n < len(buffer) {
		return fmt.Errorf("read block %d of the disk: %w", block.Index, err)
	}
	err = pace.Do(ctx, func(ctx context.Context) error {
		_, err := s.EBS.PutSnapshotBlock(ctx, &ebs.PutSnapshotBlockInput{
			SnapshotId:        aws.String(id),
			BlockIndex:        aws.Int32(block.Index),
			BlockData:         bytes.NewReader(buffer),
			DataLength:        aws.Int32(disk.BlockSize),
			Checksum:          aws.String(base64.StdEncoding.EncodeToString(block.SHA256[:])),
			ChecksumAlgorithm: ebstypes.ChecksumAlgorithmChecksumAlgorithmSha256,
		}, cloud.Once)
		return err
	})
	if err != nil {
		return fmt.Errorf("put block %d: %w", block.Index, err)
	}
	return nil
}

func (s *EBSDirect) complete(ctx context.Context, id string, blocks []disk.Block) error {
	_, err := s.EBS.CompleteSnapshot(ctx, &ebs.CompleteSnapshotInput{
		SnapshotId:                aws.String(id),
		ChangedBlocksCount:        aws.Int32(int32(len(blocks))),
		Checksum:                  aws.String(linearChecksum(blocks)),
		ChecksumAlgorithm:         ebstypes.ChecksumAlgorithmChecksumAlgorithmSha256,
		ChecksumAggregationMethod: ebstypes.ChecksumAggregationMethodChecksumAggregationLinear,
	}, cloud.Once)
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
