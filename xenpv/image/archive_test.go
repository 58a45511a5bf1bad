package image

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"debug/elf"
	"encoding/binary"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/unikernel-ami/packer-plugin-unikernel/xenpv/internal/kerneltest"
)

// testMember is a member of an archive to be made: a file, or, by a link's type
// of tar, a link to the path in its data.
type testMember struct {
	name string
	data []byte
	link byte
}

func tarOf(members ...testMember) []byte {
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	var errs []error
	for _, m := range members {
		h := &tar.Header{Name: m.name, Mode: 0o644, Typeflag: tar.TypeReg, Size: int64(len(m.data))}
		if m.link != 0 {
			h.Typeflag, h.Linkname, h.Size, m.data = m.link, string(m.data), 0, nil
		}
		errs = append(errs, w.WriteHeader(h))
		_, err := w.Write(m.data)
		errs = append(errs, err)
	}
	if err := errors.Join(append(errs, w.Close())...); err != nil {
		panic(err) // a fault in this file
	}
	return b.Bytes()
}

func zipOf(members ...testMember) []byte {
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	var errs []error
	for _, m := range members {
		h := &zip.FileHeader{Name: m.name, Method: zip.Deflate}
		if m.link == tar.TypeSymlink {
			h.SetMode(fs.ModeSymlink | 0o777)
		}
		f, err := w.CreateHeader(h)
		if err == nil {
			_, err = f.Write(m.data)
		}
		errs = append(errs, err)
	}
	if err := errors.Join(append(errs, w.Close())...); err != nil {
		panic(err) // a fault in this file
	}
	return b.Bytes()
}

var archivers = map[string]func(...testMember) []byte{"tar": tarOf, "zip": zipOf}

// library is an ELF without data for Xen, like shared objects and programs.
func library() []byte {
	k := kerneltest.PV()
	k.Type, k.Notes, k.Text = elf.ET_DYN, nil, "a library"
	return k.Bytes()
}

// file is a regular member.
func file(name string, data []byte) testMember { return testMember{name: name, data: data} }

func openWith(t *testing.T, image []byte, o OpenOptions) *Image {
	t.Helper()
	im, err := OpenWith(t.Context(), writeFile(t, "image", image), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := im.Close(); err != nil {
			t.Error(err)
		}
	})
	return im
}

// A kernel in an archive is the same kernel, however the archive is compressed.
func TestArchiveFormats(t *testing.T) {
	kernel := kerneltest.PV().Bytes()
	archive := tarOf(file("./README", []byte("text")), file("boot/app.xen", kernel))
	images := map[string][]byte{
		"tar none": archive,
		"zip none": zipOf(file("README", []byte("text")), file("boot/app.xen", kernel)),
		"tar gzip": slices.Concat(packGzip(archive[:1024]), packGzip(archive[1024:])), // several members are valid here
	}
	for name, pack := range packers {
		if name != "gzip" {
			images["tar "+name] = pack(archive)
		}
	}
	for name, image := range images {
		im := openWith(t, image, OpenOptions{})
		r := im.Facts()
		if got := r.Archive + " " + r.Compression; got != name || r.Member != "boot/app.xen" || !whole(r) {
			t.Errorf("%s: %q, member %q, %v", name, got, r.Member, r.Problems)
		}
		got, err := io.ReadAll(im.Kernel())
		if err != nil || !bytes.Equal(got, kernel) {
			t.Errorf("%s: the kernel has %d bytes, want %d (%v)", name, len(got), len(kernel), err)
		}
	}
}

// A member may itself be compressed, and be a bzImage.
func TestPackedMember(t *testing.T) {
	kernel := kerneltest.PV().Bytes()
	for name, pack := range packers {
		for format, archiveOf := range archivers {
			r := openWith(t, archiveOf(file("mini-os."+name, pack(kernel))), OpenOptions{}).Facts()
			if !whole(r) || r.Compression != name || r.Archive != format || r.KernelSize != int64(len(kernel)) {
				t.Errorf("%s in %s: %+v", name, format, r)
			}
		}
	}
	linux := kerneltest.BzImage(minProtocol, linuxPayload("gzip", kernel))
	if r := openWith(t, tarOf(file("vmlinuz", linux)), OpenOptions{}).Facts(); !whole(r) || r.Payload != "bzimage" {
		t.Errorf("bzImage: %+v", r)
	}
}

