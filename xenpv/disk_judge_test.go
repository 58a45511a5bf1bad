package xenpv

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

	"github.com/unikernel-ami/packer-plugin-unikernel/internal/judge"
)

// judged is a disk that all judges are to look at, and what they must find.
type judged struct {
	image   string // the disk's file
	kernel  string // the path of the kernel that it was made from
	ramdisk string // of the ramdisk, "" for none
	line    string // the command line
}

func TestJudgesOnSizes(t *testing.T) {
	const (
		direct = 12 * 4096
		single = direct + 1024*4096
	)
	for _, size := range []int64{4095, 4096, 4097, direct - 1, direct, direct + 1, single, single + 1, 30 << 20, 100 << 20} {
		t.Run(fmt.Sprint(size), func(t *testing.T) {
			kernel := writeKernel(t, size)
			judgeDisk(t, DiskSpec{Compress: CompressNone}, kernel)
		})
	}
}

func TestJudgesOnRamdisks(t *testing.T) {
	kernel := writeTextKernel(t, 100_000)
	for _, size := range []int{1, 4096, 5 << 20} {
		t.Run(fmt.Sprint(size), func(t *testing.T) {
			text := strings.Repeat("a ramdisk of text, which GRUB prints\n", size/30+1)
			spec := DiskSpec{CommandLine: "console=hvc0 word=1", Ramdisk: writeFile(t, "ramdisk", []byte(text[:size]))}
			d := judgeDisk(t, spec, kernel)
			if got := grubShell(t, d.image, "cat /boot/ramdisk"); !strings.Contains(got, text[:size]) {
				t.Errorf("GRUB prints %d bytes that don't hold the ramdisk's %d", len(got), size)
			}
		})
	}
}

func TestJudgesOnCommandLines(t *testing.T) {
	kernel := writeTextKernel(t, 100_000)
	for name, line := range map[string]string{
		"none":       "",
		"ling":       `-dhcp -pz /app/ebin -eval "app:start('x', [1,2])."`,
		"json":       `{"cmdline":"httpd -x \"a b\"","net":{"if":"xenif0","method":"dhcp"},"net":{}}`,
		"shell":      `$HOME ${x} a;b | c & d > e < f # g ! * ? ~ ` + "`h`",
		"blanks":     "a  b   c",
		"like grub":  "--type=linux --no-mem-option =x (hd0) # title",
		"UTF-8":      "name=Łódź café 日本",
		"backslash":  `C:\x \n \\ y`,
		"1023 bytes": strings.Repeat("0123456789abcde ", 64)[:1023],
	} {
		t.Run(name, func(t *testing.T) {
			judgeDisk(t, DiskSpec{CommandLine: line}, kernel)
		})
	}
}

// judgeDisk writes a disk and has all judges look at it.
func judgeDisk(t *testing.T, spec DiskSpec, kernel string) judged {
	t.Helper()
	spec.Kernel = openKernel(t, kernel)
	j := judged{filepath.Join(t.TempDir(), "disk.raw"), kernel, spec.Ramdisk, spec.CommandLine}
	if _, err := newDisk(t, spec).WriteFile(t.Context(), j.image); err != nil {
		t.Fatal(err)
	}
	j.fsck(t)
	j.debugfs(t)
	j.grub(t)
	j.pygrub(t)
	return j
}

func (j judged) fsck(t *testing.T) {
	t.Helper()
	if out, err := exec.Command(judge.Need(t, "e2fsck"), "-fn", j.image).CombinedOutput(); err != nil {
		t.Errorf("e2fsck -fn: %v\n%s", err, out)
	}
}

func (j judged) debugfs(t *testing.T) {
	t.Helper()
	out, err := exec.Command(judge.Need(t, "debugfs"), "-R", "ls -p /boot", j.image).Output()
	if err != nil || !strings.Contains(string(out), "/100644/0/0/kernel/") {
		t.Errorf("debugfs lists in /boot (%v):\n%s", err, out)
	}
	dump := filepath.Join(t.TempDir(), "dump")
	if err := exec.Command(judge.Need(t, "debugfs"), "-R", "dump /boot/kernel "+dump, j.image).Run(); err != nil {
		t.Fatal(err)
	}
	compareFiles(t, "debugfs", dump, j.kernel)
}

// grub has GRUB legacy's shell find the kernel and print the menu. The disk is
// shown to it as a floppy: without PV-GRUB's patches it wants partitions on a
// hard disk.
func (j judged) grub(t *testing.T) {
	t.Helper()
	out := grubShell(t, j.image, "find /boot/kernel", "cat /boot/grub/menu.lst")
	want := []string{"Filesystem type is ext2fs, using whole disk", "\n (fd0)\n", "\n" + strings.TrimSuffix("kernel /boot/kernel "+j.line, " ") + "\n"}
	if j.ramdisk != "" {
		want = append(want, "\ninitrd /boot/ramdisk\n")
	}
	for _, w := range want {
		if !strings.Contains(out, asGrubPrints(w)) {
			t.Errorf("GRUB doesn't say %q but:\n%s", w, out)
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

func grubShell(t *testing.T, image string, commands ...string) string {
	t.Helper()
	script := "device (fd0) " + image + "\nroot (fd0)\n" + strings.Join(commands, "\n") + "\nquit\n"
	cmd := exec.Command(judge.Need(t, "grub"), "--batch", "--device-map=/dev/null")
	cmd.Stdin = strings.NewReader(script)
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("grub: %v\n%s", err, out)
	}
	return string(out)
}

// pygrub wants the boot loader of Xen's own tools to hand over what was given.
func (j judged) pygrub(t *testing.T) {
	t.Helper()
	dir := t.TempDir()
	var stderr bytes.Buffer
	cmd := exec.Command(judge.Need(t, "pygrub"), "-q", "--output-directory="+dir, "--output-format=simple", j.image)
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("pygrub: %v\n%s", err, stderr.String())
	}
	said := map[string]string{}
	for line := range strings.Lines(string(out)) {
		key, value, _ := strings.Cut(strings.TrimSuffix(line, "\n"), " ")
		said[key] = value
	}
	if said["args"] != j.line {
		t.Errorf("pygrub's args are %q, want %q", said["args"], j.line)
	}
	compareFiles(t, "pygrub", said["kernel"], j.kernel)
	if (said["ramdisk"] != "") != (j.ramdisk != "") {
		t.Fatalf("pygrub's ramdisk is %q, want one of %q", said["ramdisk"], j.ramdisk)
	}
	if j.ramdisk != "" {
		compareFiles(t, "pygrub", said["ramdisk"], j.ramdisk)
	}
}

// compareFiles wants a file that a judge made to equal, or to be packed from,
// another.
func compareFiles(t *testing.T, who, got, want string) {
	t.Helper()
	expected, err := os.ReadFile(want)
	if err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(got)
	if err != nil {
		t.Fatal(err)
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
