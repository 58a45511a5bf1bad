package xenpv

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
)

// How much memory unpacking takes, in bytes: as much of the packer's dictionary
// as the unpacked image fills.
const (
	// smallDictionary is allowed for an image of any size. gzip, bzip2, lzo and lz4
	// need less, and so do xz, lzma and zstd up to level 8 of xz and 19 of zstd.
	smallDictionary = 32 << 20
	// largeDictionary is allowed for a small image: the highest levels ask for
	// it whatever the size is, "xz -9" for 64 MiB, "zstd -22" for 128 MiB.
	largeDictionary = 128 << 20
	// smallImage is more than any unikernel has, and keeps memory below 64 MiB.
	smallImage = 48 << 20
	// smallPayload is the same for a bzImage, as Linux's own build packs with
	// zstd -22 and distributions' kernels unpack to about 70 MiB.
	smallPayload = 96 << 20
)

// copySize is the size of buffers, in bytes: large enough that system calls
// don't count.
const copySize = 256 << 10

// unpack unpacks into a private temporary file that goes away with the image.
// An image that asks for a large dictionary may have smallSize bytes. The error
// is a [Finding] where the packed data is at fault.
func (im *Image) unpack(packed *blob, p *packing, smallSize int64) (*blob, error) {
	temp, err := im.newTempFile()
	if err != nil {
		return nil, err
	}
	size, err := p.unpackTo(im.ctx, temp, im.watched(packed), smallDictionary, im.maxSize())
	if wantsLarger(err) {
		size, err = p.unpackTo(im.ctx, temp, im.watched(packed), largeDictionary, min(smallSize, im.maxSize()))
	}
	if bad, ok := errors.AsType[unpackError](err); ok {
		err = p.damaged(bad.error)
	}
	return im.newBlob(io.NewSectionReader(temp, 0, size)), err
}

// watched reads packed data from its start, and reports it.
func (im *Image) watched(packed *blob) io.Reader {
	return im.options.Progress.reader("unpack image", packed.reader(), int64(packed.size))
}

// newTempFile makes a temporary file that goes away with the image.
func (im *Image) newTempFile() (*tempFile, error) {
	temp, err := newTempFile()
	if err != nil {
		return nil, fmt.Errorf("unpack: %w", err)
	}
	im.open = append(im.open, temp)
	return temp, nil
}

// unpackError is a fault of the packed data, not of reading or writing.
type unpackError struct{ error }

func (e unpackError) Unwrap() error { return e.error }

// unpackTo writes what packed unpacks to from the start of out on, and returns
// its size in bytes.
func (p *packing) unpackTo(ctx context.Context, out io.WriterAt, packed io.Reader, dictionary int, limit int64) (size int64, err error) {
	r, err := p.reader(bufio.NewReaderSize(packed, copySize), dictionary)
	if err != nil {
		return 0, unpackError{err}
	}
	if c, ok := r.(interface{ Close() }); ok {
		defer c.Close() // zstd's, which holds on to its buffers until then
	}
	return spool(ctx, out, r, limit, func() error { return tooLarge(dictionary, limit) })
}

// spool writes what r has from the start of out on, and returns its size in
// bytes. Where that is more than limit it ends with the error tooMuch, and with
// the context's once that is done.
func spool(ctx context.Context, out io.WriterAt, r io.Reader, limit int64, tooMuch func() error) (size int64, err error) {
	buf := make([]byte, copySize)
	for {
		if err := ctx.Err(); err != nil {
			return size, err
		}
		n, readErr := r.Read(buf)
		if size+int64(n) > limit {
			return size, unpackError{tooMuch()}
		}
		if _, err := out.WriteAt(buf[:n], size); err != nil {
			return size, fmt.Errorf("unpack: %w", outputFault(err, tempPlace))
		}
		size += int64(n)
		if readErr == io.EOF {
			return size, nil
		}
		if readErr != nil {
			return size, unpackError{readErr}
		}
	}
}

func tooLarge(dictionary int, limit int64) Finding {
	if dictionary > smallDictionary {
		return finding("too-large", "the image is packed with a dictionary of more than %d MiB and unpacks to more than %d bytes, which takes too much memory: pack it again, with xz -6 or gzip", smallDictionary>>20, limit)
	}
	return finding("too-large", "the image unpacks to more than %d bytes, the limit: give a smaller one", limit)
}

// damaged is the finding for packed data that could not be unpacked.
func (p *packing) damaged(err error) error {
	if fault, ok := errors.AsType[Finding](err); ok {
		return fault
	}
	if errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, io.EOF) {
		return finding("truncated", "the image's %s data ends too early: fetch or build the image again", p.name)
	}
	return finding("corrupt", "the image's %s data is damaged (%v): fetch or build the image again", p.name, err)
}

// tempFile is a file that only this process sees where the system lets an open
// file be removed, and that elsewhere is removed when it is closed.
type tempFile struct {
	*os.File
	removed bool
}

func newTempFile() (*tempFile, error) {
	f, err := os.CreateTemp("", "xenpv-")
	if err != nil {
		return nil, err
	}
	return &tempFile{f, os.Remove(f.Name()) == nil}, nil
}

// Close closes the file and sees to it that it is removed.
func (t *tempFile) Close() error {
	err := t.File.Close()
	if t.removed {
		return err
	}
	return errors.Join(err, os.Remove(t.Name()))
}
