package report

import (
	"strings"
	"testing"
)

func TestPrintable(t *testing.T) {
	for raw, want := range map[string]string{
		"plain\ttext\n":                          "plain\ttext\n",
		"\x1b[1;31mred\x1b[0m":                   "red",
		"\x1b[2J\x1b[10;20Hmoved":                "moved",
		"\u009b31mred":                           "red",
		"\x1b]0;title\x07text":                   "text",
		"\x1b]8;;http://x\x1b\\link":             "link",
		"\x1b]0;no end\nnext line":               "0;no end\nnext line",
		"\x1b(Bset\x1bcreset":                    "setreset",
		"cut off \x1b":                           "cut off ␛",
		"a\x00b\x7f\x08":                         "a␀b␡␈",
		"one\r\ntwo\r\r\nthree\n\rx":             "one\ntwo\nthree\nx",
		"50%\r100%":                              "50%\n100%",
		"\xff\xfe latin \xe9":                    "\uFFFD latin \uFFFD",
		"\u202egpj.exe\u2066\ufeff":              "\uFFFDgpj.exe\uFFFD\uFFFD",
		"é ü שלום 統一":                            "é ü שלום 統一",
		"Z" + strings.Repeat("\u0301", 50) + "!": "Z" + strings.Repeat("\u0301", maxCombining) + "!",
	} {
		if got := printable(raw); got != want {
			t.Errorf("printable(%q) = %q, want %q", raw, got, want)
		}
	}
}

func TestLine(t *testing.T) {
	for _, c := range []struct {
		raw     string
		columns int
		want    string
	}{
		{"fits", 4, "fits"},
		{"a\n\tb  c", 10, "a b c"},
		{"too long", 5, "too …"},
		{"統一核心", 5, "統一…"},
		{"e\u0301e\u0301e\u0301", 2, "e\u0301…"},
		{strings.Repeat("\x00", 1<<20), 3, "␀␀…"},
		{"", 3, ""},
	} {
		if got := line(c.raw, c.columns); got != c.want {
			t.Errorf("line(%.20q, %d) = %q, want %q", c.raw, c.columns, got, c.want)
		}
	}
}

func TestLongConsole(t *testing.T) {
	for name, c := range map[string]struct{ text, gap string }{
		"fits":    {strings.Repeat("x", consoleHead+consoleTail), ""},
		"lines":   {strings.Repeat("0123456789abcde\r\n", 1<<20), "16.9 MiB (1040867 lines) omitted"},
		"no line": {strings.Repeat("é", 1<<20), "1.9 MiB (0 lines) omitted"},
	} {
		t.Run(name, func(t *testing.T) {
			r := passed()
			r.Console = c.text
			if got := newConsole(r); got.Gap != c.gap || len(got.Head)+len(got.Tail) > consoleHead+consoleTail+8 || len(got.Head)+len(got.Tail) < consoleTail {
				t.Errorf("%d bytes, gap %q, %d bytes", len(got.Head), got.Gap, len(got.Tail))
			}
			if page := render(t, "html", r); len(page) > 200<<10 || !strings.Contains(string(page), c.gap) {
				t.Errorf("the page has %d bytes, and no %q", len(page), c.gap)
			}
		})
	}
}
