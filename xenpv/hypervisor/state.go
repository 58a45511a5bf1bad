package hypervisor

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// A saved state is a directory with the machine's memory, which QEMU maps
// privately and so never changes, and the state of its devices.
const (
	ramFile    = "ram"
	deviceFile = "devices"
)

// Times to a ready toolstack: 9 s from nothing and 0.3 s from a saved state on
// two idle cores; a busy machine may need ten times as much.
const (
	coldReady   = 2 * time.Minute
	resumeReady = 15 * time.Second
)

// migrationPoll is how often QEMU is asked whether it has saved the devices,
// which takes some milliseconds.
const migrationPoll = 10 * time.Millisecond

// boot starts a machine from its saved state and returns when its toolstack is
// ready. It makes the state first if it doesn't exist, and starts without one
// if that fails.
func (s machineSpec) boot(ctx context.Context, progress func(string)) (*machine, error) {
	if !s.kvm { // a state saved under KVM depends on the host's processor
		m, stateErr, err := s.bootSaved(ctx, progress)
		if stateErr == nil || ctx.Err() != nil {
			return m, errors.Join(err, stateErr)
		}
		progress("starting without a saved state: " + stateErr.Error())
	}
	s.ram = "memory-backend-ram"
	return s.startReady(ctx, coldReady)
}

// bootSaved starts a machine from the saved state. stateErr means that the state
// couldn't be made, or couldn't be loaded and was removed. err is any other
// failure.
func (s machineSpec) bootSaved(ctx context.Context, progress func(string)) (m *machine, stateErr, err error) {
	state, stateErr := s.savedState(ctx, progress)
	if stateErr != nil {
		return nil, stateErr, nil
	}
	if m, err = s.startWaiting(ctx, state); err != nil {
		return nil, nil, err
	}
	if stateErr = m.load(ctx, state); stateErr != nil {
		return nil, errors.Join(stateErr, os.RemoveAll(state)), nil
	}
	return m, nil, nil
}

// startReady starts a machine and waits until dom0's agent answers.
func (s machineSpec) startReady(ctx context.Context, limit time.Duration) (*machine, error) {
	m, err := s.start(ctx)
	if err == nil {
		err = m.ready(ctx, limit)
	}
	if err != nil {
		return nil, fmt.Errorf("bring up Xen: %w", err)
	}
	return m, nil
}

// savedState returns the directory of the saved state for s.
func (s machineSpec) savedState(ctx context.Context, progress func(string)) (string, error) {
	key, err := s.stateKey()
	if err != nil {
		return "", err
	}
	dir := filepath.Join(s.bundle.states, "state-"+key)
	if s.complete(dir) {
		return dir, nil
	}
	if err := os.MkdirAll(s.bundle.states, 0o755); err != nil {
		return "", fmt.Errorf("make a saved state: %w", err)
	}
	unlock, err := lock(ctx, filepath.Join(s.bundle.states, "lock"))
	if err != nil {
		return "", fmt.Errorf("make a saved state: %w", err)
	}
	defer unlock()
	if s.complete(dir) {
		return dir, nil // another process made it in the meantime
	}
	progress(fmt.Sprintf("starting Xen and saving its state, once, in %s", dir))
	if err := s.makeState(ctx, dir); err != nil {
		return "", fmt.Errorf("make a saved state: %w", err)
	}
	return dir, nil
}

// stateKey returns a digest of what a saved state depends on: the machine's
// hardware and the QEMU program, identified by size and time.
func (s machineSpec) stateKey() (string, error) {
	program, err := exec.LookPath(qemuProgram)
	if err != nil {
		return "", err
	}
	info, err := os.Stat(program)
	if err != nil {
		return "", err
	}
	sum := sha256.Sum256(fmt.Appendln(nil, s.hardware(), info.Size(), info.ModTime().UnixNano()))
	return shortHash(sum[:]), nil
}

// complete reports whether a saved state exists with all its memory. QEMU would
// extend a short memory file, and wait forever for devices from an empty file.
func (s machineSpec) complete(dir string) bool {
	ram, err := os.Stat(filepath.Join(dir, ramFile))
	if err != nil || ram.Size() != int64(s.memoryMiB)<<20 {
		return false
	}
	devices, err := os.Stat(filepath.Join(dir, deviceFile))
	return err == nil && devices.Size() > 0
}

// makeState brings up the toolstack and saves the machine. The directory gets
// its name when it is complete. Those that a killed process left are removed.
func (s machineSpec) makeState(ctx context.Context, dir string) error {
	if err := errors.Join(removeAll(filepath.Join(s.bundle.states, "saving-*")), os.RemoveAll(dir)); err != nil {
		return err
	}
	temp, err := os.MkdirTemp(s.bundle.states, "saving-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(temp)
	s.disk, s.netdev = nil, "user,id=net"
	s.ram = backedBy(temp) + ",share=on"
	m, err := s.startReady(ctx, coldReady)
	if err != nil {
		return err
	}
	defer m.kill()
	if err := m.save(ctx, filepath.Join(temp, deviceFile)); err != nil {
		return err
	}
	if err := os.Rename(temp, dir); err != nil {
		return err
	}
	return keepNewest(keptStates, dir, filepath.Join(s.bundle.states, "state-*"))
}

// backedBy returns the memory back end for a state's memory. QEMU ends an option
// at a comma unless it is doubled.
func backedBy(dir string) string {
	return "memory-backend-file,mem-path=" + strings.ReplaceAll(filepath.Join(dir, ramFile), ",", ",,")
}

// ignoreShared makes QEMU skip memory that is in a file of its own.
var ignoreShared = map[string]any{"capabilities": []any{
	map[string]any{"capability": "x-ignore-shared", "state": true},
}}

// save writes the devices' state and leaves the machine stopped. The machine is
// saved while it runs, so it continues running when it is loaded.
func (m *machine) save(ctx context.Context, path string) error {
	if err := m.run(ctx, "migrate-set-capabilities", ignoreShared, nil); err != nil {
		return err
	}
	uri := map[string]any{"uri": "exec:cat > " + shellQuoted(path)}
	if err := m.run(ctx, "migrate", uri, nil); err != nil {
		return err
	}
	for {
		var migration struct {
			Status string `json:"status"`
			Error  string `json:"error-desc"`
		}
		if err := m.run(ctx, "query-migrate", nil, &migration); err != nil {
			return err
		}
		switch migration.Status {
		case "completed":
			return nil
		case "failed", "cancelled":
			return fmt.Errorf("qemu migrate: %s %s", migration.Status, migration.Error)
		}
		time.Sleep(migrationPoll)
	}
}

// startWaiting starts a machine that waits for a saved state.
func (s machineSpec) startWaiting(ctx context.Context, state string) (*machine, error) {
	s.ram = backedBy(state) + ",share=off"
	s.incoming = true
	return s.start(ctx)
}

// load brings a waiting machine to the saved state; if that fails, it ends the
// machine.
func (m *machine) load(ctx context.Context, state string) error {
	err := m.run(ctx, "migrate-set-capabilities", ignoreShared, nil)
	if err == nil {
		uri := map[string]any{"uri": "exec:cat " + shellQuoted(filepath.Join(state, deviceFile))}
		err = m.run(ctx, "migrate-incoming", uri, nil)
	}
	if err == nil {
		err = m.ready(ctx, resumeReady)
	} else {
		m.kill()
		err = m.explain(err)
	}
	if err != nil {
		return fmt.Errorf("load the saved state: %w", err)
	}
	return nil
}

func shellQuoted(s string) string {
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}
