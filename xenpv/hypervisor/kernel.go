package hypervisor

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"github.com/mikelolasagasti/xz"
)

// Offsets in a Linux bzImage that locate its payload, the compressed kernel
// (Documentation/arch/x86/boot.rst).
const (
	setupSectorsOffset  = 0x1f1 // a byte: sectors of real-mode code, less one
	payloadOffsetOffset = 0x248 // from the end of that code, in bytes
	payloadLengthOffset = 0x24c
	linuxHeaderEnd      = 0x250
	payloadSizeLength   = 4 // the payload ends in its uncompressed size
)

// maxKernel bounds the size of dom0's kernel: Debian's is 66 MB.
const maxKernel = 256 << 20

// unpackKernel returns the kernel in a bzImage, an ELF file, which Xen also
// starts. Decompressing it would take Xen 5 seconds in emulation.
func unpackKernel(bzImage []byte) ([]byte, error) {
	if len(bzImage) < linuxHeaderEnd || !bytes.HasPrefix(bzImage[linuxHeaderOffset:], []byte(linuxHeader)) {
		return nil, errors.New("not a bzImage")
	}
	word := func(offset int) uint64 { return uint64(binary.LittleEndian.Uint32(bzImage[offset:])) }
	start := (uint64(bzImage[setupSectorsOffset])+1)*sectorSize + word(payloadOffsetOffset)
	end := start + word(payloadLengthOffset)
	if end > uint64(len(bzImage)) || end-start < payloadSizeLength {
		return nil, errors.New("payload is outside the file")
	}
	unpacked, err := xz.NewReader(bytes.NewReader(bzImage[start:end-payloadSizeLength]), 0)
	if err != nil {
		return nil, fmt.Errorf("decompress payload: %w", err)
	}
	kernel, err := io.ReadAll(io.LimitReader(unpacked, maxKernel+1))
	if err == nil && len(kernel) > maxKernel {
		err = fmt.Errorf("larger than %d bytes", maxKernel)
	}
	return kernel, err
}
