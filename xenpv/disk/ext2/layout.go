package ext2

import "fmt"

// The blocks of the one group, in their order: the superblock's, the group
// descriptor's, both bitmaps', the inode table, the directories and indirect
// blocks, and then the files' contents, each contiguous.
const (
	descriptorBlock  = 1
	blockBitmapBlock = 2
	inodeBitmapBlock = 3
	inodeTableBlock  = 4
)

// The block pointers of an inode: 12 to the first blocks of its content, then
// one to a block of pointers, and one to a block of pointers to such blocks.
// The last, the triple indirect one, is for files beyond MaxSize.
const (
	directBlocks     = 12
	pointersPerBlock = BlockSize / 4
	singleIndirect   = 12
	doubleIndirect   = 13
	inodePointers    = 15
)

// A layout is the place of everything.
type layout struct {
	nodes       []*node // the root, then the others in the order of their inodes
	tableBlocks int     // blocks of the inode table
	headBlocks  int     // blocks of all metadata
	blocks      int     // blocks in all
}

// newLayout assigns each node its inode and its blocks.
func newLayout(root *node) (*layout, error) {
	l := &layout{nodes: root.walk()}
	root.number = rootInode
	for i, n := range l.nodes[1:] {
		n.number = firstInode + i
	}
	if l.usedInodes() > maxInodes {
		return nil, fmt.Errorf("%d files and directories with the root and lost+found; at most %d fit", len(l.nodes), maxInodes-firstInode+2)
	}
	l.tableBlocks = (l.usedInodes() + inodesPerBlock - 1) / inodesPerBlock
	l.headBlocks = inodeTableBlock + l.tableBlocks
	for _, n := range l.nodes {
		l.placeMetadata(n)
	}
	return l, l.placeFiles()
}

// placeMetadata assigns n its indirect blocks, and a directory its content.
func (l *layout) placeMetadata(n *node) {
	if n.children != nil {
		n.entries = encodeDirectory(n)
		n.data = l.headBlocks
		l.headBlocks += blockCount(n.size())
	}
	n.indirect = l.headBlocks
	l.headBlocks += indirectCount(blockCount(n.size()))
}

// placeFiles puts the files' contents after the metadata.
func (l *layout) placeFiles() error {
	l.blocks = l.headBlocks
	var content int64
	for _, n := range l.nodes {
		if n.children == nil {
			n.data = l.blocks
			l.blocks += blockCount(n.size())
			content += n.size()
		}
	}
	if size := int64(l.blocks) * BlockSize; size > MaxSize {
		return fmt.Errorf("the files have %d bytes and take %d with all metadata, %d bytes more than the %d (128 MiB) that fit",
			content, size, size-MaxSize, MaxSize)
	}
	return nil
}

// extents returns the files' contents in ascending order of their places.
func (l *layout) extents() []extent {
	var extents []extent
	for _, n := range l.nodes {
		if n.size() > 0 && n.children == nil {
			extents = append(extents, extent{start: int64(n.data) * BlockSize, file: n.file})
		}
	}
	return extents
}

// inodes returns the number of inodes in the table, used or not.
func (l *layout) inodes() int { return l.tableBlocks * inodesPerBlock }

// usedInodes counts the reserved inodes, of which the root's is one, and those
// of all other nodes.
func (l *layout) usedInodes() int { return firstInode - 1 + len(l.nodes) - 1 }

// directories counts the directories, the root's included.
func (l *layout) directories() int {
	count := 0
	for _, n := range l.nodes {
		if n.children != nil {
			count++
		}
	}
	return count
}

// blockCount returns the number of blocks that size bytes take, at most
// MaxSize of them.
func blockCount(size int64) int { return int((size + BlockSize - 1) / BlockSize) }

// indirectCount returns the number of blocks with pointers for content of the given
// number of blocks.
func indirectCount(blocks int) int {
	switch rest := blocks - directBlocks; {
	case rest <= 0:
		return 0
	case rest <= pointersPerBlock:
		return 1
	default:
		rest -= pointersPerBlock
		return 2 + (rest+pointersPerBlock-1)/pointersPerBlock
	}
}
