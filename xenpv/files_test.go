package xenpv

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/unikernel-ami/packer-plugin-unikernel/xenpv/boot"
	"github.com/unikernel-ami/packer-plugin-unikernel/xenpv/disk/ext2"
)

// tree makes a directory with the given files.
func tree(t *testing.T, names ...string) string {
	t.Helper()
	dir := t.TempDir()
	for _, name := range names {
		path := filepath.Join(dir, name)
		if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o700), os.WriteFile(path, []byte(name), 0o600)); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func TestFilesOnDisk(t *testing.T) {
	dir := tree(t, "a", "d/b", "d/é", ".hidden")
	if err := os.Mkdir(filepath.Join(dir, "empty"), 0o700); err != nil {
		t.Fatal(err)
	}
	link := filepath.Join(t.TempDir(), "link") // named by the user: followed
	if err := os.Symlink(dir, link); err != nil {
		t.Fatal(err)
	}
	spec := Spec{
		Image: writeTextKernel(t, 100_000),
		Files: map[string]string{"/": link, "/boot/more": dir + "/d/", "/json.cfg": filepath.Join(link, "a"), "/boot/kernel2": filepath.Join(dir, "a")},
	}
	d := newDisk(t, spec)
	want := strings.Fields("boot/grub/menu.lst boot/grub/grub.cfg .hidden a d/b d/é boot/kernel2 boot/more/b boot/more/é json.cfg")
	if !slices.Equal(d.paths, want) {
		t.Errorf("files %q, want %q", d.paths, want)
	}
	if !bytes.Equal(readDisk(t, d), readDisk(t, newDisk(t, spec))) {
		t.Error("a second disk differs")
	}
	if _, err := d.WriteFile(t.Context(), filepath.Join(dir, "a")); err == nil || !strings.Contains(err.Error(), "is a source of the disk") {
		t.Errorf("writing over a file of the disk: %v", err)
	}
}

func TestFilesRefused(t *testing.T) {
	dir := tree(t, "file", "empty/x")
	local := filepath.Join(dir, "file")
	empty := filepath.Join(dir, "empty")
	large := filepath.Join(t.TempDir(), "large")
	linked, outside, pipes := tree(t, "a"), tree(t, "a"), tree(t, "a")
	err := errors.Join(
		os.Remove(filepath.Join(empty, "x")),
		os.Symlink("a", filepath.Join(linked, "link")),
		os.Symlink(dir, filepath.Join(outside, "link")),
		syscall.Mkfifo(filepath.Join(pipes, "pipe"), 0o600),
		os.WriteFile(large, nil, 0o600), os.Truncate(large, 100<<20),
		os.WriteFile(large+"r", nil, 0o600), os.Truncate(large+"r", 1<<40))
	if err != nil {
		t.Fatal(err)
	}
	long := strings.Repeat("x", 256)
	for name, test := range map[string]struct {
		files map[string]string
		want  string
	}{
		"no slash":             {map[string]string{"json.cfg": local}, `add file "json.cfg": a path on the disk starts with a slash`},
		"empty":                {map[string]string{"": local}, "starts with a slash"},
		"dots":                 {map[string]string{"/a/../../b": local}, "no empty name"},
		"dot":                  {map[string]string{"/./b": local}, "no empty name"},
		"two slashes":          {map[string]string{"/a//b": local}, "no empty name"},
		"only dots":            {map[string]string{"/..": dir}, "no empty name"},
		"not UTF-8":            {map[string]string{"/a\xff": local}, "use UTF-8"},
		"NUL":                  {map[string]string{"/a\x00": local}, "without NUL"},
		"long":                 {map[string]string{"/a/" + long: local}, "has 256 bytes; ext2 allows 255"},
		"missing":              {map[string]string{"/a": dir + "/none"}, "no such file"},
		"no local":             {map[string]string{"/a": ""}, "no such file"},
		"device":               {map[string]string{"/a": "/dev/zero"}, "/dev/zero is a device"},
		"pipe":                 {map[string]string{"/a": filepath.Join(pipes, "pipe")}, "is a FIFO"},
		"file as root":         {map[string]string{"/": local}, "is not a directory: specify its path on the disk, such as /file"},
		"empty directory":      {map[string]string{"/a": empty}, "has no files"},
		"symlink inside":       {map[string]string{"/a": linked}, "/link is a symbolic link"},
		"symlink to outside":   {map[string]string{"/a": outside}, "/link is a symbolic link"},
		"pipe inside":          {map[string]string{"/a": pipes}, "/pipe is a FIFO"},
		"kernel":               {map[string]string{"/boot/kernel": local}, `add file "/boot/kernel": it would shadow /boot/kernel`},
		"below the kernel":     {map[string]string{"/boot/kernel/x": local}, "would shadow"},
		"module":               {map[string]string{"/boot/module-1": local}, "it would shadow /boot/module-1"},
		"menu":                 {map[string]string{"/boot/grub/menu.lst": local}, "it would shadow /boot/grub/menu.lst"},
		"another menu":         {map[string]string{"/grub/grub.cfg": local}, "it would shadow /grub/grub.cfg"},
		"menu in a directory":  {map[string]string{"/": tree(t, "boot/grub/grub.cfg")}, "it would shadow /boot/grub/grub.cfg"},
		"file for a directory": {map[string]string{"/boot": local}, "would shadow"},
		"twice":                {map[string]string{"/": dir, "/file": local}, `add file "/file": two sources`},
		"file and directory":   {map[string]string{"/a": local, "/a/b": local}, `"a" is already a file`},
		"lost+found":           {map[string]string{"/lost+found": local}, "used already"},
		"too large":            {map[string]string{"/a": large, "/b": large}, "the files have 2097"},
		"far too large":        {map[string]string{"/a": large + "r"}, "has 1099511627776 bytes: 1099377410048 bytes more than the 134217728 (128 MiB) that fit"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := Wrap(t.Context(), Spec{
				Image:   writeTextKernel(t, 100_000),
				Modules: []boot.Module{{Path: local}},
				Files:   test.files,
			})
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("error = %v, want ...%s...", err, test.want)
			}
		})
	}
}

