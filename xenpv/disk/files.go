package disk

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/unikernel-ami/packer-plugin-unikernel/xenpv/internal/files"
)

// maxFiles is the most files in a list: ext2's one block group has few more inodes.
// It ends the walk through a directory that was specified by mistake.
const maxFiles = 32_000

// A FileList is a list of local files for a disk.
type FileList struct {
	Files   []File
	Sources []string // the local paths
	taken   map[string]bool
}

// ListFiles returns the files for a map from paths on the disk, such as /json.cfg,
// to local files or directories, sorted by those paths. A directory adds all
// regular files below it; symbolic links in it are rejected.
func ListFiles(sources map[string]string) (*FileList, error) {
	list := &FileList{taken: map[string]bool{}}
	for _, target := range slices.Sorted(maps.Keys(sources)) {
		if err := list.addSource(target, sources[target]); err != nil {
			return nil, fmt.Errorf("add file %.300q: %w", target, err)
		}
	}
	return list, nil
}

// addSource adds a local file, or all files in a local directory. The user named it,
// so it may be a symbolic link.
func (l *FileList) addSource(target, source string) error {
	name, err := diskPath(target)
	if err != nil {
		return err
	}
	info, err := files.Stat(source)
	if err != nil {
		return err
	}
	if info.IsDir() {
		return l.addDir(name, source)
	}
	if name == "" {
		return fmt.Errorf("%s is not a directory: specify its path on the disk, such as /%s", source, filepath.Base(source))
	}
	if !info.Mode().IsRegular() {
		return fmt.Errorf("%s is %s: specify a regular file or a directory", source, files.Kind(info.Mode()))
	}
	return l.add(name, source, info.Size(), func() (*os.File, error) { return os.Open(source) })
}

// CheckFilePath returns nil if target is a valid path on the disk for ListFiles: an
// absolute path.
func CheckFilePath(target string) error {
	if _, err := diskPath(target); err != nil {
		return fmt.Errorf("%.300q: %w", target, err)
	}
	return nil
}

// diskPath converts a path such as /etc/json.cfg to the form of io/fs. The root is
// empty.
func diskPath(target string) (string, error) {
	if !strings.HasPrefix(target, "/") {
		return "", errors.New("a path on the disk starts with a slash, such as /json.cfg: add one")
	}
	if target == "/" {
		return "", nil
	}
	name := strings.TrimSuffix(target[1:], "/")
	return name, checkDiskPath(name)
}

func checkDiskPath(name string) error {
	if !fs.ValidPath(name) || name == "." || strings.ContainsRune(name, 0) {
		return fmt.Errorf("/%.300s is not a valid path on the disk: use UTF-8 without NUL, and no empty name, \".\" or \"..\"", strings.ToValidUTF8(name, "\uFFFD"))
	}
	const longest = 255 // ext2's directory entries have a byte for the length
	for element := range strings.SplitSeq(name, "/") {
		if len(element) > longest {
			return fmt.Errorf("the name %.20q... has %d bytes; ext2 allows %d: shorten it", element, len(element), longest)
		}
	}
	return nil
}

// addDir adds all files below a directory. Empty directories are omitted: programs
// open files by their paths. Symbolic links are rejected, not followed, so that
// nothing outside the directory gets on a disk that may be published.
func (l *FileList) addDir(name, dir string) error {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return err
	}
	defer root.Close()
	before := len(l.Files)
	err = fs.WalkDir(root.FS(), ".", func(local string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		return l.addEntry(path.Join(name, local), dir, local, entry)
	})
	if err == nil && len(l.Files) == before {
		err = fmt.Errorf("directory %s has no files: remove it from the options, or add files to it", dir)
	}
	return err
}

func (l *FileList) addEntry(name, dir, local string, entry fs.DirEntry) error {
	source := filepath.Join(dir, local)
	if !entry.Type().IsRegular() {
		return fmt.Errorf("%s is %s; a disk can have only regular files and directories: replace it with a copy or remove it", source, files.Kind(entry.Type()))
	}
	if err := checkDiskPath(name); err != nil {
		return err
	}
	info, err := entry.Info()
	if err != nil {
		return err
	}
	return l.add(name, source, info.Size(), func() (*os.File, error) { return os.OpenInRoot(dir, local) })
}

// add adds one file.
func (l *FileList) add(name, source string, size int64, open func() (*os.File, error)) error {
	if size > MaxFiles {
		return fmt.Errorf("%s has %d bytes: %w", source, size, overfull(size))
	}
	if len(l.Files) == maxFiles {
		return fmt.Errorf("more than %d files: specify fewer, or combine them in an archive", maxFiles)
	}
	if l.taken[name] {
		return errors.New("two sources have a file for this path: remove one")
	}
	l.taken[name] = true
	l.Files = append(l.Files, File{Path: name, Data: &sourceFile{open, size}, Size: size})
	l.Sources = append(l.Sources, source)
	return nil
}

// CheckTotal rejects files that can't fit, before they are read. Each has at most
// MaxFiles bytes, so their sum doesn't overflow.
func CheckTotal(files []File) error {
	var size int64
	for _, f := range files {
		size += f.Size
	}
	if size > MaxFiles {
		return fmt.Errorf("the files have %d bytes: %w", size, overfull(size))
	}
	return nil
}

// overfull returns the error for files of more than MaxFiles bytes.
func overfull(size int64) error {
	return fmt.Errorf("%d bytes more than the %d (128 MiB) that fit with all metadata: specify fewer or smaller files", size-MaxFiles, int64(MaxFiles))
}

// A sourceFile is a local file that is open only while it is read: there may be more
// of them than a process can have open.
type sourceFile struct {
	open func() (*os.File, error)
	size int64
}

// ReadAt implements io.ReaderAt.
func (s *sourceFile) ReadAt(p []byte, off int64) (int, error) {
	f, err := s.open()
	if err != nil {
		return 0, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return 0, err
	}
	if info.Size() != s.size {
		return 0, fmt.Errorf("%s had %d bytes and now has %d: don't change files while they are used for a disk", f.Name(), s.size, info.Size())
	}
	return f.ReadAt(p, off)
}

var _ io.ReaderAt = (*sourceFile)(nil)
