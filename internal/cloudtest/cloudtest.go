// Package cloudtest is what the tests of the cloud packages share: an embedded
// EC2, a disk in memory, and an AMI made of it.
package cloudtest

import (
	"context"
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
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"github.com/unikernel-ami/packer-plugin-unikernel/acceptance/localec2"
	"github.com/unikernel-ami/packer-plugin-unikernel/internal/ami"
	"github.com/unikernel-ami/packer-plugin-unikernel/internal/cloud"
	"github.com/unikernel-ami/packer-plugin-unikernel/internal/snapshot"
	xendisk "github.com/unikernel-ami/packer-plugin-unikernel/xenpv/disk"
)

// Quick are waits for a server on this machine.
var Quick = cloud.Waits{
	Plan:     5 * time.Second,
	Call:     5 * time.Second,
	Snapshot: 5 * time.Second,
	Import:   5 * time.Second,
	Image:    5 * time.Second,
	Undo:     5 * time.Second,
	Settle:   400 * time.Millisecond,
	Delay:    5 * time.Millisecond,
	MaxDelay: 50 * time.Millisecond,
}

// Start starts a local EC2 and connects to it.
func Start(t testing.TB, options localec2.Options, region string, faults ...string) (*localec2.Running, *cloud.Session) {
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
	Inject(t, server, faults...)
	return server, Connect(t, server.Env(), region)
}

type environment interface {
	Setenv(key, value string)
}

