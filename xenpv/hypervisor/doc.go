// Package hypervisor boots a raw disk under real Xen, on this machine, in
// seconds: with no EC2, no KVM and no root.
//
// [Boot] starts one QEMU process for one domain. QEMU emulates a computer; Xen
// 4.17 runs on it, with a Debian Linux as dom0. There Xen's own pygrub reads
// /boot/grub/menu.lst from the disk, and xl builds a paravirtual guest that
// sees the disk as sda1, as on EC2. Or a pv-grub, the boot loader that EC2
// uses, is started in pygrub's place ([Spec].PVGRUB). Guests of 32 bits (PAE)
// need a Xen that was built for them: Debian's wasn't.
//
//	d, err := hypervisor.Boot(ctx, hypervisor.Spec{Disk: "disk.raw", Console: os.Stdout})
//	if err != nil {
//		return err
//	}
//	defer d.Destroy()
//	err = d.Ping(ctx)
//
// # What it needs
//
// QEMU (qemu-system-x86_64) and a dom0 bundle: Xen, a kernel and an initramfs.
// The bundle is made once, of Debian 12's packages, which apt downloads and
// which are never installed. The same packages give the same bundle, byte for
// byte. It is kept in the user's cache folder, or in the one that XENPV_CACHE
// names. XENPV_DOM0 names a ready bundle, for machines without apt: a folder
// that was copied from another one's cache.
//
// # How a boot takes seconds
//
// Xen and dom0 need 8 seconds and more to come up, and are the same for every
// guest. So the first boot saves the machine just before a guest is to be
// started, in a file of memory and one of devices beside the bundle. Each
// boot maps that memory, which costs nothing, and puts the guest's disk in the
// place of an empty one. pygrub and xl are loaded by then, and wait.
// A saved state belongs to one bundle, one QEMU and one size of machine; one
// that can't be loaded is dropped, and the machine starts from nothing. Of the
// bundles the newest two are kept, and of each bundle's states the newest four.
//
// # What stays
//
// Nothing. The disk is only read: a guest's writes go to a file without a name
// in the temporary folder. QEMU is reached over sockets without names, and ends
// with this process, however that ends.
//
// # Network
//
// QEMU's user-mode network gives the guest 10.0.2.15 by DHCP, or the address
// that is compiled into the image ([Network]). Ports of the guest are reached
// where [Forward] puts them. By itself QEMU accepts a connection to a forwarded
// TCP port before the guest does; a gated one is opened when the guest accepts
// connections, and closed when it ends. The guest can open connections to this
// host and beyond it. dom0 has an address beside the guest's, from which it asks
// for ICMP echoes and open ports ([Domain.Ping], [Domain.Connect]): it begins a
// connection and gives it up, so that the guest's program never sees it.
package hypervisor
