package hypervisor

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// The files of a bundle. The kernel may be compressed, but boots faster if not.
const (
	xenFile       = "xen"
	kernelFile    = "vmlinuz"
	initramfsFile = "initramfs"
)

// bundle is a directory with the files that QEMU starts dom0 from.
type bundle struct {
	dir string
	// initramfs is the name of dom0's initramfs in dir: with or without the
	// device model of HVM domains.
	initramfs string
	// states is the directory for saved states of machines started from it.
	states string
}

func (b bundle) file(name string) string { return filepath.Join(b.dir, name) }

// cacheDir returns the directory of bundles and saved states.
func cacheDir() (string, error) {
	if dir := os.Getenv("XENPV_CACHE"); dir != "" {
		return filepath.Abs(dir)
	}
	dir, err := os.UserCacheDir()
	if err != nil {
		return "", fmt.Errorf("find a cache directory (set XENPV_CACHE to name one): %w", err)
	}
	return filepath.Join(dir, "packer-plugin-unikernel"), nil
}

// openBundle returns the bundle that XENPV_DOM0 names, or else the bundle in
// the cache, which it makes if necessary.
func openBundle(ctx context.Context, progress func(string)) (bundle, error) {
	cache, err := cacheDir()
	if err != nil {
		return bundle{}, err
	}
	if dir := os.Getenv("XENPV_DOM0"); dir != "" {
		return readyBundle(dir, cache)
	}
	dir := filepath.Join(cache, "dom0")
	stamp, err := aptStamp(dir)
	if err != nil {
		return bundle{}, err
	}
	if b, ok := stampedBundle(dir, stamp); ok {
		return b, nil
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return bundle{}, fmt.Errorf("create the cache directory: %w", err)
	}
	unlock, err := lock(ctx, filepath.Join(dir, "lock"))
	if err != nil {
		return bundle{}, fmt.Errorf("wait for another process that uses the cache: %w", err)
	}
	defer unlock()
	if b, ok := stampedBundle(dir, stamp); ok {
		return b, nil // another process made it in the meantime
	}
	return makeBundle(ctx, dir, stamp, progress)
}

// readyBundle checks a bundle that the user names. Its saved states go in the
// cache, under a digest of its files: its directory may be read-only.
func readyBundle(dir, cache string) (bundle, error) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return bundle{}, err
	}
	key := sha256.New()
	for _, name := range []string{xenFile, kernelFile, initramfsFile} {
		info, err := os.Stat(filepath.Join(dir, name)) //nolint:gosec // G703: the user names the directory
		if err != nil {
			return bundle{}, fmt.Errorf("open the bundle that XENPV_DOM0 names (it must contain %s, %s and %s): %w",
				xenFile, kernelFile, initramfsFile, err)
		}
		fmt.Fprintln(key, dir, name, info.Size(), info.ModTime().UnixNano())
	}
	states := filepath.Join(cache, "states", shortHash(key.Sum(nil)))
	return bundle{dir: dir, initramfs: initramfsFile, states: states}, checkAgent(dir)
}

// checkAgent rejects a bundle whose agent isn't this program's. The initramfs is
// uncompressed, so it contains the agent's bytes unchanged.
func checkAgent(dir string) error {
	agent, err := dom0Files.ReadFile("dom0/agent")
	if err != nil {
		return err
	}
	initramfs, err := os.ReadFile(filepath.Join(dir, initramfsFile)) //nolint:gosec // G304: the user names the directory
	if err == nil && !bytes.Contains(initramfs, agent) {
		err = fmt.Errorf("the bundle %s, which XENPV_DOM0 names, was made by another version of this program: copy one that this version made", dir)
	}
	return err
}

// aptStamp returns the path of the file that names the bundle for the packages
// that apt now offers. Asking apt itself would take longer than a boot. apt
// changes the directory of its lists at each "apt-get update".
func aptStamp(dir string) (string, error) {
	lists, err := os.Stat("/var/lib/apt/lists")
	if errors.Is(err, fs.ErrNotExist) {
		return filepath.Join(dir, "none"), nil
	}
	if err != nil {
		return "", fmt.Errorf("check apt's lists: %w", err)
	}
	recipe, err := recipeHash()
	if err != nil {
		return "", err
	}
	return filepath.Join(dir, fmt.Sprintf("for-%s-%x", recipe, lists.ModTime().UnixNano())), nil
}

// recipeHash returns a digest of everything that a bundle depends on, except
// for the versions of the packages.
func recipeHash() (string, error) {
	h := sha256.New()
	fmt.Fprintln(h, packages, modules, wanted, directories, "kernel unpacked", devicePackages, deviceWanted)
	err := fs.WalkDir(dom0Files, ".", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		data, err := dom0Files.ReadFile(path)
		fmt.Fprintln(h, path, len(data), string(data))
		return err
	})
	return shortHash(h.Sum(nil)), err
}

