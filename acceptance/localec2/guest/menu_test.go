package guest

import (
	"encoding/binary"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"

	"github.com/unikernel-ami/packer-plugin-unikernel/internal/oracle"
)

// fileSystem has mke2fs make a file system of 8 MiB with the named file.
func fileSystem(t *testing.T, file string, options ...string) []byte {
	t.Helper()
	dir := t.TempDir()
	root, image := filepath.Join(dir, "root"), filepath.Join(dir, "image")
	if err := os.MkdirAll(filepath.Dir(filepath.Join(root, file)), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(root, file), []byte("default 0\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	args := slices.Concat(options, []string{"-q", "-d", root, image, "8M"})
	if out, err := exec.Command(oracle.Need(t, "mke2fs"), args...).CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return read(t, image)
}

func read(t *testing.T, path string) []byte {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func open(t *testing.T, path string) *os.File {
	t.Helper()
	file, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { file.Close() })
	return file
}

// partitioned puts a file system into one of a disk's four partitions.
func partitioned(number int, fs []byte) []byte {
	disk := make([]byte, 1<<20, 1<<20+len(fs))
	entry := disk[446+16*(number-1):]
	entry[4] = 0x83
	binary.LittleEndian.PutUint32(entry[8:], 1<<20/sectorSize)
	binary.LittleEndian.PutUint32(entry[12:], uint32(len(fs)/sectorSize))
	disk[510], disk[511] = 0x55, 0xaa
	return append(disk, fs...)
}

func TestMenuPlaces(t *testing.T) {
	const bootGrub, grub = "boot/grub/menu.lst", "grub/menu.lst"
	ext2 := []string{"-t", "ext2"}
	unknown := make([]byte, 1<<20) // no partitions and no known file system
	for _, test := range []struct {
		name      string
		disk      []byte
		hd0, hd00 bool
	}{
		{"whole disk", fileSystem(t, bootGrub, ext2...), true, false},
		{"whole disk, blocks of 4 KiB", fileSystem(t, bootGrub, "-t", "ext2", "-b", "4096"), true, false},
		{"whole disk, revision 0", fileSystem(t, bootGrub, "-t", "ext2", "-r", "0"), true, false},
		{"whole disk, extents", fileSystem(t, bootGrub, "-t", "ext4", "-O", "^64bit,^metadata_csum"), true, false},
		{"whole disk, 64 bits", fileSystem(t, bootGrub, "-t", "ext4", "-O", "64bit,^metadata_csum"), false, false},
		{"whole disk, directory for partitions", fileSystem(t, grub, ext2...), false, false},
		{"whole disk, no menu", fileSystem(t, "boot/grub/grub.cfg", ext2...), false, false},
		{"first partition", partitioned(1, fileSystem(t, bootGrub, ext2...)), true, true},
		{"first partition, no boot", partitioned(1, fileSystem(t, grub, ext2...)), true, true},
		{"third partition", partitioned(3, fileSystem(t, bootGrub, ext2...)), true, false},
		{"fourth partition, no menu", partitioned(4, fileSystem(t, "boot/menu.lst", ext2...)), false, false},
		{"unknown file system", unknown, true, false},
		{"unknown file system in a partition", partitioned(2, unknown), true, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "disk")
			if err := os.WriteFile(path, test.disk, 0o600); err != nil {
				t.Fatal(err)
			}
			disk := open(t, path)
			if got := hasMenu(disk, false); got != test.hd0 {
				t.Errorf("an hd0 kernel finds a menu: %v", got)
			}
			if got := hasMenu(disk, true); got != test.hd00 {
				t.Errorf("an hd00 kernel finds a menu: %v", got)
			}
		})
	}
}

// FuzzMenu reads malicious disks.
func FuzzMenu(f *testing.F) {
	f.Add([]byte("boot/grub"), 0)
	f.Fuzz(func(t *testing.T, patch []byte, at int) {
		disk := partitioned(1, make([]byte, 64<<10))
		fs := disk[1<<20:]
		binary.LittleEndian.PutUint16(fs[superblockOffset+56:], extMagic)
		binary.LittleEndian.PutUint32(fs[superblockOffset+40:], 8)
		binary.LittleEndian.PutUint16(fs[2048+128+0:], modeDirectory)
		copy(fs[max(0, at)%len(fs):], patch)
		path := filepath.Join(t.TempDir(), "disk")
		if err := os.WriteFile(path, disk, 0o600); err != nil {
			t.Fatal(err)
		}
		file := open(t, path)
		hasMenu(file, false)
		hasMenu(file, true)
	})
}
