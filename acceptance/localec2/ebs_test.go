package localec2

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ebs"
	"github.com/aws/aws-sdk-go-v2/service/ebs/types"
)

func ebsTags(n int) []types.Tag {
	var tags []types.Tag
	for i := range n {
		tags = append(tags, types.Tag{Key: aws.String(fmt.Sprint("k", i)), Value: aws.String("")})
	}
	return tags
}

// reason is the machine-readable reason of a ValidationException.
func reason(err error) string {
	if v, ok := errors.AsType[*types.ValidationException](err); ok {
		return string(v.Reason)
	}
	return ""
}

func TestStartSnapshotRefusals(t *testing.T) {
	l := start(t, Options{})
	open := l.begin()
	for _, test := range []struct {
		name   string
		change func(in *ebs.StartSnapshotInput)
		want   string
		reason string
	}{
		{"size 0", func(in *ebs.StartSnapshotInput) { in.VolumeSize = aws.Int64(0) }, "ValidationException 400", "INVALID_VOLUME_SIZE"},
		{"size 65537", func(in *ebs.StartSnapshotInput) { in.VolumeSize = aws.Int64(65537) }, "ValidationException 400", "INVALID_VOLUME_SIZE"},
		{"time-out 9", func(in *ebs.StartSnapshotInput) { in.Timeout = aws.Int32(9) }, "ValidationException 400", "INVALID_PARAMETER_VALUE"},
		{"time-out 4321", func(in *ebs.StartSnapshotInput) { in.Timeout = aws.Int32(4321) }, "ValidationException 400", "INVALID_PARAMETER_VALUE"},
		{"token of 65", func(in *ebs.StartSnapshotInput) { in.ClientToken = aws.String(strings.Repeat("t", 65)) }, "ValidationException 400", "INVALID_PARAMETER_VALUE"},
		{"token with an umlaut", func(in *ebs.StartSnapshotInput) { in.ClientToken = aws.String("tök") }, "ValidationException 400", "INVALID_PARAMETER_VALUE"},
		{"51 tags", func(in *ebs.StartSnapshotInput) { in.Tags = ebsTags(51) }, "ValidationException 400", "INVALID_TAG"},
		{"tag of AWS", func(in *ebs.StartSnapshotInput) {
			in.Tags = []types.Tag{{Key: aws.String("aws:x"), Value: aws.String("")}}
		}, "ValidationException 400", "INVALID_TAG"},
		{"description of 256", func(in *ebs.StartSnapshotInput) { in.Description = aws.String(strings.Repeat("d", 256)) }, "ValidationException 400", "INVALID_PARAMETER_VALUE"},
		{"key without encryption", func(in *ebs.StartSnapshotInput) { in.KmsKeyArn = aws.String("arn:aws:kms:x") }, "ValidationException 400", "INVALID_PARAMETER_VALUE"},
		{"parent and encryption", func(in *ebs.StartSnapshotInput) { in.ParentSnapshotId, in.Encrypted = open, aws.Bool(true) }, "ValidationException 400", "INVALID_PARAMETER_VALUE"},
		{"parent pending", func(in *ebs.StartSnapshotInput) { in.ParentSnapshotId = open }, "ValidationException 400", "INVALID_SNAPSHOT_ID"},
		{"parent unknown", func(in *ebs.StartSnapshotInput) { in.ParentSnapshotId = aws.String("snap-0123456789abcdef0") }, "ResourceNotFoundException 404", ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			in := &ebs.StartSnapshotInput{VolumeSize: aws.Int64(1)}
			test.change(in)
			_, err := l.ebs.StartSnapshot(l.ctx, in)
			wantRefusal(t, err, test.want)
			if got := reason(err); got != test.reason {
				t.Errorf("reason %q, want %q", got, test.reason)
			}
		})
	}
}

