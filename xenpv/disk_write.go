package xenpv

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// WriteFile writes the disk to a file, with holes for zeros, and returns the
// SHA-256 of all its bytes, holes included.
//
// The file gets its name only when it is complete: an existing regular file is
// replaced at once, and after an error or when ctx is done nothing is left. It
// fails where the path is a directory, a device, a symbolic link or anything
// else but a regular file, and where it is one of the disk's own inputs.
func (d *Disk) WriteFile(ctx context.Context, path string) (sum [32]byte, err error) {
	if err := d.checkTarget(path); err != nil {
		return sum, fmt.Errorf("write disk: %w", err)
	}
	f, err := createBeside(path)
	if err != nil {
		return sum, fmt.Errorf("write disk: %w", err)
	}
	if sum, err = d.writeTo(ctx, f); err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		return [32]byte{}, fmt.Errorf("write disk %s: %w", path, errors.Join(err, os.Remove(f.Name())))
	}
	return sum, nil
}

// checkTarget refuses to replace what is no regular file, or is an input.
func (d *Disk) checkTarget(path string) error {
	target, err := os.Lstat(filepath.Clean(path))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	if !target.Mode().IsRegular() {
		return fmt.Errorf("%s is %s: give the path of a regular file, or one where nothing is yet", path, fileKind(target.Mode()))
	}
	for _, input := range d.inputs {
		if source, err := os.Stat(input); err == nil && os.SameFile(source, target) {
			return fmt.Errorf("%s is what the disk is made from (%s): give another path", path, input)
		}
	}
	return nil
}

// createBeside makes a file in path's folder, with a name that no other has,
// and the permissions that path is to have.
func createBeside(path string) (*os.File, error) {
	name := filepath.Join(filepath.Dir(path), ".xenpv-"+rand.Text())
	return os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
}

// writeTo writes the disk to f, closes f, and returns the SHA-256.
func (d *Disk) writeTo(ctx context.Context, f *os.File) (sum [32]byte, err error) {
	defer func() { err = errors.Join(err, f.Close()) }()
	if err := f.Truncate(d.size); err != nil {
		return sum, err
	}
	hash := sha256.New()
	buf := make([]byte, BlockSize)
	for off := int64(0); off < d.size; off += BlockSize {
		if err := ctx.Err(); err != nil {
			return sum, err
		}
		d.spec.Progress.report("write disk", off, d.size)
		part := buf[:min(BlockSize, d.size-off)]
		if _, err := d.ReadAt(part, off); err != nil {
			return sum, err
		}
		hash.Write(part)
		if isZero(part) {
			continue
		}
		if _, err := f.WriteAt(part, off); err != nil {
			return sum, err
		}
	}
	d.spec.Progress.report("write disk", d.size, d.size)
	return [32]byte(hash.Sum(nil)), nil
}
