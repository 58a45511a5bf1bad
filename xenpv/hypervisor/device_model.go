package hypervisor

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/cavaliergopher/cpio"
)

// hvmInitramfsFile is a bundle's optional part: dom0's initramfs followed by a
// second archive with the device model of HVM domains. Linux unpacks both.
const hvmInitramfsFile = "initramfs-hvm"

// deviceWanted are the packaged files that the device model needs, as in wanted.
var deviceWanted = []string{
	"usr/lib/x86_64-linux-gnu/*.so*",
	"usr/lib/xen-4.17/boot/hvmloader",
	"usr/libexec/xen-qemu-system-i386",
	biosFile,
}

const biosFile = "usr/share/seabios/bios-256k.bin"

// bootMenuWait is code in SeaBIOS: load 2500 as the default of the setting
// etc/boot-menu-wait, a time in milliseconds. A BIOS under Xen gets no
// settings, and so would wait that long for the Escape key at every boot.
var bootMenuWait = []byte{0xba, 0xc4, 0x09, 0, 0, 0x31, 0xc9, 0xb8} // mov edx, 2500; xor ecx, ecx; mov eax, the name

// skipBootMenu sets the default to 0. It leaves a BIOS whose code is different
// unchanged, which only boots more slowly.
func skipBootMenu(bios []byte) {
	if at := bytes.Index(bios, bootMenuWait); at >= 0 && bytes.Count(bios, bootMenuWait) == 1 {
		bios[at+1], bios[at+2] = 0, 0
	}
}

// withDeviceModel returns the bundle with the initramfs for HVM domains. It
// makes that file when it is first needed. The file stays as it is as long as
// its bundle does.
func (b bundle) withDeviceModel(ctx context.Context, progress func(string)) (bundle, error) {
	b.initramfs = hvmInitramfsFile
	if _, err := os.Stat(b.file(hvmInitramfsFile)); err == nil {
		return b, nil
	}
	if b.states != b.dir {
		return b, fmt.Errorf("the bundle %s, which XENPV_DOM0 names, has no %s: boot an HVM domain on the machine that made the bundle, then copy it again",
			b.dir, hvmInitramfsFile)
	}
	unlock, err := lock(ctx, filepath.Join(b.dir, "lock"))
	if err != nil {
		return b, fmt.Errorf("wait for another process that uses the cache: %w", err)
	}
	defer unlock()
	if _, err := os.Stat(b.file(hvmInitramfsFile)); err == nil {
		return b, nil // another process made it in the meantime
	}
	if err := b.makeDeviceModel(ctx, progress); err != nil {
		return b, fmt.Errorf("make the device model of HVM domains: %w", err)
	}
	return b, nil
}

// makeDeviceModel downloads the packages and writes the initramfs for HVM
// domains. Files appear under their names when they are complete.
func (b bundle) makeDeviceModel(ctx context.Context, progress func(string)) error {
	if err := needPrograms("apt-get", "dpkg-deb"); err != nil {
		return err
	}
	files, err := findPackages(ctx, devicePackages)
	if err != nil {
		return err
	}
	if err := removeAll(b.file("making-*")); err != nil {
		return err
	}
	progress(fmt.Sprintf("making the device model of HVM domains from %d Debian packages, once, in %s", len(devicePackages), b.dir))
	temp, err := os.MkdirTemp(b.dir, "making-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(temp)
	debs, err := downloadPackages(ctx, temp, devicePackages)
	if err != nil {
		return err
	}
	c := &contents{wanted: deviceWanted, files: map[string]entry{
		// xl starts QEMU with "-vnc none", for which QEMU still loads a keymap.
		"usr/share/qemu/keymaps/en-us": {mode: cpio.TypeReg | 0o644},
	}}
	if err := errors.Join(c.addPackages(ctx, debs), c.checkWanted()); err != nil {
		return err
	}
	skipBootMenu(c.files[biosFile].data)
	made := filepath.Join(temp, hvmInitramfsFile)
	if err := b.appendInitramfs(c, made); err != nil {
		return err
	}
	if err := os.WriteFile(b.file("packages-hvm"), []byte(strings.Join(files, "\n")+"\n"), 0o644); err != nil {
		return err
	}
	return os.Rename(made, b.file(hvmInitramfsFile))
}

// archiveAlignment is where the second archive of an initramfs may start:
// Linux wants a multiple of 4, and cpio(1) writes blocks of 512 bytes.
const archiveAlignment = 512

// appendInitramfs writes a copy of the bundle's initramfs with more files.
func (b bundle) appendInitramfs(more *contents, path string) error {
	from, err := os.Open(b.file(initramfsFile))
	if err != nil {
		return err
	}
	defer from.Close()
	to, err := os.Create(path)
	if err != nil {
		return err
	}
	defer to.Close()
	buffer := bufio.NewWriter(to)
	size, err := io.Copy(buffer, from)
	if err != nil {
		return err
	}
	_, err = buffer.Write(make([]byte, -size&(archiveAlignment-1)))
	return errors.Join(err, more.writeInitramfs(buffer), buffer.Flush(), to.Close())
}