// A file that grows or shrinks in the meantime is an error.
func TestFileChanges(t *testing.T) {
	local := writeFile(t, "file", make([]byte, 10_000))
	d := newDisk(t, Spec{Image: writeTextKernel(t, 100_000), Files: map[string]string{"/file": local}})
	if err := os.Truncate(local, 9_999); err != nil {
		t.Fatal(err)
	}
	if _, err := d.Blocks(t.Context()); err == nil || !strings.Contains(err.Error(), "had 10000 bytes and now has 9999: don't change files") {
		t.Errorf("error = %v", err)
	}
}

// More files than a process can have open are supported, more than ext2's
// inodes are.
func TestManyFiles(t *testing.T) {
	dir := t.TempDir()
	for i := range 3000 {
		if err := os.WriteFile(filepath.Join(dir, fmt.Sprint(i)), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	spec := Spec{Image: writeTextKernel(t, 100_000), Files: map[string]string{"/a": dir}}
	newDisk(t, spec)
	for i := range 10 {
		spec.Files[fmt.Sprintf("/a%d", i)] = dir
	}
	if _, err := Wrap(t.Context(), spec); err == nil || !strings.Contains(err.Error(), "more than 32000 files") {
		t.Errorf("error = %v", err)
	}
}

func TestModulesRefused(t *testing.T) {
	local := writeFile(t, "module", []byte("x"))
	empty := writeFile(t, "empty", nil)
	large := writeFile(t, "large", nil)
	if err := os.Truncate(large, ext2.MaxSize+1); err != nil {
		t.Fatal(err)
	}
	for name, test := range map[string]struct {
		spec Spec
		want string
	}{
		"with a ramdisk": {Spec{Ramdisk: local, Modules: []boot.Module{{Path: local}}}, "PV-GRUB would drop the ramdisk"},
		"too many":       {Spec{Modules: slices.Repeat([]boot.Module{{Path: local}}, 17)}, "17 modules are specified; at most 16"},
		"no path":        {Spec{Modules: []boot.Module{{Path: local}, {Arguments: "x"}}}, "module 2 has no path"},
		"missing":        {Spec{Modules: []boot.Module{{Path: local + "x"}}}, "open module 1: "},
		"empty":          {Spec{Modules: []boot.Module{{Path: empty}}}, "module 1 " + empty + " is empty"},
		"too large":      {Spec{Modules: []boot.Module{{Path: large}}}, "has 134217729 bytes"},
		"newline":        {Spec{Modules: []boot.Module{{Path: local, Arguments: "a\nb"}}}, `module 1: arguments "a\nb" has a newline`},
		"long":           {Spec{Modules: []boot.Module{{Path: local, Arguments: strings.Repeat("x", 1024)}}}, "has 1024 bytes"},
		"layout":         {Spec{Layout: "gpt"}, `layout "gpt" is unknown: specify "whole-disk" or "partitioned"`},
	} {
		t.Run(name, func(t *testing.T) {
			test.spec.Image = writeTextKernel(t, 100_000)
			if _, err := Wrap(t.Context(), test.spec); err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("error = %v, want ...%s...", err, test.want)
			}
		})
	}
}
