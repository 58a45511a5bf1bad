package cloud

import (
	"maps"
	"strings"
	"testing"
)

func TestCheckTags(t *testing.T) {
	many := map[string]string{}
	for i := range 43 {
		many[string(rune('A'+i))] = ""
	}
	for _, test := range []struct {
		tags map[string]string
		want string
	}{
		{map[string]string{"Owner": "platform", "empty": ""}, ""},
		{map[string]string{"": "x"}, "empty key"},
		{map[string]string{"aws:x": ""}, "Amazon's own"},
		{map[string]string{"Unikernel:build": ""}, "set by this plugin"},
		{map[string]string{strings.Repeat("k", 129): ""}, "129 characters: it must have at most 128"},
		{map[string]string{"k": strings.Repeat("v", 257)}, "257 characters: it must have at most 256"},
		{map[string]string{"k": "\xff"}, "not UTF-8"},
		{many, "43 tags: EC2 allows 50 on a resource, and 10 of them are reserved"},
	} {
		err := CheckTags("tags", test.tags)
		if test.want == "" && err != nil || test.want != "" && (err == nil || !strings.Contains(err.Error(), test.want)) {
			t.Errorf("CheckTags(%v): %v; want %q", maps.Keys(test.tags), err, test.want)
		}
	}
}
