package boot

import (
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/unikernel-ami/packer-plugin-unikernel/xenpv/internal/kerneltest"
)

// Kernels of systems without Xen PV are recognized, with a remedy.
func TestSystemsWithoutPV(t *testing.T) {
	for name, test := range map[string]struct {
		text   string
		notes  []kerneltest.Note
		system string
		want   string // in the problem
	}{
		"IncludeOS":            {"IncludeOS 0.16 (x86_64 / 64-bit)", nil, "includeos", "virtio"},
		"Hermit":               {"", []kerneltest.Note{kerneltest.NewNote("HERMIT", 0x5a00, "\x01")}, "hermit", "metal instance"},
		"nanos":                {"NANOS_VERSION", nil, "nanos", "ops image create -t aws"},
		"runtime.js":           {"runtime.js kernel build #1", nil, "runtimejs", "only drivers for virtio"},
		"Toro":                 {"Loading Toro ...", nil, "toro", "microVMs"},
		"OSv for KVM":          {"OSv options:", nil, "osv", "conf_drivers_xen=1"},
		"Unikraft for KVM":     {".uk_inittab", nil, "unikraft", "CONFIG_PLAT_XEN"},
		"a small Unikraft":     {".intrstack", nil, "unikraft", "CONFIG_PLAT_XEN"},
		"Rumprun for hardware": {"rumpuser_init", nil, "rumprun", "rumprun-bake xen_pv"},
		"Solo5 for hvt":        {"", []kerneltest.Note{kerneltest.NewNote("Solo5", kerneltest.NoteSolo5ABI, kerneltest.Number32(1)+kerneltest.Number32(2))}, "solo5", "target hvt"},
		"Solo5 for spt":        {"", []kerneltest.Note{kerneltest.NewNote("Solo5", kerneltest.NoteSolo5ABI, kerneltest.Number32(2))}, "solo5", "target spt"},
		"Solo5 for a new one":  {"", []kerneltest.Note{kerneltest.NewNote("Solo5", kerneltest.NoteSolo5ABI, kerneltest.Number32(99))}, "solo5", "target 99"},
		"MirageOS for virtio":  {"Undefined_recursive_module", []kerneltest.Note{kerneltest.NewNote("Solo5", kerneltest.NoteSolo5ABI, kerneltest.Number32(3))}, "mirage", "target virtio: build it for Xen PV with mirage before 3.9"},
		"early MirageOS, ukvm": {"Undefined_recursive_module Solo5", nil, "mirage", "before 3.9"},
		"LING for Linux":       {"Erlang [ling-0.5.0]", []kerneltest.Note{kerneltest.NewNote("GNU", 1, kerneltest.Number32(0)+kerneltest.Number32(3))}, "ling", "a railing that is built for xen"},
		"GRUB for BIOS":        {"Welcome to GRUB!", nil, "grub", "grub-mkimage"},
		"Linux without Xen":    {"Linux version 6.1", nil, "linux", "CONFIG_XEN_PV"},
		"a Linux program":      {"", []kerneltest.Note{kerneltest.NewNote("GNU", 1, kerneltest.Number32(0)+kerneltest.Number32(3))}, "unknown", "a program for Linux, not a kernel"},
		"a Go program":         {"", []kerneltest.Note{kerneltest.NewNote("Go", 4, "id")}, "unknown", "a Go program"},
		"another system's ABI": {"", []kerneltest.Note{kerneltest.NewNote("GNU", 1, kerneltest.Number32(1))}, "unknown", "neither Xen's ELF notes"},
		"nothing known":        {"", []kerneltest.Note{kerneltest.NewNote("GNU", 3, "build-id")}, "unknown", "neither Xen's ELF notes"},
	} {
		k := kerneltest.PV()
		k.Text, k.Notes = test.text, test.notes
		f := factsOf(t, k.Bytes())
		problems := PVGRUB.Check(f)
		if got := codes(problems); !slices.Equal(got, []string{"not-xen"}) || f.System != test.system || !strings.Contains(problems[0].Text, test.want) {
			t.Errorf("%s: %s, %v; want %s, %q", name, f.System, problems, test.system, test.want)
		}
	}
}

// PVH kernels are recognized, each with its own remedy.
func TestSystemsOfPVH(t *testing.T) {
	for text, want := range map[string]string{
		"OSv options:":  "osv: usr.img",
		"NANOS_VERSION": "nanos: ops image create",
		"Loading Toro":  "toro: metal instance",
		"Linux version": "linux: CONFIG_XEN_PV",
	} {
		k := kerneltest.PV()
		k.Text = text + " "
		k.Notes = []kerneltest.Note{kerneltest.NewNote("Xen", kerneltest.NotePhys32Entry, kerneltest.Number32(kerneltest.Address))}
		f := factsOf(t, k.Bytes())
		problems := PVGRUB.Check(f)
		system, words, _ := strings.Cut(want, ": ")
		if got := codes(problems); !slices.Equal(got, []string{"pvh-only"}) || f.System != system || !strings.Contains(problems[0].Text, words) {
			t.Errorf("%s: %s, %v; want %q", text, f.System, problems, want)
		}
	}
}

// The program that runs this test is one for Linux.
func TestOwnProgram(t *testing.T) {
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(program)
	if err != nil {
		t.Fatal(err)
	}
	problems := PVGRUB.Check(factsOf(t, data))
	if len(problems) != 1 || !strings.Contains(problems[0].Text, "program") {
		t.Errorf("%v", problems)
	}
}

// A PVH kernel has no GUEST_OS.
func TestSystemOfPVH(t *testing.T) {
	for text, want := range map[string]struct{ system, remedy string }{
		"Solo5 Undefined_recursive_module": {"mirage", "rebuild it with mirage before 3.9, or use the boot method multiboot"},
		"Solo5":                            {"solo5", "build the program with mirage before 3.9"},
		"Welcome to GRUB!":                 {"grub", "grub-mkimage -O x86_64-xen"},
	} {
		k := kerneltest.PV()
		k.Text = text
		k.Notes = []kerneltest.Note{kerneltest.NewNote("Xen", kerneltest.NotePhys32Entry, kerneltest.Number32(kerneltest.Address))}
		f := factsOf(t, k.Bytes())
		if f.System != want.system || Protocol(f) != "pvh" || !strings.Contains(PVGRUB.Check(f)[0].Text, want.remedy) {
			t.Errorf("%s: %s, %s, %v", text, f.System, Protocol(f), PVGRUB.Check(f))
		}
	}
}
