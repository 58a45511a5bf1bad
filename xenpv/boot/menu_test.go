package boot

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
		want []string // in this order; none if the line is valid
	}{
		"empty":               {"", nil},
		"one word":            {"-dhcp", nil},
		"spaces inside":       {"a   b", nil},
		"quotes":              {`-eval "f('x')." $HOME # ; \n {a}`, nil},
		"like a GRUB option":  {"--type=linux --no-mem-option =x", nil},
		"UTF-8":               {"name=Łódź", nil},
		"two bytes a letter":  {strings.Repeat("é", 511), nil},
		"1023 bytes":          {long[1:], nil},
		"1024 bytes":          {long, []string{"has 1024 bytes; a guest gets at most 1023: shorten it by 1"}},
		"1024 bytes of UTF-8": {strings.Repeat("é", 512), []string{"has 1024 bytes"}},
		"newline":             {"a\nb", []string{`command line "a\nb" has a newline at byte 1, which would end GRUB's line: write all words on one line`}},
		"newline at the end":  {"a\n", []string{"has a newline at byte 1"}},
		"carriage return":     {"a\r", []string{"has a carriage return at byte 1, which GRUB drops"}},
		"tab":                 {"a\tb\tc", []string{"has a tab at byte 1, which GRUB replaces with a space: use a space"}},
		"NUL":                 {"a\x00b", []string{"has a NUL at byte 1"}},
		"bell":                {"a\ab", []string{"has the control character U+0007 at byte 1"}},
		"delete":              {"a\x7f", []string{"has the control character U+007F at byte 1"}},
		"next line":           {"a\u0085", []string{"has the control character U+0085 at byte 1"}},
		"not UTF-8":           {"a\xe9", []string{"is not valid UTF-8"}},
		"leading space":       {" a", []string{`command line " a" starts with a space, which GRUB drops`}},
		"trailing space":      {"a ", []string{`command line "a " ends with a space`}},
		"no-break spaces":     {"\u00a0a\u00a0", []string{"starts with a space", "ends with a space"}},
		"one space":           {" ", []string{"starts with a space", "ends with a space"}},
		"backslash":           {`a\`, []string{`command line "a\\" ends with a backslash, which would join it with GRUB's next line`}},
		"two backslashes":     {`a\\`, []string{"ends with a backslash"}},
		"all faults":          {" \n\t\x00\xff" + long + `\`, []string{"has 1030 bytes", "not valid UTF-8", "a newline at byte 1", "a tab at byte 2", "a NUL at byte 3", "starts with a space", "ends with a backslash"}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			checkFaults(t, CheckCommandLine(test.line), test.want)
		})
	}
}

// checkFaults requires an error with one line per fault, in order.
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
	modules := []Module{{Path: "/local/first", Arguments: "label=one"}, {Path: "second"}, {Path: "third", Arguments: "-x 1"}}
	tests := map[string]struct {
		menu  menu
		grub2 bool
	}{
		"plain":           {menu{title: "unikernel"}, true},
		"arguments":       {menu{title: "unikernel", line: "-dhcp -pz /app/ebin --ipv4=10.0.0.2/24"}, true},
		"ramdisk":         {menu{title: "it's {mine} #1", line: "console=hvc0 quiet root=/dev/ram0", ramdisk: true}, true},
		"json":            {menu{title: "unikernel", line: `{"cmdline":"it's $1; #2 \n", "net":{"if":"xenif0"}}`}, false},
		"spaces":          {menu{title: "unikernel", line: "a  b"}, false},
		"modules":         {menu{title: "unikernel", line: "word", modules: modules}, true},
		"modules-special": {menu{title: "unikernel", modules: []Module{{Path: "a", Arguments: `say="x"`}}}, false},
		"partitioned":     {menu{title: "unikernel", root: "(hd0,0)", ramdisk: true}, true},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			if test.menu.root == "" {
				test.menu.root = "(hd0)"
			}
			golden(t, name+".menu.lst", test.menu.menuLst())
			cfg, ok := test.menu.grubCfg()
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
		if _, ok := (menu{title: "title", line: line}).grubCfg(); ok {
			t.Errorf("a grub.cfg is made for %q", line)
		}
	}
	if _, ok := (menu{title: "title", line: "azAZ09%+,-./:=@_ x"}).grubCfg(); !ok {
		t.Error("no grub.cfg is made for plain words")
	}
}

// FuzzMenuLst reads back, by GRUB's rules, what menuLst writes of any title,
// command line and arguments of modules that are accepted.
func FuzzMenuLst(f *testing.F) {
	f.Add("unikernel", "-dhcp", "", uint8(0))
	f.Add("#", `a  "b" 'c' \d = # $x`, "", uint8(1))
	f.Add("=", "=\\ \\\\x", "=\\ \\\\x", uint8(2))
	f.Add("title x", "kernel initrd", "module", uint8(3))
	f.Add("\u00a0", "\ufeff\xff\r\t", "\ufeff\xff\r\t", uint8(4))
	f.Fuzz(func(t *testing.T, title, line, arguments string, kind uint8) {
		m := menu{title: title, root: "(hd0)", line: line, ramdisk: kind == 1}
		for range kind / 2 % maxModules {
			m.modules = append(m.modules, Module{Path: "x", Arguments: arguments})
		}
		if checkLine("title", title) != nil || CheckCommandLine(line) != nil || CheckModules("", m.modules) != nil || title == "" {
			t.Skip()
		}
		want := [][2]string{
			{"default", "0"}, {"timeout", "0"}, {"title", strings.TrimLeft(title, " =")}, {"root", "(hd0)"}, {"kernel", "/" + kernelPath},
		}
		guest := []string{line}
		if m.ramdisk {
			want, guest = append(want, [2]string{"initrd", "/" + ramdiskPath}), append(guest, "")
		}
		for i := range m.modules {
			want, guest = append(want, [2]string{"module", "/" + modulePath(i)}), append(guest, arguments)
		}
		got := readMenuLst(m.menuLst())
		for i := range got[4:] {
			path, words := cutWord(got[4+i][1], " ")
			if got[4+i][1] = path; words != guest[i] {
				t.Errorf("%s hands on %q, want %q", got[4+i][0], words, guest[i])
			}
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	})
}

// readMenuLst splits a menu into commands and what follows them, as GRUB 0.97
// does: it drops carriage returns, leading spaces and lines that begin with
// "#", turns tabs into spaces, joins a line that ends in a backslash with the
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
// after it. A C string ends at a NUL.
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
