package xenpv

import (
	"bytes"
	"io"
	"strings"
)

const systemUnknown = "unknown"

// systems are the systems by their GUEST_OS in lower case. Mini-OS is not among
// them: MirageOS 2 and 3, ClickOS and early Rumprun call themselves that, too.
var systems = map[string]string{
	"ling": "ling", "mirage": "mirage", "halvm": "halvm", "rumprun": "rumprun",
	"osv": "osv", "unikraft": "unikraft", "clickos": "clickos",
	"gnu mach": "gnumach", "grub": "grub",
}

// system finds out which system an image is made with, by what the image says
// and never by its name.
func system(guestOS, payload string, m marks) string {
	guestOS = strings.ToLower(guestOS)
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
	case m[markSolo5] && m[markOCaml]:
		return "mirage"
	case m[markGRUB]:
		return "grub"
	case payload == "bzimage":
		return "linux"
	}
	return systemUnknown
}

// onMiniOS tells apart the systems that are built on Mini-OS. OCaml goes first,
// as a MirageOS web site may talk about any of the others.
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

// mark is a text in an image that tells what it is made of.
type mark string

const (
	// markOCaml is an exception that every native OCaml program defines.
	markOCaml = mark("Undefined_recursive_module")
	// markSolo5 is in the console texts and notes of each Solo5 binding.
	markSolo5 = mark("Solo5")
	// markRump is in the names and messages of a rump kernel's host interface.
	markRump = mark("rumpuser")
	// markClick is the xenstore folder of a ClickOS instance.
	markClick = mark("clickos")
	// markGRUB is what GRUB 2 greets with; its PVH image has no GUEST_OS.
	markGRUB = mark("Welcome to GRUB!")
	// markLING4GB is in a message of LING since 2015-06-23, the day on which
	// it learnt to live with more than 2 GiB.
	markLING4GB = mark("larger than 4Gb")
)

var allMarks = []mark{markOCaml, markSolo5, markRump, markClick, markGRUB, markLING4GB}

// marks are those that an image has.
type marks map[mark]bool

// scan finds the marks in an image through a buffer of fixed size.
func scan(b *blob) marks {
	found := marks{}
	longest := 0
	for _, m := range allMarks {
		longest = max(longest, len(m))
	}
	buf := make([]byte, copySize)
	r := b.reader()
	for kept := 0; ; {
		n, err := io.ReadFull(r, buf[kept:])
		window := buf[:kept+n]
		for _, m := range allMarks {
			if !found[m] && bytes.Contains(window, []byte(m)) {
				found[m] = true
			}
		}
		if err != nil || len(found) == len(allMarks) {
			return found
		}
		kept = copy(buf, window[len(window)-longest:])
	}
}
