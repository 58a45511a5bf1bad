package boot

import (
	"bytes"
	"debug/elf"
	"slices"
	"strings"
	"testing"

	"github.com/unikernel-ami/packer-plugin-unikernel/xenpv/image"
	"github.com/unikernel-ami/packer-plugin-unikernel/xenpv/internal/kerneltest"
)

// rules has a row for each rule of Xen's PV kerneltest.Loader, on both sides of it.
// boot is "pv" if problem is empty.
var rules = []struct {
	name    string
	kernel  kerneltest.Kernel
	change  func(k *kerneltest.Kernel)
	problem string
	boot    string
}{
	{name: "notes in a segment", kernel: kerneltest.PV()},
	{name: "notes in a section", kernel: kerneltest.PV(), change: func(k *kerneltest.Kernel) { k.Where = kerneltest.InSection }},
	{name: "notes in both", kernel: kerneltest.PV(), change: func(k *kerneltest.Kernel) { k.Where = kerneltest.InBoth }},
	{name: "notes and no section headers", kernel: kerneltest.PV(), change: func(k *kerneltest.Kernel) { k.Strip = true }},
	{name: "legacy section", kernel: kerneltest.Legacy(kerneltest.MirageLegacy)},
	{name: "legacy section and no section headers", kernel: kerneltest.Legacy(kerneltest.MirageLegacy),
		change: func(k *kerneltest.Kernel) { k.Strip = true }, problem: "no-sections"},
	{name: "legacy section beside notes of another owner", kernel: kerneltest.Legacy(kerneltest.MirageLegacy),
		change: func(k *kerneltest.Kernel) { k.Notes = []kerneltest.Note{kerneltest.NewNote("GNU", 3, "build-id")} }},
	{name: "legacy section beside Xen's notes", kernel: kerneltest.Legacy("LOADER=none"),
		change: func(k *kerneltest.Kernel) { k.Notes = []kerneltest.Note{kerneltest.XenVersion, kerneltest.Loader} }},
	{name: "notes of another owner", kernel: kerneltest.PV(),
		change: func(k *kerneltest.Kernel) {
			k.Notes, k.Where = []kerneltest.Note{kerneltest.NewNote("GNU", kerneltest.NoteLoader, "generic\x00")}, kerneltest.InBoth
		}, problem: "not-xen"},
	{name: "owner that begins with Xen", kernel: kerneltest.PV(),
		change: func(k *kerneltest.Kernel) {
			k.Notes, k.Where = []kerneltest.Note{kerneltest.NewNote("Xenix", kerneltest.NoteLoader, "generic\x00")}, kerneltest.InBoth
		}, problem: "not-xen"},
	{name: "unknown notes", kernel: kerneltest.PV(),
		change: func(k *kerneltest.Kernel) {
			k.Notes = append(k.Notes, kerneltest.NewNote("Xen", 4711, "new"), kerneltest.NewNote("Xen", 17, kerneltest.Number32(0x801)))
		}},
	{name: "note of no length", kernel: kerneltest.PV(),
		change: func(k *kerneltest.Kernel) {
			k.Notes = append([]kerneltest.Note{kerneltest.NewNote("Xen", 13, "")}, k.Notes...)
		}},

	{name: "no LOADER", kernel: kerneltest.PV(), change: kerneltest.Without(kerneltest.NoteLoader), problem: "loader"},
	{name: "no LOADER but linux", kernel: kerneltest.PV(), change: func(k *kerneltest.Kernel) {
		k.Notes = []kerneltest.Note{kerneltest.XenVersion, kerneltest.NewNote("Xen", kerneltest.NoteGuestOS, "linux\x00")}
	}},
	{name: "no LOADER but Linux", kernel: kerneltest.PV(), change: func(k *kerneltest.Kernel) {
		k.Notes = []kerneltest.Note{kerneltest.XenVersion, kerneltest.NewNote("Xen", kerneltest.NoteGuestOS, "Linux\x00")}
	}, problem: "loader"},
	{name: "LOADER of another kind", kernel: kerneltest.PV(), change: kerneltest.With(kerneltest.NoteLoader, "special\x00"), problem: "loader"},
	{name: "LOADER begins with generic", kernel: kerneltest.PV(), change: kerneltest.With(kerneltest.NoteLoader, "generic loader\x00")},
	{name: "LOADER without its NUL", kernel: kerneltest.PV(), change: kerneltest.With(kerneltest.NoteLoader, "generic")},
	{name: "no XEN_VERSION", kernel: kerneltest.PV(), change: kerneltest.Without(kerneltest.NoteXenVersion), problem: "xen-version"},
	{name: "XEN_VERSION 2", kernel: kerneltest.PV(), change: kerneltest.With(kerneltest.NoteXenVersion, "xen-2.0\x00"), problem: "xen-version"},
	{name: "XEN_VERSION 3.0 and more", kernel: kerneltest.PV(), change: kerneltest.With(kerneltest.NoteXenVersion, "xen-3.0-x86_64\x00")},

	{name: "known features", kernel: kerneltest.PV(), change: kerneltest.With(kerneltest.NoteFeatures, "!writable_page_tables|pae_pgdir_above_4gb|!auto_translated_physmap\x00")},
	{name: "unknown feature offered", kernel: kerneltest.PV(), change: kerneltest.With(kerneltest.NoteFeatures, "from_the_future\x00")},
	{name: "unknown feature required", kernel: kerneltest.PV(), change: kerneltest.With(kerneltest.NoteFeatures, "dom0|!from_the_future\x00"), problem: "unknown-feature"},
	{name: "dom0 offered", kernel: kerneltest.PV(), change: kerneltest.With(kerneltest.NoteFeatures, "writable_page_tables|dom0\x00")},
	{name: "dom0 required", kernel: kerneltest.PV(), change: kerneltest.With(kerneltest.NoteFeatures, "!dom0\x00"), problem: "dom0-only"},
	{name: "unknown feature required in the legacy section", kernel: kerneltest.Legacy(kerneltest.MirageLegacy + ",FEATURES=!new"), problem: "unknown-feature"},

	{name: "i386 without PAE", kernel: kerneltest.PV().I386(), problem: "no-pae"},
	{name: "i386 with PAE", kernel: kerneltest.PV().I386(), change: kerneltest.With(kerneltest.NotePAEMode, "yes\x00")},
	{name: "i386 with PAE or without", kernel: kerneltest.PV().I386(), change: kerneltest.With(kerneltest.NotePAEMode, "yes,bimodal\x00")},
	{name: "i386 with PAE denied", kernel: kerneltest.PV().I386(), change: kerneltest.With(kerneltest.NotePAEMode, "no\x00"), problem: "no-pae"},
	{name: "i386 legacy without PAE", kernel: kerneltest.Legacy(kerneltest.MirageLegacy).I386(), problem: "no-pae"},
	{name: "i386 legacy with PAE", kernel: kerneltest.Legacy(kerneltest.MirageLegacy + ",PAE=yes").I386()},

	{name: "PADDR_OFFSET without VIRT_BASE", kernel: kerneltest.PV(), change: kerneltest.With(kerneltest.NotePaddrOffset, kerneltest.Number64(0)), problem: "paddr-offset"},
	{name: "VIRT_BASE", kernel: kerneltest.PV(), change: func(k *kerneltest.Kernel) {
		kerneltest.With(kerneltest.NoteVirtBase, kerneltest.Number64(0xffffffff80000000))(k)
		k.Entry = 0xffffffff80000000 + kerneltest.Address
	}},
	{name: "numbers of 4 bytes", kernel: kerneltest.PV(), change: func(k *kerneltest.Kernel) {
		kerneltest.With(kerneltest.NoteVirtBase, kerneltest.Number32(0x40000000))(k)
		kerneltest.With(kerneltest.NoteEntry, kerneltest.Number32(0x40000000+kerneltest.Address))(k)
	}},
	{name: "VIRT_BASE above the kernel", kernel: kerneltest.PV(), change: func(k *kerneltest.Kernel) {
		kerneltest.With(kerneltest.NoteVirtBase, kerneltest.Number64(kerneltest.Address+1))(k)
		kerneltest.With(kerneltest.NotePaddrOffset, kerneltest.Number64(kerneltest.Address+1))(k)
	}, problem: "start-bounds"},
	{name: "VIRT_BASE at the kernel's start", kernel: kerneltest.PV(), change: func(k *kerneltest.Kernel) {
		kerneltest.With(kerneltest.NoteVirtBase, kerneltest.Number64(kerneltest.Address))(k)
		kerneltest.With(kerneltest.NotePaddrOffset, kerneltest.Number64(kerneltest.Address))(k)
	}},
	{name: "entry at the start", kernel: kerneltest.PV(), change: kerneltest.With(kerneltest.NoteEntry, kerneltest.Number64(kerneltest.Address))},
	{name: "entry before the start", kernel: kerneltest.PV(), change: kerneltest.With(kerneltest.NoteEntry, kerneltest.Number64(kerneltest.Address-1)), problem: "entry-bounds"},
	{name: "entry at the end", kernel: kerneltest.PV(), change: kerneltest.With(kerneltest.NoteEntry, kerneltest.Number64(kerneltest.Address+0x10000))},
	{name: "entry after the end", kernel: kerneltest.PV(), change: kerneltest.With(kerneltest.NoteEntry, kerneltest.Number64(kerneltest.Address+0x10001)), problem: "entry-bounds"},
	{name: "entry of the ELF header out of bounds", kernel: kerneltest.PV(), change: func(k *kerneltest.Kernel) { k.Entry = 0 }, problem: "entry-bounds"},
	{name: "legacy VIRT_ENTRY", kernel: kerneltest.Legacy(kerneltest.MirageLegacy + ",VIRT_ENTRY=0x10001"), problem: "entry-bounds"},
	{name: "legacy p_paddr that is virtual", kernel: kerneltest.Legacy("XEN_VER=xen-3.0,LOADER=generic,VIRT_BASE=0x100000"),
		change: func(k *kerneltest.Kernel) { k.Paddr, k.Entry = kerneltest.Address, kerneltest.Address }},
	{name: "INIT_P2M before the kernel", kernel: kerneltest.PV(), change: kerneltest.With(kerneltest.NoteInitP2M, kerneltest.Number64(kerneltest.Address-1))},
	{name: "INIT_P2M at the kernel's start", kernel: kerneltest.PV(), change: kerneltest.With(kerneltest.NoteInitP2M, kerneltest.Number64(kerneltest.Address)), problem: "p2m-bounds"},
	{name: "INIT_P2M at the kernel's last byte", kernel: kerneltest.PV(), change: kerneltest.With(kerneltest.NoteInitP2M, kerneltest.Number64(kerneltest.Address+0xffff)), problem: "p2m-bounds"},
	{name: "INIT_P2M at the kernel's end", kernel: kerneltest.PV(), change: kerneltest.With(kerneltest.NoteInitP2M, kerneltest.Number64(kerneltest.Address+0x10000))},
	{name: "nothing loaded", kernel: kerneltest.PV(), change: func(k *kerneltest.Kernel) { k.Flags = 0 }, problem: "segments"},
	{name: "128 GiB", kernel: kerneltest.PV(), change: func(k *kerneltest.Kernel) { k.Memsz = 128 << 30 }},
	{name: "more than 128 GiB", kernel: kerneltest.PV(), change: func(k *kerneltest.Kernel) { k.Memsz = 128<<30 + 1 }, problem: "segments"},
	{name: "segment that wraps around", kernel: kerneltest.PV(), change: func(k *kerneltest.Kernel) { k.Memsz = ^uint64(0) }, problem: "segments"},

	{name: "PVH only", kernel: kerneltest.PV(), change: func(k *kerneltest.Kernel) {
		k.Notes = []kerneltest.Note{kerneltest.NewNote("Xen", kerneltest.NotePhys32Entry, kerneltest.Number32(kerneltest.Address))}
	}, problem: "pvh-only", boot: "pvh"},
	{name: "PVH with an entry out of bounds", kernel: kerneltest.PV(), change: func(k *kerneltest.Kernel) {
		k.Notes = []kerneltest.Note{kerneltest.NewNote("Xen", kerneltest.NotePhys32Entry, kerneltest.Number32(kerneltest.Address-1))}
	}, problem: "loader+xen-version"},
	{name: "PV and PVH", kernel: kerneltest.PV(), change: kerneltest.With(kerneltest.NotePhys32Entry, kerneltest.Number64(kerneltest.Address))},
	{name: "PV out of bounds, and PVH, as Linux 6.1 686-pae", kernel: kerneltest.PV().I386(), change: func(k *kerneltest.Kernel) {
		kerneltest.With(kerneltest.NotePAEMode, "yes\x00")(k)
		kerneltest.With(kerneltest.NoteVirtBase, kerneltest.Number32(0xc0000000))(k)
		kerneltest.With(kerneltest.NotePhys32Entry, kerneltest.Number32(kerneltest.Address))(k)
	}, problem: "pvh-only", boot: "pvh"},

	{name: "object file", kernel: kerneltest.Legacy(kerneltest.MirageLegacy), change: func(k *kerneltest.Kernel) { k.Type = elf.ET_REL }, problem: "object-file"},
	{name: "position-independent", kernel: kerneltest.PV(), change: func(k *kerneltest.Kernel) { k.Type = elf.ET_DYN }},
	{name: "ARM", kernel: kerneltest.PV(), change: func(k *kerneltest.Kernel) { k.Machine = elf.EM_AARCH64 }, problem: "wrong-machine"},
	{name: "32-bit ELF for x86_64", kernel: kerneltest.PV(), change: func(k *kerneltest.Kernel) { k.Class = elf.ELFCLASS32 }, problem: "wrong-class"},
	{name: "64-bit ELF for i386", kernel: kerneltest.PV(), change: func(k *kerneltest.Kernel) { k.Machine = elf.EM_386 }, problem: "wrong-class"},
	{name: "ELF of no class", kernel: kerneltest.PV(), change: func(k *kerneltest.Kernel) { k.Class = 7 }, problem: "wrong-class"},
}

