package cloud

import (
	"strings"
	"testing"
)

func TestCheckName(t *testing.T) {
	for name, want := range map[string]string{
		"web":                         "",
		"web (dev) [1] ./-'@_":        "",
		strings.Repeat("n", 128):      "",
		"we":                          "has 2 characters: it must have 3 to 128",
		strings.Repeat("n", 129):      "has 129 characters",
		"web:dev":                     `contains ":"`,
		"wéb":                         `contains "é"`,
		"web\n":                       `contains "\n"`,
		strings.Repeat("é", 129) + "": "has 129 characters",
	} {
		err := CheckName(name)
		if want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("CheckName(%q): %v; want %q", name, err, want)
		}
	}
}

func TestCleanNameIsAlwaysAccepted(t *testing.T) {
	for _, name := range []string{"2026-11-21T10:00:00Z", "wéb+dev", "a\\b*c?"} {
		if err := CheckName(CleanName(name)); err != nil {
			t.Error(err)
		}
	}
}
