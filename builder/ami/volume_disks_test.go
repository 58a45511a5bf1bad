package ami

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/unikernel-ami/packer-plugin-unikernel/xenpv/disk"
)

func TestDirectoriesBecomeDisks(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "index.html"), []byte("hello from a volume"), 0o600); err != nil {
		t.Fatal(err)
	}
	v := Volumes{DataVolumes: []DataVolume{
		{DeviceName: "/dev/sdf", SourceDir: dir},
		{DeviceName: "/dev/sdg", SnapshotID: "snap-01234567"},
		{DeviceName: "/dev/sdh", Size: 1},
	}}
	disks, err := v.layOut(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if len(disks) != 1 || disks[0].device != "/dev/sdf" || len(disks[0].blocks) == 0 {
		t.Fatalf("disks %+v; want one, for /dev/sdf", disks)
	}
	data := make([]byte, disk.BlockSize)
	if _, err := disks[0].disk.ReadAt(data, 0); err != nil {
		t.Fatal(err)
	}
	if magic := data[1024+56 : 1024+58]; !bytes.Equal(magic, []byte{0x53, 0xef}) || !bytes.Contains(data, []byte("hello from a volume")) {
		t.Errorf("the disk has no ext2 file system (magic %x) with the file", magic)
	}
}

func TestDirectoriesThatCantBecomeDisks(t *testing.T) {
	link := t.TempDir()
	if err := os.Symlink("/etc/passwd", filepath.Join(link, "passwd")); err != nil {
		t.Fatal(err)
	}
	v := Volumes{DataVolumes: []DataVolume{
		{DeviceName: "/dev/sdf", SourceDir: filepath.Join(link, "none")},
		{DeviceName: "/dev/sdg", SourceDir: link},
	}}
	_, err := v.layOut(t.Context())
	for _, want := range []string{"make volume /dev/sdf from ", "make volume /dev/sdg from ", "symbolic link"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v; want %q in it", err, want)
		}
	}
}