func TestPVRules(t *testing.T) {
	for _, test := range rules {
		t.Run(test.name, func(t *testing.T) {
			if test.change != nil {
				test.change(&test.kernel)
			}
			f := factsOf(t, test.kernel.Bytes())
			boot := test.boot
			switch {
			case boot == "" && test.problem == "":
				boot = "pv"
			case boot == "":
				boot = "none"
			}
			problems := PVGRUB.Check(f)
			if got := strings.Join(codes(problems), "+"); got != test.problem || Protocol(f) != boot {
				t.Errorf("problems %q, protocol %q; want %q, %q\n%v", got, Protocol(f), test.problem, boot, problems)
			}
		})
	}
}

// The rules and the protocol agree for all values of the header fields.
func TestExtremeHeaderFields(t *testing.T) {
	for _, k := range []kerneltest.Kernel{kerneltest.PV(), kerneltest.Legacy(kerneltest.MirageLegacy), kerneltest.Legacy(kerneltest.MirageLegacy).I386()} {
		file := k.Bytes()
		for at := range file {
			for _, value := range []string{"\x00", "\xff", "\xff\xff\xff\xff", "\xff\xff\xff\xff\xff\xff\xff\xff", "\xff\xff\xff\xff\xff\xff\xff\x7f"} {
				changed := slices.Clone(file)
				copy(changed[at:], value)
				f := factsOf(t, changed)
				if problems := PVGRUB.Check(f); (len(problems) == 0) != (Protocol(f) == "pv") {
					t.Fatalf("% x at %d: %v, %s", value, at, problems, Protocol(f))
				}
			}
		}
	}
}

// factsOf inspects an image in memory.
func factsOf(t testing.TB, data []byte) *image.Facts {
	t.Helper()
	f, err := image.Inspect(t.Context(), bytes.NewReader(data), int64(len(data)))
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// codes lists the codes of findings.
func codes(findings []image.Finding) []string {
	var codes []string
	for _, f := range findings {
		codes = append(codes, f.Code)
	}
	return codes
}
