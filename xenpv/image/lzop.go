package image

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"github.com/anchore/go-lzo"
)

// lzopMagic starts a file of the lzop program, the form that Linux uses for a
// payload with LZO.
const lzopMagic = "\x89LZO\x00\r\n\x1a\n"

// maxLZOBlock is the largest block in decompressed bytes that Xen and Linux accept,
// and the size of all blocks but the last that lzop writes.
const maxLZOBlock = 256 << 10

// lzopBlocks decompresses an lzop file block by block. Like Xen and Linux, it
// assumes that each block has one checksum, and doesn't verify it.
type lzopBlocks struct {
	in         *bufio.Reader
	compressed [maxLZOBlock]byte
	block      [maxLZOBlock]byte
	rest       []byte // the unread part of block
}

func lzopReader(in *bufio.Reader, _ int) (io.Reader, error) {
	var head struct {
		Magic                    [len(lzopMagic)]byte
		Version, Library, Needed uint16
		Method                   uint8
	}
	if err := readBig(in, &head); err != nil {
		return nil, err
	}
	// Level, flags, mode and two words of time. Files from before version 0.94
	// have neither the level nor the second word.
	rest := 1 + 4 + 4 + 2*4
	if head.Version < 0x0940 {
		rest = 4 + 4 + 4
	}
	var nameLength uint8
	if _, err := in.Discard(rest); err != nil {
		return nil, err
	}
	if err := readBig(in, &nameLength); err != nil {
		return nil, err
	}
	_, err := in.Discard(int(nameLength) + 4) // the name and a checksum
	return &lzopBlocks{in: in}, err
}

func (l *lzopBlocks) Read(p []byte) (int, error) {
	if len(l.rest) == 0 {
		if err := l.next(); err != nil {
			return 0, err
		}
	}
	n := copy(p, l.rest)
	l.rest = l.rest[n:]
	return n, nil
}

// next decompresses the next block. A block of size 0 is the end.
func (l *lzopBlocks) next() error {
	var size uint32
	var head struct{ Compressed, Checksum uint32 }
	if err := readBig(l.in, &size); err != nil {
		return err
	}
	if size == 0 {
		return io.EOF
	}
	if err := readBig(l.in, &head); err != nil {
		return err
	}
	if size > maxLZOBlock || head.Compressed > size {
		return fmt.Errorf("block of %d bytes compressed to %d, the limit is %d", size, head.Compressed, maxLZOBlock)
	}
	compressed := l.compressed[:head.Compressed]
	if err := readBig(l.in, compressed); err != nil {
		return err
	}
	return l.decompressBlock(compressed, int(size))
}

// decompressBlock fills rest. A block that LZO can't make smaller is stored as it is.
func (l *lzopBlocks) decompressBlock(compressed []byte, size int) error {
	l.rest = l.block[:size]
	if len(compressed) == size {
		copy(l.rest, compressed)
		return nil
	}
	n, err := lzo.Decompress(compressed, l.rest)
	if err == nil && n != size {
		err = errors.New("block decompresses to a size other than the specified one")
	}
	return err
}

// readBig reads big-endian values.
func readBig(in io.Reader, v any) error {
	err := binary.Read(in, binary.BigEndian, v)
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}
