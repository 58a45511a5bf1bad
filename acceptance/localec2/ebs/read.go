package ebs

import (
	"maps"
	"net/http"
	"slices"
	"strconv"
	"time"

	"github.com/unikernel-ami/packer-plugin-unikernel/acceptance/localec2/snapshot"
)

// Lifetimes of tokens ("EBS direct APIs FAQ").
const (
	blockTokenLife = 7 * 24 * time.Hour
	pageTokenLife  = time.Hour
)

// Page sizes. A smaller size is not an error: the API returns at least that
// many blocks ("EBS direct APIs FAQ").
const (
	minBlocksPage = 100
	maxBlocksPage = 10000
)

// blockItem is a block in a list. In ListChangedBlocks, one token is missing if
// only the other snapshot has the block.
type blockItem struct {
	BlockIndex       int32
	BlockToken       string `json:",omitempty"`
	FirstBlockToken  string `json:",omitempty"`
	SecondBlockToken string `json:",omitempty"`
}

// listing is the common part of both lists.
type listing struct {
	ExpiryTime float64
	VolumeSize int64
	BlockSize  int
	NextToken  string `json:",omitempty"`
}

// snapshotBlocks and changedBlocks are the answers. Their lists are present
// even if empty.
type (
	snapshotBlocks struct {
		Blocks []blockItem
		listing
	}
	changedBlocks struct {
		ChangedBlocks []blockItem
		listing
	}
)

// findReadable returns a completed snapshot. Others can't be read ("EBS direct
// APIs FAQ").
func (s *Service) findReadable(r *snapshot.Region, id string) (*snapshot.Snapshot, error) {
	sn, err := find(r, id)
	if err != nil {
		return nil, err
	}
	if sn.State(s.acct.Now()) != snapshot.Completed {
		return nil, invalid("INVALID_SNAPSHOT_ID", "The snapshot '%s' is not in the completed state.", id)
	}
	return sn, nil
}

func (s *Service) listSnapshotBlocks(c *request) (any, error) {
	c.Resource = c.path[1]
	r, unlock := s.snapshots.Lock(c.Region)
	defer unlock()
	sn, err := s.findReadable(r, c.path[1])
	if err != nil {
		return nil, err
	}
	contents := sn.Contents()
	indexes, next, err := s.blockPage(c, sn.ID, slices.Sorted(maps.Keys(contents)))
	if err != nil {
		return nil, err
	}
	expiry := s.acct.Now().Add(blockTokenLife)
	out := snapshotBlocks{[]blockItem{}, listing{epoch(expiry), sn.SizeGiB, snapshot.BlockSize, next}}
	for _, i := range indexes {
		out.Blocks = append(out.Blocks, blockItem{BlockIndex: i, BlockToken: s.blockToken(c, sn.ID, i, expiry)})
	}
	return reply{status: http.StatusOK, json: out}, nil
}

// listChangedBlocks lists the blocks that differ between two snapshots of one
// lineage.
func (s *Service) listChangedBlocks(c *request) (any, error) {
	firstID, secondID := c.Request.URL.Query().Get("firstSnapshotId"), c.path[1]
	c.Resource = secondID
	if firstID == "" {
		return nil, invalid("INVALID_SNAPSHOT_ID", "The first snapshot must be given together with the second.")
	}
	r, unlock := s.snapshots.Lock(c.Region)
	defer unlock()
	first, err := s.findReadable(r, firstID)
	if err != nil {
		return nil, err
	}
	second, err := s.findReadable(r, secondID)
	if err != nil {
		return nil, err
	}
	if first.Lineage != second.Lineage {
		return nil, invalid("UNRELATED_SNAPSHOTS", "The snapshots '%s' and '%s' are not of the same lineage.", firstID, secondID)
	}
	a, b := first.Contents(), second.Contents()
	indexes, next, err := s.blockPage(c, first.ID+" "+second.ID, changed(a, b))
	if err != nil {
		return nil, err
	}
	expiry := s.acct.Now().Add(blockTokenLife)
	out := changedBlocks{[]blockItem{}, listing{epoch(expiry), second.SizeGiB, snapshot.BlockSize, next}}
	for _, i := range indexes {
		item := blockItem{BlockIndex: i}
		if a[i] != nil {
			item.FirstBlockToken = s.blockToken(c, first.ID, i, expiry)
		}
		if b[i] != nil {
			item.SecondBlockToken = s.blockToken(c, second.ID, i, expiry)
		}
		out.ChangedBlocks = append(out.ChangedBlocks, item)
	}
	return reply{status: http.StatusOK, json: out}, nil
}

