// Package hypervisor boots a raw disk under real Xen on this machine, in
// seconds, without EC2, KVM or root.
//
// [Boot] starts one QEMU process per domain. QEMU emulates a computer that runs
// Xen 4.17 with a Debian Linux as dom0. There, Xen's toolstack starts the guest:
//
//   - A [PV] guest sees the disk as sda1, as on EC2. Xen's own pygrub reads
//     /boot/grub/menu.lst from the disk. Alternatively, a pv-grub, the boot
//     loader that EC2 uses, is started instead of pygrub ([Spec].PVGRUB).
//   - An [HVM] guest has a BIOS (SeaBIOS), which boots the disk, and Xen's
//     paravirtual network card, disk and console, as on EC2's Xen instance types.
//
// For example:
//
//	d, err := hypervisor.Boot(ctx, hypervisor.Spec{Disk: "disk.raw", Console: os.Stdout})
//	if err != nil {
//		return err
//	}
//	defer d.Destroy()
//	err = d.Ping(ctx)
//
// # Requirements
//
// QEMU (qemu-system-x86_64) and a dom0 bundle: Xen, a kernel and an initramfs.
// The bundle is made once from Debian 12 packages, which apt downloads and which
// are never installed. The same packages give the same bundle, byte for byte.
// It is kept in the user's cache directory, or in the directory that XENPV_CACHE
// names. On a machine without apt, set XENPV_DOM0 to the directory of a bundle
// copied from another machine's cache.
//
// The device model of HVM guests is an optional part of the bundle: some twenty
// more packages, of which 35 MB are needed. It is added for the first HVM guest.
//
// # How a boot takes seconds
//
// Xen and dom0 need 8 seconds or more to start, and are the same for every
// guest. So the first boot saves the machine just before it would start a
// guest: its memory and its devices, in two files beside the bundle. Each boot
// maps that memory, which takes no time, and replaces an empty disk with the
// guest's. pygrub and xl are loaded by then, and wait. A saved state belongs to
// one bundle, one QEMU, one virtualization and one size of machine. A state that
// can't be loaded is removed, and the machine starts from scratch. The newest
// two bundles are kept, and the newest four states of each.
//
// An HVM guest boots from an emulated AHCI disk: a BIOS reads it by DMA. The IDE
// disk that Xen emulates by default is read by single port accesses, each of
// which leaves the guest, and is some ten times slower. The copy of SeaBIOS
// doesn't wait for a key to show its boot menu.
//
// # 32-bit guests
//
// Debian's Xen is built without support for 32-bit PV guests (CONFIG_PV32), so
// Boot rejects them with an error. Its PV shim has that support: inside an HVM
// guest the shim starts 32-bit (PAE) PV kernels as well as 64-bit ones.
//
// # Cleanup
//
// A boot leaves nothing behind. The disk is only read: the guest's writes go to
// an unnamed file in the temporary directory. QEMU is reached over unnamed
// sockets, and ends when this process does, however that ends.
//
// # Network
//
// QEMU's user-mode network gives the guest 10.0.2.15 by DHCP, or the address
// that is compiled into the image ([Network]). A [Forward] makes a port of the
// guest reachable on the host. By default, QEMU accepts a connection to a
// forwarded TCP port before the guest does. A gated port is opened when the
// guest accepts connections, and closed when the guest ends. The guest can open
// connections to this host and beyond. dom0 has an address in the guest's
// subnet, from which it sends ICMP echo requests and probes ports
// ([Domain.Ping], [Domain.Connect]) without completing the TCP handshake, so the
// guest's program never sees the connection.
package hypervisor
