package xenpv

import (
	"debug/elf"
	"encoding/binary"
	"os"
	"slices"
	"strings"
	"testing"
)

// Kernels of systems without Xen PV are named, with the way out.
func TestSystemsWithoutPV(t *testing.T) {
	for name, test := range map[string]struct {
		text   string
		notes  []testNote
		system string
		want   string // in the problem
	}{
		"IncludeOS":            {"IncludeOS 0.16 (x86_64 / 64-bit)", nil, "includeos", "virtio"},
		"Hermit":               {"", []testNote{{"HERMIT", 0x5a00, "\x01"}}, "hermit", "metal instance"},
		"nanos":                {"NANOS_VERSION", nil, "nanos", "ops image create -t aws"},
		"runtime.js":           {"runtime.js kernel build #1", nil, "runtimejs", "virtio only"},
		"Toro":                 {"Loading Toro ...", nil, "toro", "microVMs"},
		"OSv for KVM":          {"OSv options:", nil, "osv", "conf_drivers_xen=1"},
		"Unikraft for KVM":     {".uk_inittab", nil, "unikraft", "CONFIG_PLAT_XEN"},
		"a small Unikraft":     {".intrstack", nil, "unikraft", "CONFIG_PLAT_XEN"},
		"Rumprun for hardware": {"rumpuser_init", nil, "rumprun", "rumprun-bake xen_pv"},
		"Solo5 for hvt":        {"", []testNote{{"Solo5", noteSolo5ABI, number32(1) + number32(2)}}, "solo5", "target hvt"},
		"Solo5 for spt":        {"", []testNote{{"Solo5", noteSolo5ABI, number32(2)}}, "solo5", "target spt"},
		"Solo5 for a new one":  {"", []testNote{{"Solo5", noteSolo5ABI, number32(99)}}, "solo5", "target 99"},
		"MirageOS for virtio":  {"Undefined_recursive_module", []testNote{{"Solo5", noteSolo5ABI, number32(3)}}, "mirage", "target virtio: build it for Xen PV by mirage before 3.9"},
		"early MirageOS, ukvm": {"Undefined_recursive_module Solo5", nil, "mirage", "before 3.9"},
		"LING for Linux":       {"Erlang [ling-0.5.0]", []testNote{{"GNU", 1, number32(0) + number32(3)}}, "ling", "a railing that is built for xen"},
		"GRUB for BIOS":        {"Welcome to GRUB!", nil, "grub", "grub-mkimage"},
		"Linux without Xen":    {"Linux version 6.1", nil, "linux", "CONFIG_XEN_PV"},
		"a Linux program":      {"", []testNote{{"GNU", 1, number32(0) + number32(3)}}, "unknown", "a program for Linux, not a kernel"},
		"a Go program":         {"", []testNote{{"Go", 4, "id"}}, "unknown", "a Go program"},
		"another system's ABI": {"", []testNote{{"GNU", 1, number32(1)}}, "unknown", "neither Xen's ELF notes"},
		"nothing known":        {"", []testNote{{"GNU", 3, "build-id"}}, "unknown", "neither Xen's ELF notes"},
	} {
		k := pvKernel()
		k.text, k.notes = test.text, test.notes
		r := inspectBytes(t, k.bytes())
		if got := codes(r.Problems); !slices.Equal(got, []string{"not-xen"}) || r.System != test.system || !strings.Contains(r.Problems[0].Text, test.want) {
			t.Errorf("%s: %s, %v; want %s, %q", name, r.System, r.Problems, test.system, test.want)
		}
	}
}

