package xenpv

import (
	"debug/elf"
	"encoding/binary"
	"errors"
	"io"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const mirageLegacy = "GUEST_OS=Mirage,XEN_VER=xen-3.0,VIRT_BASE=0x0,ELF_PADDR_OFFSET=0x0,HYPERCALL_PAGE=0x2,LOADER=generic"

func TestReportOfNotes(t *testing.T) {
	got := inspectBytes(t, pvKernel().bytes())
	want := &Report{
		Format: "elf64", Arch: "x86_64", Boot: "pv", GuestOS: "Unikraft", Loader: "generic", XenVersion: "xen-3.0",
		Source: "notes", System: "unikraft", Compression: "none", Payload: "elf", KernelSize: int64(len(pvKernel().bytes())),
		PVGRUB: true, Problems: []Finding{}, Warnings: got.Warnings,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if err := got.Err(); err != nil {
		t.Error(err)
	}
}

func TestReportOfLegacySection(t *testing.T) {
	k := legacyKernel(mirageLegacy).i386()
	k.legacy += ",PAE=yes[extended-cr3]"
	got := inspectBytes(t, k.bytes())
	want := &Report{
		Format: "elf32", Arch: "i386", Boot: "pv", GuestOS: "Mirage", Loader: "generic", XenVersion: "xen-3.0",
		Source: "section", System: "mirage", Compression: "none", Payload: "elf", KernelSize: int64(len(k.bytes())),
		PVGRUB: true, Problems: []Finding{}, Warnings: got.Warnings,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// verdicts has a row for each rule of Xen's PV loader, on both sides of it.
// boot is "pv" where problem is empty.
var verdicts = []struct {
	name    string
	kernel  testKernel
	change  func(k *testKernel)
	problem string
	boot    string
}{
	{name: "notes in a segment", kernel: pvKernel()},
	{name: "notes in a section", kernel: pvKernel(), change: func(k *testKernel) { k.where = inSection }},
	{name: "notes in both", kernel: pvKernel(), change: func(k *testKernel) { k.where = inBoth }},
	{name: "notes and no section headers", kernel: pvKernel(), change: func(k *testKernel) { k.strip = true }},
	{name: "legacy section", kernel: legacyKernel(mirageLegacy)},
	{name: "legacy section and no section headers", kernel: legacyKernel(mirageLegacy),
		change: func(k *testKernel) { k.strip = true }, problem: "no-sections"},
	{name: "legacy section beside notes of another owner", kernel: legacyKernel(mirageLegacy),
		change: func(k *testKernel) { k.notes = []testNote{{"GNU", 3, "build-id"}} }},
	{name: "legacy section beside Xen's notes", kernel: legacyKernel("LOADER=none"),
		change: func(k *testKernel) { k.notes = []testNote{xenVersion, loader} }},
	{name: "notes of another owner", kernel: pvKernel(),
		change: func(k *testKernel) { k.notes, k.where = []testNote{{"GNU", noteLoader, "generic\x00"}}, inBoth }, problem: "not-xen"},
	{name: "owner that begins with Xen", kernel: pvKernel(),
		change: func(k *testKernel) { k.notes, k.where = []testNote{{"Xenix", noteLoader, "generic\x00"}}, inBoth }, problem: "not-xen"},
	{name: "unknown notes", kernel: pvKernel(),
		change: func(k *testKernel) {
			k.notes = append(k.notes, testNote{"Xen", 4711, "new"}, testNote{"Xen", 17, number32(0x801)})
		}},
	{name: "note of no length", kernel: pvKernel(),
		change: func(k *testKernel) { k.notes = append([]testNote{{"Xen", 13, ""}}, k.notes...) }},

	{name: "no LOADER", kernel: pvKernel(), change: without(noteLoader), problem: "loader"},
	{name: "no LOADER but linux", kernel: pvKernel(), change: func(k *testKernel) {
		k.notes = []testNote{xenVersion, {"Xen", noteGuestOS, "linux\x00"}}
	}},
	{name: "no LOADER but Linux", kernel: pvKernel(), change: func(k *testKernel) {
		k.notes = []testNote{xenVersion, {"Xen", noteGuestOS, "Linux\x00"}}
	}, problem: "loader"},
	{name: "LOADER of another kind", kernel: pvKernel(), change: with(noteLoader, "special\x00"), problem: "loader"},
	{name: "LOADER begins with generic", kernel: pvKernel(), change: with(noteLoader, "generic loader\x00")},
	{name: "LOADER without its NUL", kernel: pvKernel(), change: with(noteLoader, "generic")},
	{name: "no XEN_VERSION", kernel: pvKernel(), change: without(noteXenVersion), problem: "xen-version"},
	{name: "XEN_VERSION 2", kernel: pvKernel(), change: with(noteXenVersion, "xen-2.0\x00"), problem: "xen-version"},
	{name: "XEN_VERSION 3.0 and more", kernel: pvKernel(), change: with(noteXenVersion, "xen-3.0-x86_64\x00")},

	{name: "known features", kernel: pvKernel(), change: with(noteFeatures, "!writable_page_tables|pae_pgdir_above_4gb|!auto_translated_physmap\x00")},
	{name: "unknown feature offered", kernel: pvKernel(), change: with(noteFeatures, "from_the_future\x00")},
	{name: "unknown feature required", kernel: pvKernel(), change: with(noteFeatures, "dom0|!from_the_future\x00"), problem: "unknown-feature"},
	{name: "dom0 offered", kernel: pvKernel(), change: with(noteFeatures, "writable_page_tables|dom0\x00")},
	{name: "dom0 required", kernel: pvKernel(), change: with(noteFeatures, "!dom0\x00"), problem: "dom0-only"},
	{name: "unknown feature required in the legacy section", kernel: legacyKernel(mirageLegacy + ",FEATURES=!new"), problem: "unknown-feature"},

	{name: "i386 without PAE", kernel: pvKernel().i386(), problem: "no-pae"},
	{name: "i386 with PAE", kernel: pvKernel().i386(), change: with(notePAEMode, "yes\x00")},
	{name: "i386 with PAE or without", kernel: pvKernel().i386(), change: with(notePAEMode, "yes,bimodal\x00")},
	{name: "i386 with PAE denied", kernel: pvKernel().i386(), change: with(notePAEMode, "no\x00"), problem: "no-pae"},
	{name: "i386 legacy without PAE", kernel: legacyKernel(mirageLegacy).i386(), problem: "no-pae"},
	{name: "i386 legacy with PAE", kernel: legacyKernel(mirageLegacy + ",PAE=yes").i386()},

	{name: "PADDR_OFFSET without VIRT_BASE", kernel: pvKernel(), change: with(notePaddrOffset, number64(0)), problem: "paddr-offset"},
	{name: "VIRT_BASE", kernel: pvKernel(), change: func(k *testKernel) {
		with(noteVirtBase, number64(0xffffffff80000000))(k)
		k.entry = 0xffffffff80000000 + testAddress
	}},
	{name: "numbers of 4 bytes", kernel: pvKernel(), change: func(k *testKernel) {
		with(noteVirtBase, number32(0x40000000))(k)
		with(noteEntry, number32(0x40000000+testAddress))(k)
	}},
	{name: "VIRT_BASE above the kernel", kernel: pvKernel(), change: func(k *testKernel) {
		with(noteVirtBase, number64(testAddress+1))(k)
		with(notePaddrOffset, number64(testAddress+1))(k)
	}, problem: "start-bounds"},
	{name: "VIRT_BASE at the kernel's start", kernel: pvKernel(), change: func(k *testKernel) {
		with(noteVirtBase, number64(testAddress))(k)
		with(notePaddrOffset, number64(testAddress))(k)
	}},
	{name: "entry at the start", kernel: pvKernel(), change: with(noteEntry, number64(testAddress))},
	{name: "entry before the start", kernel: pvKernel(), change: with(noteEntry, number64(testAddress-1)), problem: "entry-bounds"},
	{name: "entry at the end", kernel: pvKernel(), change: with(noteEntry, number64(testAddress+0x10000))},
	{name: "entry behind the end", kernel: pvKernel(), change: with(noteEntry, number64(testAddress+0x10001)), problem: "entry-bounds"},
	{name: "entry of the ELF header out of bounds", kernel: pvKernel(), change: func(k *testKernel) { k.entry = 0 }, problem: "entry-bounds"},
	{name: "legacy VIRT_ENTRY", kernel: legacyKernel(mirageLegacy + ",VIRT_ENTRY=0x10001"), problem: "entry-bounds"},
	{name: "legacy p_paddr that is virtual", kernel: legacyKernel("XEN_VER=xen-3.0,LOADER=generic,VIRT_BASE=0x100000"),
		change: func(k *testKernel) { k.paddr, k.entry = testAddress, testAddress }},
	{name: "INIT_P2M before the kernel", kernel: pvKernel(), change: with(noteInitP2M, number64(testAddress-1))},
	{name: "INIT_P2M at the kernel's start", kernel: pvKernel(), change: with(noteInitP2M, number64(testAddress)), problem: "p2m-bounds"},
	{name: "INIT_P2M at the kernel's last byte", kernel: pvKernel(), change: with(noteInitP2M, number64(testAddress+0xffff)), problem: "p2m-bounds"},
	{name: "INIT_P2M at the kernel's end", kernel: pvKernel(), change: with(noteInitP2M, number64(testAddress+0x10000))},
	{name: "nothing loaded", kernel: pvKernel(), change: func(k *testKernel) { k.flags = 0 }, problem: "segments"},
	{name: "128 GiB", kernel: pvKernel(), change: func(k *testKernel) { k.memsz = 128 << 30 }},
	{name: "more than 128 GiB", kernel: pvKernel(), change: func(k *testKernel) { k.memsz = 128<<30 + 1 }, problem: "segments"},
	{name: "segment that wraps around", kernel: pvKernel(), change: func(k *testKernel) { k.memsz = ^uint64(0) }, problem: "segments"},

	{name: "PVH only", kernel: pvKernel(), change: func(k *testKernel) {
		k.notes = []testNote{{"Xen", notePhys32Entry, number32(testAddress)}}
	}, problem: "pvh-only", boot: "pvh"},
	{name: "PVH with an entry out of bounds", kernel: pvKernel(), change: func(k *testKernel) {
		k.notes = []testNote{{"Xen", notePhys32Entry, number32(testAddress - 1)}}
	}, problem: "loader+xen-version"},
	{name: "PV and PVH", kernel: pvKernel(), change: with(notePhys32Entry, number64(testAddress))},
	{name: "PV out of bounds, and PVH, as Linux 6.1 686-pae", kernel: pvKernel().i386(), change: func(k *testKernel) {
		with(notePAEMode, "yes\x00")(k)
		with(noteVirtBase, number32(0xc0000000))(k)
		with(notePhys32Entry, number32(testAddress))(k)
	}, problem: "pvh-only", boot: "pvh"},

	{name: "object file", kernel: legacyKernel(mirageLegacy), change: func(k *testKernel) { k.kind = elf.ET_REL }, problem: "object-file"},
	{name: "position-independent", kernel: pvKernel(), change: func(k *testKernel) { k.kind = elf.ET_DYN }},
	{name: "ARM", kernel: pvKernel(), change: func(k *testKernel) { k.machine = elf.EM_AARCH64 }, problem: "wrong-machine"},
	{name: "32-bit ELF for x86_64", kernel: pvKernel(), change: func(k *testKernel) { k.class = elf.ELFCLASS32 }, problem: "wrong-class"},
	{name: "64-bit ELF for i386", kernel: pvKernel(), change: func(k *testKernel) { k.machine = elf.EM_386 }, problem: "wrong-class"},
	{name: "ELF of no class", kernel: pvKernel(), change: func(k *testKernel) { k.class = 7 }, problem: "wrong-class"},
}

// with sets a note.
func with(kind uint32, desc string) func(*testKernel) {
	return func(k *testKernel) {
		without(kind)(k)
		k.notes = append(k.notes, testNote{"Xen", kind, desc})
	}
}

// without takes a note away.
func without(kind uint32) func(*testKernel) {
	return func(k *testKernel) {
		k.notes = slices.DeleteFunc(slices.Clone(k.notes), func(n testNote) bool { return n.kind == kind })
	}
}

func TestVerdicts(t *testing.T) {
	for _, test := range verdicts {
		t.Run(test.name, func(t *testing.T) {
			if test.change != nil {
				test.change(&test.kernel)
			}
			r := inspectBytes(t, test.kernel.bytes())
			boot := test.boot
			switch {
			case boot == "" && test.problem == "":
				boot = "pv"
			case boot == "":
				boot = "none"
			}
			if got := strings.Join(codes(r.Problems), "+"); got != test.problem || r.Boot != boot {
				t.Errorf("problems %q, boot %q; want %q, %q\n%v", got, r.Boot, test.problem, boot, r.Err())
			}
			if r.PVGRUB != (test.problem == "") || (r.Err() == nil) != r.PVGRUB {
				t.Errorf("pvgrub is %v, error %v", r.PVGRUB, r.Err())
			}
		})
	}
}

// GRUB's i386 image says that its last note has 12 bytes, and ends after 4.
func TestLastNoteBeyondTheEnd(t *testing.T) {
	k := pvKernel().i386()
	with(notePAEMode, "yes\x00")(&k)
	k.strip = true
	file := k.bytes()
	last := strings.LastIndex(string(file), "yes\x00")
	file = file[:last+4]
	binary.LittleEndian.PutUint32(file[last-12:], 12) // descsz: behind it are type and owner
	if r := inspectBytes(t, file); !r.PVGRUB {
		t.Error(r.Err())
	}
}

// A note's size can point far beyond the file; the notes before it count.
func TestNoteOfExtremeSize(t *testing.T) {
	k := pvKernel()
	k.notes = append(k.notes, testNote{"Xen", 4711, "ends here"})
	file := k.bytes()
	at := strings.Index(string(file), "ends here") - 12
	binary.LittleEndian.PutUint32(file[at:], 0xfffffffe)
	if r := inspectBytes(t, file); !r.PVGRUB {
		t.Error(r.Err())
	}
}

func TestTooManyNotes(t *testing.T) {
	k := pvKernel()
	k.notes = append(slices.Repeat([]testNote{{"GNU", 1, ""}}, maxNotes-1), xenVersion, loader)
	if r := inspectBytes(t, k.bytes()); r.XenVersion != "xen-3.0" || r.Loader != "" {
		t.Errorf("XEN_VERSION %q, LOADER %q: note %d must be read, and the next not", r.XenVersion, r.Loader, maxNotes)
	}
}

func TestLongStringIsNoNote(t *testing.T) {
	k := pvKernel()
	with(noteGuestOS, strings.Repeat("x", maxString)+"\x00")(&k)
	if r := inspectBytes(t, k.bytes()); r.GuestOS != "" || !r.PVGRUB {
		t.Errorf("GUEST_OS of %d bytes, %v", len(r.GuestOS), r.Err())
	}
}

// 1200 sections were seen in a real image.
func TestManySections(t *testing.T) {
	k := legacyKernel(mirageLegacy)
	file := k.bytes()
	at := binary.LittleEndian.Uint64(file[40:]) // e_shoff
	sections := slices.Concat(file[at:at+2*64], make([]byte, 1200*64), file[at+2*64:])
	binary.LittleEndian.PutUint16(file[60:], 1203) // e_shnum
	if r := inspectBytes(t, append(file[:at], sections...)); !r.PVGRUB {
		t.Error(r.Err())
	}
}

func TestEveryTruncationIsRefused(t *testing.T) {
	for name, k := range map[string]testKernel{
		"notes":         pvKernel(),
		"legacy":        legacyKernel(mirageLegacy),
		"32-bit legacy": legacyKernel(mirageLegacy + ",PAE=yes").i386(),
	} {
		file := k.bytes()
		if r := inspectBytes(t, file); !r.PVGRUB {
			t.Fatal(name, r.Err())
		}
		// The 32-bit section header is 24 bytes shorter than its place.
		for size := 1; size < len(file)-24; size++ {
			if r := inspectBytes(t, file[:size]); r.PVGRUB {
				t.Errorf("%s: %d of %d bytes are taken for a kernel", name, size, len(file))
			}
		}
	}
}

// Whatever a header field says, reading it ends, within the file.
func TestExtremeHeaderFields(t *testing.T) {
	for _, k := range []testKernel{pvKernel(), legacyKernel(mirageLegacy), legacyKernel(mirageLegacy).i386()} {
		file := k.bytes()
		for at := range file {
			for _, value := range []string{"\x00", "\xff", "\xff\xff\xff\xff", "\xff\xff\xff\xff\xff\xff\xff\xff", "\xff\xff\xff\xff\xff\xff\xff\x7f"} {
				changed := slices.Clone(file)
				copy(changed[at:], value)
				r := inspectBytes(t, changed)
				if r.PVGRUB != (len(r.Problems) == 0) || r.PVGRUB && r.Boot != "pv" {
					t.Fatalf("% x at %d: %+v", value, at, r)
				}
			}
		}
	}
}

// A segment without bytes in the file may point anywhere.
func TestSegmentOfZeros(t *testing.T) {
	file := pvKernel().bytes()
	binary.LittleEndian.PutUint64(file[64+8:], 1<<40) // p_offset
	binary.LittleEndian.PutUint64(file[64+32:], 0)    // p_filesz
	if r := inspectBytes(t, file); !r.PVGRUB {
		t.Error(r.Err())
	}
	binary.LittleEndian.PutUint64(file[64+32:], 1)
	if got := codes(inspectBytes(t, file).Problems); !slices.Equal(got, []string{"truncated"}) {
		t.Errorf("with one byte: %q", got)
	}
}

// In a big-endian file no field can be read as usual.
func TestBigEndian(t *testing.T) {
	k := pvKernel()
	k.data = elf.ELFDATA2MSB
	file := k.bytes()
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
		if got := codes(r.Problems); !slices.Equal(got, []string{test.problem}) || r.PVGRUB {
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

// What can't be read says nothing about the image.
func TestReadErrors(t *testing.T) {
	for name, image := range map[string][]byte{"ELF": pvKernel().bytes(), "gzip": packGzip(pvKernel().bytes())} {
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
		t.Error("an empty image is no error")
	}
}
