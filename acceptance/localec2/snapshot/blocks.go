package snapshot

import (
	"crypto/sha256"
	"sync"
)

// BlockSize is the size of every block of the EBS direct APIs, in bytes.
const BlockSize = 512 << 10

// Block is the content of one or more blocks of snapshots. It never changes.
type Block struct {
	Sum  [sha256.Size]byte
	Data []byte
	refs int
}

// blockStore keeps blocks in memory, equal blocks once. Nothing is on disk, so
// a killed process leaves nothing behind.
type blockStore struct {
	mu     sync.Mutex
	blocks map[[sha256.Size]byte]*Block
}

func newBlockStore() *blockStore {
	return &blockStore{blocks: map[[sha256.Size]byte]*Block{}}
}

// put stores data with its digest, and adds a reference to it. The data must
// not change afterwards.
func (st *blockStore) put(sum [sha256.Size]byte, data []byte) *Block {
	st.mu.Lock()
	defer st.mu.Unlock()
	b := st.blocks[sum]
	if b == nil {
		b = &Block{Sum: sum, Data: data}
		st.blocks[sum] = b
	}
	b.refs++
	return b
}

// retain adds a reference.
func (st *blockStore) retain(b *Block) {
	st.mu.Lock()
	defer st.mu.Unlock()
	b.refs++
}

// release removes a reference. Removing the last one frees the block.
func (st *blockStore) release(b *Block) {
	st.mu.Lock()
	defer st.mu.Unlock()
	if b.refs--; b.refs == 0 {
		delete(st.blocks, b.Sum)
	}
}

// count returns the number of different blocks.
func (st *blockStore) count() int {
	st.mu.Lock()
	defer st.mu.Unlock()
	return len(st.blocks)
}
