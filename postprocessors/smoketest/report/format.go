package report

import (
	"fmt"
	"math"
	"regexp"
	"strings"
	"unicode"

	"github.com/rivo/uniseg"
)

// escapes matches terminal escape sequences (ECMA-48): control sequences such as
// colors; strings such as a window's title, if they end on the same line; and the
// others, of two or three bytes.
var escapes = regexp.MustCompile("(?:\x1b\\[|\u009b)[0-?]*[ -/]*[@-~]" +
	"|\x1b[\\]PX^_][^\x07\x1b\n]*(?:\x07|\x1b\\\\)" +
	"|\x1b[ -/]*[0-~]")

// Consoles end lines with CR LF, some in the wrong order or with an extra CR. A
// lone CR overwrites the line, and is treated as a line break.
var lineEnds = strings.NewReplacer("\r\r\n", "\n", "\r\n", "\n", "\n\r", "\n", "\r", "\n")

// maxCombining is how many combining marks a character keeps. No script needs
// more, and unlimited ones would paint over the lines above and below.
const maxCombining = 4

// printable makes untrusted text safe to show. It removes escape sequences,
// replaces control characters by their symbols, and replaces invalid text and
// changes of the text direction by U+FFFD. It keeps line breaks and tabs.
func printable(s string) string {
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

// line makes untrusted text safe to show on one line of at most the given width.
func line(s string, columns int) string {
	// A column takes up to 4 bytes, and twice that with escapes and spaces. The
	// rest would be cut off anyway.
	if limit := 8 * columns; len(s) > limit {
		s = s[:limit] + "…"
	}
	return clip(strings.Join(strings.Fields(printable(s)), " "), columns)
}

// clip shortens a line to the given number of terminal columns.
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

// elapsed formats a time since the launch.
func elapsed(seconds float64) string {
	switch whole := int(math.Round(seconds)); {
	case seconds < 99.95: // up to here, seconds are easier to compare than minutes
		return fmt.Sprintf("%.1f s", seconds)
	case whole < 3600:
		return fmt.Sprintf("%d min %02d s", whole/60, whole%60)
	default:
		return fmt.Sprintf("%d h %02d min", whole/3600, whole/60%60)
	}
}

// duration formats how long a probe took.
func duration(seconds float64) string {
	if seconds < 0.9995 {
		return fmt.Sprintf("%.0f ms", seconds*1000)
	}
	return elapsed(seconds)
}

// count formats a number of things: "1 probe", "2 probes".
func count(n int, thing string) string {
	if n == 1 {
		return "1 " + thing
	}
	return fmt.Sprintf("%d %ss", n, thing)
}

// size formats a number of bytes.
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
