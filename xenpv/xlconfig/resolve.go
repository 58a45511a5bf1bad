package xlconfig

import (
	"fmt"
	"io"
	"os"

	"github.com/unikernel-ami/packer-plugin-unikernel/xenpv/image"
	"github.com/unikernel-ami/packer-plugin-unikernel/xenpv/internal/files"
)

// An Input is an image, and the options in a domain configuration. A user's own
// options take precedence.
type Input struct {
	Image       string // path of the image
	CommandLine string
	Ramdisk     string // path, "" if there is none
	MemoryMiB   int64  // of the domain; 0 if it isn't set
	Warnings    []image.Finding
}

// Resolve recognizes a configuration by its content, never by its name, and reads it
// ([Read]). Anything else is an image. A configuration's kernel must exist.
func Resolve(path string) (*Input, error) {
	file, size, err := files.OpenRegular(path)
	if err != nil {
		return nil, fmt.Errorf("open image: %w", err)
	}
	defer file.Close()
	start, err := io.ReadAll(io.NewSectionReader(file, 0, min(maxConfigSize, size)))
	if err != nil {
		return nil, fmt.Errorf("read image %s: %w", path, err)
	}
	if !image.IsDomainConfig(start) {
		return &Input{Image: path}, nil
	}
	config, err := Read(path)
	if err != nil {
		return nil, err
	}
	if _, err := os.Stat(config.Kernel); err != nil {
		return nil, fmt.Errorf("read domain config %s: can't read its kernel: build the image, or correct the line kernel = ...: %w", path, err)
	}
	return &Input{
		Image: config.Kernel, CommandLine: config.CommandLine, Ramdisk: config.Ramdisk,
		MemoryMiB: config.MemoryMiB, Warnings: config.Warnings,
	}, nil
}
