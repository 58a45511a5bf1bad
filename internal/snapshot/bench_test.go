package snapshot_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/unikernel-ami/packer-plugin-unikernel/acceptance/localec2"
	"github.com/unikernel-ami/packer-plugin-unikernel/internal/ami"
	"github.com/unikernel-ami/packer-plugin-unikernel/internal/cloud"
	"github.com/unikernel-ami/packer-plugin-unikernel/internal/cloudtest"
	"github.com/unikernel-ami/packer-plugin-unikernel/internal/snapshot"
)

// BenchmarkUpload sends blocks to an EBS that takes 30 ms for each call. The
// ideal is ⌈blocks/workers⌉ × 30 ms, and 30 ms for each of the three calls that
// go one after the other (start, complete, describe). The benchmark reports the
// time taken as a multiple of it. Server and client share this machine's
// processors, which hash and copy each block.
//
// The last case is a disk of 1 GiB without holes. Its blocks have 16 different
// contents, so that the server, which stores equal blocks once, needs no memory.
func BenchmarkUpload(b *testing.B) {
	const latency = 30 * time.Millisecond
	for _, blocks := range []int{5, 64, 256, 2048} {
		b.Run(fmt.Sprintf("blocks=%d", blocks), func(b *testing.B) {
			_, s := cloudtest.Start(b, localec2.Options{Latency: latency}, "us-east-1")
			disk := stripes(blocks)
			ideal := latency * time.Duration((blocks+cloud.Workers-1)/cloud.Workers+3)
			r, method := cloudtest.Request(disk), &snapshot.EBSDirect{Session: s}
			for b.Loop() {
				r.BuildID = fmt.Sprint(time.Now().UnixNano())
				var ledger cloud.Ledger
				if _, err := method.Create(b.Context(), cloudtest.SnapshotRequest(&ami.Plan{Request: r}, disk), &ledger); err != nil {
					b.Fatal(err)
				}
				b.StopTimer()
				if _, err := ledger.Undo(b.Context()); err != nil {
					b.Fatal(err)
				}
				b.StartTimer()
			}
			perUpload := b.Elapsed() / time.Duration(b.N)
			b.ReportMetric(float64(perUpload)/float64(ideal), "x-ideal")
		})
	}
}
