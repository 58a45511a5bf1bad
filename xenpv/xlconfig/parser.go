package xlconfig

import (
	"fmt"
	"strings"
)

// setting is an assignment in a configuration.
type setting struct {
	key   string
	line  int
	add   bool // by += instead of =
	value value
}

// value is a string or a number, or a list.
type value struct {
	text   string
	isList bool
	list   []value
}

// maxListDepth is the most levels of nested lists. No key of xl has a list in a list
// in a list.
const maxListDepth = 8

// parser parses the language of libxlu's lexer and grammar
// (tools/libs/util/libxlu_cfg_l.l and libxlu_cfg_y.y in Xen's source). Unlike libxlu,
// it also accepts lines that end in CR LF, and a comment without a line feed as the
// last line.
type parser struct {
	rest string
	line int
}

// parse returns the settings in order, or an error with the line of the first fault.
func parse(text string) ([]setting, error) {
	p := &parser{rest: strings.ReplaceAll(text, "\r\n", "\n"), line: 1}
	var settings []setting
	for {
		p.skipSpaces()
		if p.rest == "" {
			return settings, nil
		}
		if p.takeNewline() || p.take(";") {
			continue
		}
		s, err := p.setting()
		if err != nil {
			return nil, fmt.Errorf("line %d: %w", p.line, err)
		}
		settings = append(settings, s)
	}
}

// setting reads an assignment and its end.
func (p *parser) setting() (setting, error) {
	s := setting{key: p.takeAll(isKeyByte), line: p.line}
	if s.key == "" || s.key[0] < 'a' || s.key[0] > 'z' {
		return s, p.unexpected("a key that starts with a lower-case letter", s.key)
	}
	p.skipSpaces()
	if s.add = p.take("+="); !s.add && !p.take("=") {
		return s, p.unexpected(fmt.Sprintf("\"=\" after %q", s.key), "")
	}
	var err error
	if s.value, err = p.value(0); err != nil {
		return s, err
	}
	p.skipSpaces()
	if p.rest == "" || p.rest[0] == '\n' || p.rest[0] == '#' || p.rest[0] == ';' {
		return s, nil
	}
	found, _, _ := strings.Cut(p.rest, "\n")
	// railing doesn't escape the quotes in its option -e.
	return s, fmt.Errorf("expected the end of the line after the value of %q, found %.40q: correct it (xl doesn't support Python, and a quote in a string needs a backslash)", s.key, found)
}

// value reads a string, a number or a list.
func (p *parser) value(depth int) (value, error) {
	p.skipSpaces()
	switch {
	case p.take("["):
		return p.list(depth)
	case p.rest != "" && (p.rest[0] == '"' || p.rest[0] == '\''):
		text, err := p.quoted()
		return value{text: text}, err
	case p.rest != "" && p.rest[0] >= '0' && p.rest[0] <= '9':
		return value{text: p.takeAll(isNumberByte)}, nil
	}
	return value{}, p.unexpected(`a value ("...", '...', a number that isn't negative, or [...])`, "")
}

// list reads a list after its "[". It may span lines, and have a comma after the
// last value.
func (p *parser) list(depth int) (value, error) {
	if depth == maxListDepth {
		return value{}, fmt.Errorf("lists are nested more than %d levels deep: no key of xl has such a value", maxListDepth)
	}
	v := value{isList: true}
	for {
		p.skipLines()
		if p.take("]") {
			return v, nil
		}
		if len(v.list) > 0 {
			if !p.take(",") {
				return v, p.unexpected(`"," or "]" in a list`, "")
			}
			if p.skipLines(); p.take("]") {
				return v, nil
			}
		}
		item, err := p.value(depth + 1)
		if err != nil {
			return v, err
		}
		v.list = append(v.list, item)
	}
}

// quoted reads a string in single or double quotes.
func (p *parser) quoted() (string, error) {
	quote := p.rest[0]
	var text strings.Builder
	for i := 1; i < len(p.rest); i++ {
		switch c := p.rest[i]; c {
		case quote:
			p.rest = p.rest[i+1:]
			return text.String(), nil
		case '\n':
			return "", fmt.Errorf("the string %.40s has no closing quote: add it", p.rest[:i])
		case 0:
			return "", fmt.Errorf("the string %.40q has a NUL byte: remove it", p.rest[:i])
		case '\\':
			i++
			if i == len(p.rest) || escapes[p.rest[i]] == 0 {
				return "", fmt.Errorf("the string %.40s has an escape sequence that xl doesn't support; it supports \\\\, \\\", \\', \\a, \\b, \\f, \\n, \\r, \\t and \\v", p.rest[:min(i+1, len(p.rest))])
			}
			text.WriteByte(escapes[p.rest[i]])
		default:
			text.WriteByte(c)
		}
	}
	return "", fmt.Errorf("the string %.40s has no closing quote: add it", p.rest)
}

// escapes maps the character after a backslash to its meaning. libxlu intends to
// support numbers too, but it rejects \x41 and drops the byte of \101.
var escapes = [256]byte{
	'\\': '\\', '"': '"', '\'': '\'',
	'a': '\a', 'b': '\b', 'f': '\f', 'n': '\n', 'r': '\r', 't': '\t', 'v': '\v',
}

func isKeyByte(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= '0' && c <= '9' || c == '_' || c == '.'
}

func isNumberByte(c byte) bool {
	return c >= '0' && c <= '9' || c >= 'a' && c <= 'f' || c == 'x'
}

// takeAll consumes and returns the bytes that satisfy is.
func (p *parser) takeAll(is func(byte) bool) string {
	n := 0
	for n < len(p.rest) && is(p.rest[n]) {
		n++
	}
	taken := p.rest[:n]
	p.rest = p.rest[n:]
	return taken
}

// take consumes a word if it is next, and reports whether it was.
func (p *parser) take(word string) bool {
	rest, ok := strings.CutPrefix(p.rest, word)
	p.rest = rest
	return ok
}

func (p *parser) skipSpaces() { p.rest = strings.TrimLeft(p.rest, " \t") }

// skipLines skips spaces, comments and ends of lines.
func (p *parser) skipLines() {
	for p.skipSpaces(); p.takeNewline(); p.skipSpaces() {
	}
}

// takeNewline consumes the end of a line, with the comment before it.
func (p *parser) takeNewline() bool {
	if p.rest == "" || p.rest[0] != '\n' && p.rest[0] != '#' {
		return false
	}
	var more bool
	if _, p.rest, more = strings.Cut(p.rest, "\n"); more {
		p.line++
	}
	return true
}

// unexpected returns the error for text other than the expected.
func (p *parser) unexpected(expected, taken string) error {
	found, _, _ := strings.Cut(taken+p.rest, "\n")
	if found == "" {
		return fmt.Errorf("expected %s, found the end of the line: correct it (xl doesn't support Python)", expected)
	}
	return fmt.Errorf("expected %s, found %.40q: correct it (xl doesn't support Python)", expected, found)
}
