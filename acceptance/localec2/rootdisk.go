package localec2

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"strconv"
	"strings"

	"github.com/unikernel-ami/packer-plugin-unikernel/xenpv/hypervisor"
)

// volume is an instance's root volume: an unnamed file, with the blocks of a
// snapshot.
type volume struct {
	file             *os.File // nil before the first start
	region, snapshot string
	sizeGiB          int
	hd00             bool // the kernel looks in the first partition only
}

// volumeOf describes an instance's root volume. The caller holds the lock.
func (s *Server) volumeOf(in *instance) volume {
	v := volume{in.disk, in.region, in.root.snapshot, in.root.size, false}
	if aki := s.regions[in.region].images[in.kernel]; aki != nil {
		v.hd00 = strings.Contains(aki.name, "hd00")
	}
	return v
}

// path is a name that the open file can be opened by again.
func (v *volume) path() string { return "/dev/fd/" + strconv.Itoa(int(v.file.Fd())) }

// prepare fetches an instance's volume, once, and looks for a menu.lst on it
// where Amazon's kernel would.
func (s *Server) prepare(ctx context.Context, in *instance, m *machine) error {
	if m.root.file == nil {
		file, err := s.fetch(ctx, m.root)
		if err != nil {
			return fmt.Errorf("its volume could not be made of %s: %w", m.root.snapshot, err)
		}
		m.root.file = file
		s.mu.Lock()
		in.disk = file
		s.mu.Unlock()
	}
	if m.spec.PVGRUB == "" && !hasMenu(m.root.file, m.root.hd00) {
		return fmt.Errorf("PV-GRUB finds nothing to start: %w", hypervisor.ErrNoMenu)
	}
	return nil
}

// fetch reads a snapshot, block by block, by the EBS direct APIs' own actions,
// into a file without a name. Blocks that the snapshot lacks are holes.
func (s *Server) fetch(ctx context.Context, v volume) (*os.File, error) {
	file, err := os.CreateTemp("", "localec2-volume-")
	if err != nil {
		return nil, err
	}
	err = errors.Join(os.Remove(file.Name()), file.Truncate(int64(v.sizeGiB)<<30))
	for next := ""; err == nil; {
		var list snapshotBlocks
		if list, err = s.listBlocks(v, next); err != nil {
			break
		}
		for _, b := range list.Blocks {
			if err = errors.Join(ctx.Err(), s.copyBlock(file, v, b)); err != nil {
				break
			}
		}
		if next = list.NextToken; next == "" {
			break
		}
	}
	if err != nil {
		_ = file.Close() // the error is told already
		return nil, err
	}
	return file, nil
}

// ebsCall makes a call of EC2's own: it is not recorded, and no fault strikes.
func (v volume) ebsCall(path []string, query url.Values) *call {
	u := &url.URL{Path: "/" + strings.Join(path, "/"), RawQuery: query.Encode()}
	return &call{service: "ebs", region: v.region, path: path, req: &http.Request{Method: http.MethodGet, URL: u}}
}

func (s *Server) listBlocks(v volume, token string) (snapshotBlocks, error) {
	result, err := s.listSnapshotBlocks(v.ebsCall([]string{"snapshots", v.snapshot, "blocks"}, url.Values{"pageToken": {token}}))
	if err != nil {
		return snapshotBlocks{}, err
	}
	return result.(ebsReply).json.(snapshotBlocks), nil
}

func (s *Server) copyBlock(file *os.File, v volume, b blockItem) error {
	path := []string{"snapshots", v.snapshot, "blocks", strconv.Itoa(int(b.BlockIndex))}
	result, err := s.getSnapshotBlock(v.ebsCall(path, url.Values{"blockToken": {b.BlockToken}}))
	if err != nil {
		return err
	}
	reply := result.(ebsReply)
	sum := sha256.Sum256(reply.data)
	if base64.StdEncoding.EncodeToString(sum[:]) != reply.header["X-Amz-Checksum"] {
		return fmt.Errorf("block %d does not match its checksum", b.BlockIndex)
	}
	_, err = file.WriteAt(reply.data, int64(b.BlockIndex)*blockSize)
	return err
}
