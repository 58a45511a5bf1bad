package image

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"
)

// inspectBytes inspects an image in memory.
func inspectBytes(t testing.TB, image []byte) *Facts {
	t.Helper()
	f, err := Inspect(t.Context(), bytes.NewReader(image), int64(len(image)))
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// codes lists the codes of findings.
func codes(findings []Finding) []string {
	var codes []string
	for _, f := range findings {
		codes = append(codes, f.Code)
	}
	return codes
}

// whole reports whether an image is an executable with Xen's data and nothing
// wrong with it.
func whole(f *Facts) bool {
	return f.Executable && f.Guest.Source != "" && len(f.Problems) == 0
}

// writeFile makes a file in a directory of its own.
func writeFile(t testing.TB, name string, data []byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// openKernel opens an image until the test's end.
func openKernel(t testing.TB, path string) *Image {
	t.Helper()
	im, err := Open(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := im.Close(); err != nil {
			t.Error(err)
		}
	})
	return im
}
