package xenpv

import (
	"math"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestParseLegacy(t *testing.T) {
	none := guest{virtBase: unset, paddrOffset: unset, entry: unset}
	long := strings.Repeat("x", maxLegacyValue)
	for text, want := range map[string]guest{
		"": {},
		"GUEST_OS=Mini-OS,XEN_VER=xen-3.0,LOADER=generic":        {guestOS: "Mini-OS", xenVersion: "xen-3.0", loader: "generic"},
		"VIRT_BASE=0x400000,ELF_PADDR_OFFSET=010,VIRT_ENTRY=12,": {virtBase: 0x400000, paddrOffset: 8, entry: 12},
		"LOADER,GUEST_OS,=x,,LOADER=generic":                     {loader: "generic"},
		"LOADER=a=b,LOADER=c":                                    {loader: "c"},
		"GUEST_OS=GNU Mach,GUEST_VERSION=1.3":                    {guestOS: "GNU Mach"},
		"PAE=no":                                                 {},
		"PAE=yes[extended-cr3]":                                  {pae: true},
		"FEATURES=a|!b":                                          {features: "a|!b"},
		"LOADER=" + long:                                         {loader: long},
		"LOADER=" + long + "GUEST_OS=rest":                       {loader: long, guestOS: "rest"},
		"GUEST_OS=" + long + ",LOADER=generic":                   {guestOS: long, loader: "generic"},
		strings.Repeat("x", maxLegacyKey) + "LOADER=generic":     {loader: "generic"},
		strings.Repeat("x", maxLegacyKey) + "=1,LOADER=generic":  {loader: "generic"},
		"loader=generic":                                         {},
	} {
		g := none
		g.parseLegacy(text)
		for _, number := range []*uint64{&want.virtBase, &want.paddrOffset, &want.entry} {
			if *number == 0 {
				*number = unset
			}
		}
		if diff := cmp.Diff(want, g, cmp.AllowUnexported(guest{})); diff != "" {
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
	f.Add(mirageLegacy)
	f.Add("GUEST_OS=GNU Mach,GUEST_VERSION=1.3,XEN_VER=xen-3.0,VIRT_BASE=0xC0000000,PAE=yes[extended-cr3],FEATURES=pae_pgdir_above_4gb")
	f.Add(strings.Repeat("=,", 100) + strings.Repeat("K", 100) + "=" + strings.Repeat("V", 300))
	f.Fuzz(func(t *testing.T, text string) {
		var g guest
		g.parseLegacy(text)
		for _, value := range []string{g.loader, g.guestOS, g.xenVersion, g.features} {
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
