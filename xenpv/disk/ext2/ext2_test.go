package ext2_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/google/go-cmp/cmp"

	"github.com/unikernel-ami/packer-plugin-unikernel/xenpv/disk/ext2"
)

var testUUID = [16]byte{0x20, 0x26, 0x11, 0x21, 4: 0xab, 6: 0x80, 8: 0x80, 15: 0xff}

// file returns a file with the given text.
func file(path, text string) ext2.File {
	return ext2.File{Path: path, Data: strings.NewReader(text), Size: int64(len(text))}
}

// noise is an endless content of which no two blocks are alike and no byte
// is 0. It needs no memory.
type noise struct{}

func (noise) ReadAt(p []byte, off int64) (int, error) {
	for i := range p {
		x := uint64(off+int64(i)) * 0x9e3779b97f4a7c15
		p[i] = byte(x>>56) | 1
	}
	return len(p), nil
}

// mustNew makes a file system or ends the test.
func mustNew(t testing.TB, files ...ext2.File) *ext2.FS {
	t.Helper()
	fsys, err := ext2.New(files, testUUID, "unikernel")
	if err != nil {
		t.Fatal(err)
	}
	return fsys
}

func TestSuperblock(t *testing.T) {
	fsys := mustNew(t, file("boot/kernel", "kernel"))
	sb := make([]byte, 1024)
	if _, err := fsys.ReadAt(sb, 1024); err != nil {
		t.Fatal(err)
	}
	// Offsets from the ext2 specification, with the values that Xen's GRUB
	// and e2fsck ask for. Four directories: root, lost+found, boot; one file.
	want := map[string][3]uint32{ // offset, size, value
		"s_inodes_count":      {0, 4, 32},
		"s_blocks_count":      {4, 4, uint32(fsys.Size() / 4096)},
		"s_r_blocks_count":    {8, 4, 0},
		"s_free_blocks_count": {12, 4, 0},
		"s_free_inodes_count": {16, 4, 32 - 10 - 3},
		"s_first_data_block":  {20, 4, 0},
		"s_log_block_size":    {24, 4, 2},
		"s_blocks_per_group":  {32, 4, 32768},
		"s_inodes_per_group":  {40, 4, 32},
		"s_mtime":             {44, 4, 0},
		"s_wtime":             {48, 4, 0},
		"s_max_mnt_count":     {54, 2, 0xffff},
		"s_magic":             {56, 2, 0xef53},
		"s_state":             {58, 2, 1},
		"s_lastcheck":         {64, 4, 0},
		"s_checkinterval":     {68, 4, 0},
		"s_rev_level":         {76, 4, 1},
		"s_first_ino":         {84, 4, 11},
		"s_inode_size":        {88, 2, 128},
		"s_feature_compat":    {92, 4, 0},
		"s_feature_incompat":  {96, 4, 2},
		"s_feature_ro_compat": {100, 4, 0},
		"s_mkfs_time":         {264, 4, 0},
	}
	for name, w := range want {
		field := make([]byte, 4)
		copy(field, sb[w[0]:w[0]+w[1]])
		if got := binary.LittleEndian.Uint32(field); got != w[2] {
			t.Errorf("%s = %d, want %d", name, got, w[2])
		}
	}
	if diff := cmp.Diff(testUUID[:], sb[104:120]); diff != "" {
		t.Errorf("s_uuid (-want +got):\n%s", diff)
	}
	if got := string(bytes.TrimRight(sb[120:136], "\x00")); got != "unikernel" {
		t.Errorf("s_volume_name = %q", got)
	}
}

// TestInodes checks what e2fsck lets pass but readers for GRUB don't: flags.
func TestInodes(t *testing.T) {
	fsys := mustNew(t, file("boot/kernel", "kernel"), file("boot/grub/menu.lst", "menu"))
	table := make([]byte, 4096)
	if _, err := fsys.ReadAt(table, 4*4096); err != nil {
		t.Fatal(err)
	}
	for n := range 32 {
		inode := table[n*128:][:128]
		if times := inode[8:24]; !bytes.Equal(times, make([]byte, 16)) {
			t.Errorf("inode %d has times %v", n+1, times)
		}
		if flags := binary.LittleEndian.Uint32(inode[32:]); flags != 0 {
			t.Errorf("inode %d has flags %#x", n+1, flags)
		}
	}
}

func TestSameInputSameBytes(t *testing.T) {
	a, b := file("boot/kernel", "kernel"), file("etc/config", strings.Repeat("config", 5000))
	one, err := io.ReadAll(io.NewSectionReader(mustNew(t, a, b), 0, 1<<30))
	if err != nil {
		t.Fatal(err)
	}
	two, err := io.ReadAll(io.NewSectionReader(mustNew(t, b, a), 0, 1<<30))
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(one, two) {
		t.Error("the order of the files has changed the bytes")
	}
}

