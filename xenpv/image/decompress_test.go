package image

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"io"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/klauspost/compress/zstd"
	"github.com/pierrec/lz4/v4"
	"github.com/ulikunitz/xz"
	"github.com/ulikunitz/xz/lzma"

	"github.com/unikernel-ami/packer-plugin-unikernel/xenpv/internal/files"
	"github.com/unikernel-ami/packer-plugin-unikernel/xenpv/internal/kerneltest"
)

// packers pack an image in each way but bzip2, for which Go has no packer.
var packers = map[string]func([]byte) []byte{
	"gzip": packGzip,
	"xz":   packWith(func(w io.Writer) (io.WriteCloser, error) { return xz.NewWriter(w) }),
	"lzma": packWith(func(w io.Writer) (io.WriteCloser, error) { return lzma.NewWriter(w) }),
	"lz4":  packWith(func(w io.Writer) (io.WriteCloser, error) { return lz4.NewWriter(w), nil }),
	"lzo":  packLZO,
	"zstd": packWith(func(w io.Writer) (io.WriteCloser, error) { return zstd.NewWriter(w) }),
}

func packGzip(image []byte) []byte {
	return packWith(func(w io.Writer) (io.WriteCloser, error) { return gzip.NewWriter(w), nil })(image)
}

// packLegacyLZ4 packs as Linux does.
var packLegacyLZ4 = packWith(func(w io.Writer) (io.WriteCloser, error) {
	zw := lz4.NewWriter(w)
	return zw, zw.Apply(lz4.LegacyOption(true))
})

func packWith(open func(io.Writer) (io.WriteCloser, error)) func([]byte) []byte {
	return func(image []byte) []byte {
		var b bytes.Buffer
		w, err := open(&b)
		if err == nil {
			_, err = w.Write(image)
		}
		if err = errors.Join(err, w.Close()); err != nil {
			panic(err) // a buffer takes all: a fault in this file
		}
		return b.Bytes()
	}
}

// packLZO makes an lzop file of stored blocks.
func packLZO(image []byte) []byte {
	b := []byte(lzopMagic)
	b = append(b, 0x10, 0x30, 0x20, 0xa0, 0x09, 0x40, 1, 5) // versions, method, level
	b = append(b, make([]byte, 16)...)                      // flags, mode, time
	b = append(append(b, 4), "name\x00\x00\x00\x00"...)
	for block := range slices.Chunk(image, 200) {
		b = binary.BigEndian.AppendUint32(b, uint32(len(block)))
		b = binary.BigEndian.AppendUint32(b, uint32(len(block)))
		b = append(append(b, 0, 0, 0, 0), block...)
	}
	return append(b, 0, 0, 0, 0)
}

// openedKernel opens an image from memory and checks that its kernel is want.
func openedKernel(t *testing.T, image, want []byte) *Facts {
	t.Helper()
	im := openKernel(t, writeFile(t, "image", image))
	got, err := io.ReadAll(im.Kernel())
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("the kernel has %d bytes, which are not the %d that were compressed", len(got), len(want))
	}
	return im.Facts()
}

func TestPackings(t *testing.T) {
	kernel := kerneltest.Legacy(kerneltest.MirageLegacy)
	kernel.Text = strings.Repeat("some text", 100_000)
	file := kernel.Bytes()
	for name, pack := range packers {
		t.Run(name, func(t *testing.T) {
			r := openedKernel(t, pack(file), file)
			if r.Compression != name || r.Payload != "elf" || r.KernelSize != int64(len(file)) || !whole(r) {
				t.Errorf("%+v", r)
			}
		})
	}
	frame := packLegacyLZ4(file)
	size := binary.LittleEndian.AppendUint32(nil, uint32(len(file)))
	for name, image := range map[string][]byte{
		"legacy lz4":                   frame,
		"legacy lz4 with Linux's size": slices.Concat(frame, size),
		"two legacy frames of lz4":     slices.Concat(packLegacyLZ4(file[:100_000]), packLegacyLZ4(file[100_000:])),
	} {
		t.Run(name, func(t *testing.T) {
			if r := openedKernel(t, image, file); r.Compression != "lz4" || !whole(r) {
				t.Errorf("%+v", r)
			}
		})
	}
	for name, image := range map[string][]byte{
		"legacy lz4 and a byte":         append(slices.Clone(frame), 0),
		"legacy lz4 and another size":   slices.Concat(frame, []byte{1, 0, 0, 0}),
		"legacy lz4 and a large size":   slices.Concat(frame, []byte{0, 0, 0, 1}),
		"legacy lz4 with its end away":  frame[:len(frame)-1],
		"legacy lz4 with a broken byte": slices.Concat(frame[:8], []byte{0xff, 0xff, 0xff}, frame[11:]),
	} {
		if got := codes(inspectBytes(t, image).Problems); len(got) != 1 || got[0] != "truncated" && got[0] != "corrupt" {
			t.Errorf("%s: %q", name, got)
		}
	}
}

