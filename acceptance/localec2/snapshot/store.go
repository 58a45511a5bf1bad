package snapshot

import (
	"cmp"
	"crypto/sha256"
	"slices"
	"sync"

	"github.com/unikernel-ami/packer-plugin-unikernel/acceptance/localec2/account"
	"github.com/unikernel-ami/packer-plugin-unikernel/acceptance/localec2/resource"
)

// Store holds the snapshots of all regions. It is safe for concurrent use.
type Store struct {
	acct   *account.Account
	blocks *blockStore

	mu      sync.Mutex // guards all below
	regions map[string]*Region
}

// Region is the snapshots of one region, while [Store.Lock] holds them.
type Region struct {
	store     *Store
	snapshots map[string]*Snapshot
}

// NewStore makes an empty store.
func NewStore(acct *account.Account) *Store {
	return &Store{acct: acct, blocks: newBlockStore(), regions: map[string]*Region{}}
}

// Lock returns a region's snapshots for the caller alone, until it calls
// unlock.
func (s *Store) Lock(region string) (r *Region, unlock func()) {
	s.mu.Lock()
	r = s.regions[region]
	if r == nil {
		r = &Region{s, map[string]*Snapshot{}}
		s.regions[region] = r
	}
	return r, s.mu.Unlock
}

// Get returns a snapshot that callers can see, nil if there is none.
func (r *Region) Get(id string) *Snapshot {
	sn := r.snapshots[id]
	if sn == nil || r.store.acct.Now().Before(sn.Visible) {
		return nil
	}
	return sn
}

// Existing returns a snapshot even if callers can't see it yet, nil if there is
// none.
func (r *Region) Existing(id string) *Snapshot { return r.snapshots[id] }

// Add adds a snapshot: with the blocks of a parent, unless that is nil.
func (r *Region) Add(sn, parent *Snapshot) {
	sn.written = map[int32]*Block{}
	if parent != nil {
		sn.base = parent.Contents()
	}
	for _, b := range sn.base {
		r.store.blocks.retain(b)
	}
	r.snapshots[sn.ID] = sn
}

// Put puts a block into a snapshot, in place of an earlier one. The digest is
// of the data, which must not change afterwards.
func (r *Region) Put(sn *Snapshot, index int32, sum [sha256.Size]byte, data []byte) {
	b := r.store.blocks.put(sum, data)
	if old := sn.written[index]; old != nil {
		r.store.blocks.release(old)
	}
	sn.written[index] = b
	sn.Touched = r.store.acct.Now()
}

// Pending is the number of pending snapshots.
func (r *Region) Pending() int {
	n, now := 0, r.store.acct.Now()
	for _, sn := range r.snapshots {
		if sn.State(now) == Pending {
			n++
		}
	}
	return n
}

// Find describes a snapshot that callers can see.
func (s *Store) Find(region, id string) (Info, bool) {
	r, unlock := s.Lock(region)
	defer unlock()
	sn := r.Get(id)
	if sn == nil {
		return Info{}, false
	}
	return sn.info(s.acct.Now()), true
}

// List describes the snapshots that callers can see, by id; with all, also
// those that they can't see yet.
func (s *Store) List(region string, all bool) []Info {
	r, unlock := s.Lock(region)
	defer unlock()
	infos := []Info{}
	for id, sn := range r.snapshots {
		if all || r.Get(id) != nil {
			infos = append(infos, sn.info(s.acct.Now()))
		}
	}
	slices.SortFunc(infos, func(a, b Info) int { return cmp.Compare(a.ID, b.ID) })
	return infos
}

// SetTags replaces a snapshot's tags. If it was deleted, nothing happens.
func (s *Store) SetTags(region, id string, tags resource.TagSet) {
	r, unlock := s.Lock(region)
	defer unlock()
	if sn := r.snapshots[id]; sn != nil {
		sn.Tags = tags
	}
}

// Exists reports whether there is a snapshot, even if callers can't see it yet.
func (s *Store) Exists(region, id string) bool {
	r, unlock := s.Lock(region)
	defer unlock()
	return r.Existing(id) != nil
}

// Delete deletes a snapshot and frees its blocks.
func (s *Store) Delete(region, id string) {
	r, unlock := s.Lock(region)
	defer unlock()
	sn := r.snapshots[id]
	if sn == nil {
		return
	}
	delete(r.snapshots, id)
	for _, blocks := range []map[int32]*Block{sn.base, sn.written} {
		for _, b := range blocks {
			s.blocks.release(b)
		}
	}
}

// DistinctBlocks is the number of different blocks in memory.
func (s *Store) DistinctBlocks() int { return s.blocks.count() }
