// Package xlconfig reads configurations of domains in the language of xl, such as
// the domain_config that LING's railing writes.
//
// [Resolve] accepts the path of an image or a configuration, and returns the image
// with the command line and the ramdisk of the configuration. [Read] reads all of a
// configuration.
package xlconfig

import (
	"errors"
	"fmt"
	"io"
	"path/filepath"

	"github.com/unikernel-ami/packer-plugin-unikernel/xenpv/image"
	"github.com/unikernel-ami/packer-plugin-unikernel/xenpv/internal/files"
)

// maxConfigSize is the size in bytes of the largest configuration: 64 KiB, a hundred
// times what railing writes.
const maxConfigSize = 64 << 10

// A Config is the configuration of a PV domain.
type Config struct {
	Name        string
	Kernel      string          // absolute path of the image
	Ramdisk     string          // absolute path, "" if there is none
	CommandLine string          // as xl passes it: cmdline, or else root and extra
	MemoryMiB   int64           // memory, or else maxmem; 0 if neither is set
	Vif         []string        // one string per network interface
	Warnings    []image.Finding // unknown or duplicate keys, disks
}

// Read reads a configuration of at most 64 KiB. Its relative paths are relative to
// its directory. The kernel and the ramdisk need not exist.
//
// A syntax error, a value of the wrong type, a domain that isn't PV and a missing
// kernel are errors, most with the line number.
func Read(path string) (*Config, error) {
	text, err := readConfigText(path)
	if err != nil {
		return nil, fmt.Errorf("read domain config: %w", err)
	}
	settings, err := parse(text)
	if err != nil {
		return nil, fmt.Errorf("read domain config %s: %w", path, err)
	}
	dir, err := filepath.Abs(filepath.Dir(path))
	if err != nil {
		return nil, fmt.Errorf("read domain config %s: %w", path, err)
	}
	config, err := newConfig(settings, dir)
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
		return "", fmt.Errorf("%s has more than %d bytes (64 KiB): specify the configuration of one domain", path, maxConfigSize)
	}
	return string(text), nil
}

// newConfig makes a configuration from settings whose paths are relative to dir.
func newConfig(all []setting, dir string) (*Config, error) {
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
		return nil, errors.New("no kernel: add a line such as kernel = \"app.img\" (a kernel that a bootloader reads from a disk is not supported)")
	}
	c.Kernel = absolute(dir, c.Kernel)
	if c.Ramdisk != "" {
		c.Ramdisk = absolute(dir, c.Ramdisk)
	}
	c.CommandLine = settings.commandLine(root, extra, cmdline)
	return c, nil
}

func absolute(dir, path string) string {
	if filepath.IsAbs(path) {
		return filepath.Clean(path)
	}
	return filepath.Join(dir, path)
}
