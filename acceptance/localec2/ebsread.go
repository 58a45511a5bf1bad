package localec2

import (
	"maps"
	"net/http"
	"slices"
	"strconv"
	"time"
)

// Lives of tokens ("EBS direct APIs FAQ").
const (
	blockTokenLife = 7 * 24 * time.Hour
	pageTokenLife  = time.Hour
)

// Sizes of pages. Fewer than the least is no error: the API returns at least
// that many ("EBS direct APIs FAQ").
const (
	minBlocksPage = 100
	maxBlocksPage = 10000
)

// blockItem is a block in a list. Of ListChangedBlocks' tokens, one is missing
// where only the other snapshot has the block.
type blockItem struct {
	BlockIndex       int32
	BlockToken       string `json:",omitempty"`
	FirstBlockToken  string `json:",omitempty"`
	SecondBlockToken string `json:",omitempty"`
}

// listing is what both lists have in common.
type listing struct {
	ExpiryTime float64
	VolumeSize int64
	BlockSize  int
	NextToken  string `json:",omitempty"`
}

// snapshotBlocks and changedBlocks are the answers; an empty list is there.
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

// readableSnapshot finds a completed snapshot: others can't be read ("EBS
// direct APIs FAQ").
func (s *Server) readableSnapshot(c *call, id string) (*snapshot, error) {
	sn, err := s.ebsSnapshot(c, id)
	if err != nil {
		return nil, err
	}
	if sn.state(s.opts.Now()) != completed {
		return nil, invalid("INVALID_SNAPSHOT_ID", "The snapshot '%s' is not in the completed state.", id)
	}
	return sn, nil
}

func (s *Server) listSnapshotBlocks(c *call) (any, error) {
	c.resource = c.path[1]
	s.mu.Lock()
	defer s.mu.Unlock()
	sn, err := s.readableSnapshot(c, c.path[1])
	if err != nil {
		return nil, err
	}
	contents := sn.contents()
	indexes, next, err := s.blockPage(c, sn.id, slices.Sorted(maps.Keys(contents)))
	if err != nil {
		return nil, err
	}
	expiry := s.opts.Now().Add(blockTokenLife)
	out := snapshotBlocks{[]blockItem{}, listing{epoch(expiry), sn.sizeGiB, blockSize, next}}
	for _, i := range indexes {
		out.Blocks = append(out.Blocks, blockItem{BlockIndex: i, BlockToken: s.blockToken(c, sn.id, i, expiry)})
	}
	return ebsReply{status: http.StatusOK, json: out}, nil
}

// listChangedBlocks lists the blocks that differ between two snapshots of one
// lineage.
func (s *Server) listChangedBlocks(c *call) (any, error) {
	firstID, secondID := c.req.URL.Query().Get("firstSnapshotId"), c.path[1]
	c.resource = secondID
	if firstID == "" {
		return nil, invalid("INVALID_SNAPSHOT_ID", "The first snapshot must be given together with the second.")
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	first, err := s.readableSnapshot(c, firstID)
	if err != nil {
		return nil, err
	}
	second, err := s.readableSnapshot(c, secondID)
	if err != nil {
		return nil, err
	}
	if first.lineage != second.lineage {
		return nil, invalid("UNRELATED_SNAPSHOTS", "The snapshots '%s' and '%s' are not of the same lineage.", firstID, secondID)
	}
	a, b := first.contents(), second.contents()
	indexes, next, err := s.blockPage(c, first.id+" "+second.id, changed(a, b))
	if err != nil {
		return nil, err
	}
	expiry := s.opts.Now().Add(blockTokenLife)
	out := changedBlocks{[]blockItem{}, listing{epoch(expiry), second.sizeGiB, blockSize, next}}
	for _, i := range indexes {
		item := blockItem{BlockIndex: i}
		if a[i] != nil {
			item.FirstBlockToken = s.blockToken(c, first.id, i, expiry)
		}
		if b[i] != nil {
			item.SecondBlockToken = s.blockToken(c, second.id, i, expiry)
		}
		out.ChangedBlocks = append(out.ChangedBlocks, item)
	}
	return ebsReply{status: http.StatusOK, json: out}, nil
}

// changed lists the indexes at which two contents differ. Equal blocks are one
// block in the store.
func changed(a, b map[int32]*block) []int32 {
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

func (s *Server) blockToken(c *call, id string, index int32, expiry time.Time) string {
	return s.seal("block", expiry, c.region, id, strconv.Itoa(int(index)))
}

// blockPage cuts one page out of sorted indexes and returns the token for the
// next. The token belongs to what is listed and says where to go on.
func (s *Server) blockPage(c *call, subject string, indexes []int32) ([]int32, string, error) {
	q := c.req.URL.Query()
	size, start := maxBlocksPage, int32(0)
	if text := q.Get("maxResults"); text != "" {
		var err error
		if size, err = strconv.Atoi(text); err != nil || size < 0 || size > maxBlocksPage {
			return nil, "", invalid("INVALID_PARAMETER_VALUE", "The max results '%s' is not between %d and %d.", text, minBlocksPage, maxBlocksPage)
		}
		size = max(size, minBlocksPage)
	}
	if token := q.Get("pageToken"); token != "" {
		parts, ok := s.open("blocks", token)
		if !ok || len(parts) != 3 || parts[0] != c.region || parts[1] != subject {
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
	next := s.seal("blocks", s.opts.Now().Add(pageTokenLife), c.region, subject, strconv.Itoa(int(indexes[size])))
	return indexes[:size], next, nil
}

// getSnapshotBlock returns a block's data to a caller that has listed it.
func (s *Server) getSnapshotBlock(c *call) (any, error) {
	c.resource = c.path[1]
	index, err := blockIndex(c.path[3])
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	sn, err := s.readableSnapshot(c, c.path[1])
	if err != nil {
		return nil, err
	}
	parts, ok := s.open("block", c.req.URL.Query().Get("blockToken"))
	if !ok || !slices.Equal(parts, []string{c.region, sn.id, strconv.Itoa(int(index))}) {
		return nil, invalid("INVALID_BLOCK_TOKEN", "The block token is not valid or has expired.")
	}
	b := sn.written[index]
	if b == nil {
		b = sn.base[index]
	}
	header := checksumHeader(b.sum)
	header["X-Amz-Data-Length"] = strconv.Itoa(len(b.data))
	header["Content-Type"] = "application/octet-stream"
	return ebsReply{status: http.StatusOK, header: header, data: b.data}, nil
}
