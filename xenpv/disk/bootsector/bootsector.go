// Package bootsector makes disks bootable by a BIOS: its loader starts a
// multiboot kernel from files at known sectors.
//
// The loader (boot.asm, 3 KiB of code) has two parts:
//
//   - The boot sector, made by [Sector]. It goes in the disk's first sector.
//     Its code is in the first 440 bytes, so a partition table fits behind it.
//     A file system that leaves its first 1024 bytes free, as ext2 does, may
//     begin at the same place.
//   - The second stage, made by [Stage2]. It is a file in one contiguous
//     extent anywhere on the disk. It holds the list of the other files'
//     extents, so the loader needs no file-system code.
//
// The order of work: parse the kernel with [ParseMultiboot], fill in a [Table]
// with everything but the sectors, reserve [Table.Size] bytes for the second
// stage, lay out the file system, fill in the extents, and call Stage2 and
// Sector.
//
// Kernel and modules may be stored compressed with gzip; the loader
// decompresses them and checks size and CRC-32. Everything else about the
// kernel is decided here, before anything is written: addresses, segments, BSS,
// and the multiboot information except for what only the machine knows.
//
// When something fails at boot, the loader prints one line on the screen and
// the first serial port (115200 baud, 8N1), and halts:
//
//	E1: BIOS cannot read this disk by LBA
//	E2: disk read
//	E3: no second stage
//	E4: no memory map
//	E5: A20 is off
//	E6: bad file table
//	E7: not enough memory
//	E8: bad gzip data
//	E9: no multiboot kernel
package bootsector

import (
	_ "embed"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
)

//go:generate nasm -f bin -o boot.bin boot.asm

// boot is boot.asm, assembled: the boot sector, zeros up to stage2Offset, and
// the code of the second stage.
//
//go:embed boot.bin
var boot []byte

const (
	// SectorSize is the size in bytes of a sector, the unit of an [Extent].
	SectorSize = 512

	// CodeSize is the size in bytes of the boot sector's code. Behind it are the
	// disk signature and the partition table.
	CodeSize = 440

	// MaxStage2Size is the size in bytes of the largest second stage: what lies
	// between its address, 0x8000, and the memory map.
	MaxStage2Size = mapAddress - stage2Address
)

// Addresses and offsets that boot.asm shares.
const (
	stage2Address = 0x8000
	stage2Offset  = stage2Address - 0x7c00 // in boot
	mapAddress    = 0xf000
	packetOffset  = 424 // in the boot sector: the packet of the BIOS's extended read
	signature     = 0xaa55
)

// ErrNoSignature means that a disk's first sector has no boot signature, so
// no BIOS starts it.
var ErrNoSignature = errors.New("no boot signature")

// An Extent is a run of contiguous sectors on the disk.
type Extent struct {
	Start uint64 // the first sector, counted from the start of the disk
	Count uint32 // the number of sectors
}

// Sector returns the boot sector of a disk whose second stage lies at the given
// extent. Bytes 440 to 509 are zero: a partition table may be written there.
func Sector(stage2 Extent) ([]byte, error) {
	if stage2.Start == 0 || stage2.Count == 0 || stage2.Count > MaxStage2Size/SectorSize {
		return nil, fmt.Errorf("make boot sector: second stage of %d sectors at sector %d; must be 1 to %d sectors behind sector 0: %w",
			stage2.Count, stage2.Start, MaxStage2Size/SectorSize, ErrExtents)
	}
	if stage2.Start > math.MaxInt64/SectorSize {
		return nil, fmt.Errorf("make boot sector: second stage at sector %d: %w", stage2.Start, ErrExtents)
	}
	sector := append([]byte(nil), boot[:SectorSize]...)
	binary.LittleEndian.PutUint16(sector[packetOffset+2:], uint16(stage2.Count))
	binary.LittleEndian.PutUint64(sector[packetOffset+8:], stage2.Start)
	return sector, nil
}

// CheckSignature returns an error that wraps [ErrNoSignature] unless a disk that
// begins with the given bytes has a boot signature.
func CheckSignature(head []byte) error {
	if len(head) < SectorSize {
		return fmt.Errorf("check boot sector: disk of %d bytes: %w", len(head), ErrNoSignature)
	}
	if got := binary.LittleEndian.Uint16(head[SectorSize-2:]); got != signature {
		return fmt.Errorf("check boot sector: bytes 510 and 511 are %#04x; must be %#04x: %w", got, signature, ErrNoSignature)
	}
	return nil
}
