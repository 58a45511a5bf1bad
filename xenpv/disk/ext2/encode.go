package ext2

import "encoding/binary"

// encode returns all metadata, the blocks before the first file's content.
func (l *layout) encode(uuid [16]byte, label string) []byte {
	head := make([]byte, l.headBlocks*BlockSize)
	put(head[superblockOffset:], l.superblock(uuid, label))
	put(head[descriptorBlock*BlockSize:], groupDescriptor{
		BlockBitmap:     blockBitmapBlock,
		InodeBitmap:     inodeBitmapBlock,
		InodeTable:      inodeTableBlock,
		FreeInodesCount: uint16(l.inodes() - l.usedInodes()),
		UsedDirsCount:   uint16(l.directories()),
	})
	// A bitmap's bits after the end of the group count as used.
	setBits(head[blockBitmapBlock*BlockSize:][:BlockSize], 0, maxBlocks)
	inodeBitmap := head[inodeBitmapBlock*BlockSize:][:BlockSize]
	setBits(inodeBitmap, 0, l.usedInodes())
	setBits(inodeBitmap, l.inodes(), maxInodes)
	for _, n := range l.nodes {
		put(head[inodeTableBlock*BlockSize+(n.number-1)*inodeSize:], n.encode(head))
		if n.children != nil {
			copy(head[n.data*BlockSize:], n.entries)
		}
	}
	return head
}

func (l *layout) superblock(uuid [16]byte, label string) superblock {
	s := superblock{
		InodesCount:     uint32(l.inodes()),
		BlocksCount:     uint32(l.blocks),
		FreeInodesCount: uint32(l.inodes() - l.usedInodes()),
		LogBlockSize:    2,
		LogFragSize:     2,
		BlocksPerGroup:  maxBlocks,
		FragsPerGroup:   maxBlocks,
		InodesPerGroup:  uint32(l.inodes()),
		MaxMntCount:     neverCheck,
		Magic:           magic,
		State:           stateClean,
		Errors:          errorsContinue,
		RevLevel:        dynamicRevision,
		FirstIno:        firstInode,
		InodeSize:       inodeSize,
		FeatureIncompat: featureFiletype,
		UUID:            uuid,
	}
	copy(s.VolumeName[:], label)
	return s
}

// encode returns the inode of n, and writes its indirect blocks into head.
// As content and indirect blocks are contiguous, so are the pointers to them.
func (n *node) encode(head []byte) inode {
	count := blockCount(n.size())
	i := inode{
		Mode:       n.mode,
		Size:       uint32(n.size()),
		LinksCount: uint16(n.links()),
		Blocks:     uint32((count + indirectCount(count)) * sectorsPerBlock),
	}
	for b := range min(count, directBlocks) {
		i.Block[b] = uint32(n.data + b)
	}
	if rest := count - directBlocks; rest > 0 {
		i.Block[singleIndirect] = uint32(n.indirect)
		putPointers(head, n.indirect, n.data+directBlocks, min(rest, pointersPerBlock))
	}
	if rest := count - directBlocks - pointersPerBlock; rest > 0 {
		top, singles := n.indirect+1, n.indirect+2
		i.Block[doubleIndirect] = uint32(top)
		putPointers(head, top, singles, indirectCount(count)-2)
		putPointers(head, singles, n.data+directBlocks+pointersPerBlock, rest)
	}
	return i
}

// putPointers writes count pointers, to the blocks starting at first, into the given
// block and those after it.
func putPointers(head []byte, block, first, count int) {
	for i := range count {
		binary.LittleEndian.PutUint32(head[block*BlockSize+4*i:], uint32(first+i))
	}
}

// encodeDirectory returns the content of directory n: whole blocks, whose last
// entry extends to the block's end. The inode numbers must be set.
func encodeDirectory(n *node) []byte {
	var dir []byte
	last := 0 // the offset of the entry written last
	add := func(name string, to *node) {
		length := (entrySize + len(name) + 3) &^ 3
		if len(dir)%BlockSize+length > BlockSize {
			dir = fillBlock(dir, last)
		}
		last = len(dir)
		e := directoryEntry{Inode: uint32(to.number), RecLen: uint16(length), NameLen: uint8(len(name)), FileType: typeFile}
		if to.children != nil {
			e.FileType = typeDirectory
		}
		dir = append(dir, make([]byte, length)...)
		put(dir[last:], e)
		copy(dir[last+entrySize:], name)
	}
	add(".", n)
	add("..", n.parent)
	for _, name := range n.names() {
		add(name, n.children[name])
	}
	return fillBlock(dir, last)
}

// fillBlock pads dir to a whole block and extends its last entry to the end.
func fillBlock(dir []byte, last int) []byte {
	dir = append(dir, make([]byte, blockCount(int64(len(dir)))*BlockSize-len(dir))...)
	binary.LittleEndian.PutUint16(dir[last+recLenOffset:], uint16(len(dir)-last))
	return dir
}

// setBits sets the bits from first up to, and not including, end.
func setBits(bitmap []byte, first, end int) {
	for i := first; i < end; i++ {
		bitmap[i/8] |= 1 << (i % 8)
	}
}

// put writes a structure of fixed size, little-endian, to the start of b.
func put(b []byte, structure any) {
	if _, err := binary.Encode(b, binary.LittleEndian, structure); err != nil {
		panic(err) // b is too short: a bug in this package
	}
}
