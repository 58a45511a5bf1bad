package xenpv

// maxMemory is more than any instance type that runs PV has (hs1.8xlarge: 117
// GiB), in bytes. A kernel whose segments span more is damaged.
const maxMemory = 128 << 30

// extent is the pseudo-physical memory that the loadable segments span. As in
// libelf they lie at p_paddr, not p_vaddr, and sums wrap around.
func (f *elfFile) extent() (start, end uint64) {
	start = unset
	for _, s := range f.segments {
		if s.loadable() {
			start = min(start, s.paddr)
			end = max(end, s.paddr+s.memsz)
		}
	}
	return start, end
}

// checkAddresses does libelf's elf_xen_addr_calc_check, and refuses segments
// that no instance has the memory for.
func (g *guest) checkAddresses(f *elfFile) error {
	if g.paddrOffset != unset && g.virtBase == unset {
		return finding("paddr-offset", "the image gives PADDR_OFFSET %#x but no VIRT_BASE, and Xen wants both or neither: add VIRT_BASE to its notes", g.paddrOffset)
	}
	start, end := f.extent()
	if start > end || end-start > maxMemory {
		return finding("segments", "the loadable segments span %#x to %#x: a kernel needs at least one, and at most 128 GiB; correct the link, or fetch the image again", start, end)
	}
	base, offset := g.base()
	kstart, kend := start+offset, end+offset
	entry := g.entry
	if entry == unset {
		entry = f.entry
	}
	switch {
	case kstart > kend || base > kstart:
		return finding("start-bounds", "the kernel starts at %#x, below its VIRT_BASE %#x, and Xen loads nothing there: correct VIRT_BASE, PADDR_OFFSET or the segments' p_paddr in the linker script", kstart, base)
	case entry < kstart || entry > kend:
		return finding("entry-bounds", "the entry %#x is outside the kernel, which Xen puts at %#x to %#x: correct the ENTRY, VIRT_BASE or PADDR_OFFSET that the image gives", entry, kstart, kend)
	case g.initP2M != unset && g.initP2M >= kstart && g.initP2M < kend:
		return finding("p2m-bounds", "INIT_P2M %#x is inside the kernel, which Xen puts at %#x to %#x: choose an address outside", g.initP2M, kstart, kend)
	}
	return nil
}

// base returns the virtual address of pseudo-physical 0, and what is added to a
// p_paddr for its virtual address. A PADDR_OFFSET that isn't given is 0 beside
// notes, and VIRT_BASE in the legacy section, whose kernels had virtual
// addresses in p_paddr.
func (g *guest) base() (base, offset uint64) {
	if g.virtBase != unset {
		base = g.virtBase
	}
	switch {
	case g.paddrOffset != unset:
		return base, base - g.paddrOffset
	case g.source == "section":
		return base, 0
	}
	return base, base
}

// startsAsPVH says whether Xen would start the kernel as PVH: by PHYS32_ENTRY,
// which has to lie in the loaded kernel.
func (g *guest) startsAsPVH(f *elfFile) bool {
	start, end := f.extent()
	return g.phys32Entry != unset32 && start <= g.phys32Entry && g.phys32Entry <= end
}
