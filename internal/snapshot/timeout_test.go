package snapshot

import "testing"

// The timeout grows with the disk, within what EBS accepts.
func TestTimeout(t *testing.T) {
	for blocks, want := range map[int]int32{0: 60, 1: 60, 256: 60, 257: 120, 20480: 4320, 1 << 27: 4320} {
		if got := timeout(blocks); got != want {
			t.Errorf("%d blocks: %d minutes, want %d", blocks, got, want)
		}
	}
}
