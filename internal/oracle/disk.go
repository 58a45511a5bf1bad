package oracle

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

// A Disk is a raw disk and its expected contents.
type Disk struct {
	Path        string            // of the disk image
	Partitioned bool              // one ext2 partition at 1 MiB; otherwise ext2 at byte 0
	CommandLine string            // of the kernel
	Kernel      string            // local file with the contents of /boot/kernel, which may be compressed on the disk
	Ramdisk     string            // local file with the contents of /boot/ramdisk; "" for none
	Menu        []string          // lines after the kernel's in menu.lst
	Files       map[string]string // local files by their paths on the disk
}

// Check checks the disk with all oracles: the file system with e2fsck and debugfs,
// the partitions with partx and blkid, and the boot files with GRUB legacy's shell
// and pygrub.
func (d Disk) Check(t testing.TB) {
	t.Helper()
	d.partitions(t)
	d.fsck(t)
	d.debugfs(t)
	d.grub(t)
	d.pygrub(t)
}

// fileSystem is the file system's name for the programs of e2fsprogs.
func (d Disk) fileSystem() string {
	if d.Partitioned {
		return d.Path + "?offset=1048576"
	}
	return d.Path
}

// output runs an oracle and returns its output.
func output(t testing.TB, name string, args ...string) string {
	t.Helper()
	var stderr bytes.Buffer
	cmd := exec.CommandContext(t.Context(), Need(t, name), args...) //nolint:gosec // G204: tests choose the program
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%s %q: %v\n%s%s", name, args, err, out, stderr.String())
	}
	return string(out)
}

// partitions checks with partx and blkid, which read partition tables as Linux
// does, that there is one bootable partition filled by ext2, or none.
func (d Disk) partitions(t testing.TB) {
	t.Helper()
	if !d.Partitioned {
		if got := output(t, "blkid", "-p", "-s", "TYPE", "-s", "PTTYPE", "-o", "export", d.Path); !strings.Contains(got, "\nTYPE=ext2\n") || strings.Contains(got, "PTTYPE") {
			t.Errorf("blkid prints %q for a disk without partitions", got)
		}
		return
	}
	table := strings.Fields(output(t, "partx", "--bytes", "-o", "NR,START,SIZE,TYPE,FLAGS", "--show", "--noheadings", d.Path))
	if len(table) != 5 || table[0] != "1" || table[1] != "2048" || table[3] != "0x83" || table[4] != "0x80" {
		t.Fatalf("partx lists %q", table)
	}
	if got := output(t, "blkid", "-p", "-s", "PTTYPE", "-s", "PTUUID", "-o", "export", d.Path); !strings.Contains(got, "PTTYPE=dos\n") || !strings.Contains(got, "PTUUID=") {
		t.Errorf("blkid prints %q for a disk with an MBR", got)
	}
	super := output(t, "blkid", "-p", "-O", "1048576", "-S", table[2], "-s", "TYPE", "-o", "export", d.Path)
	if !strings.Contains(super, "TYPE=ext2\n") {
		t.Errorf("blkid prints %q for the partition", super)
	}
	if header := d.header(t); !strings.Contains(header, "\nBlock count: "+blocks(table[2])+"\n") {
		t.Errorf("the partition has %s bytes, but its file system has\n%s", table[2], header)
	}
}

// blocks converts bytes to ext2 blocks of 4 KiB.
func blocks(size string) string {
	var n int64
	if _, err := fmt.Sscan(size, &n); err != nil || n%4096 != 0 {
		return "not a multiple of 4096: " + size
	}
	return fmt.Sprint(n / 4096)
}

// header is debugfs's description of the superblock, with single spaces.
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
		t.Errorf("e2fsck -fn finds errors:\n%s", out)
	}
}

// debugfs checks the contents of the files.
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

// dump copies a file from the disk with debugfs.
func (d Disk) dump(t testing.TB, path string) string {
	t.Helper()
	dump := filepath.Join(t.TempDir(), "dump")
	output(t, "debugfs", "-R", fmt.Sprintf("dump %q %s", path, dump), d.fileSystem())
	return dump
}

// grub checks that GRUB legacy's shell finds the kernel and prints the menu.
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
			t.Errorf("GRUB does not print %q but:\n%s", want, out)
		}
	}
}

// asGrubPrints replaces each non-ASCII byte by a question mark, as GRUB's cat does.
func asGrubPrints(s string) string {
	printed := []byte(s)
	for i, c := range printed {
		if c > '~' {
			printed[i] = '?'
		}
	}
	return string(printed)
}

// GrubShell runs commands on the disk in GRUB legacy's shell and returns its
// output. A disk without partitions is attached as a floppy disk: without PV-GRUB's
// patches, GRUB requires partitions on a hard disk.
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

// pygrub checks that Xen's own boot loader finds the kernel, ramdisk and command
// line. It does not support modules.
func (d Disk) pygrub(t testing.TB) {
	t.Helper()
	out := output(t, "pygrub", "-q", "--output-directory="+t.TempDir(), "--output-format=simple", d.Path)
	printed := map[string]string{}
	for line := range strings.Lines(out) {
		key, value, _ := strings.Cut(strings.TrimSuffix(line, "\n"), " ")
		printed[key] = value
	}
	if printed["args"] != d.CommandLine {
		t.Errorf("pygrub prints the arguments %q, want %q", printed["args"], d.CommandLine)
	}
	compare(t, "pygrub", printed["kernel"], d.Kernel)
	if (printed["ramdisk"] != "") != (d.Ramdisk != "") {
		t.Fatalf("pygrub prints the ramdisk %q, want one with the contents of %q", printed["ramdisk"], d.Ramdisk)
	}
	if d.Ramdisk != "" {
		compare(t, "pygrub", printed["ramdisk"], d.Ramdisk)
	}
}

// compare checks that a file that an oracle extracted equals another, possibly
// after decompression with gzip.
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
		t.Errorf("%s reads %d bytes that differ from the %d of %s", who, len(data), len(expected), want)
	}
}