// Those that start as PVH say so, and the way out is their own.
func TestSystemsOfPVH(t *testing.T) {
	for text, want := range map[string]string{
		"OSv options:":  "osv: usr.img",
		"NANOS_VERSION": "nanos: ops image create",
		"Loading Toro":  "toro: metal instance",
		"Linux version": "linux: CONFIG_XEN_PV",
	} {
		k := pvKernel()
		k.text = text + " "
		k.notes = []testNote{{"Xen", notePhys32Entry, number32(testAddress)}}
		r := inspectBytes(t, k.bytes())
		system, words, _ := strings.Cut(want, ": ")
		if got := codes(r.Problems); !slices.Equal(got, []string{"pvh-only"}) || r.System != system || !strings.Contains(r.Problems[0].Text, words) {
			t.Errorf("%s: %s, %v; want %q", text, r.System, r.Problems, want)
		}
	}
}

// notKernels are ELF files of which a program header tells that they are none.
func TestProgramKinds(t *testing.T) {
	for name, test := range map[string]struct {
		kind   elf.Type
		entry  uint64
		header elf.ProgType
		text   string
		want   string
	}{
		"a Linux program":     {elf.ET_DYN, testAddress, elf.PT_INTERP, "/lib64/ld-linux-x86-64.so.2\x00", "a program for Linux"},
		"Solo5's interpreter": {elf.ET_EXEC, testAddress, elf.PT_INTERP, "/nonexistent/solo5/\x00", "neither Xen's"},
		"a shared object":     {elf.ET_DYN, 0, elf.PT_DYNAMIC, "", "a shared object"},
		"a core dump":         {elf.ET_CORE, 0, elf.PT_NOTE, "", "a core dump"},
		"a kernel":            {elf.ET_DYN, testAddress, elf.PT_DYNAMIC, "", "neither Xen's"},
	} {
		k := pvKernel()
		k.kind, k.entry, k.text = test.kind, test.entry, test.text
		k.notes = []testNote{{"GNU", 3, "build-id"}}
		image := k.bytes()
		second := 64 + 56
		binary.LittleEndian.PutUint32(image[second:], uint32(test.header))
		binary.LittleEndian.PutUint64(image[second+8:], 64+2*56) // where the text is
		r := inspectBytes(t, image)
		if got := codes(r.Problems); !slices.Equal(got, []string{"not-xen"}) || !strings.Contains(r.Problems[0].Text, test.want) {
			t.Errorf("%s: %v, want %q", name, r.Problems, test.want)
		}
	}
}

// The program that runs this test is one for Linux.
func TestOwnProgram(t *testing.T) {
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	if r := openKernel(t, program).Report(); r.PVGRUB || !strings.Contains(r.Err().Error(), "program") {
		t.Errorf("%v", r.Err())
	}
}

func TestMultiboot(t *testing.T) {
	multiboot1 := number32(0x1badb002) + number32(3) + number32(0xffffffff-0x1badb002-3+1) + number32(0)
	multiboot2 := number32(0xe85250d6) + number32(0) + number32(24) + number32(0xffffffff-0xe85250d6-24+1)
	const textAt = 64 + 2*56 // a multiple of 8
	for name, test := range map[string]struct {
		text string
		want bool
	}{
		"none":                  {"", false},
		"multiboot 1":           {multiboot1, true},
		"multiboot 2":           {multiboot2, true},
		"multiboot 1, aligned":  {"1234" + multiboot1, true},
		"not aligned":           {"12" + multiboot1, false},
		"multiboot 2, by 4":     {"1234" + multiboot2, false},
		"a wrong checksum":      {multiboot1[:8] + number32(1) + number32(0), false},
		"multiboot 1, last":     {strings.Repeat("-", 8<<10-textAt-4) + multiboot1, true},
		"multiboot 1, too late": {strings.Repeat("-", 8<<10-textAt) + multiboot1, false},
		"multiboot 2, too late": {strings.Repeat("-", 32<<10-textAt) + multiboot2, false},
	} {
		k := pvKernel()
		k.notes, k.text = nil, test.text
		r := inspectBytes(t, k.bytes())
		if got := strings.Contains(r.Problems[0].Text, "multiboot header"); got != test.want || r.Problems[0].Code != "not-xen" {
			t.Errorf("%s: %v", name, r.Problems)
		}
	}
}