func TestStartSnapshotToken(t *testing.T) {
	l := start(t, Options{})
	in := &ebs.StartSnapshotInput{VolumeSize: aws.Int64(1), ClientToken: aws.String("token"), Timeout: aws.Int32(10), Tags: ebsTags(50)}
	first := must(l.ebs.StartSnapshot(l.ctx, in))(t).SnapshotId
	if again := must(l.ebs.StartSnapshot(l.ctx, in))(t).SnapshotId; *again != *first {
		t.Errorf("the same request made %s, then %s", *first, *again)
	}
	other := *in
	other.VolumeSize = aws.Int64(2)
	_, err := l.ebs.StartSnapshot(l.ctx, &other)
	wantRefusal(t, err, "ConflictException 409")
	if elsewhere := must(l.as("us-west-2", "AKIATEST").ebs.StartSnapshot(l.ctx, in))(t).SnapshotId; *elsewhere == *first {
		t.Error("a token counted in another region")
	}
	l.drop(first)
	if again := must(l.ebs.StartSnapshot(l.ctx, in))(t).SnapshotId; *again == *first {
		t.Error("the token gave a deleted snapshot")
	}
}

func TestTokensOutlive(t *testing.T) {
	l := start(t, Options{TokensOutlive: true})
	in := &ebs.StartSnapshotInput{VolumeSize: aws.Int64(1), ClientToken: aws.String("token")}
	first := must(l.ebs.StartSnapshot(l.ctx, in))(t).SnapshotId
	l.drop(first)
	if again := must(l.ebs.StartSnapshot(l.ctx, in))(t).SnapshotId; *again != *first {
		t.Errorf("got %s, want the deleted %s", *again, *first)
	}
	wantRefusal(t, l.put(first, 0, content('x')), "ResourceNotFoundException 404")
}

func TestPendingQuota(t *testing.T) {
	l := start(t, Options{})
	var last *string
	for range 100 {
		last = l.begin()
	}
	_, err := l.ebs.StartSnapshot(l.ctx, &ebs.StartSnapshotInput{VolumeSize: aws.Int64(1)})
	wantRefusal(t, err, "ServiceQuotaExceededException 402")
	l.drop(last) // a pending snapshot can be deleted, and makes room
	l.begin()
}

// refusedBlocks are changes to a request that puts a good block; the snapshot
// is one of those that TestPutSnapshotBlockRefusals makes.
var refusedBlocks = []struct {
	name, snapshot string
	change         func(in *ebs.PutSnapshotBlockInput)
	want, cause    string
}{
	{"unknown snapshot", "snap-0123456789abcdef0", nil, "ResourceNotFoundException 404", ""},
	{"no snapshot id", "disk", nil, "ValidationException 400", "INVALID_SNAPSHOT_ID"},
	{"completed", "completed", nil, "ValidationException 400", "INVALID_SNAPSHOT_ID"},
	{"timed out", "timed out", nil, "ValidationException 400", "INVALID_SNAPSHOT_ID"},
	{"outside the volume", "pending", func(in *ebs.PutSnapshotBlockInput) { in.BlockIndex = aws.Int32(2048) }, "ValidationException 400", "INVALID_BLOCK"},
	{"negative", "pending", func(in *ebs.PutSnapshotBlockInput) { in.BlockIndex = aws.Int32(-1) }, "ValidationException 400", "INVALID_BLOCK"},
	{"length wrong", "pending", func(in *ebs.PutSnapshotBlockInput) { in.DataLength = aws.Int32(blockSize - 1) }, "ValidationException 400", "INVALID_PARAMETER_VALUE"},
	{"data short", "pending", func(in *ebs.PutSnapshotBlockInput) { in.BlockData = bytes.NewReader(content('x')[1:]) }, "ValidationException 400", "INVALID_PARAMETER_VALUE"},
	{"checksum wrong", "pending", func(in *ebs.PutSnapshotBlockInput) { in.Checksum = checksum(nil) }, "ValidationException 400", "INVALID_PARAMETER_VALUE"},
	{"checksum no checksum", "pending", func(in *ebs.PutSnapshotBlockInput) { in.Checksum = aws.String("x") }, "ValidationException 400", "INVALID_PARAMETER_VALUE"},
	{"algorithm wrong", "pending", func(in *ebs.PutSnapshotBlockInput) { in.ChecksumAlgorithm = "MD5" }, "ValidationException 400", "INVALID_PARAMETER_VALUE"},
	{"progress 101", "pending", func(in *ebs.PutSnapshotBlockInput) { in.Progress = aws.Int32(101) }, "ValidationException 400", "INVALID_PARAMETER_VALUE"},
}

