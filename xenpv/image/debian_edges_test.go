package image

import (
	"debug/elf"
	"encoding/binary"
	"io"
	"os"
	"path/filepath"
	"testing"

	"github.com/unikernel-ami/packer-plugin-unikernel/internal/oracle"
)

// debianELFs returns the ELF files among Debian's images, decompressed.
func debianELFs(t *testing.T) map[string][]byte {
	t.Helper()
	dir := oracle.DebianImages(t)
	images := map[string][]byte{}
	for _, name := range []string{"gnumach-amd64.gz", "gnumach-i386.gz", "grub-x86_64-xen.bin", "grub-i386-xen.bin", "grub-i386-xen_pvh.bin", "hvmloader"} {
		kernel, err := io.ReadAll(openKernel(t, filepath.Join(dir, name)).Kernel())
		if err != nil {
			t.Fatal(err)
		}
		images[name] = kernel
	}
	return images
}

// edges are the offsets at which a part of an ELF begins or ends, and the end of
// the last part that no kernel boots without.
func edges(image []byte) (offsets []uint64, needed uint64) {
	f := readELF(blobOf(image))
	segments, sections, _, _ := f.readHeader()
	add := func(off, size uint64, need bool) {
		offsets = append(offsets, off, off+size)
		if need {
			needed = max(needed, off+size)
		}
	}
	add(0, 4, true)
	add(0, elf.EI_NIDENT, true)
	add(0, segments.off, true)
	for _, t := range []table{segments, sections} {
		for i := range t.count {
			add(t.at(i), t.size, true)
		}
	}
	for _, s := range f.segments {
		add(s.off, s.filesz, s.loadable())
	}
	for _, s := range f.sections {
		if s.kind != elf.SHT_NOBITS {
			add(s.off, s.size, false)
		}
	}
	return offsets, needed
}

// A real kernel that is cut at a border of its parts, or a byte before or
// behind, is never taken as complete.
func TestDebianTruncated(t *testing.T) {
	for name, image := range debianELFs(t) {
		offsets, needed := edges(image)
		done := map[uint64]bool{}
		for _, edge := range offsets {
			for _, size := range []uint64{edge - 1, edge, edge + 1} {
				if size == 0 || size > uint64(len(image)) || done[size] {
					continue
				}
				done[size] = true
				r := inspectBytes(t, image[:size])
				checkFacts(t, r)
				if whole(r) && size < needed {
					t.Errorf("%s: %d of %d bytes are taken for a kernel", name, size, len(image))
				}
			}
		}
	}
}

// patched is an image with some bytes overwritten.
type patched struct {
	image []byte
	at    int
	bytes []byte
}

func (p patched) ReadAt(b []byte, off int64) (int, error) {
	n := copy(b, p.image[min(off, int64(len(p.image))):])
	for i, v := range p.bytes {
		if at := int64(p.at+i) - off; at >= 0 && at < int64(n) {
			b[at] = v
		}
	}
	if n < len(b) {
		return n, io.EOF
	}
	return n, nil
}

// Each word of a real kernel's file header, program headers and first section
// headers may have any value.
func TestDebianExtremeFields(t *testing.T) {
	const someSections = 4 // the code reads all sections alike
	for name, image := range debianELFs(t) {
		segments, sections, _, _ := readELF(blobOf(image)).readHeader()
		var fields []uint64
		for _, part := range []table{{0, 64, 1}, {segments.off, segments.size, segments.count}, {sections.off, sections.size, min(sections.count, someSections)}} {
			for at := part.off; at+4 <= part.off+part.size*part.count; at += 4 {
				fields = append(fields, at)
			}
		}
		for _, at := range fields {
			for _, value := range []uint32{0, 0x7fffffff, 0xffffffff} {
				word := binary.LittleEndian.AppendUint32(nil, value)
				r, err := Inspect(t.Context(), patched{image, int(at), word}, int64(len(image)))
				if err != nil {
					t.Fatalf("%s, %#x at %d: %v", name, value, at, err)
				}
				checkFacts(t, r)
			}
		}
	}
}

// The same for a bzImage's setup header, and the ends of its parts.
func TestDebianBzImageEdges(t *testing.T) {
	image, err := os.ReadFile(filepath.Join(oracle.DebianImages(t), "vmlinuz-cloud-amd64"))
	if err != nil {
		t.Fatal(err)
	}
	payload := (uint64(image[setupSectorsAt])+1)*512 + uint64(binary.LittleEndian.Uint32(image[payloadOffsetAt:]))
	for _, size := range []uint64{1, 2, 0x1f1, setupMagicAt, setupMagicAt + 3, setupMagicAt + 4, bootProtocolAt + 2, setupHeaderEnd - 1, setupHeaderEnd, payload - 1, payload, payload + 1, payload + 4096} {
		r := inspectBytes(t, image[:size])
		checkFacts(t, r)
		if whole(r) {
			t.Errorf("%d of %d bytes are taken for a kernel", size, len(image))
		}
	}
	for _, at := range []int{setupSectorsAt, bootProtocolAt, payloadOffsetAt, payloadLengthAt} {
		for _, value := range []uint32{0, 0x7fffffff, 0xffffffff} {
			r, err := Inspect(t.Context(), patched{image, at, binary.LittleEndian.AppendUint32(nil, value)}, int64(len(image)))
			if err != nil {
				t.Fatal(err)
			}
			checkFacts(t, r)
		}
	}
}
