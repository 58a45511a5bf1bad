package image

import (
	"debug/elf"
	"encoding/binary"
	"errors"
	"io"
	"slices"
	"strings"
	"testing"

	"github.com/unikernel-ami/packer-plugin-unikernel/xenpv/internal/kerneltest"
)

// In GRUB's i386 image, the last note has 12 bytes but the file ends after 4.
func TestLastNoteBeyondTheEnd(t *testing.T) {
	k := kerneltest.PV().I386()
	kerneltest.With(kerneltest.NotePAEMode, "yes\x00")(&k)
	k.Strip = true
	file := k.Bytes()
	last := strings.LastIndex(string(file), "yes\x00")
	file = file[:last+4]
	binary.LittleEndian.PutUint32(file[last-12:], 12) // descsz: type and owner follow
	if r := inspectBytes(t, file); !whole(r) {
		t.Error(r.Problems)
	}
}

// A note's size can point far beyond the file; the notes before it count.
func TestNoteOfExtremeSize(t *testing.T) {
	k := kerneltest.PV()
	k.Notes = append(k.Notes, kerneltest.NewNote("Xen", 4711, "ends here"))
	file := k.Bytes()
	at := strings.Index(string(file), "ends here") - 12
	binary.LittleEndian.PutUint32(file[at:], 0xfffffffe)
	if r := inspectBytes(t, file); !whole(r) {
		t.Error(r.Problems)
	}
}

func TestTooManyNotes(t *testing.T) {
	k := kerneltest.PV()
	k.Notes = append(slices.Repeat([]kerneltest.Note{kerneltest.NewNote("GNU", 1, "")}, maxNotes-1), kerneltest.XenVersion, kerneltest.Loader)
	if r := inspectBytes(t, k.Bytes()); r.Guest.XenVersion != "xen-3.0" || r.Guest.Loader != "" {
		t.Errorf("XEN_VERSION %q, LOADER %q: note %d must be read, and the next not", r.Guest.XenVersion, r.Guest.Loader, maxNotes)
	}
}

func TestLongStringIsNoNote(t *testing.T) {
	k := kerneltest.PV()
	kerneltest.With(kerneltest.NoteGuestOS, strings.Repeat("x", maxString)+"\x00")(&k)
	if r := inspectBytes(t, k.Bytes()); r.Guest.OS != "" || !whole(r) {
		t.Errorf("GUEST_OS of %d bytes, %v", len(r.Guest.OS), r.Problems)
	}
}

// 1200 sections were seen in a real image.
func TestManySections(t *testing.T) {
	k := kerneltest.Legacy(kerneltest.MirageLegacy)
	file := k.Bytes()
	at := binary.LittleEndian.Uint64(file[40:]) // e_shoff
	sections := slices.Concat(file[at:at+2*64], make([]byte, 1200*64), file[at+2*64:])
	binary.LittleEndian.PutUint16(file[60:], 1203) // e_shnum
	if r := inspectBytes(t, append(file[:at], sections...)); !whole(r) {
		t.Error(r.Problems)
	}
}

func TestEveryTruncationIsRefused(t *testing.T) {
	for name, k := range map[string]kerneltest.Kernel{
		"notes":         kerneltest.PV(),
		"legacy":        kerneltest.Legacy(kerneltest.MirageLegacy),
		"32-bit legacy": kerneltest.Legacy(kerneltest.MirageLegacy + ",PAE=yes").I386(),
	} {
		file := k.Bytes()
		if r := inspectBytes(t, file); !whole(r) {
			t.Fatal(name, r.Problems)
		}
		// The 32-bit section header is 24 bytes shorter than its place.
		for size := 1; size < len(file)-24; size++ {
			if r := inspectBytes(t, file[:size]); whole(r) {
				t.Errorf("%s: %d of %d bytes are taken for a kernel", name, size, len(file))
			}
		}
	}
}

// Reading ends and stays in the file for all values of the header fields.
func TestExtremeHeaderFields(t *testing.T) {
	for _, k := range []kerneltest.Kernel{kerneltest.PV(), kerneltest.Legacy(kerneltest.MirageLegacy), kerneltest.Legacy(kerneltest.MirageLegacy).I386()} {
		file := k.Bytes()
		for at := range file {
			for _, value := range []string{"\x00", "\xff", "\xff\xff\xff\xff", "\xff\xff\xff\xff\xff\xff\xff\xff", "\xff\xff\xff\xff\xff\xff\xff\x7f"} {
				changed := slices.Clone(file)
				copy(changed[at:], value)
				checkFacts(t, inspectBytes(t, changed))
			}
		}
	}
}

// A segment without bytes in the file may point anywhere.
func TestSegmentOfZeros(t *testing.T) {
	file := kerneltest.PV().Bytes()
	binary.LittleEndian.PutUint64(file[64+8:], 1<<40) // p_offset
	binary.LittleEndian.PutUint64(file[64+32:], 0)    // p_filesz
	if r := inspectBytes(t, file); !whole(r) {
		t.Error(r.Problems)
	}
	binary.LittleEndian.PutUint64(file[64+32:], 1)
	if got := codes(inspectBytes(t, file).Problems); !slices.Equal(got, []string{"truncated"}) {
		t.Errorf("with one byte: %q", got)
	}
}

// In a big-endian file no field can be read as usual.
func TestBigEndian(t *testing.T) {
	k := kerneltest.PV()
	k.Data = elf.ELFDATA2MSB
	file := k.Bytes()
	binary.BigEndian.PutUint64(file[32:], 64) // e_phoff
	if got := codes(inspectBytes(t, file).Problems); !slices.Equal(got, []string{"wrong-machine"}) {
		t.Errorf("%q", got)
	}
}

func TestNoKernel(t *testing.T) {
	for name, test := range map[string]struct{ image, problem string }{
		"one byte":   {"x", "not-a-kernel"},
		"text":       {"#!/bin/sh\nexit 0\n", "not-a-kernel"},
		"magic only": {elf.ELFMAG, "truncated"},
		"zeros":      {strings.Repeat("\x00", 1<<16), "not-a-kernel"},
	} {
		r := inspectBytes(t, []byte(test.image))
		if got := codes(r.Problems); !slices.Equal(got, []string{test.problem}) || whole(r) {
			t.Errorf("%s: %q, want %q", name, got, test.problem)
		}
	}
}

// brokenDisk fails to read from an offset on.
type brokenDisk struct {
	io.ReaderAt
	from int64
}

var errDisk = errors.New("input/output error")

func (d brokenDisk) ReadAt(p []byte, off int64) (int, error) {
	if off+int64(len(p)) > d.from {
		return 0, errDisk
	}
	return d.ReaderAt.ReadAt(p, off)
}

// A read error is not a fault of the image.
func TestReadErrors(t *testing.T) {
	for name, image := range map[string][]byte{"ELF": kerneltest.PV().Bytes(), "gzip": packGzip(kerneltest.PV().Bytes())} {
		for from := range len(image) {
			_, err := Inspect(t.Context(), brokenDisk{strings.NewReader(string(image)), int64(from)}, int64(len(image)))
			if !errors.Is(err, errDisk) {
				t.Fatalf("%s, unreadable from %d on: error %v", name, from, err)
			}
		}
	}
	if _, err := Inspect(t.Context(), strings.NewReader("\x7fELF"), 4096); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("file that shrank: error %v", err)
	}
	if _, err := Inspect(t.Context(), strings.NewReader(""), 0); err == nil {
		t.Error("an empty image is not an error")
	}
}