// Connect connects to the EC2 that env describes.
func Connect(t testing.TB, env []string, region string) *cloud.Session {
	t.Helper()
	for _, variable := range env {
		key, value, _ := strings.Cut(variable, "=")
		t.(environment).Setenv(key, value)
	}
	session, err := cloud.Connect(t.Context(), cloud.Options{Region: region, MaxBackoff: 10 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	session.Waits = Quick
	return session
}

// MemoryDisk is a disk of random blocks at the given indexes.
type MemoryDisk map[int32][]byte

// NewMemoryDisk makes a disk with blocks at the given indexes.
func NewMemoryDisk(t testing.TB, indexes ...int32) MemoryDisk {
	t.Helper()
	disk := MemoryDisk{}
	for _, index := range indexes {
		disk[index] = make([]byte, xendisk.BlockSize)
		if _, err := rand.Read(disk[index]); err != nil {
			t.Fatal(err)
		}
	}
	return disk
}

// ReadAt implements io.ReaderAt.
func (d MemoryDisk) ReadAt(p []byte, off int64) (int, error) {
	block, ok := d[int32(off/xendisk.BlockSize)]
	if !ok {
		return 0, io.ErrUnexpectedEOF
	}
	return copy(p, block[off%xendisk.BlockSize:]), nil
}

// Blocks lists the blocks of the disk.
func (d MemoryDisk) Blocks() []xendisk.Block {
	var blocks []xendisk.Block
	for index, data := range d {
		blocks = append(blocks, xendisk.Block{Index: index, SHA256: sha256.Sum256(data)})
	}
	slices.SortFunc(blocks, func(a, b xendisk.Block) int { return int(a.Index - b.Index) })
	return blocks
}

// Request asks for an AMI of the disk.
func Request(disk MemoryDisk) ami.Request {
	return ami.Request{
		BuildID:          "build-1",
		BootMethod:       "pv-grub",
		Name:             "web-dev",
		Description:      "a test",
		Environment:      "dev",
		System:           "mirage",
		Architecture:     "x86_64",
		Virtualization:   "paravirtual",
		RootDevice:       ami.PVRootDevice,
		Volume:           ami.Volume{VolumeSize: 1, VolumeType: "gp2"},
		UserImageTags:    map[string]string{"Service": "web"},
		UserSnapshotTags: map[string]string{"Retain": "no"},
		Content:          snapshot.Content(disk.Blocks()),
	}
}

// SnapshotRequest asks for the snapshot of a planned AMI.
func SnapshotRequest(plan *ami.Plan, disk MemoryDisk) snapshot.Request {
	return snapshot.Request{
		BuildID: plan.BuildID, Description: "unikernel " + plan.Name, Tags: plan.SnapshotTags(),
		VolumeSize: plan.VolumeSize, Encryption: plan.SnapshotEncryption(), Disk: disk, Blocks: disk.Blocks(),
	}
}

// Bake runs the whole pipeline.
func Bake(ctx context.Context, s *cloud.Session, disk MemoryDisk, ledger *cloud.Ledger) (image, snapshotID string, err error) {
	plan, err := ami.NewPlan(ctx, s, Request(disk))
	if err != nil {
		return "", "", err
	}
	method := snapshot.EBSDirect{Session: s}
	if snapshotID, err = method.Create(ctx, SnapshotRequest(plan, disk), ledger); err != nil {
		return "", "", err
	}
	image, err = ami.Register(ctx, s, plan.Registration(snapshotID), ledger)
	return image, snapshotID, err
}

// RegisterAs registers another AMI of a snapshot that exists. Its volume outlives
// an instance, unless the launch overrides that.
func RegisterAs(t testing.TB, s *cloud.Session, input ec2.RegisterImageInput) string {
	t.Helper()
	snapshots, err := s.EC2.DescribeSnapshots(t.Context(), &ec2.DescribeSnapshotsInput{OwnerIds: []string{"self"}})
	if err != nil {
		t.Fatal(err)
	}
	input.RootDeviceName = aws.String("/dev/sda1")
	input.BlockDeviceMappings = []types.BlockDeviceMapping{{
		DeviceName: aws.String("/dev/sda1"), Ebs: &types.EbsBlockDevice{SnapshotId: snapshots.Snapshots[0].SnapshotId, DeleteOnTermination: aws.Bool(false)},
	}}
	answer, err := s.EC2.RegisterImage(t.Context(), &input)
	if err != nil {
		t.Fatal(err)
	}
	return *answer.ImageId
}

// Inject makes the server inject faults.
func Inject(t testing.TB, server *localec2.Running, faults ...string) {
	t.Helper()
	for _, text := range faults {
		fault, err := localec2.ParseFault(text)
		if err != nil {
			t.Fatal(err)
		}
		server.Inject(fault)
	}
}

// NothingLeft checks that the server has no resource of a build.
func NothingLeft(t *testing.T, server *localec2.Running) {
	t.Helper()
	if left := server.Resources(); len(left) > 0 {
		t.Errorf("left behind: %+v", left)
	}
}

// WantError checks that an error contains all parts.
func WantError(t *testing.T, err error, parts ...string) {
	t.Helper()
	if err == nil {
		t.Fatalf("no error; want %q", parts)
	}
	for _, part := range parts {
		if !strings.Contains(err.Error(), part) {
			t.Errorf("error %v; want %q in it", err, part)
		}
	}
}

// ReadBack reads a snapshot through the EBS direct read API.
func ReadBack(t *testing.T, s *cloud.Session, snapshot string) MemoryDisk {
	t.Helper()
	disk := MemoryDisk{}
	pages := ebs.NewListSnapshotBlocksPaginator(s.EBS, &ebs.ListSnapshotBlocksInput{SnapshotId: &snapshot})
	for pages.HasMorePages() {
		page, err := pages.NextPage(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for _, block := range page.Blocks {
			answer, err := s.EBS.GetSnapshotBlock(t.Context(), &ebs.GetSnapshotBlockInput{
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
			disk[aws.ToInt32(block.BlockIndex)] = data
		}
	}
	return disk
}

// TagText shows tags as KEY=VALUE, sorted.
func TagText(tags []types.Tag) string {
	byKey := map[string]string{}
	for _, tag := range tags {
		byKey[aws.ToString(tag.Key)] = aws.ToString(tag.Value)
	}
	var words []string
	for _, tag := range cloud.SortedTags(byKey) {
		words = append(words, *tag.Key+"="+*tag.Value)
	}
	return strings.Join(words, " ")
}
