package image

import "encoding/binary"

// Where the setup header's fields that lead to the payload are in a bzImage, in
// bytes (the Linux x86 boot protocol, Documentation/arch/x86/boot.rst).
const (
	setupSectorsAt  = 0x1f1 // byte: sectors of real-mode code after the first
	setupMagicAt    = 0x202 // "HdrS"
	bootProtocolAt  = 0x206 // word
	payloadOffsetAt = 0x248 // dword, counted from the protected-mode code
	payloadLengthAt = 0x24c // dword
	setupHeaderEnd  = 0x250

	setupMagic = "HdrS"
	// minProtocol, 2.08, is the first that says where the payload is.
	minProtocol = 0x0208
)

func isBzImage(b *blob) bool { return b.hasAt(setupMagicAt, setupMagic) }

// bzPayload finds the packed ELF in a bzImage, and how it is packed.
func bzPayload(b *blob) (*blob, *packing, error) {
	head, ok := b.bytes(0, setupHeaderEnd)
	if !ok {
		return nil, nil, truncated("bzImage's setup header")
	}
	if v := binary.LittleEndian.Uint16(head[bootProtocolAt:]); v < minProtocol {
		return nil, nil, Findingf("bzimage-too-old",
			"the bzImage has boot protocol %d.%02d, and Xen needs 2.08: use Linux 2.6.26 or later", v>>8, v&0xff)
	}
	off := (uint64(head[setupSectorsAt])+1)*512 + uint64(binary.LittleEndian.Uint32(head[payloadOffsetAt:]))
	length := uint64(binary.LittleEndian.Uint32(head[payloadLengthAt:]))
	packed, ok := b.sub(off, length)
	if !ok {
		return nil, nil, truncated("bzImage's payload")
	}
	p := packingOf(packed)
	if p == nil {
		return nil, nil, Findingf("bzimage-payload",
			"the bzImage's payload is packed in an unknown way: build Linux with CONFIG_KERNEL_GZIP or CONFIG_KERNEL_XZ")
	}
	// Linux appends the unpacked size, 4 bytes, to every packing but gzip,
	// which ends with it anyway.
	if p.name != "gzip" && length >= 4 {
		packed, _ = packed.sub(0, length-4)
	}
	return packed, p, nil
}
