package hypervisor

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"time"
)

// How many bundles and saved states are kept, including the one in use: a bundle
// for this version of the program and one for another, and for each bundle a
// state for each common size of machine. A state takes a few hundred MB.
const (
	keptBundles = 2
	keptStates  = 4
)

// keepNewest marks a directory as used, and removes all but the newest of the
// directories that match a pattern. Running machines hold their files open.
func keepNewest(count int, used, pattern string) error {
	now := time.Now()
	if err := os.Chtimes(used, now, now); err != nil {
		return err
	}
	directories, err := filepath.Glob(pattern)
	if err != nil {
		return err
	}
	slices.SortFunc(directories, func(a, b string) int { return modified(b).Compare(modified(a)) })
	for _, old := range directories[min(count, len(directories)):] {
		err = errors.Join(err, os.RemoveAll(old))
	}
	return err
}

// modified returns a directory's time, or zero if it doesn't exist.
func modified(path string) time.Time {
	info, err := os.Stat(path)
	if err != nil {
		return time.Time{}
	}
	return info.ModTime()
}

// removeAll removes the files and directories that match a pattern: incomplete
// ones that a killed process left.
func removeAll(pattern string) error {
	left, err := filepath.Glob(pattern)
	for _, path := range left {
		err = errors.Join(err, os.RemoveAll(path))
	}
	return err
}
