package xenpv

import (
	"bytes"
	"encoding/binary"
	"io"
	"slices"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/unikernel-ami/packer-plugin-unikernel/xenpv/disk"
	"github.com/unikernel-ami/packer-plugin-unikernel/xenpv/internal/kerneltest"
)

// A partitioned disk has the same file system as any other, 1 MiB further on,
// but for what differs with the menu.
func TestPartitionedDisk(t *testing.T) {
	spec := Spec{Image: writeTextKernel(t, 100_000), Layout: disk.LayoutPartitioned}
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
	spec.CommandLine = new("other")
	if bytes.Equal(whole[440:444], readDisk(t, newDisk(t, spec))[440:444]) {
		t.Error("a disk with another command line has the same signature")
	}
	blocks, err := d.Blocks(t.Context())
	if err != nil || !slices.Equal(indexes(blocks), []int32{0, 2}) {
		t.Errorf("blocks %v, %v; want the MBR's and the file system's", indexes(blocks), err)
	}
}

func indexes(blocks []disk.Block) (indexes []int32) {
	for _, b := range blocks {
		indexes = append(indexes, b.Index)
	}
	return indexes
}

func TestRumprunAdvice(t *testing.T) {
	k := kerneltest.PV()
	kerneltest.With(kerneltest.NoteGuestOS, "rumprun\x00")(&k)
	kernel := writeFile(t, "kernel", k.Bytes())
	json := map[string]string{"/json.cfg": writeFile(t, "json", []byte("{}"))}
	for name, test := range map[string]struct {
		spec Spec
		want []string
	}{
		"whole disk":  {Spec{CommandLine: new("_RUMPRUN_ROOTFSCFG=/json.cfg"), Files: json}, nil},
		"partitioned": {Spec{CommandLine: new("_RUMPRUN_ROOTFSCFG=/json.cfg"), Files: json, Layout: disk.LayoutPartitioned}, []string{"rumprun-layout"}},
		"no file":     {Spec{CommandLine: new("x _RUMPRUN_ROOTFSCFG=/etc/json.cfg"), Files: json}, []string{"rumprun-no-config"}},
		"no root":     {Spec{CommandLine: new(`{"net":{"method":"dhcp"}}`), Layout: disk.LayoutPartitioned}, nil},
	} {
		test.spec.Image = kernel
		var got []string
		for _, f := range newDisk(t, test.spec).Advice {
			if strings.HasPrefix(f.Code, "rumprun-") {
				got = append(got, f.Code)
			}
		}
		if !slices.Equal(got, test.want) {
			t.Errorf("%s: advice %q, want %q", name, got, test.want)
		}
	}
}
