package snapshot

import (
	"crypto/sha256"
	"sync"
)

// BlockSize is the size of every block of the EBS direct APIs, in bytes.
const BlockSize = 512 << 10

// Block is the content of one or more blocks of snapshots; it never changes.
type Block struct {
	Sum  [sha256.Size]byte
	Data []byte
	refs int
}

// blockStore keeps blocks in memory, equal ones once. Nothing is written to
// disk, so nothing is left when the process is killed.
type blockStore struct {
	mu     sync.Mutex
	blocks map[[sha256.Size]byte]*Block
}

func newBlockStore() *blockStore {
	return &blockStore{blocks: map[[sha256.Size]byte]*Block{}}
}

// put keeps data, whose digest the caller has computed, and takes a reference
// to it. The data must not change afterwards.
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

// retain takes one more reference.
func (st *blockStore) retain(b *Block) {
	st.mu.Lock()
	defer st.mu.Unlock()
	b.refs++
}

// release gives a reference back; the last one frees the block.
func (st *blockStore) release(b *Block) {
	st.mu.Lock()
	defer st.mu.Unlock()
	if b.refs--; b.refs == 0 {
		delete(st.blocks, b.Sum)
	}
}

// count is the number of different blocks.
func (st *blockStore) count() int {
	st.mu.Lock()
	defer st.mu.Unlock()
	return len(st.blocks)
}
