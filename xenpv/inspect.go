package xenpv

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
	im.report = newReport()
	im.kernel = io.NewSectionReader(file, 0, 0) // until one is found
	err := im.read(im.newBlob(file))
	for _, b := range im.blobs {
		if b.err != nil {
			return b.err
		}
	}
	if _, ok := errors.AsType[Finding](err); err != nil && !ok {
		return err
	}
	im.report.refuse(err)
	im.report.PVGRUB = len(im.report.Problems) == 0
	return nil
}

func newReport() *Report {
	return &Report{
		Boot: "none", System: systemUnknown, Compression: "none",
		Problems: []Finding{}, Warnings: []Finding{},
	}
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
	if kernel.size > uint64(im.maxSize()) {
		return finding("too-large", "the image has %d bytes, the limit is %d: give a smaller kernel", kernel.size, im.maxSize())
	}
	im.setKernel(kernel)
	im.report.KernelSize = int64(kernel.size)
	image := kernel
	switch {
	case kernel.hasAt(0, elf.ELFMAG):
		im.report.Payload = "elf"
	case isBzImage(kernel):
		im.report.Payload = "bzimage"
		if image, err = im.unpackPayload(kernel); err != nil {
			return err
		}
	default:
		return notKernel(kernel)
	}
	im.report.describe(readELF(image))
	return nil
}

func (im *Image) setKernel(b *blob) {
	im.kernel = io.NewSectionReader(b.r, 0, int64(b.size))
}

// findKernel frees the kernel from the packing of the file as a whole, and from
// the archive that it is in.
func (im *Image) findKernel(file *blob) (*blob, error) {
	whole, err := im.unpackFile(file)
	if err != nil && !hasGzipExtra(err) {
		return nil, err
	}
	format := archiveFormat(whole)
	if format != "" {
		im.report.Archive = format
		return im.fromArchive(whole, format)
	}
	if im.options.Member != "" {
		return nil, finding("archive-member", "the member %q is asked for, and the file is no tar or zip archive: give the archive, or no member", im.options.Member)
	}
	im.report.refuse(err)
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
	if im.report.Compression == "none" {
		im.report.Compression = p.name
	}
	return im.unpack(file, p, smallImage)
}

// unpackPayload unpacks the ELF in a bzImage, and makes it the kernel where
// PV-GRUB couldn't unpack it.
func (im *Image) unpackPayload(kernel *blob) (*blob, error) {
	packed, p, err := bzPayload(kernel)
	if err != nil {
		return nil, err
	}
	im.report.PayloadCompression = p.name
	image, err := im.unpack(packed, p, smallPayload)
	if err != nil && !hasGzipExtra(err) { // Xen ignores that in a payload
		return nil, err
	}
	if !image.hasAt(0, elf.ELFMAG) {
		return nil, finding("bzimage-payload", "the bzImage's payload is no ELF: use a kernel for x86")
	}
	switch p.name {
	case "lzma", "lz4", "zstd":
		im.setKernel(image)
		im.report.warn(finding("payload-unpacked",
			"PV-GRUB isn't known to unpack a bzImage's %s payload (gzip, bzip2, lzo and xz are documented): the ELF inside goes on the disk instead", p.name))
	}
	return image, nil
}
