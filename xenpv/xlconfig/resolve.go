package xlconfig

import (
	"fmt"
	"io"
	"os"

	"github.com/unikernel-ami/packer-plugin-unikernel/xenpv/image"
	"github.com/unikernel-ami/packer-plugin-unikernel/xenpv/internal/files"
)

// Input is what a user's path leads to: an image, or the image and the options
// that a domain's configuration gives. What the user says of a command line or a
// ramdisk goes before what stands here.
type Input struct {
	Image       string // path of the image
	CommandLine string
	Ramdisk     string // path, "" where there is none
	MemoryMiB   int64  // of the domain; 0 where it isn't said
	Warnings    []image.Finding
}

// Resolve tells by a file's content, and never by its name, whether it is a
// configuration ([Read]) or anything else, which counts as an image.
// A configuration's kernel must be there.
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
		return nil, fmt.Errorf("read domain config %s: its kernel can't be read: build the image, or correct the line kernel = ...: %w", path, err)
	}
	return &Input{
		Image: config.Kernel, CommandLine: config.CommandLine, Ramdisk: config.Ramdisk,
		MemoryMiB: config.MemoryMiB, Warnings: config.Warnings,
	}, nil
}
