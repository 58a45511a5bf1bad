package debian

import (
	"strings"
	"testing"
)

func TestRun(t *testing.T) {
	out, err := Run(t.Context(), t.TempDir(), "sh", "-c", "echo $LC_ALL")
	if err != nil || string(out) != "C\n" {
		t.Errorf("%q, %v", out, err)
	}
	_, err = Run(t.Context(), t.TempDir(), "sh", "-c", "printf '1\\n2\\n\\n3\\n4\\n' >&2; exit 1")
	if err == nil || err.Error() != "sh -c: 2 | 3 | 4" {
		t.Errorf("error %v", err)
	}
	_, err = Run(t.Context(), t.TempDir(), "no-such-program", "x")
	if err == nil || !strings.Contains(err.Error(), "run no-such-program: ") {
		t.Errorf("error %v", err)
	}
}
