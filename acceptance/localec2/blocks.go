package localec2

import (
	"crypto/sha256"
	"maps"
	"sync"
)

// blockSize is the size of every block of the EBS direct APIs, in bytes.
const blockSize = 512 << 10

// block is the content of one or more blocks of snapshots; it never changes.
type block struct {
	sum  [sha256.Size]byte
	data []byte
	refs int
}

// blockStore keeps blocks in memory, equal ones once. Nothing is written to
// disk, so nothing is left when the process is killed.
type blockStore struct {
	mu     sync.Mutex
	blocks map[[sha256.Size]byte]*block
}

func newBlockStore() *blockStore {
	return &blockStore{blocks: map[[sha256.Size]byte]*block{}}
}

// put keeps data, whose digest the caller has computed, and takes a reference
// to it. The data must not change afterwards.
func (st *blockStore) put(sum [sha256.Size]byte, data []byte) *block {
	st.mu.Lock()
	defer st.mu.Unlock()
	b := st.blocks[sum]
	if b == nil {
		b = &block{sum: sum, data: data}
		st.blocks[sum] = b
	}
	b.refs++
	return b
}

// retain takes one more reference.
func (st *blockStore) retain(b *block) {
	st.mu.Lock()
	defer st.mu.Unlock()
	b.refs++
}

// release gives a reference back; the last one frees the block.
func (st *blockStore) release(b *block) {
	st.mu.Lock()
	defer st.mu.Unlock()
	if b.refs--; b.refs == 0 {
		delete(st.blocks, b.sum)
	}
}

// contents returns what a snapshot holds: its parent's blocks and, over them,
// its own.
func (sn *snapshot) contents() map[int32]*block {
	all := make(map[int32]*block, len(sn.base)+len(sn.written))
	maps.Copy(all, sn.base)
	maps.Copy(all, sn.written)
	return all
}

// blocksHeld is the number of blocks in contents.
func (sn *snapshot) blocksHeld() int64 {
	n := int64(len(sn.base))
	for i := range sn.written {
		if sn.base[i] == nil {
			n++
		}
	}
	return n
}

// blockCount is the number of blocks of the snapshot's volume.
func (sn *snapshot) blockCount() int64 { return sn.sizeGiB << 30 / blockSize }
