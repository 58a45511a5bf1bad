package hypervisor

import (
	"context"
	"fmt"
	"time"

	"github.com/gofrs/flock"
)

// lockInterval is the time between two attempts to lock the cache. What holds
// the lock takes seconds, so a tenth of one is not noticed.
const lockInterval = 100 * time.Millisecond

// lock waits for the lock on a file, which other processes respect too. It fails
// with the context's error if the context ends first.
func lock(ctx context.Context, path string) (unlock func(), err error) {
	l := flock.New(path)
	if _, err := l.TryLockContext(ctx, lockInterval); err != nil {
		return nil, fmt.Errorf("lock %s: %w", path, err)
	}
	return func() { _ = l.Close() }, nil // a lock ends with its file descriptor in any case
}
