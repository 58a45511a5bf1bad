package boot

import (
	"errors"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// MaxCommandLine is the length in bytes of the longest command line that reaches a
// guest:
// Xen's start_info has 1024 with the NUL (MAX_GUEST_CMDLINE in
// xen/include/public/xen.h), and PV-GRUB silently cuts a longer one.
const MaxCommandLine = 1023

// CheckCommandLine returns nil if a guest that PV-GRUB or pygrub starts from a
// menu.lst gets s byte for byte. Else the error lists all reasons why it would not:
// more than 1023 bytes, a line break or another control character, a space at either
// end, a backslash at the end, invalid UTF-8.
func CheckCommandLine(s string) error { return checkLine("command line", s) }

// checkLine applies CheckCommandLine's rules to any text at the end of a line of
// menu.lst. The rules are those of get_line_from_config and skip_to in GRUB
// 0.97's stage2, and for spaces beyond ASCII and for UTF-8, those of pygrub.
func checkLine(what, s string) error {
	var faults []error
	fault := func(format string, args ...any) {
		faults = append(faults, fmt.Errorf("%s %s "+format, append([]any{what, excerpt(s)}, args...)...))
	}
	if len(s) > MaxCommandLine {
		fault("has %d bytes; a guest gets at most %d: shorten it by %d", len(s), MaxCommandLine, len(s)-MaxCommandLine)
	}
	if !utf8.ValidString(s) {
		fault("is not valid UTF-8, which pygrub can't read: write it in UTF-8")
	}
	seen := map[rune]bool{}
	for i, r := range s {
		if unicode.IsControl(r) && !seen[r] {
			seen[r] = true
			fault("has %s at byte %d, %s", controlName(r), i, controlRemedy(r))
		}
	}
	if first, _ := utf8.DecodeRuneInString(s); isSpace(first) {
		fault("starts with a space, which GRUB drops: remove it")
	}
	if last, _ := utf8.DecodeLastRuneInString(s); isSpace(last) {
		fault("ends with a space, which PV-GRUB would pass to the guest and pygrub would drop: remove it")
	}
	if strings.HasSuffix(s, `\`) {
		fault("ends with a backslash, which would join it with GRUB's next line: remove it, or add a word after it")
	}
	return errors.Join(faults...)
}

// isSpace reports whether r is white space but not a control character, which has a
// rule of its own.
func isSpace(r rune) bool { return unicode.IsSpace(r) && !unicode.IsControl(r) }

// excerpt quotes s for an error message, and shortens it.
func excerpt(s string) string {
	const enough = 48 // fits a terminal's line with the start of the message
	if len(s) <= enough {
		return fmt.Sprintf("%q", s)
	}
	return fmt.Sprintf("%q...", s[:enough])
}

func controlName(r rune) string {
	switch r {
	case '\n':
		return "a newline"
	case '\r':
		return "a carriage return"
	case '\t':
		return "a tab"
	case 0:
		return "a NUL"
	}
	return fmt.Sprintf("the control character %U", r)
}

// controlRemedy returns the effect of a control character and a remedy.
func controlRemedy(r rune) string {
	switch r {
	case '\n':
		return "which would end GRUB's line: write all words on one line"
	case '\r':
		return "which GRUB drops: remove it (is it from a file with Windows line endings?)"
	case '\t':
		return "which GRUB replaces with a space: use a space"
	case 0:
		return "which would end the guest's command line: remove it"
	}
	return "which boot loaders treat differently: remove it"
}
