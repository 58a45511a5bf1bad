package templates

import (
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestSystems(t *testing.T) {
	want := []string{"clickos", "disk", "halvm", "ling", "minios", "mirage", "osv", "rumprun", "solo5", "unikraft"}
	if diff := cmp.Diff(want, Systems()); diff != "" {
		t.Errorf("systems (-want +got):\n%s", diff)
	}
}

// A template is a file in this directory. It begins with its purpose and the
// command that uses it.
func TestGet(t *testing.T) {
	for _, system := range Systems() {
		text, err := Get(system)
		if err != nil {
			t.Fatal(err)
		}
		file, err := os.ReadFile(system + ".pkr.hcl")
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(string(file), text); diff != "" {
			t.Errorf("%s (-file +got):\n%s", system, diff)
		}
		if !strings.HasPrefix(text, "# An AMI of ") || !strings.Contains(text, "\n#   packer build ") || !strings.Contains(text, " "+system+".pkr.hcl\n") {
			t.Errorf("%s doesn't begin with its purpose and usage", system)
		}
	}
}

func TestGetFails(t *testing.T) {
	for _, system := range []string{"", "LING", "../templates", "ling.pkr.hcl", "templates.go"} {
		if text, err := Get(system); text != "" || err == nil || !strings.Contains(err.Error(), "use clickos, disk, halvm, ling,") {
			t.Errorf("%q: %q, error %v, want an error that lists the systems", system, text, err)
		}
	}
}
