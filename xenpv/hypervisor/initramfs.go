package hypervisor

import (
	"archive/tar"
	"compress/gzip"
	"context"
	"embed"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"os/exec"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/cavaliergopher/cpio"
)

// dom0Files are our own files in dom0: its first process, the agent, and
// xl's settings.
//
//go:embed dom0
var dom0Files embed.FS

// ownFiles maps paths in dom0 to them. The hotplug scripts do nothing: the agent
// does their work, because a shell and five programs per device take a second
// in emulation.
var ownFiles = map[string]string{
	"init":                       "init",
	"agent":                      "agent",
	"etc/xen/scripts/block":      "hotplug",
	"etc/xen/scripts/vif-bridge": "hotplug",
}

// modules are dom0's kernel modules, each after those that it needs.
var modules = []string{
	"xen-evtchn", "xen-gntdev", "xen-gntalloc", "xen-privcmd", "xenfs", "xen-blkback", "xen-netback",
	"virtio_ring", "virtio", "virtio_pci_modern_dev", "virtio_pci_legacy_dev", "virtio_pci",
	"failover", "net_failover", "virtio_net", "virtio_blk", "virtio_console", "llc", "stp", "bridge",
}

// wanted are the packaged files that dom0 needs, as patterns of path.Match;
// a pattern that ends in a slash includes the whole directory.
var wanted = []string{
	"bin/busybox",
	"lib64/ld-linux-x86-64.so.2",
	"usr/bin/python3.11",
	"usr/lib/x86_64-linux-gnu/*.so*",
	"usr/lib/xen-4.17/bin/pygrub",
	"usr/lib/xen-4.17/bin/xen-init-dom0",
	"usr/lib/xen-4.17/bin/xenconsoled",
	"usr/lib/xen-4.17/bin/xenstored",
	"usr/lib/xen-4.17/bin/xl",
	"usr/lib/xen-4.17/lib/",
	"usr/lib/python3.11/*.py",
	"usr/lib/python3.11/collections/",
	"usr/lib/python3.11/ctypes/",
	"usr/lib/python3.11/curses/",
	"usr/lib/python3.11/encodings/",
	"usr/lib/python3.11/importlib/",
	"usr/lib/python3.11/json/",
	"usr/lib/python3.11/lib-dynload/",
	"usr/lib/python3.11/logging/",
	"usr/lib/python3.11/re/",
}

// directories must exist in dom0 although no package has a file in them.
var directories = []string{
	"dev", "etc/xen", "proc", "run/xen", "run/xenstored", "sys", "tmp",
	"var/lib/xen", "var/lib/xenstored", "var/lock", "var/log/xen",
}

// entry is a file of dom0: data, or a link's target.
type entry struct {
	mode cpio.FileMode
	data []byte
}

// contents is what a bundle is made of: dom0's files by path, and the two files
// that the machine starts from.
type contents struct {
	wanted      []string // patterns of the packaged files to pick
	files       map[string]entry
	xen, kernel []byte
}

// collect reads the packages and picks what dom0 needs.
func collect(ctx context.Context, debs []string) (*contents, error) {
	c := &contents{wanted: wanted, files: map[string]entry{
		"lib":     {cpio.TypeSymlink | 0o777, []byte("usr/lib")},
		"var/run": {cpio.TypeSymlink | 0o777, []byte("/run")},
	}}
	for _, directory := range directories {
		c.files[directory] = entry{mode: cpio.TypeDir | 0o755}
	}
	for to, file := range ownFiles {
		data, err := dom0Files.ReadFile("dom0/" + file)
		if err != nil {
			return nil, err
		}
		c.files[to] = entry{cpio.TypeReg | 0o755, data}
	}
	return c, errors.Join(c.addPackages(ctx, debs), c.checkBoot(), c.checkWanted())
}

func (c *contents) addPackages(ctx context.Context, debs []string) error {
	for _, deb := range debs {
		if err := c.addPackage(ctx, deb); err != nil {
			return fmt.Errorf("unpack %s: %w", path.Base(deb), err)
		}
	}
	return nil
}

func (c *contents) addPackage(ctx context.Context, deb string) error {
	cmd := exec.CommandContext(ctx, "dpkg-deb", "--fsys-tarfile", deb) //nolint:gosec // G204: the name is apt's
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	if err := c.addTar(tar.NewReader(out)); err != nil {
		return errors.Join(err, out.Close(), cmd.Wait())
	}
	return cmd.Wait()
}

