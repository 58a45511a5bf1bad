package disk

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/unikernel-ami/packer-plugin-unikernel/xenpv/internal/files"
)

// WriteFile writes the disk to a file, with holes for zeros, and returns the
// SHA-256 of all its bytes, holes included.
//
// The file gets its name only when it is complete: an existing regular file is
// replaced atomically, and after an error or when ctx is done nothing is left. It
// fails if the path exists and is not a regular file (for example a directory, a
// device or a symbolic link), or if it is one of the disk's sources.
func (d *Disk) WriteFile(ctx context.Context, path string) (sum [32]byte, err error) {
	mode, err := d.checkTarget(path)
	if err != nil {
		return sum, fmt.Errorf("write disk: %w", err)
	}
	f, err := createBeside(path, mode)
	if err != nil {
		return sum, fmt.Errorf("write disk: %w", err)
	}
	if sum, err = d.writeTo(ctx, f); err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		return [32]byte{}, fmt.Errorf("write disk %s: %w", path, errors.Join(files.OutputError(err, "write the disk"), os.Remove(f.Name())))
	}
	return sum, nil
}

// checkTarget returns an error for a path that must not be replaced: one that is not
// a regular file, or a source. It returns the permissions for the new file: those of
// an existing file, which may be restricted, else the usual ones.
func (d *Disk) checkTarget(path string) (fs.FileMode, error) {
	if path == "" {
		return 0, errors.New("path is empty; specify the file to write")
	}
	target, err := os.Lstat(filepath.Clean(path))
	if errors.Is(err, fs.ErrNotExist) {
		return 0o644, nil
	}
	if err != nil {
		return 0, err
	}
	if !target.Mode().IsRegular() {
		return 0, fmt.Errorf("%s is %s: specify a regular file, or a path that doesn't exist", path, files.Kind(target.Mode()))
	}
	for _, input := range d.spec.Sources {
		if source, err := os.Stat(input); err == nil && os.SameFile(source, target) {
			return 0, fmt.Errorf("%s is a source of the disk (%s): specify another path", path, input)
		}
	}
	return target.Mode().Perm() &^ 0o111, nil
}

// createBeside makes a file with a unique name in path's directory, with the
// permissions for path.
func createBeside(path string, mode fs.FileMode) (*os.File, error) {
	dir := filepath.Dir(path)
	f, err := os.OpenFile(filepath.Join(dir, ".xenpv-"+rand.Text()), os.O_WRONLY|os.O_CREATE|os.O_EXCL, mode)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, fmt.Errorf("%s: directory %s does not exist: create it (mkdir -p), or specify another path", path, dir)
	case errors.Is(err, fs.ErrPermission):
		return nil, fmt.Errorf("%w: make directory %s writable for this user, or specify another path", err, dir)
	}
	return f, err
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
		d.report(off)
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
	d.report(d.size)
	return [32]byte(hash.Sum(nil)), nil
}

// report reports the number of bytes that are written.
func (d *Disk) report(done int64) {
	if d.spec.Progress != nil {
		d.spec.Progress("write disk", done, d.size)
	}
}
