package xlconfig

import (
	"encoding/json"
	"errors"
	"os/exec"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/unikernel-ami/packer-plugin-unikernel/internal/oracle"
)

// xlTexts are configurations at the borders of xl's language.
var xlTexts = []string{
	"", "\n", ";", ";;\n;", "#", "# a\n#b\n", "kernel='a'", "kernel='a';", "kernel='a'\n;memory=1\n",
	"kernel='a' # comment\nmemory=2\n", "kernel = 'a'\tmemory=1\n", "memory=0x40", "memory=12ab", "memory=0X40", "memory=1 2",
	"memory=1.5\n", "memory=-1\n", "memory=+1\n", "memory=a\n", "memory=(1)\n", "2name='a'\n", "_name='a'\n", "name_2='a'\n", "name.x='a'\nname='b'\n",
	"name='a'\nname='b'\n", "name='a'\nname+='b'\n", "name+='a'\n", "name+=['a']\nname+='b'\n", "name + = 'a'\n", "name==\"a\"\n",
	`name="a'b"`, `name='a"b'`, `name="a\"b\'c\\d"`, `name="\a\b\f\n\r\t\v"`, `name="\q"`, `name="\x41"`, `name="\8"`, `name="\`, `name="a\`, `name='`,
	"name='a\nb'\n", "name='a\\\nb'\n", "name=\n'a'\n", "name\n='a'\n", "name='a' 'b'\n", "name='a','b'\n", "name='\xe4\xff'\n", "\xe4='a'\n",
	"vif=[]", "vif=[\n]", "vif=[#\n#\n]\n", "vif=[,]", "vif=['a']", "vif=['a',]", "vif=['a',,]", "vif=['a','b']", "vif=['a'\n,\n'b'\n,\n]\n",
	"vif=['a' 'b']", "vif=['a';'b']", "vif=[1,0x2]", "vif=[['a','b'],'c']", "vif=[[]]", "vif=['a'", "vif='a']", "vif=[a]", "vif=['a'] # x\n", "vif=]",
	"vif=['a']\nvif+=['b']\n", "vif=['a']\nvif=['b']\n", "vif=[]\nvif+=[]\n", "import os\n", "if 1:\n", "kernel='a' + 'b'\n", "kernel=`a`\n", "kernel=$a\n", "\x01\n",
}

// TestXlConfigAsXl holds what is read here against what xl's own library reads.
func TestXlConfigAsXl(t *testing.T) {
	python := oracle.Need(t, "python3")
	texts := xlTexts
	for _, test := range configs {
		if !strings.Contains(test.text, "\r") { // libxlu takes no CR LF
			texts = append(texts, test.text)
		}
	}
	for _, test := range badConfigs {
		beyond := strings.Contains(test.text, "\x00") || // which aborts libxlu
			strings.Contains(test.text, `\101`) || // of which libxlu drops the byte
			len(test.text) > 1000 // limits of this package
		if !beyond {
			texts = append(texts, test.text)
		}
	}
	for i, values := range readByXl(t, python, texts) {
		text := texts[i]
		if text == "#" {
			continue // libxlu wants a comment's line to end
		}
		if diff := cmp.Diff(values, xlValues(text)); diff != "" {
			t.Errorf("%q (-xl +here):\n%s", text, diff)
		}
	}
}

// readByXl returns the values that xl's library reads, nil if it rejects a
// text.
func readByXl(t *testing.T, python string, texts []string) []map[string]any {
	t.Helper()
	latin := make([]string, len(texts)) // one character for each byte
	for i, text := range texts {
		for _, c := range []byte(text) {
			latin[i] += string(rune(c))
		}
	}
	in, err := json.Marshal(latin)
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(python, "testdata/xlcfg.py")
	cmd.Stdin = strings.NewReader(string(in))
	out, err := cmd.Output()
	if failed, ok := errors.AsType[*exec.ExitError](err); ok && failed.ExitCode() == 77 {
		oracle.Missing(t, "libxlutil is not installed (Debian: libxenmisc4.17)")
	}
	if err != nil {
		t.Fatal(err)
	}
	var values []map[string]any
	if err := json.Unmarshal(out, &values); err != nil || len(values) != len(texts) {
		t.Fatalf("%v: %d answers to %d questions", err, len(values), len(texts))
	}
	return values
}

// xlValues returns the values that are read here in the same form.
func xlValues(text string) map[string]any {
	all, err := parse(text)
	if err != nil {
		return nil
	}
	settings, _, err := gather(all)
	if err != nil {
		return nil
	}
	values := map[string]any{}
	for key := range strings.FieldsSeq("name kernel ramdisk root extra cmdline memory maxmem vif disk") {
		s, ok := settings[key]
		if !ok {
			continue
		}
		if !s.value.isList {
			values[key] = latin1(s.value.text)
			continue
		}
		list := []any{}
		for _, v := range s.value.list {
			list = append(list, latin1(v.text))
		}
		values[key] = list
	}
	return values
}

func latin1(text string) string {
	var s strings.Builder
	for _, c := range []byte(text) {
		s.WriteRune(rune(c))
	}
	return s.String()
}
