package image

import (
	"io"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/unikernel-ami/packer-plugin-unikernel/xenpv/internal/kerneltest"
)

func newTestBlob(text string) *blob {
	return newBlob(io.NewSectionReader(strings.NewReader(text), 0, int64(len(text))))
}

func TestSystem(t *testing.T) {
	const pv = ",XEN_VER=xen-3.0,LOADER=generic"
	for name, test := range map[string]struct{ guestOS, text, want string }{
		"LING":                 {"Ling", "", "ling"},
		"MirageOS 1":           {"Mirage", "", "mirage"},
		"MirageOS 2 and 3":     {"Mini-OS", "Undefined_recursive_module", "mirage"},
		"MirageOS on ClickOS":  {"Mini-OS", "Undefined_recursive_module clickos rumpuser", "mirage"},
		"ClickOS":              {"Mini-OS", "/data/clickos", "clickos"},
		"early Rumprun":        {"Mini-OS", "rumpuser-xen", "rumprun"},
		"Mini-OS":              {"Mini-OS", "", "minios"},
		"Mini-OS for a CPU":    {"Mini-OS-x86_64", "", "minios"},
		"HaLVM":                {"HaLVM", "", "halvm"},
		"Rumprun":              {"rumprun", "", "rumprun"},
		"OSv":                  {"osv", "", "osv"},
		"OSv, written its way": {"OSv", "", "osv"},
		"Unikraft":             {"Unikraft", "", "unikraft"},
		"Linux":                {"linux", "", "linux"},
		"GNU Mach":             {"GNU Mach", "", "gnumach"},
		"GRUB":                 {"GRUB", "", "grub"},
		"NetBSD":               {"NetBSD", "Undefined_recursive_module", "unknown"},
		"no GUEST_OS":          {"", "Undefined_recursive_module", "unknown"},
	} {
		k := kerneltest.Legacy("GUEST_OS=" + test.guestOS + pv)
		k.Text = test.text
		if r := inspectBytes(t, k.Bytes()); r.System != test.want || !whole(r) {
			t.Errorf("%s: %q, want %q (%v)", name, r.System, test.want, r.Problems)
		}
	}
}

// A mark is found wherever it lies to the buffer's border.
func TestScan(t *testing.T) {
	border := copySize
	for at := border - len(markOCaml) - 1; at <= border+1; at++ {
		text := strings.Repeat("-", at) + string(markOCaml) + strings.Repeat("-", copySize)
		if diff := cmp.Diff(marks{markOCaml: true}, scan(newTestBlob(text), namedMarks)); diff != "" {
			t.Errorf("at %d (-want +got):\n%s", at, diff)
		}
	}
	if got := scan(newTestBlob(string(markOCaml[1:])), namedMarks); len(got) != 0 {
		t.Errorf("found %v", got)
	}
}