// shortHash returns a digest's first 64 bits, enough to distinguish the few
// bundles and states on one machine.
func shortHash(sum []byte) string { return fmt.Sprintf("%x", sum[:8]) }

func stampedBundle(dir, stamp string) (bundle, bool) {
	key, err := os.ReadFile(stamp)
	if err != nil || strings.ContainsAny(string(key), "/.") {
		return bundle{}, false
	}
	b := bundle{dir: filepath.Join(dir, string(key)), initramfs: initramfsFile, states: filepath.Join(dir, string(key))}
	_, err = os.Stat(b.file(initramfsFile))
	return b, err == nil
}

// makeBundle makes the bundle for the packages that apt now offers, unless an
// earlier one was made from the same.
func makeBundle(ctx context.Context, dir, stamp string, progress func(string)) (bundle, error) {
	if err := needPrograms("apt-get", "apt-cache", "dpkg-deb"); err != nil {
		return bundle{}, err
	}
	names, err := withKernel(ctx)
	if err != nil {
		return bundle{}, err
	}
	files, err := findPackages(ctx, names)
	if err != nil {
		return bundle{}, err
	}
	recipe, err := recipeHash()
	if err != nil {
		return bundle{}, err
	}
	sum := sha256.Sum256([]byte(recipe + strings.Join(files, "\n")))
	key := shortHash(sum[:])
	made := filepath.Join(dir, key)
	if _, err := os.Stat(made); err != nil {
		if err := removeAll(filepath.Join(dir, "making-*")); err != nil {
			return bundle{}, fmt.Errorf("make dom0: %w", err)
		}
		progress(fmt.Sprintf("making dom0 from %d Debian packages, once, in %s", len(names), made))
		if err := makeBundleDir(ctx, made, names, files); err != nil {
			return bundle{}, fmt.Errorf("make dom0: %w", err)
		}
	}
	err = errors.Join(
		removeAll(filepath.Join(dir, "for-*")),
		os.WriteFile(stamp, []byte(key), 0o644),
		keepNewest(keptBundles, made, filepath.Join(dir, strings.Repeat("[0-9a-f]", len(key)))),
	)
	if err != nil {
		return bundle{}, fmt.Errorf("make dom0: %w", err)
	}
	return bundle{dir: made, initramfs: initramfsFile, states: made}, nil
}

// makeBundleDir fills a temporary directory and renames it when it is complete.
// The list of packages is kept beside the files made from them.
func makeBundleDir(ctx context.Context, dir string, names, files []string) error {
	temp, err := os.MkdirTemp(filepath.Dir(dir), "making-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(temp)
	debs := filepath.Join(temp, "debs")
	if err := os.Mkdir(debs, 0o755); err != nil {
		return err
	}
	paths, err := downloadPackages(ctx, debs, names)
	if err != nil {
		return err
	}
	c, err := collect(ctx, paths)
	if err != nil {
		return err
	}
	if err := os.RemoveAll(debs); err != nil {
		return err
	}
	if err := c.write(temp, files); err != nil {
		return err
	}
	return os.Rename(temp, dir)
}

func (c *contents) write(dir string, files []string) error {
	initramfs, err := os.Create(filepath.Join(dir, initramfsFile))
	if err != nil {
		return err
	}
	defer initramfs.Close()
	buffer := bufio.NewWriter(initramfs)
	return errors.Join(
		c.writeInitramfs(buffer),
		buffer.Flush(),
		initramfs.Close(),
		os.WriteFile(filepath.Join(dir, xenFile), c.xen, 0o644),
		os.WriteFile(filepath.Join(dir, kernelFile), c.kernel, 0o644),
		os.WriteFile(filepath.Join(dir, "packages"), []byte(strings.Join(files, "\n")+"\n"), 0o644),
	)
}

// whereFrom explains how to install programs.
var whereFrom = map[string]string{
	"qemu-system-x86_64": `"apt-get install qemu-system-x86" or "brew install qemu"`,
	"apt-get":            aptSource,
	"apt-cache":          "comes with apt-get",
	"dpkg-deb":           "comes with apt-get",
}

// needPrograms returns one error that lists all the programs that are missing.
func needPrograms(programs ...string) error {
	var missing []error
	for _, program := range programs {
		if _, err := exec.LookPath(program); err != nil {
			missing = append(missing, fmt.Errorf("%s is missing: %s", program, whereFrom[program]))
		}
	}
	return errors.Join(missing...)
}
