// Package xenpv makes disks that boot on EC2 from images of unikernels. It
// knows nothing of AWS or Packer.
//
// [Inspect] reports what an image is and whether PV-GRUB can start it. [Wrap] puts
// an image on a disk:
//
//	disk, err := xenpv.Wrap(ctx, xenpv.Spec{
//		Image:       "httpd.bin",
//		CommandLine: new("_RUMPRUN_ROOTFSCFG=/json.cfg"),
//		Files:       map[string]string{"/json.cfg": "config/prod.json"},
//	})
//	if err != nil {
//		return err
//	}
//	defer disk.Close()
//	for _, finding := range disk.Advice {
//		log.Println(finding.Text)
//	}
//	sum, err := disk.WriteFile(ctx, "disk.raw")
//
// Both are thin over the packages below:
//
//   - xlconfig resolves a domain configuration to an image and its options;
//   - image opens, decompresses and inspects an image, and returns facts;
//   - boot decides whether an image boots, what goes on the disk, and how its AMI
//     is registered;
//   - disk lays out and writes the disk, with its ext2 file system;
//   - hypervisor boots a disk under Xen in QEMU.
package xenpv
