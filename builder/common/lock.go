package common

import (
	"context"
	"crypto/sha256"
	"fmt"
	"time"

	"github.com/hashicorp/packer-plugin-sdk/filelock"
	packersdk "github.com/hashicorp/packer-plugin-sdk/packer"
)

// A lock keeps other builds, which Packer runs at the same time in processes
// of their own, from touching the same files.
type lock struct{ file *filelock.Flock }

// acquire waits until no other build holds the lock on subject, and says that
// it does. The lock's file lies in Packer's cache.
func acquire(ctx context.Context, ui packersdk.Ui, subject string) (*lock, error) {
	path, err := packersdk.CachePath(fmt.Sprintf("unikernel-%x.lock", sha256.Sum256([]byte(subject))))
	if err != nil {
		return nil, fmt.Errorf("find Packer's cache: %w", err)
	}
	file := filelock.New(path)
	ok, err := file.TryLock()
	if err == nil && !ok {
		ui.Say("waiting for another build that uses " + subject)
		const poll = 200 * time.Millisecond // unnoticed beside a build or a download
		_, err = file.TryLockContext(ctx, poll)
	}
	if err != nil {
		return nil, fmt.Errorf("wait for other builds: %w", err)
	}
	return &lock{file}, nil
}

// release lets the next build go on. There may be no lock.
func (l *lock) release() error {
	if l == nil {
		return nil
	}
	return l.file.Unlock()
}
