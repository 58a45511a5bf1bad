package ext2

const (
	rootInode      = 2
	firstInode     = 11 // the inodes before it are reserved
	inodeSize      = 128
	inodesPerBlock = BlockSize / inodeSize
	maxInodes      = 8 * BlockSize       // as many as the inode bitmap has bits
	maxBlocks      = MaxSize / BlockSize // as many as the block bitmap has bits

	superblockOffset = 1024
	sectorsPerBlock  = BlockSize / 512 // inodes count their blocks in sectors
	labelSize        = 16
	maxName          = 255
	lostFound        = "lost+found"
)

// A superblock has the fields of ext2's superblock, without the prefix s_ and without
// the fields that are 0.
type superblock struct {
	InodesCount     uint32
	BlocksCount     uint32
	RBlocksCount    uint32
	FreeBlocksCount uint32
	FreeInodesCount uint32
	FirstDataBlock  uint32
	LogBlockSize    uint32 // 1024 << 2 is 4096
	LogFragSize     uint32
	BlocksPerGroup  uint32
	FragsPerGroup   uint32
	InodesPerGroup  uint32
	_               [8]byte // mtime, wtime
	MntCount        uint16
	MaxMntCount     uint16
	Magic           uint16
	State           uint16
	Errors          uint16
	_               [14]byte // minor revision, times of checks, creator: Linux
	RevLevel        uint32
	_               [4]byte // users of reserved blocks: root
	FirstIno        uint32
	InodeSize       uint16
	BlockGroupNr    uint16
	FeatureCompat   uint32
	FeatureIncompat uint32
	FeatureROCompat uint32
	UUID            [16]byte
	VolumeName      [labelSize]byte
}

const (
	magic           = 0xef53
	stateClean      = 1
	errorsContinue  = 1
	neverCheck      = 0xffff // no check after so many mounts
	dynamicRevision = 1      // inode size and features have a meaning
	featureFiletype = 2      // directory entries have the file's type
)

// A groupDescriptor has the locations of the parts of a block group.
type groupDescriptor struct {
	BlockBitmap     uint32
	InodeBitmap     uint32
	InodeTable      uint32
	FreeBlocksCount uint16
	FreeInodesCount uint16
	UsedDirsCount   uint16
}

// An inode has the fields of ext2's inode that aren't 0.
type inode struct {
	Mode       uint16
	UID        uint16
	Size       uint32
	_          [16]byte // times
	GID        uint16
	LinksCount uint16
	Blocks     uint32  // in sectors of 512 bytes, indirect blocks included
	_          [8]byte // flags, which must be 0 for GRUB
	Block      [inodePointers]uint32
}

// A directoryEntry is followed by the name.
type directoryEntry struct {
	Inode    uint32
	RecLen   uint16 // to the next entry, a multiple of 4
	NameLen  uint8
	FileType uint8
}

const (
	entrySize     = 8 // of a directoryEntry
	recLenOffset  = 4 // of its RecLen
	typeFile      = 1
	typeDirectory = 2
)
