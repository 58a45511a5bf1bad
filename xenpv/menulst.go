package xenpv

import (
	"errors"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// maxCommandLine is the longest command line, in bytes, that reaches a guest:
// Xen's start_info has 1024 with the NUL (MAX_GUEST_CMDLINE in
// xen/include/public/xen.h), and PV-GRUB cuts what is longer in silence.
const maxCommandLine = 1023

// The files of a wrapped disk. PV-GRUB looks for its menu under exactly that
// path on a disk without partitions, GRUB 2's grub-xen for grub.cfg.
const (
	kernelPath  = "boot/kernel"
	ramdiskPath = "boot/ramdisk"
	menuLstPath = "boot/grub/menu.lst"
	grubCfgPath = "boot/grub/grub.cfg"
)

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
	if len(s) > maxCommandLine {
		fault("has %d bytes, and a guest gets at most %d: make it %d shorter", len(s), maxCommandLine, len(s)-maxCommandLine)
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

// A menu is what the boot loaders' menus say.
type menu struct {
	title   string
	root    string // the file system, in the words of GRUB 0.97
	line    string // the kernel's command line
	ramdisk bool
	modules []Module
}

// command is one line of a menu: a word, a file, and perhaps arguments.
func command(word, path, arguments string) string {
	return strings.TrimSuffix(word+" /"+path+" "+arguments, " ")
}

// loads returns the commands that load the kernel and what goes with it, of
// which the first one's word differs between the boot loaders.
func (m menu) loads(kernel string) []string {
	lines := []string{command(kernel, kernelPath, m.line)}
	if m.ramdisk {
		lines = append(lines, command("initrd", ramdiskPath, ""))
	}
	for i, module := range m.modules {
		lines = append(lines, command("module", modulePath(i), module.Arguments))
	}
	return lines
}

// modulePath is where module i, counted from 0, lies on the disk.
func modulePath(i int) string { return fmt.Sprintf("boot/module-%d", i+1) }

// menuLst returns the menu for PV-GRUB (GRUB 0.97). It has no fallback, as
// there is no second entry, and a timeout, as without one GRUB waits for ever.
func (m menu) menuLst() string {
	lines := append([]string{
		"default 0",
		"timeout 0",
		"title " + m.title,
		"root " + m.root,
	}, m.loads("kernel")...)
	return strings.Join(lines, "\n") + "\n"
}

// grubCfg returns the same menu for GRUB 2's grub-xen, and false where there
// can't be one.
//
// pygrub reads this file too, and prefers it to menu.lst, but knows nothing of
// the quotes that GRUB 2's shell needs; and GRUB 2 puts backslashes before
// quotes that it hands to the guest. So where a command line has characters
// that are special to that shell, or blanks side by side, only a menu.lst
// carries it to the guest as it is, and a grub.cfg must not get in its way.
func (m menu) grubCfg() (string, bool) {
	lines := []string{
		"set default=0",
		"set timeout=0",
		"menuentry " + grub2Quote(m.title) + " {",
	}
	for _, load := range m.loads("linux") {
		if !plainToGrub2(load) {
			return "", false
		}
		lines = append(lines, "  "+load)
	}
	return strings.Join(append(lines, "}"), "\n") + "\n", true
}

// plainToGrub2 reports whether GRUB 2's shell hands on a line as it is.
func plainToGrub2(line string) bool {
	return !strings.Contains(line, "  ") && !strings.ContainsFunc(line, isSpecialToGrub2)
}

// isSpecialToGrub2 reports whether r may mean something to GRUB 2's shell in a
// word without quotes.
func isSpecialToGrub2(r rune) bool {
	const plain = "%+,-./:=@_ " // with letters and digits what most options consist of
	return r >= utf8.RuneSelf || !unicode.IsLetter(r) && !unicode.IsDigit(r) && !strings.ContainsRune(plain, r)
}

// grub2Quote returns s as one word for GRUB 2's shell. Within single quotes it
// takes all characters as they are, but for the quote itself.
func grub2Quote(s string) string {
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}
