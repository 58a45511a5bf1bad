package image

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"github.com/anchore/go-lzo"
)

// lzopMagic begins a file of the lzop program, the form in which Linux packs
// its payload with LZO.
const lzopMagic = "\x89LZO\x00\r\n\x1a\n"

// maxLZOBlock is the largest block of an lzop file, in unpacked bytes, that
// Xen and Linux accept, and the size of all but the last that lzop writes.
const maxLZOBlock = 256 << 10

// lzopBlocks unpacks an lzop file block by block. As Xen and Linux do, it takes
// it that each block has one checksum, and doesn't check it.
type lzopBlocks struct {
	in     *bufio.Reader
	packed [maxLZOBlock]byte
	block  [maxLZOBlock]byte
	rest   []byte // the part of block that isn't read yet
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
	// Level, flags, mode and two words of time. Files of before version 0.94
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

// next unpacks the next block. A block of size 0 is the end.
func (l *lzopBlocks) next() error {
	var size uint32
	var head struct{ Packed, Checksum uint32 }
	if err := readBig(l.in, &size); err != nil {
		return err
	}
	if size == 0 {
		return io.EOF
	}
	if err := readBig(l.in, &head); err != nil {
		return err
	}
	if size > maxLZOBlock || head.Packed > size {
		return fmt.Errorf("block of %d bytes packed into %d, the limit is %d", size, head.Packed, maxLZOBlock)
	}
	packed := l.packed[:head.Packed]
	if err := readBig(l.in, packed); err != nil {
		return err
	}
	return l.unpackBlock(packed, int(size))
}

// unpackBlock fills rest. A block that LZO can't make smaller is stored.
func (l *lzopBlocks) unpackBlock(packed []byte, size int) error {
	l.rest = l.block[:size]
	if len(packed) == size {
		copy(l.rest, packed)
		return nil
	}
	n, err := lzo.Decompress(packed, l.rest)
	if err == nil && n != size {
		err = errors.New("block unpacks to another size than it says")
	}
	return err
}

// readBig reads big-endian values, all of them or with an error.
func readBig(in io.Reader, v any) error {
	err := binary.Read(in, binary.BigEndian, v)
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}
