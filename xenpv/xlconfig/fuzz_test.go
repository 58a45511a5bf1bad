package xlconfig

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"
)

// FuzzConfig checks that reading ends, that a fault's line is one of the
// text, and that a configuration that is taken is whole.
func FuzzConfig(f *testing.F) {
	for _, test := range configs {
		f.Add(test.text)
	}
	for _, test := range badConfigs {
		if len(test.text) < 1000 {
			f.Add(test.text)
		}
	}
	for _, text := range xlTexts {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		settings, err := parse(text)
		if err != nil {
			var line int
			if _, scanErr := fmt.Sscanf(err.Error(), "line %d: ", &line); scanErr != nil || line < 1 || line > strings.Count(text, "\n")+1 {
				t.Fatalf("%q: %v", text, err)
			}
			return
		}
		c, err := newConfig(settings, "/dir")
		if err != nil {
			return
		}
		if !filepath.IsAbs(c.Kernel) || c.Ramdisk != "" && !filepath.IsAbs(c.Ramdisk) || c.MemoryMiB < 0 || strings.Contains(c.CommandLine, "\x00") {
			t.Errorf("%q: %+v", text, c)
		}
	})
}
