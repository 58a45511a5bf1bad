package hypervisor

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// Waiting for a lock ends with the context, and with the lock's release.
func TestLock(t *testing.T) {
	path := filepath.Join(t.TempDir(), "lock")
	unlock, err := lock(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	time.AfterFunc(2*lockInterval, cancel)
	if _, err := lock(ctx, path); !errors.Is(err, context.Canceled) {
		t.Errorf("a held lock: %v", err)
	}
	time.AfterFunc(2*lockInterval, unlock)
	again, err := lock(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	again()
}

// A boot that waits for another process's lock on the cache ends when it is
// canceled.
func TestBootWaitsForLock(t *testing.T) {
	cache := t.TempDir()
	t.Setenv("XENPV_CACHE", cache)
	t.Setenv("XENPV_DOM0", "")
	dom0 := filepath.Join(cache, "dom0")
	if err := os.MkdirAll(dom0, 0o700); err != nil {
		t.Fatal(err)
	}
	unlock, err := lock(t.Context(), filepath.Join(dom0, "lock"))
	if err != nil {
		t.Fatal(err)
	}
	defer unlock()
	ctx, cancel := context.WithTimeout(t.Context(), 2*lockInterval)
	defer cancel()
	if _, err := openBundle(ctx, func(string) {}); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("error %v", err)
	}
}
