package snapshot_test

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ebs"
	"github.com/google/go-cmp/cmp"

	"github.com/unikernel-ami/packer-plugin-unikernel/acceptance/localec2"
	"github.com/unikernel-ami/packer-plugin-unikernel/internal/ami"
	"github.com/unikernel-ami/packer-plugin-unikernel/internal/cloud"
	"github.com/unikernel-ami/packer-plugin-unikernel/internal/cloudtest"
	"github.com/unikernel-ami/packer-plugin-unikernel/internal/snapshot"
	xendisk "github.com/unikernel-ami/packer-plugin-unikernel/xenpv/disk"
)

// damaged changes the body of answers to GetSnapshotBlock.
type damaged struct {
	client aws.HTTPClient
	damage func(body []byte) []byte
	left   *atomic.Int32 // answers to damage
}

func (d damaged) Do(request *http.Request) (*http.Response, error) {
	response, err := d.client.Do(request)
	if err != nil || request.Method != http.MethodGet || !strings.Contains(request.URL.Path, "/blocks/") || d.left.Add(-1) < 0 {
		return response, err
	}
	body, err := io.ReadAll(response.Body)
	response.Body = io.NopCloser(bytes.NewReader(d.damage(body)))
	return response, err
}

// save uploads a disk and reads it back into a file.
func save(t *testing.T, disk cloudtest.MemoryDisk, damage func([]byte) []byte, times int32) (*os.File, []xendisk.Block, error) {
	t.Helper()
	_, s := cloudtest.Start(t, localec2.Options{}, "us-east-1")
	plan := &ami.Plan{Request: cloudtest.Request(disk)}
	id, err := (&snapshot.EBSDirect{Session: s}).Create(t.Context(), cloudtest.SnapshotRequest(plan, disk), &cloud.Ledger{})
	if err != nil {
		t.Fatal(err)
	}
	left := new(atomic.Int32)
	left.Store(times)
	s.EBS = ebs.New(s.EBS.Options(), func(o *ebs.Options) { o.HTTPClient = damaged{o.HTTPClient, damage, left} })
	stored, err := snapshot.Open(t.Context(), s, id)
	if err != nil {
		t.Fatal(err)
	}
	if want := int64(len(disk)) * xendisk.BlockSize; stored.Size() != want {
		t.Errorf("size %d, want %d", stored.Size(), want)
	}
	file, err := os.Create(filepath.Join(t.TempDir(), "disk"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { file.Close() })
	blocks, err := stored.Save(t.Context(), file)
	return file, blocks, err
}

// The blocks are those that were uploaded, without the ones of zeros.
func TestSave(t *testing.T) {
	disk := cloudtest.NewMemoryDisk(t, 0, 3, 2047)
	want := disk.Blocks()
	disk[7] = make([]byte, xendisk.BlockSize)
	file, blocks, err := save(t, disk, nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, blocks); diff != "" {
		t.Error(diff)
	}
	for index, data := range disk {
		got := make([]byte, xendisk.BlockSize)
		if _, err := file.ReadAt(got, int64(index)*xendisk.BlockSize); err != nil || !bytes.Equal(got, data) {
			t.Errorf("block %d differs, error %v", index, err)
		}
	}
}

// A block that arrives damaged or cut is asked for again, and never accepted.
func TestSaveOfDamagedBlocks(t *testing.T) {
	for name, damage := range map[string]func([]byte) []byte{
		"changed": func(body []byte) []byte { body[100]++; return body },
		"cut":     func(body []byte) []byte { return body[:100] },
	} {
		disk := cloudtest.NewMemoryDisk(t, 0, 3)
		if _, blocks, err := save(t, disk, damage, 2); err != nil || len(blocks) != 2 {
			t.Errorf("%s twice: %d blocks, error %v", name, len(blocks), err)
		}
		_, _, err := save(t, disk, damage, 1<<30)
		want := map[string]string{"changed": "the SHA-256 of its data is ", "cut": "unexpected EOF"}[name]
		cloudtest.WantError(t, err, "get block ", want)
	}
}

func TestOpenOfNothing(t *testing.T) {
	_, s := cloudtest.Start(t, localec2.Options{}, "us-east-1")
	_, err := snapshot.Open(context.Background(), s, "snap-0123456789abcdef0")
	cloudtest.WantError(t, err, "list the blocks of snap-0123456789abcdef0: ")
}
