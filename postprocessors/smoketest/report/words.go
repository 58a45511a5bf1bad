package report

import (
	"fmt"
	"math"
	"regexp"
	"strings"
	"unicode"

	"github.com/rivo/uniseg"
)

// escapes are the sequences that tell terminals to do something (ECMA-48):
// control sequences such as colours; strings such as a window's title, which end
// on their own line or don't count as one; and the rest, of two or three bytes.
var escapes = regexp.MustCompile("(?:\x1b\\[|\u009b)[0-?]*[ -/]*[@-~]" +
	"|\x1b[\\]PX^_][^\x07\x1b\n]*(?:\x07|\x1b\\\\)" +
	"|\x1b[ -/]*[0-~]")

// Consoles end lines with both characters, some in the wrong order or with one
// more; a lone return begins a line anew.
var lineEnds = strings.NewReplacer("\r\r\n", "\n", "\r\n", "\n", "\n\r", "\n", "\r", "\n")

// maxCombining is how many combining marks a character keeps. No script needs
// more; without end they would paint over what stands above and below.
const maxCombining = 4

// visible makes text that others have written safe to be shown: without escape
// sequences, with control characters as their pictures, and with U+FFFD for what
// is no text or would turn its direction around. Lines and tabs stay.
func visible(s string) string {
	s = escapes.ReplaceAllString(strings.ToValidUTF8(s, "\uFFFD"), "")
	combining := 0
	return strings.Map(func(r rune) rune {
		if !unicode.Is(unicode.M, r) {
			combining = 0
		} else if combining++; combining > maxCombining {
			return -1
		}
		switch {
		case r == '\n' || r == '\t':
			return r
		case r < ' ':
			return '␀' + r
		case r == 0x7f:
			return '␡'
		case !unicode.IsGraphic(r):
			return '\uFFFD'
		}
		return r
	}, lineEnds.Replace(s))
}

// line makes text visible on one line of so many columns at most.
func line(s string, columns int) string {
	// At up to 4 bytes a column, and twice that for escapes and blanks, more
	// would be cut off anyway.
	if most := 8 * columns; len(s) > most {
		s = s[:most] + "…"
	}
	return clip(strings.Join(strings.Fields(visible(s)), " "), columns)
}

// clip shortens a line to so many columns of a terminal.
func clip(s string, columns int) string {
	if uniseg.StringWidth(s) <= columns {
		return s
	}
	var kept strings.Builder
	for rest, state, used := s, -1, 0; rest != ""; {
		var cluster string
		var boundaries int
		cluster, rest, boundaries, state = uniseg.StepString(rest, state)
		if used += boundaries >> uniseg.ShiftWidth; used > columns-1 {
			break
		}
		kept.WriteString(cluster)
	}
	return kept.String() + "…"
}

// clock is a time since the launch, for people.
func clock(seconds float64) string {
	switch whole := int(math.Round(seconds)); {
	case seconds < 99.95: // a minute and more is compared more easily in seconds, too
		return fmt.Sprintf("%.1f s", seconds)
	case whole < 3600:
		return fmt.Sprintf("%d min %02d s", whole/60, whole%60)
	default:
		return fmt.Sprintf("%d h %02d min", whole/3600, whole/60%60)
	}
}

// took is how long a probe lasted.
func took(seconds float64) string {
	if seconds < 0.9995 {
		return fmt.Sprintf("%.0f ms", seconds*1000)
	}
	return clock(seconds)
}

// count is a number of things, in the plural where it must be.
func count(n int, thing string) string {
	if n == 1 {
		return "1 " + thing
	}
	return fmt.Sprintf("%d %ss", n, thing)
}

// size is a number of bytes.
func size(n int) string {
	switch {
	case n < 1<<10:
		return count(n, "byte")
	case n < 1<<20:
		return fmt.Sprintf("%.1f KiB", float64(n)/(1<<10))
	default:
		return fmt.Sprintf("%.1f MiB", float64(n)/(1<<20))
	}
}
