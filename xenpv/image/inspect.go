package image

import (
	"debug/elf"
	"errors"
	"io"
)

// inspect reads the image. Its error is only about reading.
func (im *Image) inspect(file *io.SectionReader) error {
	if file.Size() == 0 {
		return errors.New("file is empty; specify a kernel")
	}
	im.facts = &Facts{System: systemUnknown, Compression: "none", Problems: []Finding{}}
	none := io.NewSectionReader(file, 0, 0) // until one is found
	im.kernel, im.elf, im.raw = none, none, none
	err := im.read(im.newBlob(file))
	for _, b := range im.blobs {
		if b.err != nil {
			return b.err
		}
	}
	if _, ok := errors.AsType[Finding](err); err != nil && !ok {
		return err
	}
	im.facts.refuse(err)
	return nil
}

// newBlob returns a blob whose errors end the inspection, and that can't be read
// after the context is done.
func (im *Image) newBlob(r *io.SectionReader) *blob {
	b := newBlob(r)
	b.ended = im.ctx.Err
	im.blobs = append(im.blobs, b)
	return b
}

// read finds the kernel in the file and the ELF in the kernel, and describes that.
func (im *Image) read(file *blob) error {
	kernel, err := im.findKernel(file)
	if err != nil {
		return err
	}
	isELF, isBz := kernel.hasAt(0, elf.ELFMAG), isBzImage(kernel)
	if !isELF && !isBz {
		im.raw, im.facts.Disk = kernel.section(), diskImage(kernel)
	}
	if kernel.size > uint64(im.maxSize()) && im.facts.Disk.Format == "" {
		return Findingf("too-large", "the image has %d bytes; the limit is %d: specify a smaller kernel", kernel.size, im.maxSize())
	}
	im.kernel = kernel.section()
	im.facts.KernelSize = int64(kernel.size)
	image := kernel
	switch {
	case isELF:
		im.facts.Payload = "elf"
	case isBz:
		im.facts.Payload = "bzimage"
		if image, err = im.decompressPayload(kernel); err != nil {
			return err
		}
	default:
		return notKernel(kernel)
	}
	im.elf = image.section()
	im.facts.describe(readELF(image))
	return nil
}

// section returns a reader of all bytes of b.
func (b *blob) section() *io.SectionReader { return io.NewSectionReader(b.r, 0, int64(b.size)) }

// findKernel decompresses the file as a whole, and extracts the kernel from the
// archive, if there is one.
func (im *Image) findKernel(file *blob) (*blob, error) {
	whole, err := im.decompressFile(file)
	if err != nil && !hasGzipExtra(err) {
		return nil, err
	}
	format := archiveFormat(whole)
	if format != "" {
		im.facts.Archive = format
		return im.fromArchive(whole, format)
	}
	if im.options.Member != "" {
		return nil, Findingf("archive-member", "member %q is specified, but the file is not a tar or zip archive: specify an archive, or no member", im.options.Member)
	}
	im.facts.refuse(err)
	return whole, nil
}

// decompressFile decompresses a file, if it is compressed. The kernel on a disk is
// compressed anew, so it doesn't matter that PV-GRUB supports only gzip. The error
// may be one of [hasGzipExtra], with the decompressed file.
func (im *Image) decompressFile(file *blob) (*blob, error) {
	p := compressionOf(file)
	if p == nil {
		return file, nil
	}
	if im.facts.Compression == "none" {
		im.facts.Compression = p.name
	}
	return im.decompress(file, p, smallImage)
}

// decompressPayload decompresses the ELF in a bzImage.
func (im *Image) decompressPayload(kernel *blob) (*blob, error) {
	compressed, p, err := bzPayload(kernel)
	if err != nil {
		return nil, err
	}
	im.facts.PayloadCompression = p.name
	image, err := im.decompress(compressed, p, smallPayload)
	if err != nil && !hasGzipExtra(err) { // Xen ignores that in a payload
		return nil, err
	}
	if !image.hasAt(0, elf.ELFMAG) {
		return nil, Findingf("bzimage-payload", "the bzImage's payload is not an ELF: use a kernel for x86")
	}
	return image, nil
}
