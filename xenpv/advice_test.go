package xenpv

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/unikernel-ami/packer-plugin-unikernel/xenpv/internal/kerneltest"
)

func TestSystemWarnings(t *testing.T) {
	for _, test := range []struct{ guestOS, text, want string }{
		{"Ling", "", "more than 2 GiB"},
		{"Ling", "larger than 4Gb", "/dev/sda1"},
		{"HaLVM", "", "HaNS"},
		{"osv", "", "HVM"},
		{"Unikraft", "", "CONFIG_LWIP_DHCP"},
		{"Ling", "LING does not support domains larger than 4Gb", "more than 4 GiB"},
		{"Mirage", "", "--dhcp=true"},
		{"ClickOS", "", "xenstore"},
		{"rumprun", "", ""},
	} {
		k := kerneltest.Legacy("XEN_VER=xen-3.0,LOADER=generic,GUEST_OS=" + test.guestOS)
		k.Text = test.text
		r := reportOf(t, k.Bytes())
		var got string
		for _, w := range r.Warnings {
			got += w.Text
		}
		if (got == "") != (test.want == "") || !strings.Contains(got, test.want) {
			t.Errorf("%s: %q, want %q in it", test.guestOS, got, test.want)
		}
	}
}

func TestAdvice(t *testing.T) {
	for _, test := range []struct {
		system, cmdline string
		want            []string
	}{
		{"ling", "-dhcp", nil},
		{"ling", "-dhcp -home /app", nil},
		{"ling", "root=/dev/sda1 ro -dhcp", nil},
		{"ling", "-ipaddr 10.0.2.15 -netmask 255.255.255.0 -gateway 10.0.2.2", []string{"ling-fixed-address"}},
		{"ling", "-ipaddr 10.0.2.15 -netmask 255.255.255.0 -dhcp", nil},
		{"ling", "-ipaddr -netmask 255.255.255.0", []string{"ling-address-words"}},
		{"ling", "-gateway 10.0.2.2 ", []string{"ling-address-words"}},
		{"ling", "-dhcp -- word", nil},
		{"ling", "-- -dhcp", nil},
		{"ling", "-home /app -extra -dhcp", []string{"ling-no-network"}},
		{"ling", "-dhcp -extra word", nil},
		{"ling", "", []string{"ling-no-network"}},
		{"ling", "-home /app -pz '-dhcp here'", []string{"ling-no-network"}},
		{"ling", "-dhcp foo", []string{"ling-dhcp-word"}},
		{"ling", "-dhcp ", []string{"ling-dhcp-word"}},
		{"ling", "-dhcp -home /app ", []string{"ling-trailing-blank"}},
		{"ling", "-dhcp -home /" + strings.Repeat("x", 1010), nil},
		{"ling", "-dhcp -home /" + strings.Repeat("x", 1011), []string{"ling-too-long"}},
		{"ling", `-eval "\"x\"" -dhcp`, []string{"ling-backslash"}},
		{"mirage", "", nil},
		{"mirage", "ipv4=10.0.2.15/24", []string{"mirage-cmdline"}},
		{"mirage", "--ipv4=10.0.2.15/24 --ipv4-gateway=10.0.2.2", []string{"mirage-cmdline", "mirage-dashes", "mirage-dashes"}},
		{"rumprun", `{"net" :  {"if":"xenif0","method": "dhcp"}}`, nil},
		{"rumprun", "_RUMPRUN_ROOTFSCFG=/json.cfg", nil},
		{"rumprun", `{"net":{"method":"static"}}`, []string{"rumprun-no-dhcp"}},
		{"rumprun", "", []string{"rumprun-no-dhcp"}},
		{"rumprun", `{"env":"A=1","env":"B=2","net":{"method":"dhcp"}}`, nil},
		{"clickos", "", nil},
		{"clickos", "configuration", []string{"clickos-cmdline"}},
		{"minios", " ", nil},
		{"minios", "argument", []string{"minios-cmdline"}},
		{"linux", `console=hvc0 \`, nil},
	} {
		r := &Report{System: test.system}
		if got := codes(r.Advice(test.cmdline)); !slices.Equal(got, test.want) {
			t.Errorf("%s, %q: %q, want %q", test.system, test.cmdline, got, test.want)
		}
	}
}

func TestLINGWords(t *testing.T) {
	for cmdline, want := range map[string][]string{
		"":                nil,
		" ":               {""},
		"a  b":            {"a", "b"},
		"a ":              {"a", ""},
		`'a b' "c 'd'"`:   {"a b", "c 'd'"},
		`'a`:              {"a"},
		`-eval "x y" -z'`: {"-eval", "x y", "-z'"},
	} {
		if diff := cmp.Diff(want, lingWords(cmdline)); diff != "" {
			t.Errorf("%q (-want +got):\n%s", cmdline, diff)
		}
	}
}

// MirageOS 1 has no boot parameters.
func TestAdviceOfMirage1(t *testing.T) {
	r := &Report{System: "mirage", GuestOS: "Mirage"}
	if got := r.Advice("ip=10.0.0.2"); len(got) != 1 || !strings.Contains(got[0].Text, "MirageOS 1") {
		t.Errorf("%q", got)
	}
	if got := r.Advice(""); got != nil {
		t.Errorf("%q", got)
	}
}

func TestMaxMemory(t *testing.T) {
	for text, want := range map[string]int64{"": 2048, "LING does not support domains larger than 4Gb": 4096} {
		k := kerneltest.Legacy("XEN_VER=xen-3.0,LOADER=generic,GUEST_OS=Ling")
		k.Text = text
		if got := reportOf(t, k.Bytes()).MaxMemoryMiB; got != want {
			t.Errorf("%q: %d MiB, want %d", text, got, want)
		}
	}
	if got := reportOf(t, kerneltest.PV().Bytes()).MaxMemoryMiB; got != 0 {
		t.Errorf("Unikraft: %d MiB, want no limit", got)
	}
	ling := &Report{MaxMemoryMiB: 2048}
	for mib, want := range map[int64]int{0: 0, 2048: 0, 2049: 1} {
		if got := ling.memoryAdvice(mib); len(got) != want {
			t.Errorf("%d MiB: %v", mib, got)
		}
	}
	if got := (&Report{}).memoryAdvice(1 << 20); got != nil {
		t.Errorf("no limit: %v", got)
	}
}
