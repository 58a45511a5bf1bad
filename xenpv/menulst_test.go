package xenpv

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestCheckCommandLine(t *testing.T) {
	long := strings.Repeat("0123456789abcdef", 64) // 1024 bytes
	tests := map[string]struct {
		line string
		want []string // in this order; none where the line is fine
	}{
		"empty":               {"", nil},
		"one word":            {"-dhcp", nil},
		"blanks inside":       {"a   b", nil},
		"quotes":              {`-eval "f('x')." $HOME # ; \n {a}`, nil},
		"like a GRUB option":  {"--type=linux --no-mem-option =x", nil},
		"UTF-8":               {"name=Łódź", nil},
		"two bytes a letter":  {strings.Repeat("é", 511), nil},
		"1023 bytes":          {long[1:], nil},
		"1024 bytes":          {long, []string{"has 1024 bytes, and a guest gets at most 1023: make it 1 shorter"}},
		"1024 bytes of UTF-8": {strings.Repeat("é", 512), []string{"has 1024 bytes"}},
		"newline":             {"a\nb", []string{`command line "a\nb" has a newline at byte 1, which would end GRUB's line: write all words on one line`}},
		"newline at the end":  {"a\n", []string{"has a newline at byte 1"}},
		"carriage return":     {"a\r", []string{"has a carriage return at byte 1, which GRUB drops"}},
		"tab":                 {"a\tb\tc", []string{"has a tab at byte 1, which GRUB turns into a blank: write a blank"}},
		"NUL":                 {"a\x00b", []string{"has a NUL at byte 1"}},
		"bell":                {"a\ab", []string{"has the control character U+0007 at byte 1"}},
		"delete":              {"a\x7f", []string{"has the control character U+007F at byte 1"}},
		"next line":           {"a\u0085", []string{"has the control character U+0085 at byte 1"}},
		"not UTF-8":           {"a\xe9", []string{"is not valid UTF-8"}},
		"leading blank":       {" a", []string{`command line " a" begins with a blank, which GRUB drops`}},
		"trailing blank":      {"a ", []string{`command line "a " ends with a blank`}},
		"no-break spaces":     {"\u00a0a\u00a0", []string{"begins with a blank", "ends with a blank"}},
		"one blank":           {" ", []string{"begins with a blank", "ends with a blank"}},
		"backslash":           {`a\`, []string{`command line "a\\" ends with a backslash, which would join it with GRUB's next line`}},
		"two backslashes":     {`a\\`, []string{"ends with a backslash"}},
		"all faults":          {" \n\t\x00\xff" + long + `\`, []string{"has 1030 bytes", "not valid UTF-8", "a newline at byte 1", "a tab at byte 2", "a NUL at byte 3", "begins with a blank", "ends with a backslash"}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			checkFaults(t, CheckCommandLine(test.line), test.want)
		})
	}
}

// checkFaults wants an error of one line for each fault, in order.
func checkFaults(t *testing.T, err error, want []string) {
	t.Helper()
	var got []string
	if err != nil {
		got = strings.Split(err.Error(), "\n")
	}
	if len(got) != len(want) {
		t.Fatalf("%d faults, want %d: %q", len(got), len(want), got)
	}
	for i := range want {
		if !strings.Contains(got[i], want[i]) {
			t.Errorf("fault %d = %s, want ...%s...", i, got[i], want[i])
		}
	}
}

func TestMenusAreGolden(t *testing.T) {
	tests := map[string]struct {
		title, line string
		ramdisk     bool
		grub2       bool
	}{
		"plain":     {title: "unikernel", grub2: true},
		"arguments": {title: "unikernel", line: "-dhcp -pz /app/ebin --ipv4=10.0.0.2/24", grub2: true},
		"ramdisk":   {title: "it's {mine} #1", line: "console=hvc0 quiet root=/dev/ram0", ramdisk: true, grub2: true},
		"json":      {title: "unikernel", line: `{"cmdline":"it's $1; #2 \n", "net":{"if":"xenif0"}}`},
		"blanks":    {title: "unikernel", line: "a  b"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			golden(t, name+".menu.lst", menuLst(test.title, test.line, test.ramdisk))
			cfg, ok := grubCfg(test.title, test.line, test.ramdisk)
			if ok != test.grub2 {
				t.Fatalf("a grub.cfg is made: %v, want %v", ok, test.grub2)
			}
			if ok {
				golden(t, name+".grub.cfg", cfg)
			}
		})
	}
}

// golden compares text with a file in testdata/menus. UPDATE_GOLDEN=1 writes
// that file anew.
func golden(t *testing.T, name, text string) {
	t.Helper()
	path := filepath.Join("testdata", "menus", name)
	if os.Getenv("UPDATE_GOLDEN") == "1" {
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), text); diff != "" {
		t.Errorf("%s (-want +got):\n%s", path, diff)
	}
}

func TestGrub2SpecialCharacters(t *testing.T) {
	for _, special := range "{}|&$;<>'\"\\#!?*[]()~`^ é" {
		line := "a" + string(special) + "b"
		if special == ' ' {
			line = "a  b"
		}
		if _, ok := grubCfg("title", line, false); ok {
			t.Errorf("a grub.cfg is made for %q", line)
		}
	}
	if _, ok := grubCfg("title", "azAZ09%+,-./:=@_ x", false); !ok {
		t.Error("no grub.cfg is made for plain words")
	}
}

// FuzzMenuLst reads back, by GRUB's rules, what menuLst writes of any title and
// command line that are accepted.
func FuzzMenuLst(f *testing.F) {
	f.Add("unikernel", "-dhcp", false)
	f.Add("#", `a  "b" 'c' \d = # $x`, true)
	f.Add("=", "=\\ \\\\x", true)
	f.Add("title x", "kernel initrd", false)
	f.Add("\u00a0", "\ufeff\xff\r\t", false)
	f.Fuzz(func(t *testing.T, title, line string, ramdisk bool) {
		if checkLine("title", title) != nil || CheckCommandLine(line) != nil || title == "" {
			t.Skip()
		}
		want := [][2]string{
			{"default", "0"}, {"timeout", "0"}, {"title", strings.TrimLeft(title, " =")}, {"root", "(hd0)"}, {"kernel", kernelPath},
		}
		if ramdisk {
			want = append(want, [2]string{"initrd", "/" + ramdiskPath})
		}
		got := readMenuLst(menuLst(title, line, ramdisk))
		path, arguments := cutWord(got[4][1], " ")
		got[4][1] = strings.TrimPrefix(path, "/")
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
		if arguments != line {
			t.Errorf("the guest gets %q, want %q", arguments, line)
		}
	})
}

// readMenuLst splits a menu into commands and what follows them, as GRUB 0.97
// does: it drops carriage returns, leading blanks and lines that begin with
// "#", turns tabs into blanks, joins a line that ends in a backslash with the
// next, and cuts lines after 1500 bytes.
func readMenuLst(menu string) (commands [][2]string) {
	menu = strings.ReplaceAll(strings.ReplaceAll(menu, "\r", ""), "\t", " ")
	menu = strings.ReplaceAll(menu, "\\\n", " ")
	for line := range strings.SplitSeq(menu, "\n") {
		line = strings.TrimLeft(line, " ")
		if line == "" || line[0] == '#' {
			continue
		}
		word, rest := cutWord(line[:min(len(line), 1500)], " =")
		commands = append(commands, [2]string{word, rest})
	}
	return commands
}

// cutWord returns the first word of s, and what comes after all separators
// behind it. A C string ends at a NUL.
func cutWord(s, separators string) (word, rest string) {
	if i := bytes.IndexByte([]byte(s), 0); i >= 0 {
		s = s[:i]
	}
	end := strings.IndexAny(s, separators)
	if end < 0 {
		return s, ""
	}
	return s[:end], strings.TrimLeft(s[end:], separators)
}
