package hypervisor

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/unikernel-ami/packer-plugin-unikernel/internal/oracle"
)

// bootLimit is ample for a boot on a machine that is busy with other tests.
const bootLimit = 3 * time.Minute

// needXen skips the test if dom0 isn't available, and in short mode.
func needXen(t testing.TB) bundle {
	t.Helper()
	if testing.Short() {
		t.Skip("starts Xen, which takes too long for -short")
	}
	oracle.Need(t, qemuProgram)
	b, err := openBundle(t.Context(), func(line string) { t.Log(line) })
	if err != nil {
		oracle.Missing(t, err.Error())
	}
	return b
}

func run(t testing.TB, name string, args ...string) {
	t.Helper()
	if out, err := exec.Command(oracle.Need(t, name), args...).CombinedOutput(); err != nil {
		t.Fatalf("%s %v: %v\n%s", name, args, err, out)
	}
}

// assemble makes a paravirtual kernel from testdata/guest.S.
func assemble(t testing.TB, options ...string) string {
	t.Helper()
	dir := t.TempDir()
	object, kernel := filepath.Join(dir, "guest.o"), filepath.Join(dir, "guest")
	run(t, "as", append(options, "-o", object, "testdata/guest.S")...)
	run(t, "ld", "-N", "-Ttext=0x1000", "--build-id=none", "-e", "_start", "-o", kernel, object)
	return kernel
}

// assemble32 makes a 32-bit paravirtual kernel from testdata/guest32.S.
func assemble32(t testing.TB) string {
	t.Helper()
	dir := t.TempDir()
	object, kernel := filepath.Join(dir, "guest.o"), filepath.Join(dir, "guest")
	run(t, "as", "--32", "-o", object, "testdata/guest32.S")
	run(t, "ld", "-m", "elf_i386", "-N", "-Ttext=0x1000", "--build-id=none", "-e", "_start", "-o", kernel, object)
	return kernel
}

// disk makes a raw disk from files, given by their paths or contents, with
// mke2fs: an independent implementation of the file system.
func disk(t testing.TB, files map[string]string) string {
	t.Helper()
	return sizedDisk(t, "16M", files)
}

func sizedDisk(t testing.TB, size string, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	root, raw := filepath.Join(dir, "root"), filepath.Join(dir, "disk.raw")
	for name, from := range files {
		data := []byte(from)
		if strings.HasPrefix(from, "/") {
			var err error
			if data, err = os.ReadFile(from); err != nil {
				t.Fatal(err)
			}
		}
		path := filepath.Join(root, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, data, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	run(t, "mke2fs", "-q", "-t", "ext2", "-I", "128", "-O", "none,filetype", "-d", root, raw, size)
	return raw
}

// menu is a menu.lst that starts the kernel with the arguments.
func menu(arguments string) string {
	return "default 0\ntimeout 0\ntitle test\n  root (hd0)\n  kernel /boot/kernel " + arguments + "\n"
}

// guestDisk makes a disk with the test kernel and its arguments.
func guestDisk(t testing.TB, arguments string) string {
	t.Helper()
	return disk(t, map[string]string{"boot/kernel": assemble(t), "boot/grub/menu.lst": menu(arguments)})
}

// boot boots a domain, and destroys it at the end of the test. It then checks
// that nothing is left.
func boot(t testing.TB, spec Spec) (*Domain, error) {
	t.Helper()
	noLeftovers(t)
	ctx, cancel := context.WithTimeout(t.Context(), bootLimit)
	defer cancel()
	spec.Progress = func(line string) { t.Log(line) }
	d, err := Boot(ctx, spec)
	if err == nil {
		t.Cleanup(d.Destroy)
	}
	return d, err
}

// noLeftovers fails the test if it ends with more child processes or temporary
// files than there are now.
func noLeftovers(t testing.TB) {
	t.Helper()
	temp := t.TempDir()
	t.Setenv("TMPDIR", temp)
	before := children(t)
	t.Cleanup(func() {
		if after := children(t); after > before {
			t.Errorf("%d child processes are left, %d were there before", after, before)
		}
		files, err := os.ReadDir(temp)
		if err != nil || len(files) != 0 {
			t.Errorf("temporary files are left: %v %v", files, err)
		}
	})
}

func children(t testing.TB) int {
	t.Helper()
	lists, err := filepath.Glob("/proc/self/task/*/children")
	if err != nil || len(lists) == 0 {
		t.Skip("this system doesn't list a process's children")
	}
	count := 0
	for _, list := range lists {
		if pids, err := os.ReadFile(list); err == nil {
			count += len(strings.Fields(string(pids)))
		}
	}
	return count
}

// wait waits for the domain to end, for a limited time.
func wait(t testing.TB, d *Domain) (Exit, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	return d.Wait(ctx)
}

// buffer is a console that can be read while it is written to.
type buffer struct {
	mu   sync.Mutex
	data strings.Builder
}

func (b *buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.data.Write(p)
}

func (b *buffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.data.String()
}

// waitFor waits until the console shows the text.
func (b *buffer) waitFor(t testing.TB, text string) {
	t.Helper()
	for deadline := time.Now().Add(30 * time.Second); !strings.Contains(b.String(), text); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("the console doesn't show %q but:\n%s", text, b.String())
		}
	}
}
