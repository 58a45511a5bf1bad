// Package xenpv reads Xen PV kernels and puts them on disks that PV-GRUB
// boots. It knows nothing of AWS or Packer.
//
// # Inspecting
//
// [Inspect] reads a kernel as Xen's own loader does and says what it is: its
// architecture, whether it is PV or PVH, which unikernel system made it, and
// every reason why PV-GRUB would not start it. [Open] does the same for a
// file and keeps it open, so that its kernel can be put on a disk:
//
//	image, err := xenpv.Open("mir-www.xen.bz2")
//	if err != nil {
//		return err // not readable: no such file, a directory, empty
//	}
//	defer image.Close()
//	if err := image.Report().Err(); err != nil {
//		return err // readable, but PV-GRUB can't start it
//	}
//	disk := wrap(image.Kernel())
//
// A kernel is an ELF or a Linux bzImage, plain or packed with gzip, bzip2, xz,
// lzma, lzo, lz4 or zstd. Xen's notes are looked for where libelf looks for
// them: in PT_NOTE segments, then in SHT_NOTE sections, then in the legacy
// section __xen_guest, which is all that most unikernels have.
//
// # Limits
//
// No size, offset or count of a file is trusted. A kernel has at most
// [MaxKernelSize] bytes. Reading streams: memory is a few hundred KiB, except
// that unpacking needs the packer's dictionary (see unpack.go), and what is
// unpacked waits in a private temporary file.
package xenpv
