package xlconfig

import (
	"errors"
	"fmt"
	"io"
	"path/filepath"

	"github.com/unikernel-ami/packer-plugin-unikernel/xenpv/image"
	"github.com/unikernel-ami/packer-plugin-unikernel/xenpv/internal/files"
)

// maxConfigSize is the largest configuration that is read, in bytes: 64 KiB, a
// hundred times what railing writes.
const maxConfigSize = 64 << 10

// Config is what a domain_config of railing, or another configuration for
// xl, says of a PV domain.
type Config struct {
	Name        string
	Kernel      string          // absolute path of the image
	Ramdisk     string          // absolute path, "" where there is none
	CommandLine string          // as xl passes it: cmdline, or else root and extra
	MemoryMiB   int64           // memory, or else maxmem; 0 where there is neither
	Vif         []string        // one string for each network interface
	Warnings    []image.Finding // keys that xl doesn't know or that are set twice, disks
}

// Read reads a configuration of at most 64 KiB in xl's language. Its
// relative paths count from its folder. It doesn't look whether the kernel and
// the ramdisk are there.
//
// A fault of the language, a value of the wrong type, a domain that isn't PV and
// a missing kernel are errors, most with the number of the line.
func Read(path string) (*Config, error) {
	text, err := readConfigText(path)
	if err != nil {
		return nil, fmt.Errorf("read domain config: %w", err)
	}
	settings, err := parse(text)
	if err != nil {
		return nil, fmt.Errorf("read domain config %s: %w", path, err)
	}
	folder, err := filepath.Abs(filepath.Dir(path))
	if err != nil {
		return nil, fmt.Errorf("read domain config %s: %w", path, err)
	}
	config, err := newConfig(settings, folder)
	if err != nil {
		return nil, fmt.Errorf("read domain config %s: %w", path, err)
	}
	return config, nil
}

// readConfigText reads a file that is small enough.
func readConfigText(path string) (string, error) {
	file, _, err := files.OpenRegular(path)
	if err != nil {
		return "", err
	}
	defer file.Close()
	text, err := io.ReadAll(io.LimitReader(file, maxConfigSize+1))
	if err != nil {
		return "", err
	}
	if len(text) > maxConfigSize {
		return "", fmt.Errorf("%s has more than %d bytes (64 KiB): give the configuration of one domain", path, maxConfigSize)
	}
	return string(text), nil
}

// newConfig makes a configuration of settings whose paths count from the
// folder.
func newConfig(all []setting, folder string) (*Config, error) {
	settings, warnings, err := gather(all)
	if err != nil {
		return nil, err
	}
	if err := settings.checkPV(); err != nil {
		return nil, err
	}
	c := &Config{Warnings: warnings}
	var root, extra, cmdline string
	for key, text := range map[string]*string{
		"name": &c.Name, "kernel": &c.Kernel, "ramdisk": &c.Ramdisk, "root": &root, "extra": &extra, "cmdline": &cmdline,
	} {
		if *text, err = settings.text(key); err != nil {
			return nil, err
		}
	}
	if c.MemoryMiB, err = settings.memory(); err != nil {
		return nil, err
	}
	if c.Vif, err = settings.vif(); err != nil {
		return nil, err
	}
	if c.Kernel == "" {
		return nil, errors.New("it names no kernel: add a line such as kernel = \"app.img\" (a kernel that a bootloader finds on a disk can't be had)")
	}
	c.Kernel = absolute(folder, c.Kernel)
	if c.Ramdisk != "" {
		c.Ramdisk = absolute(folder, c.Ramdisk)
	}
	c.CommandLine = settings.commandLine(root, extra, cmdline)
	return c, nil
}

func absolute(folder, path string) string {
	if filepath.IsAbs(path) {
		return filepath.Clean(path)
	}
	return filepath.Join(folder, path)
}
