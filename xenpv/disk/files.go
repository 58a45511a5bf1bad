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

// maxFiles is how many further files a disk takes: ext2's one block group has
// not many more inodes. It ends the walk through a folder that was named by
// mistake.
const maxFiles = 32_000

// A FileList collects the further files of a disk.
type FileList struct {
	Files   []File
	Sources []string // the local paths
	taken   map[string]bool
}

// ListFiles finds the files that a DiskSpec's Files name, in the order of
// their paths on the disk.
func ListFiles(sources map[string]string) (*FileList, error) {
	list := &FileList{taken: map[string]bool{}}
	for _, target := range slices.Sorted(maps.Keys(sources)) {
		if err := list.addSource(target, sources[target]); err != nil {
			return nil, fmt.Errorf("add file %.300q: %w", target, err)
		}
	}
	return list, nil
}

// addSource adds a local file, or all files of a local folder. The user named
// it, so it may be a symbolic link.
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
		return l.addFolder(name, source)
	}
	if name == "" {
		return fmt.Errorf("%s is no folder: give its path on the disk, like /%s", source, filepath.Base(source))
	}
	if !info.Mode().IsRegular() {
		return fmt.Errorf("%s is %s: give a regular file or a folder", source, files.Kind(info.Mode()))
	}
	return l.add(name, source, info.Size(), func() (*os.File, error) { return os.Open(source) })
}

// CheckFilePath returns nil if a path has the form that ListFiles wants for
// paths on the disk: from the root, with a slash in front.
func CheckFilePath(target string) error {
	if _, err := diskPath(target); err != nil {
		return fmt.Errorf("%.300q: %w", target, err)
	}
	return nil
}

// diskPath turns a path like /etc/json.cfg into the form of io/fs. The root is
// empty.
func diskPath(target string) (string, error) {
	if !strings.HasPrefix(target, "/") {
		return "", errors.New("the path on the disk begins with a slash, like /json.cfg: put one in front")
	}
	if target == "/" {
		return "", nil
	}
	name := strings.TrimSuffix(target[1:], "/")
	return name, checkDiskPath(name)
}

func checkDiskPath(name string) error {
	if !fs.ValidPath(name) || name == "." || strings.ContainsRune(name, 0) {
		return fmt.Errorf("/%.300s is no valid path on the disk: use UTF-8 without NUL, and no empty name, no dot or two dots for a name", strings.ToValidUTF8(name, "\uFFFD"))
	}
	const longest = 255 // ext2's directory entries have a byte for the length
	for element := range strings.SplitSeq(name, "/") {
		if len(element) > longest {
			return fmt.Errorf("the name %.20q... has %d bytes: ext2 allows %d, make it shorter", element, len(element), longest)
		}
	}
	return nil
}

// addFolder adds all files below a folder. Empty folders are left out: what
// reads the disk opens files by their paths. Symbolic links are refused, not
// followed, so that nothing from outside the folder gets on a disk that may be
// published.
func (l *FileList) addFolder(name, folder string) error {
	root, err := os.OpenRoot(folder)
	if err != nil {
		return err
	}
	defer root.Close()
	before := len(l.Files)
	err = fs.WalkDir(root.FS(), ".", func(local string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		return l.addEntry(path.Join(name, local), folder, local, entry)
	})
	if err == nil && len(l.Files) == before {
		err = fmt.Errorf("folder %s has no files: leave it out, or put some in", folder)
	}
	return err
}

func (l *FileList) addEntry(name, folder, local string, entry fs.DirEntry) error {
	source := filepath.Join(folder, local)
	if !entry.Type().IsRegular() {
		return fmt.Errorf("%s is %s: only regular files and folders go on a disk, put a copy in its place or take it away", source, files.Kind(entry.Type()))
	}
	if err := checkDiskPath(name); err != nil {
		return err
	}
	info, err := entry.Info()
	if err != nil {
		return err
	}
	return l.add(name, source, info.Size(), func() (*os.File, error) { return os.OpenInRoot(folder, local) })
}

// add adds one file.
func (l *FileList) add(name, source string, size int64, open func() (*os.File, error)) error {
	if size > MaxFiles {
		return fmt.Errorf("%s has %d bytes: %w", source, size, overfull(size))
	}
	if len(l.Files) == maxFiles {
		return fmt.Errorf("there are more than %d files: give fewer, or pack them into one", maxFiles)
	}
	if l.taken[name] {
		return errors.New("two sources have a file for this path: leave one out")
	}
	l.taken[name] = true
	l.Files = append(l.Files, File{Path: name, Data: &sourceFile{open, size}, Size: size})
	l.Sources = append(l.Sources, source)
	return nil
}

// CheckTotal refuses files that can't fit before they are read. Each has at most
// MaxFiles bytes, so their sum is no overflow.
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

// overfull says how much fits, and what to do.
func overfull(size int64) error {
	return fmt.Errorf("%d bytes more than the %d (128 MiB) that fit with all metadata: give fewer or smaller files", size-MaxFiles, int64(MaxFiles))
}

// A sourceFile is a local file that is open only while it is read: there may
// be more of them than a process may have open.
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
		return 0, fmt.Errorf("%s had %d bytes, and now has %d: don't change files while a disk is made from them", f.Name(), s.size, info.Size())
	}
	return f.ReadAt(p, off)
}

var _ io.ReaderAt = (*sourceFile)(nil)