func TestReadAt(t *testing.T) {
	fsys := mustNew(t, file("a", strings.Repeat("a", 4097)), file("b", ""), file("c", strings.Repeat("c", 60000)))
	whole := make([]byte, fsys.Size())
	if n, err := fsys.ReadAt(whole, 0); n != len(whole) || err != nil {
		t.Fatalf("ReadAt = %d, %v", n, err)
	}
	if err := iotest.TestReader(io.NewSectionReader(fsys, 0, fsys.Size()), whole); err != nil {
		t.Error(err)
	}
	if n, err := fsys.ReadAt(make([]byte, 10), fsys.Size()-4); n != 4 || err != io.EOF {
		t.Errorf("ReadAt over the end = %d, %v; want 4, EOF", n, err)
	}
	if n, err := fsys.ReadAt(make([]byte, 10), fsys.Size()+4); n != 0 || err != io.EOF {
		t.Errorf("ReadAt after the end = %d, %v; want 0, EOF", n, err)
	}
	if _, err := fsys.ReadAt(make([]byte, 10), -1); err == nil {
		t.Error("ReadAt accepts a negative offset")
	}
	dirty := bytes.Repeat([]byte{0xff}, 4096)
	if _, err := fsys.ReadAt(dirty, bytes0(whole, 'a')+4096); err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(dirty[1:], make([]byte, 4095)) {
		t.Error("the padding after a file isn't zeros in a buffer that was used before")
	}
}

// bytes0 returns the offset of the first block full of c.
func bytes0(data []byte, c byte) int64 {
	return int64(bytes.Index(data, bytes.Repeat([]byte{c}, 4096)))
}

func TestSourceTooShort(t *testing.T) {
	fsys := mustNew(t, ext2.File{Path: "kernel", Data: strings.NewReader("short"), Size: 6})
	_, err := io.Copy(io.Discard, io.NewSectionReader(fsys, 0, fsys.Size()))
	if !errors.Is(err, io.ErrUnexpectedEOF) || !strings.Contains(err.Error(), "read kernel at byte 5 of 6") {
		t.Errorf("error = %v", err)
	}
}

func TestRefused(t *testing.T) {
	const invalid = "not a valid path"
	many := make([]ext2.File, 40000)
	for i := range many {
		many[i] = file(fmt.Sprint(i), "")
	}
	tests := map[string]struct {
		files []ext2.File
		want  string
	}{
		"empty path":            {[]ext2.File{file("", "")}, invalid},
		"rooted":                {[]ext2.File{file("/kernel", "")}, invalid},
		"the root":              {[]ext2.File{file(".", "")}, invalid},
		"upwards":               {[]ext2.File{file("boot/../kernel", "")}, invalid},
		"empty element":         {[]ext2.File{file("boot//kernel", "")}, invalid},
		"directory":             {[]ext2.File{file("boot/", "")}, invalid},
		"NUL":                   {[]ext2.File{file("a\x00b", "")}, invalid},
		"not UTF-8":             {[]ext2.File{file("\xff", "")}, invalid},
		"long name":             {[]ext2.File{file("d/"+strings.Repeat("n", 256), "")}, "has 256 bytes; ext2 allows 255"},
		"twice":                 {[]ext2.File{file("a", ""), file("a", "")}, `add file "a": the path is used already`},
		"file as directory":     {[]ext2.File{file("a/b", ""), file("a/b/c", "")}, `"a/b" is already a file`},
		"directory as file":     {[]ext2.File{file("a/b", ""), file("a", "")}, "the path is used already"},
		"lost+found":            {[]ext2.File{file("lost+found", "")}, "the path is used already"},
		"negative size":         {[]ext2.File{{Path: "a", Size: -1}}, "the size is -1 bytes"},
		"huge":                  {[]ext2.File{{Path: "a", Size: 1 << 62}}, "the size is 4611686018427387904 bytes"},
		"too large in all":      {[]ext2.File{{Path: "a", Size: 1 << 26}, {Path: "b", Size: 1 << 26}}, "the files have 134217728 bytes and take 134385664 with all metadata, 167936 bytes more than"},
		"one byte too much":     {[]ext2.File{{Path: "a", Size: largestFile + 1}}, "take 134221824 with all metadata, 4096 bytes more than the 134217728"},
		"too many":              {many, "40002 files and directories with the root and lost+found; at most 32759 fit"},
		"more inodes than bits": {many[:32758], "32760 files and directories"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			_, err := ext2.New(test.files, testUUID, "")
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("error = %v, want ...%s...", err, test.want)
			}
		})
	}
	if _, err := ext2.New(nil, testUUID, "seventeen letters"); err == nil {
		t.Error("a label of 17 bytes is accepted")
	}
}
