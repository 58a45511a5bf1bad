package ebs

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"maps"
	"net/http"
	"slices"
	"strconv"

	"github.com/unikernel-ami/packer-plugin-unikernel/acceptance/localec2/api"
	"github.com/unikernel-ami/packer-plugin-unikernel/acceptance/localec2/snapshot"
)

// putSnapshotBlock stores one block. Computing the digest is most of the work,
// and needs no lock.
func (s *Service) putSnapshotBlock(c *request) (any, error) {
	id := c.path[1]
	c.Resource = id
	index, err := blockIndex(c.path[3])
	if err != nil {
		return nil, err
	}
	sum, err := checkBlock(c)
	if err != nil {
		return nil, err
	}
	r, unlock := s.snapshots.Lock(c.Region)
	defer unlock()
	sn, err := s.findPending(r, id)
	if err != nil {
		return nil, err
	}
	if int64(index) >= sn.BlockCount() {
		return nil, invalid("INVALID_BLOCK", "The block index %d is outside a volume of %d GiB.", index, sn.SizeGiB)
	}
	r.Put(sn, index, sum, c.Body)
	return reply{status: http.StatusCreated, json: struct{}{}, header: checksumHeader(sum)}, nil
}

// checkBlock checks the headers and data of a block, and returns its digest.
func checkBlock(c *request) (sum [sha256.Size]byte, err error) {
	h := c.Request.Header
	switch {
	case c.Request.ContentLength < 0:
		return sum, api.Refuse(http.StatusLengthRequired, "MissingContentLength", "A block needs a Content-Length")
	case h.Get("X-Amz-Data-Length") != strconv.Itoa(snapshot.BlockSize):
		return sum, invalid("INVALID_PARAMETER_VALUE", "The data length '%s' is not valid; it must be %d.", h.Get("X-Amz-Data-Length"), snapshot.BlockSize)
	case len(c.Body) != snapshot.BlockSize:
		return sum, invalid("INVALID_PARAMETER_VALUE", "Failed to read block data: %d bytes instead of %d", len(c.Body), snapshot.BlockSize)
	case h.Get("X-Amz-Checksum-Algorithm") != "SHA256":
		return sum, invalid("INVALID_PARAMETER_VALUE", "The checksum algorithm '%s' is not valid; it must be SHA256.", h.Get("X-Amz-Checksum-Algorithm"))
	}
	if p := h.Get("X-Amz-Progress"); p != "" {
		if n, err := strconv.Atoi(p); err != nil || n < 0 || n > 100 {
			return sum, invalid("INVALID_PARAMETER_VALUE", "The progress '%s' is not a percentage.", p)
		}
	}
	want, err := base64.StdEncoding.DecodeString(h.Get("X-Amz-Checksum"))
	if err != nil || len(want) != sha256.Size {
		return sum, invalid("INVALID_PARAMETER_VALUE", "The checksum '%s' is not a Base64-encoded SHA256 checksum.", h.Get("X-Amz-Checksum"))
	}
	if sum = sha256.Sum256(c.Body); !bytes.Equal(sum[:], want) {
		return sum, invalid("INVALID_PARAMETER_VALUE", "The checksum of the block data does not match the checksum given.")
	}
	return sum, nil
}

func checksumHeader(sum [sha256.Size]byte) map[string]string {
	return map[string]string{
		"X-Amz-Checksum":           base64.StdEncoding.EncodeToString(sum[:]),
		"X-Amz-Checksum-Algorithm": "SHA256",
	}
}

// completeSnapshot seals a snapshot. A repeated call while the snapshot is
// still pending changes nothing; AWS's answer in that case is not known.
func (s *Service) completeSnapshot(c *request) (any, error) {
	id := c.path[2]
	c.Resource = id
	r, unlock := s.snapshots.Lock(c.Region)
	defer unlock()
	sn, err := find(r, id)
	if err != nil {
		return nil, err
	}
	now := s.acct.Now()
	if sn.State(now) != snapshot.Pending {
		return nil, invalid("INVALID_SNAPSHOT_ID", "The snapshot '%s' is not in the pending state.", id)
	}
	if err := checkCompletion(c.Request.Header, sn); err != nil {
		return nil, err
	}
	if !sn.Sealed {
		sn.Sealed, sn.Completes = true, now.Add(s.opts.SnapshotPending)
	}
	return reply{status: http.StatusAccepted, json: struct{ Status string }{sn.State(now)}}, nil
}

// checkCompletion checks the number of blocks and, if it is given, the checksum
// over their checksums.
func checkCompletion(h http.Header, sn *snapshot.Snapshot) error {
	text := h.Get("X-Amz-Changedblockscount")
	count, err := strconv.Atoi(text)
	if err != nil || count < 0 {
		return invalid("INVALID_PARAMETER_VALUE", "The changed blocks count '%s' is not valid.", text)
	}
	if count != len(sn.Written()) {
		return invalid("INVALID_PARAMETER_VALUE", "The changed blocks count %d does not match the %d blocks written.", count, len(sn.Written()))
	}
	sum, algorithm, method := h.Get("X-Amz-Checksum"), h.Get("X-Amz-Checksum-Algorithm"), h.Get("X-Amz-Checksum-Aggregation-Method")
	if sum == "" && algorithm == "" && method == "" {
		return nil
	}
	if algorithm != "SHA256" || method != "LINEAR" {
		return invalid("INVALID_PARAMETER_VALUE", "The checksum must be SHA256, aggregated by LINEAR, not '%s' by '%s'.", algorithm, method)
	}
	if sum != linearChecksum(sn.Written()) {
		return invalid("INVALID_PARAMETER_VALUE", "The checksum does not match the checksums of the blocks written.")
	}
	return nil
}

// linearChecksum returns the SHA-256 of the blocks' raw digests in the order of
// their indexes.
func linearChecksum(blocks map[int32]*snapshot.Block) string {
	h := sha256.New()
	for _, i := range slices.Sorted(maps.Keys(blocks)) {
		h.Write(blocks[i].Sum[:])
	}
	return base64.StdEncoding.EncodeToString(h.Sum(nil))
}
