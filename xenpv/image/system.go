package image

import (
	"bytes"
	"io"
	"strings"
)

const systemUnknown = "unknown"

// systems maps GUEST_OS in lower case to systems. Mini-OS isn't included: MirageOS
// 2 and 3, ClickOS and early Rumprun use that name, too.
var systems = map[string]string{
	"ling": "ling", "mirage": "mirage", "halvm": "halvm", "rumprun": "rumprun",
	"osv": "osv", "unikraft": "unikraft", "clickos": "clickos",
	"gnu mach": "gnumach", "grub": "grub",
}

// system recognizes the system that an image is built with, from its content and
// never from its name.
func system(g *guest, payload string, m marks) string {
	guestOS := strings.ToLower(g.OS)
	named, ok := systems[guestOS]
	switch {
	case ok:
		return named
	case strings.HasPrefix(guestOS, "linux"):
		return "linux"
	case strings.HasPrefix(guestOS, "mini-os"):
		return onMiniOS(m)
	case guestOS != "":
		return systemUnknown
	case g.hermit:
		return "hermit"
	case (g.solo5 != 0 || m[markSolo5]) && m[markOCaml]:
		return "mirage"
	case g.solo5 != 0 || m[markSolo5]:
		return "solo5"
	case payload == "bzimage":
		return "linux"
	}
	return bySilentMarks(m)
}

// bySilentMarks recognizes systems that don't always have a GUEST_OS.
func bySilentMarks(m marks) string {
	for _, s := range silentSystems {
		if m[s.mark] {
			return s.system
		}
	}
	return systemUnknown
}

// silentSystems are tried in this order.
var silentSystems = []struct {
	mark   mark
	system string
}{
	{markGRUB, "grub"},
	{markIncludeOS, "includeos"},
	{markOSv, "osv"},
	{markUnikraft, "unikraft"},
	{markUnikraftKVM, "unikraft"},
	{markNanos, "nanos"},
	{markRuntimeJS, "runtimejs"},
	{markToro, "toro"},
	{markRump, "rumprun"},
	{markLING, "ling"},
	{markLinux, "linux"},
}

// onMiniOS distinguishes the systems that are built on Mini-OS. OCaml is first,
// because a MirageOS web site may mention any of the others.
func onMiniOS(m marks) string {
	switch {
	case m[markOCaml]:
		return "mirage"
	case m[markRump]:
		return "rumprun"
	case m[markClick]:
		return "clickos"
	}
	return "minios"
}

// maxMemoryMiB returns the most memory in MiB that an image supports, 0 if no limit
// is known.
func maxMemoryMiB(system string, m marks) int64 {
	switch {
	case system == "ling" && !m[markLING4GB]:
		return 2048
	case system == "ling":
		return 4096
	}
	return 0
}

// mark is text in an image that shows which system it is built with.
type mark string

const (
	// markOCaml is an exception that each native OCaml program defines.
	markOCaml = mark("Undefined_recursive_module")
	// markSolo5 is in the console messages and notes of each Solo5 binding.
	markSolo5 = mark("Solo5")
	// markRump is in the names and messages of a rump kernel's host interface.
	markRump = mark("rumpuser")
	// markClick is the xenstore directory of a ClickOS instance.
	markClick = mark("clickos")
	// markGRUB is GRUB 2's greeting; its PVH image has no GUEST_OS.
	markGRUB = mark("Welcome to GRUB!")
	// markLING is in LING's version line, also on platforms without GUEST_OS.
	markLING = mark("Erlang [ling")
	// markLING4GB is in a message of LING since 2015-06-23, when it began to
	// support more than 2 GiB.
	markLING4GB = mark("larger than 4Gb")

	// markIncludeOS is IncludeOS's name in uname.
	markIncludeOS = mark("IncludeOS")
	// markOSv is in the help text of OSv's loader.
	markOSv = mark("OSv options:")
	// markUnikraft is the section of Unikraft's table of constructors, and
	// markUnikraftKVM that of its interrupt stack, which even the smallest have.
	markUnikraft    = mark(".uk_inittab")
	markUnikraftKVM = mark(".intrstack")
	// markNanos is the name of a setting of the nanos kernel.
	markNanos = mark("NANOS_VERSION")
	// markRuntimeJS and markToro are the first words on the console.
	markRuntimeJS = mark("runtime.js kernel build")
	markToro      = mark("Loading Toro")
	// markLinux is in the version line of each Linux.
	markLinux = mark("Linux version ")
)

var (
	// namedMarks are those of images with a GUEST_OS.
	namedMarks = []mark{markOCaml, markRump, markClick, markLING4GB}
	// silentMarks are those of images without.
	silentMarks = []mark{
		markOCaml, markSolo5, markRump, markGRUB, markIncludeOS, markOSv, markUnikraft, markUnikraftKVM,
		markNanos, markRuntimeJS, markToro, markLING, markLinux,
	}
)

// marksFor returns the marks that matter, because searching for each takes time.
func marksFor(g *guest) []mark {
	if g.OS == "" {
		return silentMarks
	}
	return namedMarks
}

// marks are the marks in an image.
type marks map[mark]bool

// scan searches an image for marks with a buffer of fixed size.
func scan(b *blob, wanted []mark) marks {
	found := marks{}
	longest := 0
	for _, m := range wanted {
		longest = max(longest, len(m))
	}
	buf := make([]byte, copySize)
	r := b.reader()
	for kept := 0; ; {
		n, err := io.ReadFull(r, buf[kept:])
		window := buf[:kept+n]
		for _, m := range wanted {
			if !found[m] && bytes.Contains(window, []byte(m)) {
				found[m] = true
			}
		}
		if err != nil || len(found) == len(wanted) {
			return found
		}
		kept = copy(buf, window[len(window)-longest:])
	}
}
