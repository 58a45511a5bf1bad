package image

import "encoding/binary"

// The offsets in bytes of those fields of a bzImage's setup header that lead to the
// payload (the Linux x86 boot protocol, Documentation/arch/x86/boot.rst).
const (
	setupSectorsAt  = 0x1f1 // byte: sectors of real-mode code after the first
	setupMagicAt    = 0x202 // "HdrS"
	bootProtocolAt  = 0x206 // word
	payloadOffsetAt = 0x248 // dword, counted from the protected-mode code
	payloadLengthAt = 0x24c // dword
	setupHeaderEnd  = 0x250

	setupMagic = "HdrS"
	// minProtocol, 2.08, is the first version with the payload's offset.
	minProtocol = 0x0208
)

func isBzImage(b *blob) bool { return b.hasAt(setupMagicAt, setupMagic) }

// bzPayload finds the compressed ELF in a bzImage, and its compression.
func bzPayload(b *blob) (*blob, *compression, error) {
	head, ok := b.bytes(0, setupHeaderEnd)
	if !ok {
		return nil, nil, truncated("bzImage's setup header")
	}
	if v := binary.LittleEndian.Uint16(head[bootProtocolAt:]); v < minProtocol {
		return nil, nil, Findingf("bzimage-too-old",
			"the bzImage has boot protocol %d.%02d; Xen requires 2.08: use Linux 2.6.26 or later", v>>8, v&0xff)
	}
	off := (uint64(head[setupSectorsAt])+1)*512 + uint64(binary.LittleEndian.Uint32(head[payloadOffsetAt:]))
	length := uint64(binary.LittleEndian.Uint32(head[payloadLengthAt:]))
	compressed, ok := b.sub(off, length)
	if !ok {
		return nil, nil, truncated("bzImage's payload")
	}
	p := compressionOf(compressed)
	if p == nil {
		return nil, nil, Findingf("bzimage-payload",
			"the compression of the bzImage's payload is unknown: build Linux with CONFIG_KERNEL_GZIP or CONFIG_KERNEL_XZ")
	}
	// Linux appends the decompressed size, 4 bytes, to all formats but gzip,
	// which ends with it anyway.
	if p.name != "gzip" && length >= 4 {
		compressed, _ = compressed.sub(0, length-4)
	}
	return compressed, p, nil
}
