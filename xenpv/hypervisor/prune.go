package hypervisor

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"time"
)

// How many bundles and saved states are kept, with the one in use: a bundle for
// this program and one for another version of it beside this, and for each
// bundle as many states as there are common sizes of machines. A state takes a
// few hundred MB.
const (
	keptBundles = 2
	keptStates  = 4
)

// keepNewest marks a folder as used, and removes all but the newest of the
// folders that a pattern names. Machines that run from one hold its files open.
func keepNewest(count int, used, pattern string) error {
	now := time.Now()
	if err := os.Chtimes(used, now, now); err != nil {
		return err
	}
	folders, err := filepath.Glob(pattern)
	if err != nil {
		return err
	}
	slices.SortFunc(folders, func(a, b string) int { return modified(b).Compare(modified(a)) })
	for _, old := range folders[min(count, len(folders)):] {
		err = errors.Join(err, os.RemoveAll(old))
	}
	return err
}

// modified is a folder's time, zero where it is gone.
func modified(path string) time.Time {
	info, err := os.Stat(path)
	if err != nil {
		return time.Time{}
	}
	return info.ModTime()
}

// removeAll removes the files and folders that a pattern names: what a killed
// process left half made.
func removeAll(pattern string) error {
	left, err := filepath.Glob(pattern)
	for _, path := range left {
		err = errors.Join(err, os.RemoveAll(path))
	}
	return err
}
