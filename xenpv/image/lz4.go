package image

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/pierrec/lz4/v4"
)

// legacyLZ4Magic starts the legacy frame of lz4, the form that Linux uses for its
// payload.
const legacyLZ4Magic = 0x184c2102

// The largest block of a legacy frame, decompressed (lz4's lz4_Frame_format.md) and
// compressed, if it can't be made smaller (LZ4_COMPRESSBOUND in lz4.h).
const (
	maxLZ4Block      = 8 << 20
	maxLZ4Compressed = maxLZ4Block + maxLZ4Block/255 + 16
)

func lz4Reader(r *bufio.Reader, _ int) (io.Reader, error) {
	magic, err := r.Peek(4)
	if err != nil {
		return nil, err
	}
	if binary.LittleEndian.Uint32(magic) != legacyLZ4Magic {
		return lz4.NewReader(r), nil
	}
	return &legacyLZ4{in: r, block: make([]byte, maxLZ4Block)}, nil
}

// legacyLZ4 decompresses a legacy frame block by block. That takes 16 MiB of
// memory; the library's own reader was measured to take 60.
type legacyLZ4 struct {
	in         *bufio.Reader
	compressed []byte
	block      []byte
	rest       []byte // the unread part of block
	total      uint32 // decompressed bytes so far
}

func (l *legacyLZ4) Read(p []byte) (int, error) {
	if len(l.rest) == 0 {
		if err := l.next(); err != nil {
			return 0, err
		}
	}
	n := copy(p, l.rest)
	l.rest = l.rest[n:]
	return n, nil
}

// next decompresses the next block. A frame ends with the file, in Linux's own form
// with the decompressed size, and another frame may follow.
func (l *legacyLZ4) next() error {
	for {
		var word [4]byte
		if _, err := io.ReadFull(l.in, word[:]); err != nil {
			return err // io.EOF if there is no further block
		}
		size := binary.LittleEndian.Uint32(word[:])
		if size == legacyLZ4Magic {
			continue
		}
		if _, err := l.in.Peek(1); errors.Is(err, io.EOF) && size == l.total {
			return io.EOF
		}
		if size > maxLZ4Compressed {
			return fmt.Errorf("block of %d compressed bytes, the limit is %d", size, maxLZ4Compressed)
		}
		return l.decompressBlock(int(size))
	}
}

func (l *legacyLZ4) decompressBlock(size int) error {
	l.compressed = slices.Grow(l.compressed[:0], size)[:size]
	if _, err := io.ReadFull(l.in, l.compressed); err != nil {
		return io.ErrUnexpectedEOF
	}
	n, err := lz4.UncompressBlock(l.compressed, l.block)
	l.rest = l.block[:max(n, 0)]
	l.total += uint32(len(l.rest))
	return err
}
