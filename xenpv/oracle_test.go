package xenpv

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/unikernel-ami/packer-plugin-unikernel/internal/oracle"
	"github.com/unikernel-ami/packer-plugin-unikernel/xenpv/boot"
	"github.com/unikernel-ami/packer-plugin-unikernel/xenpv/disk"
)

func TestOraclesOnSizes(t *testing.T) {
	const (
		direct = 12 * 4096
		single = direct + 1024*4096
	)
	for _, size := range []int64{4095, 4096, 4097, direct - 1, direct, direct + 1, single, single + 1, 30 << 20, 100 << 20} {
		t.Run(fmt.Sprint(size), func(t *testing.T) {
			kernel := writeKernel(t, size)
			checkDisk(t, Spec{Compress: boot.CompressNone}, kernel)
		})
	}
}

func TestOraclesOnRamdisks(t *testing.T) {
	kernel := writeTextKernel(t, 100_000)
	for _, size := range []int{1, 4096, 5 << 20} {
		t.Run(fmt.Sprint(size), func(t *testing.T) {
			text := strings.Repeat("a ramdisk of text, which GRUB prints\n", size/30+1)
			spec := Spec{CommandLine: new("console=hvc0 word=1"), Ramdisk: writeFile(t, "ramdisk", []byte(text[:size]))}
			d := checkDisk(t, spec, kernel)
			if got := d.GrubShell(t, "cat /boot/ramdisk"); !strings.Contains(got, text[:size]) {
				t.Errorf("GRUB prints %d bytes that don't hold the ramdisk's %d", len(got), size)
			}
		})
	}
}

func TestOraclesOnCommandLines(t *testing.T) {
	kernel := writeTextKernel(t, 100_000)
	for name, line := range map[string]string{
		"none":       "",
		"ling":       `-dhcp -pz /app/ebin -eval "app:start('x', [1,2])."`,
		"json":       `{"cmdline":"httpd -x \"a b\"","net":{"if":"xenif0","method":"dhcp"},"net":{}}`,
		"shell":      `$HOME ${x} a;b | c & d > e < f # g ! * ? ~ ` + "`h`",
		"spaces":     "a  b   c",
		"like grub":  "--type=linux --no-mem-option =x (hd0) # title",
		"UTF-8":      "name=Łódź café 日本",
		"backslash":  `C:\x \n \\ y`,
		"1023 bytes": strings.Repeat("0123456789abcde ", 64)[:1023],
	} {
		t.Run(name, func(t *testing.T) {
			checkDisk(t, Spec{CommandLine: new(line)}, kernel)
		})
	}
}

// TestOraclesOnLayouts puts the file system at both places, with all that may
// be on it.
func TestOraclesOnLayouts(t *testing.T) {
	kernel := writeTextKernel(t, 100_000)
	ramdisk := writeFile(t, "ramdisk", []byte("ramdisk"))
	dir := filepath.Dir(writeFile(t, "json.cfg", []byte("{}")))
	for name, spec := range map[string]Spec{
		"kernel":  {CommandLine: new("word=1")},
		"ramdisk": {Ramdisk: ramdisk},
		"modules": {Modules: []boot.Module{{Path: ramdisk, Arguments: `first "of" two`}, {Path: kernel}}},
		"files":   {Files: map[string]string{"/json.cfg": ramdisk, "/etc": dir, "/boot/x y": kernel}},
		"all":     {Modules: []boot.Module{{Path: ramdisk}}, Files: map[string]string{"/": dir}, Size: 1 << 30},
		"large":   {Files: map[string]string{"/data": writeKernel(t, 60<<20)}},
	} {
		for _, layout := range []disk.Layout{disk.LayoutWholeDisk, disk.LayoutPartitioned} {
			t.Run(name+" "+string(layout), func(t *testing.T) {
				spec.Layout = layout
				checkDisk(t, spec, kernel)
			})
		}
	}
}

// checkDisk writes a disk and checks it with all oracles.
func checkDisk(t *testing.T, spec Spec, kernel string) oracle.Disk {
	t.Helper()
	spec.Image = kernel
	d := newDisk(t, spec)
	j := oracle.Disk{
		Path:        filepath.Join(t.TempDir(), "disk.raw"),
		Partitioned: spec.Layout == disk.LayoutPartitioned,
		CommandLine: d.CommandLine,
		Kernel:      kernel,
		Ramdisk:     spec.Ramdisk,
		Files:       map[string]string{},
	}
	if spec.Ramdisk != "" {
		j.Menu = []string{"initrd /boot/ramdisk"}
	}
	for i, m := range spec.Modules {
		path := fmt.Sprintf("/boot/module-%d", i+1)
		j.Menu = append(j.Menu, strings.TrimSuffix("module "+path+" "+m.Arguments, " "))
		j.Files[path] = m.Path
	}
	for path, source := range spec.Files {
		if info, err := os.Stat(source); err == nil && info.IsDir() {
			path, source = filepath.Join(path, "json.cfg"), filepath.Join(source, "json.cfg")
		}
		j.Files[path] = source
	}
	if _, err := d.WriteFile(t.Context(), j.Path); err != nil {
		t.Fatal(err)
	}
	j.Check(t)
	return j
}
