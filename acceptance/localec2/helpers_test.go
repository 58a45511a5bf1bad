package localec2

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/service/ebs"
	ebstypes "github.com/aws/aws-sdk-go-v2/service/ebs/types"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/smithy-go"
	smithyhttp "github.com/aws/smithy-go/transport/http"

	"github.com/unikernel-ami/packer-plugin-unikernel/acceptance/localec2/snapshot"
)

const blockSize = snapshot.BlockSize

// clock is a clock that tests set.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

func newClock() *clock { return &clock{now: time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC)} }

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) turn(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

// pool keeps a connection for each of 64 workers; the SDK's own client keeps
// ten, and dials anew for the rest.
var pool = awshttp.NewBuildableClient().WithTransportOptions(func(t *http.Transport) { t.MaxIdleConnsPerHost = 64 })

// lab is a running server with clients for one region, which never retry.
type lab struct {
	*Running
	t   testing.TB
	ctx context.Context
	ec2 *ec2.Client
	ebs *ebs.Client
	sts *sts.Client
	ssm *ssm.Client
}

func start(t testing.TB, opts Options) *lab {
	t.Helper()
	srv, err := Start(opts)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := srv.Close(); err != nil {
			t.Error(err)
		}
	})
	return (&lab{Running: srv, t: t, ctx: context.Background()}).as("us-east-1", "AKIATEST")
}

// as returns a lab whose clients use a region and an access key.
func (l *lab) as(region, key string) *lab {
	cfg := aws.Config{
		Region: region, BaseEndpoint: aws.String(l.URL()),
		Credentials: aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
			return aws.Credentials{AccessKeyID: key, SecretAccessKey: "secret"}, nil
		}),
		Retryer:    func() aws.Retryer { return aws.NopRetryer{} },
		HTTPClient: pool,
	}
	return &lab{l.Running, l.t, l.ctx, ec2.NewFromConfig(cfg), ebs.NewFromConfig(cfg), sts.NewFromConfig(cfg), ssm.NewFromConfig(cfg)}
}

// refusal returns an API error as "Code 400", or "".
func refusal(err error) string {
	if err == nil {
		return ""
	}
	var api smithy.APIError
	var resp *smithyhttp.ResponseError
	if !errors.As(err, &api) || !errors.As(err, &resp) {
		return "no API error: " + err.Error()
	}
	return fmt.Sprintf("%s %d", api.ErrorCode(), resp.HTTPStatusCode())
}

// message is an API error's message.
func message(err error) string {
	if api, ok := errors.AsType[smithy.APIError](err); ok {
		return api.ErrorMessage()
	}
	return fmt.Sprint(err)
}

func wantRefusal(t testing.TB, err error, want string) {
	t.Helper()
	if got := refusal(err); got != want {
		t.Errorf("got %q (%v), want %q", got, err, want)
	}
}

// must stops the test on an error.
func must[T any](v T, err error) func(testing.TB) T {
	return func(t testing.TB) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

// content is a block of one repeated byte.
func content(b byte) []byte { return bytes.Repeat([]byte{b}, blockSize) }

func checksum(data []byte) *string {
	sum := sha256.Sum256(data)
	return aws.String(base64.StdEncoding.EncodeToString(sum[:]))
}

// begin starts a snapshot of 1 GiB.
func (l *lab) begin() *string {
	l.t.Helper()
	return must(l.ebs.StartSnapshot(l.ctx, &ebs.StartSnapshotInput{VolumeSize: aws.Int64(1)}))(l.t).SnapshotId
}

// put writes a block and returns the error.
func (l *lab) put(id *string, index int32, data []byte) error {
	_, err := l.ebs.PutSnapshotBlock(l.ctx, &ebs.PutSnapshotBlockInput{
		SnapshotId: id, BlockIndex: &index, BlockData: bytes.NewReader(data), DataLength: aws.Int32(blockSize),
		Checksum: checksum(data), ChecksumAlgorithm: ebstypes.ChecksumAlgorithmChecksumAlgorithmSha256,
	})
	return err
}

func (l *lab) complete(id *string, blocks int32) error {
	_, err := l.ebs.CompleteSnapshot(l.ctx, &ebs.CompleteSnapshotInput{SnapshotId: id, ChangedBlocksCount: &blocks})
	return err
}

// snapshot makes a completed snapshot with one block.
func (l *lab) snapshot() *string {
	l.t.Helper()
	id := l.begin()
	if err := errors.Join(l.put(id, 0, content('x')), l.complete(id, 1)); err != nil {
		l.t.Fatal(err)
	}
	return id
}

// registration is a request that succeeds in us-east-1.
func registration(name string, snapshot *string) *ec2.RegisterImageInput {
	return &ec2.RegisterImageInput{
		Name: &name, Architecture: types.ArchitectureValuesX8664, VirtualizationType: aws.String("paravirtual"),
		KernelId: aws.String("aki-5c21674b"), RootDeviceName: aws.String("/dev/sda1"),
		BlockDeviceMappings: []types.BlockDeviceMapping{{
			DeviceName: aws.String("/dev/sda1"), Ebs: &types.EbsBlockDevice{SnapshotId: snapshot},
		}},
	}
}

func (l *lab) register(name string, snapshot *string) *string {
	l.t.Helper()
	return must(l.ec2.RegisterImage(l.ctx, registration(name, snapshot)))(l.t).ImageId
}

func filterBy(name string, values ...string) types.Filter {
	return types.Filter{Name: &name, Values: values}
}

// delete deletes a snapshot and returns the error; drop must succeed.
func (l *lab) delete(id *string) error {
	_, err := l.ec2.DeleteSnapshot(l.ctx, &ec2.DeleteSnapshotInput{SnapshotId: id})
	return err
}

func (l *lab) drop(id *string) {
	l.t.Helper()
	if err := l.delete(id); err != nil {
		l.t.Fatal(err)
	}
}

// describe asks for one image.
func (l *lab) describe(ami *string) error {
	_, err := l.ec2.DescribeImages(l.ctx, &ec2.DescribeImagesInput{ImageIds: []string{*ami}})
	return err
}