func (c *contents) addTar(archive *tar.Reader) error {
	for {
		header, err := archive.Next()
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
		if err := c.addFile(header, archive); err != nil {
			return fmt.Errorf("%s: %w", header.Name, err)
		}
	}
}

func (c *contents) addFile(header *tar.Header, data io.Reader) (err error) {
	name := path.Clean(header.Name)
	if strings.HasPrefix(name, "lib/") {
		name = "usr/" + name // one tree, as in an installed Debian
	}
	switch {
	case header.Typeflag == tar.TypeSymlink && c.wants(name):
		c.files[name] = entry{cpio.TypeSymlink | 0o777, []byte(header.Linkname)}
	case header.Typeflag != tar.TypeReg:
	case strings.HasPrefix(name, "boot/vmlinuz-"):
		var bzImage []byte
		if bzImage, err = io.ReadAll(data); err == nil {
			c.kernel, err = unpackKernel(bzImage)
		}
	case strings.HasPrefix(name, "boot/xen-") && strings.HasSuffix(name, ".gz"):
		var xen *gzip.Reader
		if xen, err = gzip.NewReader(data); err == nil {
			c.xen, err = io.ReadAll(xen)
		}
	case c.wants(name) || moduleName(name) != name:
		e := entry{mode: cpio.TypeReg | cpio.FileMode(header.Mode&0o777)}
		e.data, err = io.ReadAll(data)
		c.files[moduleName(name)] = e
	}
	return err
}

func (c *contents) wants(name string) bool {
	return slices.ContainsFunc(c.wanted, func(pattern string) bool {
		if strings.HasSuffix(pattern, "/") {
			return strings.HasPrefix(name, pattern)
		}
		ok, _ := path.Match(pattern, name)
		return ok
	})
}

// moduleName returns the path where dom0's init finds a kernel module, which
// gives the order of loading. It returns the names of other files unchanged.
func moduleName(name string) string {
	if base, ok := strings.CutSuffix(path.Base(name), ".ko"); ok {
		if i := slices.Index(modules, base); i >= 0 {
			return fmt.Sprintf("modules/%02d-%s.ko", i, base)
		}
	}
	return name
}

// checkBoot reports whether Xen, the kernel and all its modules were found.
func (c *contents) checkBoot() error {
	var missing []string
	for i, module := range modules {
		if _, ok := c.files[fmt.Sprintf("modules/%02d-%s.ko", i, module)]; !ok {
			missing = append(missing, module+".ko")
		}
	}
	if c.kernel == nil || c.xen == nil {
		missing = append(missing, "the kernel or Xen itself")
	}
	return lack(missing)
}

// checkWanted reports the wanted files that no package contained.
func (c *contents) checkWanted() error {
	var missing []string
	for _, pattern := range c.wanted {
		if _, ok := c.files[pattern]; !ok && !strings.ContainsAny(pattern, "*") && !strings.HasSuffix(pattern, "/") {
			missing = append(missing, pattern)
		}
	}
	return lack(missing)
}

func lack(missing []string) error {
	if missing == nil {
		return nil
	}
	return fmt.Errorf("the packages lack %s", strings.Join(missing, ", "))
}

// writeInitramfs writes dom0's files as a cpio archive, sorted and with times
// of 0, so that the same packages give the same bytes. It isn't compressed:
// decompressing in emulation would cost more time than the space is worth.
func (c *contents) writeInitramfs(to io.Writer) error {
	for _, name := range slices.Collect(maps.Keys(c.files)) {
		for dir := path.Dir(name); dir != "."; dir = path.Dir(dir) {
			c.files[dir] = entry{mode: cpio.TypeDir | 0o755}
		}
	}
	archive := cpio.NewWriter(to)
	for i, name := range slices.Sorted(maps.Keys(c.files)) {
		e := c.files[name]
		header := &cpio.Header{Name: name, Mode: e.mode, Size: int64(len(e.data)), Links: 1, Inode: int64(i + 1), ModTime: time.Unix(0, 0)}
		if err := archive.WriteHeader(header); err != nil {
			return err
		}
		if _, err := archive.Write(e.data); err != nil {
			return err
		}
	}
	return archive.Close()
}
