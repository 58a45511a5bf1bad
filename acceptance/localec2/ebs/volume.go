package ebs

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/unikernel-ami/packer-plugin-unikernel/acceptance/localec2/api"
	"github.com/unikernel-ami/packer-plugin-unikernel/acceptance/localec2/snapshot"
)

// ReadBlocks calls each for every block of a snapshot, in order, with its
// offset in the volume. It uses the actions that callers use, but its calls are
// not recorded, and faults don't apply to them.
func (s *Service) ReadBlocks(ctx context.Context, region, id string, each func(offset int64, data []byte) error) error {
	for next := ""; ; {
		list, err := s.listBlocks(ctx, region, id, next)
		if err != nil {
			return err
		}
		for _, b := range list.Blocks {
			data, err := s.readBlock(ctx, region, id, b)
			if err != nil {
				return err
			}
			if err := each(int64(b.BlockIndex)*snapshot.BlockSize, data); err != nil {
				return err
			}
		}
		if next = list.NextToken; next == "" {
			return nil
		}
	}
}

func (s *Service) listBlocks(ctx context.Context, region, id, token string) (snapshotBlocks, error) {
	result, err := s.listSnapshotBlocks(ownCall(ctx, region, []string{"snapshots", id, "blocks"}, url.Values{"pageToken": {token}}))
	if err != nil {
		return snapshotBlocks{}, err
	}
	return result.(reply).json.(snapshotBlocks), nil
}

func (s *Service) readBlock(ctx context.Context, region, id string, b blockItem) ([]byte, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	path := []string{"snapshots", id, "blocks", strconv.Itoa(int(b.BlockIndex))}
	result, err := s.getSnapshotBlock(ownCall(ctx, region, path, url.Values{"blockToken": {b.BlockToken}}))
	if err != nil {
		return nil, err
	}
	answer := result.(reply)
	sum := sha256.Sum256(answer.data)
	if base64.StdEncoding.EncodeToString(sum[:]) != answer.header["X-Amz-Checksum"] {
		return nil, fmt.Errorf("block %d does not match its checksum", b.BlockIndex)
	}
	return answer.data, nil
}

// ownCall returns a call of the server's own.
func ownCall(ctx context.Context, region string, path []string, query url.Values) *request {
	u := &url.URL{Path: "/" + strings.Join(path, "/"), RawQuery: query.Encode()}
	r := &http.Request{Method: http.MethodGet, URL: u}
	return &request{&api.Call{Service: "ebs", Region: region, Request: r.WithContext(ctx)}, path}
}
