package xlconfig

import (
	"fmt"
	"strings"
)

// setting is an assignment in a configuration of xl.
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

// maxListDepth is how deep lists may nest. No key of xl has a list in a list in
// a list.
const maxListDepth = 8

// parser reads the language of xl's configurations, as libxlu's lexer and
// grammar define it (tools/libs/util/libxlu_cfg_l.l and libxlu_cfg_y.y in Xen's
// source). Unlike libxlu it also takes lines that end in CR LF, and a last line
// that is a comment without its line feed.
type parser struct {
	rest string
	line int
}

// parse returns the settings in their order, or an error that names the
// line of the first fault.
func parse(text string) ([]setting, error) {
	p := &parser{rest: strings.ReplaceAll(text, "\r\n", "\n"), line: 1}
	var settings []setting
	for {
		p.skipBlanks()
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
		return s, p.unexpected("a key, which begins with a small letter,", s.key)
	}
	p.skipBlanks()
	if s.add = p.take("+="); !s.add && !p.take("=") {
		return s, p.unexpected(fmt.Sprintf("\"=\" after %q", s.key), "")
	}
	var err error
	if s.value, err = p.value(0); err != nil {
		return s, err
	}
	p.skipBlanks()
	if p.rest == "" || p.rest[0] == '\n' || p.rest[0] == '#' || p.rest[0] == ';' {
		return s, nil
	}
	found, _, _ := strings.Cut(p.rest, "\n")
	// railing writes the quotes in its option -e as they are.
	return s, fmt.Errorf("the end of the line after %q's value is wanted, and %.40q stands there: correct it (xl reads no Python, and wants a backslash before a quote in a string)", s.key, found)
}

// value reads a string, a number or a list.
func (p *parser) value(depth int) (value, error) {
	p.skipBlanks()
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

// list reads a list behind its "[". It may span lines, and have a comma behind
// its last value.
func (p *parser) list(depth int) (value, error) {
	if depth == maxListDepth {
		return value{}, fmt.Errorf("lists nest deeper than %d: no key of xl has such a value", maxListDepth)
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
			return "", fmt.Errorf("the string %.40q has a NUL byte: take it away", p.rest[:i])
		case '\\':
			i++
			if i == len(p.rest) || escapes[p.rest[i]] == 0 {
				return "", fmt.Errorf("the string %.40s has an escape that xl doesn't read: it reads \\\\, \\\", \\', \\a, \\b, \\f, \\n, \\r, \\t and \\v", p.rest[:min(i+1, len(p.rest))])
			}
			text.WriteByte(escapes[p.rest[i]])
		default:
			text.WriteByte(c)
		}
	}
	return "", fmt.Errorf("the string %.40s has no closing quote: add it", p.rest)
}

// escapes are what stands behind a backslash, and what it means. libxlu means
// to read numbers, too, but refuses \x41 and drops the byte of \101.
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

// takeAll takes the bytes that are of a kind.
func (p *parser) takeAll(is func(byte) bool) string {
	n := 0
	for n < len(p.rest) && is(p.rest[n]) {
		n++
	}
	taken := p.rest[:n]
	p.rest = p.rest[n:]
	return taken
}

// take takes a word if it comes next.
func (p *parser) take(word string) bool {
	rest, ok := strings.CutPrefix(p.rest, word)
	p.rest = rest
	return ok
}

func (p *parser) skipBlanks() { p.rest = strings.TrimLeft(p.rest, " \t") }

// skipLines skips blanks, comments and the ends of lines.
func (p *parser) skipLines() {
	for p.skipBlanks(); p.takeNewline(); p.skipBlanks() {
	}
}

// takeNewline takes the end of a line, with the comment before it.
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

// unexpected is the error where something else stands than is wanted.
func (p *parser) unexpected(wanted, taken string) error {
	found, _, _ := strings.Cut(taken+p.rest, "\n")
	if found == "" {
		return fmt.Errorf("%s is wanted, and the line ends: correct it (xl reads no Python)", wanted)
	}
	return fmt.Errorf("%s is wanted, and %.40q stands there: correct it (xl reads no Python)", wanted, found)
}
