package xenpv

import (
	"bytes"
	"encoding/binary"
	"io"
	"slices"
	"strings"
	"testing"
	"testing/iotest"
)

// A partitioned disk has the same file system as any other, 1 MiB further on,
// but for what differs with the menu.
func TestPartitionedDisk(t *testing.T) {
	spec := DiskSpec{Kernel: openKernel(t, writeTextKernel(t, 100_000)), Layout: LayoutPartitioned}
	d := newDisk(t, spec)
	whole := readDisk(t, d)
	if err := iotest.TestReader(io.NewSectionReader(d, 0, d.Size()), whole); err != nil {
		t.Error(err)
	}
	if int64(len(whole)) != d.Size() || d.Size()-d.Used() < slack || !isZero(whole[d.Used():]) || !isZero(whole[512:1<<20]) {
		t.Errorf("%d bytes, of which %d are used", d.Size(), d.Used())
	}
	if got := binary.LittleEndian.Uint32(whole[446+12:]); int64(got)*512 != d.Used()-1<<20 {
		t.Errorf("the partition has %d sectors, the file system %d bytes", got, d.Used()-1<<20)
	}
	if signature, uuid := whole[440:444], whole[1<<20+1024+104:][:4]; !bytes.Equal(signature, uuid) || isZero(signature) {
		t.Errorf("the disk's signature is %x, the file system's UUID begins with %x", signature, uuid)
	}
	if !bytes.Equal(whole, readDisk(t, newDisk(t, spec))) {
		t.Error("a second disk differs")
	}
	spec.CommandLine = "other"
	if bytes.Equal(whole[440:444], readDisk(t, newDisk(t, spec))[440:444]) {
		t.Error("a disk with another command line has the same signature")
	}
	blocks, err := d.Blocks(t.Context())
	if err != nil || !slices.Equal(indexes(blocks), []int32{0, 2}) {
		t.Errorf("blocks %v, %v; want the MBR's and the file system's", indexes(blocks), err)
	}
}

func indexes(blocks []Block) (indexes []int32) {
	for _, b := range blocks {
		indexes = append(indexes, b.Index)
	}
	return indexes
}

// The ends of tracks and cylinders, as sfdisk writes them.
func TestCHS(t *testing.T) {
	for sector, want := range map[int64][]byte{
		0:               {0, 1, 0},
		62:              {0, 63, 0},
		63:              {1, 1, 0},
		2048:            {32, 33, 0},
		255*63 - 1:      {254, 63, 0},
		255 * 63:        {0, 1, 1},
		300 * 255 * 63:  {0, 0x41, 44},
		1023*255*63 + 1: {0, 0xc2, 255},
	} {
		if got := chs(sector); !bytes.Equal(got, want) {
			t.Errorf("sector %d is %v, want %v", sector, got, want)
		}
	}
}

// Rumprun's JSON on its root file system needs a disk without partitions, and
// the file.
func TestRumprunAdvice(t *testing.T) {
	kernel := openKernel(t, writeTextKernel(t, 100_000))
	kernel.Report().System = "rumprun"
	json := map[string]string{"/json.cfg": writeFile(t, "json", []byte("{}"))}
	for name, test := range map[string]struct {
		spec DiskSpec
		want []string
	}{
		"whole disk":  {DiskSpec{CommandLine: "_RUMPRUN_ROOTFSCFG=/json.cfg", Files: json}, nil},
		"partitioned": {DiskSpec{CommandLine: "_RUMPRUN_ROOTFSCFG=/json.cfg", Files: json, Layout: LayoutPartitioned}, []string{"rumprun-layout"}},
		"no file":     {DiskSpec{CommandLine: "x _RUMPRUN_ROOTFSCFG=/etc/json.cfg", Files: json}, []string{"rumprun-no-config"}},
		"no root":     {DiskSpec{CommandLine: `{"net":{"method":"dhcp"}}`, Layout: LayoutPartitioned}, nil},
	} {
		test.spec.Kernel = kernel
		var got []string
		for _, f := range newDisk(t, test.spec).Advice() {
			if strings.HasPrefix(f.Code, "rumprun-") {
				got = append(got, f.Code)
			}
		}
		if !slices.Equal(got, test.want) {
			t.Errorf("%s: advice %q, want %q", name, got, test.want)
		}
	}
}
