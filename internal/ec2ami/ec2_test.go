package ec2ami

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"io"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ebs"

	"github.com/unikernel-ami/packer-plugin-unikernel/acceptance/localec2"
	"github.com/unikernel-ami/packer-plugin-unikernel/xenpv/disk"
)

// quick are waits for a server on this machine.
var quick = Waits{
	Plan:     5 * time.Second,
	Snapshot: 5 * time.Second,
	Image:    5 * time.Second,
	Undo:     5 * time.Second,
	Settle:   400 * time.Millisecond,
	Delay:    5 * time.Millisecond,
	MaxDelay: 50 * time.Millisecond,
}

// startEC2 starts an embedded EC2 and connects to it.
func startEC2(t testing.TB, options localec2.Options, region string, faults ...string) (*localec2.Running, *Session) {
	t.Helper()
	server, err := localec2.Start(options)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := server.Close(); err != nil {
			t.Error(err)
		}
	})
	for _, text := range faults {
		fault, err := localec2.ParseFault(text)
		if err != nil {
			t.Fatal(err)
		}
		server.Inject(fault)
	}
	return server, connect(t, server.Env(), region)
}

type environment interface {
	Setenv(key, value string)
}

func connect(t testing.TB, env []string, region string) *Session {
	t.Helper()
	for _, variable := range env {
		key, value, _ := strings.Cut(variable, "=")
		t.(environment).Setenv(key, value)
	}
	session, err := Connect(t.Context(), Options{Region: region, MaxBackoff: 10 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	session.Waits = quick
	return session
}

// memoryDisk is a disk of random blocks at the given indexes.
type memoryDisk map[int32][]byte

func newMemoryDisk(t testing.TB, indexes ...int32) memoryDisk {
	t.Helper()
	volume := memoryDisk{}
	for _, index := range indexes {
		volume[index] = make([]byte, disk.BlockSize)
		if _, err := rand.Read(volume[index]); err != nil {
			t.Fatal(err)
		}
	}
	return volume
}

func (d memoryDisk) ReadAt(p []byte, off int64) (int, error) {
	block, ok := d[int32(off/disk.BlockSize)]
	if !ok {
		return 0, io.ErrUnexpectedEOF
	}
	return copy(p, block[off%disk.BlockSize:]), nil
}

func (d memoryDisk) blocks() []disk.Block {
	var blocks []disk.Block
	for index, data := range d {
		blocks = append(blocks, disk.Block{Index: index, SHA256: sha256.Sum256(data)})
	}
	slices.SortFunc(blocks, func(a, b disk.Block) int { return int(a.Index - b.Index) })
	return blocks
}

func request(volume memoryDisk) Request {
	return Request{
		BuildID:      "build-1",
		Name:         "web-dev",
		Description:  "a test",
		Environment:  "dev",
		System:       "mirage",
		Architecture: "x86_64",
		VolumeSize:   1,
		VolumeType:   "gp2",
		ImageTags:    map[string]string{"Service": "web"},
		SnapshotTags: map[string]string{"Retain": "no"},
		Blocks:       volume.blocks(),
	}
}

// readBack reads a snapshot through the EBS direct read API.
func readBack(t *testing.T, s *Session, snapshot string) memoryDisk {
	t.Helper()
	volume := memoryDisk{}
	pages := ebs.NewListSnapshotBlocksPaginator(s.ebs, &ebs.ListSnapshotBlocksInput{SnapshotId: &snapshot})
	for pages.HasMorePages() {
		page, err := pages.NextPage(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for _, block := range page.Blocks {
			answer, err := s.ebs.GetSnapshotBlock(t.Context(), &ebs.GetSnapshotBlockInput{
				SnapshotId: &snapshot, BlockIndex: block.BlockIndex, BlockToken: block.BlockToken,
			})
			if err != nil {
				t.Fatal(err)
			}
			data, err := io.ReadAll(answer.BlockData)
			if err != nil {
				t.Fatal(err)
			}
			sum := sha256.Sum256(data)
			if got := aws.ToString(answer.Checksum); got != base64.StdEncoding.EncodeToString(sum[:]) {
				t.Errorf("block %d: checksum %s doesn't fit its data", aws.ToInt32(block.BlockIndex), got)
			}
			volume[aws.ToInt32(block.BlockIndex)] = data
		}
	}
	return volume
}
