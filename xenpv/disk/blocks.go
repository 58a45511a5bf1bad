package disk

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"runtime"

	"golang.org/x/sync/errgroup"

	"github.com/unikernel-ami/packer-plugin-unikernel/xenpv/internal/files"
)

// BlockSize is the size in bytes of the blocks in which EBS stores a snapshot
// (EBS direct APIs), 512 KiB.
const BlockSize = 512 << 10

// A Block is a block of a disk that is not all zeros.
type Block struct {
	Index  int32    // the block starts at byte Index * BlockSize
	SHA256 [32]byte // of its 512 KiB
}

// Blocks returns all blocks that are not all zeros, in ascending order. It reads
// only the part that the file system occupies. The free space after that is larger
// than a block, so the disk holds all blocks completely.
func (d *Disk) Blocks(ctx context.Context) ([]Block, error) {
	scanned := make([]*Block, (d.Used()+BlockSize-1)/BlockSize)
	workers := min(runtime.GOMAXPROCS(0), len(scanned))
	group, ctx := errgroup.WithContext(ctx)
	for first := range workers {
		group.Go(func() error {
			buf := make([]byte, BlockSize)
			for i := first; i < len(scanned); i += workers {
				var err error
				if scanned[i], err = d.scan(ctx, int32(i), buf); err != nil {
					return err
				}
			}
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		return nil, fmt.Errorf("find non-empty blocks: %w", err)
	}
	var blocks []Block
	for _, b := range scanned {
		if b != nil {
			blocks = append(blocks, *b)
		}
	}
	return blocks, nil
}

// scan reads one block into buf, and returns nil if it is all zeros.
func (d *Disk) scan(ctx context.Context, index int32, buf []byte) (*Block, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	n, err := d.ReadAt(buf, int64(index)*BlockSize)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	clear(buf[n:]) // the volume is larger than the disk
	if isZero(buf) {
		return nil, nil
	}
	return &Block{Index: index, SHA256: sha256.Sum256(buf)}, nil
}

// isZero reports whether p is all zeros: its first byte is, and each other byte
// equals the one before it. Comparing p with itself is as fast as memory and needs
// no second buffer.
func isZero(p []byte) bool {
	return len(p) == 0 || p[0] == 0 && bytes.Equal(p[1:], p[:len(p)-1])
}

// contentUUID makes a file system's UUID from the names and contents of its
// files: a version 8 UUID (RFC 9562), of the first bits of their SHA-256. A
// loader follows from the other files, so its name and size are enough.
func contentUUID(ctx context.Context, contents []File, loader *Loader) ([16]byte, error) {
	h := sha256.New()
	for _, f := range contents {
		fmt.Fprintf(h, "%q %d\n", f.Path, f.Size) // a hash never fails
		n, err := io.Copy(h, files.ContextReader(ctx, io.NewSectionReader(f.Data, 0, f.Size)))
		if err == nil && n < f.Size {
			err = io.ErrUnexpectedEOF
		}
		if err != nil {
			return [16]byte{}, fmt.Errorf("hash %s: %w", f.Path, err)
		}
	}
	if loader != nil {
		fmt.Fprintf(h, "%q %d\n", loader.Path, loader.Size)
	}
	uuid := [16]byte(h.Sum(nil))
	uuid[6] = uuid[6]&0x0f | 0x80 // version 8
	uuid[8] = uuid[8]&0x3f | 0x80 // the RFC's variant
	return uuid, nil
}
