package boot

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// The files of a wrapped disk. PV-GRUB looks for its menu under exactly that
// path on a disk without partitions, GRUB 2's grub-xen for grub.cfg.
const (
	kernelPath  = "boot/kernel"
	ramdiskPath = "boot/ramdisk"
	menuLstPath = "boot/grub/menu.lst"
	grubCfgPath = "boot/grub/grub.cfg"
)

// bootMenus are the menus that PV-GRUB, pygrub and GRUB 2 look for. Another
// file there would be read instead of the disk's own.
var bootMenus = []string{
	menuLstPath, grubCfgPath,
	"boot/grub/grub.conf", "boot/grub2/grub.cfg",
	"grub/menu.lst", "grub/grub.conf", "grub/grub.cfg", "grub2/grub.cfg",
	"boot/isolinux/isolinux.cfg", "boot/extlinux/extlinux.conf", "boot/extlinux.conf",
	"extlinux/extlinux.conf", "extlinux.conf",
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
