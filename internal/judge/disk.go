package judge

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// A Disk is a raw disk for the judges to look at, and what they must find.
type Disk struct {
	Path        string            // of the disk's file
	Partitioned bool              // one ext2 partition from 1 MiB on; else ext2 from byte 0 on
	CommandLine string            // of the kernel
	Kernel      string            // the local file that /boot/kernel equals, perhaps once it is unpacked
	Ramdisk     string            // the local file that /boot/ramdisk equals; none where it is empty
	Menu        []string          // the lines behind the kernel's in menu.lst
	Files       map[string]string // paths on the disk, and the local files that they equal
}

// Check has all judges look at the disk: e2fsck and debugfs at its file
// system, partx and blkid at its partitions, GRUB legacy's shell and pygrub at
// what boots.
func (d Disk) Check(t testing.TB) {
	t.Helper()
	d.partitions(t)
	d.fsck(t)
	d.debugfs(t)
	d.grub(t)
	d.pygrub(t)
}

// fileSystem is the file system in the words of e2fsprogs' programs.
func (d Disk) fileSystem() string {
	if d.Partitioned {
		return d.Path + "?offset=1048576"
	}
	return d.Path
}

// output runs a judge and returns what it prints.
func output(t testing.TB, name string, args ...string) string {
	t.Helper()
	var stderr bytes.Buffer
	cmd := exec.CommandContext(t.Context(), Need(t, name), args...) //nolint:gosec // G204: a test runs its own judges
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%s %q: %v\n%s%s", name, args, err, out, stderr.String())
	}
	return string(out)
}

// partitions wants partx and blkid, which read partition tables as Linux does,
// to see one bootable partition, filled by ext2, or none.
func (d Disk) partitions(t testing.TB) {
	t.Helper()
	if !d.Partitioned {
		if got := output(t, "blkid", "-p", "-s", "TYPE", "-s", "PTTYPE", "-o", "export", d.Path); !strings.Contains(got, "\nTYPE=ext2\n") || strings.Contains(got, "PTTYPE") {
			t.Errorf("blkid says %q of a disk without partitions", got)
		}
		return
	}
	table := strings.Fields(output(t, "partx", "--bytes", "-o", "NR,START,SIZE,TYPE,FLAGS", "--show", "--noheadings", d.Path))
	if len(table) != 5 || table[0] != "1" || table[1] != "2048" || table[3] != "0x83" || table[4] != "0x80" {
		t.Fatalf("partx lists %q", table)
	}
	if got := output(t, "blkid", "-p", "-s", "PTTYPE", "-s", "PTUUID", "-o", "export", d.Path); !strings.Contains(got, "PTTYPE=dos\n") || !strings.Contains(got, "PTUUID=") {
		t.Errorf("blkid says %q of a disk with an MBR", got)
	}
	super := output(t, "blkid", "-p", "-O", "1048576", "-S", table[2], "-s", "TYPE", "-o", "export", d.Path)
	if !strings.Contains(super, "TYPE=ext2\n") {
		t.Errorf("blkid says %q of the partition", super)
	}
	if header := d.header(t); !strings.Contains(header, "\nBlock count: "+blocks(table[2])+"\n") {
		t.Errorf("the partition has %s bytes, and its file system\n%s", table[2], header)
	}
}

// blocks turns a number of bytes into one of ext2's blocks of 4 KiB.
func blocks(size string) string {
	var n int64
	if _, err := fmt.Sscan(size, &n); err != nil || n%4096 != 0 {
		return "no multiple of 4096: " + size
	}
	return fmt.Sprint(n / 4096)
}

// header is debugfs's account of the superblock, with single blanks.
func (d Disk) header(t testing.TB) string {
	t.Helper()
	var b strings.Builder
	for line := range strings.Lines(output(t, "debugfs", "-R", "stats -h", d.fileSystem())) {
		b.WriteString(strings.Join(strings.Fields(line), " ") + "\n")
	}
	return b.String()
}

func (d Disk) fsck(t testing.TB) {
	t.Helper()
	if out := output(t, "e2fsck", "-fn", d.fileSystem()); strings.Contains(out, "? no") {
		t.Errorf("e2fsck -fn has questions:\n%s", out)
	}
}