// The files in testdata hold the same kernel, compressed with bzip2 1.0.8, by GNU tar
// 1.34 and bzip2, and by lzop 1.04 (in two blocks). What marks it is the text at its end.
func TestPackedByOtherPrograms(t *testing.T) {
	text := strings.Repeat("All work and no play makes Jack a dull boy. ", 10_000)
	for file, compression := range map[string]string{"kernel.bz2": "bzip2", "kernel.tar.bz2": "bzip2", "kernel.lzo": "lzo"} {
		im := openKernel(t, "testdata/"+file)
		kernel, err := io.ReadAll(im.Kernel())
		if err != nil {
			t.Fatal(err)
		}
		r := im.Facts()
		if !bytes.Contains(kernel, []byte(text)) || r.Compression != compression || r.System != "mirage" || !whole(r) {
			t.Errorf("%s: %+v", file, r)
		}
	}
}

func TestDamagedPackings(t *testing.T) {
	kernel := kerneltest.PV()
	kernel.Text = strings.Repeat("some text", 1000)
	for name, pack := range packers {
		packed := pack(kernel.Bytes())
		for _, size := range []int{len(packed) - 1, len(packed) / 2, 20} {
			r := inspectBytes(t, packed[:size])
			got := codes(r.Problems)
			if whole(r) || r.Compression != name || len(got) != 1 || got[0] != "truncated" && got[0] != "corrupt" {
				t.Errorf("%s: %d of %d bytes give %+v", name, size, len(packed), r)
			}
		}
	}
}

func TestGzipMembers(t *testing.T) {
	file := kerneltest.PV().Bytes()
	packed := packGzip(file)
	wrongSum := slices.Clone(packed)
	wrongSum[len(packed)-8]++
	headerSum := slices.Concat(packed[:3], []byte{2}, packed[4:10], []byte{0, 0}, packed[10:]) // FHCRC
	binary.LittleEndian.PutUint16(headerSum[10:], uint16(crc32.ChecksumIEEE(headerSum[:10])))
	for name, test := range map[string]struct {
		image   []byte
		problem string
	}{
		"one member":            {packed, ""},
		"header checksum":       {headerSum, ""}, // GRUB refuses it, a disk gets it anew
		"two members":           {slices.Concat(packGzip(file[:100]), packGzip(file[100:])), "gzip-members"},
		"an empty second":       {slices.Concat(packed, packGzip(nil)), "gzip-members"},
		"zeros appended":        {append(slices.Clone(packed), 0, 0), "gzip-trailing"},
		"one byte appended":     {append(slices.Clone(packed), 0x1f), "gzip-trailing"},
		"wrong checksum":        {wrongSum, "corrupt"},
		"damaged second member": {slices.Concat(packed, packed[:len(packed)-4]), "truncated"},
	} {
		r := inspectBytes(t, test.image)
		if got := strings.Join(codes(r.Problems), "+"); got != test.problem {
			t.Errorf("%s: %q, want %q", name, got, test.problem)
		}
		if strings.HasPrefix(test.problem, "gzip-") && !r.Executable {
			t.Errorf("%s: the kernel inside isn't inspected: %+v", name, r)
		}
	}
}

// An image that claims a large dictionary is decompressed if it is small.
func TestLargeDictionary(t *testing.T) {
	packers := map[string]func([]byte) []byte{
		"xz": packWith(func(w io.Writer) (io.WriteCloser, error) {
			return xz.WriterConfig{DictCap: 64 << 20}.NewWriter(w)
		}),
		"lzma": packWith(func(w io.Writer) (io.WriteCloser, error) {
			return lzma.WriterConfig{DictCap: 64 << 20}.NewWriter(w)
		}),
		"zstd": packWith(func(w io.Writer) (io.WriteCloser, error) {
			return zstd.NewWriter(w, zstd.WithWindowSize(128<<20))
		}),
	}
	small := kerneltest.PV().Bytes()
	for name, pack := range packers {
		if r := openedKernel(t, pack(small), small); !whole(r) {
			t.Errorf("%s: %v", name, r.Problems)
		}
	}
	large := packers["zstd"](slices.Concat(small, make([]byte, smallImage)))
	if got := codes(inspectBytes(t, large).Problems); !slices.Equal(got, []string{"too-large"}) {
		t.Errorf("large image: %q", got)
	}
}

// endless is a compression whose data unpacks to zeros without end.
type endless struct{}

func (endless) Read(p []byte) (int, error) { clear(p); return len(p), nil }

func TestBomb(t *testing.T) {
	p := compression{name: "endless", reader: func(*bufio.Reader, int) (io.Reader, error) { return endless{}, nil }}
	out, err := files.NewTemp()
	if err != nil {
		t.Fatal(err)
	}
	defer out.Close()
	size, err := p.decompressTo(t.Context(), out, newTestBlob("").reader(), smallDictionary, 3*copySize)
	var fault Finding
	if size != 3*copySize || !errors.As(err, &fault) || fault.Code != "too-large" {
		t.Errorf("%d bytes, error %v", size, err)
	}
}

func TestTooLargeDecompressed(t *testing.T) {
	path := writeFile(t, "kernel", kerneltest.PV().Bytes())
	if err := os.Truncate(path, MaxKernelSize+1); err != nil {
		t.Fatal(err)
	}
	if got := codes(openKernel(t, path).Facts().Problems); !slices.Equal(got, []string{"too-large"}) {
		t.Errorf("%q", got)
	}
}