// changed returns the indexes at which two contents differ. Equal blocks are
// the same block in the store.
func changed(a, b map[int32]*snapshot.Block) []int32 {
	differ := map[int32]bool{}
	for i := range a {
		differ[i] = a[i] != b[i]
	}
	for i := range b {
		differ[i] = a[i] != b[i]
	}
	maps.DeleteFunc(differ, func(_ int32, d bool) bool { return !d })
	return slices.Sorted(maps.Keys(differ))
}

func (s *Service) blockToken(c *request, id string, index int32, expiry time.Time) string {
	return s.acct.Tokens.Seal("block", expiry, c.Region, id, strconv.Itoa(int(index)))
}

// blockPage returns one page of sorted indexes, and the token for the next. A
// token is valid for one subject, and contains the next index.
func (s *Service) blockPage(c *request, subject string, indexes []int32) ([]int32, string, error) {
	q := c.Request.URL.Query()
	size, start := maxBlocksPage, int32(0)
	if text := q.Get("maxResults"); text != "" {
		var err error
		if size, err = strconv.Atoi(text); err != nil || size < 0 || size > maxBlocksPage {
			return nil, "", invalid("INVALID_PARAMETER_VALUE", "The max results '%s' is not between %d and %d.", text, minBlocksPage, maxBlocksPage)
		}
		size = max(size, minBlocksPage)
	}
	if token := q.Get("pageToken"); token != "" {
		parts, ok := s.acct.Tokens.Open("blocks", token)
		if !ok || len(parts) != 3 || parts[0] != c.Region || parts[1] != subject {
			return nil, "", invalid("INVALID_PAGE_TOKEN", "The page token is not valid or has expired.")
		}
		first, _ := strconv.ParseInt(parts[2], 10, 32) // sealed below
		start = int32(first)
	} else if text := q.Get("startingBlockIndex"); text != "" {
		var err error
		if start, err = blockIndex(text); err != nil {
			return nil, "", err
		}
	}
	from, _ := slices.BinarySearch(indexes, start)
	indexes = indexes[from:]
	if len(indexes) <= size {
		return indexes, "", nil
	}
	next := s.acct.Tokens.Seal("blocks", s.acct.Now().Add(pageTokenLife), c.Region, subject, strconv.Itoa(int(indexes[size])))
	return indexes[:size], next, nil
}

// getSnapshotBlock returns the data of a block. The caller needs its token from
// a list.
func (s *Service) getSnapshotBlock(c *request) (any, error) {
	c.Resource = c.path[1]
	index, err := blockIndex(c.path[3])
	if err != nil {
		return nil, err
	}
	r, unlock := s.snapshots.Lock(c.Region)
	defer unlock()
	sn, err := s.findReadable(r, c.path[1])
	if err != nil {
		return nil, err
	}
	parts, ok := s.acct.Tokens.Open("block", c.Request.URL.Query().Get("blockToken"))
	if !ok || !slices.Equal(parts, []string{c.Region, sn.ID, strconv.Itoa(int(index))}) {
		return nil, invalid("INVALID_BLOCK_TOKEN", "The block token is not valid or has expired.")
	}
	b := sn.Block(index)
	header := checksumHeader(b.Sum)
	header["X-Amz-Data-Length"] = strconv.Itoa(len(b.Data))
	header["Content-Type"] = "application/octet-stream"
	return reply{status: http.StatusOK, header: header, data: b.Data}, nil
}
