// Package files opens and writes local files, with errors that name the remedy.
package files

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"syscall"
)

// OpenRegular opens a regular file, or what a symbolic link to one leads to,
// and returns its size in bytes. It doesn't open anything else, as a FIFO would
// let it wait for ever.
func OpenRegular(path string) (*os.File, int64, error) {
	info, err := Stat(path)
	if err != nil {
		return nil, 0, err
	}
	if !info.Mode().IsRegular() {
		return nil, 0, fmt.Errorf("%s is %s: give the path of a regular file", path, Kind(info.Mode()))
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, 0, inputError(err)
	}
	return f, info.Size(), nil
}

// Stat looks at what a user's path leads to.
func Stat(path string) (fs.FileInfo, error) {
	info, err := os.Stat(path)
	return info, inputError(err)
}

// inputError adds the remedy to the error of opening what a user has named.
func inputError(err error) error {
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("%w: correct the path, or make the file first", err)
	case errors.Is(err, fs.ErrPermission):
		return fmt.Errorf("%w: let this user read it (chmod), or give another path", err)
	}
	return err
}

// OutputError adds the remedy to the error of writing; what is written where
// stands in place.
func OutputError(err error, place string) error {
	switch {
	case errors.Is(err, syscall.ENOSPC):
		return fmt.Errorf("%w: make room there, or let %s on another file system", err, place)
	case errors.Is(err, syscall.EFBIG):
		return fmt.Errorf("%w: its file system has no files of that size; make it smaller, or let %s on another one", err, place)
	}
	return err
}

// TempPlace is where temporary files are, for OutputError.
const TempPlace = "the environment's TMPDIR name a folder"

// Kind names what is no regular file.
func Kind(mode fs.FileMode) string {
	switch mode.Type() {
	case fs.ModeDir:
		return "a directory"
	case fs.ModeSymlink:
		return "a symbolic link"
	case fs.ModeNamedPipe:
		return "a FIFO"
	case fs.ModeSocket:
		return "a socket"
	}
	return "a device"
}

// A Temp is a temporary file that only this process sees where the system lets an open
// file be removed, and that elsewhere is removed when it is closed.
type Temp struct {
	*os.File
	removed bool
}

// NewTemp makes an empty temporary file.
func NewTemp() (*Temp, error) {
	f, err := os.CreateTemp("", "xenpv-")
	if err != nil {
		return nil, err
	}
	return &Temp{f, os.Remove(f.Name()) == nil}, nil
}

// Close closes the file and sees to it that it is removed.
func (t *Temp) Close() error {
	err := t.File.Close()
	if t.removed {
		return err
	}
	return errors.Join(err, os.Remove(t.Name()))
}

// ContextReader returns a reader that fails once ctx is done.
func ContextReader(ctx context.Context, r io.Reader) io.Reader { return contextReader{ctx, r} }

type contextReader struct {
	ctx context.Context
	r   io.Reader
}

func (c contextReader) Read(p []byte) (int, error) {
	if err := c.ctx.Err(); err != nil {
		return 0, err
	}
	return c.r.Read(p)
}
