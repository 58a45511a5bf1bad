package boot

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// The paths on a disk. PV-GRUB requires exactly this path for its menu on a disk
// without partitions, and GRUB 2's grub-xen this one for grub.cfg.
const (
	kernelPath  = "boot/kernel"
	ramdiskPath = "boot/ramdisk"
	menuLstPath = "boot/grub/menu.lst"
	grubCfgPath = "boot/grub/grub.cfg"
)

// bootMenus are the menus that PV-GRUB, pygrub and GRUB 2 search for. They would read
// another file there instead of the disk's own.
var bootMenus = []string{
	menuLstPath, grubCfgPath,
	"boot/grub/grub.conf", "boot/grub2/grub.cfg",
	"grub/menu.lst", "grub/grub.conf", "grub/grub.cfg", "grub2/grub.cfg",
	"boot/isolinux/isolinux.cfg", "boot/extlinux/extlinux.conf", "boot/extlinux.conf",
	"extlinux/extlinux.conf", "extlinux.conf",
}

// A menu is the content of the boot loaders' menus.
type menu struct {
	title   string
	root    string // the file system, in the notation of GRUB 0.97
	line    string // the kernel's command line
	ramdisk bool
	modules []Module
}

// command returns a line of a menu: a word, a file, and optional arguments.
func command(word, path, arguments string) string {
	return strings.TrimSuffix(word+" /"+path+" "+arguments, " ")
}

// loads returns the commands that load the kernel, the ramdisk and the modules. The
// word for the kernel differs between the boot loaders.
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

// modulePath returns the path of module i, starting at 0, on the disk.
func modulePath(i int) string { return fmt.Sprintf("boot/module-%d", i+1) }

// menuLst returns the menu for PV-GRUB (GRUB 0.97). It has no fallback, because there
// is no second entry, and a timeout, because GRUB waits forever without one.
func (m menu) menuLst() string {
	lines := append([]string{
		"default 0",
		"timeout 0",
		"title " + m.title,
		"root " + m.root,
	}, m.loads("kernel")...)
	return strings.Join(lines, "\n") + "\n"
}

// grubCfg returns the same menu for GRUB 2's grub-xen, and false if that isn't
// possible.
//
// pygrub reads this file too, and prefers it to menu.lst, but doesn't understand the
// quotes that GRUB 2's shell requires; and GRUB 2 puts backslashes before quotes that
// it passes to the guest. So if a command line has characters that are special to
// that shell, or consecutive spaces, only menu.lst passes it to the guest unchanged,
// and there must be no grub.cfg.
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

// plainToGrub2 reports whether GRUB 2's shell passes on a line unchanged.
func plainToGrub2(line string) bool {
	return !strings.Contains(line, "  ") && !strings.ContainsFunc(line, isSpecialToGrub2)
}

// isSpecialToGrub2 reports whether r may be special to GRUB 2's shell in a word
// without quotes.
func isSpecialToGrub2(r rune) bool {
	const plain = "%+,-./:=@_ " // with letters and digits, the characters of most options
	return r >= utf8.RuneSelf || !unicode.IsLetter(r) && !unicode.IsDigit(r) && !strings.ContainsRune(plain, r)
}

// grub2Quote returns s as one word for GRUB 2's shell. In single quotes, it
// leaves all characters unchanged except the quote itself.
func grub2Quote(s string) string {
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}
