package main

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"compress/bzip2"
	"compress/gzip"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/klauspost/compress/zstd"
	"github.com/pierrec/lz4/v4"
	"github.com/ulikunitz/xz"
	"github.com/ulikunitz/xz/lzma"

	"github.com/unikernel-ami/packer-plugin-unikernel/internal/oracle"
)

// formats pack a kernel in each way that "xenpv wrap" takes, but bzip2 and lzo,
// for which Go has no packer: their files were made from mirageKernel by bzip2
// 1.0.8, GNU tar 1.34 and lzop 1.04.
var formats = map[string]func(w io.Writer, kernel []byte) error{
	"elf":  func(w io.Writer, kernel []byte) error { _, err := w.Write(kernel); return err },
	"gzip": stream(func(w io.Writer) (io.WriteCloser, error) { return gzip.NewWriter(w), nil }),
	"xz":   stream(func(w io.Writer) (io.WriteCloser, error) { return xz.NewWriter(w) }),
	"lzma": stream(func(w io.Writer) (io.WriteCloser, error) { return lzma.NewWriter(w) }),
	"lz4":  stream(func(w io.Writer) (io.WriteCloser, error) { return lz4.NewWriter(w), nil }),
	"zstd": stream(func(w io.Writer) (io.WriteCloser, error) { return zstd.NewWriter(w) }),
	"tar":  tarball,
	"tar.gz": func(w io.Writer, kernel []byte) error {
		var b bytes.Buffer
		if err := tarball(&b, kernel); err != nil {
			return err
		}
		return stream(func(w io.Writer) (io.WriteCloser, error) { return gzip.NewWriter(w), nil })(w, b.Bytes())
	},
	"zip": func(w io.Writer, kernel []byte) error {
		zw := zip.NewWriter(w)
		member, err := zw.Create("boot/kernel")
		if err != nil {
			return err
		}
		if _, err := member.Write(kernel); err != nil {
			return err
		}
		return zw.Close()
	},
}

func stream(open func(io.Writer) (io.WriteCloser, error)) func(io.Writer, []byte) error {
	return func(w io.Writer, kernel []byte) error {
		zw, err := open(w)
		if err != nil {
			return err
		}
		if _, err := zw.Write(kernel); err != nil {
			return err
		}
		return zw.Close()
	}
}

func tarball(w io.Writer, kernel []byte) error {
	tw := tar.NewWriter(w)
	for name, data := range map[string][]byte{"README": []byte("read me"), "boot/kernel": kernel} {
		if err := tw.WriteHeader(&tar.Header{Name: name, Size: int64(len(data)), Mode: 0o644}); err != nil {
			return err
		}
		if _, err := tw.Write(data); err != nil {
			return err
		}
	}
	return tw.Close()
}

// images are files of one kernel in all formats, and of Debian's Linux as a
// bzImage, each with the kernel that belongs on the disk.
func images(t *testing.T) map[string][2]string {
	t.Helper()
	dir := t.TempDir()
	compressed, err := os.ReadFile(mirageKernel)
	if err != nil {
		t.Fatal(err)
	}
	kernel, err := io.ReadAll(bzip2.NewReader(bytes.NewReader(compressed)))
	if err != nil {
		t.Fatal(err)
	}
	plain := filepath.Join(dir, "plain")
	save := func(path string, data []byte) {
		if err := os.WriteFile(path, data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	save(plain, kernel)
	save(filepath.Join(dir, "domain_config"), []byte("name = \"web\"\nkernel = \"plain\"\nmemory = 64\nvif = []\n"))
	bzImage := filepath.Join(oracle.DebianImages(t), "vmlinuz-amd64")
	images := map[string][2]string{
		"bzip2":         {mirageKernel, plain},
		"tar.bz2":       {"../../image/testdata/kernel.tar.bz2", plain},
		"lzo":           {"../../image/testdata/kernel.lzo", plain},
		"bzImage":       {bzImage, bzImage},
		"domain_config": {filepath.Join(dir, "domain_config"), plain},
	}
	for name, pack := range formats {
		var b bytes.Buffer
		if err := pack(&b, kernel); err != nil {
			t.Fatal(name, err)
		}
		path := filepath.Join(dir, "image."+name)
		save(path, b.Bytes())
		images[name] = [2]string{path, plain}
	}
	return images
}

// extra is what may lie on a disk beside the kernel.
type extra struct {
	args    []string
	ramdisk string
	menu    []string
	files   map[string]string
}

// extras are one ramdisk, two modules, further files, or nothing.
func extras(t *testing.T) map[string]extra {
	t.Helper()
	dir := t.TempDir()
	first, second := filepath.Join(dir, "first"), filepath.Join(dir, "second")
	for _, path := range []string{first, second} {
		if err := os.WriteFile(path, []byte(strings.Repeat(path+"\n", 1000)), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return map[string]extra{
		"nothing": {},
		"ramdisk": {args: []string{"--ramdisk", first}, ramdisk: first, menu: []string{"initrd /boot/ramdisk"}},
		"modules": {
			args:  []string{"--module", first + ` one=1 "two"`, "--module", second},
			menu:  []string{`module /boot/module-1 one=1 "two"`, "module /boot/module-2"},
			files: map[string]string{"/boot/module-1": first, "/boot/module-2": second},
		},
		"files": {
			args:  []string{"--file", "/json.cfg=" + first, "--file", "/etc=" + dir},
			files: map[string]string{"/json.cfg": first, "/etc/first": first, "/etc/second": second},
		},
	}
}

// TestWrapOracles wraps each format in each layout with each extra, and checks the
// disk with all oracles. Disks of the same kernel have the same bytes.
func TestWrapOracles(t *testing.T) {
	images, extras := images(t), extras(t)
	for _, layout := range []string{"whole-disk", "partitioned"} {
		for _, name := range slices.Sorted(maps.Keys(extras)) {
			sums := map[string]string{}
			for _, format := range slices.Sorted(maps.Keys(images)) {
				image, kernel := images[format][0], images[format][1]
				t.Run(strings.Join([]string{layout, name, format}, "/"), func(t *testing.T) {
					d := oracle.Disk{
						Path:        filepath.Join(t.TempDir(), "disk.raw"),
						Partitioned: layout == "partitioned",
						CommandLine: "word key=value",
						Kernel:      kernel,
						Ramdisk:     extras[name].ramdisk,
						Menu:        extras[name].menu,
						Files:       extras[name].files,
					}
					args := append([]string{image, "-o", d.Path, "--layout", layout, "--cmdline", d.CommandLine}, extras[name].args...)
					if _, errs, err := runWrap(t.Context(), args...); err != nil {
						t.Fatal(err, errs)
					}
					d.Check(t)
					sum := fileSum(t, d.Path)
					if sums[kernel] == "" {
						sums[kernel] = sum
					}
					if sums[kernel] != sum {
						t.Errorf("the disk has the SHA-256 %s, with the same kernel in another format %s", sum, sums[kernel])
					}
				})
			}
		}
	}
}