func TestPutSnapshotBlockRefusals(t *testing.T) {
	clk := newClock()
	l := start(t, Options{Now: clk.Now})
	made := map[string]*string{"completed": l.snapshot(), "timed out": l.begin()}
	clk.turn(time.Hour + time.Second)
	made["pending"] = l.begin()
	for _, test := range refusedBlocks {
		t.Run(test.name, func(t *testing.T) {
			in := &ebs.PutSnapshotBlockInput{
				SnapshotId: made[test.snapshot], BlockIndex: aws.Int32(0), BlockData: bytes.NewReader(content('x')),
				DataLength: aws.Int32(blockSize), Checksum: checksum(content('x')), ChecksumAlgorithm: "SHA256",
			}
			if in.SnapshotId == nil {
				in.SnapshotId = &test.snapshot
			}
			if test.change != nil {
				test.change(in)
			}
			_, err := l.ebs.PutSnapshotBlock(l.ctx, in)
			wantRefusal(t, err, test.want)
			if got := reason(err); got != test.cause {
				t.Errorf("reason %q, want %q", got, test.cause)
			}
		})
	}
	if err := l.complete(made["pending"], 0); err != nil {
		t.Errorf("a refused block was counted: %v", err)
	}
}

func TestCompleteSnapshotRefusals(t *testing.T) {
	l := start(t, Options{SnapshotPending: time.Hour})
	id := l.begin()
	for i := range int32(3) {
		if err := errors.Join(l.put(id, i, content('x')), l.put(id, i, content('y'))); err != nil {
			t.Fatal(err) // written twice, counted once
		}
	}
	wantRefusal(t, l.complete(id, 2), "ValidationException 400")
	wantRefusal(t, l.complete(id, 6), "ValidationException 400")
	wantRefusal(t, l.complete(aws.String("snap-0123456789abcdef0"), 3), "ResourceNotFoundException 404")
	_, err := l.ebs.CompleteSnapshot(l.ctx, &ebs.CompleteSnapshotInput{
		SnapshotId: id, ChangedBlocksCount: aws.Int32(3), Checksum: checksum(nil), ChecksumAlgorithm: "SHA256", ChecksumAggregationMethod: "LINEAR",
	})
	wantRefusal(t, err, "ValidationException 400")
	_, err = l.ebs.CompleteSnapshot(l.ctx, &ebs.CompleteSnapshotInput{SnapshotId: id, ChangedBlocksCount: aws.Int32(3), Checksum: checksum(nil)})
	wantRefusal(t, err, "ValidationException 400")
	if err := errors.Join(l.complete(id, 3), l.complete(id, 3)); err != nil {
		t.Errorf("completed, and again while pending: %v", err)
	}
	wantRefusal(t, l.put(id, 0, content('x')), "ValidationException 400")
}

func TestSnapshotTimeout(t *testing.T) {
	clk := newClock()
	l := start(t, Options{Now: clk.Now})
	id := must(l.ebs.StartSnapshot(l.ctx, &ebs.StartSnapshotInput{VolumeSize: aws.Int64(1), Timeout: aws.Int32(10)}))(t).SnapshotId
	clk.turn(9 * time.Minute)
	if err := l.put(id, 0, content('x')); err != nil {
		t.Fatal(err)
	}
	clk.turn(10 * time.Minute) // counted from the last block
	if err := l.put(id, 1, content('x')); err != nil {
		t.Fatal(err)
	}
	clk.turn(10*time.Minute + time.Second)
	wantRefusal(t, l.complete(id, 2), "ValidationException 400")
	if got := l.Resources()["us-east-1"].Snapshots[0].State; got != "error" {
		t.Errorf("state %q, want error", got)
	}
	l.drop(id)
}

// TestInvisible checks eventual consistency at its worst, for both services.
func TestInvisible(t *testing.T) {
	clk := newClock()
	l := start(t, Options{Now: clk.Now, Invisible: time.Second})
	id := l.begin()
	err := l.put(id, 0, content('x'))
	wantRefusal(t, err, "ResourceNotFoundException 404")
	if got, want := message(err), "The snapshot '"+*id+"' does not exist."; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	wantRefusal(t, l.delete(id), "InvalidSnapshot.NotFound 400")
	clk.turn(time.Second)
	if err := errors.Join(l.put(id, 0, content('x')), l.complete(id, 1)); err != nil {
		t.Fatal(err)
	}
	ami := l.register("new", id)
	wantRefusal(t, l.describe(ami), "InvalidAMIID.NotFound 400")
	clk.turn(time.Second)
	if err := l.describe(ami); err != nil {
		t.Error(err)
	}
}
