package ext2_test

import (
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/unikernel-ami/packer-plugin-unikernel/internal/oracle"
	"github.com/unikernel-ami/packer-plugin-unikernel/xenpv/disk/ext2"
)

// largestFile is the size of a file that fills a file system alone: of 32768
// blocks, it can't have the superblock's, the descriptor's, two bitmaps', one
// of inodes, the root's, lost+found's, and 2 + 31 blocks of pointers.
const largestFile = (32768 - 5 - 2 - 33) * 4096

// store writes a file system to a file of the test's own.
func store(t *testing.T, fsys *ext2.FS) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "fs.raw")
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if n, err := io.Copy(f, io.NewSectionReader(fsys, 0, 1<<40)); n != fsys.Size() || err != nil {
		t.Fatalf("copied %d of %d bytes: %v", n, fsys.Size(), err)
	}
	return path
}

// fsck ends the test unless e2fsck is content with the file system.
func fsck(t *testing.T, path string) {
	t.Helper()
	out, err := exec.Command(oracle.Need(t, "e2fsck"), "-fn", path).CombinedOutput()
	if err != nil {
		t.Fatalf("e2fsck -fn: %v\n%s", err, out)
	}
	if strings.Contains(string(out), "?") {
		t.Errorf("e2fsck -fn has questions:\n%s", out)
	}
}

// debugfs runs one request and returns what it prints.
func debugfs(t *testing.T, path, request string) string {
	t.Helper()
	out, err := exec.Command(oracle.Need(t, "debugfs"), "-R", request, path).Output()
	if err != nil {
		t.Fatalf("debugfs %s: %v", request, err)
	}
	return string(out)
}

// compareDump has debugfs read a file, and compares it with its source.
func compareDump(t *testing.T, image string, want ext2.File) {
	t.Helper()
	dump := filepath.Join(t.TempDir(), "dump")
	debugfs(t, image, fmt.Sprintf("dump %q %s", "/"+want.Path, dump))
	f, err := os.Open(dump)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if st, err := f.Stat(); err != nil || st.Size() != want.Size {
		t.Fatalf("debugfs dumps %d bytes of %s, want %d (%v)", st.Size(), want.Path, want.Size, err)
	}
	got, exp := make([]byte, 1<<20), make([]byte, 1<<20)
	for off := int64(0); off < want.Size; off += int64(len(got)) {
		n := min(int64(len(got)), want.Size-off)
		if _, err := f.ReadAt(got[:n], off); err != nil {
			t.Fatal(err)
		}
		if _, err := want.Data.ReadAt(exp[:n], off); err != nil && err != io.EOF {
			t.Fatal(err)
		}
		if string(got[:n]) != string(exp[:n]) {
			t.Fatalf("debugfs dumps other bytes of %s between %d and %d", want.Path, off, off+n)
		}
	}
}

func TestSizes(t *testing.T) {
	const (
		direct = 12 * 4096
		single = direct + 1024*4096
	)
	for _, size := range []int64{
		0, 1, 4095, 4096, 4097, direct - 1, direct, direct + 1, direct + 4096,
		single - 1, single, single + 1, single + 1024*4096, single + 1024*4096 + 1,
		30 << 20, 100 << 20, largestFile - 4095, largestFile,
	} {
		t.Run(fmt.Sprint(size), func(t *testing.T) {
			want := ext2.File{Path: "kernel", Data: noise{}, Size: size}
			image := store(t, mustNew(t, want))
			fsck(t, image)
			compareDump(t, image, want)
		})
	}
}

// TestTree has names of all lengths and a directory so large that it needs
// indirect blocks itself.
func TestTree(t *testing.T) {
	var files []ext2.File
	for length := 1; length <= 255; length++ {
		for _, letter := range []string{"a", "b", "é"} {
			name := strings.Repeat(letter, length/len(letter))
			if name != "" {
				files = append(files, file(fmt.Sprintf("many/%s", name+strings.Repeat("x", length-len(name))), name))
			}
		}
	}
	files = append(files,
		file("lost+found/here", "here"),
		file("! first", "sorted before lost+found"),
		file(strings.Repeat("deep/", 100)+"file", "deep"),
		file("a b/'c\" d", "quotes"))
	image := store(t, mustNew(t, files...))
	fsck(t, image)
	for _, i := range []int{0, len(files) / 2, len(files) - 5, len(files) - 4, len(files) - 3, len(files) - 2} {
		compareDump(t, image, files[i])
	}
	listed := strings.Count(debugfs(t, image, "ls -p /many"), "\n/")
	if want := len(files) - 4 + 1; listed != want {
		t.Errorf("debugfs lists %d entries of /many after the first, want %d", listed, want)
	}
}

func TestListing(t *testing.T) {
	image := store(t, mustNew(t, file("boot/kernel", "kernel"), file("boot/grub/menu.lst", "menu")))
	for dir, want := range map[string]string{
		"/":     "/2/040755/0/0/.//\n/2/040755/0/0/..//\n/11/040700/0/0/lost+found//\n/12/040755/0/0/boot//\n\n",
		"/boot": "/12/040755/0/0/.//\n/2/040755/0/0/..//\n/13/040755/0/0/grub//\n/15/100644/0/0/kernel/6/\n\n",
	} {
		if got := debugfs(t, image, "ls -p "+dir); got != want {
			t.Errorf("debugfs ls -p %s:\n%s\nwant:\n%s", dir, got, want)
		}
	}
}

func TestNoFiles(t *testing.T) {
	fsck(t, store(t, mustNew(t)))
}

// TestInodeTable has as many files as fill the last block of the inode table,
// one less and one more, and as many as there can be.
func TestInodeTable(t *testing.T) {
	for _, count := range []int{20, 21, 22, 32757} {
		t.Run(fmt.Sprint(count), func(t *testing.T) {
			files := make([]ext2.File, count)
			for i := range files {
				files[i] = file(fmt.Sprint(i), "")
			}
			fsck(t, store(t, mustNew(t, files...)))
		})
	}
}

// FuzzSizes has e2fsck check file systems of three files of any sizes.
func FuzzSizes(f *testing.F) {
	f.Add(uint32(0), uint32(1), uint32(4096))
	f.Add(uint32(12*4096), uint32(12*4096+1), uint32((12+1024)*4096+1))
	f.Fuzz(func(t *testing.T, a, b, c uint32) {
		const most = 16 << 20 // enough for all types of blocks, and quick to write
		files := []ext2.File{
			{Path: "a", Data: noise{}, Size: int64(a % most)},
			{Path: "d/b", Data: noise{}, Size: int64(b % most)},
			{Path: "d/e/c", Data: noise{}, Size: int64(c % most)},
		}
		image := store(t, mustNew(t, files...))
		fsck(t, image)
		compareDump(t, image, files[2])
	})
}
