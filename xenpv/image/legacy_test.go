package image

import (
	"math"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/unikernel-ami/packer-plugin-unikernel/xenpv/internal/kerneltest"
)

func TestParseLegacy(t *testing.T) {
	none := Guest{VirtBase: Unset, PaddrOffset: Unset, Entry: Unset}
	long := strings.Repeat("x", maxLegacyValue)
	for text, want := range map[string]Guest{
		"": {},
		"GUEST_OS=Mini-OS,XEN_VER=xen-3.0,LOADER=generic":        {OS: "Mini-OS", XenVersion: "xen-3.0", Loader: "generic"},
		"VIRT_BASE=0x400000,ELF_PADDR_OFFSET=010,VIRT_ENTRY=12,": {VirtBase: 0x400000, PaddrOffset: 8, Entry: 12},
		"LOADER,GUEST_OS,=x,,LOADER=generic":                     {Loader: "generic"},
		"LOADER=a=b,LOADER=c":                                    {Loader: "c"},
		"GUEST_OS=GNU Mach,GUEST_VERSION=1.3":                    {OS: "GNU Mach"},
		"PAE=no":                                                 {},
		"PAE=yes[extended-cr3]":                                  {PAE: true},
		"FEATURES=a|!b":                                          {Features: "a|!b"},
		"LOADER=" + long:                                         {Loader: long},
		"LOADER=" + long + "GUEST_OS=rest":                       {Loader: long, OS: "rest"},
		"GUEST_OS=" + long + ",LOADER=generic":                   {OS: long, Loader: "generic"},
		strings.Repeat("x", maxLegacyKey) + "LOADER=generic":     {Loader: "generic"},
		strings.Repeat("x", maxLegacyKey) + "=1,LOADER=generic":  {Loader: "generic"},
		"loader=generic":                                         {},
	} {
		g := guest{Guest: none}
		g.parseLegacy(text)
		for _, number := range []*uint64{&want.VirtBase, &want.PaddrOffset, &want.Entry} {
			if *number == 0 {
				*number = Unset
			}
		}
		if diff := cmp.Diff(want, g.Guest); diff != "" {
			t.Errorf("%q (-want +got):\n%s", text, diff)
		}
	}
}

func TestParseLegacyNumber(t *testing.T) {
	for text, want := range map[string]uint64{
		"": 0, "0": 0, "7": 7, "0x2": 2, "0XfF": 255, "010": 8, "08": 0, "0x": 0, "x": 0,
		" 12": 12, "12 ": 12, "12x": 12, "0xg": 0, "1_000": 1,
		"0xffffffff80000000": 0xffffffff80000000, "0x10000000000000000": math.MaxUint64,
	} {
		if got := parseLegacyNumber(text); got != want {
			t.Errorf("%q is read as %#x, want %#x", text, got, want)
		}
	}
}

// The legacy string ends at its NUL, or at the file's end.
func TestLegacyText(t *testing.T) {
	f := &elfFile{blob: newTestBlob("abc\x00def")}
	for off, want := range map[uint64]string{0: "abc", 3: "", 4: "def", 7: "", 99: ""} {
		if got := f.legacyText(off); got != want {
			t.Errorf("at %d is %q, want %q", off, got, want)
		}
	}
}

// FuzzLegacyString checks that reading ends and takes over nothing that isn't
// in the text.
func FuzzLegacyString(f *testing.F) {
	f.Add(kerneltest.MirageLegacy)
	f.Add("GUEST_OS=GNU Mach,GUEST_VERSION=1.3,XEN_VER=xen-3.0,VIRT_BASE=0xC0000000,PAE=yes[extended-cr3],FEATURES=pae_pgdir_above_4gb")
	f.Add(strings.Repeat("=,", 100) + strings.Repeat("K", 100) + "=" + strings.Repeat("V", 300))
	f.Fuzz(func(t *testing.T, text string) {
		var g guest
		g.parseLegacy(text)
		for _, value := range []string{g.Loader, g.OS, g.XenVersion, g.Features} {
			if len(value) > maxLegacyValue || !strings.Contains(text, value) || strings.Contains(value, ",") {
				t.Errorf("%q gives %q", text, value)
			}
		}
		for rest := text; rest != ""; {
			key, _, next := cutLegacy(rest)
			if len(next) >= len(rest) || len(key) > maxLegacyKey {
				t.Fatalf("%q is cut into %q and %q", rest, key, next)
			}
			rest = next
		}
	})
}
