package report

import (
	"bytes"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/rivo/uniseg"
)

var writers = map[string]func(io.Writer, Result) error{"html": HTML, "json": JSON, "txt": Text}

func render(t *testing.T, format string, r Result) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := writers[format](&b, r); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// TestGolden compares what users see with the files in testdata. UPDATE_GOLDEN=1
// updates them. The pages are stored without their style sheet, which is page.css.
func TestGolden(t *testing.T) {
	for name, result := range results() {
		for format := range writers {
			if format == "json" && name != "passed" && name != "error" && name != "cancelled" && name != "silent" {
				continue // long, and adds nothing
			}
			t.Run(name+"."+format, func(t *testing.T) { golden(t, name+"."+format, render(t, format, result)) })
		}
	}
}

func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	if strings.HasSuffix(name, ".html") {
		page, element := string(got), "<style>"+style+"</style>"
		if strings.Count(page, element) != 1 {
			t.Errorf("%s does not have page.css in exactly one style element", name)
		}
		got = []byte(strings.Replace(page, element, "<style>page.css</style>", 1))
	}
	path := filepath.Join("testdata", name)
	if os.Getenv("UPDATE_GOLDEN") == "1" {
		if err := os.WriteFile(path, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(strings.Split(string(want), "\n"), strings.Split(string(got), "\n")); diff != "" {
		t.Errorf("%s (-want +got):\n%s", path, diff)
	}
}

func TestTextFitsTheTerminal(t *testing.T) {
	for name, result := range results() {
		for line := range strings.Lines(string(render(t, "txt", result))) {
			if got := strings.TrimSuffix(line, "\n"); uniseg.StringWidth(got) > textWidth || strings.TrimRight(got, " ") != got {
				t.Errorf("%s: %d columns: %q", name, uniseg.StringWidth(got), got)
			}
		}
	}
}
