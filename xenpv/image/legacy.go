package image

import (
	"bytes"
	"strconv"
	"strings"
)

// legacySection is the section with the data that older kernels have instead of
// notes: a string KEY=VALUE,KEY=VALUE,... that ends with a NUL.
const legacySection = "__xen_guest"

// The largest sizes of a key and a value in bytes: the buffers in libelf's
// elf_xen_parse_guest_info, without their NUL. The rest of a longer one becomes a
// key of its own.
const (
	maxLegacyKey   = 31
	maxLegacyValue = 127
)

// legacyText reads the string at off up to its NUL. Real ones have 100 to 250
// bytes; after maxString bytes, nothing useful follows.
func (f *elfFile) legacyText(off uint64) string {
	if off >= f.size {
		return ""
	}
	p, _ := f.bytes(off, min(maxString, f.size-off))
	text, _, _ := bytes.Cut(p, []byte{0})
	return string(text)
}

// parseLegacy stores the values of the legacy string. HYPERCALL_PAGE and the other
// keys don't matter here.
func (g *guest) parseLegacy(text string) {
	for text != "" {
		var key, value string
		key, value, text = cutLegacy(text)
		switch key {
		case "LOADER":
			g.Loader = value
		case "GUEST_OS":
			g.OS = value
		case "XEN_VER":
			g.XenVersion = value
		case "FEATURES":
			g.Features = value
		case "PAE":
			g.PAE = g.PAE || strings.HasPrefix(value, "yes")
		case "VIRT_BASE":
			g.VirtBase = parseLegacyNumber(value)
		case "VIRT_ENTRY":
			g.Entry = parseLegacyNumber(value)
		case "ELF_PADDR_OFFSET":
			g.PaddrOffset = parseLegacyNumber(value)
		}
	}
}

// cutLegacy cuts the first key and value from text, which isn't empty. The rest is
// always shorter than text.
func cutLegacy(text string) (key, value, rest string) {
	key, rest = cutBefore(text, "=,", maxLegacyKey)
	if len(key) == maxLegacyKey || rest == "" {
		return key, "", rest
	}
	separator := rest[0]
	rest = rest[1:]
	if separator == ',' {
		return key, "", rest
	}
	value, rest = cutBefore(rest, ",", maxLegacyValue)
	if len(value) == maxLegacyValue {
		return key, value, rest
	}
	return key, value, strings.TrimPrefix(rest, ",")
}

// cutBefore cuts text before the first separator, or after limit bytes.
func cutBefore(text, separators string, limit int) (before, rest string) {
	end := min(limit, len(text))
	if i := strings.IndexAny(text[:end], separators); i >= 0 {
		end = i
	}
	return text[:end], text[end:]
}

// parseLegacyNumber reads a number like C's strtoull with base 0: the prefix 0x or
// 0 selects hexadecimal or octal, text after the digits is ignored, and a number
// that is too large becomes the largest.
func parseLegacyNumber(text string) uint64 {
	text = strings.ToLower(strings.TrimLeft(text, " \t"))
	base, digits := 10, "0123456789"
	if hex, ok := strings.CutPrefix(text, "0x"); ok {
		text, base, digits = hex, 16, "0123456789abcdef"
	} else if strings.HasPrefix(text, "0") {
		base, digits = 8, "01234567"
	}
	end := len(text) - len(strings.TrimLeft(text, digits))
	n, _ := strconv.ParseUint(text[:end], base, 64)
	return n
}
