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

// newBlob returns a blob whose errors end the inspection.
func (im *Image) newBlob(r *io.SectionReader) *blob {
	b := newBlob(r)
	im.blobs = append(im.blobs, b)
	return b
}

// read goes from the file to the kernel to the ELF in it, and describes that.
func (im *Image) read(file *blob) error {
	kernel, err := im.unpackFile(file)
	if err != nil {
		return err
	}
	if kernel.size > MaxKernelSize {
		return finding("too-large", "the image has %d bytes, the limit is %d (1 GiB): give a smaller kernel", kernel.size, MaxKernelSize)
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

// unpackFile frees the kernel from the packing of the file as a whole. Since a
// disk gets it packed anew, it doesn't matter that PV-GRUB knows only gzip.
func (im *Image) unpackFile(file *blob) (*blob, error) {
	p := packingOf(file)
	if p == nil {
		return file, nil
	}
	im.report.Compression = p.name
	kernel, err := im.unpack(file, p, smallImage)
	if hasGzipExtra(err) {
		im.report.refuse(err)
		err = nil
	}
	return kernel, err
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

// notKernel is the finding for a file that is neither ELF nor bzImage.
func notKernel(b *blob) Finding {
	start, _ := b.bytes(0, min(8, b.size))
	return finding("not-a-kernel", "the image begins with %q, which is neither an ELF nor a bzImage, nor one packed with gzip, bzip2, xz, lzma, lzo, lz4 or zstd: give the kernel file itself", start)
}
