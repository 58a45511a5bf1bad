package boot

import (
	"errors"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// MaxCommandLine is the longest command line, in bytes, that reaches a guest:
// Xen's start_info has 1024 with the NUL (MAX_GUEST_CMDLINE in
// xen/include/public/xen.h), and PV-GRUB cuts what is longer in silence.
const MaxCommandLine = 1023

// CheckCommandLine returns nil where a guest that PV-GRUB or pygrub starts
// from a menu.lst gets s byte for byte. Else the error names all reasons why
// it would not: more than 1023 bytes, a line break or another control
// character, a blank at either end, a backslash at the end, invalid UTF-8.
func CheckCommandLine(s string) error { return checkLine("command line", s) }

// checkLine applies CheckCommandLine's rules to any text that is to end a line
// of menu.lst. The rules are those of get_line_from_config and skip_to in GRUB
// 0.97's stage2, and, for blanks beyond ASCII and for UTF-8, of pygrub.
func checkLine(what, s string) error {
	var faults []error
	fault := func(format string, args ...any) {
		faults = append(faults, fmt.Errorf("%s %s "+format, append([]any{what, excerpt(s)}, args...)...))
	}
	if len(s) > MaxCommandLine {
		fault("has %d bytes, and a guest gets at most %d: make it %d shorter", len(s), MaxCommandLine, len(s)-MaxCommandLine)
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
	if first, _ := utf8.DecodeRuneInString(s); isBlank(first) {
		fault("begins with a blank, which GRUB drops: take it away")
	}
	if last, _ := utf8.DecodeLastRuneInString(s); isBlank(last) {
		fault("ends with a blank, which PV-GRUB would hand to the guest and pygrub would drop: take it away")
	}
	if strings.HasSuffix(s, `\`) {
		fault("ends with a backslash, which would join it with GRUB's next line: take it away, or put a word behind it")
	}
	return errors.Join(faults...)
}

// isBlank reports whether r is white space and no control character, for
// which there is a rule of its own.
func isBlank(r rune) bool { return unicode.IsSpace(r) && !unicode.IsControl(r) }

// excerpt quotes s for an error message, long ones only in part.
func excerpt(s string) string {
	const enough = 48 // fits a terminal's line with the message's beginning
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

// controlRemedy says what a control character would do, and what to do.
func controlRemedy(r rune) string {
	switch r {
	case '\n':
		return "which would end GRUB's line: write all words on one line"
	case '\r':
		return "which GRUB drops: take it away (does it come from a file with Windows line ends?)"
	case '\t':
		return "which GRUB turns into a blank: write a blank"
	case 0:
		return "which would end the guest's command line: take it away"
	}
	return "which boot loaders don't hand on alike: take it away"
}
