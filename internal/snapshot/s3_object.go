package snapshot

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/unikernel-ami/packer-plugin-unikernel/internal/cloud"
	"github.com/unikernel-ami/packer-plugin-unikernel/xenpv/disk"
)

// object is the ledger's view of an uploaded disk: the object, or the unfinished
// uploads of it.
type object struct {
	*S3Import
	key      string
	version  string // if the bucket keeps versions
	complete bool   // and there are no unfinished uploads of it
}

func (o *object) String() string { return bucketID(o.Bucket) + "/" + o.key }

func (o *object) Session() *cloud.Session { return o.S3Import.Session }

func (o *object) Describe(string) string {
	return fmt.Sprintf("%s (aws s3 rm --region %s %[1]s)", o, o.Region)
}

func (o *object) Find(context.Context) (string, error) { return o.String(), nil }

// Remove removes the object, and all that was uploaded of it if the upload was not
// finished. S3 charges for parts until their upload is aborted.
func (o *object) Remove(ctx context.Context, _ string) error {
	input := &s3.DeleteObjectInput{Bucket: aws.String(o.Bucket), Key: aws.String(o.key)}
	if o.version != "" {
		input.VersionId = aws.String(o.version) // else S3 would only hide it
	}
	_, err := o.S3.DeleteObject(ctx, input)
	if cloud.HasCode(err, "NoSuchBucket") {
		return cloud.ErrGone
	}
	if o.complete {
		return err
	}
	return errors.Join(err, o.abort(ctx))
}

// abort ends all uploads of the object.
func (o *object) abort(ctx context.Context) error {
	pages := s3.NewListMultipartUploadsPaginator(o.S3, &s3.ListMultipartUploadsInput{Bucket: aws.String(o.Bucket), Prefix: aws.String(o.key)})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return fmt.Errorf("look up unfinished uploads: %w", err)
		}
		for _, upload := range page.Uploads {
			_, err := o.S3.AbortMultipartUpload(ctx, &s3.AbortMultipartUploadInput{Bucket: aws.String(o.Bucket), Key: upload.Key, UploadId: upload.UploadId})
			if err != nil && !cloud.HasCode(err, "NoSuchUpload") {
				return fmt.Errorf("abort an unfinished upload: %w", err)
			}
		}
	}
	return nil
}

// reader reads a disk from its beginning to its last block that is not all zeros,
// and checks that the blocks are still those that were listed.
type reader struct {
	request Request
	size    int64
	next    int32         // the block after the one in the buffer
	buffer  *bytes.Reader // the rest of a block
}

func newReader(request Request) *reader {
	last := int32(0) // a disk of zeros: one block, because VM Import rejects an empty object
	if n := len(request.Blocks); n > 0 {
		last = request.Blocks[n-1].Index
	}
	return &reader{request: request, size: (int64(last) + 1) * disk.BlockSize, buffer: bytes.NewReader(nil)}
}

// Read implements io.Reader.
func (r *reader) Read(p []byte) (int, error) {
	if r.buffer.Len() == 0 {
		if int64(r.next)*disk.BlockSize == r.size {
			return 0, io.EOF
		}
		if err := r.fill(); err != nil {
			return 0, err
		}
	}
	return r.buffer.Read(p)
}

// fill reads the next block of the disk.
func (r *reader) fill() error {
	data := make([]byte, disk.BlockSize)
	i, listed := slices.BinarySearchFunc(r.request.Blocks, r.next, func(b disk.Block, index int32) int { return int(b.Index) - int(index) })
	if listed {
		if n, err := r.request.Disk.ReadAt(data, int64(r.next)*disk.BlockSize); n < len(data) {
			return fmt.Errorf("read block %d of the disk: %w", r.next, err)
		}
		if sha256.Sum256(data) != r.request.Blocks[i].SHA256 {
			return fmt.Errorf("read block %d of the disk: it has changed since the build began", r.next)
		}
	}
	r.next++
	r.buffer.Reset(data)
	return nil
}
