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
//	image, err := xenpv.Open(ctx, "mir-www.xen.bz2")
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
// lzma, lzo, lz4 or zstd, or one of these in a tar, a packed tar or a zip: the
// only Xen kernel in it, or the member that [OpenOptions] name. Members are told
// by their content, and are never unpacked under their own names. Xen's notes
// are looked for where libelf looks for them: in PT_NOTE segments, then in
// SHT_NOTE sections, then in the legacy section __xen_guest, which is all that
// most unikernels have.
//
// What is no kernel for PV-GRUB is named, by its content, with the way that
// leads from it to an AMI, if there is one.
//
// # Domain configurations
//
// [ResolveInput] takes a path of either an image or a domain_config of railing
// or another configuration for xl, and returns the image with the command line
// and the ramdisk that the configuration gives. [ReadDomainConfig] reads the
// whole of one, in the language of xl's own parser.
//
// # Wrapping
//
// [NewDisk] lays out the disk that PV-GRUB boots the kernel from, without
// copying anything: a [Disk] is read like a file, block by block for an EBS
// snapshot ([Disk.Blocks]) or into a file ([Disk.WriteFile]). On it are an ext2
// file system, on the disk as a whole or in one partition, the kernel, the menus
// of the boot loaders, and perhaps a ramdisk or modules, and further files:
//
//	disk, err := xenpv.NewDisk(ctx, xenpv.DiskSpec{
//		Kernel:      image,
//		CommandLine: "_RUMPRUN_ROOTFSCFG=/json.cfg",
//		Files:       map[string]string{"/json.cfg": "config/prod.json"},
//	})
//	if err != nil {
//		return err
//	}
//	defer disk.Close()
//	for _, finding := range disk.Advice() {
//		log.Println(finding.Text)
//	}
//	sum, err := disk.WriteFile(ctx, "disk.raw")
//
// # Limits
//
// No size, offset or count of a file is trusted. A kernel has at most
// [MaxKernelSize] bytes, or as many as [OpenOptions] allow. Reading streams:
// memory is a few hundred KiB, except that unpacking needs the packer's dictionary
// (see unpack.go), and what is unpacked waits in a private temporary file.
package xenpv
