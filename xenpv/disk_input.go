package xenpv

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"syscall"
)

// openRegular opens a regular file, or what a symbolic link to one leads to,
// and returns its size in bytes. It doesn't open anything else, as a FIFO would
// let it wait for ever.
func openRegular(path string) (*os.File, int64, error) {
	info, err := statInput(path)
	if err != nil {
		return nil, 0, err
	}
	if !info.Mode().IsRegular() {
		return nil, 0, fmt.Errorf("%s is %s: give the path of a regular file", path, fileKind(info.Mode()))
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, 0, inputFault(err)
	}
	return f, info.Size(), nil
}

// statInput looks at what a user's path leads to.
func statInput(path string) (fs.FileInfo, error) {
	info, err := os.Stat(path)
	return info, inputFault(err)
}

// inputFault adds the remedy to the error of opening what a user has named.
func inputFault(err error) error {
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("%w: correct the path, or make the file first", err)
	case errors.Is(err, fs.ErrPermission):
		return fmt.Errorf("%w: let this user read it (chmod), or give another path", err)
	}
	return err
}

// outputFault adds the remedy to the error of writing; what is written where
// stands in place.
func outputFault(err error, place string) error {
	switch {
	case errors.Is(err, syscall.ENOSPC):
		return fmt.Errorf("%w: make room there, or let %s on another file system", err, place)
	case errors.Is(err, syscall.EFBIG):
		return fmt.Errorf("%w: its file system has no files of that size; make it smaller, or let %s on another one", err, place)
	}
	return err
}

// tempPlace is where temporary files are, for outputFault.
const tempPlace = "the environment's TMPDIR name a folder"

// fileKind names what is no regular file.
func fileKind(mode fs.FileMode) string {
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
