package query

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/unikernel-ami/packer-plugin-unikernel/acceptance/localec2/resource"
)

func TestForm(t *testing.T) {
	f, err := ParseForm("Name=a+b&Filter.2.Name=second&Filter.10.Name=tenth&Filter.1.Name=first&Filter.1.Value.2=y&Filter.1.Value.1=x&Map.1.Ebs.SnapshotId=snap-1&Empty=")
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, member := range f.List("Filter") {
		names = append(names, member.Text("Name"))
	}
	if diff := cmp.Diff([]string{"first", "second", "tenth"}, names); diff != "" {
		t.Errorf("order of a list (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"x", "y"}, f.List("Filter")[0].Texts("Value")); diff != "" {
		t.Errorf("list in a list (-want +got):\n%s", diff)
	}
	if got := f.List("Map")[0].At("Ebs").Text("SnapshotId"); got != "snap-1" {
		t.Errorf("nested value %q", got)
	}
	if !f.Has("Empty") || f.Has("Nothing") || f.Text("Name") != "a b" {
		t.Error("presence or decoding is wrong")
	}
}

func TestWildcard(t *testing.T) {
	for _, test := range []struct {
		pattern, text string
		want          bool
	}{
		{"pv-grub-*", "pv-grub-hd0_1.05-x86_64.gz", true},
		{"pv.grub", "pv-grub", false},
		{"*", "", true},
		{"?", "", false},
		{"?", "ö", true},
		{"a*", "a\nb", true},
		{`\*`, "*", true},
		{`\*`, "x", false},
		{`a\`, `a\`, true},
		{"[a]", "a", false},
		{"a", "ab", false},
	} {
		if got := wildcard(test.pattern).MatchString(test.text); got != test.want {
			t.Errorf("%q against %q: %v, want %v", test.pattern, test.text, got, test.want)
		}
	}
}

// thing is a resource with a name and tags.
type thing struct {
	name string
	tags []resource.Tag
}

func (t thing) TagList() []resource.Tag { return t.tags }

var named = Filters[thing]{"name": func(t thing) []string { return []string{t.name} }}

// FuzzForm checks that no body makes the decoder fail, and that what it reads
// can be asked for.
func FuzzForm(f *testing.F) {
	for _, seed := range []string{"", "A=1", "A.1.B=2&A.2.B=3", "A..=x", "%zz", "A.-1=x", "A.99999999999999999999=x", strings.Repeat("a.", 1000) + "=1", "Filter.1.Name=tag%3AX&Filter.1.Value.1=%5C"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, body string) {
		form, err := ParseForm(body)
		if err != nil {
			return
		}
		for name := range form.kids {
			form.Texts(name)
			if !form.Has(name) {
				t.Errorf("%q is read and not there", name)
			}
		}
		if matches, err := named.Read(form); err == nil {
			matches(thing{"x", []resource.Tag{{Key: "X", Value: "y"}}})
		}
	})
}
