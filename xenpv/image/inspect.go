package image

import (
	"debug/elf"
	"errors"
	"io"
)

// inspect reads the image and reports on it. Its error tells only of reading.
func (im *Image) inspect(file *io.SectionReader) error {
	if file.Size() == 0 {
		return errors.New("it is empty: give a file that holds a kernel")
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

// newBlob returns a blob whose errors end the inspection, and which can't be read
// any more once the context is done.
func (im *Image) newBlob(r *io.SectionReader) *blob {
	b := newBlob(r)
	b.ended = im.ctx.Err
	im.blobs = append(im.blobs, b)
	return b
}

// read goes from the file to the kernel to the ELF in it, and describes that.
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
		return Findingf("too-large", "the image has %d bytes, the limit is %d: give a smaller kernel", kernel.size, im.maxSize())
	}
	im.kernel = kernel.section()
	im.facts.KernelSize = int64(kernel.size)
	image := kernel
	switch {
	case isELF:
		im.facts.Payload = "elf"
	case isBz:
		im.facts.Payload = "bzimage"
		if image, err = im.unpackPayload(kernel); err != nil {
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

// findKernel frees the kernel from the packing of the file as a whole, and from
// the archive that it is in.
func (im *Image) findKernel(file *blob) (*blob, error) {
	whole, err := im.unpackFile(file)
	if err != nil && !hasGzipExtra(err) {
		return nil, err
	}
	format := archiveFormat(whole)
	if format != "" {
		im.facts.Archive = format
		return im.fromArchive(whole, format)
	}
	if im.options.Member != "" {
		return nil, Findingf("archive-member", "the member %q is asked for, and the file is no tar or zip archive: give the archive, or no member", im.options.Member)
	}
	im.facts.refuse(err)
	return whole, nil
}

// unpackFile frees a file from its packing, if it has one. Since a disk gets the
// kernel packed anew, it doesn't matter that PV-GRUB knows only gzip. The error
// may be that of [hasGzipExtra], with the unpacked file.
func (im *Image) unpackFile(file *blob) (*blob, error) {
	p := packingOf(file)
	if p == nil {
		return file, nil
	}
	if im.facts.Compression == "none" {
		im.facts.Compression = p.name
	}
	return im.unpack(file, p, smallImage)
}

// unpackPayload decompresses the ELF in a bzImage.
func (im *Image) unpackPayload(kernel *blob) (*blob, error) {
	packed, p, err := bzPayload(kernel)
	if err != nil {
		return nil, err
	}
	im.facts.PayloadCompression = p.name
	image, err := im.unpack(packed, p, smallPayload)
	if err != nil && !hasGzipExtra(err) { // Xen ignores that in a payload
		return nil, err
	}
	if !image.hasAt(0, elf.ELFMAG) {
		return nil, Findingf("bzimage-payload", "the bzImage's payload is no ELF: use a kernel for x86")
	}
	return image, nil
}
