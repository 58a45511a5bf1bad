package disk

import (
	"encoding/binary"
	"fmt"
)

// A Layout is the placement of the file system on a disk.
type Layout string

// The layouts of a disk.
const (
	// LayoutWholeDisk has no partitions, only the file system at byte 0:
	// GRUB's (hd0). Rumprun can mount only this one.
	LayoutWholeDisk Layout = "whole-disk"
	// LayoutPartitioned has an MBR with one bootable Linux partition at
	// 1 MiB, which the file system fills: GRUB's (hd0,0).
	LayoutPartitioned Layout = "partitioned"
)

func (l Layout) check() error {
	switch l {
	case "", LayoutWholeDisk, LayoutPartitioned:
		return nil
	}
	return fmt.Errorf("layout %q is unknown: specify %q or %q", string(l), LayoutWholeDisk, LayoutPartitioned)
}

// start returns the offset in bytes of the file system. Current partitioning tools
// put the first partition at 1 MiB, a multiple of all physical block sizes.
func (l Layout) start() int64 {
	if l == LayoutPartitioned {
		return 1 << 20
	}
	return 0
}

// The fields of an MBR, in the form of 1983. Windows NT added the signature before
// the table.
const (
	sectorSize         = 512
	mbrSignatureOffset = 440
	mbrTableOffset     = 446
	mbrMagicOffset     = 510
	mbrMagic           = 0xaa55
	partitionActive    = 0x80
	partitionLinux     = 0x83
)

// newMBR returns the first sector of a disk with one partition, given in
// bytes, without boot code.
func newMBR(start, size int64, signature [4]byte) []byte {
	first, count := start/sectorSize, size/sectorSize
	mbr := make([]byte, sectorSize)
	copy(mbr[mbrSignatureOffset:], signature[:])
	entry := mbr[mbrTableOffset:]
	entry[0] = partitionActive
	copy(entry[1:], chs(first))
	entry[4] = partitionLinux
	copy(entry[5:], chs(first+count-1))
	binary.LittleEndian.PutUint32(entry[8:], uint32(first))
	binary.LittleEndian.PutUint32(entry[12:], uint32(count))
	binary.LittleEndian.PutUint16(mbr[mbrMagicOffset:], mbrMagic)
	return mbr
}

// chs encodes a sector number as cylinder, head and sector in the geometry that
// partitioning tools assume, 255 heads of 63 sectors. It works for the first 8 GiB; a
// file system here ends before 130 MiB.
func chs(sector int64) []byte {
	const heads, sectors = 255, 63
	cylinder := sector / (heads * sectors)
	head := sector / sectors % heads
	return []byte{byte(head), byte(cylinder>>8<<6 | sector%sectors + 1), byte(cylinder)}
}
