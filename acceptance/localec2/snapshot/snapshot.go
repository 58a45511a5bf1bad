// Package snapshot stores the EBS snapshots of all regions. The EBS direct APIs
// write and read them; EC2 describes, tags and deletes them.
package snapshot

import (
	"maps"
	"regexp"
	"time"

	"github.com/unikernel-ami/packer-plugin-unikernel/acceptance/localec2/resource"
)

// States of a snapshot.
const (
	Pending   = "pending"
	Completed = "completed"
	Failed    = "error"
)

// Snapshot is an EBS snapshot, written through the EBS direct APIs. Its state
// follows from its times.
type Snapshot struct {
	resource.Common
	Description     string
	Parent, Lineage string // Lineage is the id of its first ancestor, or its own
	SizeGiB         int64
	Encrypted       bool
	KMSKey          string
	Started         time.Time
	Timeout         time.Duration
	Touched         time.Time // when the last block was written, for the timeout
	Sealed          bool      // CompleteSnapshot was called
	Completes       time.Time // when that takes effect
	Fails           bool      // it has failed then: a copy that can't be made
	base            map[int32]*Block
	written         map[int32]*Block
}

// ID matches snapshot ids.
var ID = regexp.MustCompile(`^snap-([0-9a-f]{8}|[0-9a-f]{17})$`)

// State returns the snapshot's state at a given time.
func (sn *Snapshot) State(now time.Time) string {
	switch {
	case sn.Fails && !now.Before(sn.Completes):
		return Failed
	case sn.Sealed && !now.Before(sn.Completes):
		return Completed
	case !sn.Sealed && now.Sub(sn.Touched) > sn.Timeout:
		return Failed
	}
	return Pending
}

// BlockCount returns the number of blocks of the snapshot's volume.
func (sn *Snapshot) BlockCount() int64 { return sn.SizeGiB << 30 / BlockSize }

// Block returns the block at an index, or nil.
func (sn *Snapshot) Block(index int32) *Block {
	if b := sn.written[index]; b != nil {
		return b
	}
	return sn.base[index]
}

// Written returns the blocks that were put into this snapshot, without the
// parent's.
func (sn *Snapshot) Written() map[int32]*Block { return sn.written }

// Contents returns all blocks: those of the parent, overlaid with its own.
func (sn *Snapshot) Contents() map[int32]*Block {
	all := make(map[int32]*Block, len(sn.base)+len(sn.written))
	maps.Copy(all, sn.base)
	maps.Copy(all, sn.written)
	return all
}

// held returns the number of blocks in Contents.
func (sn *Snapshot) held() int64 {
	n := int64(len(sn.base))
	for i := range sn.written {
		if sn.base[i] == nil {
			n++
		}
	}
	return n
}

// Info describes a snapshot at one point in time.
type Info struct {
	ID          string            `json:"id"`
	State       string            `json:"state"` // pending, completed or error
	SizeGiB     int64             `json:"size_gib"`
	Blocks      int64             `json:"blocks"` // its own and the parent's
	Description string            `json:"description,omitempty"`
	Tags        map[string]string `json:"tags,omitempty"`
	Started     time.Time         `json:"started"`
	Completed   time.Time         `json:"-"`
	Encrypted   bool              `json:"-"`
	KMSKey      string            `json:"-"`
	Fails       bool              `json:"-"`
}

func (sn *Snapshot) info(now time.Time) Info {
	return Info{
		ID: sn.ID, State: sn.State(now), SizeGiB: sn.SizeGiB, Blocks: sn.held(), Description: sn.Description,
		Tags: maps.Clone(sn.Tags), Started: sn.Started, Completed: sn.Completes, Encrypted: sn.Encrypted, KMSKey: sn.KMSKey, Fails: sn.Fails,
	}
}