// choices are what is taken from an archive: the member, or the problem.
var choices = []struct {
	name    string
	members []testMember
	member  string // asked for
	want    string // member
	problem string
	text    string // in the problem
}{
	{name: "one kernel", members: []testMember{file("a", kerneltest.PV().Bytes())}, want: "a"},
	{name: "one kernel, by its name", members: []testMember{file("./a", kerneltest.PV().Bytes())}, member: "a", want: "./a"},
	{name: "libraries beside", members: []testMember{
		file("lib/a.so", library()), file("kernel", kerneltest.PV().Bytes()), file("lib/b.so", library()), file("doc.gz", packGzip([]byte("text"))),
	}, want: "kernel"},
	{name: "only a library", members: []testMember{file("a.so", library())}, want: "a.so"},
	{name: "only libraries", members: []testMember{file("a.so", library()), file("b.so", packGzip(library()))},
		problem: "archive-several", text: `"a.so", "b.so"`},
	{name: "two kernels", members: []testMember{file("one", kerneltest.PV().Bytes()), file("two", packGzip(kerneltest.PV().Bytes()))},
		problem: "archive-several", text: `"one", "two": specify the member`},
	{name: "two kernels, one by its name", members: []testMember{file("one", library()), file("two", kerneltest.PV().Bytes())}, member: "./two", want: "two"},
	{name: "twice the same name", members: []testMember{file("a", library()), file("a", kerneltest.PV().Bytes())}, member: "a", want: "a"},
	{name: "no kernel", members: []testMember{file("README", []byte("text")), file("empty", nil)}, problem: "archive-no-kernel"},
	{name: "nothing", problem: "archive-no-kernel"},
	{name: "no such member", members: []testMember{file("a", kerneltest.PV().Bytes())}, member: "b", problem: "archive-member", text: `"a": specify one`},
	{name: "a member that is not a kernel", members: []testMember{file("README", []byte("text"))}, member: "README", want: "README", problem: "not-a-kernel", text: "is text"},
	{name: "absolute path", members: []testMember{file("a", kerneltest.PV().Bytes()), file("/etc/passwd", nil)}, problem: "archive-path", text: "/etc/passwd"},
	{name: "path upwards", members: []testMember{file("a/../../b", kerneltest.PV().Bytes())}, problem: "archive-path"},
	{name: "path upwards, for Windows", members: []testMember{file(`..\b`, kerneltest.PV().Bytes())}, problem: "archive-path"},
	{name: "path with a drive", members: []testMember{file(`C:\b`, kerneltest.PV().Bytes())}, problem: "archive-path"},
	{name: "path that stays inside", members: []testMember{file("a/../b..c", kerneltest.PV().Bytes())}, want: "a/../b..c"},
	{name: "asked for a path upwards", members: []testMember{file("a", kerneltest.PV().Bytes())}, member: "../a", problem: "archive-path"},
	{name: "links beside", members: []testMember{
		{"latest", []byte("kernel"), tar.TypeSymlink}, file("kernel", kerneltest.PV().Bytes()),
	}, want: "kernel"},
	{name: "asked for a link", members: []testMember{
		{"latest", []byte("/etc/passwd"), tar.TypeSymlink}, file("kernel", kerneltest.PV().Bytes()),
	}, member: "latest", problem: "archive-link"},
	{name: "Java archive", members: []testMember{file("META-INF/MANIFEST.MF", []byte("Manifest-Version: 1.0\n"))}, problem: "archive-no-kernel", text: "JVM"},
	{name: "container image", members: []testMember{file("layer.tar", tarOf(file("bin/sh", library()))), file("manifest.json", []byte("[]"))},
		problem: "archive-no-kernel", text: "container"},
	{name: "disk image", members: []testMember{file("disk.raw", append(make([]byte, 510), 0x55, 0xaa))}, problem: "archive-no-kernel", text: "raw disk"},
}

