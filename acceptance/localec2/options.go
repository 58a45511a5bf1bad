package localec2

import "time"

// Options says how the server behaves. The zero value is a server whose states
// change at once and that adds no delay; [Defaults] is what the program uses.
type Options struct {
	// Listen is the address that [Start] listens on: a loopback address and a
	// port. Empty means 127.0.0.1 and a free port.
	Listen string

	// Account is the 12-digit account that owns all that callers make. Empty
	// means 123456789012, the account of AWS's own examples.
	Account string

	// Latency is the least time between a request's headers and its answer. The
	// server does its work within it, so it adds nothing as long as the work is
	// shorter. Zero means no wait.
	Latency time.Duration

	// SnapshotPending is how long a snapshot stays pending after
	// CompleteSnapshot, ImagePending how long an image does after RegisterImage.
	SnapshotPending, ImagePending time.Duration

	// Invisible is how long a new snapshot or image is not found by any other
	// call: AWS's eventual consistency at its worst.
	Invisible time.Duration

	// TokensOutlive keeps a StartSnapshot client token bound to its snapshot
	// after the snapshot was deleted, so that the same request again gets the
	// dead snapshot's id. AWS does not say which of the two it does.
	TokensOutlive bool

	// Now is the clock for every state and time-out; nil means time.Now. The
	// date in a signature is always compared with the real clock, because
	// clients sign with theirs.
	Now func() time.Time

	// OnCall, if not nil, is given each call after it was answered, one at a
	// time. It must not call the server.
	OnCall func(Call)
}

// Defaults returns the options of the program: half a second pending for
// snapshots and images, long enough that a client which does not wait fails,
// short enough not to be felt. Nothing is invisible, because on AWS that is
// the exception, and a script with no retries should work as it does there.
func Defaults() Options {
	return Options{SnapshotPending: 500 * time.Millisecond, ImagePending: 500 * time.Millisecond}
}

// complete returns the options with the zero values filled in.
func (o Options) complete() Options {
	if o.Listen == "" {
		o.Listen = "127.0.0.1:0"
	}
	if o.Account == "" {
		o.Account = "123456789012"
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	return o
}
