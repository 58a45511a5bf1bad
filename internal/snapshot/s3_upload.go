package snapshot

import (
	"context"
	"sync"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/feature/s3/transfermanager"
	tmtypes "github.com/aws/aws-sdk-go-v2/feature/s3/transfermanager/types"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/unikernel-ami/packer-plugin-unikernel/internal/cloud"
)

const (
	// partSize is the size of the parts of an upload: the smallest that S3 accepts,
	// because most disks have a few megabytes. The transfer manager raises it for
	// disks of more than 10,000 parts.
	partSize = 5 << 20

	// partWorkers is how many parts are sent at once. Three fill a line of 1 Gbit/s
	// within a region, and with the one that is being read they bound the memory to
	// 20 MiB.
	partWorkers = 3
)

// upload sends the disk up to its last block that is not all zeros. EC2 adds
// zeros to whole GiB.
func (s *S3Import) upload(ctx context.Context, request Request, ledger *cloud.Ledger) (*object, error) {
	o := &object{S3Import: s, key: s.KeyPrefix + request.BuildID + "-" + request.clientToken()[:16] + ".raw"}
	ledger.Add(o, o.String()) // its id is known before it exists
	body := newReader(request)
	client := &uploadClient{Client: s.S3, size: body.size}
	manager := transfermanager.New(client, func(options *transfermanager.Options) {
		options.PartSizeBytes, options.MultipartUploadThreshold, options.Concurrency = partSize, partSize, partWorkers
		options.FailTimeout = s.Waits.Settle // to abort an upload after Ctrl-C
		options.ObjectProgressListeners.Register(&listener{report: s.Progress, total: body.size})
	})
	input := &transfermanager.UploadObjectInput{Bucket: aws.String(s.Bucket), Key: aws.String(o.key), Body: body, ContentLength: aws.Int64(body.size)}
	input.ServerSideEncryption = tmtypes.ServerSideEncryption(s.Encryption)
	if s.KMSKey != "" {
		input.SSEKMSKeyID = aws.String(s.KMSKey)
	}
	answer, err := manager.UploadObject(ctx, input)
	if ctx.Err() != nil {
		return o, context.Cause(ctx)
	}
	if err != nil {
		return o, err
	}
	o.version, o.complete = aws.ToString(answer.VersionID), client.started.Sent() <= 1
	return o, nil
}

// listener passes the transfer manager's progress on. Parts end at any time and in
// any order.
type listener struct {
	report      func(done, total int64)
	total, last int64
	mu          sync.Mutex
}

// OnObjectBytesTransferred is called after each part.
func (l *listener) OnObjectBytesTransferred(_ context.Context, event *transfermanager.ObjectBytesTransferredEvent) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.report != nil && event.BytesTransferred > l.last {
		l.last = event.BytesTransferred
		l.report(l.last, l.total)
	}
}

// uploadClient adds to the transfer manager's calls what lost answers need.
type uploadClient struct {
	*s3.Client
	size    int64          // of the object
	started cloud.Attempts // how often the upload was started: each may have an upload of its own
}

// CreateMultipartUpload starts an upload.
func (c *uploadClient) CreateMultipartUpload(ctx context.Context, in *s3.CreateMultipartUploadInput, options ...func(*s3.Options)) (*s3.CreateMultipartUploadOutput, error) {
	return c.Client.CreateMultipartUpload(ctx, in, append(options, c.started.OnS3)...)
}

// CompleteMultipartUpload completes an upload. If the answer was lost and S3 no
// longer knows the upload, the object shows that the first attempt has done so.
func (c *uploadClient) CompleteMultipartUpload(ctx context.Context, in *s3.CompleteMultipartUploadInput, options ...func(*s3.Options)) (*s3.CompleteMultipartUploadOutput, error) {
	answer, err := c.Client.CompleteMultipartUpload(ctx, in, options...)
	if !cloud.HasCode(err, "NoSuchUpload") {
		return answer, err
	}
	head, lookup := c.HeadObject(ctx, &s3.HeadObjectInput{Bucket: in.Bucket, Key: in.Key})
	if lookup != nil || aws.ToInt64(head.ContentLength) != c.size {
		return nil, err
	}
	return &s3.CompleteMultipartUploadOutput{Bucket: in.Bucket, Key: in.Key, ETag: head.ETag, VersionId: head.VersionId}, nil
}
