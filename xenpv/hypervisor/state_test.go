package hypervisor

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// copyState copies the real saved state, with changed device bytes, to a cache of
// its own, and returns a machine that would use it.
func copyState(t *testing.T, change func(devices []byte) []byte) (machineSpec, string) {
	t.Helper()
	users := machineSpec{bundle: needXen(t), memoryMiB: machineMiB(defaultMemoryMiB, false), netdev: "user,id=net"}
	from, err := users.savedState(t.Context(), func(line string) { t.Log(line) })
	if err != nil {
		t.Fatal(err)
	}
	cache := t.TempDir()
	t.Setenv("XENPV_CACHE", cache)
	t.Setenv("XENPV_DOM0", users.bundle.dir)
	copied := users
	if copied.bundle, err = openBundle(t.Context(), nil); err != nil {
		t.Fatal(err)
	}
	to := filepath.Join(copied.bundle.states, filepath.Base(from))
	if err := os.MkdirAll(to, 0o755); err != nil {
		t.Fatal(err)
	}
	devices, err := os.ReadFile(filepath.Join(from, deviceFile))
	if err == nil {
		err = os.WriteFile(filepath.Join(to, deviceFile), change(devices), 0o644)
	}
	if err == nil {
		err = os.Link(filepath.Join(from, ramFile), filepath.Join(to, ramFile))
	}
	if err != nil {
		t.Skipf("copy the saved state: %v", err)
	}
	return copied, to
}

func TestSpoiltStateIsRefused(t *testing.T) {
	for name, change := range map[string]func([]byte) []byte{
		"truncated":    func(b []byte) []byte { return b[:len(b)/2] },
		"another QEMU": func(b []byte) []byte { return []byte(strings.Replace(string(b), "pc-i440fx-", "pc-i440fy-", 1)) },
	} {
		t.Run(name, func(t *testing.T) {
			noLeftovers(t)
			s, state := copyState(t, change)
			m, err := s.startWaiting(t.Context(), state)
			if err != nil {
				t.Fatal(err)
			}
			err = m.load(t.Context(), state)
			if err == nil {
				m.kill()
				t.Fatal("the state was loaded")
			}
			if !strings.Contains(err.Error(), "load of migration failed") {
				t.Error(err)
			}
		})
	}
}

func TestTruncatedStateIsDropped(t *testing.T) {
	noLeftovers(t)
	s, state := copyState(t, func(b []byte) []byte { return b[:len(b)/2] })
	var told []string
	m, err := s.boot(t.Context(), func(line string) { told = append(told, line) })
	if err != nil {
		t.Fatal(err)
	}
	m.kill()
	if len(told) != 1 || !strings.HasPrefix(told[0], "starting without a saved state: load the saved state: ") {
		t.Errorf("told %q", told)
	}
	if _, err := os.Stat(state); err == nil {
		t.Error("the truncated state is still there")
	}
}

func TestCompleteState(t *testing.T) {
	s := machineSpec{memoryMiB: 1}
	for _, test := range []struct {
		ram, devices int64
		want         bool
	}{
		{0, 10, false},
		{1<<20 - 1, 10, false},
		{1 << 20, 0, false},
		{1 << 20, 10, true},
	} {
		dir := t.TempDir()
		for name, size := range map[string]int64{ramFile: test.ram, deviceFile: test.devices} {
			if err := os.WriteFile(filepath.Join(dir, name), make([]byte, size), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		if got := s.complete(dir); got != test.want {
			t.Errorf("%+v: got %v", test, got)
		}
	}
}