func TestArchiveChoices(t *testing.T) {
	for _, test := range choices {
		for format, archiveOf := range archivers {
			t.Run(test.name+"/"+format, func(t *testing.T) {
				image := archiveOf(test.members...)
				if format == "tar" && len(test.members) == 0 {
					t.Skip("a tar without members is only zeros, which prove nothing")
				}
				r := openWith(t, image, OpenOptions{Member: test.member}).Facts()
				if got := strings.Join(codes(r.Problems), "+"); got != test.problem || r.Member != test.want || r.Archive != format {
					t.Errorf("problem %q, member %q, archive %q; want %q, %q\n%v", got, r.Member, r.Archive, test.problem, test.want, r.Problems)
				}
				if test.text != "" && (len(r.Problems) == 0 || !strings.Contains(r.Problems[0].Text, test.text)) {
					t.Errorf("error %v, want %q in it", r.Problems, test.text)
				}
			})
		}
	}
}

func TestHardLinkIsNoKernel(t *testing.T) {
	image := tarOf(file("kernel", kerneltest.PV().Bytes()), testMember{"again", []byte("kernel"), tar.TypeLink})
	if r := openWith(t, image, OpenOptions{}).Facts(); r.Member != "kernel" || !whole(r) {
		t.Errorf("%+v", r)
	}
	r := openWith(t, image, OpenOptions{Member: "again"}).Facts()
	if got := codes(r.Problems); !slices.Equal(got, []string{"archive-link"}) {
		t.Errorf("%q", got)
	}
}

func TestMemberOfNoArchive(t *testing.T) {
	r := openWith(t, kerneltest.PV().Bytes(), OpenOptions{Member: "kernel"}).Facts()
	if got := codes(r.Problems); !slices.Equal(got, []string{"archive-member"}) {
		t.Errorf("%q", got)
	}
}

// Tar before POSIX had no magic.
func TestOldTar(t *testing.T) {
	image := tarOf(file("kernel", kerneltest.PV().Bytes()))
	copy(image[257:], make([]byte, 8))
	sum := uint64(0)
	copy(image[148:156], "        ")
	for _, c := range image[:512] {
		sum += uint64(c)
	}
	copy(image[148:156], []byte{'0' + byte(sum>>12), '0' + byte(sum>>9&7), '0' + byte(sum>>6&7), '0' + byte(sum>>3&7), '0' + byte(sum&7), 0, ' ', ' '})
	if r := openWith(t, image, OpenOptions{}).Facts(); !whole(r) || r.Archive != "tar" {
		t.Errorf("%+v", r)
	}
}

func TestEncryptedZip(t *testing.T) {
	image := zipOf(file("kernel", kerneltest.PV().Bytes()), file("other", kerneltest.PV().Bytes()))
	for _, magic := range []string{"PK\x03\x04", "PK\x01\x02"} {
		at := bytes.Index(image, []byte(magic))
		flags := map[string]int{"PK\x03\x04": 6, "PK\x01\x02": 8}[magic]
		image[at+flags] |= 1
	}
	for member, want := range map[string]string{"": "archive-encrypted", "kernel": "archive-encrypted", "other": ""} {
		r := openWith(t, image, OpenOptions{Member: member}).Facts()
		if got := strings.Join(codes(r.Problems), "+"); got != want {
			t.Errorf("member %q: %q, want %q", member, got, want)
		}
	}
}

func TestZipMethod(t *testing.T) {
	image := zipOf(file("kernel", kerneltest.PV().Bytes()))
	binary.LittleEndian.PutUint16(image[bytes.Index(image, []byte("PK\x01\x02"))+10:], 93) // zstd
	r := openWith(t, image, OpenOptions{}).Facts()
	if got := codes(r.Problems); !slices.Equal(got, []string{"archive-method"}) {
		t.Errorf("%q", got)
	}
}

