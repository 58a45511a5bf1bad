package ext2

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"slices"
	"strings"
)

// A node is a file or a directory, and its place in the file system.
type node struct {
	parent   *node            // the root's is the root
	children map[string]*node // nil for a file
	mode     uint16
	file     File   // zero for a directory
	entries  []byte // a directory's content; nil for a file

	number   int // of the inode
	indirect int // the first of the indirect blocks, which are contiguous
	data     int // the first block of the content, which is contiguous
}

const (
	modeFile      = 0x8000 | 0o644
	modeDirectory = 0x4000 | 0o755
	modeLostFound = 0x4000 | 0o700 // as mke2fs makes it: recovered files may be secrets
	modeType      = 0xf000         // the bits that distinguish directories from files
)

// newTree returns the root directory of the given files.
func newTree(files []File) (*node, error) {
	root := newDirectory(nil)
	root.parent = root
	root.children[lostFound] = newDirectory(root)
	root.children[lostFound].mode = modeLostFound
	for _, f := range files {
		if err := root.add(f); err != nil {
			return nil, fmt.Errorf("add file %q: %w", f.Path, err)
		}
	}
	return root, nil
}

func newDirectory(parent *node) *node {
	return &node{parent: parent, children: map[string]*node{}, mode: modeDirectory}
}

// add adds a file below the root n, and its directories.
func (n *node) add(f File) error {
	if err := checkFile(f); err != nil {
		return err
	}
	names := strings.Split(f.Path, "/")
	last := len(names) - 1
	for i, name := range names[:last] {
		child := n.children[name]
		if child == nil {
			child = newDirectory(n)
			n.children[name] = child
		}
		if child.children == nil {
			return fmt.Errorf("%q is already a file, so it can't be a directory", strings.Join(names[:i+1], "/"))
		}
		n = child
	}
	if n.children[names[last]] != nil {
		return errors.New("the path is used already; specify another one")
	}
	n.children[names[last]] = &node{parent: n, mode: modeFile, file: f}
	return nil
}

// checkFile applies the rules for a single file.
func checkFile(f File) error {
	if !fs.ValidPath(f.Path) || f.Path == "." || strings.ContainsRune(f.Path, 0) {
		return errors.New("not a valid path; use UTF-8 without a leading slash, such as boot/kernel, and no empty element, \".\" or \"..\"")
	}
	for name := range strings.SplitSeq(f.Path, "/") {
		if len(name) > maxName {
			return fmt.Errorf("the name %.20q… has %d bytes; ext2 allows %d", name, len(name), maxName)
		}
	}
	if f.Size < 0 || f.Size > MaxSize {
		return fmt.Errorf("the size is %d bytes; it must be 0 to %d (128 MiB)", f.Size, MaxSize)
	}
	return nil
}

// names returns the names of a directory's children in ascending order, with
// lost+found first in the root: by custom it has the first free inode.
func (n *node) names() []string {
	names := slices.Sorted(maps.Keys(n.children))
	if i := slices.Index(names, lostFound); i > 0 && n.parent == n {
		names = slices.Insert(slices.Delete(names, i, i+1), 0, lostFound)
	}
	return names
}

// walk returns n and all nodes below it, each directory before its children.
func (n *node) walk() []*node {
	nodes := []*node{n}
	for _, name := range n.names() {
		nodes = append(nodes, n.children[name].walk()...)
	}
	return nodes
}

// size returns the size of the content in bytes.
func (n *node) size() int64 {
	if n.children != nil {
		return int64(len(n.entries))
	}
	return n.file.Size
}

// links counts the directory entries that lead to n: a directory's name, its
// own "." and the ".." of each directory in it.
func (n *node) links() int {
	if n.children == nil {
		return 1
	}
	links := 2
	for _, child := range n.children {
		if child.children != nil {
			links++
		}
	}
	return links
}
