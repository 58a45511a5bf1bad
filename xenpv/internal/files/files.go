// Package files opens and writes local files, with errors that name a remedy.
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

// OpenRegular opens a regular file, or the target of a symbolic link to one, and
// returns its size in bytes. It doesn't open anything else, because opening a FIFO
// could block forever.
func OpenRegular(path string) (*os.File, int64, error) {
	info, err := Stat(path)
	if err != nil {
		return nil, 0, err
	}
	if !info.Mode().IsRegular() {
		return nil, 0, fmt.Errorf("%s is %s: specify a regular file", path, Kind(info.Mode()))
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, 0, inputError(err)
	}
	return f, info.Size(), nil
}

// Stat is os.Stat with a remedy in its error.
func Stat(path string) (fs.FileInfo, error) {
	info, err := os.Stat(path)
	return info, inputError(err)
}

// inputError adds a remedy to the error of opening a user's file.
func inputError(err error) error {
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("%w: correct the path, or create the file first", err)
	case errors.Is(err, fs.ErrPermission):
		return fmt.Errorf("%w: make it readable for this user (chmod), or specify another path", err)
	}
	return err
}

// OutputError adds a remedy to the error of writing. The alternative is a way to
// use another file system, such as "write the disk".
func OutputError(err error, alternative string) error {
	switch {
	case errors.Is(err, syscall.ENOSPC):
		return fmt.Errorf("%w: free up space there, or %s on another file system", err, alternative)
	case errors.Is(err, syscall.EFBIG):
		return fmt.Errorf("%w: its file system doesn't support files of that size; make it smaller, or %s on another one", err, alternative)
	}
	return err
}

// MoveTemp is the alternative for temporary files in OutputError.
const MoveTemp = "set TMPDIR to a directory"

// Kind describes a file that is not a regular file.
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

// A Temp is a temporary file. If the system allows removing an open file, no other
// process sees it; else it is removed when it is closed.
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

// Close closes the file and makes sure that it is removed.
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