// A directory of many members must not fill memory.
func TestZipDirectoryIsBounded(t *testing.T) {
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	name := strings.Repeat("n", 60000)
	for range maxZipDirectory/len(name) + 1 {
		if _, err := w.CreateHeader(&zip.FileHeader{Name: name}); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	r := openWith(t, b.Bytes(), OpenOptions{}).Facts()
	if got := codes(r.Problems); !slices.Equal(got, []string{"archive-large"}) {
		t.Errorf("%q", got)
	}
}

// Whatever an archive is cut to, its kernel isn't taken for whole. A tar's last
// kilobyte is zeros, which nobody needs.
func TestTruncatedArchives(t *testing.T) {
	kernel := kerneltest.PV().Bytes()
	for format, archiveOf := range archivers {
		image := archiveOf(file("kernel", kernel), file("README", []byte(strings.Repeat("text ", 200))))
		end := len(image)
		if format == "tar" {
			end -= 1024
		}
		for size := 600; size < end; size += 37 {
			r := inspectBytes(t, image[:size])
			if format == "tar" && size >= 512+len(kernel) && size <= 1024 {
				continue // cut after the kernel, it is a smaller tar
			}
			if whole(r) {
				t.Errorf("%s: %d of %d bytes are taken for a kernel", format, size, len(image))
			}
		}
		if r := inspectBytes(t, image); !whole(r) {
			t.Errorf("%s: %v", format, r.Problems)
		}
	}
}

// Any byte of an archive may be damaged. Every third is enough to meet each
// field of the headers.
func TestDamagedArchives(t *testing.T) {
	for format, archiveOf := range archivers {
		image := archiveOf(file("kernel", kerneltest.PV().Bytes()))
		for at := 0; at < len(image); at += 3 {
			changed := slices.Clone(image)
			changed[at] ^= 0x91
			if r := inspectBytes(t, changed); r.Executable != (len(r.Problems) == 0) {
				t.Fatalf("%s: byte %d: %+v", format, at, r)
			}
		}
	}
}

// A bomb of 1000:1 ends at the limit, in each form.
func TestArchiveBombs(t *testing.T) {
	bomb := slices.Concat(kerneltest.PV().Bytes(), make([]byte, 20<<20))
	const limit = 10 << 20
	for name, image := range map[string][]byte{
		"gzip":         packGzip(bomb),
		"tar.gz":       packGzip(tarOf(file("bomb", bomb))),
		"zip":          zipOf(file("bomb", bomb)),
		"gzip in tar":  tarOf(file("bomb.gz", packGzip(bomb))),
		"zip of many":  zipOf(file("1", bomb[:limit/2]), file("2", bomb[:limit/2]), file("3", bomb[:limit/2])),
		"plain":        bomb,
		"plain in tar": tarOf(file("bomb", bomb)),
	} {
		dir := t.TempDir()
		t.Setenv("TMPDIR", dir)
		r := openWith(t, image, OpenOptions{MaxSize: limit}).Facts()
		if got := codes(r.Problems); !slices.Equal(got, []string{"too-large"}) {
			t.Errorf("%s: %q", name, got)
		}
		if entries, err := os.ReadDir(dir); err != nil || len(entries) != 0 {
			t.Errorf("%s leaves %v (%v)", name, entries, err)
		}
	}
}

func TestMaxSizeIsNotNegative(t *testing.T) {
	if _, err := OpenWith(t.Context(), writeFile(t, "kernel", kerneltest.PV().Bytes()), OpenOptions{MaxSize: -1}); err == nil {
		t.Error("no error")
	}
}

// Members that were inspected and dropped are not kept open.
func TestArchiveKeepsOneFile(t *testing.T) {
	members := []testMember{file("kernel", kerneltest.PV().Bytes())}
	for i := range 50 {
		members = append(members, file(filepath.Join("lib", string(rune('A'+i))), library()))
	}
	im := openWith(t, tarOf(members...), OpenOptions{})
	if len(im.open) > 3 { // the archive, the kernel and the last library
		t.Errorf("%d files are open", len(im.open))
	}
	if !whole(im.Facts()) {
		t.Error(im.Facts().Problems)
	}
}
