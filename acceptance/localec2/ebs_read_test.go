package localec2

import (
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ebs"
	"github.com/google/go-cmp/cmp"
)

// child makes a completed snapshot of a parent with blocks of one byte each.
func (l *lab) child(parent *string, blocks map[int32]byte) *string {
	l.t.Helper()
	id := must(l.ebs.StartSnapshot(l.ctx, &ebs.StartSnapshotInput{VolumeSize: aws.Int64(1), ParentSnapshotId: parent}))(l.t).SnapshotId
	for i, b := range blocks {
		if err := l.put(id, i, content(b)); err != nil {
			l.t.Fatal(err)
		}
	}
	if err := l.complete(id, int32(len(blocks))); err != nil {
		l.t.Fatal(err)
	}
	return id
}

func TestListPages(t *testing.T) {
	clk := newClock()
	l := start(t, Options{Now: clk.Now})
	blocks := map[int32]byte{}
	for i := range int32(250) {
		blocks[2*i] = 'x'
	}
	id := l.child(nil, blocks)
	in := &ebs.ListSnapshotBlocksInput{SnapshotId: id, MaxResults: aws.Int32(100), StartingBlockIndex: aws.Int32(3)}
	var sizes []int
	var indexes []int32
	pages := ebs.NewListSnapshotBlocksPaginator(l.ebs, in)
	for pages.HasMorePages() {
		out := must(pages.NextPage(l.ctx))(t)
		sizes = append(sizes, len(out.Blocks))
		for _, b := range out.Blocks {
			indexes = append(indexes, *b.BlockIndex)
		}
	}
	if diff := cmp.Diff([]int{100, 100, 48}, sizes); diff != "" || indexes[0] != 4 || indexes[247] != 498 {
		t.Errorf("pages from %d to %d (-want +got):\n%s", indexes[0], indexes[len(indexes)-1], diff)
	}

	next := must(l.ebs.ListSnapshotBlocks(l.ctx, in))(t).NextToken
	clk.turn(time.Hour + time.Second)
	for name, in := range map[string]*ebs.ListSnapshotBlocksInput{
		"expired":        {SnapshotId: id, NextToken: next},
		"not ours":       {SnapshotId: id, NextToken: aws.String("AAAA")},
		"too many":       {SnapshotId: id, MaxResults: aws.Int32(10001)},
		"negative start": {SnapshotId: id, StartingBlockIndex: aws.Int32(-1)},
	} {
		_, err := l.ebs.ListSnapshotBlocks(l.ctx, in)
		if refusal(err) != "ValidationException 400" {
			t.Errorf("%s: %v", name, err)
		}
	}
	few := must(l.ebs.ListSnapshotBlocks(l.ctx, &ebs.ListSnapshotBlocksInput{SnapshotId: id, MaxResults: aws.Int32(5)}))(t)
	if len(few.Blocks) != 100 {
		t.Errorf("MaxResults 5 gave %d blocks, want 100", len(few.Blocks))
	}
}

func TestBlockTokens(t *testing.T) {
	clk := newClock()
	l := start(t, Options{Now: clk.Now})
	id := l.child(nil, map[int32]byte{0: 'a', 1: 'b'})
	list := must(l.ebs.ListSnapshotBlocks(l.ctx, &ebs.ListSnapshotBlocksInput{SnapshotId: id}))(t)
	get := func(index int32, token *string) error {
		_, err := l.ebs.GetSnapshotBlock(l.ctx, &ebs.GetSnapshotBlockInput{SnapshotId: id, BlockIndex: &index, BlockToken: token})
		return err
	}
	if err := get(0, list.Blocks[0].BlockToken); err != nil {
		t.Error(err)
	}
	for name, err := range map[string]error{
		"of another block": get(1, list.Blocks[0].BlockToken),
		"not ours":         get(0, aws.String("AAAAAAAAAAAAAAAAAAAAAAAA")),
		"no base64":        get(0, aws.String("?")),
	} {
		if reason(err) != "INVALID_BLOCK_TOKEN" {
			t.Errorf("token %s: %v", name, err)
		}
	}
	clk.turn(7*24*time.Hour + time.Second)
	if err := get(0, list.Blocks[0].BlockToken); reason(err) != "INVALID_BLOCK_TOKEN" {
		t.Errorf("expired token: %v", err)
	}
}

func TestPendingCannotBeRead(t *testing.T) {
	l := start(t, Options{})
	_, err := l.ebs.ListSnapshotBlocks(l.ctx, &ebs.ListSnapshotBlocksInput{SnapshotId: l.begin()})
	wantRefusal(t, err, "ValidationException 400")
	_, err = l.ebs.ListSnapshotBlocks(l.ctx, &ebs.ListSnapshotBlocksInput{SnapshotId: aws.String("snap-12345678")})
	wantRefusal(t, err, "ResourceNotFoundException 404")
}

// TestChangedBlocks makes a grandchild, takes its ancestors away, and reads
// what is left.
func TestChangedBlocks(t *testing.T) {
	l := start(t, Options{})
	a := l.child(nil, map[int32]byte{0: 'a', 1: 'b', 2: 'c'})
	b := l.child(a, map[int32]byte{1: 'B', 2: 'c', 3: 'd'})
	out := must(l.ebs.ListChangedBlocks(l.ctx, &ebs.ListChangedBlocksInput{FirstSnapshotId: a, SecondSnapshotId: b}))(t)
	type diff struct {
		Index         int32
		First, Second bool
	}
	var got []diff
	for _, c := range out.ChangedBlocks {
		got = append(got, diff{*c.BlockIndex, c.FirstBlockToken != nil, c.SecondBlockToken != nil})
	}
	if d := cmp.Diff([]diff{{1, true, true}, {3, false, true}}, got); d != "" {
		t.Errorf("changed blocks (-want +got):\n%s", d)
	}

	_, err := l.ebs.ListChangedBlocks(l.ctx, &ebs.ListChangedBlocksInput{FirstSnapshotId: l.snapshot(), SecondSnapshotId: b})
	if reason(err) != "UNRELATED_SNAPSHOTS" {
		t.Errorf("unrelated snapshots: %v", err)
	}
	_, err = l.ebs.ListChangedBlocks(l.ctx, &ebs.ListChangedBlocksInput{SecondSnapshotId: b})
	wantRefusal(t, err, "ValidationException 400")

	l.drop(a)
	checkBlocks(l, b, map[int32][]byte{0: content('a'), 1: content('B'), 2: content('c'), 3: content('d')})
}

// TestEBSRoutes checks paths that no SDK asks for.
func TestEBSRoutes(t *testing.T) {
	l := start(t, Options{})
	for _, path := range []string{"/snapshots/a/b/c/d", "/snapshots/snap-12345678", "/snapshots/snap-12345678/block/1", "/snapshots/completion"} {
		req, _ := l.signed("GET", path, "ebs", "")
		status, body := l.send(req)
		if status != 404 {
			t.Errorf("%s: %d %s", path, status, body)
		}
	}
}