// debugfs wants the files to have the contents that they came from.
func (d Disk) debugfs(t testing.TB) {
	t.Helper()
	if out := output(t, "debugfs", "-R", "ls -p /boot", d.fileSystem()); !strings.Contains(out, "/100644/0/0/kernel/") {
		t.Errorf("debugfs lists in /boot:\n%s", out)
	}
	compare(t, "debugfs", d.dump(t, "/boot/kernel"), d.Kernel)
	if d.Ramdisk != "" {
		compare(t, "debugfs", d.dump(t, "/boot/ramdisk"), d.Ramdisk)
	}
	for path, source := range d.Files {
		compare(t, "debugfs", d.dump(t, path), source)
	}
}

// dump has debugfs copy a file from the disk.
func (d Disk) dump(t testing.TB, path string) string {
	t.Helper()
	dump := filepath.Join(t.TempDir(), "dump")
	output(t, "debugfs", "-R", fmt.Sprintf("dump %q %s", path, dump), d.fileSystem())
	return dump
}

// grub has GRUB legacy's shell find the kernel and print the menu.
func (d Disk) grub(t testing.TB) {
	t.Helper()
	out := d.GrubShell(t, "find /boot/kernel", "cat /boot/grub/menu.lst")
	root, mounted, found := "(hd0)", "Filesystem type is ext2fs, using whole disk", "\n (fd0)\n"
	if d.Partitioned {
		root, mounted, found = "(hd0,0)", "Filesystem type is ext2fs, partition type 0x83", "\n (hd0,0)\n"
	}
	menu := append([]string{"root " + root, strings.TrimSuffix("kernel /boot/kernel "+d.CommandLine, " ")}, d.Menu...)
	for _, want := range []string{mounted, found, "\n" + strings.Join(menu, "\n") + "\n"} {
		if !strings.Contains(out, asGrubPrints(want)) {
			t.Errorf("GRUB doesn't say %q but:\n%s", want, out)
		}
	}
}

// asGrubPrints puts a question mark for each byte beyond ASCII, as GRUB's cat.
func asGrubPrints(s string) string {
	printed := []byte(s)
	for i, c := range printed {
		if c > '~' {
			printed[i] = '?'
		}
	}
	return string(printed)
}

// GrubShell has GRUB legacy's shell run commands on the disk and returns what
// it prints. A disk without partitions is shown to it as a floppy: without
// PV-GRUB's patches it wants partitions on a hard disk.
func (d Disk) GrubShell(t testing.TB, commands ...string) string {
	t.Helper()
	device, root := "(fd0)", "(fd0)"
	if d.Partitioned {
		device, root = "(hd0)", "(hd0,0)"
	}
	script := fmt.Sprintf("device %s %s\nroot %s\n%s\nquit\n", device, d.Path, root, strings.Join(commands, "\n"))
	cmd := exec.CommandContext(t.Context(), Need(t, "grub"), "--batch", "--device-map=/dev/null") //nolint:gosec // G204: as above
	cmd.Stdin = strings.NewReader(script)
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("grub: %v\n%s", err, out)
	}
	return string(out)
}

// pygrub wants the boot loader of Xen's own tools to hand over what was given.
// It knows no modules.
func (d Disk) pygrub(t testing.TB) {
	t.Helper()
	out := output(t, "pygrub", "-q", "--output-directory="+t.TempDir(), "--output-format=simple", d.Path)
	said := map[string]string{}
	for line := range strings.Lines(out) {
		key, value, _ := strings.Cut(strings.TrimSuffix(line, "\n"), " ")
		said[key] = value
	}
	if said["args"] != d.CommandLine {
		t.Errorf("pygrub's args are %q, want %q", said["args"], d.CommandLine)
	}
	compare(t, "pygrub", said["kernel"], d.Kernel)
	if (said["ramdisk"] != "") != (d.Ramdisk != "") {
		t.Fatalf("pygrub's ramdisk is %q, want one of %q", said["ramdisk"], d.Ramdisk)
	}
	if d.Ramdisk != "" {
		compare(t, "pygrub", said["ramdisk"], d.Ramdisk)
	}
}

// compare wants a file that a judge made to equal, or to be packed by gzip
// from, another.
func compare(t testing.TB, who, got, want string) {
	t.Helper()
	expected, err := os.ReadFile(want)
	if err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(got)
	if err != nil {
		t.Fatal(err)
	}
	if bytes.Equal(data, expected) {
		return
	}
	if zr, err := gzip.NewReader(bytes.NewReader(data)); err == nil {
		if data, err = io.ReadAll(zr); err != nil {
			t.Fatal(err)
		}
	}
	if !bytes.Equal(data, expected) {
		t.Errorf("%s reads %d bytes that aren't the %d of %s", who, len(data), len(expected), want)
	}
}
