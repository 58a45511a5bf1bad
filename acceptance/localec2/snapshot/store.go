package snapshot

import (
	"cmp"
	"crypto/sha256"
	"slices"
	"sync"

	"github.com/unikernel-ami/packer-plugin-unikernel/acceptance/localec2/account"
	"github.com/unikernel-ami/packer-plugin-unikernel/acceptance/localec2/resource"
)

// Store stores the snapshots of all regions. It is safe for concurrent use.
type Store struct {
	acct   *account.Account
	blocks *blockStore

	mu      sync.Mutex // guards all below
	regions map[string]*Region
}

// Region holds the snapshots of one region. It is valid while [Store.Lock]
// locks it.
type Region struct {
	Encryption Encryption

	store     *Store
	snapshots map[string]*Snapshot
}

// NewStore returns an empty store.
func NewStore(acct *account.Account) *Store {
	return &Store{acct: acct, blocks: newBlockStore(), regions: map[string]*Region{}}
}

// Lock locks the store and returns the snapshots of a region. The caller must
// call unlock.
func (s *Store) Lock(region string) (r *Region, unlock func()) {
	s.mu.Lock()
	r = s.regions[region]
	if r == nil {
		r = &Region{store: s, snapshots: map[string]*Snapshot{}}
		s.regions[region] = r
	}
	return r, s.mu.Unlock
}

// Get returns a snapshot that callers can see, or nil.
func (r *Region) Get(id string) *Snapshot {
	sn := r.snapshots[id]
	if sn == nil || r.store.acct.Now().Before(sn.Visible) {
		return nil
	}
	return sn
}

// Existing returns a snapshot even if callers can't see it yet, or nil.
func (r *Region) Existing(id string) *Snapshot { return r.snapshots[id] }

// Add adds a snapshot. If parent is not nil, the snapshot starts with its
// blocks.
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

// Copy adds a copy of a snapshot in another region. It shares the blocks. It does
// nothing if the source was deleted.
func (s *Store) Copy(from, id, to string, sn *Snapshot) {
	r, unlock := s.Lock(to)
	defer unlock()
	source := s.regions[from]
	if source == nil || source.Existing(id) == nil {
		return
	}
	parent := source.Existing(id)
	sn.SizeGiB, sn.Lineage = parent.SizeGiB, sn.ID
	r.Add(sn, parent)
}

// Put puts a block into a snapshot and replaces an earlier one. The digest is
// that of the data, which must not change afterwards.
func (r *Region) Put(sn *Snapshot, index int32, sum [sha256.Size]byte, data []byte) {
	b := r.store.blocks.put(sum, data)
	if old := sn.written[index]; old != nil {
		r.store.blocks.release(old)
	}
	sn.written[index] = b
	sn.Touched = r.store.acct.Now()
}

// Pending returns the number of pending snapshots.
func (r *Region) Pending() int {
	n, now := 0, r.store.acct.Now()
	for _, sn := range r.snapshots {
		if sn.State(now) == Pending {
			n++
		}
	}
	return n
}

// Find returns the description of a snapshot, if callers can see it.
func (s *Store) Find(region, id string) (Info, bool) {
	r, unlock := s.Lock(region)
	defer unlock()
	sn := r.Get(id)
	if sn == nil {
		return Info{}, false
	}
	return sn.info(s.acct.Now()), true
}

// List returns descriptions of the snapshots that callers can see, sorted by
// id. If all is set, it includes those that callers can't see yet.
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

// SetTags replaces the tags of a snapshot. It does nothing if the snapshot was
// deleted.
func (s *Store) SetTags(region, id string, tags resource.TagSet) {
	r, unlock := s.Lock(region)
	defer unlock()
	if sn := r.snapshots[id]; sn != nil {
		sn.Tags = tags
	}
}

// Exists reports whether a snapshot exists, even if callers can't see it yet.
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

// DistinctBlocks returns the number of different blocks in memory.
func (s *Store) DistinctBlocks() int { return s.blocks.count() }
